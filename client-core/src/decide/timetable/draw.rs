//! From the views to what the planner plans: open orders, offered time, and everything booked, pinned.
//!
//! Only offered time is planned; all other time stays with its branch, which books it without asking.

use super::entering;
use super::grid::Grid;
use super::pins::{Pin, Pins, Shut, pins};
use super::sheet::Sheet;
use crate::decide::figures::Figures;
use crate::decide::openings::Openings;
use crate::domain::{Asset, AssetKind, Condition, Course, Lodged, OrderWish, SharedViews};
use crate::event::EventRef;
use crate::ids::{AssetId, BranchId, ClassId, CourseId};
use crate::plan::{
    Instance, MOST_TOWNS, RawBranch, RawCourse, RawInstance, RawPeriod, RawRequest, RawTeacher, RawVenue,
    RawWeights, RawWindow, Refusal, admit, build,
};
use crate::time::{Day, HalfDay, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a venue needs for guests online.
const STREAM: &str = "直播设备";
/// How a course is taught (教学方式) that goes to an on-site point.
const ON_SITE: &str = "现场教学";
/// Stands for no limit: the largest number of the format.
pub const UNLIMITED: u32 = 1_000_000;

/// An instance and what its ids stand for.
pub struct Drawn {
    pub instance: Arc<Instance>,
    pub grid: Grid,
    /// Open orders whose courses cannot be planned at all.
    pub unplannable: Vec<EventRef>,
    /// Confirmed orders of joint classes that others may join, by the class.
    pub joinable: BTreeMap<EventRef, ClassId>,
}

/// Draws the instance as things stand. Classes in `released` are not pinned: they are planned anew, with as
/// little change as can be.
pub fn draw(views: &SharedViews, at: Millis, released: &BTreeSet<ClassId>) -> Result<Drawn, Refusal> {
    let grid = Grid::new(&views.planning.0, at.day());
    let sketch = Sketch::new(views, &grid, at);
    let published: Vec<Pin> = released.iter().filter_map(|class| Pin::joint(views, &grid, *class)).collect();
    let Pins { mut pinned, mut shut, .. } = pins(views, &grid, released);
    let (raw, unplannable) = sketch.instance(&pinned, &published, &shut);
    let mut instance = build(raw)?;
    let demoted: BTreeSet<u32> = admit(&instance).demoted.iter().map(|(at, _)| *at).collect();
    if !demoted.is_empty() {
        // What clashes stays as it is, for a person to rule on; nothing else is planned over it.
        let (out, stay): (Vec<_>, Vec<_>) = (0u32..).zip(pinned).partition(|(at, _)| demoted.contains(at));
        shut.extend(out.into_iter().map(|(_, pin)| pin.into_shut()));
        pinned = stay.into_iter().map(|(_, pin)| pin).collect();
        instance = build(sketch.instance(&pinned, &published, &shut).0)?;
    }
    let joinable = pinned.iter().filter(|pin| pin.open).flat_map(|pin| {
        let orders = pin.requests.iter().filter_map(|request| request.id.parse().ok());
        orders.map(|order| (order, pin.session))
    });
    let joinable = joinable.collect();
    Ok(Drawn { instance: Arc::new(instance), unplannable, joinable, grid })
}

/// The real course behind an id of the instance; `None` for what merely stands for a booking.
pub fn course_of(id: &str) -> Option<CourseId> {
    id.split('!').next()?.parse().ok()
}

/// The id of a course for one order alone, which nobody may join.
fn alone(course: CourseId, order: &EventRef) -> String {
    format!("{course}!{order}")
}

struct Sketch<'a> {
    views: &'a SharedViews,
    grid: &'a Grid,
    towns: BTreeMap<BranchId, u32>,
    /// The orders that are planned.
    open: Vec<(EventRef, &'a Lodged<OrderWish>)>,
    venues: Vec<(AssetId, &'a Asset)>,
    last_plan: Option<Millis>,
    credit: BTreeMap<BranchId, u32>,
    /// Orders of priority 3 beyond what a branch has of them.
    less_important: BTreeSet<EventRef>,
}

impl<'a> Sketch<'a> {
    fn new(views: &'a SharedViews, grid: &'a Grid, at: Millis) -> Self {
        let open = entering::orders(views);
        Self {
            towns: towns(views),
            venues: entering::venues(views),
            last_plan: views.requests.plans.values().map(|plan| plan.at).max(),
            credit: credit(views, grid, &open, at.day()),
            less_important: less_important(grid, &open),
            open,
            views,
            grid,
        }
    }

    /// The instance around what is booked, and the orders that cannot be planned at all.
    fn instance(
        &self,
        pinned: &[Pin],
        published: &[Pin],
        shut: &BTreeSet<Shut>,
    ) -> (RawInstance, Vec<EventRef>) {
        let mut sheet = Sheet::new(self.empty(pinned, published));
        let mut unplannable = Vec::new();
        let again = published.iter().flat_map(|pin| &pin.requests).filter_map(|request| {
            let id = request.id.parse().ok()?;
            Some((id, self.views.requests.orders.get(&id)?.lodged.as_ref()?))
        });
        for (id, lodged) in self.open.iter().copied().chain(again) {
            match self.order(&id, lodged, &mut sheet) {
                Some(request) => sheet.raw.requests.push(request),
                None => unplannable.push(id),
            }
        }
        shut.iter().for_each(|shut| sheet.shut(shut));
        pinned.iter().for_each(|pin| sheet.pin(pin, self.town(pin.town)));
        (sheet.raw, unplannable)
    }

    /// What is there before any order.
    fn empty(&self, pinned: &[Pin], published: &[Pin]) -> RawInstance {
        let rules = &self.grid.rules;
        let period = |period: &crate::domain::TeachingPeriod| RawPeriod {
            start: period.start_minute.into(),
            end: period.end_minute.into(),
        };
        RawInstance {
            format: "jts-1".to_owned(),
            name: format!("{} +{}", self.grid.first_day, self.grid.days),
            days: self.grid.days,
            periods: rules.periods.iter().map(period).collect(),
            starts: self.grid.starts.iter().map(|(length, at)| (length.to_string(), at.clone())).collect(),
            travel: self.travel(),
            branches: self
                .towns
                .iter()
                .map(|(id, town)| RawBranch { id: id.to_hex(), town: *town })
                .collect(),
            courses: self.courses(),
            teachers: self.teachers(pinned),
            venues: self.venues(),
            requests: Vec::new(),
            pinned: Vec::new(),
            previous: published.iter().map(|pin| pin.class.clone()).collect(),
            weights: weights(rules),
            earliest: self.grid.earliest,
        }
    }

    /// The town of a branch, which every branch of these views has.
    fn town(&self, branch: BranchId) -> u32 {
        self.towns.get(&branch).copied().unwrap_or_default()
    }

    fn travel(&self) -> Vec<Vec<u32>> {
        let places: Vec<BranchId> = self.towns.keys().copied().take(MOST_TOWNS).collect();
        let minutes = |a: &BranchId, b: &BranchId| self.views.branches.policy.travel_minutes(*a, *b).into();
        places.iter().map(|a| places.iter().map(|b| minutes(a, b)).collect()).collect()
    }

    fn courses(&self) -> Vec<RawCourse> {
        let library = &self.views.courses;
        let plannable = library.courses.keys().filter(|id| self.length(**id).is_some());
        plannable.map(|id| self.course(id.to_hex(), *id, self.grid.rules.groups_a_class.into())).collect()
    }

    /// Periods of a course that can be planned: on the list, and of a length that classes have.
    fn length(&self, course: CourseId) -> Option<u32> {
        let length = u32::from(self.views.courses.on_list(course)?.periods);
        self.grid.starts.contains_key(&length).then_some(length)
    }

    fn course(&self, id: String, course: CourseId, max_groups: u32) -> RawCourse {
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
        let points = self.venues.iter().filter(|(_, asset)| asset.kind == AssetKind::OnSitePoint);
        points.map(|(id, _)| id.to_hex()).collect()
    }

    /// Those who teach something that can be planned, or something that is pinned.
    fn teachers(&self, pinned: &[Pin]) -> Vec<RawTeacher> {
        let booked: BTreeSet<&str> = pinned.iter().map(|pin| pin.class.teacher.as_str()).collect();
        let real = self.views.teachers.teachers.iter().filter(|(_, teacher)| teacher.merged_into.is_none());
        let weeks = self.grid.days / 7;
        real.filter_map(|(id, teacher)| {
            let plannable = teacher.approved.iter().filter(|course| self.length(**course).is_some());
            let skills: BTreeMap<String, u32> = plannable.map(|course| (course.to_hex(), 0)).collect();
            let id = id.to_hex();
            if skills.is_empty() && !booked.contains(id.as_str()) {
                return None;
            }
            let cap = u32::from(teacher.weekly_cap_periods);
            let openings = Openings::new(&teacher.offers, &teacher.away);
            Some(RawTeacher {
                id,
                town: self.town(teacher.home),
                skills,
                reach: UNLIMITED,
                max_day: self.grid.rules.teacher_periods_a_day.into(),
                max_week: cap,
                target: cap.saturating_mul(weeks) / 2,
                avail: self.free(&openings, &[]),
            })
        })
        .collect()
    }

    fn venues(&self) -> Vec<RawVenue> {
        let resources = &self.views.resources;
        let venue = |(id, asset): &(AssetId, &Asset)| {
            let declared = asset;
            let offers = resources.offers.get(id).map(Vec::as_slice).unwrap_or_default();
            let blocked = resources.blocked.get(id).map(Vec::as_slice).unwrap_or_default();
            let offers = if declared.condition == Condition::Broken { &[] } else { offers };
            let stream = declared.features.iter().any(|feature| feature == STREAM);
            RawVenue {
                id: id.to_hex(),
                town: self.town(asset.branch),
                capacity: declared.capacity.min(UNLIMITED),
                equip: if stream { vec!["stream".to_owned()] } else { Vec::new() },
                lecture: declared.kind == AssetKind::Room,
                avail: self.free(&Openings::new(offers, blocked), &declared.open),
            }
        };
        self.venues.iter().map(venue).collect()
    }

    /// Masks by day of what is offered within the opening half-days; no half-day named means always open.
    fn free(&self, openings: &Openings, open: &[HalfDay]) -> Vec<u32> {
        let open: BTreeSet<(u8, bool)> = open.iter().map(|it| (it.weekday, it.afternoon)).collect();
        let held = |date: Day, weekday: u8, afternoon: bool| {
            (open.is_empty() || open.contains(&(weekday, afternoon)))
                && openings.is_offered(date, weekday, afternoon)
        };
        let of_day = |day: u32| {
            let date = self.grid.date(day);
            let weekday = self.views.calendar.weekday(date).filter(|_| !openings.is_shut(date));
            let half_days = weekday.map(|weekday| [false, true].map(|half| held(date, weekday, half)));
            let named = half_days.unwrap_or_default().into_iter().zip(self.grid.half_days);
            named.fold(0, |mask, (held, half_day)| if held { mask | half_day } else { mask })
        };
        (0..self.grid.days).map(of_day).collect()
    }

    /// An order as the planner takes it; what it wants for itself alone becomes courses of its own.
    fn order(&self, id: &EventRef, lodged: &Lodged<OrderWish>, sheet: &mut Sheet) -> Option<RawRequest> {
        let wish = &lodged.wish;
        let wanted: BTreeSet<CourseId> =
            wish.courses.iter().copied().filter(|course| self.length(*course).is_some()).collect();
        if wanted.is_empty() {
            return None;
        }
        let consents =
            wish.pre_consent || self.views.requests.orders.get(id).is_some_and(|order| order.consented);
        if !consents {
            for course in &wanted {
                let for_one = self.course(alone(*course, id), *course, 1);
                sheet.add_course_like(&course.to_hex(), for_one);
            }
        }
        let late = self.last_plan.is_some_and(|last| lodged.at < last);
        let late = if late { self.grid.rules.late_points } else { 0 };
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
            credit: fair.saturating_add(late),
            priority,
        })
    }

    /// Days with the same hours in one window.
    fn windows(&self, wish: &OrderWish) -> Vec<RawWindow> {
        let mut named: BTreeMap<u8, u32> = BTreeMap::new();
        for half_day in &wish.half_days {
            *named.entry(half_day.weekday).or_default() |=
                self.grid.half_days[usize::from(half_day.afternoon)];
        }
        let mut windows: Vec<RawWindow> = Vec::new();
        for day in self.grid.earliest..self.grid.days {
            let date = self.grid.date(day);
            let Some(weekday) = self.views.calendar.weekday(date) else { continue };
            let mask = match wish.half_days.is_empty() {
                true => self.grid.whole_day(),
                false => named.get(&weekday).copied().unwrap_or_default(),
            };
            if mask == 0 || !(wish.from..=wish.to).contains(&date) {
                continue;
            }
            match windows.last_mut() {
                Some(last) if last.to.checked_add(1) == Some(day) && last.mask == mask => last.to = day,
                _ => windows.push(RawWindow { from: day, to: day, dow: (0..7).collect(), mask, pref: true }),
            }
        }
        windows
    }
}

