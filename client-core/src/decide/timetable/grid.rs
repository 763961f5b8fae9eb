//! Days and periods of the planner against dates and minutes.

use crate::domain::{Planning, PlanningRules, TeachingPeriod};
use crate::time::{Day, Slot};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Where a class lies: day of the horizon, first period, length in periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub day: u32,
    pub period: u32,
    pub length: u32,
}

/// The horizon: whole weeks from the Monday of this week on.
pub struct Grid {
    /// The rules it goes by: those given, or the presets where those cannot be meant.
    pub rules: PlanningRules,
    pub first_day: Day,
    pub days: u32,
    /// The first day of the horizon for which something may be planned.
    pub earliest: u32,
    pub periods: Vec<TeachingPeriod>,
    /// Length of a class to the periods in which it may begin.
    pub starts: BTreeMap<u32, Vec<u32>>,
    /// Masks of the periods within a morning and an afternoon.
    pub half_days: [u32; 2],
}

impl Grid {
    pub fn new(rules: &PlanningRules, today: Day) -> Self {
        let rules = if rules.fault().is_none() { rules.clone() } else { Planning::default().0 };
        let weekday = u32::from(today.weekday());
        let half_day = |afternoon| {
            let half_day = crate::time::HalfDay { weekday: 0, afternoon };
            let held = |period: &TeachingPeriod| half_day.holds(period.start_minute, period.end_minute);
            mask((0..).zip(&rules.periods).filter(|(_, period)| held(period)).map(|(n, _)| n))
        };
        let possible =
            rules.starts.iter().filter(|starts| usize::from(starts.periods) <= rules.periods.len());
        let starts = possible
            .map(|starts| (u32::from(starts.periods), starts.at.iter().map(|at| u32::from(*at)).collect()));
        Self {
            first_day: today.monday(),
            days: weekday.saturating_add(rules.horizon_days.into()).next_multiple_of(7),
            earliest: weekday.saturating_add(rules.lead_days.into()),
            periods: rules.periods.clone(),
            starts: starts.collect(),
            half_days: [half_day(false), half_day(true)],
            rules,
        }
    }

    /// Mask of all periods of a day.
    pub fn whole_day(&self) -> u32 {
        mask((0..).zip(&self.periods).map(|(n, _)| n))
    }

    /// The date of a day of the horizon.
    pub fn date(&self, day: u32) -> Day {
        self.first_day.plus(i32::try_from(day).unwrap_or(i32::MAX))
    }

    /// The day of the horizon of a date.
    pub fn day(&self, date: Day) -> Option<u32> {
        let after = date.0.checked_sub(self.first_day.0)?;
        u32::try_from(after).ok().filter(|day| *day < self.days)
    }

    /// The hours of a class.
    pub fn slot(&self, cell: Cell) -> Slot {
        let last = cell.period.saturating_add(cell.length).saturating_sub(1);
        let start_minute = self.periods[cell.period as usize].start_minute;
        let end_minute = self.periods[last as usize].end_minute;
        let duration_minutes = end_minute.saturating_sub(start_minute);
        Slot { day: self.date(cell.day), start_minute, duration_minutes }
    }

    /// Every place in a day that a class may have.
    fn cells(&self, day: u32) -> impl Iterator<Item = Cell> + '_ {
        self.starts.iter().flat_map(move |(length, starts)| {
            starts.iter().map(move |period| Cell { day, period: *period, length: *length })
        })
    }

    /// The place of a class of exactly these hours.
    pub fn cell(&self, slot: &Slot) -> Option<Cell> {
        let day = self.day(slot.day)?;
        self.cells(day).find(|cell| self.slot(*cell) == *slot)
    }

    /// Places that together cover these hours, as few and as short as may be, and single periods none covers.
    pub fn covering(&self, slot: &Slot) -> (Vec<Cell>, Vec<Cell>) {
        let Some(day) = self.day(slot.day) else { return (Vec::new(), Vec::new()) };
        let touched = |period: &TeachingPeriod| {
            period.start_minute < slot.end_minute() && slot.start_minute < period.end_minute
        };
        let mut open = mask((0..).zip(&self.periods).filter(|(_, period)| touched(period)).map(|(n, _)| n));
        let (mut cells, mut uncovered) = (Vec::new(), Vec::new());
        while open != 0 {
            let first = open & open.wrapping_neg();
            let fitting = self.cells(day).filter(|cell| cell.span() & first != 0);
            let covers = |cell: &Cell| (cell.span() & open).count_ones();
            match fitting.max_by_key(|cell| (covers(cell), Reverse(cell.length), Reverse(*cell))) {
                Some(cell) => {
                    open &= !cell.span();
                    cells.push(cell);
                }
                None => {
                    open &= !first;
                    uncovered.push(Cell { day, period: first.trailing_zeros(), length: 1 });
                }
            }
        }
        (cells, uncovered)
    }
}

impl Cell {
    /// Mask of its periods.
    pub fn span(self) -> u32 {
        crate::plan::Instance::span(self.length, self.period)
    }
}

fn mask(periods: impl Iterator<Item = u32>) -> u32 {
    periods.fold(0, |mask, period| mask | 1u32.checked_shl(period).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{day, slot};

    fn cells(slot: &Slot) -> Vec<(u32, u32)> {
        let grid = Grid::new(&Planning::default().0, day("2026-11-25"));
        let (cells, uncovered) = grid.covering(slot);
        assert_eq!(uncovered, []);
        cells.iter().map(|cell| (cell.period, cell.length)).collect()
    }

    #[test]
    fn hours_off_the_grid_are_covered_outwards() {
        let minutes =
            |start_minute, duration_minutes| Slot { start_minute, duration_minutes, ..slot("2026-11-26", 0) };
        assert_eq!(cells(&minutes(540, 90)), [(0, 2)]);
        assert_eq!(cells(&minutes(600, 30)), [(0, 2)], "within the second period");
        assert_eq!(cells(&minutes(630, 30)), [(2, 1)], "the third alone");
        assert_eq!(cells(&minutes(480, 60)), [], "before the first period");
        assert_eq!(cells(&minutes(540, 420)), [(0, 4), (4, 3)], "9:00 to 16:00");
        let grid = Grid::new(&Planning::default().0, day("2026-11-25"));
        assert_eq!((grid.first_day, grid.earliest), (day("2026-11-23"), 3));
        let cell = grid.cell(&slot("2026-11-30", 630)).unwrap();
        assert_eq!((cell, grid.slot(cell)), (Cell { day: 7, period: 2, length: 2 }, slot("2026-11-30", 630)));
        assert_eq!(grid.cell(&slot("2026-11-30", 640)), None);
    }
}
