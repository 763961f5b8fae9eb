//! Everything booked, by who and what it takes and by day, so that no question reads all of it.

use crate::domain::{Booking, BookingKind, SharedViews};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, TeacherId};
use crate::time::{Day, Slot};
use std::collections::BTreeMap;

/// What makes one of the bookings of a day the first: begin, length, then how it came about.
pub type Precedence<'a> = (u16, u16, BookingKind, &'a EventRef);

/// One time of a day, however many bookings it has.
struct Hours<'a> {
    slot: Slot,
    count: u32,
    /// The first booking at this time.
    first: (BookingKind, &'a EventRef),
}

/// The bookings that take one teacher at one place, or one asset, on one day, by time.
#[derive(Default)]
pub struct Taken<'a>(Vec<Hours<'a>>);

/// Firm bookings by teacher and by asset.
pub struct Occupancy<'a> {
    views: &'a SharedViews,
    teachers: BTreeMap<(TeacherId, Day, BranchId), Taken<'a>>,
    /// Teaching periods by teacher and Monday.
    weeks: BTreeMap<(TeacherId, Day), u32>,
    assets: BTreeMap<(AssetId, Day), Taken<'a>>,
}

impl<'a> Occupancy<'a> {
    /// Nothing yet.
    pub fn new(views: &'a SharedViews) -> Self {
        Self { views, teachers: BTreeMap::new(), weeks: BTreeMap::new(), assets: BTreeMap::new() }
    }

    /// All of these bookings.
    pub fn of(views: &'a SharedViews, bookings: impl IntoIterator<Item = &'a Booking>) -> Self {
        let mut all = Self::new(views);
        bookings.into_iter().for_each(|booking| all.add(booking));
        all
    }

    /// One booking more.
    pub fn add(&mut self, booking: &'a Booking) {
        let place = held_at(self.views, booking);
        let (teacher, asset) = (booking.teacher, booking.asset);
        self.take((teacher, place), asset, &booking.slot, (booking.kind, &booking.source));
    }

    /// Takes a teacher, who is to be at a place, and an asset.
    pub fn take(
        &mut self,
        (teacher, place): (Option<TeacherId>, BranchId),
        asset: Option<AssetId>,
        slot: &Slot,
        first: (BookingKind, &'a EventRef),
    ) {
        if let Some(teacher) = teacher {
            self.teachers.entry((teacher, slot.day, place)).or_default().add(slot, first);
            let week = self.weeks.entry((teacher, slot.day.monday())).or_default();
            *week = week.saturating_add(periods_of(slot));
        }
        if let Some(asset) = asset {
            self.assets.entry((asset, slot.day)).or_default().add(slot, first);
        }
    }

    /// What is booked of a teacher on a day, place by place.
    pub fn of_teacher(&self, teacher: TeacherId, day: Day) -> impl Iterator<Item = (BranchId, &Taken<'a>)> {
        let places = BranchId([0; 16])..=BranchId([u8::MAX; 16]);
        let range = (teacher, day, *places.start())..=(teacher, day, *places.end());
        self.teachers.range(range).map(|((_, _, place), taken)| (*place, taken))
    }

    /// What is booked of an asset on a day.
    pub fn of_asset(&self, asset: AssetId, day: Day) -> Option<&Taken<'a>> {
        self.assets.get(&(asset, day))
    }

    /// Teaching periods of a teacher in the week of a day.
    pub fn periods_in_week(&self, teacher: TeacherId, day: Day) -> u32 {
        self.weeks.get(&(teacher, day.monday())).copied().unwrap_or_default()
    }
}

impl<'a> Taken<'a> {
    fn add(&mut self, slot: &Slot, first: (BookingKind, &'a EventRef)) {
        match self.0.binary_search_by_key(&time_of(slot), |hours| time_of(&hours.slot)) {
            Ok(at) => {
                let hours = &mut self.0[at];
                (hours.count, hours.first) = (hours.count.saturating_add(1), hours.first.min(first));
            }
            Err(at) => self.0.insert(at, Hours { slot: *slot, count: 1, first }),
        }
    }

    /// The first booking that shares a minute with a slot.
    pub fn overlapping(&self, slot: &Slot) -> Option<Precedence<'a>> {
        self.during(slot).next().map(Hours::precedence)
    }

    /// How many share a minute with it.
    pub fn count(&self, slot: &Slot) -> u32 {
        self.during(slot).fold(0, |count, hours| count.saturating_add(hours.count))
    }

    /// The first booking before or after a slot that leaves less time in between than the way takes.
    pub fn too_near(&self, slot: &Slot, way_minutes: u16) -> Option<Precedence<'a>> {
        let latest = slot.end_minute().saturating_add(way_minutes);
        let near = self.0.iter().take_while(|hours| hours.slot.start_minute < latest);
        let mut apart = near.filter(|hours| !hours.slot.overlaps(slot));
        apart.find(|hours| gap_minutes(&hours.slot, slot) < way_minutes).map(Hours::precedence)
    }

    fn during(&self, slot: &Slot) -> impl Iterator<Item = &Hours<'a>> {
        let begun = self.0.iter().take_while(|hours| hours.slot.start_minute < slot.end_minute());
        begun.filter(|hours| hours.slot.overlaps(slot))
    }
}

impl<'a> Hours<'a> {
    fn precedence(&self) -> Precedence<'a> {
        let (start_minute, duration_minutes) = time_of(&self.slot);
        (start_minute, duration_minutes, self.first.0, self.first.1)
    }
}

fn time_of(slot: &Slot) -> (u16, u16) {
    (slot.start_minute, slot.duration_minutes)
}

/// Minutes between a booking and a slot of the same day.
fn gap_minutes(booked: &Slot, slot: &Slot) -> u16 {
    let (earlier, later) =
        if booked.start_minute < slot.start_minute { (booked, slot) } else { (slot, booked) };
    later.start_minute.saturating_sub(earlier.end_minute())
}

/// Where a booking takes place: at its venue's branch, else at the first branch that takes part.
fn held_at(views: &SharedViews, booking: &Booking) -> BranchId {
    let venue = booking.asset.and_then(|asset| views.resources.assets.get(&asset)).map(|asset| asset.branch);
    venue.or_else(|| booking.branches.first().copied()).unwrap_or(BranchId::CITY)
}

/// Teaching periods of 45 minutes, begun ones counted whole.
pub fn periods_of(slot: &Slot) -> u32 {
    u32::from(slot.duration_minutes).div_ceil(45)
}
