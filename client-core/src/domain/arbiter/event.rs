//! What the arbiter says of its own work: its term, what it decided on, the release it runs.

use crate::event::{Basis, Checked, Kind, Ruling, Scope, Speaker, bounds};
use crate::ids::ChangeHash;
use client_core_macros::Packed;

/// An arbiter process took the lock.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ArbiterTerm {
    /// Random, new at every restore.
    pub epoch: u64,
    /// Counts up by one with each term.
    pub number: u64,
    /// Hash of the decisions frontier the arbiter knew.
    pub parent: ChangeHash,
}

/// What the decisions of the same action were made on: of events that a forked actor wrote twice under one
/// id, the bytes named here count.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct DecisionBasis {
    /// Each event once.
    pub events: Vec<Basis>,
}

/// The city runs a release. Authors write the kinds named here from now on; a program that does not know
/// one of them decides nothing while such an event is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct ReleaseAnnounced {
    /// Its number; counts up.
    pub number: u16,
    /// Every kind and version that it brought.
    pub kinds: Vec<(String, u16)>,
}

impl Kind for ArbiterTerm {
    const NAME: &'static str = "arbiter.term";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Term(self.epoch))
    }

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for DecisionBasis {
    const NAME: &'static str = "decision.basis";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 1;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn ruling(&self) -> Option<Ruling<'_>> {
        Some(Ruling::Basis(&self.events))
    }

    fn bounds(&self) -> Checked {
        bounds::list("events", &self.events, bounds::MOST_ELEMENTS)
    }
}

impl Kind for ReleaseAnnounced {
    const NAME: &'static str = "release.announced";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 1;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        bounds::list("kinds", &self.kinds, bounds::MOST_ELEMENTS)?;
        self.kinds.iter().try_for_each(|(kind, _)| bounds::name("kinds", kind))
    }
}
