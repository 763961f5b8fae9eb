//! What a person at the city school does: asks the arbiter for what only the city may decide.

use super::InstructionGiven;
use crate::domain::{Act, Command, Context, Draft, PrivateViews, Refusal, Who};
use crate::event::{Scope, Statement};
use crate::identity::Role;
use crate::ids::BranchId;
use serde::{Deserialize, Serialize};

/// A person at the city school wants this done. It is checked on what the device knows, and once more by the
/// arbiter on what the city knows; it may be given without a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruct {
    /// What is to be done: a command that only the city carries out.
    pub what: Box<Command>,
}

impl Act for Instruct {
    const NAME: &'static str = "instruct";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let (role, branch) = (context.asker.role, context.asker.branch);
        context.must(role == Role::Office && branch == BranchId::CITY, Who::CityOffice)?;
        decisions(&self.what, context)?;
        let seen = self.what.stands_on(context.views);
        let command = serde_json::json!(self.what).to_string();
        Ok(vec![context.own(InstructionGiven { command, seen })])
    }
}

/// The decisions that a command stands for where the arbiter gives it.
pub(crate) fn decisions(command: &Command, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
    let mut asker = context.asker;
    (asker.role, asker.branch) = (Role::Arbiter, BranchId::CITY);
    let (views, own_views) = (context.views, &PrivateViews::default());
    let drafts = command.drafts(&mut Context { asker, views, own_views, random: &mut *context.random })?;
    let all_are_decisions = drafts.iter().all(|draft| draft.event.body().info().scope == Scope::Decisions);
    let not_yours = || Refusal::NotYours { role: asker.role, branch: asker.branch, who: Who::Office };
    if all_are_decisions { Ok(drafts) } else { Err(not_yours()) }
}
