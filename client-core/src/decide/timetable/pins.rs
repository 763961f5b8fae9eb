//! Everything booked, as the planner pins it, in the order in which it counts: decisions in the order of
//! their log, then the branches' own announcements by stamp.
//!
//! A joint class that others may join is pinned as it is. Any other booking is pinned under a course, an
//! order and, where it names none, a teacher and a venue that merely stand for it: it takes their time and
//! counts towards a teacher's limits, and nothing can be added to it. Of bookings that would take just the
//! same of the same teacher and venue one is pinned; the others could only clash with it.

use super::draw::{UNLIMITED, streams, suits};
use super::grid::{Cell, Grid};
use crate::domain::{AssetKind, Booking, BookingKind, JointClass, JointPart, Mode, Place, SharedViews};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, ClassId, TeacherId};
use crate::plan::{RawClass, RawPart, RawPinned, RawRequest, RawWindow};
use crate::time::Stamp;
use std::collections::BTreeSet;

/// Orders of pinned classes in one instance; what is booked beyond that is only kept free.
const MOST_PINNED: usize = 50_000;

/// One pinned class with the orders in it.
pub struct Pin {
    pub cell: Cell,
    pub class: RawClass,
    pub requests: Vec<RawRequest>,
    /// Whether others may join.
    pub open: bool,
    /// The class, where it is a joint one.
    pub session: ClassId,
    /// Where it takes place.
    pub town: BranchId,
    /// Its course stands for a booking.
    pub stands_in: bool,
}

/// Time of a teacher and a venue that nothing is planned in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shut {
    pub teacher: String,
    pub venue: String,
    pub cell: Cell,
}

/// Everything booked in the horizon.
#[derive(Default)]
pub struct Pins {
    pub pinned: Vec<Pin>,
    pub shut: BTreeSet<Shut>,
    /// How many orders are pinned.
    orders: usize,
    named: BTreeSet<(EventRef, usize)>,
    taken: BTreeSet<StandIn>,
}

/// What one stretch of a booking takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct StandIn {
    /// A teacher of the pool.
    teacher: Option<TeacherId>,
    /// A room or a point.
    venue: Option<AssetId>,
    town: BranchId,
    cell: Cell,
    /// Set where the city granted what is neither: it clashes with nothing.
    granted: Option<EventRef>,
}

impl Pin {
    pub fn raw(&self) -> RawPinned {
        RawPinned { class: self.class.clone(), open: self.open }
    }

    /// What it keeps free where it cannot be pinned.
    pub fn into_shut(self) -> Shut {
        Shut { teacher: self.class.teacher, venue: self.class.venue, cell: self.cell }
    }

    /// A joint class as it was confirmed; `None` where it is not in the horizon or names something gone.
    pub fn joint(views: &SharedViews, grid: &Grid, class: ClassId) -> Option<Self> {
        let joint = views.requests.joint.get(&class)?;
        let cell = grid.cell(&joint.slot)?;
        let town = views.resources.assets.get(&joint.venue)?.branch;
        let mut seen = BTreeSet::new();
        let taking_part = joint.parts.iter().filter(|part| views.requests.takes_part(part, class));
        let parts: Vec<&JointPart> = taking_part.filter(|part| seen.insert(part.request)).collect();
        let requests = parts.iter().map(|part| {
            let lodged = views.requests.orders.get(&part.request)?.lodged.as_ref()?;
            Some(RawRequest {
                id: part.request.to_string(),
                branch: lodged.branch.to_hex(),
                group: lodged.wish.group.clone(),
                courses: vec![joint.course.to_hex()],
                headcount: lodged.wish.headcount.min(UNLIMITED),
                windows: vec![only(cell)],
                max_travel: lodged.wish.max_travel_minutes.into(),
                online: lodged.wish.online,
                prefer: "any".to_owned(),
                priority: 2,
                credit: 0,
            })
        });
        let requests: Vec<RawRequest> = requests.collect::<Option<_>>()?;
        let raw_part = |part: &&JointPart| RawPart {
            request: part.request.to_string(),
            mode: part.mode.word().to_owned(),
        };
        (!requests.is_empty()).then(|| Self {
            class: RawClass {
                course: joint.course.to_hex(),
                teacher: views.teachers.resolve(joint.teacher).to_hex(),
                venue: joint.venue.to_hex(),
                day: cell.day,
                period: cell.period,
                parts: parts.iter().map(raw_part).collect(),
            },
            open: true,
            session: class,
            stands_in: false,
            requests,
            cell,
            town,
        })
    }
}

