//! Whose a thing is: what the city records and changes.

use super::{Asker, CommandError, filled, unknown};
use crate::event::{Draft, KnownLines, Owned, OwnerTransferred};
use crate::fold::SharedViews;
use crate::ids::{BranchId, SubjectId};

/// Settles whose a thing is that several units declared.
pub(super) fn record(
    asker: &Asker,
    views: &SharedViews,
    sort: Owned,
    subject: SubjectId,
    unit: BranchId,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    let thing = sort.subject(subject);
    if let Some(owner) = views.owners.listed_owner(&thing).filter(|owner| *owner != unit) {
        let owner = views.branches.name(owner);
        return Err(CommandError::Already(format!("it is {owner}'s; transfer_owner gives it to another")));
    }
    let recorded = views.owners.record_for(&thing, unit);
    let recorded = recorded.ok_or_else(|| unknown("unrecorded thing of this unit", subject))?;
    Ok(vec![Draft::new(BranchId::CITY, recorded)])
}

/// Gives a thing to another unit.
pub(super) fn transfer(
    asker: &Asker,
    views: &SharedViews,
    (sort, subject): (Owned, SubjectId),
    unit: BranchId,
    accepted: &[KnownLines],
    reason: &str,
) -> Result<Vec<Draft>, CommandError> {
    asker.city()?;
    filled("reason", reason)?;
    if unit != BranchId::CITY && !views.branches.branches.contains_key(&unit) {
        return Err(unknown("branch", unit));
    }
    if views.owners.is_owner(unit, &sort.subject(subject)) {
        return Err(CommandError::Already("it is that unit's".into()));
    }
    let (accepted, reason) = (accepted.to_vec(), reason.trim().to_owned());
    Ok(vec![Draft::new(BranchId::CITY, OwnerTransferred { sort, subject, unit, accepted, reason })])
}
