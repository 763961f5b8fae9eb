//! Decisions: only the city writes these, in the decisions documents.

use super::Mode;
use crate::event::{
    Checked, EventRef, Kind, KnownLines, Ruling, Scope, Speaker, Subject, Supersedes, bounds,
};
use crate::ids::{AssetId, ChangeHash, ClassId, CourseId, RoundId, TeacherId};
use crate::time::{Day, Millis, Slot};
use client_core_macros::Packed;
use serde::{Deserialize, Serialize};

/// A round for claims is open.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RoundOpened {
    /// The round.
    pub round: RoundId,
    /// Counts up by one with each round.
    pub number: u32,
    /// Since when.
    pub opened: Millis,
    /// Not to be closed before this moment, unless an administrator does.
    pub closes: Millis,
    /// SHA-256 of the seed that breaks ties; the seed itself comes with `round.decided`.
    pub seed_hash: ChangeHash,
}

code_enum! {
    /// How a claim will be decided.
    DecisionMode {
        /// In a round; order of arrival does not matter.
        Round = 0 "round",
        /// With the day's other claims.
        Daily = 1 "daily",
        /// By order of receipt.
        Immediate = 2 "immediate",
    }
}

/// The city has a claim.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimReceived {
    /// The claim.
    pub claim: EventRef,
    /// When it came.
    pub at: Millis,
    /// How it will be decided.
    pub mode: DecisionMode,
    /// The round, where the mode is round.
    pub round: Option<RoundId>,
}

code_enum! {
    /// Why a claim or order was decided as it was.
    ReasonCode {
        /// Nobody else wanted it.
        Unopposed = 0 "unopposed",
        /// It serves more branches than the others.
        MoreBranches = 1 "more_branches",
        /// The branch had fewer pool hours per 100 learners.
        FewerPoolHours = 2 "fewer_pool_hours",
        /// Equal in everything; the round's draw decided.
        Draw = 3 "draw",
        /// The teacher is taken at that time.
        TeacherTaken = 4 "teacher_taken",
        /// The venue or kit is taken at that time.
        AssetTaken = 5 "asset_taken",
        /// The time is not offered to the pool.
        NotOffered = 6 "not_offered",
        /// The teacher is not approved for the course.
        NotApproved = 7 "not_approved",
        /// The teacher would be over the weekly limit.
        OverWeeklyCap = 8 "over_weekly_cap",
        /// The teacher cannot travel in the time between two classes.
        TravelTooLong = 9 "travel_too_long",
        /// More people than seats.
        TooSmall = 10 "too_small",
        /// Joined with other branches' orders for the same course.
        Joint = 12 "joint",
        /// The subject is unknown to the city.
        Unknown = 13 "unknown",
        /// The teacher is away.
        Unavailable = 14 "unavailable",
        /// The order accepts no time that can still be planned.
        NoTime = 15 "no_time",
        /// Nobody is approved for its courses.
        NobodyTeaches = 16 "nobody_teaches",
        /// No venue suits its courses.
        NoVenue = 17 "no_venue",
        /// No such venue within the minutes it travels.
        NoVenueNear = 18 "no_venue_near",
        /// No teacher comes to a venue in its reach.
        NoTeacherNear = 19 "no_teacher_near",
        /// Teacher and venue are never offered together at the times it accepts.
        NeverTogether = 20 "never_together",
        /// Its group has another class that day.
        GroupBusy = 21 "group_busy",
        /// The class for its course is at a time it does not accept.
        ClassTime = 22 "class_time",
        /// The class for its course is full.
        ClassFull = 23 "class_full",
        /// The class for its course is too far away.
        ClassFar = 24 "class_far",
        /// The class for its course takes nobody else.
        ClassClosed = 25 "class_closed",
        /// None of its courses can be planned: off the list, or longer than any class may be.
        NotListed = 26 "not_listed",
    }
}

/// A reason with what it points at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Packed)]
pub struct Reason {
    /// What decided.
    pub code: ReasonCode,
    /// The claim or order that stood in the way, if one did.
    pub other: Option<EventRef>,
    /// The figure for this claim, e.g. pool minutes per 100 learners.
    pub own_figure: Option<u32>,
    /// The figure for the other claim.
    pub other_figure: Option<u32>,
}

impl Reason {
    /// A reason that needs no figures.
    pub fn plain(code: ReasonCode) -> Self {
        Self { code, other: None, own_figure: None, other_figure: None }
    }
}

/// A free way to get nearly the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Packed)]
pub struct Alternative {
    /// Who would teach.
    pub teacher: Option<TeacherId>,
    /// Where, if the claim named a venue.
    pub asset: Option<AssetId>,
    /// When.
    pub slot: Slot,
}

/// A claim is granted. It stays put unless a `claim.displaced` names it.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimConfirmed {
    /// The claim.
    pub claim: EventRef,
    /// Why.
    pub reason: Reason,
}

/// A claim waits for a place to come free.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimWaitlisted {
    /// The claim.
    pub claim: EventRef,
    /// 1 is next.
    pub position: u16,
    /// Why.
    pub reason: Reason,
    /// What is free instead, nearest first.
    pub alternatives: Vec<Alternative>,
}

/// A claim is refused, with what is free instead.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimRefused {
    /// The claim.
    pub claim: EventRef,
    /// Why.
    pub reason: Reason,
    /// What is free instead, nearest first.
    pub alternatives: Vec<Alternative>,
}

