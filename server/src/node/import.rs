//! Applying an import: what office files say becomes events of the branches, through the running node.

use super::{Actions, Node, NodeError, Writer};
use crate::import::{self, Known, Office};
use client_core::domain::{Draft, ImportApplied, SharedViews};
use client_core::event::{EventRef, Scope, Statement};
use client_core::ids::{ActionId, BranchId, ChangeHash, EventId, LearnerId, TeacherId};
use client_core::time::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Actions in one transaction.
const ACTIONS_AT_ONCE: usize = 200;

/// What applying an office brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// Files that added something.
    pub files: usize,
    /// Events written.
    pub events: usize,
    /// Sealed fields written.
    pub sealed: usize,
}

impl Node {
    /// Everything of these records that is not known yet becomes events; the rest adds nothing.
    /// `progress` hears the file and the actions done and to do.
    pub async fn import(
        &self,
        office: &Office,
        now: Millis,
        mut progress: impl FnMut(&str, usize, usize),
    ) -> Result<ImportOutcome, NodeError> {
        if !self.is_city() {
            let what = "office files are imported at the city node; the branches receive what is theirs";
            return Err(NodeError::Refused(what.into()));
        }
        let known = self.known().await?;
        let mut outcome = ImportOutcome::default();
        let plans = import::plan(office, &known, now.day(), &mut crate::keys::random_id);
        if let Some(out) = plans.iter().find_map(import::FilePlan::out_of_bounds) {
            return Err(NodeError::Refused(format!("nothing was imported: {out}")));
        }
        for plan in plans {
            let total = plan.actions.len();
            let action = ActionId(crate::keys::random_id());
            let mut private: BTreeMap<BranchId, Vec<EventId>> = BTreeMap::new();
            for (n, actions) in plan.actions.chunks(ACTIONS_AT_ONCE).enumerate() {
                let (events, sealed) = self.apply_actions(action, actions).await?;
                outcome.events += events.len();
                outcome.sealed += sealed;
                for event in events.iter().filter(|event| event.document.scope == Scope::Private) {
                    private.entry(event.document.branch).or_default().push(event.event);
                }
                progress(&plan.file, (n * ACTIONS_AT_ONCE + actions.len()).min(total), total);
            }
            for (branch, events) in private {
                self.finish_import(action, branch, &plan.file, events).await?;
                outcome.events += 1;
            }
            outcome.files += usize::from(total > 0);
            tracing::info!(file = plan.file, actions = total, "file imported");
        }
        Ok(outcome)
    }

    async fn apply_actions(
        &self,
        action: ActionId,
        actions: &[import::Action],
    ) -> Result<(Vec<EventRef>, usize), NodeError> {
        let fields: Vec<_> = actions.iter().flat_map(|action| action.sealed.iter().cloned()).collect();
        let part = |decisions: bool| -> Vec<(ActionId, Vec<Draft>)> {
            let of_part = |draft: &&Draft| is_decision(draft) == decisions;
            actions.iter().map(|a| (action, a.drafts.iter().filter(of_part).cloned().collect())).collect()
        };
        let rows = fields.len();
        let decisions = Actions { drafts: part(true), ..Actions::default() };
        let mut events = self.write_actions(Writer::Node, decisions).await?;
        // Names go with the events that announce them, in one transaction.
        let facts = Actions { drafts: part(false), fields, at: None };
        events.extend(self.write_actions(Writer::Importer, facts).await?);
        Ok((events, rows))
    }

    /// The import of a file counts as applied in a branch only by this last event.
    async fn finish_import(
        &self,
        action: ActionId,
        branch: BranchId,
        file: &str,
        mut events: Vec<EventId>,
    ) -> Result<(), NodeError> {
        events.sort_unstable();
        let mut hasher = Sha256::new();
        for event in &events {
            hasher.update(event.0);
        }
        let applied = ImportApplied {
            action,
            events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            hash: ChangeHash(hasher.finalize().into()),
            file: file.to_owned(),
        };
        let drafts = vec![(action, vec![Draft::new(branch, applied)])];
        self.write_actions(Writer::Importer, Actions { drafts, ..Actions::default() }).await.map(drop)
    }

    /// What the node holds already, by what office files call it.
    async fn known(&self) -> Result<Known, NodeError> {
        let views = self.shared_views().await?;
        let mut known = known_shared(&views);
        for branch in views.branches.branches.keys() {
            let rosters = self.rosters(*branch).await?;
            for (session, people) in &rosters.attendance.classes {
                known.attendances.extend(people.keys().map(|learner| (*session, *learner)));
            }
            let mut fields: BTreeMap<_, (String, String)> = BTreeMap::new();
            for row in self.store.sealed_of(self.city, *branch).await? {
                let text = String::from_utf8_lossy(&row.content).into_owned();
                let person = fields.entry(row.person).or_default();
                match row.field.as_str() {
                    "name" => person.0 = text,
                    "phone" => person.1 = text,
                    _ => {}
                }
            }
            for (person, (name, phone)) in fields {
                let (learner, id) = (LearnerId(person.0), TeacherId(person.0));
                if rosters.learners.learners.contains_key(&learner) {
                    known.learners.insert((*branch, name, phone), learner);
                } else if let Some(teacher) = views.teachers.teachers.get(&id) {
                    known.teachers.insert((*branch, teacher.name.clone(), phone), id);
                }
            }
        }
        Ok(known)
    }
}

fn known_shared(views: &SharedViews) -> Known {
    let assets = views.resources.assets.iter();
    let sessions = views.sessions.iter().filter(|(_, _, session)| !session.ledger_code.is_empty());
    Known {
        branches: views.branches.branches.iter().map(|(id, branch)| (branch.name.clone(), *id)).collect(),
        courses: views.courses.courses.iter().map(|(id, c)| (c.code.clone(), *id)).collect(),
        assets: assets.map(|(id, a)| ((a.branch, a.kind, a.name.clone()), *id)).collect(),
        classes: sessions.map(|(id, branch, session)| ((branch, session.ledger_code.clone()), id)).collect(),
        ..Known::default()
    }
}

fn is_decision(draft: &Draft) -> bool {
    draft.event.body().info().scope == Scope::Decisions
}
