//! Answers to chunks: in the order they came, and of small ones of the feed only now and then how far it
//! was read.

use super::{Here, InFlight, Session, Side};
use crate::log::{Head, LogKey};
use crate::sync::frame::Frame;
use std::collections::VecDeque;

/// A chunk of the feed with at most so many bytes of changes is small.
const SMALL_CHUNK: usize = 4 * 1024;
/// So many bytes in small chunks are answered at once; the accepting side waits for it.
const MOST_UNREAD: usize = 8 * 1024;
/// The first version that knows [`Frame::Read`].
const KNOWS_READ: u16 = 3;

/// A chunk that came and is not answered yet.
#[derive(Debug)]
struct Arrival {
    key: LogKey,
    head: Head,
    bytes: usize,
    upto: Option<u64>,
    outcome: Option<Outcome>,
}

/// What became of a chunk.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is durable here.
    Stored,
    /// It stands on a change that is not here; these heads are.
    Behind(Vec<Head>),
    /// It is refused here from this change on.
    Rejected(u64, String),
}

/// What came from the peer and is not answered yet.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    chunks: VecDeque<Arrival>,
    /// Bytes of small chunks since the last [`Frame::Read`].
    unread: usize,
    /// A chunk was turned back: until the next mark no number says what is held.
    numbers_are_void: bool,
}

/// Server: small chunks on their way, which the client answers together.
#[derive(Debug, Default)]
pub(super) struct Unread(VecDeque<(InFlight, usize, u64)>);

impl Unread {
    pub fn push(&mut self, flying: InFlight, bytes: usize, upto: u64) {
        self.0.push_back((flying, bytes, upto));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the client answers before more is sent.
    pub fn is_full(&self) -> bool {
        self.0.iter().map(|(_, bytes, _)| bytes).sum::<usize>() >= MOST_UNREAD
    }

    /// Whether one of this actor is among them.
    pub fn has(&self, key: LogKey) -> bool {
        self.0.iter().any(|(flying, ..)| flying.key == key)
    }

    /// Takes out the oldest, if it is of this actor: answers come in the order of the chunks.
    pub fn take(&mut self, key: LogKey) -> Option<InFlight> {
        self.0.pop_front_if(|(flying, ..)| flying.key == key).map(|(flying, ..)| flying)
    }

    /// Takes out what the client has read up to a number of the feed.
    fn read(&mut self, upto: u64) -> Vec<InFlight> {
        let read = self.0.iter().take_while(|(.., number)| *number <= upto).count();
        self.0.drain(..read).map(|(flying, ..)| flying).collect()
    }
}

impl Session {
    /// Whether the client answers a chunk together with others.
    pub(super) fn is_answered_later(&self, bytes: usize) -> bool {
        self.version >= KNOWS_READ && bytes <= SMALL_CHUNK
    }

    pub(super) fn arrived(&mut self, key: LogKey, head: Head, bytes: usize, upto: Option<u64>) {
        self.stirred = true;
        self.arrivals.chunks.push_back(Arrival { key, head, bytes, upto, outcome: None });
    }

    /// The oldest chunk of this actor is done with. Numbers count, and answers go out, in the order of the
    /// chunks, though a later one may be stored first.
    pub(super) fn done_with(&mut self, key: LogKey, outcome: Outcome, here: &Here<'_>) {
        // What completes the promise is still waited for.
        let catches_up = self.promise.is_some() || self.comparing;
        let mut chunks = self.arrivals.chunks.iter_mut();
        if let Some(chunk) = chunks.find(|chunk| chunk.key == key && chunk.outcome.is_none()) {
            chunk.outcome = Some(outcome);
        }
        while let Some(first) = self.arrivals.chunks.pop_front_if(|first| first.outcome.is_some())
            && let Some(outcome) = first.outcome
        {
            let Arrival { key, head, bytes, .. } = first;
            self.arrivals.numbers_are_void |= matches!(outcome, Outcome::Behind(_));
            let upto = first.upto.filter(|_| self.side == Side::Client && !self.arrivals.numbers_are_void);
            let answer = match outcome {
                Outcome::Stored if upto.is_some() && self.is_answered_later(bytes) => None,
                Outcome::Stored => Some(Frame::Stored { document: key.document, head }),
                Outcome::Behind(heads) => Some(Frame::Behind { key, heads }),
                Outcome::Rejected(seq, reason) => Some(Frame::Rejected { key, seq, reason }),
            };
            match answer {
                None => self.arrivals.unread += bytes,
                Some(answer) => {
                    self.say_read();
                    self.send(answer);
                }
            }
            self.reached_cursor(upto, here);
        }
        if catches_up || self.comparing || self.arrivals.unread >= MOST_UNREAD {
            self.say_read();
        }
    }

    /// Client: tells how far it has read, if small chunks came since it last did.
    pub(super) fn say_read(&mut self) {
        if let Some(upto) = self.cursor.since.filter(|_| self.arrivals.unread > 0) {
            self.arrivals.unread = 0;
            self.send(Frame::Read { upto });
        }
    }

    /// Client: everything up to this number is held, whatever was turned back before.
    pub(super) fn marked(&mut self, upto: u64, here: &Here<'_>) {
        self.arrivals.numbers_are_void = false;
        self.reached_cursor(Some(upto), here);
    }

    /// Server: the client has read its feed up to this number.
    pub(super) fn peer_read(&mut self, upto: u64) {
        let read = self.feed.unread.read(upto);
        if !read.is_empty() {
            self.pace.read();
        }
        for InFlight { key, line, head } in read {
            self.peer_holds(key, line, head);
        }
    }
}
