//! From the views to what the planner plans: open orders, offered time, and everything booked, pinned.
//!
//! Only offered time is planned; all other time stays with its branch, which books it without asking.

use super::grid::{Cell, Grid};
use super::pins::{Pin, pins};
use crate::decide::figures::Figures;
use crate::event::{AssetKind, Condition, CourseListed, EventRef, RequestLodged};
use crate::fold::{Lodged, Offer, SharedViews};
use crate::ids::{BranchId, SubjectId};
use crate::plan::{
    Instance, RawBranch, RawCourse, RawInstance, RawPeriod, RawRequest, RawTeacher, RawVenue, RawWeights,
    RawWindow, Refusal, admit, build,
};
use crate::time::{Day, HalfDay, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a venue needs for guests online.
const STREAM: &str = "直播设备";
/// How a course is taught (教学方式) that goes to an on-site point.
const ON_SITE: &str = "现场教学";
/// Stands for no limit: the largest number of the format.
const UNLIMITED: u32 = 1_000_000;

/// An instance and what its ids stand for.
pub struct Drawn {
    pub instance: Arc<Instance>,
    pub grid: Grid,
    /// Open orders whose courses cannot be planned at all.
    pub unplannable: Vec<EventRef>,
    /// Confirmed orders of joint classes that others may join, by the class.
    pub joinable: BTreeMap<EventRef, SubjectId>,
}

/// Draws the instance as things stand. Classes in `released` are not pinned: they are planned anew, with as
/// little change as can be.
pub fn draw(views: &SharedViews, at: Millis, released: &BTreeSet<SubjectId>) -> Result<Drawn, Refusal> {
    let grid = Grid::new(&views.planning.0, at.day());
    let sketch = Sketch::new(views, &grid, at);
    let published: Vec<Pin> = released.iter().filter_map(|class| Pin::joint(views, &grid, *class)).collect();
    let (mut pinned, mut blocked) = pins(views, &grid, released);
    let (raw, unplannable) = sketch.instance(&pinned, &published, &blocked);
    let mut instance = build(raw)?;
    let demoted = admit(&instance).demoted;
    if !demoted.is_empty() {
        // What clashes stays as it is, for a person to rule on; nothing else is planned over it.
        for (at, _) in demoted.iter().rev() {
            blocked.push(pinned.remove(*at as usize));
        }
        instance = build(sketch.instance(&pinned, &published, &blocked).0)?;
    }
    let joinable = pinned.iter().filter(|pin| pin.open).flat_map(|pin| {
        let orders = pin.requests.iter().filter_map(|request| request.id.parse().ok());
        orders.map(|order| (order, pin.session))
    });
    let joinable = joinable.collect();
    Ok(Drawn { instance: Arc::new(instance), unplannable, joinable, grid })
}

/// The real course behind an id of the instance; `None` for what merely stands for a booking.
pub fn course_of(id: &str) -> Option<SubjectId> {
    id.split('!').next()?.parse().ok()
}

/// The id of a course for one order alone, which nobody may join.
fn alone(course: SubjectId, order: &EventRef) -> String {
    format!("{course}!{order}")
}

struct Sketch<'a> {
    views: &'a SharedViews,
    grid: &'a Grid,
    towns: BTreeMap<BranchId, u32>,
    last_plan: Option<Millis>,
    credit: BTreeMap<BranchId, u32>,
    /// Orders of priority 3 beyond what a branch has of them.
    less_important: BTreeSet<EventRef>,
}

impl<'a> Sketch<'a> {
    fn new(views: &'a SharedViews, grid: &'a Grid, at: Millis) -> Self {
        let rules = &views.planning.0;
        let homes = views.teachers.teachers.values().map(|teacher| teacher.home);
        let places = views.resources.assets.values().map(|asset| asset.branch);
        let booked = views.bookings.iter().flat_map(|booking| booking.branches.iter().copied());
        let asking = views.requests.open_orders().map(|(_, lodged)| lodged.branch);
        let known = views.branches.branches.keys().copied();
        let all: BTreeSet<BranchId> =
            known.chain(homes).chain(places).chain(booked).chain(asking).chain([BranchId::CITY]).collect();
        let all_figures = Figures::new(views, at.day());
        let asking: BTreeSet<BranchId> =
            views.requests.open_orders().map(|(_, lodged)| lodged.branch).collect();
        let figures: BTreeMap<BranchId, u32> =
            asking.into_iter().map(|branch| (branch, all_figures.of(branch))).collect();
        let most = figures.values().copied().max().unwrap_or_default().max(1);
        let credit =
            |figure: u32| u64::from(rules.fairness_points) * u64::from(most - figure) / u64::from(most);
        let even = figures.values().all(|figure| *figure == 0);
        let credit =
            figures.iter().map(|(branch, figure)| (*branch, if even { 0 } else { credit(*figure) as u32 }));
        let mut important: BTreeMap<BranchId, Vec<(Millis, EventRef)>> = BTreeMap::new();
        for (id, lodged) in views.requests.open_orders().filter(|(_, lodged)| lodged.wish.priority >= 3) {
            important.entry(lodged.branch).or_default().push((lodged.at, *id));
        }
        let less_important = important.into_values().flat_map(|mut orders| {
            orders.sort_unstable();
            orders.into_iter().skip(usize::from(rules.important_orders)).map(|(_, id)| id)
        });
        Self {
            towns: all.into_iter().zip(0..).collect(),
            last_plan: views.requests.plans.values().map(|plan| plan.at).max(),
            credit: credit.collect(),
            less_important: less_important.collect(),
            views,
            grid,
        }
    }

