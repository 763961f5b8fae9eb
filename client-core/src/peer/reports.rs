//! What clients named as theirs that was not here: once all of it has come, the client has reported.

use crate::identity::Certificate;
use crate::ids::DeviceId;
use crate::log::{Head, Ledger, LogKey, Shelf, locate};
use std::collections::BTreeMap;

/// Clients that named their heads and have not handed all of them over yet.
#[derive(Debug, Default)]
pub struct Reports {
    lacking: BTreeMap<DeviceId, (Certificate, Vec<(LogKey, Head)>)>,
}

impl Reports {
    /// A client named its heads; these are not here.
    pub fn named(&mut self, client: Certificate, lacking: Vec<(LogKey, Head)>) {
        self.lacking.insert(client.device, (client, lacking));
    }

    /// A client says that it holds nothing. What it named before it may still hand over.
    pub fn named_nothing(&mut self, client: Certificate) {
        self.lacking.entry(client.device).or_insert((client, Vec::new()));
    }

    /// Nothing of this actor is taken from this client.
    pub fn refused(&mut self, client: DeviceId, key: &LogKey) {
        if let Some((_, lacking)) = self.lacking.get_mut(&client) {
            lacking.retain(|(wanted, _)| wanted != key);
        }
    }

    /// Clients of whose holding everything is here by now; each is told once.
    pub fn arrived(&mut self, ledger: &Ledger, shelf: &dyn Shelf) -> Vec<Certificate> {
        for (_, lacking) in self.lacking.values_mut() {
            // What cannot be read counts as missing.
            lacking.retain(|(key, head)| {
                !matches!(locate(ledger, shelf, key, head.seq, head.hash), Ok(Some(_)))
            });
        }
        let done = self.lacking.extract_if(.., |_, (_, lacking)| lacking.is_empty());
        done.map(|(_, (client, _))| client).collect()
    }
}
