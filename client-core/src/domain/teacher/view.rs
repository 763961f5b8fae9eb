//! Who can teach what, and when (师资库).

use super::{TeacherEvent, TeacherProposed, TeacherUpdated};
use crate::domain::{Calendar, Entry, Event, View};
use crate::event::{EventRef, Subject};
use crate::history::Owners;
use crate::ids::{BranchId, CourseId, TeacherId};
use crate::time::{Day, HalfDay, Slot};
use imbl::OrdMap;
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
    pub proposed: BTreeSet<CourseId>,
    /// Courses the city approved.
    pub approved: BTreeSet<CourseId>,
    /// The most teaching periods of 45 minutes in a week.
    pub weekly_cap_periods: u8,
    /// What is offered to the pool.
    pub offers: Vec<Offer>,
    /// Days away, first to last.
    pub away: Vec<(Day, Day)>,
    /// The entry this one was merged into by a person's ruling.
    pub merged_into: Option<TeacherId>,
    /// The event that says all this but approvals, offers and days away.
    pub said_by: EventRef,
}

/// What a unit says of a teacher.
struct Described {
    teacher: TeacherId,
    name: String,
    full_time: bool,
    source: String,
    courses: Vec<CourseId>,
    weekly_cap_periods: u8,
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
    pub teachers: OrdMap<TeacherId, Teacher>,
    approvals: OrdMap<TeacherId, BTreeSet<CourseId>>,
    offers: OrdMap<TeacherId, Vec<Offer>>,
    away: OrdMap<TeacherId, Vec<(Day, Day)>>,
    merged: OrdMap<TeacherId, TeacherId>,
    /// Whose several entries were merged, by the one that counts.
    #[serde(skip)]
    persons: OrdMap<TeacherId, BTreeSet<TeacherId>>,
}

impl TeacherPool {
    /// The entry that counts for this teacher after merges.
    pub fn resolve(&self, teacher: TeacherId) -> TeacherId {
        let mut current = teacher;
        for _ in 0..=self.merged.len() {
            match self.merged.get(&current) {
                Some(kept) => current = *kept,
                None => return current,
            }
        }
        teacher // a cycle of rulings merges nothing
    }

    /// Entries of one name at different branches that share a course: perhaps one person, for a person to
    /// rule on. Each is named with the first entry it is like.
    pub fn likely_duplicates(&self) -> Vec<(TeacherId, TeacherId)> {
        type Likely = BTreeMap<BranchId, TeacherId>;
        let mut first: BTreeMap<(&str, CourseId), Likely> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (id, teacher) in self.teachers.iter().filter(|(_, t)| t.merged_into.is_none()) {
            let like = teacher.proposed.iter().filter_map(|course| {
                let others = first.get(&(teacher.name.as_str(), *course))?.iter();
                others.filter(|(home, _)| **home != teacher.home).map(|(_, other)| *other).min()
            });
            pairs.extend(like.min().map(|other| (other, *id)));
            for course in &teacher.proposed {
                first.entry((&teacher.name, *course)).or_default().entry(teacher.home).or_insert(*id);
            }
        }
        pairs
    }

    /// How many people the pool holds, counting each likely duplicate once.
    pub fn people(&self) -> usize {
        let entries = self.teachers.values().filter(|teacher| teacher.merged_into.is_none()).count();
        entries.saturating_sub(self.likely_duplicates().len())
    }

    /// The entries of a person: the one that counts, and those that were merged into it.
    pub fn entries_of(&self, person: TeacherId) -> impl Iterator<Item = TeacherId> {
        let merged = self.persons.get(&person);
        let alone = merged.is_none().then_some(person);
        merged.into_iter().flatten().copied().chain(alone)
    }

    /// Whether a person of the pool was put forward by other units alone, under whichever of the entries
    /// that were merged.
    pub fn is_of_others(&self, person: TeacherId, unit: BranchId) -> bool {
        let known = self.entries_of(person).filter_map(|teacher| self.teachers.get(&teacher));
        let mut homes = known.map(|teacher| teacher.home).peekable();
        homes.peek().is_some() && homes.all(|home| home != unit)
    }

    /// Puts merged entries together, after rulings came or went.
    pub(crate) fn group(&mut self, before: &Self) {
        if self.merged.ptr_eq(&before.merged) {
            return;
        }
        let mut persons: BTreeMap<TeacherId, BTreeSet<TeacherId>> = BTreeMap::new();
        for teacher in self.merged.keys() {
            let person = self.resolve(*teacher);
            persons.entry(person).or_default().extend([person, *teacher]);
        }
        self.persons = persons.into_iter().collect();
    }

