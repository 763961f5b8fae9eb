//! The timetable at a node: what a decision is taken on, the preview, what if, and a decided plan made once
//! more. The planner works beside the core.

use super::{Logs, Node, NodeError, Scope, read_history};
use client_core::decide::timetable::{
    self, Planning, Preview, Previewing, Proposal, Replay, ReplayError, WhatIf, WhatIfAnswer, WhatIfPlanning,
};
use client_core::domain::SharedViews;
use client_core::event::{EventRef, KnownHead, KnownLines};
use client_core::ids::ChangeHash;
use client_core::plan::{Budget, Refusal};
use client_core::time::Millis;
use std::sync::Arc;

/// What a decision is taken on, all of one moment.
pub struct Basis {
    /// The views.
    pub views: Arc<SharedViews>,
    /// The heads of shared and decisions documents.
    pub known: Vec<KnownLines>,
    /// A hash over them.
    pub frontier: ChangeHash,
}

impl Node {
    /// The views and the frontier they are made from.
    pub async fn basis(&self) -> Result<Basis, NodeError> {
        let city = self.city;
        self.look(move |core| {
            let ledger = core.peer.ledger();
            let frontier = ledger.heads(|document| document.scope != Scope::Private).digest(city);
            let known =
                ledger.iter().filter(|(key, _)| is_open_to_all(key.document.scope)).map(|(key, log)| {
                    let heads =
                        log.lines().iter().map(|line| KnownHead { seq: line.head.seq, hash: line.head.hash });
                    KnownLines { document: key.document, actor: key.actor, heads: heads.collect() }
                });
            let known = known.collect();
            Basis { views: core.views(), known, frontier }
        })
        .await
    }

    /// All open orders planned, on this basis.
    pub async fn propose(&self, views: Arc<SharedViews>, at: Millis) -> Result<Proposal, NodeError> {
        beside(move || {
            let planning = Planning::new(views, at, Budget::default()).map_err(unplannable)?;
            let said = planning.progress().budget / 10;
            let mut next = said;
            let proposal = planning.complete(|now| {
                if now.steps >= next {
                    tracing::info!(
                        steps = now.steps,
                        of = now.budget,
                        a = now.best.a,
                        b = now.best.b,
                        "planning"
                    );
                    next += said;
                }
            });
            Ok(proposal)
        })
        .await
    }

    /// What the planner would say to this branch's orders, at the city to all.
    pub async fn preview(&self, now: Millis) -> Result<Preview, NodeError> {
        let (views, branch) = (self.shared_views().await?, self.branch());
        let heard = self.look(|core| core.city_heard).await?;
        let heard = if self.is_city() { Some(now) } else { heard };
        beside(move || {
            let mut preview =
                Previewing::new(views, branch, heard, now, Budget::default()).map_err(unplannable)?;
            while !preview.planning.progress().done {
                preview.planning.run(u64::MAX);
            }
            Ok(preview.finish())
        })
        .await
    }

    /// What would change.
    pub async fn what_if(&self, what: WhatIf, now: Millis) -> Result<WhatIfAnswer, NodeError> {
        let views = self.shared_views().await?;
        beside(move || {
            let mut planning =
                WhatIfPlanning::new(views, &what, now, Budget::default()).map_err(unplannable)?;
            while !planning.progress().done {
                planning.run(u64::MAX);
            }
            Ok(planning.finish())
        })
        .await
    }

    /// A decided plan made once more, from this node's own store.
    pub async fn replay(&self, decision: EventRef) -> Result<Result<Replay, ReplayError>, NodeError> {
        let logs: Logs = self.look(|core| core.logs(|document| is_open_to_all(document.scope))).await?;
        let history = read_history(&self.store, self.city, &logs).await?;
        beside(move || Ok(timetable::replay(&history, &decision, |_| {}))).await
    }
}

fn is_open_to_all(scope: Scope) -> bool {
    matches!(scope, Scope::Shared | Scope::Decisions)
}

fn unplannable(refusal: Refusal) -> NodeError {
    NodeError::Refused(format!("no timetable can be drawn from this history: {refusal}"))
}

/// Long work, off the threads that serve.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(NodeError::Refused(error.to_string())))
}
