//! From the text of an instance to an [`Instance`], or the element that is wrong and why.

use super::format::{
    RawClass, RawCourse, RawInstance, RawPeriod, RawRequest, RawTeacher, RawVenue, RawWeights, parse,
};
use super::instance::{
    Branch, Class, Course, DayWish, Instance, Mode, Order, Part, Period, Pinned, Teacher, UNKNOWN, Venue,
    Weights,
};
use std::collections::{BTreeMap, BTreeSet};

/// An instance that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {reason}")]
pub struct Refusal {
    /// What is wrong, by list and id.
    pub element: String,
    /// Why.
    pub reason: String,
}

type Checked<T> = Result<T, Refusal>;

fn refuse<T>(element: impl Into<String>, reason: impl Into<String>) -> Checked<T> {
    Err(Refusal { element: element.into(), reason: reason.into() })
}

fn hold(condition: bool, element: &str, reason: impl FnOnce() -> String) -> Checked<()> {
    if condition { Ok(()) } else { refuse(element, reason()) }
}

/// No number of an instance is larger, so that sums stay far from overflowing.
const MOST: u32 = 1_000_000;
/// Days of the longest horizon.
const MOST_DAYS: u32 = 2_000;
/// Periods of the longest day.
const MOST_PERIODS: usize = 24;
/// Periods of the longest class.
const MOST_DURATION: u32 = 4;
/// Elements of the longest list, so that sums over them stay far from overflowing, too.
const MOST_ELEMENTS: usize = 200_000;
/// Courses of the longest list; no sum goes over them.
const MOST_COURSES: usize = 1_000_000;
/// Periods of all days of everybody in a list: they are counted with 32 bits.
const MOST_CELLS: u64 = 1 << 31;
/// Towns of the largest map.
pub(crate) const MOST_TOWNS: usize = 5_000;

impl Instance {
    /// Reads `jts-1`. Nothing is repaired: what is malformed or contradicts itself is refused.
    pub fn from_json(text: &str) -> Result<Self, Refusal> {
        let raw = parse(text).map_err(|(element, reason)| Refusal { element, reason })?;
        build(raw)
    }
}

