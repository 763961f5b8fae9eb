//! Who and what is booked when: confirmed claims, joint classes and branches' own classes on one calendar.

use crate::domain::{OutcomeKind, RequestKey, SessionState, SharedChanged, SharedViews};
use crate::event::{EventRef, Subject};
use crate::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use crate::time::{Day, Slot};
use serde::Serialize;
use std::collections::BTreeSet;

code_enum! {
    /// How a booking came about.
    BookingKind {
        /// A branch's own class.
        Own = 0 "own",
        /// A confirmed claim.
        Claim = 1 "claim",
        /// A joint class.
        Joint = 2 "joint",
    }
}

/// One firm entry of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Booking {
    /// When.
    pub slot: Slot,
    /// How it came about.
    pub kind: BookingKind,
    /// The event behind it: the claim, the first order of a joint class, or the announcement.
    pub source: EventRef,
    /// The class, where it has an id of its own.
    pub session: Option<ClassId>,
    /// The course.
    pub course: Option<CourseId>,
    /// The teacher.
    pub teacher: Option<TeacherId>,
    /// The venue or kit.
    pub asset: Option<AssetId>,
    /// Branches that take part, the host or claimer first.
    pub branches: Vec<BranchId>,
    /// People expected.
    pub headcount: u32,
}

/// What may stand on the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A claim.
    Claim(EventRef),
    /// A joint class.
    Joint(ClassId),
    /// What a branch announced or recorded of a class.
    Own(ClassId, BranchId),
}

/// Who or what is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Booked {
    /// An entry of the teacher pool.
    Teacher(TeacherId),
    /// A venue or kit.
    Asset(AssetId),
}

impl Booking {
    /// Who and what is booked by it.
    pub(crate) fn booked(&self) -> impl Iterator<Item = Booked> {
        let teacher = self.teacher.map(Booked::Teacher);
        teacher.into_iter().chain(self.asset.map(Booked::Asset))
    }

    /// The booking of what may stand on the calendar, if it does.
    pub(crate) fn of(views: &SharedViews, source: &Source) -> Option<Self> {
        match source {
            Source::Claim(claim) => Self::of_claim(views, claim),
            Source::Joint(class) => Self::of_joint(views, *class),
            Source::Own(class, branch) => Self::of_own(views, *class, *branch),
        }
    }

    fn of_claim(views: &SharedViews, claim: &EventRef) -> Option<Self> {
        let state = views.requests.claims.get(claim)?;
        let lodged = state.lodged.as_ref()?;
        let confirmed = state.outcome.as_ref()?.kind == OutcomeKind::Confirmed && !state.cancelled;
        confirmed.then(|| Self {
            slot: lodged.wish.slot,
            kind: BookingKind::Claim,
            source: *claim,
            session: None,
            course: lodged.wish.course,
            teacher: lodged.wish.teacher.map(|teacher| views.teachers.resolve(teacher)),
            asset: lodged.wish.asset,
            branches: vec![lodged.branch],
            headcount: lodged.wish.headcount,
        })
    }

    fn of_joint(views: &SharedViews, class: ClassId) -> Option<Self> {
        let requests = &views.requests;
        let class = requests.joint.get(&class)?;
        let parts: Vec<_> =
            class.parts.iter().filter(|part| requests.takes_part(part, class.session)).collect();
        let headcount = parts.iter().filter_map(|part| {
            requests.orders.get(&part.request)?.lodged.as_ref().map(|lodged| lodged.wish.headcount)
        });
        Some(Self {
            slot: class.slot,
            kind: BookingKind::Joint,
            source: parts.first()?.request,
            session: Some(class.session),
            course: Some(class.course),
            teacher: Some(views.teachers.resolve(class.teacher)),
            asset: Some(class.venue),
            headcount: headcount.fold(0, u32::saturating_add),
            branches: parts.iter().map(|part| part.request.document.branch).collect(),
        })
    }

    /// A branch books its own teachers and rooms; to name others' asks for a decision, which books them.
    fn of_own(views: &SharedViews, class: ClassId, branch: BranchId) -> Option<Self> {
        let SharedViews { sessions, teachers: pool, resources, .. } = views;
        let session = sessions.of(class, branch).filter(|it| it.state == SessionState::Announced)?;
        let teacher = session.teacher.map(|teacher| pool.resolve(teacher));
        let is_own = |venue: &AssetId| resources.assets.get(venue).is_none_or(|it| it.branch == branch);
        Some(Self {
            slot: session.slot,
            kind: BookingKind::Own,
            source: session.source,
            session: Some(class),
            course: session.course,
            teacher: teacher.filter(|teacher| !pool.is_of_others(*teacher, branch)),
            asset: session.venue.filter(is_own),
            branches: vec![branch],
            headcount: session.headcount,
        })
    }
}

impl SharedViews {
    /// The bookings of a day, by time.
    pub(crate) fn bookings_of(&self, day: Day) -> impl Iterator<Item = &Booking> {
        let least = Booking {
            slot: Slot { day, start_minute: 0, duration_minutes: 0 },
            kind: BookingKind::Own,
            source: EventRef::LEAST,
            session: None,
            course: None,
            teacher: None,
            asset: None,
            branches: Vec::new(),
            headcount: 0,
        };
        self.bookings.range(least..).take_while(move |booking| booking.slot.day == day)
    }
}

