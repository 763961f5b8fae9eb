//! Where an event is: saved here, at the upstream, at the city, folded or kept aside and why, decided.

use super::{Node, NodeError};
use client_core::event::EventRef;
use client_core::fold::{self, Unfolded};
use client_core::ids::{EventId, IdError};
use client_core::log::FeedItem;
use serde::Serialize;

/// What is known of one event.
#[derive(Clone, Debug, Serialize)]
pub struct Whereabouts {
    /// Its full identity.
    pub event: EventRef,
    /// Its kind, if its bytes can be read.
    pub kind: Option<String>,
    /// The number of its change on its line.
    pub seq: u64,
    /// Durable here; always, or it would not be found.
    pub here: bool,
    /// Durable at the upstream; `None` at the city itself.
    pub upstream: Option<bool>,
    /// Whether the city signed that it holds it.
    pub city: bool,
    /// Why it does not fold, if it does not.
    pub kept_aside: Option<Unfolded>,
    /// The decision on it, where it asks for one and the city has decided.
    pub decision: Option<String>,
}

impl Node {
    /// Every event with this id, or the one of this full reference.
    pub async fn whereabouts(&self, text: &str) -> Result<Vec<Whereabouts>, NodeError> {
        let (id, reference) = match text.parse::<EventRef>() {
            Ok(reference) => (reference.event, Some(reference)),
            Err(wrong) => {
                let id = text.parse::<EventId>().map_err(|_: IdError| NodeError::Refused(wrong))?;
                (id, None)
            }
        };
        let mut found = Vec::new();
        for item in self.store.runs_with(self.city, id).await? {
            found.extend(self.look_in(&item, id).await?);
        }
        Ok(found.into_iter().filter(|it| reference.is_none_or(|wanted| wanted == it.event)).collect())
    }

    async fn look_in(&self, item: &FeedItem, id: EventId) -> Result<Option<Whereabouts>, NodeError> {
        let (key, line) = (item.run.key(), item.line);
        let damaged = |error: client_core::log::RunError| NodeError::Damaged(error.to_string());
        let changes = client_core::log::unpack(&item.run.bytes).map_err(damaged)?;
        let index = changes.iter().position(|puts| puts.iter().any(|put| put.id == id));
        let Some(index) = index else { return Ok(None) };
        let Some(put) = changes[index].iter().find(|put| put.id == id).cloned() else { return Ok(None) };
        let seq = item.run.first_seq + index as u64;
        let event = EventRef { document: key.document, actor: key.actor, event: id };
        let is_city = self.is_city();
        self.look(move |core| {
            let reach = core.peer.reach(key, line);
            let author = core.peer.ledger().get(&key).map(|log| log.author.clone());
            let views = core.views();
            let kind = client_core::event::Envelope::decode(&put.value).ok();
            let claim = views.requests.claims.get(&event).and_then(|state| state.outcome.as_ref());
            let order = views.requests.orders.get(&event).and_then(|state| state.outcome.as_ref());
            let unreadable = author.and_then(|author| fold::check(&key.document, &author, &put.value).err());
            Some(Whereabouts {
                event,
                kind: kind.map(|(envelope, _)| envelope.kind),
                seq,
                here: true,
                upstream: (!is_city).then(|| reach.upstream.is_some_and(|(upto, _)| upto >= seq)),
                city: is_city || reach.city >= seq,
                kept_aside: unreadable.or_else(|| core.shared.kept_aside(&event)),
                decision: claim.or(order).map(|outcome| outcome.kind.word().to_owned()),
            })
        })
        .await
    }
}