    /// The instance around what is booked, and the orders that cannot be planned at all.
    fn instance(&self, pinned: &[Pin], published: &[Pin], blocked: &[Pin]) -> (RawInstance, Vec<EventRef>) {
        let rules = &self.views.planning.0;
        let mut raw = RawInstance {
            format: "jts-1".to_owned(),
            name: format!("{} +{}", self.grid.first_day, self.grid.days),
            days: self.grid.days,
            periods: rules
                .periods
                .iter()
                .map(|period| RawPeriod { start: period.start_minute.into(), end: period.end_minute.into() })
                .collect(),
            starts: self.grid.starts.iter().map(|(length, at)| (length.to_string(), at.clone())).collect(),
            travel: self.travel(),
            branches: self
                .towns
                .iter()
                .map(|(id, town)| RawBranch { id: id.to_hex(), town: *town })
                .collect(),
            courses: self.courses(),
            teachers: self.teachers(),
            venues: self.venues(),
            requests: Vec::new(),
            pinned: Vec::new(),
            previous: published.iter().map(|pin| pin.class.clone()).collect(),
            weights: weights(rules),
            earliest: self.grid.earliest,
        };
        let mut unplannable = Vec::new();
        let open = self.views.requests.open_orders().map(|(id, lodged)| (*id, lodged));
        let again = published.iter().flat_map(|pin| &pin.requests).filter_map(|request| {
            let id = request.id.parse().ok()?;
            Some((id, self.views.requests.orders.get(&id)?.lodged.as_ref()?))
        });
        for (id, lodged) in open.chain(again) {
            match self.order(&id, lodged, &mut raw) {
                Some(request) => raw.requests.push(request),
                None => unplannable.push(id),
            }
        }
        for pin in blocked {
            let (day, span) = (pin.cell.day as usize, pin.cell.span());
            let teacher = raw.teachers.iter_mut().filter(|teacher| teacher.id == pin.class.teacher);
            teacher.for_each(|teacher| teacher.avail[day] &= !span);
            let venue = raw.venues.iter_mut().filter(|venue| venue.id == pin.class.venue);
            venue.for_each(|venue| venue.avail[day] &= !span);
        }
        for pin in pinned {
            self.occupy(&mut raw, pin);
            raw.requests.extend(pin.requests.iter().cloned());
            raw.pinned.push(pin.raw());
        }
        (raw, unplannable)
    }

    fn travel(&self) -> Vec<Vec<u32>> {
        let minutes = |a: &BranchId, b: &BranchId| self.views.branches.policy.travel_minutes(*a, *b).into();
        self.towns.keys().map(|a| self.towns.keys().map(|b| minutes(a, b)).collect()).collect()
    }

    fn courses(&self) -> Vec<RawCourse> {
        let library = &self.views.courses;
        let plannable = library.courses.keys().filter(|id| self.length(**id).is_some());
        plannable
            .map(|id| self.course(id.to_hex(), *id, self.views.planning.0.groups_a_class.into()))
            .collect()
    }

    /// Periods of a course that can be planned: on the list, and of a length that classes have.
    fn length(&self, course: SubjectId) -> Option<u32> {
        let length = u32::from(self.views.courses.on_list(course)?.periods);
        self.grid.starts.contains_key(&length).then_some(length)
    }

    fn course(&self, id: String, course: SubjectId, max_groups: u32) -> RawCourse {
        let listed = self.views.courses.on_list(course);
        RawCourse {
            duration: self.length(course).unwrap_or(1),
            needs: Vec::new(),
            sites: listed.filter(|listed| listed.method == ON_SITE).map(|_| self.on_site_points()),
            online_ok: listed.is_some_and(|listed| listed.online),
            offered: max_groups > 1,
            max_groups,
            id,
        }
    }

