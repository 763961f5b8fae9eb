//! What the city and branches do about branches.

use super::{BranchAdmitted, BranchProfile, PolicyPublished, TravelTime};
use crate::domain::command::{filled, number, of_the_city};
use crate::domain::{Act, Context, Done, Draft, Refusal};
use crate::ids::BranchId;
use serde::{Deserialize, Serialize};

/// The city opens a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmitBranch {
    /// Its name.
    pub name: String,
}

/// The branch says how many learners are on its roll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetProfile {
    /// How many.
    pub registered: u32,
}

/// The city publishes its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishPolicy {
    /// Travel times; a pair that is missing counts `default_travel_minutes`.
    pub travel: Vec<TravelTime>,
    /// Minutes between two branches that `travel` does not name.
    pub default_travel_minutes: u16,
    /// Claims for slots more than this many days ahead go into a round.
    pub round_lead_days: u16,
    /// A round stays open at least this many days.
    pub round_open_days: u16,
}

impl Act for AdmitBranch {
    const NAME: &'static str = "admit_branch";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let name = self.name.trim().to_owned();
        filled("name", &name)?;
        if context.views.branches.by_name(&name).is_some() {
            return Err(Done::Admitted(name).into());
        }
        let branch = BranchId((context.random)());
        Ok(vec![of_the_city(BranchAdmitted { branch, name })])
    }
}

impl Act for SetProfile {
    const NAME: &'static str = "set_profile";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let name = context.views.branches.name(context.asker.branch);
        Ok(vec![context.own(BranchProfile { name, registered: self.registered })])
    }
}

/// The longest way between two branches, in minutes.
const LONGEST_WAY: u16 = 24 * 60;

impl Act for PublishPolicy {
    const NAME: &'static str = "publish_policy";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.city()?;
        let Self { travel, default_travel_minutes, round_lead_days, round_open_days } = self.clone();
        for minutes in travel.iter().map(|way| way.minutes).chain([default_travel_minutes]) {
            number("travel", minutes.into(), 0, LONGEST_WAY.into())?;
        }
        let policy = PolicyPublished { travel, default_travel_minutes, round_lead_days, round_open_days };
        Ok(vec![of_the_city(policy)])
    }
}
