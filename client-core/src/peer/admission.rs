//! Who is let in when everyone comes back at once: so many at a time, least recently synced first.

use super::Connection;
use crate::ids::DeviceId;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// How many clients catch up at the same time.
pub const MOST_CATCHING_UP: usize = 32;

/// Clients that wait, and those that catch up.
#[derive(Debug, Default)]
pub struct Admissions {
    waiting: BTreeSet<(Millis, Connection)>,
    catching_up: BTreeMap<Connection, DeviceId>,
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
    pub fn next(&mut self) -> Option<Connection> {
        if self.catching_up.len() >= MOST_CATCHING_UP {
            return None;
        }
        let (_, connection) = self.waiting.pop_first()?;
        let device = *self.devices.get(&connection)?;
        self.catching_up.insert(connection, device);
        Some(connection)
    }

    /// A client holds all there is.
    pub fn caught_up(&mut self, connection: Connection, now: Millis) {
        if let Some(device) = self.catching_up.remove(&connection) {
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
        let first: Vec<_> = std::iter::from_fn(|| admissions.next()).collect();
        assert_eq!(first.len(), MOST_CATCHING_UP);
        admissions.caught_up(0, Millis(5));
        admissions.leave(0);
        admissions.knock(1_000, device(0));
        for n in 1..=68 {
            assert_ne!(admissions.next(), Some(1_000), "others never synced");
            admissions.caught_up(n, Millis(6));
        }
        assert_eq!(admissions.next(), Some(1_000));
    }
}