/// Brings the calendar up to date with what may have changed. Gives back what was taken off and put on.
pub(crate) fn book(before: &SharedViews, now: &mut SharedViews, touched: &BTreeSet<Source>) -> Vec<Booking> {
    let mut changed = Vec::new();
    let mut added = Vec::new();
    for source in touched {
        let (was, is) = (Booking::of(before, source), Booking::of(now, source));
        if was == is {
            continue;
        }
        if let Some(was) = was {
            now.bookings.remove(&was);
            changed.push(was);
        }
        added.extend(is);
    }
    for booking in added {
        now.bookings.insert(booking.clone());
        changed.push(booking);
    }
    changed
}

/// What names a teacher or an asset, by day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named(BTreeSet<(Booked, Day, Source)>);

impl Named {
    /// Takes in what changed. Gives back all that may stand otherwise on the calendar, or be another's word.
    pub fn keep_up(
        &mut self,
        before: &SharedViews,
        now: &SharedViews,
        changed: &SharedChanged,
        owners: &BTreeSet<Subject>,
    ) -> BTreeSet<Source> {
        let mut touched: BTreeSet<Source> = BTreeSet::new();
        for key in &changed.requests {
            match key {
                RequestKey::Request(request) => {
                    touched.insert(Source::Claim(*request));
                    for views in [before, now] {
                        let outcome = views.requests.orders.get(request).and_then(|it| it.outcome.as_ref());
                        touched.extend(outcome.and_then(|it| it.class).map(Source::Joint));
                    }
                }
                RequestKey::Joint(class) => drop(touched.insert(Source::Joint(*class))),
                RequestKey::Plan(_) | RequestKey::Round(_) | RequestKey::Terms => {}
            }
        }
        touched.extend(changed.sessions.iter().map(|(class, branch)| Source::Own(*class, *branch)));
        for source in &touched {
            for at in names(before, source) {
                self.0.remove(&at);
            }
            self.0.extend(names(now, source));
        }
        // What is another unit's now, or no longer.
        let of_class =
            |class: ClassId| now.sessions.branches(class).map(move |unit| Source::Own(class, unit));
        let given = owners.iter().filter_map(|it| if let Subject::Class(id) = it { Some(*id) } else { None });
        let held = changed.sessions.iter().map(|(class, _)| *class);
        touched.extend(given.chain(held).flat_map(of_class));
        let teachers = now.teachers.regrouped(&before.teachers, &changed.teachers);
        let owner =
            |views: &SharedViews, id: &AssetId| views.resources.assets.get(id).map(|asset| asset.branch);
        let assets = changed.resources.iter().filter(|id| owner(before, id) != owner(now, id));
        let booked = teachers.into_iter().map(Booked::Teacher).chain(assets.copied().map(Booked::Asset));
        for booked in booked {
            touched.extend(self.range(booked, Day(i32::MIN)).map(|(_, _, source)| *source));
        }
        touched
    }

    /// Adds what stands beside bookings that were decided: a unit's word on others' things is confirmed so.
    pub fn beside(&self, changed: &[Booking], now: &SharedViews, touched: &mut BTreeSet<Source>) {
        for booking in changed.iter().filter(|booking| booking.kind != BookingKind::Own) {
            let (day, entries) = (booking.slot.day, |person| now.teachers.entries_of(person));
            let teachers = booking.teacher.into_iter().flat_map(entries).map(Booked::Teacher);
            for booked in teachers.chain(booking.asset.map(Booked::Asset)) {
                let that_day = self.range(booked, day).take_while(|(_, of, _)| *of == day);
                touched.extend(that_day.map(|(_, _, source)| *source));
            }
            if let Some(class) = booking.session {
                touched.extend(now.sessions.branches(class).map(|unit| Source::Own(class, unit)));
            }
        }
    }

    fn range(&self, booked: Booked, from: Day) -> impl Iterator<Item = &(Booked, Day, Source)> {
        let least = Source::Claim(EventRef::LEAST);
        self.0.range((booked, from, least)..).take_while(move |(of, _, _)| *of == booked)
    }
}

/// Whom and what it names, as it says.
fn names(views: &SharedViews, source: &Source) -> Vec<(Booked, Day, Source)> {
    let named = match source {
        Source::Claim(claim) => {
            let lodged = views.requests.claims.get(claim).and_then(|state| state.lodged.as_ref());
            lodged.map(|it| (it.wish.teacher, it.wish.asset, it.wish.slot.day))
        }
        Source::Joint(class) => {
            let class = views.requests.joint.get(class);
            class.map(|it| (Some(it.teacher), Some(it.venue), it.slot.day))
        }
        Source::Own(class, branch) => {
            let session = views.sessions.of(*class, *branch);
            session.map(|it| (it.teacher, it.venue, it.slot.day))
        }
    };
    let Some((teacher, asset, day)) = named else { return Vec::new() };
    let booked = teacher.map(Booked::Teacher).into_iter().chain(asset.map(Booked::Asset));
    booked.map(|booked| (booked, day, *source)).collect()
}
