//! Events by which a branch asks: orders (a course and wishes) and claims (a teacher, room or kit at a time).

use crate::event::{Checked, EventRef, Kind, Scope, Speaker, Subject, bounds};
use crate::ids::{AssetId, CourseId, TeacherId};
use crate::time::{Day, HalfDay, Slot};
use client_core_macros::Packed;

code_enum! {
    /// How a group takes part in a class.
    Mode {
        /// The class is held in the group's own town.
        Host = 0 "host",
        /// The group travels to the class.
        Travel = 1 "travel",
        /// The group joins online.
        Online = 2 "online",
    }
}

/// An order (点单): a branch wants a course for a group; the planner answers.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RequestLodged {
    /// Acceptable courses, the most wanted first.
    pub courses: Vec<CourseId>,
    /// The group of learners, in the branch's own words; names nobody.
    pub group: String,
    /// How many people.
    pub headcount: u32,
    /// First acceptable day.
    pub from: Day,
    /// Last acceptable day.
    pub to: Day,
    /// Acceptable half-days; empty means any.
    pub half_days: Vec<HalfDay>,
    /// The longest acceptable way, in minutes; 0 means the class must come to the branch.
    pub max_travel_minutes: u16,
    /// Whether joining online is acceptable.
    pub online: bool,
    /// 1 minor, 2 ordinary, 3 important.
    pub priority: u8,
    /// Consent given ahead to any joint class inside these bounds.
    pub pre_consent: bool,
}

/// The branch takes an order or claim back.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RequestCancelled {
    /// The order or claim taken back.
    pub request: EventRef,
}

/// A branch agrees to a joint class that was proposed for its order.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RequestConsented {
    /// The order.
    pub request: EventRef,
}

/// A claim (约课): one teacher, one venue or both, at one time; the round decides.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimLodged {
    /// The teacher wanted.
    pub teacher: Option<TeacherId>,
    /// The room, kit or on-site point wanted.
    pub asset: Option<AssetId>,
    /// The course to be taught, if a teacher is wanted.
    pub course: Option<CourseId>,
    /// When.
    pub slot: Slot,
    /// How many people.
    pub headcount: u32,
    /// How many branches would be served, the claiming one included.
    pub branches_served: u8,
}

/// Most courses that one order accepts.
const MOST_COURSES: usize = 500;

impl Kind for RequestLodged {
    const NAME: &'static str = "request.lodged";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Branch;

    fn bounds(&self) -> Checked {
        let Self { courses, group, headcount, from, to, half_days, max_travel_minutes: _, .. } = self;
        let Self { online: _, priority, pre_consent: _, .. } = self;
        bounds::list("courses", courses, MOST_COURSES)?;
        bounds::text("group", group)?;
        bounds::count("headcount", *headcount)?;
        bounds::day("from", *from)?;
        bounds::day("to", *to)?;
        bounds::half_days("half_days", half_days)?;
        bounds::number("priority", *priority, 1..=3)
    }
}

impl Kind for RequestCancelled {
    const NAME: &'static str = "request.cancelled";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Request(self.request))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for RequestConsented {
    const NAME: &'static str = "request.consented";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Owner;

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Request(self.request))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for ClaimLodged {
    const NAME: &'static str = "claim.lodged";
    const SCOPE: Scope = Scope::Shared;
    const FINAL: bool = true;
    const SPEAKER: Speaker = Speaker::Branch;

    fn bounds(&self) -> Checked {
        let Self { teacher: _, asset: _, course: _, slot, headcount, branches_served: _ } = self;
        bounds::slot("slot", slot)?;
        bounds::count("headcount", *headcount)
    }
}
