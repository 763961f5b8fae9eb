//! What changed in a history since somebody who keeps up with it asked last.

use super::{Entry, History};
use crate::event::{EventRef, Ruling, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What changed in a history.
#[derive(Clone, Debug)]
pub struct Delta<E> {
    /// Events that came, went or altered their place, each as it stood before.
    pub before: BTreeMap<EventRef, Option<Arc<Entry<E>>>>,
    /// Bytes whose reason for not folding came, went or altered.
    pub aside: BTreeSet<(EventRef, [u8; 32])>,
    /// The lines of an actor may lie otherwise: what leads to a change of it may be known by now.
    pub is_forked: bool,
    /// Certificates or enrolments came or went.
    pub has_certificates: bool,
}

impl<E> Default for Delta<E> {
    fn default() -> Self {
        let (before, aside) = Default::default();
        Self { before, aside, is_forked: false, has_certificates: false }
    }
}

impl<E: Statement> History<E> {
    /// What changed since this was asked last; none where it was never asked before.
    pub fn take_delta(&mut self) -> Option<Delta<E>> {
        self.delta.replace(Delta::default())
    }

    pub(super) fn note(&mut self, reference: EventRef, before: Option<Arc<Entry<E>>>) {
        if let Some(delta) = &mut self.delta {
            delta.before.entry(reference).or_insert(before);
        }
    }

    pub(super) fn note_enrolment(&mut self, entry: &Entry<E>) {
        if let (Some(delta), Some(Ruling::Enrolled(..))) = (&mut self.delta, entry.event.body().ruling()) {
            delta.has_certificates = true;
        }
    }

    pub(super) fn note_aside(&mut self, what: (EventRef, [u8; 32])) {
        if let Some(delta) = &mut self.delta {
            delta.aside.insert(what);
        }
    }
}
