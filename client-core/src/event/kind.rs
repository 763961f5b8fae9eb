//! What a kind says about itself, beside its struct: who may say it, of what, and within which bounds.

use super::{Checked, DecodeError, EventRef, Ruling, Scope};
use crate::ids::{AssetId, BranchId, ClassId, TeacherId};
use crate::packed::{Packed, Shape, packed};
use crate::time::Day;
use serde::{Serialize, Serializer};
use std::any::Any;
use std::fmt;
use std::str::FromStr;

/// Whose word an event of a kind is. The city's importer speaks for the branch that the document names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The unit that owns what the event is about ([`Kind::subject`]).
    Owner,
    /// Any office of the branch whose document it is.
    Branch,
    /// Any office of the city school.
    CityOffice,
    /// The city's importer alone.
    Importer,
    /// The city's arbiter alone.
    Arbiter,
}

/// Something that one unit owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A teacher.
    Teacher(TeacherId),
    /// A room, equipment or an on-site point.
    Asset(AssetId),
    /// A class.
    Class(ClassId),
    /// An order or claim; the branch in its document owns it.
    Request(EventRef),
}

impl Subject {
    /// The id that may prove its unit; a request has none.
    pub fn id(&self) -> Option<[u8; 16]> {
        match self {
            Self::Teacher(id) => Some(id.0),
            Self::Asset(id) => Some(id.0),
            Self::Class(id) => Some(id.0),
            Self::Request(_) => None,
        }
    }
}

/// `teacher:<id>`, `asset:<id>`, `class:<id>`, `request:<event>`
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Teacher(id) => write!(f, "teacher:{id}"),
            Self::Asset(id) => write!(f, "asset:{id}"),
            Self::Class(id) => write!(f, "class:{id}"),
            Self::Request(event) => write!(f, "request:{event}"),
        }
    }
}

impl FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a subject: {text:?}; it reads sort:id");
        let (sort, id) = text.split_once(':').ok_or_else(wrong)?;
        match sort {
            "teacher" => id.parse().map(Self::Teacher).map_err(|_| wrong()),
            "asset" => id.parse().map(Self::Asset).map_err(|_| wrong()),
            "class" => id.parse().map(Self::Class).map_err(|_| wrong()),
            "request" => id.parse().map(Self::Request),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value of which the last word counts, e.g. a branch's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// What a branch says of itself.
    Unit(BranchId),
    /// What was declared of a subject.
    Declared(Subject),
    /// The condition of an asset.
    Condition(AssetId),
    /// What a unit recorded of a class.
    Held(ClassId, BranchId),
}

/// What an event does to the one that its envelope names as superseded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supersedes {
    /// It hides it and stands in its place.
    Replace,
    /// It hides it and puts nothing there.
    Void,
    /// It is a later answer on one subject; the view of requests keeps the first as well.
    Answer,
}

/// One kind of event, in the version that this release writes.
pub trait Kind: Packed + Any + fmt::Debug {
    /// Its dotted name, e.g. `teacher.offered`.
    const NAME: &'static str;

    /// Version of the layout of its body.
    const VERSION: u16 = 1;

    /// The documents that it stands in.
    const SCOPE: Scope;

    /// Who may say it.
    const SPEAKER: Speaker;

    /// Whether it brings its subject into being.
    const DECLARES: bool = false;

    /// What it does to an event that it supersedes.
    const SUPERSEDES: Supersedes = Supersedes::Replace;

    /// Whether no later event hides it, because others were given what followed from it.
    const FINAL: bool = false;

    /// The release that brought this version: authors write it once the city announced that release.
    const SINCE: u16 = 0;

    /// What it is about, where only the owner may speak of that.
    fn subject(&self) -> Option<Subject> {
        None
    }

    /// The value it sets for its unit, where a later event sets it anew.
    fn register(&self, _unit: BranchId) -> Option<Register> {
        None
    }

    /// The day of the fact itself, where it has one; it decides the quarter of the document.
    fn fact_day(&self) -> Option<Day> {
        None
    }

    /// What it says of other events: of their authors, their order, whose they may be.
    fn ruling(&self) -> Option<Ruling<'_>> {
        None
    }

    /// Whether every field is something that can be meant. The bounds of a released version never change:
    /// all programs set the same events aside.
    fn bounds(&self) -> Checked;
}

/// The body of a version that this release reads and no longer writes; its fields are never edited.
pub trait Older: Packed {
    /// The version.
    const VERSION: u16;

    /// The kind as it is written today.
    type Now: Kind + From<Self>;
}

/// A body of whatever kind.
pub trait Body: fmt::Debug {
    /// What the kind says of itself.
    fn info(&self) -> KindInfo;
    /// The body itself, to be read as one kind.
    fn as_any(&self) -> &dyn Any;
    /// [`Kind::subject`]
    fn subject(&self) -> Option<Subject>;
    /// [`Kind::register`]
    fn register(&self, unit: BranchId) -> Option<Register>;
    /// [`Kind::fact_day`]
    fn fact_day(&self) -> Option<Day>;
    /// [`Kind::ruling`]
    fn ruling(&self) -> Option<Ruling<'_>>;
    /// [`Kind::bounds`]
    fn bounds(&self) -> Checked;
    /// Its bytes.
    fn encode(&self) -> Vec<u8>;
}

impl<K: Kind> Body for K {
    fn info(&self) -> KindInfo {
        KindInfo::of::<K>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn subject(&self) -> Option<Subject> {
        Kind::subject(self)
    }

    fn register(&self, unit: BranchId) -> Option<Register> {
        Kind::register(self, unit)
    }

    fn fact_day(&self) -> Option<Day> {
        Kind::fact_day(self)
    }

    fn ruling(&self) -> Option<Ruling<'_>> {
        Kind::ruling(self)
    }

    fn bounds(&self) -> Checked {
        Kind::bounds(self)
    }

    fn encode(&self) -> Vec<u8> {
        packed(self)
    }
}

/// What a kind says of itself, whatever an event of it holds.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// [`Kind::NAME`]
    pub name: &'static str,
    /// [`Kind::VERSION`]
    pub version: u16,
    /// [`Kind::SCOPE`]
    pub scope: Scope,
    /// [`Kind::SPEAKER`]
    pub speaker: Speaker,
    /// [`Kind::DECLARES`]
    pub declares: bool,
    /// [`Kind::SUPERSEDES`]
    pub supersedes: Supersedes,
    /// [`Kind::FINAL`]
    pub is_final: bool,
    /// [`Kind::SINCE`]
    pub since: u16,
    /// What its body looks like.
    pub shape: fn() -> Shape,
}

impl KindInfo {
    /// Of one kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            version: K::VERSION,
            scope: K::SCOPE,
            speaker: K::SPEAKER,
            declares: K::DECLARES,
            supersedes: K::SUPERSEDES,
            is_final: K::FINAL,
            since: K::SINCE,
            shape: K::shape,
        }
    }

    /// Of a version that is no longer written.
    pub const fn of_older<O: Older>() -> Self {
        Self { version: O::VERSION, since: 0, shape: O::shape, ..Self::of::<O::Now>() }
    }

    /// Name and version, which stand in the envelope.
    pub const fn id(&self) -> (&'static str, u16) {
        (self.name, self.version)
    }
}

/// A decoded event, whatever its kind: what the layers that know no kind ask of it.
pub trait Statement: Clone + fmt::Debug {
    /// Reads a body; an older version gives what it means today, an unknown kind or version `None`.
    fn decode(kind: &str, version: u16, body: &[u8]) -> Result<Option<Self>, DecodeError>;

    /// What was said.
    fn body(&self) -> &dyn Body;
}
