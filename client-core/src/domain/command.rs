//! Commands: what a person may do, checked against the views, answered with events.
//!
//! A command never refuses a fact because it is late; it refuses what cannot be meant (a time in
//! the past for a plan, an unknown course, nobody to teach) and says what to do instead.

mod refusal;

pub use refusal::{Done, Problem, Refusal, Sort, Who};

use super::{Command, Draft, History, Offer, PrivateViews, SharedViews};
use crate::event::{EventRef, Scope, Statement, is_hidden};
use crate::identity::Role;
use crate::ids::{AssetId, BranchId, ChangeHash, ClassId, CourseId, RoundId, TeacherId, id_of_unit};
use crate::log::Ledger;
use crate::time::{Day, HalfDay, Millis, Slot};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The branch of the device; [`BranchId::CITY`] for the city.
    pub branch: BranchId,
    /// The device's role.
    pub role: Role,
    /// Today in the city.
    pub today: Day,
    /// Now.
    pub now: Millis,
}

/// What a command is checked against.
pub struct Context<'a> {
    /// Who asks.
    pub asker: Asker,
    /// What the device knows.
    pub views: &'a SharedViews,
    /// What it knows of its own branch alone; empty unless the act looks at it ([`Act::LOOKS_AT_OWN`]).
    pub own_views: &'a PrivateViews,
    /// Fresh random bytes.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
}

/// One thing that a person can do.
pub trait Act: Serialize + DeserializeOwned + Clone + fmt::Debug {
    /// The word that names it in JSON.
    const NAME: &'static str;

    /// Whether it is checked against what the branch alone sees, too.
    const LOOKS_AT_OWN: bool = false;

    /// The events that it stands for, if it may be done.
    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal>;

    /// Names what it goes up to, where it does not say so: what is held here at this moment.
    fn as_of(&mut self, _ledger: &Ledger, _history: &History) -> Result<(), Refusal> {
        Ok(())
    }

    /// What its author saw of the thing that it is about: where that has changed when the arbiter comes to
    /// an instruction, it is refused. `None`: it is about nothing that was there.
    fn stands_on(&self, _views: &SharedViews) -> Option<ChangeHash> {
        None
    }
}

/// An [`Act`] of whatever name.
pub trait AnyAct {
    /// [`Act::NAME`]
    fn name(&self) -> &'static str;
    /// [`Act::LOOKS_AT_OWN`]
    fn looks_at_own(&self) -> bool;
    /// [`Act::drafts`]
    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal>;
    /// [`Act::as_of`]
    fn as_of(&mut self, ledger: &Ledger, history: &History) -> Result<(), Refusal>;
    /// [`Act::stands_on`]
    fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash>;
    /// Its fields.
    fn to_json(&self) -> serde_json::Value;
}

impl<A: Act> AnyAct for A {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn looks_at_own(&self) -> bool {
        A::LOOKS_AT_OWN
    }

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        Act::drafts(self, context)
    }

    fn as_of(&mut self, ledger: &Ledger, history: &History) -> Result<(), Refusal> {
        Act::as_of(self, ledger, history)
    }

    fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash> {
        Act::stands_on(self, views)
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

/// The hash of something that is seen.
pub(super) fn hash_of(seen: &impl Serialize) -> ChangeHash {
    let bytes = rmp_serde::to_vec(seen).expect("views always encode");
    ChangeHash(Sha256::digest(bytes).into())
}

impl Command {
    /// The word that names it in JSON.
    pub fn name(&self) -> &'static str {
        self.act().name()
    }

    /// [`Act::LOOKS_AT_OWN`]
    pub fn looks_at_own(&self) -> bool {
        self.act().looks_at_own()
    }

    /// Checks it and gives the events it stands for.
    pub fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let drafts = self.act().drafts(context)?;
        for draft in &drafts {
            let body = draft.event.body();
            body.bounds()?;
            let info = body.info();
            // The city announces a release before it writes the decisions that it brought.
            if info.scope != Scope::Decisions && info.since > context.views.releases.number {
                return Err(Refusal::NotYet { release: info.since });
            }
        }
        Ok(drafts)
    }

    /// [`Act::stands_on`]
    pub fn stands_on(&self, views: &SharedViews) -> Option<ChangeHash> {
        self.act().stands_on(views)
    }

    /// A ruling that says not what it goes up to takes in what is held here at this moment.
    pub fn as_of(mut self, ledger: &Ledger, history: &History) -> Result<Self, Refusal> {
        self.act_mut().as_of(ledger, history)?;
        Ok(self)
    }
}

/// The field that holds the name.
const TAG: &str = "command";

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = self.act().to_json();
        value[TAG] = self.name().into();
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let known = || Self::names().collect::<Vec<_>>().join(", ");
        let Some(name) = value.get(TAG).and_then(serde_json::Value::as_str) else {
            return Err(D::Error::custom(format!("`{TAG}` names what to do, one of: {}", known())));
        };
        match Self::read(name, &value) {
            Some(read) => read.map_err(|error| D::Error::custom(format!("{name}: {error}"))),
            None => Err(D::Error::custom(format!("no command is named {name}; there are: {}", known()))),
        }
    }
}

