//! Where an event is: saved here, at the upstream, at the city, folded or kept aside and why, decided.

use super::core::Core;
use super::{Logs, Node, NodeError, Scope, read_history};
use client_core::domain::History;
use client_core::event::{Envelope, EventRef};
use client_core::history::Unfolded;
use client_core::ids::{ChangeHash, DeviceId, EventId, IdError};
use client_core::log::{self, ActorLog, FeedItem, LogKey, RunError};
use client_core::time::Stamp;
use serde::Serialize;

/// What is known of one event.
#[derive(Clone, Debug, Serialize)]
pub struct Whereabouts {
    /// Its full identity.
    pub event: EventRef,
    /// Its kind, if its bytes can be read.
    pub kind: Option<String>,
    /// The device that wrote it.
    pub device: DeviceId,
    /// The number of its change on its line.
    pub seq: u64,
    /// The hash of its change; rulings name it.
    pub change: ChangeHash,
    /// Durable here; always, or it would not be found.
    pub here: bool,
    /// Durable at the upstream; `None` at the city itself.
    pub upstream: Option<bool>,
    /// Whether the city signed that it holds it.
    pub city: bool,
    /// Why it does not fold, if it does not: by its bytes, or because it is in quarantine.
    pub kept_aside: Option<Unfolded>,
    /// The field outside its bounds, or the kind and version that are unknown.
    pub detail: Option<String>,
    /// The ruling that keeps it aside or corrects its stamp.
    pub ruling: Option<EventRef>,
    /// The stamp as it was written, if its bytes can be read.
    pub stamp: Option<Stamp>,
    /// The stamp that orders it, where the city corrected it.
    pub corrected: Option<Stamp>,
    /// The decision on it, where it asks for one and the city has decided.
    pub decision: Option<String>,
}

/// How the fold takes an event.
#[derive(Default)]
struct Folded {
    kept_aside: Option<Unfolded>,
    detail: Option<String>,
    ruling: Option<EventRef>,
    corrected: Option<Stamp>,
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
        let damaged = |error: RunError| NodeError::Damaged(error.to_string());
        let changes = log::unpack(&item.run.bytes).map_err(damaged)?;
        let index = changes.iter().position(|puts| puts.iter().any(|put| put.id == id));
        let Some(index) = index else { return Ok(None) };
        let Some(put) = changes[index].iter().find(|put| put.id == id) else { return Ok(None) };
        let seq = item.run.first_seq + index as u64;
        let change = log::position_in(&item.run, seq).map_err(damaged)?.hash;
        let event = EventRef { document: key.document, actor: key.actor, event: id };
        let log = self.look(move |core| core.node.peer().ledger().get(&key).cloned()).await?;
        let Some(log) = log else { return Ok(None) };
        let device = log.author.device;
        let folded = self.folded(key, log, event, put.value.clone()).await?;
        let read = Envelope::decode(&put.value).ok();
        let is_city = self.is_city();
        self.look(move |core| {
            let reach = core.node.peer().reach(key, line);
            Some(Whereabouts {
                event,
                stamp: read.as_ref().map(|envelope| envelope.stamp),
                kind: read.map(|envelope| envelope.kind),
                device,
                seq,
                change,
                here: true,
                upstream: (!is_city).then(|| reach.upstream.is_some_and(|(upto, _)| upto >= seq)),
                city: is_city || reach.city >= seq,
                kept_aside: folded.kept_aside,
                detail: folded.detail,
                ruling: folded.ruling,
                corrected: folded.corrected,
                decision: decision_on(core, &event),
            })
        })
        .await
    }

    /// Private documents are not in memory: what the actor wrote is read and judged for the answer.
    async fn folded(
        &self,
        key: LogKey,
        log: ActorLog,
        event: EventRef,
        value: Vec<u8>,
    ) -> Result<Folded, NodeError> {
        if key.document.scope != Scope::Private {
            return self
                .look(move |core| {
                    let folded = Folded::of(core.node.shared(), &event, &value);
                    folded.unless(core.views().left_out.why(&event))
                })
                .await;
        }
        let mut history = read_history(&self.store, self.city, Logs::from([(key, log)])).await?;
        history.follow(&self.rulings().await?);
        let folded = Folded::of(&history, &event, &value);
        Ok(folded.unless(self.rosters(key.document.branch).await?.left_out.why(&event)))
    }
}

impl Folded {
    fn of(history: &History, event: &EventRef, value: &[u8]) -> Self {
        if let Some(aside) = history.kept_aside(event, value) {
            let detail = aside.detail.as_deref().map(str::to_owned);
            return Self { kept_aside: Some(aside.why), detail, ruling: aside.ruling, corrected: None };
        }
        let entry = history.get(event);
        let corrected = entry.and_then(|entry| Some((entry.stamp, entry.correction.as_ref()?.ruling)));
        let (ruling, corrected) = (corrected.map(|it| it.1), corrected.map(|it| it.0));
        Self { ruling, corrected, ..Self::default() }
    }

    /// Unless it was set aside by its bytes, it may be left out for what others said.
    fn unless(self, left_out: Option<(Unfolded, Option<EventRef>)>) -> Self {
        match left_out.filter(|_| self.kept_aside.is_none()) {
            Some((why, by)) => Self { kept_aside: Some(why), detail: by.map(|by| by.to_string()), ..self },
            None => self,
        }
    }
}

fn decision_on(core: &mut Core, event: &EventRef) -> Option<String> {
    let views = core.views();
    let claim = views.requests.claims.get(event).and_then(|state| state.outcome.as_ref());
    let order = views.requests.orders.get(event).and_then(|state| state.outcome.as_ref());
    claim.or(order).map(|outcome| outcome.kind.word().to_owned())
}
