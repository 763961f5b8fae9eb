//! The timetable at a node: the arbiter's plans, the preview, what if, and a decided plan made once more.
//! The planner works beside the core.

use super::core::{Core, Message};
use super::inbox::Inbox;
use super::{Node, NodeError, Scope, read_history};
use client_core::decide::timetable::{
    self, Preview, Previewing, Replay, ReplayError, WhatIf, WhatIfAnswer, WhatIfPlanning,
};
use client_core::event::EventRef;
use client_core::node::ToPlan;
use client_core::plan::{Budget, Progress, Refusal};
use client_core::time::Millis;
use std::sync::Weak;
use tokio::sync::mpsc;

impl Node {
    /// What the planner would say to this branch's orders, at the city to all.
    pub async fn preview(&self, now: Millis) -> Result<Preview, NodeError> {
        let (views, branch) = (self.shared_views().await?, self.branch());
        let heard = self.look(|core| core.node.city_heard()).await?;
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
        let logs = self.look(|core| core.logs(|document| document.scope != Scope::Private)).await?;
        let history = read_history(&self.store, self.city, logs).await?;
        beside(move || Ok(timetable::replay(&history, &decision, |_| {}))).await
    }
}

/// Makes the arbiter's plans, as long as the node lives.
pub async fn plan_beside(
    inbox: Weak<Inbox<Core>>,
    mut plans: mpsc::UnboundedReceiver<ToPlan>,
    budget: Budget,
) {
    while let Some(to_plan) = plans.recv().await {
        let failed = to_plan.failed();
        let planned = beside(move || Ok(to_plan.plan(budget, log_progress()))).await;
        let planned = planned.unwrap_or_else(|error| failed(error.to_string()));
        let Some(inbox) = inbox.upgrade() else { return };
        if inbox.send(Message::Planned(Box::new(planned))).await.is_err() {
            return;
        }
    }
}

/// Tells the log every tenth.
fn log_progress() -> impl FnMut(Progress) {
    let mut next = 0;
    move |now: Progress| {
        if now.steps >= next {
            tracing::info!(steps = now.steps, of = now.budget, a = now.best.a, b = now.best.b, "planning");
            next += now.budget / 10;
        }
    }
}

fn unplannable(refusal: Refusal) -> NodeError {
    NodeError::Refused(format!("no timetable can be drawn from this history: {refusal}"))
}

/// Long work, off the threads that serve.
pub async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(NodeError::Refused(error.to_string())))
}
