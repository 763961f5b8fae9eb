//! One plan, in one go or step by step.

use super::explain::{self, Unmet};
use super::format::{Plan, RawAlternative, RawClass, RawPart, RawUnmet};
use super::instance::{Class, Instance, Mode, Part, UNKNOWN};
use super::objective::{Objective, objective};
use super::rules::{Admission, Violation, admit, faults_of};
use super::search::{Ground, Search};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much may be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Steps of the search; what the instance deserves if absent.
    pub steps: Option<u64>,
}

/// How far a planner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps taken.
    pub steps: u64,
    /// Steps in all.
    pub budget: u64,
    /// The best plan so far.
    pub best: Objective,
    /// Whether nothing is left to do but [`Planner::finish`].
    pub done: bool,
}

/// A plan in the making.
pub struct Planner {
    instance: Arc<Instance>,
    admission: Admission,
    ground: Ground,
    search: Search,
    budget: u64,
}

impl Planner {
    /// Takes the confirmed classes and builds a first plan around them.
    pub fn new(instance: impl Into<Arc<Instance>>, budget: Budget) -> Self {
        let instance = instance.into();
        let admission = admit(&instance);
        let ground = Ground::new(Arc::clone(&instance), &admission);
        let search = Search::new(&ground, &admission, budget.steps);
        Self { budget: search.budget(), instance, admission, ground, search }
    }

    /// Goes on for about so many steps.
    pub fn run(&mut self, steps: u64) -> Progress {
        self.search.run(&self.ground, steps);
        self.progress()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress {
            steps: self.search.steps.min(self.budget),
            budget: self.budget,
            best: self.search.best(),
            done: self.search.done(),
        }
    }

    /// The best plan so far, held against the rules, with a word on every unmet order.
    pub fn finish(mut self) -> Timetable {
        let classes = self.search.finish(&self.ground);
        let faults = faults_of(&self.instance, &self.admission, &classes);
        assert!(faults.is_empty(), "the search keeps every rule: {faults:?}");
        let objective = objective(&self.instance, &self.admission.published, &classes);
        assert_eq!(objective, self.search.objective(), "the search counts its points right");
        let unmet = explain::unmet(&self.ground, &self.search.board, &classes);
        Timetable { instance: self.instance, classes, unmet, objective, steps: self.budget }
    }
}

/// A finished plan.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// What was planned.
    pub instance: Arc<Instance>,
    /// Every class, the confirmed ones included.
    pub classes: Vec<Class>,
    /// Every order in no class, by rank.
    pub unmet: Vec<Unmet>,
    /// Its points.
    pub objective: Objective,
    /// The budget it was made with.
    pub steps: u64,
}

impl Timetable {
    /// As `jts-plan-1`.
    pub fn plan(&self) -> Plan {
        let instance = &self.instance;
        let mut classes: Vec<RawClass> = self.classes.iter().map(|class| written(instance, class)).collect();
        classes.sort_by(|one, other| {
            (one.day, one.period, &one.venue).cmp(&(other.day, other.period, &other.venue))
        });
        let unmet = |unmet: &Unmet| RawUnmet {
            request: instance.orders[unmet.order as usize].id.clone(),
            reasons: explain::texts(instance, unmet),
            alternative: unmet.alternative.as_ref().map(|alternative| RawAlternative {
                give_up: alternative.give_up.words().into_iter().map(str::to_owned).collect(),
                class: written(instance, &alternative.class),
            }),
        };
        Plan {
            format: "jts-plan-1".to_owned(),
            instance: instance.name.clone(),
            unmet: self.unmet.iter().map(unmet).collect(),
            classes,
        }
    }
}

/// Plans in one go; `progress` is told a hundred times.
pub fn plan(
    instance: impl Into<Arc<Instance>>,
    budget: Budget,
    mut progress: impl FnMut(Progress),
) -> Timetable {
    let mut planner = Planner::new(instance, budget);
    let part = (planner.budget / 100).saturating_add(1);
    while !planner.progress().done {
        progress(planner.run(part));
    }
    planner.finish()
}

/// Holds a plan, whoever made it, against the rules; none broken, then its objective.
pub fn check(instance: &Instance, plan: &Plan) -> Result<Objective, Vec<Violation>> {
    let orders = ids(instance.orders.iter().map(|order| &order.id));
    let courses = ids(instance.courses.iter().map(|course| &course.id));
    let teachers = ids(instance.teachers.iter().map(|teacher| &teacher.id));
    let venues = ids(instance.venues.iter().map(|venue| &venue.id));
    let rank = |ids: &BTreeMap<&str, u32>, id: &str| ids.get(id).copied().unwrap_or(UNKNOWN);
    let class = |raw: &RawClass| {
        let part = |part: &RawPart| {
            let mode = Mode::of_word(&part.mode);
            let order = if mode.is_some() { rank(&orders, &part.request) } else { UNKNOWN };
            Part { order, mode: mode.unwrap_or(Mode::Host) }
        };
        Class {
            course: rank(&courses, &raw.course),
            teacher: rank(&teachers, &raw.teacher),
            venue: rank(&venues, &raw.venue),
            day: raw.day,
            period: raw.period.min(31),
            parts: raw.parts.iter().map(part).collect(),
        }
    };
    let classes: Vec<Class> = plan.classes.iter().map(class).collect();
    let admission = admit(instance);
    let faults = faults_of(instance, &admission, &classes);
    if faults.is_empty() { Ok(objective(instance, &admission.published, &classes)) } else { Err(faults) }
}

fn ids<'a>(ids: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, u32> {
    ids.map(String::as_str).zip(0..).collect()
}

/// A class by its ids.
fn written(instance: &Instance, class: &Class) -> RawClass {
    let part = |part: &Part| RawPart {
        request: instance.orders[part.order as usize].id.clone(),
        mode: part.mode.word().to_owned(),
    };
    RawClass {
        course: instance.courses[class.course as usize].id.clone(),
        teacher: instance.teachers[class.teacher as usize].id.clone(),
        venue: instance.venues[class.venue as usize].id.clone(),
        day: class.day,
        period: class.period,
        parts: class.parts.iter().map(part).collect(),
    }
}
