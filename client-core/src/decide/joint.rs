//! Joint classes: orders of several branches for one course become one class.
//!
//! A greedy construction: the class that serves most orders first, then the next, until nothing fits.

use super::eligible::obstacles;
use super::{Decision, short_hash};
use crate::event::{
    AssetKind, ClaimLodged, EventRef, JointConfirmed, JointPart, Mode, Reason, ReasonCode, RequestLodged,
    RequestUnmet,
};
use crate::fold::{Booking, BookingKind, Lodged, SharedViews};
use crate::ids::{ChangeHash, PersonId, SubjectId};
use crate::time::{Day, Millis, Slot};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

const STARTS: [u16; 4] = [9 * 60, 10 * 60 + 30, 14 * 60, 15 * 60 + 30];
const PERIOD_MINUTES: u16 = 45;
/// People have to be told: nothing is planned for today.
const LEAD_DAYS: i32 = 1;
const HORIZON_DAYS: i32 = 92;
/// What a venue needs for guests online.
const STREAM: &str = "直播设备";

type Orders<'a> = BTreeMap<EventRef, &'a Lodged<RequestLodged>>;

struct Class {
    course: SubjectId,
    teacher: PersonId,
    venue: SubjectId,
    slot: Slot,
    parts: Vec<JointPart>,
    heads: u32,
    travel: u32,
}

impl Class {
    /// Smaller is better.
    fn rank(&self) -> (Reverse<usize>, Reverse<u32>, u32, Slot, SubjectId, SubjectId, PersonId) {
        let parts = Reverse(self.parts.len());
        (parts, Reverse(self.heads), self.travel, self.slot, self.course, self.venue, self.teacher)
    }
}

/// Plans classes for all open orders around what is booked. With `close`, orders that could not be
/// served are answered too.
pub fn plan_joint(views: &SharedViews, now: Millis, frontier: ChangeHash, close: bool) -> Vec<Decision> {
    let mut open: Orders<'_> = views.requests.open_orders().map(|(id, lodged)| (*id, lodged)).collect();
    let mut bookings = views.bookings.clone();
    let mut decisions = Vec::new();
    while let Some(class) = best_class(views, &bookings, &open, now.day()) {
        for part in &class.parts {
            open.remove(&part.request);
        }
        let first = class.parts[0].request;
        let session =
            SubjectId(short_hash(&[b"lianxiao-joint-1", &frontier.0, first.to_string().as_bytes()]));
        let booking = booking(&class, session);
        let at = bookings.partition_point(|other| *other < booking);
        bookings.insert(at, booking);
        let code = if class.parts.len() > 1 { ReasonCode::Joint } else { ReasonCode::Unopposed };
        let confirmed = JointConfirmed {
            session,
            course: class.course,
            teacher: class.teacher,
            venue: class.venue,
            slot: class.slot,
            parts: class.parts,
            reason: Reason::plain(code),
        };
        decisions.push(Decision::new(&first.to_string(), frontier, confirmed));
    }
    if close {
        for request in open.keys() {
            let unmet = RequestUnmet {
                request: *request,
                reason: Reason::plain(ReasonCode::NoPlace),
                alternatives: Vec::new(),
                as_of: now.day(),
            };
            decisions.push(Decision::new(&request.to_string(), frontier, unmet));
        }
    }
    decisions
}

/// Teacher time that joining saved: a class of n orders replaces n − 1 others.
pub fn teacher_minutes_saved(views: &SharedViews) -> u32 {
    let joint = views.requests.joint.values();
    joint
        .map(|class| (class.parts.len() as u32).saturating_sub(1) * u32::from(class.slot.duration_minutes))
        .sum()
}

fn booking(class: &Class, session: SubjectId) -> Booking {
    Booking {
        slot: class.slot,
        kind: BookingKind::Joint,
        source: class.parts[0].request,
        session: Some(session),
        course: Some(class.course),
        teacher: Some(class.teacher),
        asset: Some(class.venue),
        branches: class.parts.iter().map(|part| part.request.document.branch).collect(),
        headcount: class.heads,
    }
}

fn best_class(views: &SharedViews, bookings: &[Booking], open: &Orders<'_>, today: Day) -> Option<Class> {
    let courses: BTreeSet<SubjectId> =
        open.values().flat_map(|lodged| lodged.wish.courses.iter().copied()).collect();
    courses
        .into_iter()
        .filter_map(|course| best_of_course(views, bookings, open, course, today))
        .min_by_key(Class::rank)
}

fn best_of_course(
    views: &SharedViews,
    bookings: &[Booking],
    open: &Orders<'_>,
    course: SubjectId,
    today: Day,
) -> Option<Class> {
    let listed = views.courses.on_list(course)?;
    let wanting: Orders<'_> =
        open.iter().filter(|(_, l)| l.wish.courses.contains(&course)).map(|(id, l)| (*id, *l)).collect();
    let duration_minutes = u16::from(listed.periods) * PERIOD_MINUTES;
    let first = wanting.values().map(|l| l.wish.from).min()?.max(today.plus(LEAD_DAYS));
    let last = wanting.values().map(|l| l.wish.to).max()?.min(today.plus(HORIZON_DAYS));
    let mut best: Option<Class> = None;
    for day in (first.0..=last.0).map(Day) {
        for start_minute in STARTS {
            let slot = Slot { day, start_minute, duration_minutes };
            let able: Orders<'_> =
                wanting.iter().filter(|(_, l)| accepts(&l.wish, &slot)).map(|(id, l)| (*id, *l)).collect();
            // A day that cannot serve more orders than the best so far is not worth a look.
            if able.is_empty() || best.as_ref().is_some_and(|best| able.len() <= best.parts.len()) {
                continue;
            }
            for class in classes_at(views, bookings, &able, course, slot) {
                if best.as_ref().is_none_or(|best| class.rank() < best.rank()) {
                    best = Some(class);
                }
            }
        }
    }
    best
}

