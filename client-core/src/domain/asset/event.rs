//! Events about rooms, equipment and on-site teaching points.

use crate::event::{Checked, Kind, Register, Scope, Speaker, Subject, bounds};
use crate::ids::{AssetId, BranchId};
use crate::time::{Day, HalfDay};
use client_core_macros::Packed;

code_enum! {
    /// What an asset is.
    AssetKind {
        /// A room (场地).
        Room = 0 "room",
        /// Equipment (设备), counted in pieces.
        Equipment = 1 "equipment",
        /// An on-site teaching point (现场教学点).
        OnSitePoint = 2 "on_site_point",
    }
}

code_enum! {
    /// The condition of an asset.
    Condition {
        /// In order (完好).
        Good = 0 "good",
        /// Old but working (老化).
        Worn = 1 "worn",
        /// Waiting for repair (待修).
        Broken = 2 "broken",
    }
}

/// A branch says what it has.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AssetDeclared {
    /// The asset.
    pub asset: AssetId,
    /// Room, equipment or on-site point.
    pub kind: AssetKind,
    /// Its name.
    pub name: String,
    /// Where it stands (地点), or empty.
    pub place: String,
    /// Seats of a room, people a batch at an on-site point; 0 for equipment.
    pub capacity: u32,
    /// Pieces; 1 for a room or point.
    pub quantity: u32,
    /// What a room is fitted with.
    pub features: Vec<String>,
    /// Its condition.
    pub condition: Condition,
    /// Weekly opening half-days.
    pub open: Vec<HalfDay>,
    /// Length of the guided talk at an on-site point, in minutes; 0 elsewhere.
    pub talk_minutes: u16,
    /// Who guides at an on-site point, or empty. Docents' names are shared as teachers' are.
    pub docent: String,
}

/// The condition of an asset changed.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AssetConditionNoted {
    /// The asset.
    pub asset: AssetId,
    /// Its condition from here on.
    pub condition: Condition,
    /// What was found, or empty.
    pub note: String,
}

/// The asset's windows become the pool's to allocate.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AssetOffered {
    /// The asset.
    pub asset: AssetId,
    /// Offered half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day of the offer.
    pub from: Day,
    /// Last day of the offer.
    pub to: Day,
}

/// The asset cannot be used on these days.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AssetBlocked {
    /// The asset.
    pub asset: AssetId,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Why.
    pub reason: String,
}

/// Most features of a room.
const MOST_FEATURES: usize = 200;

impl Kind for AssetDeclared {
    const NAME: &'static str = "asset.declared";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;
    const DECLARES: bool = true;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Asset(self.asset))
    }

    fn register(&self, _unit: BranchId) -> Option<Register> {
        Some(Register::Declared(Subject::Asset(self.asset)))
    }

    fn bounds(&self) -> Checked {
        let Self { asset: _, kind: _, name, place, capacity, quantity, features, .. } = self;
        let Self { condition: _, open, talk_minutes: _, docent, .. } = self;
        bounds::name("name", name)?;
        bounds::text("place", place)?;
        bounds::count("capacity", *capacity)?;
        bounds::count("quantity", *quantity)?;
        bounds::list("features", features, MOST_FEATURES)?;
        features.iter().try_for_each(|feature| bounds::name("features", feature))?;
        bounds::half_days("open", open)?;
        bounds::name("docent", docent)
    }
}

impl Kind for AssetConditionNoted {
    const NAME: &'static str = "asset.condition";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;
    const SINCE: u16 = 2;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Asset(self.asset))
    }

    fn register(&self, _unit: BranchId) -> Option<Register> {
        Some(Register::Condition(self.asset))
    }

    fn bounds(&self) -> Checked {
        let Self { asset: _, condition: _, note } = self;
        bounds::text("note", note)
    }
}

impl Kind for AssetOffered {
    const NAME: &'static str = "asset.offered";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Asset(self.asset))
    }

    fn bounds(&self) -> Checked {
        let Self { asset: _, windows, from, to } = self;
        bounds::half_days("windows", windows)?;
        bounds::day("from", *from)?;
        bounds::day("to", *to)
    }
}

impl Kind for AssetBlocked {
    const NAME: &'static str = "asset.blocked";
    const SCOPE: Scope = Scope::Shared;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Asset(self.asset))
    }

    fn bounds(&self) -> Checked {
        let Self { asset: _, from, to, reason } = self;
        bounds::day("from", *from)?;
        bounds::day("to", *to)?;
        bounds::text("reason", reason)
    }
}
