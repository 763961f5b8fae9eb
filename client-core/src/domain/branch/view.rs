//! Branches and the rules in force.

use super::{BranchEvent, PolicyPublished};
use crate::domain::{Entry, Event, View};
use crate::identity::Role;
use crate::ids::BranchId;
use imbl::OrdMap;
use serde::Serialize;

/// One branch school.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Learners on its roll, as the branch last said. Nothing is decided by it.
    pub registered: u32,
    /// Learners on its roll, as the city's importer counted them last.
    pub counted: Option<u32>,
}

/// Which branches there are and by which rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Default)]
pub struct Branches {
    /// Every branch by id.
    pub branches: OrdMap<BranchId, Branch>,
    /// The rules last published, or the presets.
    pub policy: Policy,
}

/// Travel times and the terms of rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    travel: OrdMap<String, u16>,
    default_travel_minutes: u16,
    /// Claims for slots more than this many days ahead go into a round.
    pub round_lead_days: u16,
    /// A round stays open at least this many days.
    pub round_open_days: u16,
}

impl Default for Policy {
    fn default() -> Self {
        Self { travel: OrdMap::new(), default_travel_minutes: 30, round_lead_days: 14, round_open_days: 5 }
    }
}

impl Policy {
    /// Minutes from one branch to another, buffer included; 0 within a branch.
    pub fn travel_minutes(&self, a: BranchId, b: BranchId) -> u16 {
        if a == b {
            return 0;
        }
        self.travel.get(&pair(a, b)).copied().unwrap_or(self.default_travel_minutes)
    }
}

fn pair(a: BranchId, b: BranchId) -> String {
    format!("{}-{}", a.min(b), a.max(b))
}

impl From<&PolicyPublished> for Policy {
    fn from(published: &PolicyPublished) -> Self {
        Self {
            travel: published.travel.iter().map(|t| (pair(t.a, t.b), t.minutes)).collect(),
            default_travel_minutes: published.default_travel_minutes,
            round_lead_days: published.round_lead_days,
            round_open_days: published.round_open_days,
        }
    }
}

impl Branches {
    /// The branch's name, or its short id where the name is not known yet.
    pub fn name(&self, branch: BranchId) -> String {
        match self.branches.get(&branch) {
            Some(known) if !known.name.is_empty() => known.name.clone(),
            _ if branch == BranchId::CITY => "市校".to_owned(),
            _ => branch.to_hex()[..8].to_owned(),
        }
    }

    /// The branch with this name.
    pub fn by_name(&self, name: &str) -> Option<BranchId> {
        self.branches.iter().find(|(_, branch)| branch.name == name).map(|(id, _)| *id)
    }
}

/// By what branches and their rules are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BranchKey {
    /// One branch.
    Branch(BranchId),
    /// The rules.
    Policy,
}

impl View for Branches {
    const NAME: &'static str = "branches";

    type Key = BranchKey;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = BranchKey> {
        let Event::Branch(said) = &entry.event else { return None };
        match said {
            BranchEvent::Admitted(admitted) => Some(BranchKey::Branch(admitted.branch)),
            // The city school is a unit and no branch.
            BranchEvent::Profile(_) if entry.branch == BranchId::CITY => None,
            BranchEvent::Profile(_) => Some(BranchKey::Branch(entry.branch)),
            BranchEvent::Policy(_) => Some(BranchKey::Policy),
        }
    }

    fn forget(&mut self, key: &BranchKey) {
        match key {
            BranchKey::Branch(branch) => drop(self.branches.remove(branch)),
            BranchKey::Policy => self.policy = Policy::default(),
        }
    }

    fn apply(&mut self, _: &BranchKey, entry: &Entry) {
        let Event::Branch(said) = &entry.event else { return };
        match said {
            BranchEvent::Admitted(admitted) => {
                self.branches.entry(admitted.branch).or_default().name.clone_from(&admitted.name);
            }
            BranchEvent::Profile(profile) => {
                let branch = self.branches.entry(entry.branch).or_default();
                branch.registered = profile.registered;
                if entry.role == Role::Importer {
                    branch.counted = Some(profile.registered);
                }
            }
            BranchEvent::Policy(published) => self.policy = published.into(),
        }
    }
}
