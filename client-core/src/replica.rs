//! A replica: a node whose log lives in memory and whose store is a map of records. A page is one, and in
//! the simulator everybody is.
//!
//! The shell calls [`Replica::handle`] with what happened and carries out what [`Replica::poll`]
//! returns, in order. Nothing is shown as saved, sent or acknowledged before the shell reports
//! the records of its [`Effect::Persist`] as durable.

mod records;

use crate::decide::timetable::{self, Previewing, Replay, ReplayError, WhatIf, WhatIfPlanning};
use crate::domain::{Command, Entry, History, PrivateViews, SharedViews};
use crate::event::{DocumentId, EventRef};
use crate::identity::{Certificate, Chain, SecretKey};
use crate::ids::{PersonId, PublicKey, UserId};
use crate::log::{LogKey, MemoryShelf};
use crate::node::{self, Delivery, Node, OpenError, Setup, What, Writer};
use crate::peer::{self, Batch};
use crate::plan::{self, Budget, Progress};
use crate::sync::{PROTOCOL, Session};
use crate::time::Millis;
use records::Rows;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Who the device is; kept by the shell beside the records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrolment {
    /// The city's public key.
    pub city_key: PublicKey,
    /// The device's certificate chain.
    pub chain: Chain,
    /// The person who works at it.
    pub user: UserId,
}

impl Enrolment {
    /// What the device's node is opened with; `entropy` is fresh random bytes.
    pub fn setup(&self, key: SecretKey, entropy: [u8; 32]) -> Setup {
        Setup {
            city_key: self.city_key,
            city: None,
            writers: vec![(Writer::Node, key, self.chain.clone())],
            protocol: PROTOCOL,
            was_put_back: false,
            entropy,
        }
    }
}

/// One durable record: the store is a map from key to value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it stands; a later record of the same key replaces it.
    pub key: String,
    /// What stands there.
    pub value: Vec<u8>,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect {
    /// Store all records in one transaction, in the order of these effects, then say
    /// [`peer::Input::Persisted`].
    Persist {
        /// Names the answer.
        token: u64,
        /// What to store.
        records: Vec<Record>,
        /// The upstream sends it again if it is lost: where nobody connects, the transaction need not wait
        /// for the disk.
        comes_again: bool,
    },
    /// What the node wants; never one that the replica answers itself ([`node::Effect::Persist`],
    /// [`node::Effect::LoadRows`]).
    Node(node::Effect),
}

/// The state of the line to the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Connected and greeted.
    pub live: bool,
    /// Everything held here is there, and everything held there is here.
    pub caught_up: bool,
    /// Since when the line is up or down.
    pub since: Millis,
    /// When the city last signed for something.
    pub city_heard: Option<Millis>,
    /// Lines the upstream refused, with its reason.
    pub refused: Vec<(DocumentId, String)>,
}

/// A node over records.
pub struct Replica {
    node: Node,
    user: UserId,
    shelf: MemoryShelf,
    rows: Rows,
    line: LineState,
    storing: BTreeMap<u64, Batch>,
    /// The number of the run stored last.
    feed: u64,
    effects: VecDeque<Effect>,
}

