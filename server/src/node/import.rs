//! Applying an import: what office files say becomes events of the branches, through the running node.

use super::{Node, NodeError};
use crate::import::{self, Known, Office};
use client_core::domain::{
    CourseListed, DelistCourse, Draft, Event, History, ImportApplied, ImportReverted, ImportShared,
    ImportWithdrawn, SharedViews,
};
use client_core::event::{self, EventRef, Ruling, Scope, Statement};
use client_core::identity::Role;
use client_core::ids::{
    ActionId, BranchId, CourseId, EventId, LearnerId, TeacherId, UserId, id_of_import, is_import,
};
use client_core::node::{Actions, Writer};
use client_core::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

/// An import as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportListed {
    /// The action that all of it shares.
    pub action: ActionId,
    /// The file's name; empty where it brought courses alone.
    pub file: String,
    /// Names of the branches that it brought something to.
    pub branches: Vec<String>,
    /// Courses that it put on the list and that are still there.
    pub courses: usize,
    /// Why it counts no longer, if it was reverted.
    pub reverted: Option<String>,
}

/// What reverting an import took back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertOutcome {
    /// Branches that it had brought something to.
    pub branches: usize,
    /// Events that count no longer.
    pub events: usize,
    /// Courses taken off the list again.
    pub courses: usize,
}

