//! Whether the city's arbiter may decide: after a restore it may have forgotten decisions, and what it does
//! not understand it cannot decide from.

use super::{Effect, Happening, Node, OpenError, new_epoch};
use crate::decide;
use crate::domain::SharedViews;
use crate::event::EventRef;
use crate::identity::{Certificate, Role};
use crate::ids::BranchId;
use crate::peer::Batch;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the standing is kept.
const STANDING: &str = "arbiter";

/// What the city keeps of its arbiter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Since when it waits for the branches, after a restore.
    restored: Option<Millis>,
    /// Branches that handed over all they held, since then.
    reported: BTreeSet<BranchId>,
    /// Events of unknown kind that an administrator let pass.
    passed: BTreeSet<EventRef>,
}

/// Why the arbiter decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Since when it waits for the branches, after a restore.
    pub since: Option<Millis>,
    /// Branches not heard from since: what they alone hold is unknown.
    pub waiting_for: Vec<Awaited>,
    /// Events whose kind or version this program does not know.
    pub unknown: Vec<EventRef>,
}

/// A branch that has not reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Awaited {
    /// The branch.
    pub branch: BranchId,
    /// Its name.
    pub name: String,
}

impl Paused {
    fn names(&self) -> String {
        let names: Vec<&str> = self.waiting_for.iter().map(|branch| branch.name.as_str()).collect();
        names.join(", ")
    }
}

impl std::fmt::Display for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut reasons = Vec::new();
        if self.since.is_some() {
            let names = match self.waiting_for.is_empty() {
                true => "the first branch".to_owned(),
                false => self.names(),
            };
            reasons
                .push(format!("the city's store was put back from a copy and waits for {names} to report"));
        }
        if let Some(first) = self.unknown.first() {
            let count = self.unknown.len();
            reasons.push(format!("{count} events are newer than this program, the first {first}: update it"));
        }
        let reasons = reasons.join("; ");
        write!(f, "nothing is decided: {reasons}; lianxiao release-arbiter decides without them")
    }
}

impl Standing {
    /// Goes on with what was kept; a store that was put back pauses the arbiter.
    pub fn open(
        notes: &BTreeMap<String, Vec<u8>>,
        was_put_back: bool,
        now: Millis,
    ) -> Result<Self, OpenError> {
        let read = notes.get(STANDING).map(|bytes| rmp_serde::from_slice(bytes)).transpose();
        let mut standing: Self =
            read.map_err(|error| OpenError::Note(STANDING.to_owned(), error))?.unwrap_or_default();
        if was_put_back {
            standing.pause(now);
        }
        Ok(standing)
    }

    /// Whether it waits for the branches: then every start is a new epoch, so that all compare again.
    pub fn waits(&self) -> bool {
        self.restored.is_some()
    }

    fn pause(&mut self, now: Millis) {
        self.restored = Some(now);
        self.reported.clear();
    }
}

impl Node {
    /// Why the arbiter decides nothing; `None` if it decides, or if this is not the city.
    pub fn paused(&mut self) -> Option<Paused> {
        if !self.is_city() {
            return None;
        }
        let views = self.views().clone();
        let newer = self.shared.kept().into_iter().filter(|kept| decide::needs_newer(kept, &views.releases));
        let standing = &self.arbiter.standing;
        let unknown: Vec<EventRef> =
            newer.map(|kept| kept.reference).filter(|event| !standing.passed.contains(event)).collect();
        let since = standing.restored;
        let waiting_for = match since {
            Some(_) => awaited(&views, &standing.reported),
            None => Vec::new(),
        };
        (since.is_some() || !unknown.is_empty()).then_some(Paused { since, waiting_for, unknown })
    }

    /// An administrator lets the arbiter decide although something is unknown; says what.
    pub fn release(&mut self) -> Option<Paused> {
        let paused = self.paused()?;
        self.arbiter.standing.passed.extend(&paused.unknown);
        self.released(&format!("by an administrator; not heard from: {}", paused.names()));
        Some(paused)
    }

    /// A line of the city's own that is about to be stored, and that it did not write just now, was
    /// forgotten: the whole store was put back, marker and all, and a branch knows more than it does. What
    /// follows from that is stored with the line.
    pub(super) fn look_for_forgotten_lines(&mut self, batch: &Batch, now: Millis) {
        if !self.is_city() || self.arbiter.standing.waits() {
            return;
        }
        let forgotten =
            |placed: &crate::peer::Placed| self.authors.has_forgotten(placed.run.actor, placed.author.key);
        if !batch.runs.iter().any(forgotten) {
            return;
        }
        self.happened(Happening::StorePutBack, "", "");
        self.epoch = new_epoch(&mut self.entropy);
        self.keep(super::EPOCH, &self.epoch.clone());
        self.arbiter.standing.pause(now);
        self.keep_standing();
        self.happened(Happening::ArbiterPaused, "", "this store was put back from a copy");
        self.peer.renew(self.epoch);
    }

    /// Everything a client held is here.
    pub(super) fn reported(&mut self, client: &Certificate) {
        if !self.arbiter.standing.waits() || !self.is_city() {
            return;
        }
        let views = self.views().clone();
        if has_node(&views, client.branch) && client.role != Role::BranchNode {
            return;
        }
        self.arbiter.standing.reported.insert(client.branch);
        self.keep_standing();
        if awaited(&views, &self.arbiter.standing.reported).is_empty() {
            self.released("every branch has reported");
        }
    }

    fn released(&mut self, how: &str) {
        self.arbiter.standing.restored = None;
        self.arbiter.begins_term();
        self.keep_standing();
        self.happened(Happening::ArbiterReleased, "", how);
        self.effects.push_back(Effect::ArbiterDue);
    }

    pub(super) fn keep_standing(&mut self) {
        let standing = self.arbiter.standing.clone();
        self.keep(STANDING, &standing);
    }
}

/// Branches with an enrolled device that have not reported.
fn awaited(views: &SharedViews, reported: &BTreeSet<BranchId>) -> Vec<Awaited> {
    let enrolled: BTreeSet<BranchId> = views.devices.enrolled.values().map(|device| device.branch).collect();
    let missing =
        enrolled.into_iter().filter(|branch| *branch != BranchId::CITY && !reported.contains(branch));
    missing.map(|branch| Awaited { branch, name: views.branches.name(branch) }).collect()
}

fn has_node(views: &SharedViews, branch: BranchId) -> bool {
    views.devices.enrolled.values().any(|device| device.branch == branch && device.role == Role::BranchNode)
}