/// A confirmed claim had to move; the reason is always given.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ClaimDisplaced {
    /// The claim.
    pub claim: EventRef,
    /// Why.
    pub reason: Reason,
    /// What is free instead, nearest first.
    pub alternatives: Vec<Alternative>,
}

/// A round is closed and its claims are decided.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RoundDecided {
    /// The round.
    pub round: RoundId,
    /// The seed whose hash `round.opened` gave.
    pub seed: ChangeHash,
    /// Hash of the frontier that was decided on.
    pub frontier: ChangeHash,
}

/// One order's part in a joint class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct JointPart {
    /// The order.
    pub request: EventRef,
    /// How its group takes part.
    pub mode: Mode,
}

/// Orders for one course become one class.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct JointConfirmed {
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

code_enum! {
    /// A wish of an order that could be given up.
    Wish {
        /// Its days and hours.
        Time = 0 "time",
        /// How far it travels.
        Travel = 1 "travel",
        /// That it does not listen online.
        Online = 2 "online",
        /// Its courses.
        Course = 3 "course",
    }
}

/// A class that an unmet order could have if it gave something up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Packed)]
pub struct OrderAlternative {
    /// What it would give up.
    pub give_up: Vec<Wish>,
    /// The course.
    pub course: CourseId,
    /// Who would teach.
    pub teacher: TeacherId,
    /// Where.
    pub venue: AssetId,
    /// When.
    pub slot: Slot,
    /// How its group would take part.
    pub mode: Mode,
    /// The class it would join; `None` for one of its own.
    pub joins: Option<ClassId>,
}

/// An order could not be served.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct RequestUnmet {
    /// The order.
    pub request: EventRef,
    /// Why: what is missing altogether, or who takes the places that would do, with how many of them.
    pub reasons: Vec<Reason>,
    /// The nearest class that is really free.
    pub alternative: Option<OrderAlternative>,
    /// The day the answer holds for.
    pub as_of: Day,
}

/// Part of what a plan was made from: the frontier of shared and decisions documents.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct PlanInputs {
    /// Lines that no other part names.
    pub known: Vec<KnownLines>,
}

/// All open orders were planned together. The classes and refusals of the same action are its outcome,
/// the inputs of the same action what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct PlanDecided {
    /// The round that was closed with it, if one was.
    pub round: Option<RoundId>,
    /// The moment it was planned for, by the city's clock.
    pub at: Millis,
    /// Version of what drew and planned it; another may come to another plan.
    pub planner: u32,
    /// Steps of the search.
    pub steps: u64,
    /// How many lines the inputs name.
    pub lines: u32,
    /// SHA-256 of the plan as `jts-plan-1`.
    pub plan: ChangeHash,
    /// Teaching minutes that joining saved, against a class for each order served.
    pub minutes_saved: u32,
}

impl Kind for RoundOpened {
    const NAME: &'static str = "round.opened";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { round: _, number: _, opened, closes, seed_hash: _ } = self;
        bounds::moment("opened", *opened)?;
        bounds::moment("closes", *closes)
    }
}

impl Kind for ClaimReceived {
    const NAME: &'static str = "claim.received";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { claim: _, at, mode: _, round: _ } = self;
        bounds::moment("at", *at)
    }
}

impl Kind for ClaimConfirmed {
    const NAME: &'static str = "claim.confirmed";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

fn alternatives(alternatives: &[Alternative]) -> Checked {
    bounds::list("alternatives", alternatives, bounds::MOST_ELEMENTS)?;
    alternatives.iter().try_for_each(|other| bounds::slot("alternatives", &other.slot))
}

impl Kind for ClaimWaitlisted {
    const NAME: &'static str = "claim.waitlisted";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        alternatives(&self.alternatives)
    }
}

impl Kind for ClaimRefused {
    const NAME: &'static str = "claim.refused";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        alternatives(&self.alternatives)
    }
}

impl Kind for ClaimDisplaced {
    const NAME: &'static str = "claim.displaced";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        alternatives(&self.alternatives)
    }
}

impl Kind for RoundDecided {
    const NAME: &'static str = "round.decided";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for JointConfirmed {
    const NAME: &'static str = "joint.confirmed";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::OfTheCity(Subject::Class(self.session)))
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, course: _, teacher: _, venue: _, slot, parts, reason: _ } = self;
        bounds::slot("slot", slot)?;
        bounds::list("parts", parts, bounds::MOST_ELEMENTS)
    }
}

impl Kind for RequestUnmet {
    const NAME: &'static str = "request.unmet";
    const SCOPE: Scope = Scope::Decisions;
    const SUPERSEDES: Supersedes = Supersedes::Answer;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { request: _, reasons, alternative, as_of } = self;
        bounds::list("reasons", reasons, bounds::MOST_ELEMENTS)?;
        alternative.as_ref().map_or(Ok(()), |other| bounds::slot("alternative", &other.slot))?;
        bounds::day("as_of", *as_of)
    }
}

impl Kind for PlanInputs {
    const NAME: &'static str = "plan.inputs";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        bounds::list("known", &self.known, bounds::MOST_ELEMENTS)
    }
}

impl Kind for PlanDecided {
    const NAME: &'static str = "plan.decided";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { round: _, at, planner: _, steps: _, lines: _, plan: _, minutes_saved: _ } = self;
        bounds::moment("at", *at)
    }
}