/// What the text says, put into order and held against itself.
pub(crate) fn build(mut raw: RawInstance) -> Checked<Instance> {
    hold(raw.format == "jts-1", "format", || format!("{:?}, but only \"jts-1\" is known", raw.format))?;
    hold((1..=MOST_DAYS).contains(&raw.days), "days", || format!("{}, not 1 to {MOST_DAYS}", raw.days))?;
    hold(raw.earliest <= MOST, "earliest", || too_large(raw.earliest))?;
    let frame =
        Frame { days: raw.days, periods: periods(&raw.periods)?, starts: starts(&raw)?, towns: towns(&raw)? };
    elements(&raw)?;
    raw.branches.sort_by(|one, other| one.id.cmp(&other.id));
    raw.courses.sort_by(|one, other| one.id.cmp(&other.id));
    raw.teachers.sort_by(|one, other| one.id.cmp(&other.id));
    raw.venues.sort_by(|one, other| one.id.cmp(&other.id));
    raw.requests.sort_by(|one, other| one.id.cmp(&other.id));
    let branches = ranks("branches", raw.branches.iter().map(|branch| &branch.id))?;
    let courses = ranks("courses", raw.courses.iter().map(|course| &course.id))?;
    let teachers = ranks("teachers", raw.teachers.iter().map(|teacher| &teacher.id))?;
    let venues = ranks("venues", raw.venues.iter().map(|venue| &venue.id))?;
    let orders = ranks("requests", raw.requests.iter().map(|request| &request.id))?;
    let groups: BTreeSet<(&str, &str)> =
        raw.requests.iter().map(|request| (request.branch.as_str(), request.group.as_str())).collect();
    let groups: BTreeMap<(&str, &str), u32> = groups.into_iter().zip(0..).collect();
    let class = |place: &str, raw: &RawClass| {
        let parts = raw.parts.iter().map(|part| {
            let mode = Mode::of_word(&part.mode);
            hold(mode.is_some(), place, || format!("the mode {:?} is unknown", part.mode))?;
            let order = orders.get(part.request.as_str()).copied().unwrap_or(UNKNOWN);
            Ok(Part { order, mode: mode.unwrap_or(Mode::Host) })
        });
        let mut parts = parts.collect::<Checked<Vec<Part>>>()?;
        parts.sort();
        let rank = |ranks: &BTreeMap<&str, u32>, id: &str| ranks.get(id).copied().unwrap_or(UNKNOWN);
        Ok(Class {
            course: rank(&courses, &raw.course),
            teacher: rank(&teachers, &raw.teacher),
            venue: rank(&venues, &raw.venue),
            day: raw.day,
            period: raw.period.min(31),
            parts,
        })
    };
    let pinned = raw.pinned.iter().enumerate().map(|(at, pinned)| {
        let class = class(&format!("pinned[{at}]"), &pinned.class)?;
        Ok(Pinned { class, open: pinned.open })
    });
    let pinned = pinned.collect::<Checked<Vec<Pinned>>>()?;
    let previous = raw.previous.iter().enumerate().map(|(at, raw)| class(&format!("previous[{at}]"), raw));
    let mut previous = previous.collect::<Checked<Vec<Class>>>()?;
    previous.sort_by(|one, other| (one.key(), &one.parts).cmp(&(other.key(), &other.parts)));
    once_published(&raw, &previous)?;
    let order = |raw: &RawRequest, weights: &RawWeights| -> Checked<Order> {
        let element = format!("requests {}", raw.id);
        let branch = known("branch", &branches, &raw.branch, &element)?;
        let group = groups[&(raw.branch.as_str(), raw.group.as_str())];
        frame.order(raw, (branch, group), &courses, weights)
    };
    let orders_built = raw.requests.iter().map(|raw_order| order(raw_order, &raw.weights));
    Ok(Instance {
        weights: weights(&raw.weights)?,
        orders: orders_built.collect::<Checked<_>>()?,
        branches: raw
            .branches
            .iter()
            .map(|branch| {
                frame.town(branch.town, &format!("branches {}", branch.id))?;
                Ok(Branch { id: branch.id.clone(), town: branch.town })
            })
            .collect::<Checked<_>>()?,
        courses: raw.courses.iter().map(|raw| frame.course(raw, &venues)).collect::<Checked<_>>()?,
        teachers: raw.teachers.iter().map(|raw| frame.teacher(raw, &courses)).collect::<Checked<_>>()?,
        venues: raw.venues.iter().map(|raw| frame.venue(raw)).collect::<Checked<_>>()?,
        groups: groups.len() as u32,
        name: raw.name.clone(),
        days: raw.days,
        towns: frame.towns,
        minutes: raw.travel.iter().flatten().copied().collect(),
        periods: frame.periods,
        starts: frame.starts,
        earliest: raw.earliest,
        pinned,
        previous,
    })
}

/// No list is longer than the planner can count.
fn elements(raw: &RawInstance) -> Checked<()> {
    let lists = [
        ("branches", raw.branches.len(), MOST_ELEMENTS),
        ("courses", raw.courses.len(), MOST_COURSES),
        ("teachers", raw.teachers.len(), MOST_ELEMENTS),
        ("venues", raw.venues.len(), MOST_ELEMENTS),
        ("requests", raw.requests.len(), MOST_ELEMENTS),
        ("pinned", raw.pinned.len(), MOST_ELEMENTS),
        ("previous", raw.previous.len(), MOST_ELEMENTS),
    ];
    for (list, count, most) in lists {
        hold(count <= most, list, || format!("{count} of them, more than {most}"))?;
    }
    let each = u64::from(raw.days).saturating_mul(raw.periods.len() as u64);
    for (list, count) in
        [("teachers", raw.teachers.len()), ("venues", raw.venues.len()), ("requests", raw.requests.len())]
    {
        let cells = each.saturating_mul(count as u64);
        hold(cells <= MOST_CELLS, list, || format!("{count} of them with {each} periods each"))?;
    }
    Ok(())
}

