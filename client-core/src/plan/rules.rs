//! What can never happen: the hard rules, each in one place, for whoever made the plan.
//!
//! H0 stands for a class that names something unknown. The search has structures of its own; whatever it
//! finds is held against these rules before anybody sees it.

use super::instance::{Class, Instance, Mode, UNKNOWN};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A hard rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Everything named is known.
    H0,
    /// The class begins where one of its duration may, within the horizon.
    H1,
    /// The teacher teaches the course.
    H2,
    /// The venue is within the teacher's reach.
    H3,
    /// The teacher is free in every period.
    H4,
    /// The venue is free in every period.
    H5,
    /// The venue suits the course.
    H6,
    /// Somebody is in the room.
    H7,
    /// No more groups than the course allows.
    H8,
    /// Each group asked for the course and accepts the time and the way it takes part.
    H9,
    /// Online only where course and venue allow it.
    H10,
    /// No more people than seats.
    H11,
    /// Nobody in two places, no teacher over a limit, nobody served twice.
    H12,
    /// A confirmed class is there.
    P1,
    /// A confirmed class keeps its groups.
    P2,
    /// Nobody joins a closed class.
    P3,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Where, by ids: course/teacher/venue@day/period.
    pub class: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.rule, self.class, self.what)
    }
}

/// What an order would give up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wishes {
    /// Its times; a day before the instance's `earliest` is never offered.
    pub time: bool,
    /// How far it travels.
    pub travel: bool,
    /// That it does not listen online.
    pub online: bool,
    /// Its courses.
    pub course: bool,
}

impl Wishes {
    /// How many.
    pub fn count(self) -> u32 {
        [self.time, self.travel, self.online, self.course].map(u32::from).iter().sum()
    }

    /// Their words in the format.
    pub fn words(self) -> Vec<&'static str> {
        let all =
            [(self.time, "time"), (self.travel, "travel"), (self.online, "online"), (self.course, "course")];
        all.into_iter().filter(|(given_up, _)| *given_up).map(|(_, word)| word).collect()
    }
}

type Faults = Vec<(Rule, String)>;

/// The rules that concern one class alone, H0 to H11. `waived` names an order and what it gives up.
pub fn class_faults(instance: &Instance, class: &Class, waived: Option<(u32, Wishes)>) -> Faults {
    if let Some(fault) = unknown(instance, class) {
        return vec![fault];
    }
    let course = &instance.courses[class.course as usize];
    let teacher = &instance.teachers[class.teacher as usize];
    let venue = &instance.venues[class.venue as usize];
    if class.day >= instance.days || instance.starts[&course.duration] >> class.period & 1 == 0 {
        let what = format!(
            "no class of {} periods begins on day {} in period {}",
            course.duration, class.day, class.period
        );
        return vec![(Rule::H1, what)];
    }
    let span = Instance::span(course.duration, class.period);
    let mut faults = Faults::new();
    let mut fault = |broken: bool, rule: Rule, what: String| {
        if broken {
            faults.push((rule, what));
        }
    };
    let away = instance.minutes(teacher.town, venue.town);
    fault(
        !teacher.skills.contains_key(&class.course),
        Rule::H2,
        format!("{} does not teach {}", teacher.id, course.id),
    );
    fault(
        away > teacher.reach_minutes,
        Rule::H3,
        format!("{} is {away} minutes from {}, beyond reach", venue.id, teacher.id),
    );
    fault(
        teacher.free[class.day as usize] & span != span,
        Rule::H4,
        format!("{} is not free on day {} in period {}", teacher.id, class.day, class.period),
    );
    fault(
        venue.free[class.day as usize] & span != span,
        Rule::H5,
        format!("{} is not free on day {} in period {}", venue.id, class.day, class.period),
    );
    fault(
        !instance.suits(class.course, class.venue),
        Rule::H6,
        format!("{} does not suit {}", venue.id, course.id),
    );
    fault(
        class.parts.len() as u64 > u64::from(course.max_groups),
        Rule::H8,
        format!("{} groups, {} allowed", class.parts.len(), course.max_groups),
    );
    let (mut in_room, mut heads) = (0u32, 0u64);
    for part in &class.parts {
        let gives_up = waived.filter(|(order, _)| *order == part.order).map(|(_, wishes)| wishes);
        part_faults(instance, class, (part.order, part.mode), gives_up.unwrap_or_default(), &mut fault);
        if part.mode != Mode::Online {
            in_room += 1;
            heads += u64::from(instance.orders[part.order as usize].headcount);
        }
    }
    fault(in_room == 0, Rule::H7, "nobody is in the room".to_owned());
    fault(
        heads > u64::from(venue.capacity),
        Rule::H11,
        format!("{heads} people in {} of {} seats", venue.id, venue.capacity),
    );
    faults
}

