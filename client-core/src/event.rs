//! Events: what happened, never what follows from it. One file a subject.

mod asset;
mod bench;
mod branch;
mod course;
mod decision;
mod document;
mod draft;
mod envelope;
mod learner;
mod planning;
mod request;
mod ruling;
mod session;
mod teacher;

pub use asset::*;
pub use bench::*;
pub use branch::*;
pub use course::*;
pub use decision::*;
pub use document::*;
pub use draft::*;
pub use envelope::*;
pub use learner::*;
pub use planning::*;
pub use request::*;
pub use ruling::*;
pub use session::*;
pub use teacher::*;

macro_rules! events {
    ($($scope:ident { $($kind:literal $version:literal $name:ident,)+ })+) => {
        /// A decoded event. Kinds a node does not know are [`Event::Unknown`]; their bytes stay in the log.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(
                #[doc = concat!("`", $kind, "`")]
                $name($name),
            )+)+
            /// A kind or version from a newer release.
            Unknown,
        }

        impl Event {
            /// Every kind this release knows, with its version and scope.
            pub const KINDS: &'static [(&'static str, u16, Scope)] =
                &[$($(($kind, $version, Scope::$scope),)+)+];

            /// The dotted name, version and scope of this event; `None` for unknown kinds.
            pub fn kind(&self) -> Option<(&'static str, u16, Scope)> {
                match self {
                    $($(Self::$name(_) => Some(($kind, $version, Scope::$scope)),)+)+
                    Self::Unknown => None,
                }
            }

            pub(crate) fn encode_body(&self) -> Vec<u8> {
                match self {
                    $($(Self::$name(body) => rmp_serde::to_vec(body).expect("an event always encodes"),)+)+
                    Self::Unknown => Vec::new(),
                }
            }

            pub(crate) fn decode_body(kind: &str, version: u16, body: &[u8]) -> Result<Self, DecodeError> {
                let wrong = |e: rmp_serde::decode::Error| DecodeError::Body {
                    kind: kind.to_owned(),
                    version,
                    reason: e.to_string(),
                };
                match (kind, version) {
                    $($(($kind, $version) => rmp_serde::from_slice(body).map(Self::$name).map_err(wrong),)+)+
                    _ => Ok(Self::Unknown),
                }
            }
        }

        $($(
            impl From<$name> for Event {
                fn from(body: $name) -> Self {
                    Self::$name(body)
                }
            }
        )+)+
    };
}

events! {
    Private {
        "learner.registered" 1 LearnerRegistered,
        "attendance.checked_in" 1 AttendanceCheckedIn,
        "import.applied" 1 ImportApplied,
        "bench.recorded" 1 BenchRecorded,
    }
    Shared {
        "branch.profile" 1 BranchProfile,
        "teacher.proposed" 1 TeacherProposed,
        "teacher.offered" 1 TeacherOffered,
        "teacher.unavailable" 1 TeacherUnavailable,
        "asset.declared" 1 AssetDeclared,
        "asset.offered" 1 AssetOffered,
        "asset.blocked" 1 AssetBlocked,
        "request.lodged" 1 RequestLodged,
        "request.cancelled" 1 RequestCancelled,
        "request.consented" 1 RequestConsented,
        "claim.lodged" 1 ClaimLodged,
        "session.announced" 1 SessionAnnounced,
        "session.taught" 1 SessionTaught,
        "session.cancelled" 1 SessionCancelled,
    }
    Decisions {
        "branch.admitted" 1 BranchAdmitted,
        "device.enrolled" 1 DeviceEnrolled,
        "policy.published" 1 PolicyPublished,
        "calendar.published" 1 CalendarPublished,
        "planning.published" 1 PlanningPublished,
        "course.listed" 1 CourseListed,
        "course.delisted" 1 CourseDelisted,
        "teacher.approved" 1 TeacherApproved,
        "teacher.merged" 1 TeacherMerged,
        "arbiter.term" 1 ArbiterTerm,
        "round.opened" 1 RoundOpened,
        "round.decided" 1 RoundDecided,
        "claim.received" 1 ClaimReceived,
        "claim.confirmed" 1 ClaimConfirmed,
        "claim.waitlisted" 1 ClaimWaitlisted,
        "claim.refused" 1 ClaimRefused,
        "claim.displaced" 1 ClaimDisplaced,
        "joint.confirmed" 1 JointConfirmed,
        "request.unmet" 1 RequestUnmet,
        "plan.inputs" 1 PlanInputs,
        "plan.decided" 1 PlanDecided,
        "device.revoked" 1 DeviceRevoked,
        "quarantine.released" 1 QuarantineReleased,
        "quarantine.rejected" 1 QuarantineRejected,
        "clock.corrected" 1 ClockCorrected,
        "actor.closed" 1 ActorClosed,
    }
}

impl Event {
    /// The day of the fact itself, where it has one; it decides the quarter of the document.
    pub fn fact_day(&self) -> Option<crate::time::Day> {
        match self {
            Self::AttendanceCheckedIn(check) => Some(check.at.day()),
            Self::SessionTaught(session) => Some(session.slot.day),
            Self::SessionAnnounced(session) => Some(session.slot.day),
            _ => None,
        }
    }
}
