//! An event before it has an author, a stamp and a place in the log.

use super::{DocumentId, Event, EventRef, Scope};
use crate::ids::{BranchId, EventId};
use crate::time::{Day, Quarter};

/// What a command answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The branch it belongs to; [`BranchId::CITY`] for decisions.
    pub branch: BranchId,
    /// The id it must have; decisions bring theirs, all else is given one when written.
    pub id: Option<EventId>,
    /// What happened.
    pub event: Event,
    /// What it replaces.
    pub supersedes: Option<EventRef>,
}

impl Draft {
    /// A new fact of a branch.
    pub fn new(branch: BranchId, event: impl Into<Event>) -> Self {
        Self { branch, id: None, event: event.into(), supersedes: None }
    }

    /// The document it goes into; `None` for [`Event::Unknown`]. The fact's own day decides the
    /// quarter, or today where it has none.
    pub fn document(&self, today: Day) -> Option<DocumentId> {
        let (_, _, scope) = self.event.kind()?;
        let branch = if scope == Scope::Decisions { BranchId::CITY } else { self.branch };
        let period = Quarter::of(self.event.fact_day().unwrap_or(today));
        Some(DocumentId::new(scope, branch, period))
    }
}