fn unknown(instance: &Instance, class: &Class) -> Option<(Rule, String)> {
    let named = [
        (class.course, instance.courses.len(), "course"),
        (class.teacher, instance.teachers.len(), "teacher"),
        (class.venue, instance.venues.len(), "venue"),
    ];
    let parts = class.parts.iter().map(|part| (part.order, instance.orders.len(), "request"));
    let mut all = named.into_iter().chain(parts);
    let (_, _, what) = all.find(|(rank, known, _)| *rank as usize >= *known)?;
    Some((Rule::H0, format!("the {what} is unknown")))
}

/// H9 and H10: what one group accepts.
fn part_faults(
    instance: &Instance,
    class: &Class,
    (order, mode): (u32, Mode),
    gives_up: Wishes,
    fault: &mut impl FnMut(bool, Rule, String),
) {
    let order = &instance.orders[order as usize];
    let course = &instance.courses[class.course as usize];
    let venue = &instance.venues[class.venue as usize];
    let span = Instance::span(course.duration, class.period);
    let home = instance.home(order);
    fault(
        !order.courses.contains(&class.course) && !gives_up.course,
        Rule::H9,
        format!("{} did not ask for {}", order.id, course.id),
    );
    let accepts =
        order.wish(class.day).accepted & span == span || (gives_up.time && class.day >= instance.earliest);
    fault(
        !accepts,
        Rule::H9,
        format!("{} does not accept day {}, period {}", order.id, class.day, class.period),
    );
    if mode == Mode::Online {
        fault(!order.online && !gives_up.online, Rule::H9, format!("{} does not accept online", order.id));
        fault(
            !course.online || !venue.streams(),
            Rule::H10,
            format!("nobody can listen to {} at {} online", course.id, venue.id),
        );
        return;
    }
    fault(
        (mode == Mode::Host) != (venue.town == home),
        Rule::H9,
        format!("{} cannot {} at {}", order.id, mode.word(), venue.id),
    );
    let minutes = instance.minutes(home, venue.town);
    fault(
        mode == Mode::Travel && minutes > order.max_travel && !gives_up.travel,
        Rule::H9,
        format!("{} does not travel {minutes} minutes", order.id),
    );
}

/// First period, duration and town of a class.
type Taught = (u32, u32, u32);

/// What the classes accepted so far occupy; holds one more class against it (H12).
pub struct Occupation<'a> {
    instance: &'a Instance,
    teachers: BTreeMap<(u32, u32), Vec<Taught>>,
    weeks: BTreeMap<(u32, u32), u32>,
    venues: BTreeMap<(u32, u32), u32>,
    groups: BTreeSet<(u32, u32)>,
    served: BTreeSet<u32>,
}

impl<'a> Occupation<'a> {
    /// Nothing yet.
    pub fn new(instance: &'a Instance) -> Self {
        Self {
            instance,
            teachers: BTreeMap::new(),
            weeks: BTreeMap::new(),
            venues: BTreeMap::new(),
            groups: BTreeSet::new(),
            served: BTreeSet::new(),
        }
    }

    /// Everything these classes occupy; they must be known to go together.
    pub fn of(instance: &'a Instance, classes: &[Class]) -> Self {
        let mut all = Self::new(instance);
        for class in classes {
            all.add(class);
        }
        all
    }

    /// Why a class without faults of its own cannot be added.
    pub fn conflicts(&self, class: &Class) -> Faults {
        let instance = self.instance;
        let duration = instance.courses[class.course as usize].duration;
        let teacher = &instance.teachers[class.teacher as usize];
        let venue = &instance.venues[class.venue as usize];
        let span = Instance::span(duration, class.period);
        let mut found = Vec::new();
        let mut conflict = |broken: bool, what: String| {
            if broken {
                found.push((Rule::H12, what));
            }
        };
        let day = self.teachers.get(&(class.teacher, class.day)).map_or(&[][..], Vec::as_slice);
        for &(period, other_duration, town) in day {
            match instance.gap((class.period, duration), (period, other_duration)) {
                None => conflict(true, format!("{} has another class then", teacher.id)),
                Some(gap) => conflict(
                    gap < instance.minutes(town, venue.town),
                    format!("{} cannot travel in time on day {}", teacher.id, class.day),
                ),
            }
        }
        let periods: u32 = day.iter().map(|(_, duration, _)| duration).sum();
        conflict(
            periods + duration > teacher.max_day,
            format!("{} teaches more than {} periods on day {}", teacher.id, teacher.max_day, class.day),
        );
        let week = self.weeks.get(&(class.teacher, class.day / 7)).copied().unwrap_or(0);
        conflict(
            week + duration > teacher.max_week,
            format!(
                "{} teaches more than {} periods in week {}",
                teacher.id,
                teacher.max_week,
                class.day / 7
            ),
        );
        let taken = self.venues.get(&(class.venue, class.day)).copied().unwrap_or(0);
        conflict(taken & span != 0, format!("{} has another class then", venue.id));
        let mut here = BTreeSet::new();
        for part in &class.parts {
            let order = &instance.orders[part.order as usize];
            conflict(self.served.contains(&part.order), format!("{} is served twice", order.id));
            let twice = !here.insert(order.group) || self.groups.contains(&(order.group, class.day));
            conflict(twice, format!("the group of {} has two classes on day {}", order.id, class.day));
        }
        found
    }

