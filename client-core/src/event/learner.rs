//! Branch-private events: learners, attendance, imports. Names and phones are sealed rows, never here.

use super::{Checked, Kind, Speaker, bounds};
use crate::ids::{ActionId, ChangeHash, PersonId, SubjectId};
use crate::time::{Day, Millis};
use serde::{Deserialize, Serialize};

/// A learner is on the branch's roll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerRegistered {
    /// The learner; random.
    pub learner: PersonId,
    /// The group (所在支部) the learner belongs to.
    pub group: String,
    /// SHA-256 of the sealed row that holds name and phone.
    pub sealed: ChangeHash,
}

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceCheckedIn {
    /// The class.
    pub session: SubjectId,
    /// The learner.
    pub learner: PersonId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

/// Last event of an import: it counts as applied only when this one has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportApplied {
    /// The action all parts of the import share.
    pub action: ActionId,
    /// How many events of the action came before this one in the branch's private documents.
    pub events: u32,
    /// SHA-256 over the ids of those events, in ascending order.
    pub hash: ChangeHash,
    /// The file's name.
    pub file: String,
}

impl Kind for LearnerRegistered {
    const SPEAKER: Speaker = Speaker::Branch;

    fn bounds(&self) -> Checked {
        let Self { learner: _, group, sealed: _ } = self;
        bounds::text("group", group)
    }
}

impl Kind for AttendanceCheckedIn {
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

impl Kind for ImportApplied {
    const SPEAKER: Speaker = Speaker::Importer;

    fn bounds(&self) -> Checked {
        let Self { action: _, events: _, hash: _, file } = self;
        bounds::text("file", file)
    }
}
