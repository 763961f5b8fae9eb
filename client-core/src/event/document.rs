//! Where an event lies: the document, and the event's full identity.

use crate::ids::{ActorId, BranchId, CityId, EventId, PersonId};
use crate::packed::{Malformed, Packed, Shape, pack_list, unpack_fields};
use crate::time::Quarter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;

code_enum! {
    /// Who writes a document and who reads it.
    Scope {
        /// Written and read by one branch's office, read by the city's server.
        Private = 0 "private",
        /// Written by one branch, read by all.
        Shared = 1 "shared",
        /// Written by one person's own device.
        Personal = 2 "personal",
        /// Written by the city node alone, read by all.
        Decisions = 3 "decisions",
    }
}

impl Scope {
    /// Whether every branch reads it.
    pub fn is_open_to_all(self) -> bool {
        matches!(self, Self::Shared | Self::Decisions)
    }
}

impl BranchId {
    /// Stands for the city itself where a branch is named.
    pub const CITY: Self = Self([0; 16]);
}

/// One log document of a city. The city is named once by whoever holds the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId {
    /// Who writes and reads it.
    pub scope: Scope,
    /// The branch it belongs to; [`BranchId::CITY`] for decisions.
    pub branch: BranchId,
    /// The person of a personal document.
    pub person: Option<PersonId>,
    /// The quarter of the facts in it.
    pub period: Quarter,
}

impl DocumentId {
    /// A document that belongs to no single person.
    pub fn new(scope: Scope, branch: BranchId, period: Quarter) -> Self {
        Self { scope, branch, person: None, period }
    }

    /// The unambiguous bytes that signatures and hashes are made over: city, then every part.
    pub fn to_bytes(&self, city: CityId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(53);
        bytes.extend_from_slice(&city.0);
        bytes.push(self.scope as u8);
        bytes.extend_from_slice(&self.branch.0);
        bytes.push(u8::from(self.person.is_some()));
        bytes.extend_from_slice(&self.person.map_or([0; 16], |person| person.0));
        bytes.extend_from_slice(&self.period.year.to_be_bytes());
        bytes.push(self.period.quarter);
        bytes
    }
}

/// `shared:<branch>:<person or ->:2026Q4`
impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.scope, self.branch)?;
        match self.person {
            Some(person) => write!(f, "{person}:")?,
            None => f.write_str("-:")?,
        }
        write!(f, "{}", self.period)
    }
}

impl FromStr for DocumentId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a document: {text:?}; it reads scope:branch:person or -:2026Q4");
        let parts: Vec<&str> = text.split(':').collect();
        let [scope, branch, person, period] = parts[..] else { return Err(wrong()) };
        let (year, quarter) = period.split_once('Q').ok_or_else(wrong)?;
        let period = Quarter {
            year: year.parse().map_err(|_| wrong())?,
            quarter: quarter.parse().ok().filter(|q| (1..=4).contains(q)).ok_or_else(wrong)?,
        };
        Ok(Self {
            scope: scope.parse().map_err(|_| wrong())?,
            branch: branch.parse().map_err(|_| wrong())?,
            person: match person {
                "-" => None,
                hex => Some(hex.parse().map_err(|_| wrong())?),
            },
            period,
        })
    }
}

/// The full identity of an event: the same id under another actor or document is another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRef {
    /// The document it lies in.
    pub document: DocumentId,
    /// The line it lies on.
    pub actor: ActorId,
    /// Its own id.
    pub event: EventId,
}

impl EventRef {
    /// Stands before every event.
    pub const LEAST: Self = {
        let period = Quarter { year: i16::MIN, quarter: 0 };
        let document = DocumentId { scope: Scope::Private, branch: BranchId([0; 16]), person: None, period };
        Self { document, actor: ActorId([0; 16]), event: EventId([0; 16]) }
    };
}

/// `<document>:<actor>:<event>`
impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.document, self.actor, self.event)
    }
}

impl FromStr for EventRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("not an event: {text:?}; it reads document:actor:event");
        let mut parts = text.rsplitn(3, ':');
        let event = parts.next().ok_or_else(wrong)?;
        let actor = parts.next().ok_or_else(wrong)?;
        let document = parts.next().ok_or_else(wrong)?;
        Ok(Self {
            document: document.parse()?,
            actor: actor.parse().map_err(|_| wrong())?,
            event: event.parse().map_err(|_| wrong())?,
        })
    }
}

packed_as!(EventRef { document, actor, event } "event");

impl Packed for DocumentId {
    fn pack(&self, into: &mut Vec<u8>) {
        pack_list(5, into);
        self.scope.pack(into);
        self.branch.pack(into);
        self.person.pack(into);
        self.period.year.pack(into);
        self.period.quarter.pack(into);
    }

    fn unpack(from: &mut &[u8]) -> Result<Self, Malformed> {
        unpack_fields(5, from)?;
        let (scope, branch, person) = (Scope::unpack(from)?, BranchId::unpack(from)?, Packed::unpack(from)?);
        let period = Quarter { year: i16::unpack(from)?, quarter: u8::unpack(from)? };
        let is_quarter = (1..=4).contains(&period.quarter);
        if is_quarter { Ok(Self { scope, branch, person, period }) } else { Err(Malformed("a quarter")) }
    }

    fn shape() -> Shape {
        Shape::Plain("document")
    }
}

type DocumentParts = (Scope, BranchId, Option<PersonId>, i16, u8);

/// Text for people and JSON, an array in MessagePack.
macro_rules! text_or_array {
    ($name:ty, $parts:ty, $to:expr, $from:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    let to: fn(&$name) -> $parts = $to;
                    to(self).serialize(serializer)
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    let from: fn($parts) -> Result<$name, &'static str> = $from;
                    from(<$parts>::deserialize(deserializer)?).map_err(D::Error::custom)
                }
            }
        }
    };
}

text_or_array!(
    DocumentId,
    DocumentParts,
    |d| (d.scope, d.branch, d.person, d.period.year, d.period.quarter),
    |(scope, branch, person, year, quarter)| {
        if !(1..=4).contains(&quarter) {
            return Err("a quarter is 1 to 4");
        }
        Ok(DocumentId { scope, branch, person, period: Quarter { year, quarter } })
    }
);
text_or_array!(EventRef, (DocumentId, ActorId, EventId), |r| (r.document, r.actor, r.event), |(
    document,
    actor,
    event,
)| Ok(
    EventRef { document, actor, event }
));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Day;

    #[test]
    fn a_reference_reads_back_from_text_and_from_messagepack() {
        let period = Quarter::of(Day::from_ymd(2026, 11, 23).unwrap());
        let reference = EventRef {
            document: DocumentId::new(Scope::Shared, BranchId([3; 16]), period),
            actor: ActorId([4; 16]),
            event: EventId([5; 16]),
        };
        assert_eq!(reference.to_string().parse::<EventRef>().unwrap(), reference);
        let packed = rmp_serde::to_vec(&reference).unwrap();
        assert_eq!(rmp_serde::from_slice::<EventRef>(&packed).unwrap(), reference);
    }
}