    /// Whether the group of an order has a class on a day.
    pub fn group_is_busy(&self, group: u32, day: u32) -> bool {
        self.groups.contains(&(group, day))
    }

    /// Occupies what a class needs.
    pub fn add(&mut self, class: &Class) {
        let instance = self.instance;
        let duration = instance.courses[class.course as usize].duration;
        let town = instance.venues[class.venue as usize].town;
        let day = (class.teacher, class.day);
        self.teachers.entry(day).or_default().push((class.period, duration, town));
        *self.weeks.entry((class.teacher, class.day / 7)).or_default() += duration;
        *self.venues.entry((class.venue, class.day)).or_default() |= Instance::span(duration, class.period);
        for part in &class.parts {
            self.groups.insert((instance.orders[part.order as usize].group, class.day));
            self.served.insert(part.order);
        }
    }
}

/// What an order's published class was; ids that are gone are [`UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Teacher.
    pub teacher: u32,
    /// Venue.
    pub venue: u32,
    /// Day.
    pub day: u32,
    /// First period.
    pub period: u32,
    /// How the group took part.
    pub mode: Mode,
}

/// The confirmed classes that stand, those that do not, and what counts as published.
pub struct Admission {
    /// Places in `pinned` of the classes that stand.
    pub admitted: Vec<u32>,
    /// Places in `pinned` of those that count as published only, each with what stands in the way.
    pub demoted: Vec<(u32, String)>,
    /// By order.
    pub published: Vec<Option<Published>>,
}

/// Goes through the confirmed classes once, in their order.
pub fn admit(instance: &Instance) -> Admission {
    let mut occupation = Occupation::new(instance);
    let (mut admitted, mut demoted) = (Vec::new(), Vec::new());
    for (at, pinned) in (0u32..).zip(&instance.pinned) {
        let mut faults = class_faults(instance, &pinned.class, None);
        if faults.is_empty() {
            faults = occupation.conflicts(&pinned.class);
        }
        match faults.into_iter().next() {
            None => {
                occupation.add(&pinned.class);
                admitted.push(at);
            }
            Some((rule, what)) => demoted.push((at, format!("{rule:?} {what}"))),
        }
    }
    let mut published = vec![None; instance.orders.len()];
    let demoted_classes = demoted.iter().map(|(at, _)| &instance.pinned[*at as usize].class);
    for class in instance.previous.iter().chain(demoted_classes) {
        for part in class.parts.iter().filter(|part| part.order != UNKNOWN) {
            let known: &mut Option<Published> = &mut published[part.order as usize];
            if known.is_none() && !occupation.served.contains(&part.order) {
                let &Class { teacher, venue, day, period, .. } = class;
                *known = Some(Published { teacher, venue, day, period, mode: part.mode });
            }
        }
    }
    Admission { admitted, demoted, published }
}

/// Every rule a set of classes breaks.
pub fn faults_of(instance: &Instance, admission: &Admission, classes: &[Class]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut occupation = Occupation::new(instance);
    for class in classes {
        let mut faults = class_faults(instance, class, None);
        if faults.is_empty() {
            faults = occupation.conflicts(class);
        }
        if faults.is_empty() {
            occupation.add(class);
        }
        let name = name(instance, class);
        violations.extend(faults.into_iter().map(|(rule, what)| Violation {
            rule,
            class: name.clone(),
            what,
        }));
    }
    let by_key: BTreeMap<_, &Class> = classes.iter().map(|class| (class.key(), class)).collect();
    for at in &admission.admitted {
        let pinned = &instance.pinned[*at as usize];
        violations.extend(broken_promise(
            instance,
            pinned.open,
            &pinned.class,
            by_key.get(&pinned.class.key()),
        ));
    }
    violations
}

/// P1 to P3: what became of a confirmed class.
fn broken_promise(
    instance: &Instance,
    open: bool,
    confirmed: &Class,
    planned: Option<&&Class>,
) -> Option<Violation> {
    let (rule, what) = match planned {
        None => (Rule::P1, "the confirmed class is missing"),
        Some(class) if !confirmed.parts.iter().all(|part| class.parts.contains(part)) => {
            (Rule::P2, "the confirmed class lost a group")
        }
        Some(class) if !open && class.parts.len() > confirmed.parts.len() => {
            (Rule::P3, "the confirmed class is closed")
        }
        Some(_) => return None,
    };
    Some(Violation { rule, class: name(instance, confirmed), what: what.to_owned() })
}

/// A class by its ids.
fn name(instance: &Instance, class: &Class) -> String {
    let id = |found: Option<&String>| found.map_or("?", String::as_str).to_owned();
    let course = id(instance.courses.get(class.course as usize).map(|course| &course.id));
    let teacher = id(instance.teachers.get(class.teacher as usize).map(|teacher| &teacher.id));
    let venue = id(instance.venues.get(class.venue as usize).map(|venue| &venue.id));
    format!("{course}/{teacher}/{venue}@{}/{}", class.day, class.period)
}