    /// The entries of persons who have other entries, or whose entry is another unit's, than before.
    pub(crate) fn regrouped(&self, before: &Self, changed: &BTreeSet<TeacherId>) -> BTreeSet<TeacherId> {
        let home = |pool: &Self, teacher: &TeacherId| pool.teachers.get(teacher).map(|it| it.home);
        let mut persons: BTreeSet<TeacherId> = BTreeSet::new();
        for teacher in changed.iter().filter(|teacher| home(self, teacher) != home(before, teacher)) {
            persons.extend([self.resolve(*teacher), before.resolve(*teacher)]);
        }
        if !self.merged.ptr_eq(&before.merged) {
            let merged = self.persons.keys().chain(before.persons.keys());
            persons.extend(merged.filter(|it| self.persons.get(*it) != before.persons.get(*it)));
        }
        let all = persons.iter().flat_map(|it| self.entries_of(*it).chain(before.entries_of(*it)));
        all.collect()
    }

    /// What a unit says of a teacher, first or anew.
    fn describe(&mut self, entry: &Entry, said: Described) -> TeacherId {
        let before = self.teachers.remove(&said.teacher);
        let (approved, offers, away) =
            before.map(|before| (before.approved, before.offers, before.away)).unwrap_or_default();
        let teacher = Teacher {
            name: said.name,
            home: entry.branch,
            full_time: said.full_time,
            source: said.source,
            proposed: said.courses.into_iter().collect(),
            approved,
            weekly_cap_periods: said.weekly_cap_periods,
            offers,
            away,
            merged_into: None,
            said_by: entry.reference,
        };
        self.teachers.insert(said.teacher, teacher);
        said.teacher
    }

    /// What folded of a teacher before the proposal did waits for it.
    fn gather(&mut self, id: TeacherId) {
        if let Some(teacher) = self.teachers.get_mut(&id) {
            teacher.approved.extend(self.approvals.remove(&id).unwrap_or_default());
            teacher.offers.extend(self.offers.remove(&id).unwrap_or_default());
            teacher.away.extend(self.away.remove(&id).unwrap_or_default());
            teacher.merged_into = self.merged.get(&id).copied();
        }
    }
}

impl View for TeacherPool {
    const NAME: &'static str = "teachers";

    type Key = TeacherId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = TeacherId> {
        let Event::Teacher(said) = &entry.event else { return None };
        Some(match said {
            TeacherEvent::Proposed(proposed) => proposed.teacher,
            TeacherEvent::Updated(updated) => updated.teacher,
            TeacherEvent::Offered(offered) => offered.teacher,
            TeacherEvent::Unavailable(away) => away.teacher,
            TeacherEvent::Approved(approved) => approved.teacher,
            TeacherEvent::Merged(merged) => merged.merged,
        })
    }

    fn key_of(subject: &Subject) -> Option<TeacherId> {
        if let Subject::Teacher(teacher) = subject { Some(*teacher) } else { None }
    }

    fn forget(&mut self, teacher: &TeacherId) {
        self.teachers.remove(teacher);
        self.approvals.remove(teacher);
        self.offers.remove(teacher);
        self.away.remove(teacher);
        if self.merged.contains_key(teacher) {
            self.merged.remove(teacher);
        }
    }

    fn apply(&mut self, _: &TeacherId, entry: &Entry) {
        let Event::Teacher(said) = &entry.event else { return };
        let id = match said {
            TeacherEvent::Proposed(proposed) => {
                let TeacherProposed { teacher, name, full_time, source, courses, weekly_cap_periods } =
                    proposed.clone();
                self.describe(
                    entry,
                    Described { teacher, name, full_time, source, courses, weekly_cap_periods },
                )
            }
            TeacherEvent::Updated(updated) => {
                let TeacherUpdated { teacher, name, full_time, source, courses, weekly_cap_periods } =
                    updated.clone();
                self.describe(
                    entry,
                    Described { teacher, name, full_time, source, courses, weekly_cap_periods },
                )
            }
            TeacherEvent::Offered(offered) => {
                let offer = Offer { windows: offered.windows.clone(), from: offered.from, to: offered.to };
                self.offers.entry(offered.teacher).or_default().push(offer);
                offered.teacher
            }
            TeacherEvent::Unavailable(away) => {
                self.away.entry(away.teacher).or_default().push((away.from, away.to));
                away.teacher
            }
            TeacherEvent::Approved(approved) => {
                self.approvals.entry(approved.teacher).or_default().extend(&approved.courses);
                approved.teacher
            }
            TeacherEvent::Merged(merged) => {
                self.merged.insert(merged.merged, merged.kept);
                merged.merged
            }
        };
        self.gather(id);
    }

    fn follow(&mut self, id: &TeacherId, owners: &Owners) {
        if let Some(owner) = owners.listed_owner(&Subject::Teacher(*id))
            && let Some(teacher) = self.teachers.get_mut(id)
        {
            teacher.home = owner;
        }
    }

    fn answer(&self) -> serde_json::Value {
        serde_json::json!({
            "teachers": self.teachers,
            "people": self.people(),
            "likely_duplicates": self.likely_duplicates(),
        })
    }
}
