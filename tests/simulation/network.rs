//! Lines between nodes: when does a message arrive? Packets of 1,200 bytes over a line with a rate, a
//! round trip and losses, sent as TCP sends: a window that opens and halves, lost packets again.

use crate::dice::Dice;
use std::collections::VecDeque;

/// Simulated time, in microseconds.
pub type Time = u64;

pub const MILLI: Time = 1_000;
pub const SECOND: Time = 1_000_000;

const PACKET: usize = 1_200;
const HEADERS: usize = 40;
const FIRST_WINDOW: f64 = 10.0;
const SLOW_START_ENDS: f64 = 64.0;
const WIDEST_WINDOW: f64 = 256.0;
const LEAST_TIMEOUT: Time = 200 * MILLI;

/// What a line is like.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bytes a second; 0 for no limit.
    pub rate: u64,
    /// A packet's way there and its acknowledgement's way back.
    pub round_trip: Time,
    /// Of a thousand packets so many are lost.
    pub loss_permille: u64,
}

impl Line {
    pub const GOOD: Self = Self { rate: 0, round_trip: 100 * MILLI, loss_permille: 0 };
}

/// One direction of a connection.
pub struct Pipe {
    pub line: Line,
    free_at: Time,
    arrived: Time,
    window: f64,
    acks: VecDeque<Time>,
    /// All bytes that were put on the line, those sent again too.
    pub bytes: u64,
}

impl Pipe {
    pub fn new(line: Line) -> Self {
        Self { line, free_at: 0, arrived: 0, window: FIRST_WINDOW, acks: VecDeque::new(), bytes: 0 }
    }

    /// When a message sent now has arrived whole, after all that were sent before it.
    pub fn send(&mut self, now: Time, length: usize, dice: &mut Dice) -> Time {
        let mut left = length;
        loop {
            let packet = left.min(PACKET);
            left -= packet;
            let arrival = self.packet(now, packet + HEADERS, left == 0, dice);
            self.arrived = self.arrived.max(arrival);
            if left == 0 {
                return self.arrived;
            }
        }
    }

    /// When the last message sent has arrived.
    pub fn last_arrival(&self) -> Time {
        self.arrived
    }

    fn packet(&mut self, now: Time, size: usize, last: bool, dice: &mut Dice) -> Time {
        let mut at = now.max(self.free_at);
        self.acks.retain(|ack| *ack > at);
        while self.acks.len() >= self.window as usize {
            let first = self.acks.pop_front().unwrap_or(at);
            at = at.max(first);
        }
        at = at.max(self.free_at);
        let sending = (size as u64 * SECOND).checked_div(self.line.rate).unwrap_or(0);
        self.free_at = at + sending;
        self.bytes += size as u64;
        let way = sending + self.line.round_trip / 2;
        let mut arrival = at + way;
        let mut timeout = (2 * self.line.round_trip).max(LEAST_TIMEOUT);
        while dice.below(1000) < self.line.loss_permille {
            // Followed by others it is missed after a round trip, else by a timer that doubles. Sent
            // again it takes its time from the line once more.
            let noticed = if last { timeout } else { self.line.round_trip };
            timeout *= 2;
            self.window = (self.window / 2.0).max(2.0);
            self.free_at += sending;
            self.bytes += size as u64;
            arrival += noticed + sending;
        }
        let opened = if self.window < SLOW_START_ENDS { 1.0 } else { 1.0 / self.window };
        self.window = (self.window + opened).min(WIDEST_WINDOW);
        self.acks.push_back(arrival + self.line.round_trip / 2);
        arrival
    }
}