/// Events of an import by branch and scope.
type Brought = BTreeMap<(BranchId, Scope), Vec<EventId>>;

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
        self.keep_up_to_release().await?;
        let known = self.known().await?;
        let mut outcome = ImportOutcome::default();
        let plans = import::plan(office, &known, now.day(), &mut crate::keys::random_id);
        if let Some(out) = plans.iter().find_map(import::FilePlan::out_of_bounds) {
            return Err(NodeError::Refused(format!("nothing was imported: {out}")));
        }
        for plan in plans {
            let total = plan.actions.len();
            let action = id_of_import(crate::keys::random_id());
            let mut brought = Brought::new();
            for (n, actions) in plan.actions.chunks(ACTIONS_AT_ONCE).enumerate() {
                let (events, sealed) = self.apply_actions(action, actions).await?;
                outcome.events += events.len();
                outcome.sealed += sealed;
                for event in events.iter().filter(|event| event.document.scope != Scope::Decisions) {
                    let part = (event.document.branch, event.document.scope);
                    brought.entry(part).or_default().push(event.event);
                }
                progress(&plan.file, (n * ACTIONS_AT_ONCE + actions.len()).min(total), total);
            }
            let drafts: Vec<_> = closings(action, &plan.file, &brought).collect();
            outcome.events += drafts.iter().map(|(_, drafts)| drafts.len()).sum::<usize>();
            self.write_actions(Writer::Importer, Actions { drafts, ..Actions::default() }).await?;
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

    /// Every import, with what it brought to which branch.
    pub async fn imports(&self) -> Result<Vec<ImportListed>, NodeError> {
        let views = self.shared_views().await?;
        let mut listed: BTreeMap<ActionId, ImportListed> = BTreeMap::new();
        let entry = |action: ActionId| ImportListed {
            action,
            file: String::new(),
            branches: Vec::new(),
            courses: 0,
            reverted: None,
        };
        for branch in views.branches.branches.keys() {
            let name = views.branches.name(*branch);
            for (action, part) in self.rosters(*branch).await?.imports.applied {
                let import = listed.entry(action).or_insert_with(|| entry(action));
                import.file = part.file;
                import.branches.push(name.clone());
                import.reverted = import.reverted.take().or(part.reverted);
            }
        }
        for (action, courses) in self.look(|core| courses_by_import(core.node.shared())).await? {
            let on_list = courses.iter().filter(|course| views.courses.on_list(**course).is_some()).count();
            let known = listed.contains_key(&action);
            if known || on_list > 0 {
                listed.entry(action).or_insert_with(|| entry(action)).courses = on_list;
            }
        }
        Ok(listed.into_values().collect())
    }

    /// Takes back what an import brought to every branch, and the courses that it put on the list. What
    /// people wrote since stays.
    pub async fn revert_import(&self, action: ActionId, reason: &str) -> Result<RevertOutcome, NodeError> {
        let reason = reason.trim().to_owned();
        if !self.is_city() || reason.is_empty() {
            let what = "an import is reverted at the city node, with a reason";
            return Err(NodeError::Refused(what.into()));
        }
        self.keep_up_to_release().await?;
        let views = self.shared_views().await?;
        let (mut brought, mut courses) =
            self.look(move |core| brought_by(core.node.shared(), action)).await?;
        courses.retain(|course| views.courses.on_list(*course).is_some());
        brought.retain(|_, events| !events.iter().any(|event| views.left_out.reverted.contains_key(event)));
        for branch in views.branches.branches.keys() {
            let (history, own) = self.private_of(*branch).await?;
            let is_reverted = own.imports.applied.get(&action).is_some_and(|it| it.reverted.is_some());
            if !is_reverted {
                brought.extend(brought_by(&history, action).0);
            }
        }
        if brought.is_empty() && courses.is_empty() {
            let what = format!("no import {action} counts here; `lianxiao revert-import` lists them");
            return Err(NodeError::Refused(what));
        }
        let branches: BTreeSet<BranchId> = brought.keys().map(|(branch, _)| *branch).collect();
        let events = brought.values().map(Vec::len).sum();
        let mut outcome = RevertOutcome { branches: branches.len(), events, courses: 0 };
        // Whoever reads the private documents alone has to know it, too.
        let private = branches.into_iter().map(|branch| (branch, Scope::Private));
        let parts: BTreeSet<(BranchId, Scope)> = brought.keys().copied().chain(private).collect();
        let revertings = parts.into_iter().map(|part| {
            let events = brought.get(&part).into_iter().flatten().map(|event| event.event).collect();
            let event::Brought { action, events, hash } = event::Brought::of(action, events);
            let reason = reason.clone();
            match part.1 {
                Scope::Shared => Draft::new(part.0, ImportWithdrawn { action, events, hash, reason }),
                _ => Draft::new(part.0, ImportReverted { action, events, hash, reason }),
            }
        });
        let own = ActionId(crate::keys::random_id());
        let drafts = revertings.map(|reverting| (own, vec![reverting])).collect();
        self.write_actions(Writer::Importer, Actions { drafts, ..Actions::default() }).await?;
        for course in courses {
            let delist = DelistCourse { course, reason: reason.clone() };
            outcome.courses += self.command(delist.into(), UserId([0; 16])).await?.len();
        }
        Ok(outcome)
    }

    /// Kinds of this release may be written once it was announced; at a city that just began, that is now.
    async fn keep_up_to_release(&self) -> Result<(), NodeError> {
        if self.shared_views().await?.releases.number < Event::release() {
            self.decide().await?;
        }
        Ok(())
    }

    /// What the node holds already, by what office files call it.
    async fn known(&self) -> Result<Known, NodeError> {
        let views = self.shared_views().await?;
        let mut known = known_shared(&views);
        // A course that a reverted import put on the list comes back with it; one that a person took off does not.
        let courses = self.look(|core| courses_by_import(core.node.shared())).await?;
        let off_list = |course: &CourseId| views.courses.on_list(*course).is_none();
        // A file of courses alone has no closing: it is taken for reverted when none of them is on the list.
        let all_off = courses.iter().filter(|(_, courses)| courses.iter().all(off_list));
        let mut reverted: BTreeSet<ActionId> = all_off.map(|(action, _)| *action).collect();
        for branch in views.branches.branches.keys() {
            let rosters = self.rosters(*branch).await?;
            for (action, part) in &rosters.imports.applied {
                match part.reverted {
                    Some(_) => drop(reverted.insert(*action)),
                    None => drop(reverted.remove(action)),
                }
            }
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
        let gone: BTreeSet<CourseId> = reverted
            .iter()
            .filter_map(|action| courses.get(action))
            .flatten()
            .copied()
            .filter(off_list)
            .collect();
        known.courses.retain(|_, course| !gone.contains(course));
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

/// Events of an import by branch and scope, in full.
type Parts = BTreeMap<(BranchId, Scope), Vec<EventRef>>;

/// What an import brought to each branch in each scope, and the courses that it put on the list.
fn brought_by(history: &History, action: ActionId) -> (Parts, Vec<CourseId>) {
    let mut brought = Parts::new();
    let mut courses = Vec::new();
    for entry in history.ranked().filter(|entry| entry.action == action) {
        let is_closing = matches!(entry.event.body().ruling(), Some(Ruling::Imported(_)));
        if entry.role == Role::Importer && !is_closing {
            let part = (entry.branch, entry.reference.document.scope);
            brought.entry(part).or_default().push(entry.reference);
        }
        courses.extend(entry.event.get::<CourseListed>().map(|listed| listed.course));
    }
    (brought, courses)
}

/// The courses that each import put on the list.
fn courses_by_import(history: &History) -> BTreeMap<ActionId, Vec<CourseId>> {
    let mut courses: BTreeMap<ActionId, Vec<CourseId>> = BTreeMap::new();
    for entry in history.ranked().filter(|entry| is_import(&entry.action)) {
        let listed = entry.event.get::<CourseListed>().map(|listed| listed.course);
        courses.entry(entry.action).or_default().extend(listed);
    }
    courses
}

/// The closings of an import for each branch that it brought something to.
fn closings<'a>(
    action: ActionId,
    file: &'a str,
    brought: &'a Brought,
) -> impl Iterator<Item = (ActionId, Vec<Draft>)> + 'a {
    let branches: BTreeSet<BranchId> = brought.keys().map(|(branch, _)| *branch).collect();
    branches.into_iter().map(move |branch| {
        let of = |scope| {
            let events = brought.get(&(branch, scope)).cloned();
            events.map(|events| event::Brought::of(action, events))
        };
        let event::Brought { action, events, hash } =
            of(Scope::Private).unwrap_or_else(|| event::Brought::of(action, Vec::new()));
        let private = ImportApplied { action, events, hash, file: file.to_owned() };
        let shared = of(Scope::Shared);
        let shared =
            shared.map(|event::Brought { action, events, hash }| ImportShared { action, events, hash });
        let drafts = [Some(Draft::new(branch, private)), shared.map(|it| Draft::new(branch, it))];
        (action, drafts.into_iter().flatten().collect())
    })
}