    fn on_site_points(&self) -> Vec<String> {
        let assets = self.views.resources.assets.iter();
        let points = assets.filter(|(_, asset)| asset.declared.kind == AssetKind::OnSitePoint);
        points.map(|(id, _)| id.to_hex()).collect()
    }

    fn teachers(&self) -> Vec<RawTeacher> {
        let real = self.views.teachers.teachers.iter().filter(|(_, teacher)| teacher.merged_into.is_none());
        let weeks = self.grid.days / 7;
        real.map(|(id, teacher)| {
            let plannable = teacher.approved.iter().filter(|course| self.length(**course).is_some());
            let cap = u32::from(teacher.weekly_cap_periods);
            RawTeacher {
                id: id.to_hex(),
                town: self.towns[&teacher.home],
                skills: plannable.map(|course| (course.to_hex(), 0)).collect(),
                reach: UNLIMITED,
                max_day: self.views.planning.0.teacher_periods_a_day.into(),
                max_week: cap,
                target: cap * weeks / 2,
                avail: self.free(&teacher.offers, &[], |day| teacher.is_away(day)),
            }
        })
        .collect()
    }

    fn venues(&self) -> Vec<RawVenue> {
        let resources = &self.views.resources;
        let places = resources.assets.iter().filter(|(_, asset)| asset.declared.kind != AssetKind::Equipment);
        places
            .map(|(id, asset)| {
                let declared = &asset.declared;
                let offers = resources.offers.get(id).map(Vec::as_slice).unwrap_or_default();
                let broken = declared.condition == Condition::Broken;
                let stream = declared.features.iter().any(|feature| feature == STREAM);
                RawVenue {
                    id: id.to_hex(),
                    town: self.towns[&asset.branch],
                    capacity: declared.capacity.min(UNLIMITED),
                    equip: if stream { vec!["stream".to_owned()] } else { Vec::new() },
                    lecture: declared.kind == AssetKind::Room,
                    avail: self.free(offers, &declared.open, |day| broken || resources.is_blocked(*id, day)),
                }
            })
            .collect()
    }

    /// Masks by day of what is offered within the opening half-days; no half-day named means always open.
    fn free(&self, offers: &[Offer], open: &[HalfDay], shut: impl Fn(Day) -> bool) -> Vec<u32> {
        let mask = |weekday: u8, windows: &[HalfDay]| {
            let of_day = windows.iter().filter(|window| window.weekday == weekday);
            of_day.fold(0, |mask, window| mask | self.grid.half_days[usize::from(window.afternoon)])
        };
        (0..self.grid.days)
            .map(|day| {
                let date = self.grid.date(day);
                let Some(weekday) = self.views.calendar.weekday(date).filter(|_| !shut(date)) else {
                    return 0;
                };
                let held = offers.iter().filter(|offer| (offer.from..=offer.to).contains(&date));
                let offered = held.fold(0, |offered, offer| offered | mask(weekday, &offer.windows));
                if open.is_empty() { offered } else { offered & mask(weekday, open) }
            })
            .collect()
    }

    /// An order as the planner takes it; what it wants for itself alone becomes courses of its own.
    fn order(
        &self,
        id: &EventRef,
        lodged: &Lodged<RequestLodged>,
        raw: &mut RawInstance,
    ) -> Option<RawRequest> {
        let wish = &lodged.wish;
        let wanted: BTreeSet<SubjectId> =
            wish.courses.iter().copied().filter(|course| self.length(*course).is_some()).collect();
        if wanted.is_empty() {
            return None;
        }
        let consents =
            wish.pre_consent || self.views.requests.orders.get(id).is_some_and(|order| order.consented);
        if !consents {
            for course in &wanted {
                raw.courses.push(self.course(alone(*course, id), *course, 1));
                let hex = course.to_hex();
                for teacher in raw.teachers.iter_mut().filter(|teacher| teacher.skills.contains_key(&hex)) {
                    teacher.skills.insert(alone(*course, id), 0);
                }
            }
        }
        let late = self.last_plan.is_some_and(|last| lodged.at < last);
        let late = if late { self.views.planning.0.late_points } else { 0 };
        let fair = self.credit.get(&lodged.branch).copied().unwrap_or_default();
        let priority = if self.less_important.contains(id) { 2 } else { wish.priority.clamp(1, 3).into() };
        Some(RawRequest {
            id: id.to_string(),
            branch: lodged.branch.to_hex(),
            group: wish.group.clone(),
            courses: wanted
                .iter()
                .map(|course| if consents { course.to_hex() } else { alone(*course, id) })
                .collect(),
            headcount: wish.headcount.min(UNLIMITED),
            windows: self.windows(wish),
            max_travel: wish.max_travel_minutes.into(),
            online: wish.online,
            prefer: "any".to_owned(),
            credit: fair + late,
            priority,
        })
    }

