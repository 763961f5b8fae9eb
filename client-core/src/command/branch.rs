//! Branches and the city's rules.

use super::{Asker, CommandError, filled, invalid};
use crate::event::{
    BranchAdmitted, BranchProfile, CalendarPublished, Draft, PlanningPublished, PolicyPublished,
};
use crate::fold::SharedViews;
use crate::ids::BranchId;

pub(super) fn admit(
    asker: &Asker,
    views: &SharedViews,
    name: &str,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("name", name)?;
    if views.branches.by_name(name).is_some() {
        return Err(CommandError::Already(format!("a branch named {name} exists")));
    }
    let admitted = BranchAdmitted { branch: BranchId(new_id()), name: name.trim().to_owned() };
    Ok(vec![Draft::new(BranchId::CITY, admitted)])
}

pub(super) fn profile(
    asker: &Asker,
    views: &SharedViews,
    registered: u32,
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    let profile = BranchProfile { name: views.branches.name(asker.branch), registered };
    Ok(vec![Draft::new(asker.branch, profile)])
}

pub(super) fn publish_policy(asker: &Asker, policy: &PolicyPublished) -> Result<Vec<Draft>, CommandError> {
    const LONGEST_TRAVEL: u16 = 24 * 60;
    asker.city()?;
    let too_long = |minutes: u16| minutes > LONGEST_TRAVEL;
    if too_long(policy.default_travel_minutes) || policy.travel.iter().any(|t| too_long(t.minutes)) {
        return Err(invalid("travel", "a way of more than 24 hours cannot be meant; give minutes"));
    }
    Ok(vec![Draft::new(BranchId::CITY, policy.clone())])
}

pub(super) fn publish_calendar(
    asker: &Asker,
    calendar: &CalendarPublished,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    if calendar.days.iter().any(|day| day.follows.is_some_and(|weekday| weekday > 6)) {
        return Err(invalid("days", "weekdays are 0 (Monday) to 6 (Sunday); null for a holiday"));
    }
    Ok(vec![Draft::new(BranchId::CITY, calendar.clone())])
}

pub(super) fn publish_planning(
    asker: &Asker,
    planning: &PlanningPublished,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    match planning.fault() {
        Some((field, problem)) => Err(invalid(field, problem)),
        None => Ok(vec![Draft::new(BranchId::CITY, planning.clone())]),
    }
}