/// A town for every branch that anything names. Those beyond the largest map share the last one.
fn towns(views: &SharedViews) -> BTreeMap<BranchId, u32> {
    let homes = views.teachers.teachers.values().map(|teacher| teacher.home);
    let places = views.resources.assets.values().map(|asset| asset.branch);
    let booked = views.bookings.iter().flat_map(|booking| booking.branches.iter().copied());
    let orders = views.requests.orders.values().filter(|order| !order.cancelled);
    let asking = orders.filter(|order| order.outcome.as_ref().is_none_or(|outcome| outcome.class.is_some()));
    let asking = asking.filter_map(|order| order.lodged.as_ref()).map(|lodged| lodged.branch);
    let known = views.branches.branches.keys().copied();
    let all: BTreeSet<BranchId> =
        known.chain(homes).chain(places).chain(booked).chain(asking).chain([BranchId::CITY]).collect();
    let last = (MOST_TOWNS as u32).saturating_sub(1);
    all.into_iter().zip((0u32..).map(|town| town.min(last))).collect()
}

/// Points for the orders of branches that had less of the pool than others who ask.
fn credit(
    views: &SharedViews,
    grid: &Grid,
    open: &[(EventRef, &Lodged<OrderWish>)],
    today: Day,
) -> BTreeMap<BranchId, u32> {
    let all = Figures::new(views, today);
    let figures: BTreeMap<BranchId, u32> =
        open.iter().map(|(_, lodged)| (lodged.branch, all.of(lodged.branch))).collect();
    let most = figures.values().copied().max().unwrap_or_default();
    let points = u64::from(grid.rules.fairness_points);
    let credit = |figure: u32| {
        let in_proportion = points.saturating_mul(most.saturating_sub(figure).into());
        // Nobody had anything: nobody is behind.
        u32::try_from(in_proportion.checked_div(most.into()).unwrap_or_default()).unwrap_or(u32::MAX)
    };
    figures.iter().map(|(branch, figure)| (*branch, credit(*figure))).collect()
}

