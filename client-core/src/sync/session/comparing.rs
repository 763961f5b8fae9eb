//! Comparing: both sides name their heads, and each learns what the other lacks.

use super::{Feed, Here, InFlight, MOST_BEHIND, Output, Promise, Session, Side};
use crate::event::DocumentId;
use crate::ids::ChangeHash;
use crate::log::{Frontier, Head, LogKey};
use crate::sync::frame::{Frame, Refusal};
use crate::sync::lack::Theirs;
use crate::sync::reach::Reached;
use std::collections::BTreeMap;

impl Session {
    /// Names all heads here; the peer answers with its own.
    pub(super) fn compare(&mut self, here: &Here<'_>) {
        self.comparing = true;
        self.promise = None;
        self.name_heads(here);
    }

    pub(super) fn name_heads(&mut self, here: &Here<'_>) {
        let heads: Frontier = here.ledger.heads(|document| self.peer_may_read(document));
        self.send(Frame::Have { documents: heads.0.into_iter().collect(), upto: here.shelf.feed_head() });
    }

    pub(super) fn heard_have(
        &mut self,
        documents: Vec<(DocumentId, Vec<Head>)>,
        upto: u64,
        here: &Here<'_>,
    ) -> Result<(), Refusal> {
        let mut told: BTreeMap<LogKey, Vec<Head>> = BTreeMap::new();
        for (document, heads) in documents {
            for head in heads {
                told.entry(LogKey { document, actor: head.actor }).or_default().push(head);
            }
        }
        self.theirs = told.into_iter().map(|(key, heads)| (key, Theirs::told(heads))).collect();
        self.told_all = true;
        // What was asked before is asked anew, of the heads named now.
        self.probing.clear();
        match self.side {
            Side::Server => {
                self.name_heads(here);
                let (at, marked) = (here.shelf.feed_head(), self.feed.marked);
                let unread = std::mem::take(&mut self.feed.unread);
                self.feed = Feed { at, marked, unread, mark_due: true, ..Feed::default() };
            }
            Side::Client => {
                self.comparing = false;
                self.outputs.push_back(Output::Compared);
                // Held once everything the server sends from now on is stored; it says so itself.
                let nothing = Promise { digest: ChangeHash([0; 32]), upto, base: BTreeMap::new() };
                self.promise = Some(nothing);
            }
        }
        let mut places = Vec::new();
        for (key, theirs) in &mut self.theirs {
            places.extend(theirs.place(here, key)?.into_iter().map(|(line, head)| (*key, line, head)));
        }
        if self.side == Side::Client {
            let delivered = places.into_iter().map(|(key, line, head)| Output::Delivered { key, line, head });
            self.outputs.extend(delivered);
        } else {
            let lacking = |(key, theirs): (&LogKey, &Theirs)| {
                theirs.unplaced().iter().map(|head| (*key, *head)).collect::<Vec<_>>()
            };
            self.outputs.push_back(Output::Named(self.theirs.iter().flat_map(lacking).collect()));
        }
        let keys = here.ledger.iter().map(|(key, _)| *key);
        self.dirty = keys.filter(|key| self.peer_may_read(&key.document)).collect();
        Ok(())
    }

    pub(super) fn peer_stored(
        &mut self,
        document: DocumentId,
        head: Head,
        here: &Here<'_>,
    ) -> Result<(), Refusal> {
        let key = LogKey { document, actor: head.actor };
        let flew = self.in_flight.is_some();
        let line = match self.has_landed(key) {
            Some(flying) if flying.head == head => Some(flying.line),
            _ => {
                crate::log::locate(here.ledger, here.shelf, &key, head.seq, head.hash)?.map(|(line, _)| line)
            }
        };
        if flew && self.in_flight.is_none() {
            self.pace.acknowledged(here.now);
            self.got_through = true;
        }
        if let Some(line) = line {
            self.peer_holds(key, line, head);
        }
        Ok(())
    }

    /// The peer answered a chunk of this actor, the oldest on its way: it is on its way no more.
    pub(super) fn has_landed(&mut self, key: LogKey) -> Option<InFlight> {
        let of_this = |flying: &mut InFlight| flying.key == key;
        self.feed.unread.take(key).or_else(|| self.in_flight.take_if(of_this))
    }

    pub(super) fn peer_holds(&mut self, key: LogKey, line: u8, head: Head) {
        if self.side == Side::Client {
            self.theirs.entry(key).or_default().holds(line, head.seq);
            self.dirty.insert(key);
            self.outputs.push_back(Output::Delivered { key, line, head });
        } else if let Some(theirs) = self.theirs.get_mut(&key) {
            theirs.holds(line, head.seq);
            self.dirty.insert(key);
        }
    }

    pub(super) fn peer_behind(&mut self, key: LogKey, heads: Vec<Head>) {
        self.has_landed(key);
        // What the chunk promised of the feed did not come about with it.
        self.feed.mark_due = true;
        // More of this actor may be on its way, to be turned back for the same want.
        let more = u8::from(!self.feed.unread.has(key));
        let behind = self.theirs.get(&key).map_or(0, |theirs| theirs.behind) + more;
        if behind > MOST_BEHIND {
            if self.refused.insert(key) {
                let reason = "the peer keeps saying that it lacks what was sent".to_owned();
                self.outputs.push_back(Output::Refused { key, seq: 0, reason });
            }
            return;
        }
        let theirs = self.theirs.entry(key).or_default();
        *theirs = Theirs::told(heads);
        theirs.behind = behind;
        self.probing.remove(&key);
        self.dirty.insert(key);
    }

    /// Client: all up to this number of the upstream's feed is durable here.
    pub(super) fn reached_cursor(&mut self, upto: Option<u64>, here: &Here<'_>) {
        let Some(upto) = upto.filter(|_| self.side == Side::Client) else { return };
        if self.cursor.since != Some(upto) {
            self.cursor.since = Some(upto);
            self.outputs.push_back(Output::Cursor(upto));
        }
        if self.promise.as_ref().is_some_and(|promise| upto >= promise.upto)
            && let Some(promise) = self.promise.take()
            && !self.is_kept(&promise, here)
        {
            self.compare(here);
        }
    }

    /// Whether what came is all that was promised. After a comparison heads were named one by one.
    pub(super) fn is_kept(&self, promise: &Promise, here: &Here<'_>) -> bool {
        if self.told_all {
            return true;
        }
        let mut base = Reached::default();
        for ((key, line), (seq, hash)) in &promise.base {
            base.at_upstream(*key, *line, *seq, *hash);
        }
        let frontier = base.upstream_frontier(here.ledger, |document| self.is_readable(document));
        frontier.digest(self.city()) == promise.digest
    }
}
