//! Events: what happened, never what follows from it. One file a subject.

mod asset;
mod bench;
mod bounds;
mod branch;
mod course;
mod decision;
mod document;
mod draft;
mod envelope;
mod kind;
mod learner;
mod owner;
mod planning;
mod request;
mod ruling;
mod session;
mod teacher;

pub use asset::*;
pub use bench::*;
pub(crate) use bounds::is_hidden;
pub use bounds::{Checked, Limit, MOST_COUNT, MOST_NAME_BYTES, MOST_TEXT_BYTES, OutOfBounds};
pub use branch::*;
pub use course::*;
pub use decision::*;
pub use document::*;
pub use draft::*;
pub use envelope::*;
pub use kind::*;
pub use learner::*;
pub use owner::*;
pub use planning::*;
pub use request::*;
pub use ruling::*;
pub use session::*;
pub use teacher::*;

use crate::ids::BranchId;
use crate::time::Day;
use serde::Serialize;
use serde::de::DeserializeOwned;

macro_rules! events {
    (
        older { $($old_kind:literal $old_version:literal $old:ident $now:ident,)+ }
        current { $($scope:ident { $($kind:literal $version:literal $name:ident,)+ })+ }
    ) => {
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

            /// Reads a body in its one encoding. An older version gives what it means today.
            pub(crate) fn decode_body(kind: &str, version: u16, body: &[u8]) -> Result<Self, DecodeError> {
                match (kind, version) {
                    $($(($kind, $version) => canonical::<$name>(kind, version, body).map(Self::$name),)+)+
                    $(($old_kind, $old_version) => {
                        canonical::<$old>(kind, version, body).map(|old| Self::$now(old.into()))
                    })+
                    _ => Ok(Self::Unknown),
                }
            }

            /// Whether a kind and version are known here, in whatever scope.
            pub fn is_known(kind: &str, version: u16) -> bool {
                Self::KINDS.iter().any(|(known, of, _)| (*known, *of) == (kind, version))
                    || [$(($old_kind, $old_version)),+].contains(&(kind, version))
            }

            /// Whose word it is.
            pub fn speaker(&self) -> Option<Speaker> {
                match self {
                    $($(Self::$name(_) => Some(<$name as Kind>::SPEAKER),)+)+
                    Self::Unknown => None,
                }
            }

            /// Whether it brings its subject into being.
            pub fn declares(&self) -> bool {
                match self {
                    $($(Self::$name(_) => <$name as Kind>::DECLARES,)+)+
                    Self::Unknown => false,
                }
            }

            /// What it is about, where only the owner may speak of that.
            pub fn subject(&self) -> Option<Subject> {
                match self {
                    $($(Self::$name(body) => body.subject(),)+)+
                    Self::Unknown => None,
                }
            }

            /// The value it sets for its unit, where a later event sets it anew.
            pub fn register(&self, unit: BranchId) -> Option<Register> {
                match self {
                    $($(Self::$name(body) => body.register(unit),)+)+
                    Self::Unknown => None,
                }
            }

            /// The day of the fact itself, where it has one; it decides the quarter of the document.
            pub fn fact_day(&self) -> Option<Day> {
                match self {
                    $($(Self::$name(body) => body.fact_day(),)+)+
                    Self::Unknown => None,
                }
            }

            /// Whether every field lies within the bounds of its kind.
            pub fn bounds(&self) -> Checked {
                match self {
                    $($(Self::$name(body) => body.bounds(),)+)+
                    Self::Unknown => Ok(()),
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
    older {
        "device.revoked" 1 DeviceRevoked1 DeviceRevoked,
    }
    current {
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
            "device.revoked" 2 DeviceRevoked,
            "quarantine.released" 1 QuarantineReleased,
            "quarantine.rejected" 1 QuarantineRejected,
            "clock.corrected" 1 ClockCorrected,
            "actor.closed" 1 ActorClosed,
            "release.announced" 1 ReleaseAnnounced,
            "owner.recorded" 1 OwnerRecorded,
            "owner.transferred" 1 OwnerTransferred,
            "decision.basis" 1 DecisionBasis,
        }
    }
}

impl Event {
    /// What this release brought beside the one before it: its authors write these once the city announced
    /// it.
    pub const RELEASE: (u16, &'static [(&'static str, u16)]) = (
        1,
        &[
            ("release.announced", 1),
            ("owner.recorded", 1),
            ("owner.transferred", 1),
            ("decision.basis", 1),
            ("device.revoked", 2),
        ],
    );
}

/// A body, if these are the bytes that this program would write for it.
fn canonical<T: Serialize + DeserializeOwned>(
    kind: &str,
    version: u16,
    body: &[u8],
) -> Result<T, DecodeError> {
    let value: T = rmp_serde::from_slice(body).map_err(|error| DecodeError::Body {
        kind: kind.to_owned(),
        version,
        reason: error.to_string(),
    })?;
    match rmp_serde::to_vec(&value) {
        Ok(bytes) if bytes == body => Ok(value),
        _ => Err(DecodeError::NotCanonical { kind: kind.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
