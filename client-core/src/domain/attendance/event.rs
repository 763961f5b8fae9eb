//! Events about who was at a class.

use crate::event::{Checked, Kind, Scope, Speaker, Supersedes, bounds};
use crate::ids::{ClassId, LearnerId};
use crate::time::{Day, Millis};
use client_core_macros::Packed;

code_enum! {
    /// How a learner checked in.
    CheckIn {
        /// Put down by the clerk.
        Roll = 0 "roll",
        /// Scanned a code (扫码).
        Scan = 1 "scan",
        /// Signed the list (签名).
        Signature = 2 "signature",
        /// Joined online.
        Online = 3 "online",
    }
}

/// A learner was at a class.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AttendanceCheckedIn {
    /// The class.
    pub session: ClassId,
    /// The learner.
    pub learner: LearnerId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

/// When or how a learner was there was put down wrong: this stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AttendanceCorrected {
    /// The class.
    pub session: ClassId,
    /// The learner.
    pub learner: LearnerId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

/// A learner was not there after all; the envelope names the check-in.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct AttendanceVoided {
    /// The class.
    pub session: ClassId,
    /// The learner.
    pub learner: LearnerId,
    /// Why; names nobody.
    pub reason: String,
}

impl Kind for AttendanceCheckedIn {
    const NAME: &'static str = "attendance.checked_in";
    const SCOPE: Scope = Scope::Private;
    const SPEAKER: Speaker = Speaker::Branch;

    fn fact_day(&self) -> Option<Day> {
        Some(self.at.day())
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, learner: _, at, how: _ } = self;
        bounds::moment("at", *at)?;
        bounds::day("at", at.day())
    }
}

impl Kind for AttendanceCorrected {
    const NAME: &'static str = "attendance.corrected";
    const SCOPE: Scope = Scope::Private;
    const SPEAKER: Speaker = Speaker::Branch;
    const SINCE: u16 = 2;

    fn fact_day(&self) -> Option<Day> {
        Some(self.at.day())
    }

    fn bounds(&self) -> Checked {
        let Self { session: _, learner: _, at, how: _ } = self;
        bounds::moment("at", *at)?;
        bounds::day("at", at.day())
    }
}

impl Kind for AttendanceVoided {
    const NAME: &'static str = "attendance.voided";
    const SCOPE: Scope = Scope::Private;
    const SPEAKER: Speaker = Speaker::Branch;
    const SUPERSEDES: Supersedes = Supersedes::Void;
    const SINCE: u16 = 2;

    fn bounds(&self) -> Checked {
        let Self { session: _, learner: _, reason } = self;
        bounds::text("reason", reason)
    }
}
