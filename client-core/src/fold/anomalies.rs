//! What does not fit together (对不上的事): shown with its evidence, for a person to rule on.

use super::entry::Kept;
use super::history::History;
use super::requests::Requests;
use super::schedule::Booking;
use crate::event::EventRef;
use serde::Serialize;
use std::collections::BTreeMap;

code_enum! {
    /// What does not fit.
    AnomalyKind {
        /// One teacher, two classes, one time.
        TeacherTwice = 0 "teacher_twice",
        /// One room or point, two classes, one time.
        AssetTwice = 1 "asset_twice",
        /// Two edits replace the same event.
        EditedTwice = 2 "edited_twice",
        /// An event in the log that does not fold.
        DoesNotFold = 3 "does_not_fold",
        /// Two decisions on one subject.
        DecidedTwice = 4 "decided_twice",
    }
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Anomaly {
    /// What does not fit.
    pub kind: AnomalyKind,
    /// The events that show it.
    pub evidence: Vec<EventRef>,
    /// The reason an event does not fold, in a word.
    pub detail: Option<String>,
}

/// All contradictions of the history.
pub fn anomalies(
    history: &History,
    requests: &Requests,
    bookings: &[Booking],
    kept: &[Kept],
) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (n, first) in bookings.iter().enumerate() {
        for second in bookings[n + 1..].iter().take_while(|b| b.slot.day == first.slot.day) {
            if !first.slot.overlaps(&second.slot) {
                continue;
            }
            let mut clash = |kind| {
                found.push(Anomaly { kind, evidence: vec![first.source, second.source], detail: None });
            };
            if first.teacher.is_some() && first.teacher == second.teacher {
                clash(AnomalyKind::TeacherTwice);
            }
            if first.asset.is_some() && first.asset == second.asset {
                clash(AnomalyKind::AssetTwice);
            }
        }
    }
    let mut edits: BTreeMap<EventRef, Vec<EventRef>> = BTreeMap::new();
    for entry in history.ordered() {
        if let Some(earlier) = entry.supersedes {
            edits.entry(earlier).or_default().push(entry.reference);
        }
    }
    for evidence in edits.into_values().filter(|edits| edits.len() > 1) {
        found.push(Anomaly { kind: AnomalyKind::EditedTwice, evidence, detail: None });
    }
    for kept in kept {
        let detail = Some(kept.why.word().to_owned());
        let evidence = [kept.reference].into_iter().chain(kept.ruling).collect();
        found.push(Anomaly { kind: AnomalyKind::DoesNotFold, evidence, detail });
    }
    for decision in &requests.surplus_decisions {
        found.push(Anomaly { kind: AnomalyKind::DecidedTwice, evidence: vec![*decision], detail: None });
    }
    found.sort();
    found
}
