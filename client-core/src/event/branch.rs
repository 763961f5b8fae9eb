//! Events about branches, devices and the city's rules.

use super::{Checked, Kind, Register, Speaker, bounds};
use crate::ids::{BranchId, DeviceId, PublicKey};
use serde::{Deserialize, Serialize};

/// The city opens a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchAdmitted {
    /// The branch.
    pub branch: BranchId,
    /// Its name, e.g. 新埭镇.
    pub name: String,
}

/// A branch says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchProfile {
    /// Its name, e.g. 新埭镇.
    pub name: String,
    /// How many learners are on its roll, a plain number.
    pub registered: u32,
}

code_enum! {
    /// What a certified key may be used as.
    Role {
        /// The city's arbiter: writes decisions.
        Arbiter = 0 "arbiter",
        /// The city's importer: writes private and shared documents of every branch.
        Importer = 1 "importer",
        /// A branch node: writes for its branch, certifies and relays for its devices.
        BranchNode = 2 "branch_node",
        /// A branch's office device.
        Office = 3 "office",
        /// A city administrator's device: reads shared and decisions.
        CityAdmin = 4 "city_admin",
    }
}

/// The city took note of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEnrolled {
    /// The device.
    pub device: DeviceId,
    /// Its public key.
    pub key: PublicKey,
    /// The branch it works for.
    pub branch: BranchId,
    /// What it may do.
    pub role: Role,
    /// What people call it, e.g. 前台电脑.
    pub label: String,
}

/// Travel time between two branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TravelTime {
    /// One end.
    pub a: BranchId,
    /// The other end.
    pub b: BranchId,
    /// Door to door, buffer included.
    pub minutes: u16,
}

/// The rules in force from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { branch: _, name } = self;
        bounds::name("name", name)
    }
}

impl Kind for BranchProfile {
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

impl Kind for DeviceEnrolled {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { device: _, key: _, branch: _, role: _, label } = self;
        bounds::text("label", label)
    }
}

impl Kind for PolicyPublished {
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { travel, default_travel_minutes: _, round_lead_days: _, round_open_days: _ } = self;
        bounds::list("travel", travel, MOST_TRAVEL_TIMES)
    }
}

/// Most pairs of branches in one set of rules.
const MOST_TRAVEL_TIMES: usize = 2_000;