fn too_large(number: u32) -> String {
    format!("{number} is more than {MOST}")
}

fn known(what: &str, ranks: &BTreeMap<&str, u32>, id: &str, element: &str) -> Checked<u32> {
    match ranks.get(id) {
        Some(rank) => Ok(*rank),
        None => refuse(element, format!("the {what} {id:?} is unknown")),
    }
}

/// Ids in order, each once.
fn ranks<'a>(list: &str, ids: impl Iterator<Item = &'a String>) -> Checked<BTreeMap<&'a str, u32>> {
    let mut ranks = BTreeMap::new();
    for (rank, id) in (0u32..).zip(ids) {
        hold(!id.is_empty(), list, || "an id is empty".to_owned())?;
        hold(ranks.insert(id.as_str(), rank).is_none(), &format!("{list} {id}"), || {
            "the id occurs twice".to_owned()
        })?;
    }
    Ok(ranks)
}

fn periods(raw: &[RawPeriod]) -> Checked<Vec<Period>> {
    hold((1..=MOST_PERIODS).contains(&raw.len()), "periods", || {
        format!("{} of them, not 1 to {MOST_PERIODS}", raw.len())
    })?;
    let mut last = 0;
    for (at, period) in raw.iter().enumerate() {
        let element = format!("periods[{at}]");
        hold(period.start < period.end, &element, || "it ends before it begins".to_owned())?;
        hold(period.start >= last, &element, || "it begins before the one before it ends".to_owned())?;
        hold(period.end <= 24 * 60, &element, || "it ends after midnight".to_owned())?;
        last = period.end;
    }
    Ok(raw.iter().map(|period| Period { start_minute: period.start, end_minute: period.end }).collect())
}

fn starts(raw: &RawInstance) -> Checked<BTreeMap<u32, u32>> {
    let mut starts = BTreeMap::new();
    for (duration, periods) in &raw.starts {
        let element = format!("starts {duration}");
        let length: u32 = duration.parse().unwrap_or(0);
        let count = raw.periods.len() as u32;
        hold((1..=count).contains(&length), &element, || format!("a day has {count} periods"))?;
        let mut mask = 0;
        for period in periods {
            hold(*period <= count - length, &element, || {
                format!("a class that begins in period {period} would not end within the day")
            })?;
            mask |= 1 << period;
        }
        hold(starts.insert(length, mask).is_none(), &element, || "the duration occurs twice".to_owned())?;
    }
    Ok(starts)
}

fn towns(raw: &RawInstance) -> Checked<u32> {
    let towns = raw.travel.len();
    hold(towns <= MOST_TOWNS, "travel", || format!("{towns} towns, more than {MOST_TOWNS}"))?;
    for (a, row) in raw.travel.iter().enumerate() {
        let element = format!("travel[{a}]");
        hold(row.len() == towns, &element, || format!("{} entries for {towns} towns", row.len()))?;
        for (b, minutes) in row.iter().enumerate() {
            hold(*minutes <= MOST, &element, || too_large(*minutes))?;
            let back = raw.travel[b].get(a);
            hold(back == Some(minutes), &element, || {
                format!("{minutes} minutes to town {b}, but {} back", back.copied().unwrap_or(0))
            })?;
        }
    }
    Ok(towns as u32)
}

/// An order is in at most one published class.
fn once_published(raw: &RawInstance, previous: &[Class]) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for part in previous.iter().flat_map(|class| &class.parts).filter(|part| part.order != UNKNOWN) {
        hold(seen.insert(part.order), &format!("requests {}", raw.requests[part.order as usize].id), || {
            "it is in two classes of previous".to_owned()
        })?;
    }
    Ok(())
}

