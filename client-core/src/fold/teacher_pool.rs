//! Who can teach what, and when (师资库).

use super::{Calendar, Entry, Fold};
use crate::event::Event;
use crate::ids::{BranchId, PersonId, SubjectId};
use crate::time::{Day, HalfDay, Slot};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Weekly half-days open between two dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

impl Offer {
    /// Whether the slot lies inside one offered half-day.
    pub fn holds(&self, slot: &Slot, calendar: &Calendar) -> bool {
        (self.from..=self.to).contains(&slot.day)
            && self.windows.iter().any(|window| calendar.holds(window, slot))
    }
}

/// One entry of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Teacher {
    /// Shared by decision.
    pub name: String,
    /// The branch that put the teacher forward.
    pub home: BranchId,
    /// Full-time (专职).
    pub full_time: bool,
    /// Where the teacher comes from.
    pub source: String,
    /// Courses the branch says the teacher can teach.
    pub proposed: BTreeSet<SubjectId>,
    /// Courses the city approved.
    pub approved: BTreeSet<SubjectId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
    /// What is offered to the pool.
    pub offers: Vec<Offer>,
    /// Days away, first to last.
    pub away: Vec<(Day, Day)>,
    /// The entry this one was merged into by a person's ruling.
    pub merged_into: Option<PersonId>,
}

impl Teacher {
    /// Whether the slot lies in an offered window.
    pub fn is_offered(&self, slot: &Slot, calendar: &Calendar) -> bool {
        self.offers.iter().any(|offer| offer.holds(slot, calendar))
    }

    /// Whether the teacher is away that day.
    pub fn is_away(&self, day: Day) -> bool {
        self.away.iter().any(|(from, to)| (*from..=*to).contains(&day))
    }
}

/// The shared teacher pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TeacherPool {
    /// Every teacher by id.
    pub teachers: BTreeMap<PersonId, Teacher>,
    approvals: BTreeMap<PersonId, BTreeSet<SubjectId>>,
    offers: BTreeMap<PersonId, Vec<Offer>>,
    away: BTreeMap<PersonId, Vec<(Day, Day)>>,
    merged: BTreeMap<PersonId, PersonId>,
}

impl TeacherPool {
    /// The entry that counts for this teacher after merges.
    pub fn resolve(&self, teacher: PersonId) -> PersonId {
        let mut current = teacher;
        for _ in 0..=self.merged.len() {
            match self.merged.get(&current) {
                Some(kept) => current = *kept,
                None => return current,
            }
        }
        teacher // a cycle of rulings merges nothing
    }

    /// Entries of one name at different branches that share a course: perhaps one person, for a person to rule on.
    pub fn likely_duplicates(&self) -> Vec<(PersonId, PersonId)> {
        let mut by_name: BTreeMap<&str, Vec<(&PersonId, &Teacher)>> = BTreeMap::new();
        for (id, teacher) in self.teachers.iter().filter(|(_, t)| t.merged_into.is_none()) {
            by_name.entry(&teacher.name).or_default().push((id, teacher));
        }
        let mut pairs = Vec::new();
        for group in by_name.values() {
            for (n, (first, a)) in group.iter().enumerate() {
                for (second, b) in &group[n + 1..] {
                    if a.home != b.home && !a.proposed.is_disjoint(&b.proposed) {
                        pairs.push((**first, **second));
                    }
                }
            }
        }
        pairs
    }

    /// How many people the pool holds, counting each likely duplicate once.
    pub fn people(&self) -> usize {
        let entries = self.teachers.values().filter(|teacher| teacher.merged_into.is_none()).count();
        let doubled: BTreeSet<PersonId> =
            self.likely_duplicates().into_iter().map(|(_, second)| second).collect();
        entries - doubled.len()
    }

    /// Facts about one teacher may fold in any order around the proposal; this puts them together.
    fn gather(&mut self, id: PersonId) {
        if let Some(teacher) = self.teachers.get_mut(&id) {
            teacher.approved = self.approvals.get(&id).cloned().unwrap_or_default();
            teacher.offers = self.offers.get(&id).cloned().unwrap_or_default();
            teacher.away = self.away.get(&id).cloned().unwrap_or_default();
            teacher.merged_into = self.merged.get(&id).copied();
        }
    }
}

impl Fold for TeacherPool {
    fn apply(&mut self, entry: &Entry) {
        let id = match &entry.event {
            Event::TeacherProposed(proposed) => {
                let teacher = Teacher {
                    name: proposed.name.clone(),
                    home: entry.branch,
                    full_time: proposed.full_time,
                    source: proposed.source.clone(),
                    proposed: proposed.courses.iter().copied().collect(),
                    approved: BTreeSet::new(),
                    weekly_cap_periods: proposed.weekly_cap_periods,
                    offers: Vec::new(),
                    away: Vec::new(),
                    merged_into: None,
                };
                self.teachers.insert(proposed.teacher, teacher);
                proposed.teacher
            }
            Event::TeacherOffered(offered) => {
                let offer = Offer { windows: offered.windows.clone(), from: offered.from, to: offered.to };
                self.offers.entry(offered.teacher).or_default().push(offer);
                offered.teacher
            }
            Event::TeacherUnavailable(away) => {
                self.away.entry(away.teacher).or_default().push((away.from, away.to));
                away.teacher
            }
            Event::TeacherApproved(approved) => {
                self.approvals.entry(approved.teacher).or_default().extend(&approved.courses);
                approved.teacher
            }
            Event::TeacherMerged(merged) => {
                self.merged.insert(merged.merged, merged.kept);
                merged.merged
            }
            _ => return, // other subjects
        };
        self.gather(id);
    }
}
