//! When teachers and assets are offered, and when they cannot be had: whatever number of events said so.

use crate::domain::{Calendar, Offer, SharedViews};
use crate::ids::{AssetId, TeacherId};
use crate::time::{Day, HalfDay, Slot};
use std::collections::BTreeMap;

/// Days from one to another, apart from each other, in order.
#[derive(Default)]
struct Spans(Vec<(Day, Day)>);

/// When one teacher or asset can be had.
#[derive(Default)]
pub struct Openings {
    /// Days on which a half-day of a weekday is offered, by weekday; afternoons are true.
    offered: BTreeMap<(u8, bool), Spans>,
    shut: Spans,
}

impl Openings {
    /// From what was said of it, offers and days away.
    pub fn new(offers: &[Offer], shut: &[(Day, Day)]) -> Self {
        let mut offered: BTreeMap<(u8, bool), Vec<(Day, Day)>> = BTreeMap::new();
        for offer in offers {
            for window in &offer.windows {
                let spans = offered.entry((window.weekday, window.afternoon)).or_default();
                spans.push((offer.from, offer.to));
            }
        }
        let offered = offered.into_iter().map(|(half_day, spans)| (half_day, Spans::of(spans)));
        Self { offered: offered.collect(), shut: Spans::of(shut.to_vec()) }
    }

    /// Of every teacher that is known.
    pub fn of_teachers(views: &SharedViews) -> BTreeMap<TeacherId, Self> {
        let all = views.teachers.teachers.iter();
        all.map(|(id, teacher)| (*id, Self::new(&teacher.offers, &teacher.away))).collect()
    }

    /// Of every asset that is known.
    pub fn of_assets(views: &SharedViews) -> BTreeMap<AssetId, Self> {
        let offers = |id| views.resources.offers.get(id).map(Vec::as_slice).unwrap_or_default();
        let blocked = |id| views.resources.blocked.get(id).map(Vec::as_slice).unwrap_or_default();
        let all = views.resources.assets.keys();
        all.map(|id| (*id, Self::new(offers(id), blocked(id)))).collect()
    }

    /// Whether a slot lies in an offered half-day.
    pub fn hold(&self, slot: &Slot, calendar: &Calendar) -> bool {
        let Some(weekday) = calendar.weekday(slot.day) else { return false };
        [false, true].into_iter().any(|afternoon| {
            HalfDay { weekday, afternoon }.holds(slot.start_minute, slot.end_minute())
                && self.is_offered(slot.day, weekday, afternoon)
        })
    }

    /// Whether a half-day is offered on a day that goes by the windows of a weekday.
    pub fn is_offered(&self, day: Day, weekday: u8, afternoon: bool) -> bool {
        self.offered.get(&(weekday, afternoon)).is_some_and(|spans| spans.hold(day))
    }

    /// Whether it cannot be had that day, offered or not.
    pub fn is_shut(&self, day: Day) -> bool {
        self.shut.hold(day)
    }
}

impl Spans {
    fn of(mut spans: Vec<(Day, Day)>) -> Self {
        spans.retain(|(from, to)| from <= to);
        spans.sort_unstable();
        let mut apart: Vec<(Day, Day)> = Vec::new();
        for (from, to) in spans {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        Self(apart)
    }

    fn hold(&self, day: Day) -> bool {
        let begun = self.0.partition_point(|(from, _)| *from <= day);
        begun.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, to)| day <= *to)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::given::{Given, day, slot};
    use proptest::prelude::*;

    proptest! {
        /// Merged offers say the same as all of them one by one, also where they are empty or overlap.
        #[test]
        fn merged_offers_hold_what_one_of_them_holds(
            offers in prop::collection::vec((0..9_i32, 0..9_i32, 0..7_u8, any::<bool>()), 0..6),
            away in prop::collection::vec((0..9_i32, 0..9_i32), 0..4),
        ) {
            let calendar = Given::nothing().views().calendar;
            let date = |n| day("2026-12-07").plus(n);
            let offers: Vec<Offer> = offers
                .into_iter()
                .map(|(from, to, weekday, afternoon)| {
                    let windows = vec![HalfDay { weekday, afternoon }, HalfDay { weekday: 0, afternoon }];
                    Offer { windows, from: date(from), to: date(to) }
                })
                .collect();
            let away: Vec<(Day, Day)> = away.into_iter().map(|(from, to)| (date(from), date(to))).collect();
            let openings = Openings::new(&offers, &away);
            for n in -1..10 {
                for start_minute in [420, 540, 660, 720, 1000, 1080] {
                    let slot = Slot { day: date(n), ..slot("2026-12-07", start_minute) };
                    let held = offers.iter().any(|offer| offer.holds(&slot, &calendar));
                    prop_assert_eq!(openings.hold(&slot, &calendar), held);
                }
                let shut = away.iter().any(|(from, to)| (*from..=*to).contains(&date(n)));
                prop_assert_eq!(openings.is_shut(date(n)), shut);
            }
        }
    }
}