fn weights(raw: &RawWeights) -> Checked<Weights> {
    let all = [
        raw.dropped,
        raw.moved_time,
        raw.moved_venue,
        raw.moved_mode,
        raw.moved_teacher,
        raw.open_period,
        raw.teacher_minute,
        raw.skill,
        raw.group_travel_div,
        raw.online_unwanted,
        raw.not_preferred_mode,
        raw.not_preferred_time,
        raw.over_target,
        raw.over_double,
    ];
    let largest = all.iter().chain(raw.unmet.values()).copied().max().unwrap_or(0);
    hold(largest <= MOST, "weights", || too_large(largest))?;
    hold(raw.group_travel_div > 0, "weights", || "group_travel_div is 0".to_owned())?;
    Ok(Weights {
        dropped: raw.dropped.into(),
        moved_time: raw.moved_time.into(),
        moved_venue: raw.moved_venue.into(),
        moved_mode: raw.moved_mode.into(),
        moved_teacher: raw.moved_teacher.into(),
        open_period: raw.open_period.into(),
        teacher_minute: raw.teacher_minute.into(),
        skill: raw.skill.into(),
        group_travel_div: raw.group_travel_div.into(),
        online_unwanted: raw.online_unwanted.into(),
        not_preferred_mode: raw.not_preferred_mode.into(),
        not_preferred_time: raw.not_preferred_time.into(),
        over_target: raw.over_target.into(),
        over_double: raw.over_double.into(),
    })
}

/// What every element is held against.
struct Frame {
    days: u32,
    periods: Vec<Period>,
    starts: BTreeMap<u32, u32>,
    towns: u32,
}

impl Frame {
    fn town(&self, town: u32, element: &str) -> Checked<()> {
        hold(town < self.towns, element, || format!("town {town} of {}", self.towns))
    }

    fn calendar(&self, free: &[u32], element: &str) -> Checked<()> {
        hold(free.len() as u64 == u64::from(self.days), element, || {
            format!("avail has {} days, the horizon {}", free.len(), self.days)
        })?;
        free.iter().try_for_each(|mask| self.mask(*mask, element))
    }

    fn mask(&self, mask: u32, element: &str) -> Checked<()> {
        let count = self.periods.len();
        hold(mask >> count == 0, element, || format!("the mask {mask} names more than {count} periods"))
    }

    fn course(&self, raw: &RawCourse, venues: &BTreeMap<&str, u32>) -> Checked<Course> {
        let element = format!("courses {}", raw.id);
        hold(self.starts.contains_key(&raw.duration), &element, || {
            format!("starts has no duration {}", raw.duration)
        })?;
        hold(raw.duration <= MOST_DURATION, &element, || format!("duration {}", raw.duration))?;
        hold((1..=MOST).contains(&raw.max_groups), &element, || format!("max_groups {}", raw.max_groups))?;
        let sites = raw.sites.as_ref().map(|sites| {
            sites
                .iter()
                .map(|site| known("venue", venues, site, &element))
                .collect::<Checked<BTreeSet<u32>>>()
        });
        let needs: BTreeSet<String> = raw.needs.iter().cloned().collect();
        Ok(Course {
            id: raw.id.clone(),
            duration: raw.duration,
            max_groups: raw.max_groups,
            needs: needs.into_iter().collect(),
            sites: sites.transpose()?.map(|sites| sites.into_iter().collect()),
            online: raw.online_ok,
            offered: raw.offered,
        })
    }

