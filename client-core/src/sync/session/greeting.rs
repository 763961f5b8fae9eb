//! The greeting: who each side is, which version they speak, and from where the feed goes on.

use super::{Cursor, Here, Output, Phase, Promise, Session, Side, check_proof};
use crate::identity;
use crate::identity::Role;
use crate::ids::ChangeHash;
use crate::sync::frame::{Frame, OLDEST_PROTOCOL, Refusal, proof_message};
use std::collections::BTreeMap;

impl Session {
    /// There is room for the client that knocked.
    pub fn welcome(&mut self, here: &Here<'_>) {
        let Some(peer) = self.peer.clone().filter(|_| self.phase == Phase::Waiting) else { return };
        if self.muted {
            return self.take_what_waited(here);
        }
        self.phase = Phase::Live;
        self.last_sent = here.now;
        let upto = here.shelf.feed_head();
        let digest = here.ledger.heads(|document| peer.may_read(document)).digest(self.city());
        self.send(Frame::Welcome { time: here.now, digest, upto });
        // A cursor beyond the feed is from a life of this store that was lost.
        let since = self.cursor.since.filter(|since| *since <= upto).unwrap_or(upto);
        (self.feed.at, self.feed.marked) = (since, since);
        self.feed.held = self.cursor.since.is_none();
        self.rows_after = self.cursor.rows_read;
        self.outputs.push_back(Output::Live(Some(peer)));
        self.take_what_waited(here);
        self.pump(here);
        self.pump_rows();
    }

    pub(super) fn take_what_waited(&mut self, here: &Here<'_>) {
        for frame in std::mem::take(&mut self.before_welcome) {
            if let Err(refusal) = self.converse(frame, here) {
                return self.close(refusal);
            }
        }
    }

    pub(super) fn greet(&mut self, frame: Frame, here: &Here<'_>) -> Result<(), Refusal> {
        let city = self.city();
        match (self.side, frame) {
            (Side::Client, Frame::Challenge { newest, oldest, city: theirs, epoch, chain, proof, nonce }) => {
                self.version = self.agree(newest, oldest)?;
                if theirs != city {
                    return Err(Refusal::OtherCity);
                }
                self.peer = match chain.is_empty() {
                    true => None,
                    false => Some(identity::verify_chain(self.local.city_key, &chain)?.clone()),
                };
                if self.peer.as_ref().is_some_and(|peer| peer.role != Role::BranchNode) {
                    return Err(Refusal::Identity("an upstream is a branch node or the city".into()));
                }
                let key = self.peer.as_ref().map_or(self.local.city_key, |peer| peer.key);
                check_proof(key, "challenge", city, &self.nonce, &proof)?;
                self.say_hello(epoch, &nonce, here)
            }
            (Side::Server, Frame::Hello { version, chain, proof, since, rows_read }) => {
                self.version = self.agree(version, version)?;
                let certificate = identity::verify_chain(self.local.city_key, &chain)?.clone();
                check_proof(certificate.key, "hello", city, &self.nonce, &proof)?;
                self.peer = Some(certificate.clone());
                self.cursor = Cursor { since, rows_read, ..Cursor::default() };
                self.phase = Phase::Waiting;
                self.outputs.push_back(Output::Knock(certificate));
                Ok(())
            }
            (Side::Client, Frame::Welcome { time, digest, upto }) => {
                self.phase = Phase::Live;
                self.outputs.push_back(Output::Upstream { time, epoch: self.cursor.epoch });
                self.outputs.push_back(Output::Live(self.peer.clone()));
                if let Some(promise) = &mut self.promise {
                    (promise.digest, promise.upto) = (digest, upto);
                    let reached = self.cursor.since;
                    self.reached_cursor(reached, here);
                }
                self.pump(here);
                self.pump_rows();
                Ok(())
            }
            (_, Frame::Refused(refusal)) => {
                self.phase = Phase::Closed;
                self.outputs.push_back(Output::Close(refusal));
                Ok(())
            }
            (_, other) => Err(Refusal::Unexpected(other.name().into())),
        }
    }

    /// Client: proves itself and sends what it has at once; a comparison where there is no cursor.
    pub(super) fn say_hello(&mut self, epoch: u64, nonce: &[u8; 32], here: &Here<'_>) -> Result<(), Refusal> {
        if self.cursor.epoch != epoch {
            self.cursor = Cursor { epoch, ..Cursor::default() };
            self.rows_after = 0;
        }
        let since = match here.ledger.is_empty() {
            true => Some(self.cursor.since.unwrap_or(0)),
            false => self.cursor.since,
        };
        self.cursor.since = since;
        let hello = Frame::Hello {
            version: self.version,
            chain: self.local.chain.clone(),
            proof: self.local.key.sign(&proof_message("hello", self.city(), nonce)),
            since,
            rows_read: self.cursor.rows_read,
        };
        self.send(hello);
        self.phase = Phase::Waiting;
        if since.is_none() {
            self.compare(here);
            return Ok(());
        }
        let mut base = BTreeMap::new();
        for ((key, line), reach) in
            here.reached.0.iter().filter(|((key, _), _)| self.is_readable(&key.document))
        {
            base.extend(reach.upstream.map(|upstream| ((*key, *line), upstream)));
        }
        self.promise = Some(Promise { digest: ChangeHash([0; 32]), upto: u64::MAX, base });
        for (key, log) in here.ledger.iter() {
            let all = (0..log.lines().len() as u8).all(|line| {
                let upstream = here.reached.get(*key, line).upstream;
                upstream.map_or(0, |(seq, _)| seq) >= log.lines()[usize::from(line)].head.seq
            });
            if !all {
                self.dirty.insert(*key);
            }
        }
        self.pump(here);
        Ok(())
    }

    pub(super) fn agree(&self, newest: u16, oldest: u16) -> Result<u16, Refusal> {
        let version = newest.min(self.local.protocol);
        if version >= oldest && version >= OLDEST_PROTOCOL.min(self.local.protocol) {
            Ok(version)
        } else {
            let own = self.local.protocol;
            Err(Refusal::Protocol { oldest: OLDEST_PROTOCOL.min(own), newest: own, peer: newest })
        }
    }
}
