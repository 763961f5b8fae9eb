//! An event before it has an author, a stamp and a place in the log.

use super::{DocumentId, EventRef, Scope, Statement};
use crate::ids::{BranchId, EventId};
use crate::time::{Day, Quarter};

/// What a command answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<E> {
    /// The branch it belongs to; [`BranchId::CITY`] for decisions.
    pub branch: BranchId,
    /// The id it must have; decisions bring theirs, all else is given one when written.
    pub id: Option<EventId>,
    /// What happened.
    pub event: E,
    /// What it replaces.
    pub supersedes: Option<EventRef>,
}

impl<E: Statement> Draft<E> {
    /// A new fact of a branch.
    pub fn new(branch: BranchId, event: impl Into<E>) -> Self {
        Self { branch, id: None, event: event.into(), supersedes: None }
    }

    /// The document it goes into. The fact's own day decides the quarter, or today where it has none.
    pub fn document(&self, today: Day) -> DocumentId {
        let scope = self.event.body().info().scope;
        let branch = if scope == Scope::Decisions { BranchId::CITY } else { self.branch };
        let period = Quarter::of(self.event.body().fact_day().unwrap_or(today));
        DocumentId::new(scope, branch, period)
    }
}