    fn teacher(&self, raw: &RawTeacher, courses: &BTreeMap<&str, u32>) -> Checked<Teacher> {
        let element = format!("teachers {}", raw.id);
        self.town(raw.town, &element)?;
        self.calendar(&raw.avail, &element)?;
        let numbers = [raw.reach, raw.max_day, raw.max_week, raw.target];
        let largest = numbers.iter().chain(raw.skills.values()).copied().max().unwrap_or(0);
        hold(largest <= MOST, &element, || too_large(largest))?;
        let skills = raw
            .skills
            .iter()
            .map(|(course, level)| Ok((known("course", courses, course, &element)?, *level)));
        Ok(Teacher {
            id: raw.id.clone(),
            town: raw.town,
            skills: skills.collect::<Checked<_>>()?,
            reach_minutes: raw.reach,
            max_day: raw.max_day,
            max_week: raw.max_week,
            target: raw.target,
            free: raw.avail.clone(),
        })
    }

    fn venue(&self, raw: &RawVenue) -> Checked<Venue> {
        let element = format!("venues {}", raw.id);
        self.town(raw.town, &element)?;
        self.calendar(&raw.avail, &element)?;
        hold(raw.capacity <= MOST, &element, || too_large(raw.capacity))?;
        let equipment: BTreeSet<String> = raw.equip.iter().cloned().collect();
        Ok(Venue {
            id: raw.id.clone(),
            town: raw.town,
            capacity: raw.capacity,
            equipment: equipment.into_iter().collect(),
            lecture: raw.lecture,
            free: raw.avail.clone(),
        })
    }

    fn order(
        &self,
        raw: &RawRequest,
        (branch, group): (u32, u32),
        courses: &BTreeMap<&str, u32>,
        weights: &RawWeights,
    ) -> Checked<Order> {
        let element = format!("requests {}", raw.id);
        let wanted = raw.courses.iter().map(|course| known("course", courses, course, &element));
        let wanted = wanted.collect::<Checked<BTreeSet<u32>>>()?;
        hold(!wanted.is_empty(), &element, || "it asks for no course".to_owned())?;
        let largest = raw.headcount.max(raw.max_travel).max(raw.credit);
        hold(largest <= MOST, &element, || too_large(largest))?;
        let unmet = weights.unmet.get(&raw.priority.to_string());
        hold(unmet.is_some(), &element, || format!("no weight for priority {}", raw.priority))?;
        let prefers = Mode::of_word(&raw.prefer);
        hold(prefers.is_some() || raw.prefer == "any", &element, || {
            format!("the preference {:?} is unknown", raw.prefer)
        })?;
        let (first_day, wishes) = self.wishes(raw, &element)?;
        Ok(Order {
            id: raw.id.clone(),
            branch,
            group,
            courses: wanted.into_iter().collect(),
            headcount: raw.headcount,
            first_day,
            wishes,
            max_travel: raw.max_travel,
            online: raw.online,
            prefers,
            unmet: i64::from(unmet.copied().unwrap_or(0)) + i64::from(raw.credit),
        })
    }

    fn wishes(&self, raw: &RawRequest, element: &str) -> Checked<(u32, Vec<DayWish>)> {
        for window in &raw.windows {
            hold(window.from <= window.to, element, || {
                format!("a window ends on day {}, before it begins on day {}", window.to, window.from)
            })?;
            hold(window.dow.iter().all(|weekday| *weekday < 7), element, || {
                "a weekday is not 0 to 6".to_owned()
            })?;
            self.mask(window.mask, element)?;
        }
        let first = raw.windows.iter().map(|window| window.from).min().unwrap_or(0).min(self.days);
        let end =
            raw.windows.iter().map(|window| window.to.saturating_add(1)).max().unwrap_or(0).min(self.days);
        let mut wishes = vec![DayWish::default(); end.saturating_sub(first) as usize];
        for window in &raw.windows {
            for day in (window.from..end.min(window.to.saturating_add(1)))
                .filter(|day| window.dow.contains(&(day % 7)))
            {
                let wish = &mut wishes[(day - first) as usize];
                wish.accepted |= window.mask;
                if window.pref {
                    wish.preferred |= window.mask;
                }
            }
        }
        Ok((first, wishes))
    }
}
