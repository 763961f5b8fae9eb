//! What is planned: branches, courses, teachers, venues and orders, every id replaced by its rank.
//!
//! Lists are sorted by id, so that the order in which they arrived leaves no trace. A class that names
//! something unknown holds [`UNKNOWN`] there; no rule accepts it.

use std::collections::BTreeMap;

/// Stands for an id that the instance does not know.
pub const UNKNOWN: u32 = u32::MAX;

/// How a group takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The class is in its own town.
    Host,
    /// It goes there.
    Travel,
    /// It listens from afar.
    Online,
}

impl Mode {
    /// All of them, in the order of the format.
    pub const ALL: [Self; 3] = [Self::Host, Self::Travel, Self::Online];

    /// The word in the format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Travel => "travel",
            Self::Online => "online",
        }
    }

    /// The mode of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// A teaching period, in minutes of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub start_minute: u32,
    /// When it ends.
    pub end_minute: u32,
}

/// A branch school.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub town: u32,
}

/// A course of the catalogue.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its id.
    pub id: String,
    /// Periods a class takes.
    pub duration: u32,
    /// Most groups in one class, those online included.
    pub max_groups: u32,
    /// Equipment a room must have.
    pub needs: Vec<String>,
    /// The only venues of an on-site course.
    pub sites: Option<Vec<u32>>,
    /// Whether groups may listen online.
    pub online: bool,
    /// Whether it is offered to orders that did not ask for it.
    pub offered: bool,
}

/// A teacher and the limits of their time.
#[derive(Clone, Debug)]
pub struct Teacher {
    /// Their id.
    pub id: String,
    /// Where they live.
    pub town: u32,
    /// Course to level, 0 best.
    pub skills: BTreeMap<u32, u32>,
    /// Most minutes from home to a venue.
    pub reach_minutes: u32,
    /// Most periods a day.
    pub max_day: u32,
    /// Most periods a week.
    pub max_week: u32,
    /// A fair share of periods over the horizon.
    pub target: u32,
    /// Periods they are free, a mask a day.
    pub free: Vec<u32>,
}

/// A room or an on-site point.
#[derive(Clone, Debug)]
pub struct Venue {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub town: u32,
    /// Seats.
    pub capacity: u32,
    /// What it has.
    pub equipment: Vec<String>,
    /// Whether it has a room for a lecture.
    pub lecture: bool,
    /// Periods it is free, a mask a day.
    pub free: Vec<u32>,
}

impl Venue {
    /// Whether guests can listen online.
    pub fn streams(&self) -> bool {
        self.equipment.iter().any(|item| item == "stream")
    }
}

/// The periods of one day that an order accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayWish {
    /// Mask of those it accepts.
    pub accepted: u32,
    /// Mask of those it prefers.
    pub preferred: u32,
}

/// An order: one group of a branch wants one of some courses.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Who ordered.
    pub branch: u32,
    /// Rank of the group of learners among all groups of all branches.
    pub group: u32,
    /// Courses, any of which will do.
    pub courses: Vec<u32>,
    /// People in the group.
    pub headcount: u32,
    /// First day of `wishes`.
    pub first_day: u32,
    /// What it accepts, day by day from `first_day` on.
    pub wishes: Vec<DayWish>,
    /// Most minutes it travels.
    pub max_travel: u32,
    /// Whether it may listen online.
    pub online: bool,
    /// The mode it would like; `None` if any will do.
    pub prefers: Option<Mode>,
    /// Points in A if it stays unmet, credit included.
    pub unmet: i64,
}

impl Order {
    /// What it accepts on a day.
    pub fn wish(&self, day: u32) -> DayWish {
        let at = day.checked_sub(self.first_day).map(|at| at as usize);
        at.and_then(|at| self.wishes.get(at)).copied().unwrap_or_default()
    }
}

/// One group in a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its order.
    pub order: u32,
    /// How it takes part.
    pub mode: Mode,
}

