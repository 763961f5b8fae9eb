//! What the city announced that it runs, and so which kinds authors may write and which rules hold.

use super::ArbiterEvent;
use crate::domain::{Entry, Event, View};
use imbl::OrdSet;
use serde::Serialize;

/// Announced releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Releases {
    /// The latest; 0 before the first.
    pub number: u16,
    /// Every kind and version that they brought.
    pub kinds: OrdSet<(String, u16)>,
}

impl Releases {
    /// Whether what decides is counted by the city and not taken from what branches say of themselves: so
    /// from the first announced release on. Decisions made before are made once more by the rules of then.
    pub fn counts_itself(&self) -> bool {
        self.number >= 1
    }

    /// Whether a kind was announced.
    pub fn is_announced(&self, kind: &str, version: u16) -> bool {
        self.kinds.contains(&(kind.to_owned(), version))
    }
}

impl View for Releases {
    const NAME: &'static str = "releases";

    type Key = ();

    fn keys(entry: &Entry) -> impl IntoIterator<Item = ()> {
        matches!(entry.event, Event::Arbiter(ArbiterEvent::Release(_))).then_some(())
    }

    fn forget(&mut self, (): &()) {
        *self = Self::default();
    }

    fn apply(&mut self, (): &(), entry: &Entry) {
        let Event::Arbiter(said) = &entry.event else { return };
        match said {
            ArbiterEvent::Release(announced) => {
                self.number = self.number.max(announced.number);
                self.kinds.extend(announced.kinds.iter().cloned());
            }
            // The view of requests shows the term; the history goes by the basis.
            ArbiterEvent::Term(_) | ArbiterEvent::Basis(_) => {}
        }
    }
}
