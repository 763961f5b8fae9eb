//! What went wrong at this node and healed, or waits for a person: a short list, kept in the store.

use client_core::node::Happening;
use client_core::time::Millis;
use serde::{Deserialize, Serialize};

/// Where it stands in the store.
pub const JOURNAL: &str = "journal";

/// The most notes kept; the one that was last true longest ago goes first.
const MOST: usize = 50;

/// Tells whoever reads the program's output.
pub fn trace(what: Happening, about: &str, detail: &str) {
    let said = match what {
        Happening::StorePutBack => {
            "this store was put back from a copy: the node goes on under new actors, in a new epoch"
        }
        Happening::StoreCopied => "a copy of this node's store wrote on; going on as a new actor",
        Happening::Forked => "a device wrote a second line: it was restored or copied",
        Happening::UpstreamRenewed => {
            "the upstream's store was put back or begun anew: it is supplied with what it lacks"
        }
        Happening::ChangesRefused => "changes refused",
        Happening::DiskFull | Happening::StoreFailed => "nothing of this could be saved",
        Happening::StoreWorks => "the store takes writes again",
        Happening::ClockOff => {
            "this machine's clock is far from the upstream's, in minutes; stamps follow the upstream"
        }
        Happening::LineUnreadable => "a line cannot be read; it is left until it can",
        Happening::UpkeepFailed => {
            "records of owners or lines could not be written; it is decided without them"
        }
        Happening::ArbiterPaused => {
            "the arbiter is paused until every branch has reported; lianxiao release-arbiter ends it"
        }
        Happening::ArbiterReleased => "the arbiter decides again",
    };
    match what {
        Happening::StoreWorks | Happening::ArbiterReleased => tracing::info!(about, detail, "{said}"),
        Happening::DiskFull
        | Happening::StoreFailed
        | Happening::LineUnreadable
        | Happening::UpkeepFailed => {
            tracing::error!(about, detail, "{said}");
        }
        _ => tracing::warn!(about, detail, "{said}"),
    }
}

/// One thing that happened, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What.
    pub what: Happening,
    /// To whom or which: an id, a document, or nothing.
    pub about: String,
    /// Details of the last time.
    pub detail: String,
    /// The first time.
    pub first: Millis,
    /// The last time.
    pub last: Millis,
    /// How often.
    pub times: u32,
}

/// The list.
#[derive(Debug, Default)]
pub struct Journal {
    notes: Vec<Note>,
    is_unsaved: bool,
}

impl Journal {
    /// Goes on with what the store holds. A list that cannot be read is begun anew: it is a trace only.
    pub fn load(bytes: Option<&[u8]>) -> Self {
        let notes = bytes.and_then(|bytes| rmp_serde::from_slice(bytes).ok()).unwrap_or_default();
        Self { notes, is_unsaved: false }
    }

    /// Notes what happened; the same again counts up.
    pub fn note(
        &mut self,
        what: Happening,
        about: impl Into<String>,
        detail: impl Into<String>,
        now: Millis,
    ) {
        let (about, detail) = (about.into(), detail.into());
        self.is_unsaved = true;
        let known = self.notes.iter().position(|note| note.what == what && note.about == about);
        let mut note = known
            .map_or(Note { what, about, detail: String::new(), first: now, last: now, times: 0 }, |known| {
                self.notes.remove(known)
            });
        (note.detail, note.last, note.times) = (detail, now, note.times + 1);
        self.notes.push(note);
        if self.notes.len() > MOST {
            self.notes.remove(0);
        }
    }

    /// Everything, what was true last at the end.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What to store, if it changed since it was last asked for.
    pub fn take_unsaved(&mut self) -> Option<(String, Vec<u8>)> {
        let bytes = || rmp_serde::to_vec(&self.notes).expect("notes always encode");
        let unsaved = self.is_unsaved.then(|| (JOURNAL.to_owned(), bytes()));
        self.is_unsaved = false;
        unsaved
    }

    /// What was asked for could not be stored.
    pub fn not_saved(&mut self) {
        self.is_unsaved = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_counts_up_and_the_list_stays_short() {
        let mut journal = Journal::default();
        for n in 0..200 {
            journal.note(Happening::Forked, format!("device {n}"), "", Millis(n));
            journal.note(Happening::DiskFull, "", format!("{n}"), Millis(n));
        }
        let saved = journal.take_unsaved().unwrap().1;
        let read = Journal::load(Some(&saved));
        assert_eq!(read.notes(), journal.notes());
        assert_eq!(read.notes().len(), MOST);
        let full = read.notes().last().unwrap();
        assert_eq!((full.first, full.last, full.times), (Millis(0), Millis(199), 200));
        assert!(journal.take_unsaved().is_none());
    }
}
