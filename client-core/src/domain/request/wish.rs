//! What is asked and granted, as views and commands hold it; events lay it out in bytes.

use super::{
    ClaimLodged, ClaimReceived, DecisionMode, JointConfirmed, JointPart, OrderAlternative, PlanDecided,
    Reason, RequestLodged, RequestUnmet,
};
use crate::event::EventRef;
use crate::ids::{AssetId, ChangeHash, ClassId, CourseId, RoundId, TeacherId};
use crate::time::{Day, HalfDay, Millis, Slot};
use serde::{Deserialize, Serialize};

/// What an order asks for: a course for a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderWish {
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

/// What a claim asks for: one teacher, one venue or both, at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimWish {
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

/// The city's receipt for a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// When it came.
    pub at: Millis,
    /// How it will be decided.
    pub mode: DecisionMode,
    /// The round, where the mode is round.
    pub round: Option<RoundId>,
}

/// Orders for one course that became one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointClass {
    /// The class.
    pub session: ClassId,
    /// The course.
    pub course: CourseId,
    /// Who teaches.
    pub teacher: TeacherId,
    /// Where.
    pub venue: AssetId,
    /// When.
    pub slot: Slot,
    /// The orders served.
    pub parts: Vec<JointPart>,
    /// Why.
    pub reason: Reason,
}

/// An order that could not be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnmetOrder {
    /// The order.
    pub request: EventRef,
    /// Why: what is missing altogether, or who takes the places that would do, with how many of them.
    pub reasons: Vec<Reason>,
    /// The nearest class that is really free.
    pub alternative: Option<OrderAlternative>,
    /// The day the answer holds for.
    pub as_of: Day,
}

/// A plan of all open orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecidedPlan {
    /// The round that was closed with it, if one was.
    pub round: Option<RoundId>,
    /// The moment it was planned for, by the city's clock.
    pub at: Millis,
    /// Version of what drew and planned it.
    pub planner: u32,
    /// Steps of the search.
    pub steps: u64,
    /// SHA-256 of the plan as `jts-plan-1`.
    pub plan: ChangeHash,
    /// Teaching minutes that joining saved, against a class for each order served.
    pub minutes_saved: u32,
}

/// A struct made of another of the same fields.
macro_rules! same_fields {
    ($($from:ident to $to:ident { $($field:ident),+ $(; but $($less:ident),+)? })+) => {
        $(impl From<$from> for $to {
            fn from(it: $from) -> Self {
                let $from { $($field,)+ $($($less: _,)+)? } = it;
                Self { $($field),+ }
            }
        })+
    };
}

same_fields! {
    RequestLodged to OrderWish {
        courses, group, headcount, from, to, half_days, max_travel_minutes, online, priority, pre_consent
    }
    OrderWish to RequestLodged {
        courses, group, headcount, from, to, half_days, max_travel_minutes, online, priority, pre_consent
    }
    ClaimLodged to ClaimWish { teacher, asset, course, slot, headcount, branches_served }
    ClaimWish to ClaimLodged { teacher, asset, course, slot, headcount, branches_served }
    ClaimReceived to Receipt { at, mode, round; but claim }
    JointConfirmed to JointClass { session, course, teacher, venue, slot, parts, reason }
    UnmetOrder to RequestUnmet { request, reasons, alternative, as_of }
    JointClass to JointConfirmed { session, course, teacher, venue, slot, parts, reason }
    PlanDecided to DecidedPlan { round, at, planner, steps, plan, minutes_saved; but lines }
}
