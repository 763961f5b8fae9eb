//! Orders and claims.

use super::{Asker, CommandError, filled, invalid, range, unknown};
use crate::event::{ClaimLodged, Draft, EventRef, Mode, RequestCancelled, RequestConsented, RequestLodged};
use crate::fold::{Offer, SharedViews, State};
use crate::time::{HalfDay, Slot};

pub(super) fn lodge_order(
    asker: &Asker,
    views: &SharedViews,
    order: &RequestLodged,
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    if order.courses.is_empty() {
        return Err(invalid("courses", "choose at least one course"));
    }
    for course in &order.courses {
        views.courses.on_list(*course).ok_or_else(|| unknown("course", course))?;
    }
    filled("group", &order.group)?;
    people(order.headcount)?;
    range(order.from, order.to)?;
    asker.not_past(order.to)?;
    if !(1..=3).contains(&order.priority) {
        return Err(invalid("priority", "is 1 (minor), 2 (ordinary) or 3 (important)"));
    }
    Ok(vec![Draft::new(asker.branch, order.clone())])
}

pub(super) fn lodge_claim(
    asker: &Asker,
    views: &SharedViews,
    claim: &ClaimLodged,
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    people(claim.headcount)?;
    slot(asker, &claim.slot)?;
    if claim.teacher.is_none() && claim.asset.is_none() {
        return Err(invalid("teacher", "name a teacher, a room or kit, or both"));
    }
    if let Some(course) = claim.course {
        views.courses.on_list(course).ok_or_else(|| unknown("course", course))?;
    }
    if let Some(id) = claim.teacher {
        let known = views.teachers.teachers.get(&views.teachers.resolve(id));
        let teacher = known.ok_or_else(|| unknown("teacher", id))?;
        if !teacher.is_offered(&claim.slot, &views.calendar) {
            return Err(CommandError::NotOffered { what: "teacher", offered: in_words(&teacher.offers) });
        }
    }
    if let Some(id) = claim.asset {
        let asset = views.resources.assets.get(&id).ok_or_else(|| unknown("asset", id))?;
        let offered = views.resources.is_offered(id, &claim.slot, &views.calendar);
        if asset.branch != asker.branch && !offered {
            let offers = views.resources.offers.get(&id).map(Vec::as_slice).unwrap_or_default();
            return Err(CommandError::NotOffered { what: "asset", offered: in_words(offers) });
        }
    }
    let claim = ClaimLodged { branches_served: claim.branches_served.max(1), ..claim.clone() };
    Ok(vec![Draft::new(asker.branch, claim)])
}

pub(super) fn take_alternative(
    asker: &Asker,
    views: &SharedViews,
    claim: &EventRef,
    index: usize,
) -> Result<Vec<Draft>, CommandError> {
    if let Some(order) = views.requests.orders.get(claim) {
        return take_other_class(asker, views, claim, order);
    }
    let state = views.requests.claims.get(claim).ok_or_else(|| unknown("claim", claim))?;
    let lodged = state.lodged.as_ref().ok_or_else(|| unknown("claim", claim))?;
    asker.owner(lodged.branch)?;
    let alternatives =
        state.outcome.as_ref().map(|outcome| outcome.alternatives.as_slice()).unwrap_or_default();
    let chosen = alternatives
        .get(index)
        .ok_or_else(|| invalid("index", format!("the claim has {} alternatives", alternatives.len())))?;
    let wish = ClaimLodged {
        teacher: chosen.teacher,
        asset: chosen.asset,
        slot: chosen.slot,
        ..lodged.wish.clone()
    };
    lodge_claim(asker, views, &wish)
}

/// The order once more, within the bounds of the class that was offered instead.
fn take_other_class(
    asker: &Asker,
    views: &SharedViews,
    order: &EventRef,
    state: &State<RequestLodged>,
) -> Result<Vec<Draft>, CommandError> {
    let lodged = state.lodged.as_ref().ok_or_else(|| unknown("order", order))?;
    asker.owner(lodged.branch)?;
    let class = state
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.instead.as_ref())
        .ok_or_else(|| invalid("index", "the order has no alternative"))?;
    let place = views.resources.assets.get(&class.venue).ok_or_else(|| unknown("asset", class.venue))?;
    let way = views.branches.policy.travel_minutes(lodged.branch, place.branch);
    let travels = class.mode == Mode::Travel;
    let weekday = views.calendar.weekday(class.slot.day).unwrap_or_else(|| class.slot.day.weekday());
    let wish = RequestLodged {
        courses: vec![class.course],
        from: class.slot.day,
        to: class.slot.day,
        half_days: vec![HalfDay { weekday, afternoon: class.slot.start_minute >= 12 * 60 }],
        max_travel_minutes: lodged.wish.max_travel_minutes.max(if travels { way } else { 0 }),
        online: lodged.wish.online || class.mode == Mode::Online,
        pre_consent: lodged.wish.pre_consent || class.joins.is_some(),
        ..lodged.wish.clone()
    };
    lodge_order(asker, views, &wish)
}

pub(super) fn cancel(
    asker: &Asker,
    views: &SharedViews,
    request: &EventRef,
) -> Result<Vec<Draft>, CommandError> {
    let cancelled = match (views.requests.orders.get(request), views.requests.claims.get(request)) {
        (Some(order), _) => order.cancelled,
        (None, Some(claim)) => claim.cancelled,
        (None, None) => return Err(unknown("order or claim", request)),
    };
    asker.owner(request.document.branch)?;
    if cancelled {
        return Err(CommandError::Already("it was taken back before".into()));
    }
    Ok(vec![Draft::new(asker.branch, RequestCancelled { request: *request })])
}

pub(super) fn consent(
    asker: &Asker,
    views: &SharedViews,
    request: &EventRef,
) -> Result<Vec<Draft>, CommandError> {
    views.requests.orders.get(request).ok_or_else(|| unknown("order", request))?;
    asker.owner(request.document.branch)?;
    Ok(vec![Draft::new(asker.branch, RequestConsented { request: *request })])
}

pub(super) fn people(headcount: u32) -> Result<(), CommandError> {
    if (1..=5_000).contains(&headcount) { Ok(()) } else { Err(invalid("headcount", "is 1 to 5000 people")) }
}

pub(super) fn slot(asker: &Asker, slot: &Slot) -> Result<(), CommandError> {
    if slot.duration_minutes == 0 || u32::from(slot.start_minute) + u32::from(slot.duration_minutes) > 24 * 60
    {
        return Err(invalid("slot", "must last at least a minute and end on the same day"));
    }
    asker.not_past(slot.day)
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn in_words(offers: &[Offer]) -> String {
    let parts: Vec<String> = offers
        .iter()
        .map(|offer| {
            let half_days: Vec<String> = offer
                .windows
                .iter()
                .filter_map(|window| {
                    let day = WEEKDAYS.get(usize::from(window.weekday))?;
                    Some(format!("{day} {}", if window.afternoon { "pm" } else { "am" }))
                })
                .collect();
            format!("{} from {} to {}", half_days.join(", "), offer.from, offer.to)
        })
        .collect();
    if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
}