    /// Days with the same hours in one window.
    fn windows(&self, wish: &RequestLodged) -> Vec<RawWindow> {
        let mut windows: Vec<RawWindow> = Vec::new();
        for day in self.grid.earliest..self.grid.days {
            let date = self.grid.date(day);
            let Some(weekday) = self.views.calendar.weekday(date) else { continue };
            let half_days = wish.half_days.iter().filter(|half_day| half_day.weekday == weekday);
            let named =
                half_days.fold(0, |mask, half| mask | self.grid.half_days[usize::from(half.afternoon)]);
            let mask = match wish.half_days.is_empty() {
                true => (1 << self.grid.periods.len()) - 1,
                false => named,
            };
            if mask == 0 || !(wish.from..=wish.to).contains(&date) {
                continue;
            }
            match windows.last_mut() {
                Some(last) if last.to + 1 == day && last.mask == mask => last.to = day,
                _ => windows.push(RawWindow { from: day, to: day, dow: (0..7).collect(), mask, pref: true }),
            }
        }
        windows
    }

    /// Gives a booking its time at its teacher and its venue, offered or not, and adds what stands for either.
    fn occupy(&self, raw: &mut RawInstance, pin: &Pin) {
        let (day, span) = (pin.cell.day as usize, pin.cell.span());
        match raw.teachers.iter_mut().find(|teacher| teacher.id == pin.class.teacher) {
            Some(teacher) => {
                teacher.avail[day] |= span;
                if pin.stands_in {
                    teacher.skills.insert(pin.class.course.clone(), 0);
                }
            }
            None => raw.teachers.push(self.nobody(pin)),
        }
        match raw.venues.iter_mut().find(|venue| venue.id == pin.class.venue) {
            Some(venue) => venue.avail[day] |= span,
            None => raw.venues.push(self.nowhere(pin)),
        }
        if pin.stands_in {
            raw.courses.push(RawCourse {
                id: pin.class.course.clone(),
                duration: pin.cell.length,
                max_groups: 1,
                needs: Vec::new(),
                sites: Some(vec![pin.class.venue.clone()]),
                online_ok: false,
                offered: false,
            });
        }
    }

    /// Stands for a teacher who is not of the pool.
    fn nobody(&self, pin: &Pin) -> RawTeacher {
        RawTeacher {
            id: pin.class.teacher.clone(),
            town: self.towns[&pin.town],
            skills: [(pin.class.course.clone(), 0)].into(),
            reach: UNLIMITED,
            max_day: UNLIMITED,
            max_week: UNLIMITED,
            target: UNLIMITED,
            avail: self.only(pin.cell),
        }
    }

    /// Stands for a place nobody shares.
    fn nowhere(&self, pin: &Pin) -> RawVenue {
        RawVenue {
            id: pin.class.venue.clone(),
            town: self.towns[&pin.town],
            capacity: UNLIMITED,
            equip: Vec::new(),
            lecture: false,
            avail: self.only(pin.cell),
        }
    }

    fn only(&self, cell: Cell) -> Vec<u32> {
        (0..self.grid.days).map(|day| if day == cell.day { cell.span() } else { 0 }).collect()
    }
}

fn weights(rules: &crate::event::PlanningPublished) -> RawWeights {
    let points = &rules.points;
    RawWeights {
        unmet: ["1", "2", "3"].map(str::to_owned).into_iter().zip(points.unmet).collect(),
        dropped: points.dropped,
        moved_time: points.moved_time,
        moved_venue: points.moved_venue,
        moved_mode: points.moved_mode,
        moved_teacher: points.moved_teacher,
        open_period: points.open_period,
        teacher_minute: points.teacher_minute,
        skill: points.skill,
        group_travel_div: points.group_travel_div,
        online_unwanted: points.online_unwanted,
        not_preferred_mode: points.not_preferred_mode,
        not_preferred_time: points.not_preferred_time,
        over_target: points.over_target,
        over_double: points.over_double,
    }
}

/// Whether a course takes place at such an asset.
pub fn suits(course: &CourseListed, kind: AssetKind) -> bool {
    match kind {
        AssetKind::Room => course.method != ON_SITE,
        AssetKind::OnSitePoint => course.method == ON_SITE,
        AssetKind::Equipment => false,
    }
}

/// Whether guests can listen online there.
pub fn streams(views: &SharedViews, venue: SubjectId) -> bool {
    let asset = views.resources.assets.get(&venue);
    asset.is_some_and(|asset| asset.declared.features.iter().any(|feature| feature == STREAM))
}
