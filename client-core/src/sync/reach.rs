//! How far each line held here has come: at the upstream, at the city.

use crate::event::DocumentId;
use crate::ids::ChangeHash;
use crate::log::{Frontier, Head, Ledger, LogKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far one line has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The last change that is durable at the upstream.
    pub upstream: Option<(u64, ChangeHash)>,
    /// The last change that the city signed for; 0 for none.
    pub city: u64,
}

/// By actor's log and number of the line here.
#[derive(Clone, Debug, Default)]
pub struct Reached(pub BTreeMap<(LogKey, u8), Reach>);

impl Reached {
    /// One line's.
    pub fn get(&self, key: LogKey, line: u8) -> Reach {
        self.0.get(&(key, line)).copied().unwrap_or_default()
    }

    /// The upstream has this change of a line. Says whether that is news.
    pub fn at_upstream(&mut self, key: LogKey, line: u8, seq: u64, hash: ChangeHash) -> bool {
        let reach = self.0.entry((key, line)).or_default();
        let news = reach.upstream.is_none_or(|(had, _)| seq > had);
        if news {
            reach.upstream = Some((seq, hash));
        }
        news
    }

    /// The city has this change of a line and of every line that shares it. Says what is news.
    pub fn at_city(&mut self, ledger: &Ledger, key: LogKey, line: u8, seq: u64) -> Vec<u8> {
        let Some(log) = ledger.get(&key) else { return Vec::new() };
        let mut news = Vec::new();
        for other in 0..log.lines().len() as u8 {
            let shared = seq.min(log.common(line, other));
            let reach = self.0.entry((key, other)).or_default();
            if shared > reach.city {
                reach.city = shared;
                news.push(other);
            }
        }
        news
    }

    /// What the upstream holds, as far as is known here, of the documents wanted.
    pub fn upstream_frontier(&self, ledger: &Ledger, wanted: impl Fn(&DocumentId) -> bool) -> Frontier {
        let mut frontier = Frontier::default();
        for ((key, number), reach) in self.0.iter().filter(|((key, _), _)| wanted(&key.document)) {
            let line = ledger.get(key).and_then(|log| log.lines().get(usize::from(*number)));
            let parted = line.map_or(0, |line| line.from.seq);
            if let Some((seq, hash)) = reach.upstream.filter(|(seq, _)| *seq > parted) {
                frontier.0.entry(key.document).or_default().push(Head { actor: key.actor, seq, hash });
            }
        }
        frontier.0.values_mut().for_each(|heads| heads.sort_unstable());
        frontier
    }
}
