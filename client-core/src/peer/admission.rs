//! Who is let in when everyone comes back at once: so many at a time, least recently synced first.

use super::Connection;
use crate::ids::DeviceId;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// How many clients catch up at the same time.
pub const MOST_CATCHING_UP: usize = 32;

/// A client that takes longer, for a slow line or on purpose, no longer counts among them: it goes on,
/// and others come in.
const LONGEST_TURN: i64 = 30_000;

/// Clients that wait, and those that catch up.
#[derive(Debug, Default)]
pub struct Admissions {
    waiting: BTreeSet<(Millis, Connection)>,
    catching_up: BTreeMap<Connection, (DeviceId, Millis)>,
    devices: BTreeMap<Connection, DeviceId>,
    last_synced: BTreeMap<DeviceId, Millis>,
}

impl Admissions {
    /// A client wants in.
    pub fn knock(&mut self, connection: Connection, device: DeviceId) {
        let last = self.last_synced.get(&device).copied().unwrap_or_default();
        self.devices.insert(connection, device);
        self.waiting.insert((last, connection));
    }

    /// The next client to let in, if there is room.
    pub fn next(&mut self, now: Millis) -> Option<Connection> {
        if self.waiting.is_empty() {
            return None;
        }
        if self.catching_up.len() >= MOST_CATCHING_UP {
            let (slowest, (_, since)) = self.catching_up.iter().min_by_key(|(_, (_, since))| *since)?;
            if (now.0 - since.0).abs() < LONGEST_TURN {
                return None;
            }
            let slowest = *slowest;
            self.catching_up.remove(&slowest);
        }
        let (_, connection) = self.waiting.pop_first()?;
        let device = *self.devices.get(&connection)?;
        self.catching_up.insert(connection, (device, now));
        Some(connection)
    }

    /// A client holds all there is.
    pub fn caught_up(&mut self, connection: Connection, now: Millis) {
        if let Some((device, _)) = self.catching_up.remove(&connection) {
            self.last_synced.insert(device, now);
        }
    }

    /// A connection is gone.
    pub fn leave(&mut self, connection: Connection) {
        self.waiting.retain(|(_, waiting)| *waiting != connection);
        self.catching_up.remove(&connection);
        self.devices.remove(&connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_synced_longest_ago_is_let_in_first_and_nobody_waits_for_ever() {
        let mut admissions = Admissions::default();
        let device = |n: u64| DeviceId([n as u8; 16]);
        for connection in 0..100 {
            admissions.knock(connection, device(connection));
        }
        let first: Vec<_> = std::iter::from_fn(|| admissions.next(Millis(0))).collect();
        assert_eq!(first.len(), MOST_CATCHING_UP);
        admissions.caught_up(0, Millis(5));
        admissions.leave(0);
        admissions.knock(1_000, device(0));
        for n in 1..=68 {
            assert_ne!(admissions.next(Millis(0)), Some(1_000), "others never synced");
            admissions.caught_up(n, Millis(6));
        }
        assert_eq!(admissions.next(Millis(0)), Some(1_000));
    }

    #[test]
    fn clients_that_never_finish_do_not_keep_others_out() {
        let mut admissions = Admissions::default();
        for connection in 0..=MOST_CATCHING_UP as u64 {
            admissions.knock(connection, DeviceId([connection as u8; 16]));
        }
        let first: Vec<_> = std::iter::from_fn(|| admissions.next(Millis(0))).collect();
        assert_eq!(first.len(), MOST_CATCHING_UP);
        assert_eq!(admissions.next(Millis(LONGEST_TURN - 1)), None);
        assert_eq!(admissions.next(Millis(LONGEST_TURN)), Some(MOST_CATCHING_UP as u64));
    }
}
