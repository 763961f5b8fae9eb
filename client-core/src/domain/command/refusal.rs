//! Why a command was refused: typed, so that a screen words it in the reader's language.

use crate::domain::{Offer, SessionState};
use crate::event::{Limit, OutOfBounds};
use crate::identity::Role;
use crate::ids::{BranchId, PublicKey};
use crate::time::Day;
use std::fmt;

/// What was refused and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only the city, or only the branch concerned, may do this.
    #[error("{role} of {branch} may not do this: {who} does")]
    NotYours {
        /// The asking device's role.
        role: Role,
        /// Its branch.
        branch: BranchId,
        /// Who may.
        who: Who,
    },
    /// An id names nothing known here.
    #[error("no {what} {id} is known here; sync first, or pick one from the list")]
    Unknown {
        /// What it should name.
        what: Sort,
        /// The id given.
        id: String,
    },
    /// A field cannot be meant.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: Problem,
    },
    /// A plan in the past.
    #[error("{day} is past; choose {earliest} or later")]
    Past {
        /// The day asked for.
        day: Day,
        /// The first possible day.
        earliest: Day,
    },
    /// The time is not offered to the pool.
    #[error("the {what} is not offered at that time; offered: {}", in_words(offered))]
    NotOffered {
        /// Teacher or asset.
        what: Sort,
        /// When it is.
        offered: Vec<Offer>,
    },
    /// It is in that state already.
    #[error("{0}")]
    Already(Done),
    /// Older programs would not understand it.
    #[error("the city school runs an older program; this can be written once it runs release {release}")]
    NotYet {
        /// The release that brought it.
        release: u16,
    },
}

code_enum! {
    /// Who may do what somebody else was refused.
    Who {
        /// The city's node.
        City = 0 "the city node",
        /// An office of a branch.
        Office = 1 "a branch's node or office device",
        /// The unit whose it is.
        Owner = 2 "the branch it belongs to",
        /// The unit whose teacher it is.
        TeachersBranch = 3 "the branch whose teacher it is; lodge a claim for the teacher",
        /// The unit whose room it is.
        RoomsBranch = 4 "the branch whose room it is; lodge a claim for the room",
        /// An office of the city school.
        CityOffice = 5 "an office device of the city school",
    }
}

