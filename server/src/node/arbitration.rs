//! The arbiter's standing at the city: its term, and whether it is paused because it may have forgotten
//! decisions, or because it does not understand what it would decide from.

use super::core::Core;
use super::journal::Happening;
use super::writing::{Actions, Drafting};
use super::{News, Node, NodeError, Writer, read_history};
use client_core::decide;
use client_core::domain::{ArbiterTerm, Draft, SharedViews};
use client_core::event::{EventRef, Scope};
use client_core::identity::{Certificate, Role};
use client_core::ids::{ActionId, BranchId, UserId};
use client_core::time::{Millis, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Records and closings in one action, which is one run in the log.
const UPKEEP_AT_ONCE: usize = 500;

/// Where the standing is kept in the store.
pub const STANDING: &str = "arbiter";

/// What the city keeps of its arbiter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it waits for the branches, after a restore.
    restored: Option<Millis>,
    /// Branches that handed over all they held, since then.
    reported: BTreeSet<BranchId>,
    /// Events of unknown kind that an administrator let pass.
    passed: BTreeSet<EventRef>,
    /// The next decision begins a new term.
    #[serde(skip)]
    term_due: bool,
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

impl Standing {
    /// Goes on with what the store holds; a store that was put back pauses the arbiter.
    pub fn load(bytes: Option<&[u8]>, was_put_back: bool, now: Millis) -> Result<Self, NodeError> {
        let read = bytes.map(rmp_serde::from_slice).transpose();
        let mut standing: Self =
            read.map_err(|error| NodeError::Damaged(error.to_string()))?.unwrap_or_default();
        if was_put_back {
            standing.restored = Some(now);
            standing.reported.clear();
        }
        standing.term_due = true;
        Ok(standing)
    }

    /// Whether it waits for the branches: then every start is a new epoch, so that all compare again.
    pub fn waits(&self) -> bool {
        self.restored.is_some()
    }

    /// What to store.
    pub fn note(&self) -> (String, Vec<u8>) {
        (STANDING.to_owned(), rmp_serde::to_vec(self).expect("a standing always encodes"))
    }
}

impl Node {
    /// Why the arbiter decides nothing; `None` if it decides.
    pub async fn arbiter_paused(&self) -> Result<Option<Paused>, NodeError> {
        self.look(Core::paused).await
    }

    /// An administrator lets the arbiter decide although something is unknown; says what.
    pub async fn release_arbiter(&self, now: Millis) -> Result<Option<Paused>, NodeError> {
        self.look(move |core| {
            let paused = core.paused()?;
            core.standing.passed.extend(&paused.unknown);
            let names: Vec<&str> = paused.waiting_for.iter().map(|branch| branch.name.as_str()).collect();
            let detail = format!("by an administrator; not heard from: {}", names.join(", "));
            core.release(&detail, now);
            Some(paused)
        })
        .await
    }

    /// One decides at a time, from the look at the views to the last word written.
    pub async fn deciding(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.deciding.lock().await
    }

    /// Writes what has to stand before anything is decided: the release, records of owners, and which of
    /// several bytes under one id count.
    pub async fn keep_up(&self) -> Result<(), NodeError> {
        let forked = self.look(|core| core.forked.clone()).await?;
        let mut closings = Vec::new();
        for key in &forked {
            let document = key.document;
            let mut logs = self.look(move |core| core.logs(|wanted| *wanted == document)).await?;
            logs.retain(|held, _| held == key);
            let mut history = read_history(&self.store, self.city, &logs).await?;
            history.follow(&self.rulings().await?);
            let found = self.look(move |core| decide::closings(&history, core.peer.ledger())).await?;
            closings.extend(found);
        }
        loop {
            let closings = std::mem::take(&mut closings);
            let draft: Drafting = Box::new(move |core, _| {
                let views = core.views();
                let events = decide::upkeep(&core.shared, &views, core.peer.ledger());
                let events = closings.into_iter().chain(events).take(UPKEEP_AT_ONCE);
                let drafts = events.map(|event| Draft::new(BranchId::CITY, event)).collect();
                let action = ActionId(crate::keys::random_id());
                Ok(Actions { drafts: vec![(action, drafts)], ..Actions::default() })
            });
            let written = self.write(Writer::Node, UserId([0; 16]), draft).await?;
            if written.len() < UPKEEP_AT_ONCE {
                break;
            }
        }
        self.look(move |core| core.forked.retain(|key| !forked.contains(key))).await
    }

    /// Begins a term where one is due: at each start, and after each pause.
    pub async fn begin_term(&self) -> Result<(), NodeError> {
        if !self.look(|core| core.standing.term_due).await? {
            return Ok(());
        }
        let parent = self.frontier().await?;
        let term = move |core: &mut Core, entropy: &mut client_core::ids::Entropy| {
            let last = core.views().requests.term.map_or(0, |(_, number)| number);
            let known = core.shared.ranked();
            let decisions = known.filter(|entry| entry.reference.document.scope == Scope::Decisions);
            let above: Option<Stamp> = decisions.map(|entry| entry.stamp).max();
            core.authors_mut().for_each(|author| author.clock_mut().raise(above.unwrap_or_default()));
            let term = ArbiterTerm { epoch: core.epoch, number: last + 1, parent };
            let drafts = vec![(ActionId(entropy.next_id()), vec![Draft::new(BranchId::CITY, term)])];
            core.standing.term_due = false;
            Ok(Actions { drafts, ..Actions::default() })
        };
        let written = self.write(Writer::Node, UserId([0; 16]), Box::new(term)).await;
        if written.is_err() {
            self.look(|core| core.standing.term_due = true).await?;
        }
        written.map(drop)
    }
}

impl Core {
    /// Why the arbiter decides nothing.
    pub fn paused(&mut self) -> Option<Paused> {
        if !self.is_city() {
            return None;
        }
        let views = self.views();
        let newer = self.shared.kept().into_iter().filter(|kept| decide::needs_newer(kept, &views.releases));
        let unknown: Vec<EventRef> =
            newer.map(|kept| kept.reference).filter(|event| !self.standing.passed.contains(event)).collect();
        let since = self.standing.restored;
        let waiting_for = match since {
            Some(_) => awaited(&self.views(), &self.standing.reported),
            None => Vec::new(),
        };
        (since.is_some() || !unknown.is_empty()).then_some(Paused { since, waiting_for, unknown })
    }

    /// A line of the city's own that is about to be stored, and that it did not write just now, was
    /// forgotten: the whole folder was put back, marker and all, and a branch knows more than it does. What
    /// follows from that is stored with the line.
    pub fn look_for_forgotten_lines(&mut self, now: Millis) {
        if !self.is_city() || self.standing.waits() {
            return;
        }
        let is_own = |key| self.authors.values().any(|author| author.key().public() == key);
        let is_written_now = |actor| {
            let mut lines = self.in_flight.values().flat_map(|flying| flying.lines());
            lines.any(|line| line.actor == actor)
        };
        let mut runs = self.storing.iter().flat_map(|(_, batch)| &batch.runs);
        if !runs.any(|placed| is_own(placed.author.key) && !is_written_now(placed.run.actor)) {
            return;
        }
        tracing::warn!(
            "this store was put back from a copy: a branch holds lines of the city that are not here"
        );
        self.journal.note(Happening::StorePutBack, "", "", now);
        self.epoch = super::new_epoch();
        self.notes.push(super::note_of(self.epoch));
        self.pause(now);
        self.peer.renew(self.epoch);
    }

    /// The store was put back: decisions may be missing until every branch has reported.
    fn pause(&mut self, now: Millis) {
        self.standing.restored = Some(now);
        self.standing.reported.clear();
        self.keep_standing();
        self.journal.note(Happening::ArbiterPaused, "", "this store was put back from a copy", now);
        tracing::warn!(
            "the arbiter is paused until every branch has reported; lianxiao release-arbiter ends it"
        );
    }

    /// Everything a client held is here.
    pub fn reported(&mut self, client: &Certificate, now: Millis) {
        if !self.standing.waits() || !self.is_city() {
            return;
        }
        let views = self.views();
        if has_node(&views, client.branch) && client.role != Role::BranchNode {
            return;
        }
        tracing::info!(branch = %client.branch, device = %client.device, "reported after the restore");
        self.standing.reported.insert(client.branch);
        self.keep_standing();
        if awaited(&views, &self.standing.reported).is_empty() {
            self.release("every branch has reported", now);
        }
    }

    fn release(&mut self, how: &str, now: Millis) {
        self.standing.restored = None;
        self.standing.term_due = true;
        self.keep_standing();
        self.journal.note(Happening::ArbiterReleased, "", how, now);
        tracing::info!(how, "the arbiter decides again");
        let _ = self.news.send(News::Arbiter);
    }

    fn keep_standing(&mut self) {
        let note = self.standing.note();
        self.notes.retain(|(name, _)| *name != note.0);
        self.notes.push(note);
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