impl Context<'_> {
    /// Only the city's arbiter does this.
    pub(super) fn city(&self) -> Result<(), Refusal> {
        self.must(self.asker.role == Role::Arbiter, Who::City)
    }

    /// Only offices do this.
    pub(super) fn branch(&self) -> Result<(), Refusal> {
        self.must(matches!(self.asker.role, Role::BranchNode | Role::Office), Who::Office)
    }

    /// Only the office of this branch does this.
    pub(super) fn owner(&self, branch: BranchId) -> Result<(), Refusal> {
        self.branch()?;
        self.must(self.asker.branch == branch, Who::Owner)
    }

    pub(super) fn must(&self, allowed: bool, who: Who) -> Result<(), Refusal> {
        let Asker { role, branch, .. } = self.asker;
        if allowed { Ok(()) } else { Err(Refusal::NotYours { role, branch, who }) }
    }

    /// An id for something new of the asking unit, which proves whose it is.
    pub(super) fn id_of_unit(&mut self) -> [u8; 16] {
        id_of_unit(self.asker.branch, (self.random)())
    }

    pub(super) fn not_past(&self, day: Day) -> Result<(), Refusal> {
        let earliest = self.asker.today;
        if day < earliest { Err(Refusal::Past { day, earliest }) } else { Ok(()) }
    }

    pub(super) fn slot(&self, slot: &Slot) -> Result<(), Refusal> {
        let end = u32::from(slot.start_minute).saturating_add(slot.duration_minutes.into());
        if slot.duration_minutes == 0 || end > 24 * 60 {
            return Err(Problem::WithinDay.in_field("slot"));
        }
        self.not_past(slot.day)
    }

    /// A word of the asking branch that stands in the place of an earlier one of its own.
    pub(super) fn replacing(&self, event: impl Into<super::Event>, earlier: EventRef) -> Draft {
        let own = (earlier.document.branch == self.asker.branch).then_some(earlier);
        Draft { supersedes: own, ..self.own(event) }
    }

    /// A fact of the asking branch.
    pub(super) fn own(&self, event: impl Into<super::Event>) -> Draft {
        Draft::new(self.asker.branch, event)
    }
}

/// A decision of the city.
pub(super) fn of_the_city(event: impl Into<super::Event>) -> Draft {
    Draft::new(BranchId::CITY, event)
}

/// The longest name that is typed, in characters.
pub const MOST_TYPED: usize = 200;

pub(super) fn filled(field: &'static str, text: &str) -> Result<(), Refusal> {
    let problem = if text.trim().is_empty() {
        Problem::Empty
    } else if text.chars().any(|c| c.is_control() || is_hidden(c)) {
        Problem::Hidden
    } else if text.chars().count() > MOST_TYPED {
        Problem::TooLong(MOST_TYPED)
    } else {
        return Ok(());
    };
    Err(problem.in_field(field))
}

pub(super) fn number(field: &'static str, number: u32, least: u32, most: u32) -> Result<(), Refusal> {
    let within = (least..=most).contains(&number);
    if within { Ok(()) } else { Err(Problem::Number(least, most).in_field(field)) }
}

/// The most people at one class.
pub(super) const MOST_PEOPLE: u32 = 5_000;

pub(super) fn people(headcount: u32) -> Result<(), Refusal> {
    number("headcount", headcount, 1, MOST_PEOPLE)
}

pub(super) fn range(from: Day, to: Day) -> Result<(), Refusal> {
    if from > to { Err(Problem::EndsBefore(from).in_field("to")) } else { Ok(()) }
}

pub(super) fn windows(windows: &[HalfDay]) -> Result<(), Refusal> {
    if windows.is_empty() {
        return Err(Problem::NothingChosen.in_field("windows"));
    }
    if windows.iter().any(|window| window.weekday > 6) {
        return Err(Problem::Weekday.in_field("windows"));
    }
    Ok(())
}

/// What an id of each type names, for whoever looks for it in vain.
macro_rules! sorts {
    ($($id:ident $sort:ident,)+) => {
        $(impl From<$id> for Refusal {
            fn from(id: $id) -> Self {
                Self::Unknown { what: Sort::$sort, id: id.to_string() }
            }
        })+
    };
}

sorts! {
    CourseId Course,
    TeacherId Teacher,
    AssetId Asset,
    ClassId Class,
    RoundId Round,
    BranchId Branch,
}

/// The hours that were offered, for whoever asked for others.
pub(super) fn not_offered(what: Sort, offered: &[Offer]) -> Refusal {
    Refusal::NotOffered { what, offered: offered.to_vec() }
}

#[cfg(test)]
pub(crate) mod tests;
