//! Sending: one chunk at a time, of small ones of the feed several; what the peer is known to lack first,
//! then the feed.

use super::{Here, InFlight, Phase, Session, Side};
use crate::log::{LogKey, Run, ShelfError, points};
use crate::sync::frame::{Frame, Refusal};
use crate::sync::lack::{Lack, Theirs};

impl Session {
    /// Sends the next chunks, while there is room for them on their way.
    pub(super) fn pump(&mut self, here: &Here<'_>) {
        let may_send = match self.side {
            Side::Client => matches!(self.phase, Phase::Live | Phase::Waiting) && !self.comparing,
            Side::Server => self.phase == Phase::Live,
        };
        while may_send && self.in_flight.is_none() && !self.feed.unread.is_full() {
            match self.send_next(here) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.close(Refusal::Store(error.to_string())),
            }
        }
    }

    /// Whether there may be more to do.
    pub(super) fn send_next(&mut self, here: &Here<'_>) -> Result<bool, ShelfError> {
        // Decisions are the last in order and go first: a city that was put back and does not know it
        // learns of them before anything reaches its arbiter.
        if let Some(key) = self.dirty.pop_last() {
            if self.refused.contains(&key) || !self.peer_may_read(&key.document) {
                // Heads that stand nowhere would hold back every promise.
                if let Some(theirs) = self.theirs.get_mut(&key) {
                    theirs.place(here, &key)?;
                }
                return Ok(true);
            }
            if !self.theirs.contains_key(&key) && self.side == Side::Client && !self.told_all {
                let mut theirs = Theirs::default();
                for line in 0..here.ledger.get(&key).map_or(0, |log| log.lines().len()) as u8 {
                    theirs.holds(line, here.reached.get(key, line).upstream.map_or(0, |(seq, _)| seq));
                }
                self.theirs.insert(key, theirs);
            }
            let theirs = self.theirs.entry(key).or_default();
            theirs.place(here, &key)?;
            match theirs.lack(here, &key) {
                Lack::Nothing => {}
                Lack::Ask { line } => {
                    theirs.ask(line);
                    self.probing.insert(key);
                    let points = points(here.shelf, here.ledger, &key, line)?;
                    self.send(Frame::Probe { key, line, points });
                    self.dirty.insert(key);
                }
                Lack::Send { line, after } => {
                    if let Some(run) = self.next_on(here, &key, line, after)? {
                        self.send_chunk(line, run.after(after)?, None, here)?;
                        self.dirty.insert(key);
                    }
                }
            }
            return Ok(true);
        }
        if self.side == Side::Client || self.feed.held {
            return Ok(false);
        }
        if self.feed.mark_due && self.feed.outbox.is_empty() && self.may_promise() {
            if !self.feed.unread.is_empty() {
                return Ok(false);
            }
            self.feed.mark_due = false;
            self.mark(self.feed.at);
            return Ok(true);
        }
        if let Some((line, run, upto)) = self.feed.outbox.pop_front() {
            self.send_chunk(line, run, upto, here)?;
            return Ok(true);
        }
        self.read_feed(here)
    }

    /// What follows `after` on a line, about a chunk of it. Joined it takes less room than it did in parts.
    fn next_on(
        &self,
        here: &Here<'_>,
        key: &LogKey,
        line: u8,
        after: u64,
    ) -> Result<Option<Run>, ShelfError> {
        let room = self.pace.chunk_bytes();
        let mut runs = here.shelf.runs_after(key, line, after, room)?;
        while let Some(last) = runs.last() {
            let mut joined = Run::join_all(&runs)?;
            let takes = joined[0].bytes.len();
            let more = match joined.len() == 1 && runs.len() > 1 && takes < room / 2 {
                true => here.shelf.runs_after(key, line, last.last_seq, room - takes)?,
                false => Vec::new(),
            };
            if more.is_empty() {
                return Ok(Some(joined.swap_remove(0)));
            }
            joined.extend(more);
            runs = joined;
        }
        Ok(None)
    }

    /// Server: the next stretch of the feed becomes chunks, one a line.
    pub(super) fn read_feed(&mut self, here: &Here<'_>) -> Result<bool, ShelfError> {
        let Some(peer) = self.peer.as_ref().filter(|_| !self.muted) else { return Ok(false) };
        if self.feed.at >= here.shelf.feed_head() {
            self.feed.echo.clear();
            return Ok(false);
        }
        let (items, upto) = here.shelf.feed_after(self.feed.at, peer, self.pace.chunk_bytes())?;
        let mut lines: Vec<(u8, Vec<Run>)> = Vec::new();
        let mut skipped = false;
        for item in items {
            let key = item.run.key();
            let echoed = self.feed.echo.contains(&(key, item.run.last_hash));
            let theirs = self.theirs.get(&key);
            let has = theirs.is_some_and(|theirs| theirs.has(here, &key, item.line, item.run.last_seq));
            // Where lines part it goes once it is known what it can stand on.
            let parted = theirs.is_some_and(|theirs| !theirs.is_settled()) && !self.rejected.contains(&key);
            if echoed || has || parted || self.refused.contains(&key) {
                skipped = true;
                continue;
            }
            match lines.iter_mut().find(|(line, runs)| *line == item.line && runs[0].key() == key) {
                // Where something of the line was skipped in between the rest is a chunk of its own.
                Some((_, runs))
                    if runs.last().is_some_and(|last| last.last_seq + 1 == item.run.first_seq) =>
                {
                    runs.push(item.run);
                }
                _ => lines.push((item.line, vec![item.run])),
            }
        }
        for (line, runs) in lines {
            self.feed.outbox.extend(Run::join_all(&runs)?.into_iter().map(|run| (line, run, None)));
        }
        self.feed.at = upto;
        let may_promise = self.may_promise();
        match self.feed.outbox.back_mut() {
            _ if !may_promise => self.feed.mark_due = true,
            Some((_, _, mark)) => {
                *mark = Some(upto);
                self.feed.marked = upto;
            }
            None if skipped && self.feed.unread.is_empty() => self.mark(upto),
            None => {}
        }
        Ok(true)
    }

    /// A number of the feed promises all before it: not while it is open where some line of the
    /// client's parts from ours.
    pub(super) fn may_promise(&self) -> bool {
        let settled = |(key, theirs): (&LogKey, &Theirs)| theirs.is_settled() || self.rejected.contains(key);
        self.probing.is_empty() && self.theirs.iter().all(settled)
    }

    pub(super) fn mark(&mut self, upto: u64) {
        self.feed.marked = upto;
        self.send(Frame::Mark { upto });
    }

    pub(super) fn send_chunk(
        &mut self,
        line: u8,
        run: Run,
        upto: Option<u64>,
        here: &Here<'_>,
    ) -> Result<(), ShelfError> {
        let key = run.key();
        let introduction = match run.first_seq {
            1 => here.shelf.introduction(&key)?,
            _ => None,
        };
        let flying = InFlight { key, line, head: run.head() };
        match upto {
            Some(upto) if self.is_answered_later(run.bytes.len()) => {
                self.feed.unread.push(flying, run.bytes.len(), upto);
            }
            _ => {
                self.in_flight = Some(flying);
                self.pace.sent(run.bytes.len(), here.now);
            }
        }
        self.last_sent = here.now;
        self.send(Frame::Chunk { introduction, run, upto });
        Ok(())
    }

    pub(super) fn is_idle(&self) -> bool {
        let nothing_flies = self.in_flight.is_none() && self.feed.unread.is_empty();
        nothing_flies && self.feed.outbox.is_empty() && self.dirty.is_empty()
    }
}