/// One course, one teacher, one venue, one time, and who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What is taught.
    pub course: u32,
    /// Who teaches.
    pub teacher: u32,
    /// Where.
    pub venue: u32,
    /// Day of the horizon.
    pub day: u32,
    /// First period.
    pub period: u32,
    /// The groups.
    pub parts: Vec<Part>,
}

impl Class {
    /// What identifies a class.
    pub fn key(&self) -> (u32, u32, u32, u32, u32) {
        (self.course, self.teacher, self.venue, self.day, self.period)
    }
}

/// A confirmed class.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// As it was confirmed.
    pub class: Class,
    /// Whether others may still join.
    pub open: bool,
}

/// Points of the objective.
#[derive(Clone, Debug)]
pub struct Weights {
    /// In A: a published order that is unmet now.
    pub dropped: i64,
    /// In A: another day or period than published.
    pub moved_time: i64,
    /// In A: another venue.
    pub moved_venue: i64,
    /// In A: another mode.
    pub moved_mode: i64,
    /// In A: another teacher.
    pub moved_teacher: i64,
    /// In B: a period of a class.
    pub open_period: i64,
    /// In B: a minute from a teacher's home to the venue.
    pub teacher_minute: i64,
    /// In B: a level of skill.
    pub skill: i64,
    /// Person-minutes of a travelling group that make a point of B.
    pub group_travel_div: i64,
    /// In B: online though that was not preferred.
    pub online_unwanted: i64,
    /// In B: in the room, but not in the preferred mode.
    pub not_preferred_mode: i64,
    /// In B: not wholly within a preferred window.
    pub not_preferred_time: i64,
    /// In B: a period over a teacher's fair share.
    pub over_target: i64,
    /// In B: a period over twice the fair share, in addition.
    pub over_double: i64,
}

/// Everything one plan is made from, checked and in canonical order.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Days of the horizon; day 0 is a Monday.
    pub days: u32,
    /// Teaching periods of a day.
    pub periods: Vec<Period>,
    /// Duration to mask of the periods at which a class may begin.
    pub starts: BTreeMap<u32, u32>,
    /// Number of towns.
    pub towns: u32,
    /// Minutes between towns, row by row.
    pub minutes: Vec<u32>,
    /// Branches by id.
    pub branches: Vec<Branch>,
    /// Courses by id.
    pub courses: Vec<Course>,
    /// Teachers by id.
    pub teachers: Vec<Teacher>,
    /// Venues by id.
    pub venues: Vec<Venue>,
    /// Orders by id.
    pub orders: Vec<Order>,
    /// Number of groups of learners.
    pub groups: u32,
    /// Confirmed classes, in the order that decides which of two clashing ones stands.
    pub pinned: Vec<Pinned>,
    /// Published classes by key.
    pub previous: Vec<Class>,
    /// The points.
    pub weights: Weights,
    /// First day of an alternative that waives time.
    pub earliest: u32,
}

impl Instance {
    /// Minutes between two towns.
    pub fn minutes(&self, from: u32, to: u32) -> u32 {
        self.minutes[(from * self.towns + to) as usize]
    }

    /// The town of an order's branch.
    pub fn home(&self, order: &Order) -> u32 {
        self.branches[order.branch as usize].town
    }

    /// Mask of the periods a class covers.
    pub fn span(duration: u32, period: u32) -> u32 {
        ((1u32 << duration) - 1) << period
    }

    /// Whether a venue suits a course: its site, or a room with all it needs.
    pub fn suits(&self, course: u32, venue: u32) -> bool {
        let (wanted, offered) = (&self.courses[course as usize], &self.venues[venue as usize]);
        match &wanted.sites {
            Some(sites) => sites.contains(&venue),
            None => offered.lecture && wanted.needs.iter().all(|item| offered.equipment.contains(item)),
        }
    }

    /// Minutes between the end of the earlier and the beginning of the later of two classes of a day,
    /// given as (period, duration); `None` if they overlap.
    pub fn gap(&self, one: (u32, u32), other: (u32, u32)) -> Option<u32> {
        let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
        let end = self.periods[(first.0 + first.1 - 1) as usize].end_minute;
        self.periods[second.0 as usize].start_minute.checked_sub(end)
    }
}