/// Everything booked in the horizon but these joint classes. What lies in periods in which no class may lie
/// can only be kept free.
pub fn pins(views: &SharedViews, grid: &Grid, but: &BTreeSet<ClassId>) -> Pins {
    let booked = views.bookings.iter().filter(|booking| grid.day(booking.slot.day).is_some());
    let mut booked: Vec<&Booking> = booked
        .filter(|booking| booking.teacher.is_some() || booking.asset.is_some())
        .filter(|booking| {
            let joint = booking.kind == BookingKind::Joint;
            !(joint && booking.session.is_some_and(|session| but.contains(&session)))
        })
        .collect();
    booked.sort_by_cached_key(|booking| standing(views, booking));
    let mut pins = Pins::default();
    for booking in booked {
        let session = booking.session.filter(|_| booking.kind == BookingKind::Joint);
        let joint = session.and_then(|session| views.requests.joint.get(&session));
        let joint = joint.filter(|joint| may_be_joined(views, grid, joint));
        match joint.and_then(|joint| Pin::joint(views, grid, joint.session)) {
            Some(pin) => pins.pin_joint(booking, pin),
            None => pins.stand_in(views, grid, booking),
        }
    }
    pins
}

impl Pins {
    fn pin_joint(&mut self, booking: &Booking, pin: Pin) {
        let orders = self.orders.saturating_add(pin.requests.len());
        if orders > MOST_PINNED || !self.named.insert((booking.source, 0)) {
            self.shut.insert(pin.into_shut());
            return;
        }
        self.orders = orders;
        self.pinned.push(pin);
    }

    /// Pins what stands for a booking, stretch by stretch.
    fn stand_in(&mut self, views: &SharedViews, grid: &Grid, booking: &Booking) {
        let (cells, uncovered) = grid.covering(&booking.slot);
        for (piece, cell) in cells.into_iter().enumerate() {
            let stand_in = StandIn::of(views, booking, cell);
            let full = self.orders >= MOST_PINNED;
            let new = self.taken.insert(stand_in) && self.named.insert((booking.source, piece));
            if full || !new {
                self.shut.extend(stand_in.shut());
                continue;
            }
            self.orders = self.orders.saturating_add(1);
            self.pinned.push(stand_in.pin(booking, piece));
        }
        let uncovered = uncovered.into_iter().map(|cell| StandIn::of(views, booking, cell));
        self.shut.extend(uncovered.filter_map(|stand_in| stand_in.shut()));
    }
}

impl StandIn {
    fn of(views: &SharedViews, booking: &Booking, cell: Cell) -> Self {
        let asset = booking.asset.and_then(|asset| Some((asset, views.resources.assets.get(&asset)?)));
        let venue = asset.filter(|(_, asset)| asset.kind != AssetKind::Equipment);
        let first = booking.branches.first().copied().unwrap_or(BranchId::CITY);
        let town = venue.map_or(first, |(_, asset)| asset.branch);
        let teacher = booking.teacher.filter(|teacher| views.teachers.teachers.contains_key(teacher));
        let clashes = teacher.is_some() || venue.is_some() || booking.kind == BookingKind::Own;
        let granted = (!clashes).then_some(booking.source);
        Self { teacher, venue: venue.map(|(venue, _)| venue), town, cell, granted }
    }