fn accepts(wish: &RequestLodged, slot: &Slot) -> bool {
    (wish.from..=wish.to).contains(&slot.day)
        && (wish.half_days.is_empty() || wish.half_days.iter().any(|half_day| half_day.holds(slot)))
}

/// The best class of each venue at one time.
fn classes_at(
    views: &SharedViews,
    bookings: &[Booking],
    able: &Orders<'_>,
    course: SubjectId,
    slot: Slot,
) -> Vec<Class> {
    let venues = views.resources.assets.iter().filter(|(id, asset)| {
        let own = able.values().any(|lodged| lodged.branch == asset.branch);
        asset.declared.kind == AssetKind::Room
            && (own || views.resources.is_offered(**id, &slot))
            && asset.declared.open.iter().any(|half_day| half_day.holds(&slot))
    });
    venues.filter_map(|(venue, _)| class_in(views, bookings, able, course, slot, *venue)).collect()
}

fn class_in(
    views: &SharedViews,
    bookings: &[Booking],
    able: &Orders<'_>,
    course: SubjectId,
    slot: Slot,
    venue: SubjectId,
) -> Option<Class> {
    let (parts, heads, travel) = participants(views, able, course, venue);
    let host = parts.iter().find(|part| part.mode != Mode::Online)?.request;
    let in_room: u32 = parts
        .iter()
        .filter(|part| part.mode != Mode::Online)
        .map(|part| able[&part.request].wish.headcount)
        .sum();
    let wish = |teacher: Option<PersonId>| ClaimLodged {
        teacher,
        asset: Some(venue),
        course: Some(course),
        slot,
        headcount: in_room,
        branches_served: 1,
    };
    let branch = able[&host].branch;
    if !obstacles(views, bookings, &wish(None), branch).is_empty() {
        return None;
    }
    let place = views.resources.assets.get(&venue)?.branch;
    let mut teachers: Vec<(u16, PersonId)> = views
        .teachers
        .teachers
        .iter()
        .filter(|(_, teacher)| teacher.merged_into.is_none() && teacher.approved.contains(&course))
        .map(|(id, teacher)| (views.branches.policy.travel_minutes(teacher.home, place), *id))
        .collect();
    teachers.sort_unstable();
    let (way, teacher) = teachers
        .into_iter()
        .find(|(_, teacher)| obstacles(views, bookings, &wish(Some(*teacher)), branch).is_empty())?;
    Some(Class { course, teacher, venue, slot, parts, heads, travel: travel + u32::from(way) })
}

/// Who can take part in this venue, and how: those in its town, then those who travel or join online,
/// as long as there are seats. Orders without consent given ahead are planned alone.
fn participants(
    views: &SharedViews,
    able: &Orders<'_>,
    course: SubjectId,
    venue: SubjectId,
) -> (Vec<JointPart>, u32, u32) {
    let none = (Vec::new(), 0, 0);
    let Some(asset) = views.resources.assets.get(&venue) else { return none };
    let streams = asset.declared.features.iter().any(|feature| feature == STREAM);
    let online = streams && views.courses.on_list(course).is_some_and(|listed| listed.online);
    let mut candidates: Vec<(Mode, u16, EventRef)> = able
        .iter()
        .filter_map(|(id, lodged)| {
            let way = views.branches.policy.travel_minutes(lodged.branch, asset.branch);
            let mode = match () {
                () if lodged.branch == asset.branch => Mode::Host,
                () if way <= lodged.wish.max_travel_minutes => Mode::Travel,
                () if online && lodged.wish.online => Mode::Online,
                () => return None,
            };
            Some((mode, way, *id))
        })
        .collect();
    candidates.sort_unstable();
    let mut seats = asset.declared.capacity;
    let (mut parts, mut heads, mut travel): (Vec<JointPart>, u32, u32) = none;
    for (mode, way, request) in candidates {
        let headcount = able[&request].wish.headcount;
        let mode = match mode {
            Mode::Online => Mode::Online,
            seated if headcount <= seats => seated,
            _ if online && able[&request].wish.online && !parts.is_empty() => Mode::Online,
            _ => continue,
        };
        let consents = |id: &EventRef| {
            able[id].wish.pre_consent || views.requests.orders.get(id).is_some_and(|order| order.consented)
        };
        let alone = parts.is_empty();
        let all_consent = consents(&request) && parts.iter().all(|part| consents(&part.request));
        if !alone && !all_consent {
            continue;
        }
        if mode == Mode::Online && alone {
            continue;
        }
        if mode != Mode::Online {
            seats -= headcount;
            travel += if mode == Mode::Travel { u32::from(way) } else { 0 };
        }
        heads += headcount;
        parts.push(JointPart { request, mode });
    }
    (parts, heads, travel)
}