code_enum! {
    /// What an id should name.
    Sort {
        /// A course of the list.
        Course = 0 "course",
        /// A teacher.
        Teacher = 1 "teacher",
        /// A room, equipment or on-site point.
        Asset = 2 "asset",
        /// A class.
        Class = 3 "class",
        /// A class that the asking branch has part in.
        OwnClass = 4 "class of this branch",
        /// A round.
        Round = 5 "round",
        /// A branch.
        Branch = 6 "branch",
        /// An order.
        Order = 7 "order",
        /// A claim.
        Claim = 8 "claim",
        /// An order or a claim.
        Request = 9 "order or claim",
        /// A device.
        Device = 10 "device",
        /// An actor that wrote something.
        Actor = 11 "actor",
        /// Something that a unit declared and the city did not record.
        Unrecorded = 12 "unrecorded thing of this unit",
        /// A learner's attendance.
        Attendance = 13 "attendance of this learner",
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing was typed.
    Empty,
    /// It holds characters that nobody can see.
    Hidden,
    /// It has more characters than so many.
    TooLong(usize),
    /// It is no number from the first to the second.
    Number(u32, u32),
    /// It lies before the day it begins.
    EndsBefore(Day),
    /// At least one has to be chosen.
    NothingChosen,
    /// It is no weekday.
    Weekday,
    /// It takes no minute, or goes on after midnight.
    WithinDay,
    /// Neither a teacher nor a room is asked for.
    NobodyAsked,
    /// There are only so many alternatives.
    Alternatives(usize),
    /// The class was not held.
    NotHeld,
    /// It lies after today.
    Future(Day),
    /// Nobody was revoked, so that nothing is in quarantine.
    NothingInQuarantine,
    /// Several keys stand under the device's id: one has to be named.
    SeveralKeys(Vec<PublicKey>),
    /// The rules of the timetable contradict themselves.
    Rules(String),
    /// It lies outside what an event may hold.
    Bounds(Limit),
}

impl Problem {
    /// The refusal of a field.
    pub fn in_field(self, field: &'static str) -> Refusal {
        Refusal::Invalid { field, problem: self }
    }
}

impl From<OutOfBounds> for Refusal {
    fn from(OutOfBounds { field, limit }: OutOfBounds) -> Self {
        Problem::Bounds(limit).in_field(field)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::Hidden => f.write_str("holds characters that nobody can see; type it anew"),
            Self::TooLong(most) => write!(f, "has more than {most} characters"),
            Self::Number(least, most) => write!(f, "is a number from {least} to {most}"),
            Self::EndsBefore(from) => write!(f, "lies before {from}"),
            Self::NothingChosen => f.write_str("choose at least one"),
            Self::Weekday => f.write_str("weekdays are 0 (Monday) to 6 (Sunday)"),
            Self::WithinDay => f.write_str("must last at least a minute and end on the same day"),
            Self::NobodyAsked => f.write_str("name a teacher, a room or kit, or both"),
            Self::Alternatives(count) => write!(f, "there are {count} alternatives"),
            Self::NotHeld => f.write_str("the class was not recorded as held"),
            Self::Future(today) => write!(f, "lies after {today}"),
            Self::NothingInQuarantine => f.write_str("no device was revoked, so nothing is in quarantine"),
            Self::SeveralKeys(keys) => {
                let keys: Vec<String> = keys.iter().map(PublicKey::to_hex).collect();
                let keys = keys.join(", ");
                write!(f, "several keys are certified under this device's id: name one of {keys}")
            }
            Self::Rules(problem) => f.write_str(problem),
            Self::Bounds(limit) => limit.fmt(f),
        }
    }
}

/// What was done before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A branch of this name exists.
    Admitted(String),
    /// A course of this number is on the list.
    Listed(String),
    /// The two teachers are one entry.
    Merged,
    /// The order or claim was taken back.
    Cancelled,
    /// The class is held or called off.
    Class(SessionState),
    /// It is this branch's, and only a transfer gives it to another.
    Owned(String),
    /// It is the unit's to which it should go.
    Transferred,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted(name) => write!(f, "a branch named {name} exists"),
            Self::Listed(code) => write!(f, "{code} is on the list"),
            Self::Merged => f.write_str("the two are one entry"),
            Self::Cancelled => f.write_str("it was taken back before"),
            Self::Class(state) => write!(f, "the class is {state}"),
            Self::Owned(owner) => write!(f, "it is {owner}'s; transfer_owner gives it to another"),
            Self::Transferred => f.write_str("it is that unit's"),
        }
    }
}

impl From<Done> for Refusal {
    fn from(done: Done) -> Self {
        Self::Already(done)
    }
}

impl Refusal {
    /// An id that names nothing.
    pub(crate) fn unknown(what: Sort, id: impl ToString) -> Self {
        Self::Unknown { what, id: id.to_string() }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotYours { .. } => "not_yours",
            Self::Unknown { .. } => "unknown",
            Self::Invalid { .. } => "invalid",
            Self::Past { .. } => "past",
            Self::NotOffered { .. } => "not_offered",
            Self::Already(_) => "already",
            Self::NotYet { .. } => "not_yet",
        }
    }
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn in_words(offers: &[Offer]) -> String {
    let offer = |offer: &Offer| {
        let half_days = offer.windows.iter().filter_map(|window| {
            let day = WEEKDAYS.get(usize::from(window.weekday))?;
            Some(format!("{day} {}", if window.afternoon { "pm" } else { "am" }))
        });
        let half_days = half_days.collect::<Vec<_>>().join(", ");
        format!("{half_days} from {} to {}", offer.from, offer.to)
    };
    let parts: Vec<String> = offers.iter().map(offer).collect();
    if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
}