    /// What it keeps free; `None` if that is nobody's time.
    fn shut(&self) -> Option<Shut> {
        let named = self.teacher.is_some() || self.venue.is_some();
        named.then(|| Shut {
            teacher: self.teacher.map(|teacher| teacher.to_hex()).unwrap_or_default(),
            venue: self.venue.map(|venue| venue.to_hex()).unwrap_or_default(),
            cell: self.cell,
        })
    }

    fn pin(&self, booking: &Booking, piece: usize) -> Pin {
        let id = format!("booked:{}:{piece}", booking.source);
        let Self { teacher, venue, town, cell, .. } = *self;
        Pin {
            class: RawClass {
                course: id.clone(),
                teacher: teacher.map_or_else(|| id.clone(), |teacher| teacher.to_hex()),
                venue: venue.map_or_else(|| id.clone(), |venue| venue.to_hex()),
                day: cell.day,
                period: cell.period,
                parts: vec![RawPart { request: id.clone(), mode: Mode::Host.word().to_owned() }],
            },
            requests: vec![RawRequest {
                branch: town.to_hex(),
                group: id.clone(),
                courses: vec![id.clone()],
                headcount: 0,
                windows: vec![only(cell)],
                max_travel: 0,
                online: false,
                prefer: "any".to_owned(),
                priority: 2,
                credit: 0,
                id,
            }],
            open: false,
            session: booking.session.unwrap_or(ClassId([0; 16])),
            stands_in: true,
            cell,
            town,
        }
    }
}

/// Decisions in the order in which they count, then announcements by their stamp.
fn standing(views: &SharedViews, booking: &Booking) -> (Option<Stamp>, Option<Place>, EventRef) {
    let outcome = match booking.kind {
        BookingKind::Own => None,
        BookingKind::Claim => {
            views.requests.claims.get(&booking.source).and_then(|claim| claim.outcome.as_ref())
        }
        BookingKind::Joint => {
            views.requests.orders.get(&booking.source).and_then(|order| order.outcome.as_ref())
        }
    };
    let own = booking.session.zip(booking.branches.first()).filter(|_| booking.kind == BookingKind::Own);
    let announced = own.and_then(|(session, branch)| views.sessions.of(session, *branch));
    let stamp = announced.map(|session| session.stamp);
    (stamp, outcome.map(|outcome| outcome.place), booking.source)
}

/// Whether others may join: it can still be planned for, everybody in it agreed to company, and it holds
/// under the rules as they are now.
fn may_be_joined(views: &SharedViews, grid: &Grid, joint: &JointClass) -> bool {
    let Some(cell) = grid.cell(&joint.slot).filter(|cell| cell.day >= grid.earliest) else { return false };
    let Some(asset) = views.resources.assets.get(&joint.venue) else { return false };
    let Some(listed) = views.courses.on_list(joint.course) else { return false };
    let teacher = views.teachers.teachers.get(&views.teachers.resolve(joint.teacher));
    let online = listed.online && streams(views, joint.venue);
    let mut seats = asset.capacity;
    let all_hold =
        joint.parts.iter().filter(|part| views.requests.takes_part(part, joint.session)).all(|part| {
            let Some(order) = views.requests.orders.get(&part.request) else { return false };
            let Some(lodged) = &order.lodged else { return false };
            let way = views.branches.policy.travel_minutes(lodged.branch, asset.branch);
            let holds = match part.mode {
                Mode::Host => lodged.branch == asset.branch,
                Mode::Travel => lodged.branch != asset.branch && way <= lodged.wish.max_travel_minutes,
                Mode::Online => online && lodged.wish.online,
            };
            let heads = if part.mode == Mode::Online { 0 } else { lodged.wish.headcount };
            let seated = seats >= heads;
            seats = seats.saturating_sub(heads);
            holds && seated && (lodged.wish.pre_consent || order.consented)
        });
    all_hold
        && u32::from(listed.periods) == cell.length
        && suits(listed, asset.kind)
        && teacher.is_some_and(|teacher| teacher.approved.contains(&joint.course))
}

fn only(cell: Cell) -> RawWindow {
    RawWindow { from: cell.day, to: cell.day, dow: (0..7).collect(), mask: cell.span(), pref: true }
}
