//! Clocks that are far ahead: the city orders what they stamped by when it arrived.
//!
//! A stamp that is behind needs no ruling. It cannot be told from one that was long on its way, it
//! gains nothing (claims go by their receipt), and an author's clock never stays behind the city's word.

use crate::domain::{ClockCorrected, Event};
use crate::event::Envelope;
use crate::history::Rulings;
use crate::ids::ChangeHash;
use crate::log::{Changes, Link, LogKey, Put, Run, links};
use crate::time::{CLOCK_WRONG_MINUTES, Millis, Stamp};

/// Changes that follow each other on a line and were stamped far ahead of the time they arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarAhead {
    /// Whose changes.
    pub key: LogKey,
    /// The first.
    pub from: ChangeHash,
    /// The last.
    pub to: ChangeHash,
    /// The greatest stamp in them.
    pub stamp: Stamp,
    /// When they arrived, by the city's clock; no later than what came right after them says.
    pub arrived: Millis,
}

/// What of a run that arrived now is stamped more than ten minutes ahead.
pub fn far_ahead(run: &Run, changes: &Changes, now: Millis) -> Vec<FarAhead> {
    let limit = now.plus_minutes(CLOCK_WRONG_MINUTES);
    let stamps: Vec<Stamp> = changes.iter().map(|puts| stamp_of(puts)).collect();
    let is_ahead = |stamp: &Stamp| stamp.millis() > limit;
    if !stamps.iter().any(is_ahead) {
        return Vec::new();
    }
    let mut found: Vec<FarAhead> = Vec::new();
    let mut last_was_ahead = false;
    for (Link { hash, .. }, stamp) in links(run, changes).into_iter().zip(stamps) {
        match found.last_mut().filter(|_| last_was_ahead) {
            Some(stretch) if is_ahead(&stamp) => {
                (stretch.to, stretch.stamp) = (hash, stretch.stamp.max(stamp));
            }
            // The clock was put right: what is before it on the line was written before it.
            Some(stretch) => {
                stretch.arrived = stretch.arrived.min(Millis(stamp.millis().0.saturating_sub(1)))
            }
            None if is_ahead(&stamp) => {
                found.push(FarAhead { key: run.key(), from: hash, to: hash, stamp, arrived: now });
            }
            None => {}
        }
        last_was_ahead = is_ahead(&stamp);
    }
    found
}

/// The corrections that bring these changes to the time they arrived at. What was corrected stays so.
pub fn corrections(far_ahead: &[FarAhead], rulings: &Rulings) -> Vec<Event> {
    let open = far_ahead.iter().filter(|it| !rulings.correct(&it.key, it.from, it.to));
    open.map(|it| {
        let offset_millis = it.arrived.0.saturating_sub(it.stamp.millis().0);
        let LogKey { document, actor } = it.key;
        ClockCorrected { document, actor, from: it.from, to: it.to, offset_millis }.into()
    })
    .collect()
}

fn stamp_of(puts: &[Put]) -> Stamp {
    puts.iter().filter_map(|put| Envelope::stamp_of(&put.value)).max().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::domain::{BranchProfile, History, SharedViews};
    use crate::event::EventRef;
    use crate::given::{Given, branch};
    use crate::log::unpack;

    /// Ten years.
    const OFF: i64 = 3_652 * 24 * 60;

    fn profile(registered: u32) -> BranchProfile {
        BranchProfile { name: "新埭镇".into(), registered }
    }

    /// What the city rules on when all that was written arrives now.
    fn arrive(given: &mut Given, now: Millis) -> Vec<Event> {
        let mut found = Vec::new();
        let runs: Vec<Run> = given.runs.iter().map(|(run, _)| run.clone()).collect();
        if let Some(run) = Run::join(&runs).unwrap() {
            found = far_ahead(&run, &unpack(&run.bytes).unwrap(), now);
        }
        let events = corrections(&found, given.history().rulings());
        given.now = now;
        for event in &events {
            given.city(event.clone());
        }
        events
    }

    fn order(history: &History) -> Vec<EventRef> {
        history.ranked().map(|entry| entry.reference).collect()
    }

    #[test]
    fn a_stamp_ten_years_ahead_is_ordered_by_its_arrival_and_nothing_is_lost() {
        let mut given = Given::nothing();
        let right = given.now;
        given.now = right.plus_minutes(OFF);
        let wrong = [given.write(branch(1), profile(600)), given.write(branch(1), profile(601))];
        let arrived = right.plus_minutes(60);
        let rulings = arrive(&mut given, arrived);
        assert_eq!(rulings.len(), 1, "one stretch, one ruling");
        let later = given.write(branch(2), profile(520));
        let history = given.history();
        let place = |event| order(&history).iter().position(|it| *it == event).unwrap();
        assert!(place(wrong[0]) < place(wrong[1]) && place(wrong[1]) < place(later));
        assert_eq!(history.get(&wrong[1]).unwrap().stamp.millis(), arrived);
        assert_eq!(SharedViews::fold(&history).branches.branches[&branch(1)].registered, 601);
        assert!(history.kept().is_empty());
        let again = arrive(&mut given, arrived.plus_minutes(60));
        assert!(again.is_empty(), "what was corrected stays so");
    }

    #[test]
    fn what_a_device_wrote_after_its_clock_was_put_right_stays_after_what_it_wrote_before() {
        let mut given = Given::nothing();
        let right = given.now;
        given.now = right.plus_minutes(OFF);
        let wrong = given.write(branch(1), profile(600));
        given.authors.get_mut(&branch(1)).unwrap().clock_mut().hear_upstream(right, given.now);
        given.authors.get_mut(&branch(1)).unwrap().clock_mut().hear_city(right, given.now);
        given.now = right;
        let put_right = given.write(branch(1), profile(601));
        arrive(&mut given, right.plus_minutes(90));
        let history = given.history();
        let both: Vec<EventRef> =
            order(&history).into_iter().filter(|it| [wrong, put_right].contains(it)).collect();
        assert_eq!(both, [wrong, put_right]);
    }

    #[test]
    fn stamps_behind_or_a_little_ahead_are_left_alone() {
        for off in [-OFF, 0, CLOCK_WRONG_MINUTES - 1] {
            let mut given = Given::nothing();
            let right = given.now;
            given.now = right.plus_minutes(off);
            given.write(branch(1), profile(600));
            assert!(arrive(&mut given, right).is_empty(), "{off}");
            assert_eq!(SharedViews::fold(&given.history()).branches.branches[&branch(1)].registered, 600);
        }
    }
}
