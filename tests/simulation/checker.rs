//! The checker: its own record of what was written, stored and acknowledged, and the promises held
//! against it. It shares data types with the product, and none of its log, door, folds or sync.

mod decisions;
mod decode;
mod holdings;
mod instructions;
mod order;
mod rulings;
mod truth;
mod words;

pub use decisions::Seen;
pub use holdings::{Holdings, Readers, readers};
pub use truth::Truth;

use client_core::event::EventRef;
use client_core::ids::{BranchId, ChangeHash, PublicKey};
use client_core::log::{LogKey, Run};
use client_core::replica::Record;
use client_core::sync::{CityStatement, Frame};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers the nodes of a world.
pub type NodeId = usize;

/// What the checker knows of a node.
pub struct Watched {
    pub name: String,
    pub device: [u8; 16],
    pub branch: BranchId,
    pub is_city: bool,
    /// Whether it keeps the rules. Disks of others prove nothing.
    pub honest: bool,
    pub holdings: Holdings,
}

/// What a server sent on one connection.
#[derive(Default)]
pub struct Delivery {
    changes: BTreeSet<ChangeHash>,
    /// Up to where its promises were checked.
    promised: usize,
    /// Up to where the client's answers were checked.
    read: usize,
}

/// The checker.
pub struct Checker {
    city_key: PublicKey,
    pub truth: Truth,
    pub nodes: Vec<Watched>,
    /// Every change the city signed for.
    pub acknowledged: BTreeSet<ChangeHash>,
    /// Lost with the city's disk when nobody else held it any more.
    pub lost_with_city: BTreeSet<ChangeHash>,
    ever_at_city: BTreeSet<ChangeHash>,
    epochs: BTreeMap<u64, NodeId>,
    signed: BTreeMap<Vec<u8>, bool>,
    pub seen: Seen,
    pub events: usize,
    pub violations: Vec<String>,
}

/// What the protocol says of lines of one actor.
const MOST_LINES: usize = 8;

const MOST_VIOLATIONS: usize = 20;

impl Checker {
    pub fn new(city_key: PublicKey) -> Self {
        Self {
            city_key,
            truth: Truth::default(),
            nodes: Vec::new(),
            acknowledged: BTreeSet::new(),
            lost_with_city: BTreeSet::new(),
            ever_at_city: BTreeSet::new(),
            epochs: BTreeMap::new(),
            signed: BTreeMap::new(),
            seen: Seen::default(),
            events: 0,
            violations: Vec::new(),
        }
    }

