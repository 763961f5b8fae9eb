//! What branches ask.

use super::{
    ClaimLodged, ClaimWish, Mode, OrderWish, RequestCancelled, RequestConsented, RequestLodged, State,
};
use crate::domain::command::{filled, not_offered, number, people, range};
use crate::domain::{Act, Command, Context, Done, Draft, Problem, Refusal, Sort};
use crate::event::EventRef;
use crate::time::HalfDay;
use serde::{Deserialize, Serialize};

/// An order: a course and wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LodgeRequest {
    /// What is asked for.
    pub wish: OrderWish,
}

/// A claim: someone or something at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LodgeClaim {
    /// What is asked for.
    pub wish: ClaimWish,
}

/// Lodges the alternative of a refused claim or order as a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeAlternative {
    /// The refused claim or order.
    pub claim: EventRef,
    /// Which of its alternatives, from 0; an order has one.
    pub index: usize,
}

/// Takes an order or claim back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The order or claim.
    pub request: EventRef,
}

/// Agrees to a joint class for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRequest {
    /// The order.
    pub request: EventRef,
}

impl Act for LodgeRequest {
    const NAME: &'static str = "lodge_request";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        lodge_order(context, self.wish.clone())
    }
}

impl Act for LodgeClaim {
    const NAME: &'static str = "lodge_claim";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        lodge_claim(context, self.wish.clone())
    }
}

impl From<OrderWish> for Command {
    fn from(wish: OrderWish) -> Self {
        LodgeRequest { wish }.into()
    }
}

impl From<ClaimWish> for Command {
    fn from(wish: ClaimWish) -> Self {
        LodgeClaim { wish }.into()
    }
}

impl Act for TakeAlternative {
    const NAME: &'static str = "take_alternative";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { claim, index } = self;
        let requests = &context.views.requests;
        if let Some(order) = requests.orders.get(claim) {
            return take_other_class(context, claim, order);
        }
        let unknown = || Refusal::unknown(Sort::Claim, claim);
        let state = requests.claims.get(claim).ok_or_else(unknown)?;
        let lodged = state.lodged.as_ref().ok_or_else(unknown)?;
        context.owner(lodged.branch)?;
        let outcome = state.outcome.as_ref();
        let alternatives = outcome.map(|outcome| outcome.alternatives.as_slice()).unwrap_or_default();
        let chosen = alternatives
            .get(*index)
            .ok_or_else(|| Problem::Alternatives(alternatives.len()).in_field("index"))?;
        let (teacher, asset, slot) = (chosen.teacher, chosen.asset, chosen.slot);
        lodge_claim(context, ClaimWish { teacher, asset, slot, ..lodged.wish.clone() })
    }
}

impl Act for CancelRequest {
    const NAME: &'static str = "cancel_request";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let request = self.request;
        let requests = &context.views.requests;
        let cancelled = match (requests.orders.get(&request), requests.claims.get(&request)) {
            (Some(order), _) => order.cancelled,
            (None, Some(claim)) => claim.cancelled,
            (None, None) => return Err(Refusal::unknown(Sort::Request, request)),
        };
        context.owner(request.document.branch)?;
        if cancelled {
            return Err(Done::Cancelled.into());
        }
        Ok(vec![context.own(RequestCancelled { request })])
    }
}

impl Act for ConsentRequest {
    const NAME: &'static str = "consent_request";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let request = self.request;
        let known = context.views.requests.orders.contains_key(&request);
        if !known {
            return Err(Refusal::unknown(Sort::Order, request));
        }
        context.owner(request.document.branch)?;
        Ok(vec![context.own(RequestConsented { request })])
    }
}

fn lodge_order(context: &Context<'_>, order: OrderWish) -> Result<Vec<Draft>, Refusal> {
    context.branch()?;
    if order.courses.is_empty() {
        return Err(Problem::NothingChosen.in_field("courses"));
    }
    for course in &order.courses {
        context.views.courses.on_list(*course).ok_or(*course)?;
    }
    filled("group", &order.group)?;
    people(order.headcount)?;
    range(order.from, order.to)?;
    context.not_past(order.to)?;
    number("priority", order.priority.into(), 1, 3)?;
    Ok(vec![context.own(RequestLodged::from(order))])
}

fn lodge_claim(context: &Context<'_>, claim: ClaimWish) -> Result<Vec<Draft>, Refusal> {
    context.branch()?;
    people(claim.headcount)?;
    context.slot(&claim.slot)?;
    if claim.teacher.is_none() && claim.asset.is_none() {
        return Err(Problem::NobodyAsked.in_field("teacher"));
    }
    let views = context.views;
    if let Some(course) = claim.course {
        views.courses.on_list(course).ok_or(course)?;
    }
    if let Some(id) = claim.teacher {
        let teacher = views.teachers.teachers.get(&views.teachers.resolve(id)).ok_or(id)?;
        if !teacher.is_offered(&claim.slot, &views.calendar) {
            return Err(not_offered(Sort::Teacher, &teacher.offers));
        }
    }
    if let Some(id) = claim.asset {
        let asset = views.resources.assets.get(&id).ok_or(id)?;
        let is_offered = views.resources.is_offered(id, &claim.slot, &views.calendar);
        if asset.branch != context.asker.branch && !is_offered {
            let offers = views.resources.offers.get(&id).map(Vec::as_slice).unwrap_or_default();
            return Err(not_offered(Sort::Asset, offers));
        }
    }
    let branches_served = claim.branches_served.max(1);
    Ok(vec![context.own(ClaimLodged { branches_served, ..claim.into() })])
}

/// The order once more, within the bounds of the class that was offered instead.
fn take_other_class(
    context: &Context<'_>,
    order: &EventRef,
    state: &State<OrderWish>,
) -> Result<Vec<Draft>, Refusal> {
    let views = context.views;
    let lodged = state.lodged.as_ref().ok_or_else(|| Refusal::unknown(Sort::Order, order))?;
    context.owner(lodged.branch)?;
    let class = state.outcome.as_ref().and_then(|outcome| outcome.instead.as_ref());
    let class = class.ok_or_else(|| Problem::Alternatives(0).in_field("index"))?;
    let place = views.resources.assets.get(&class.venue).ok_or(class.venue)?;
    let way = views.branches.policy.travel_minutes(lodged.branch, place.branch);
    let travels = class.mode == Mode::Travel;
    let weekday = views.calendar.weekday(class.slot.day).unwrap_or_else(|| class.slot.day.weekday());
    let wish = OrderWish {
        courses: vec![class.course],
        from: class.slot.day,
        to: class.slot.day,
        half_days: vec![HalfDay { weekday, afternoon: class.slot.start_minute >= 12 * 60 }],
        max_travel_minutes: lodged.wish.max_travel_minutes.max(if travels { way } else { 0 }),
        online: lodged.wish.online || class.mode == Mode::Online,
        pre_consent: lodged.wish.pre_consent || class.joins.is_some(),
        ..lodged.wish.clone()
    };
    lodge_order(context, wish)
}