impl Replica {
    /// Opens a replica over its stored records, in any order, for a person.
    pub fn open(setup: Setup, user: UserId, records: Vec<Record>, now: Millis) -> Result<Self, OpenError> {
        let branch = setup.branch();
        let records::Read { restored, shelf, rows, feed } = records::read(records, branch);
        Ok(Self {
            node: Node::open(setup, restored, now)?,
            user,
            shelf,
            rows,
            line: LineState { since: now, ..LineState::default() },
            storing: BTreeMap::new(),
            feed,
            effects: VecDeque::new(),
        })
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Takes in what happened. A device has one connection, to its upstream.
    pub fn handle(&mut self, input: peer::Input, now: Millis) {
        match &input {
            peer::Input::Persisted(tokens) => tokens.iter().for_each(|token| self.stored(*token, true)),
            peer::Input::NotPersisted(token, _) => self.stored(*token, false),
            _ => {}
        }
        self.act(|node, shelf| node.handle(input, now, shelf), now);
    }

    /// Does what a person asks; [`node::Effect::Done`] answers with this number.
    pub fn command(&mut self, id: u32, command: Command, now: Millis) {
        let (who, what) = ((Writer::Node, self.user), What::Command(Box::new(command)));
        self.act(|node, shelf| node.write(u64::from(id), who, what, now, shelf), now);
    }

    /// Does something with the node, and takes over what it wants.
    pub fn act(&mut self, act: impl FnOnce(&mut Node, &MemoryShelf), now: Millis) {
        act(&mut self.node, &self.shelf);
        while let Some(effect) = self.node.poll() {
            self.take_over(effect, now);
        }
        self.look_at_line(now);
    }

    /// What is durable can be read from now on; what is not never happened.
    fn stored(&mut self, token: u64, is_durable: bool) {
        self.rows.stored(token, is_durable);
        let batch = self.storing.remove(&token).filter(|_| is_durable).unwrap_or_default();
        for (document, actor, bytes) in batch.introductions {
            self.shelf.introduce(LogKey { document, actor }, bytes);
        }
        for placed in batch.runs {
            self.shelf.push(placed.place, placed.run);
        }
    }

    fn take_over(&mut self, effect: node::Effect, now: Millis) {
        match effect {
            node::Effect::Persist { token, batch } => {
                let comes_again = batch.comes_again;
                let records = records::of_batch(token, &batch, &mut self.feed, &mut self.rows);
                self.storing.insert(token, *batch);
                return self.effects.push_back(Effect::Persist { token, records, comes_again });
            }
            node::Effect::LoadRows { connection, after } => {
                let rows = self.rows.after(after);
                return self.node.rows_loaded(connection, Some(rows), now, &self.shelf);
            }
            _ => {}
        }
        match &effect {
            node::Effect::Live { peer: None, .. } => self.line.refused.clear(),
            node::Effect::Refused { key, reason, here: false, .. } => {
                self.line.refused.push((key.document, reason.clone()));
            }
            _ => {}
        }
        self.effects.push_back(Effect::Node(effect));
    }

    /// Small values to store before anything else.
    pub fn take_notes(&mut self) -> Vec<Record> {
        self.node.take_notes().into_iter().map(|(key, value)| Record { key, value }).collect()
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What it keeps, to be read.
    pub fn shelf(&self) -> &MemoryShelf {
        &self.shelf
    }

    /// The views of shared and decisions documents.
    pub fn views(&mut self) -> &Arc<SharedViews> {
        self.node.views()
    }

    /// What the planner would say to this branch's orders on what this device knows: a preview.
    pub fn preview(&mut self, now: Millis, budget: Budget) -> Result<Previewing, plan::Refusal> {
        let (branch, city_heard) = (self.certificate().branch, self.node.city_heard());
        Previewing::new(self.views().clone(), branch, city_heard, now, budget)
    }

    /// What would change if something were otherwise than this device knows it.
    pub fn what_if(
        &mut self,
        what: &WhatIf,
        now: Millis,
        budget: Budget,
    ) -> Result<WhatIfPlanning, plan::Refusal> {
        WhatIfPlanning::new(self.views().clone(), what, now, budget)
    }

    /// Makes a decided plan once more from what this device holds.
    pub fn replay(&self, decision: &EventRef, progress: impl FnMut(Progress)) -> Result<Replay, ReplayError> {
        timetable::replay(self.node.shared(), decision, progress)
    }

    /// The branch's own rosters.
    pub fn rosters(&mut self) -> &PrivateViews {
        self.node.rosters(&self.shelf).expect("a shelf in memory can be read")
    }

    /// One sealed field of a person.
    pub fn sealed(&self, person: PersonId, field: &str) -> Option<&[u8]> {
        self.rows.get(person, field).map(|row| row.content.as_slice())
    }

    /// How far one event has come; `None` if it is not held here.
    pub fn delivery(&self, event: &EventRef) -> Option<Delivery> {
        self.node.delivery(event)
    }

    /// This device's events that the city has not signed for, in writing order.
    pub fn unsent(&self) -> Vec<(EventRef, Delivery)> {
        let device = self.certificate().device;
        let entries =
            self.node.shared().ranked().chain(self.node.own().into_iter().flat_map(History::ranked));
        entries
            .filter(|entry| entry.device == device)
            .filter_map(|entry| Some((entry.reference, self.delivery(&entry.reference)?)))
            .filter(|(_, delivery)| *delivery != Delivery::City)
            .collect()
    }

    /// The event itself, as it folds.
    pub fn entry(&self, event: &EventRef) -> Option<&Entry> {
        self.node.shared().get(event).or_else(|| self.node.own()?.get(event))
    }

    /// The state of the line to the upstream.
    pub fn line(&self) -> &LineState {
        &self.line
    }

    /// Whether a connection since the last asking moved anything on: then the next try may come soon.
    pub fn take_carried(&mut self) -> bool {
        self.node.take_carried()
    }

    /// The device's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.node.certificate()
    }

    fn look_at_line(&mut self, now: Millis) {
        let upstream = self.node.peer().upstream();
        let live = upstream.is_some();
        let caught_up = upstream.is_some_and(|session: &Session| session.is_caught_up(&self.shelf));
        self.line.city_heard = self.node.city_heard();
        if (live, caught_up) != (self.line.live, self.line.caught_up) {
            if live != self.line.live {
                self.line.since = now;
            }
            (self.line.live, self.line.caught_up) = (live, caught_up);
            self.effects.push_back(Effect::Node(node::Effect::Changed));
        }
    }
}

#[cfg(test)]
mod tests;