    pub fn violation(&mut self, text: impl Into<String>) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(text.into());
        }
    }

    fn of(&mut self, node: NodeId, text: &str) {
        let name = self.nodes[node].name.clone();
        self.violation(format!("{name}: {text}"));
    }

    /// A node opened its store in this epoch; `told` says whether it knows of every restore.
    pub fn started(&mut self, node: NodeId, epoch: u64, told: bool) {
        self.forget_epoch(node);
        if told && self.nodes[node].honest {
            self.epochs.insert(epoch, node);
        }
    }

    /// Its feed's numbers no longer mean what they meant when cursors were given.
    pub fn forget_epoch(&mut self, node: NodeId) {
        self.epochs.retain(|_, of| *of != node);
    }

    /// A device wrote a change.
    pub fn wrote(&mut self, node: NodeId, run: &Run) {
        let Watched { device, honest, .. } = self.nodes[node];
        self.events += self.truth.wrote(run, device, honest);
    }

    /// A batch went to a disk, not yet durable.
    pub fn written(&mut self, node: NodeId, records: &[Record]) {
        let watched = &mut self.nodes[node];
        let wrong = watched.holdings.write(records, &self.truth);
        if watched.honest {
            wrong.iter().for_each(|text| self.of(node, text));
        }
    }

    /// All that went to a disk counts: it is durable, or comes again from the upstream.
    pub fn synced(&mut self, node: NodeId) {
        let before = self.nodes[node].holdings.feed.len();
        let watched = &mut self.nodes[node];
        watched.holdings.sync(&self.truth, watched.device);
        let new: Vec<ChangeHash> =
            watched.holdings.feed[before..].iter().flat_map(|(_, hashes)| hashes.iter().copied()).collect();
        if watched.is_city {
            self.ever_at_city.extend(&new);
        }
        if !watched.honest {
            return;
        }
        let elsewhere = !watched.is_city;
        for hash in &new {
            self.seen.stored(*hash, &self.truth, elsewhere);
        }
        self.check_cursor(node);
    }

    /// A disk holds other than before: after a crash, a restore, a replacement.
    pub fn changed(&mut self, node: NodeId, batches: &[Vec<Record>]) {
        let (device, truth) = (self.nodes[node].device, &self.truth);
        let mut holdings = Holdings::default();
        for records in batches {
            holdings.write(records, truth);
            holdings.sync(truth, device);
        }
        holdings.writes_on_shared.clear();
        self.nodes[node].holdings = holdings;
    }

    /// After a fault that takes durable content away: what no disk holds any more.
    pub fn content_was_lost(&mut self) {
        let held = |hash: &ChangeHash| {
            self.nodes.iter().any(|node| node.honest && node.holdings.durable.contains(hash))
        };
        let lost: Vec<_> = self.ever_at_city.iter().filter(|hash| !held(hash)).copied().collect();
        self.lost_with_city.extend(lost);
    }

    /// The cursor says that all of the upstream's feed up to it is held.
    fn check_cursor(&mut self, node: NodeId) {
        let holdings = &self.nodes[node].holdings;
        let (epoch, Some(since)) = (holdings.cursor.epoch, holdings.cursor.since) else { return };
        let Some(upstream) = self.epochs.get(&epoch).filter(|upstream| **upstream != node) else { return };
        let from = if holdings.cursor_checked.0 == epoch { holdings.cursor_checked.1 } else { 0 };
        let upto = since as usize;
        if let Some(key) = self.missing(node, *upstream, from as usize, upto, |_| false) {
            self.of(node, &format!("its cursor {since} passes changes of {key} that it does not hold"));
        }
        self.nodes[node].holdings.cursor_checked = (epoch, since);
    }

    /// An actor of whom a server's feed has honest changes, between two numbers, that a client may read and
    /// does not hold, but for those that are excused.
    fn missing(
        &self,
        client: NodeId,
        server: NodeId,
        from: usize,
        upto: usize,
        excused: impl Fn(&ChangeHash) -> bool,
    ) -> Option<LogKey> {
        let feed = &self.nodes[server].holdings.feed;
        let durable = &self.nodes[client].holdings.durable;
        let there = |hash: &ChangeHash| durable.contains(hash) || excused(hash);
        let end = upto.min(feed.len());
        let lacking = feed[from.min(end)..end].iter().find(|(key, hashes)| {
            let honest = hashes.first().and_then(|hash| self.truth.get(hash)).is_some_and(|c| c.honest);
            honest && self.may_read(client, key) && !hashes.iter().all(there)
        });
        lacking.map(|(key, _)| *key)
    }

    /// Whether the numbers of a node's feed mean what they meant when they were given.
    fn is_known(&self, server: NodeId) -> bool {
        self.epochs.values().any(|of| *of == server)
    }

    /// An honest server sends a frame to a client: a number of its feed promises that all up to it is there
    /// or on its way on this very connection.
    pub fn delivered(&mut self, server: NodeId, client: NodeId, bytes: &[u8], delivery: &mut Delivery) {
        let numbered = bytes.starts_with(b"\x81\xa5Chunk") || bytes.starts_with(b"\x81\xa4Mark");
        if !numbered || !self.nodes[server].honest || !self.nodes[client].honest {
            return;
        }
        let upto = match Frame::decode(bytes) {
            Ok(Frame::Chunk { run, upto, .. }) => {
                let line = self.truth.line(run.last_hash);
                delivery
                    .changes
                    .extend(line.take_while(|(_, change)| change.seq >= run.first_seq).map(|(hash, _)| hash));
                upto
            }
            Ok(Frame::Mark { upto }) => Some(upto),
            _ => None,
        };
        let Some(upto) = upto.filter(|_| self.is_known(server)) else { return };
        let is_sent = |hash: &ChangeHash| delivery.changes.contains(hash);
        if let Some(key) = self.missing(client, server, delivery.promised, upto as usize, is_sent) {
            let client = self.nodes[client].name.clone();
            let text = format!("promises {client} its feed up to {upto} before all of {key} is sent");
            self.of(server, &text);
        }
        delivery.promised = upto as usize;
    }

    /// An honest client says how far it has read an honest server's feed: all up to there is durable.
    pub fn has_read(&mut self, client: NodeId, server: NodeId, bytes: &[u8], delivery: &mut Delivery) {
        let honest = self.nodes[server].honest && self.nodes[client].honest && self.is_known(server);
        if !honest || !bytes.starts_with(b"\x81\xa4Read") {
            return;
        }
        let Ok(Frame::Read { upto }) = Frame::decode(bytes) else { return };
        if let Some(key) = self.missing(client, server, delivery.read, upto as usize, |_| false) {
            self.of(client, &format!("says it has read up to {upto} and does not hold all of {key}"));
        }
        delivery.read = upto as usize;
    }

    fn may_read(&self, node: NodeId, key: &LogKey) -> bool {
        match readers(&key.document) {
            None => true,
            Some(branch) => self.nodes[node].branch == branch,
        }
    }

    /// An honest node sends a frame: it says nothing that is not durable there.
    pub fn sent(&mut self, node: NodeId, bytes: &[u8]) {
        if !self.nodes[node].honest || !says_something(bytes) {
            return;
        }
        let Ok(frame) = Frame::decode(bytes) else { return self.of(node, "sends what cannot be read") };
        let named: Vec<ChangeHash> = match &frame {
            Frame::Stored { head, .. } => vec![head.hash],
            Frame::Chunk { run, .. } => vec![run.last_hash],
            Frame::Have { documents, .. } => {
                documents.iter().flat_map(|(_, heads)| heads.iter().map(|head| head.hash)).collect()
            }
            Frame::AtCity(statement) if self.nodes[node].is_city => {
                statement.heads.iter().map(|head| head.hash).collect()
            }
            _ => return,
        };
        let durable = &self.nodes[node].holdings.durable;
        if named.iter().any(|hash| *hash != decode::NOTHING && !durable.contains(hash)) {
            let text = format!("says {} of a change that is not durable there", frame.name());
            self.of(node, &text);
        }
    }

    /// An honest node got a frame: what the city signed for counts from now on.
    pub fn received(&mut self, bytes: &[u8]) {
        if !is_statement(bytes) {
            return;
        }
        let Ok(Frame::AtCity(statement)) = Frame::decode(bytes) else { return };
        if !self.is_signed(bytes, &statement) {
            return;
        }
        for head in &statement.heads {
            let mut line = Vec::new();
            for (hash, _) in self.truth.line(head.hash) {
                if self.acknowledged.contains(&hash) {
                    break;
                }
                line.push(hash);
            }
            if line.is_empty() && !self.acknowledged.contains(&head.hash) {
                self.violation("the city signed for a change that nobody wrote");
            }
            self.acknowledged.extend(line);
        }
    }

    fn is_signed(&mut self, bytes: &[u8], statement: &CityStatement) -> bool {
        if let Some(known) = self.signed.get(bytes) {
            return *known;
        }
        let holds = decode::is_signed(statement, self.city_key);
        self.signed.insert(bytes.to_vec(), holds);
        holds
    }

    /// A device shows an event as being at the city.
    pub fn shown_at_city(&mut self, node: NodeId, event: &EventRef) {
        if !self.truth.of_event(event).any(|hash| self.acknowledged.contains(hash)) {
            self.of(node, &format!("shows {event} as at the city, which never signed for it"));
        }
    }

    /// A node counts a line as being at the city up to a change.
    pub fn counted_at_city(&mut self, node: NodeId, head: ChangeHash, seq: u64) {
        let at = self.truth.line(head).find(|(_, change)| change.seq == seq).map(|(hash, _)| hash);
        if !at.is_some_and(|hash| self.acknowledged.contains(&hash)) {
            self.of(node, &format!("counts change {seq} as at the city, which never signed for it"));
        }
    }

    /// Whether a node holds all that honest devices wrote and the city holds, of what it may read, and
    /// nothing else.
    pub fn same_as_city(&self, node: NodeId, city: NodeId, readable: &[Readers]) -> bool {
        self.is_same(node, city, readable, true)
    }

    /// The same of what devices wrote that keep no rule.
    pub fn same_malice(&self, node: NodeId, city: NodeId, readable: &[Readers]) -> bool {
        self.is_same(node, city, readable, false)
    }

    fn is_same(&self, node: NodeId, city: NodeId, readable: &[Readers], honest: bool) -> bool {
        let (own, all) = (&self.nodes[node].holdings, &self.nodes[city].holdings);
        readable.iter().all(|readers| own.sum(*readers, honest) == all.sum(*readers, honest))
    }

    /// Whether some actor has more lines than anybody keeps. Which of them a node holds is then a
    /// matter of what came first, until the city closes the actor.
    pub fn is_over_the_cap(&self) -> bool {
        let malicious = || self.truth.iter().filter(|(_, change)| !change.honest);
        let parents: BTreeSet<ChangeHash> = malicious().map(|(_, change)| change.before).collect();
        let mut lines: BTreeMap<_, usize> = BTreeMap::new();
        for (_, change) in malicious().filter(|(hash, _)| !parents.contains(hash)) {
            *lines.entry(change.key).or_default() += 1;
        }
        lines.values().any(|count| *count > MOST_LINES)
    }

    /// At the end: nothing that was acknowledged is missing at the city. Of more lines than anybody keeps a
    /// city that was put back may take others than before.
    pub fn check_acknowledged(&mut self, city: NodeId) {
        let held = &self.nodes[city].holdings.durable;
        let over_the_cap = self.is_over_the_cap();
        let counts =
            |hash: &ChangeHash| !over_the_cap || self.truth.get(hash).is_none_or(|change| change.honest);
        let missing: Vec<ChangeHash> = self
            .acknowledged
            .iter()
            .filter(|hash| !held.contains(hash) && !self.lost_with_city.contains(hash) && counts(hash))
            .copied()
            .collect();
        for hash in missing {
            let key = self.truth.get(&hash).map(|change| change.key.to_string()).unwrap_or_default();
            self.violation(format!("the city signed for {hash} of {key} and lost it"));
        }
    }
}

fn is_statement(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x81\xa6AtCity")
}

fn says_something(bytes: &[u8]) -> bool {
    let kinds: [&[u8]; 4] = [b"\x81\xa6Stored", b"\x81\xa5Chunk", b"\x81\xa4Have", b"\x81\xa6AtCity"];
    kinds.iter().any(|kind| bytes.starts_with(kind))
}
