//! Runs and changes on their way into a history.

use super::Verdict;
use super::entry::hash_of;
use crate::event::{Envelope, EventRef};
use crate::identity::Certificate;
use crate::ids::ChangeHash;
use crate::log::{Changes, Link, Put, Run, links, unpack};
use crate::time::Stamp;
use std::collections::BTreeSet;

/// A change on its way into the history.
pub struct Change<'a> {
    pub run: &'a Run,
    pub author: &'a Certificate,
    /// Its place in the run.
    pub n: usize,
    pub verdict: &'a Verdict,
}

/// One put of it.
pub struct At<'a> {
    pub change: &'a Change<'a>,
    pub reference: EventRef,
    pub seq: u64,
    pub index: u32,
    pub hash: [u8; 32],
    pub value: &'a [u8],
}

impl Change<'_> {
    pub fn puts<'a>(&'a self, puts: &'a [Put]) -> impl Iterator<Item = At<'a>> {
        let Run { document, actor, first_seq, .. } = *self.run;
        (0u32..).zip(puts).map(move |(index, put)| At {
            change: self,
            reference: EventRef { document, actor, event: put.id },
            seq: first_seq.saturating_add(self.n as u64),
            index,
            hash: hash_of(put.id, &put.value),
            value: &put.value,
        })
    }
}

/// Runs of one actor as they are read, in order of their first change.
pub struct Read<'a>(pub Vec<(&'a Run, Changes, Vec<Link>)>);

impl<'a> Read<'a> {
    pub fn of(runs: impl Iterator<Item = &'a Run>) -> Self {
        let read = runs.filter_map(|run| Some((run, unpack(&run.bytes).ok()?)));
        let linked = read.map(|(run, changes)| {
            let links = links(run, &changes);
            (run, changes, links)
        });
        Self(linked.collect())
    }

    /// Leaves out all but these changes, which hold what each stands on.
    pub fn retain(&mut self, held: &BTreeSet<ChangeHash>) {
        for (_, changes, links) in &mut self.0 {
            links.retain(|link| held.contains(&link.hash));
            changes.truncate(links.len());
        }
        self.0.retain(|(_, _, links)| !links.is_empty());
    }

    pub fn links(&self) -> Vec<Link> {
        self.0.iter().flat_map(|(_, _, links)| links.iter().copied()).collect()
    }
}

/// The greatest stamp in changes that are judged later.
pub fn greatest_stamp(changes: &Changes) -> Stamp {
    let puts = changes.iter().flatten();
    puts.filter_map(|put| Envelope::stamp_of(&put.value)).max().unwrap_or_default()
}
