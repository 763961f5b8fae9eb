//! Events about branches, devices and the city's rules.

use crate::event::{Checked, Kind, Register, Ruling, Scope, Speaker, bounds};
use crate::ids::BranchId;
use client_core_macros::Packed;
use serde::{Deserialize, Serialize};

/// The city opens a branch.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct BranchAdmitted {
    /// The branch.
    pub branch: BranchId,
    /// Its name, e.g. 新埭镇.
    pub name: String,
}

/// A branch says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct BranchProfile {
    /// Its name, e.g. 新埭镇.
    pub name: String,
    /// How many learners are on its roll, a plain number.
    pub registered: u32,
}

/// Travel time between two branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct TravelTime {
    /// One end.
    pub a: BranchId,
    /// The other end.
    pub b: BranchId,
    /// Door to door, buffer included.
    pub minutes: u16,
}

/// The rules in force from here on.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct PolicyPublished {
    /// Travel times; a pair that is missing counts `default_travel_minutes`.
    pub travel: Vec<TravelTime>,
    /// Minutes between two branches that `travel` does not name.
    pub default_travel_minutes: u16,
    /// Claims for slots more than this many days ahead go into a round.
    pub round_lead_days: u16,
    /// A round stays open at least this many days.
    pub round_open_days: u16,
}

impl Kind for BranchAdmitted {
    const NAME: &'static str = "branch.admitted";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Unit(self.branch))
    }

    fn bounds(&self) -> Checked {
        let Self { branch: _, name } = self;
        bounds::name("name", name)
    }
}

impl Kind for BranchProfile {
    const NAME: &'static str = "branch.profile";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Branch;

    fn register(&self, unit: BranchId) -> Option<Register> {
        Some(Register::Unit(unit))
    }

    fn bounds(&self) -> Checked {
        let Self { name, registered } = self;
        bounds::name("name", name)?;
        bounds::count("registered", *registered)
    }
}

impl Kind for PolicyPublished {
    const NAME: &'static str = "policy.published";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { travel, default_travel_minutes: _, round_lead_days: _, round_open_days: _ } = self;
        bounds::list("travel", travel, MOST_TRAVEL_TIMES)
    }
}

/// Most pairs of branches in one set of rules.
const MOST_TRAVEL_TIMES: usize = 2_000;