/// Orders of priority 3 beyond what a branch has of them.
fn less_important(grid: &Grid, open: &[(EventRef, &Lodged<OrderWish>)]) -> BTreeSet<EventRef> {
    let mut important: BTreeMap<BranchId, Vec<(Millis, EventRef)>> = BTreeMap::new();
    for (id, lodged) in open.iter().filter(|(_, lodged)| lodged.wish.priority >= 3) {
        important.entry(lodged.branch).or_default().push((lodged.at, *id));
    }
    let beyond = important.into_values().flat_map(|mut orders| {
        orders.sort_unstable();
        orders.into_iter().skip(grid.rules.important_orders.into()).map(|(_, id)| id)
    });
    beyond.collect()
}

fn weights(rules: &crate::domain::PlanningRules) -> RawWeights {
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
pub fn suits(course: &Course, kind: AssetKind) -> bool {
    match kind {
        AssetKind::Room => course.method != ON_SITE,
        AssetKind::OnSitePoint => course.method == ON_SITE,
        AssetKind::Equipment => false,
    }
}

/// Whether guests can listen online there.
pub fn streams(views: &SharedViews, venue: AssetId) -> bool {
    let asset = views.resources.assets.get(&venue);
    asset.is_some_and(|asset| asset.features.iter().any(|feature| feature == STREAM))
}
