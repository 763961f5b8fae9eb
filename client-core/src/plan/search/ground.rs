//! What does not change during a search: facts by rank, empty calendars, and for every order where and by
//! whom it could be served at all.
//!
//! A place is (course, venue, teacher) without a time; the times of all places of an order are one calendar
//! of wishes, so that 50,000 orders need some thirty bytes a place and none a time.

use crate::plan::calendar::{Calendars, Layout, starts_within};
use crate::plan::instance::{Instance, Mode};
use crate::plan::objective::{class_points, mode_points};
use crate::plan::rules::{Admission, Published};
use std::sync::Arc;

/// No class, order or place.
pub(in crate::plan) const NONE: u32 = u32::MAX;

/// Where and by whom an order could be served, alone in a new class.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct Place {
    pub course: u32,
    pub venue: u32,
    pub teacher: u32,
    pub mode: Mode,
    /// Rank of the course's duration.
    pub length: u8,
    /// B of class and mode, without time and load.
    pub b: i32,
    /// A of changed venue, teacher and mode.
    pub a: i32,
}

/// A course as the search needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct CourseFacts {
    pub duration: u32,
    pub length: u8,
    pub max_groups: u32,
    pub online: bool,
}

/// A teacher as the search needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct TeacherFacts {
    pub max_day: u32,
    pub max_week: u32,
    pub target: i64,
}

/// A venue as the search needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct VenueFacts {
    pub town: u32,
    pub capacity: u32,
    pub streams: bool,
}

/// An order as the search needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct OrderFacts {
    pub group: u32,
    pub home: u32,
    pub headcount: u32,
    pub max_travel: u32,
    pub online: bool,
    /// A if unmet, the price of dropping included.
    pub unmet: i64,
    pub published: Option<Published>,
    /// Its places in `Ground::places`.
    pub places: (u32, u32),
    /// Words of the horizon it accepts anything in.
    pub words: (u32, u32),
    /// Where its wishes lie, by length; [`NONE`] if no course of it has that length.
    wishes: [u32; 4],
}

/// What does not change during a search.
pub(in crate::plan) struct Ground {
    pub instance: Arc<Instance>,
    pub layout: Layout,
    /// Durations by rank.
    pub durations: Vec<u32>,
    /// Start masks by rank of duration.
    pub starts: Vec<u32>,
    /// When teachers and venues without classes could begin one, by rank of duration.
    pub teacher_starts: Vec<Calendars>,
    pub venue_starts: Vec<Calendars>,
    pub courses: Vec<CourseFacts>,
    pub teachers: Vec<TeacherFacts>,
    pub venues: Vec<VenueFacts>,
    pub orders: Vec<OrderFacts>,
    /// Of all orders, each order's from cheap to dear.
    pub places: Vec<Place>,
    /// Teachers and venues of a course.
    pub teachers_of: Vec<Vec<u32>>,
    pub venues_of: Vec<Vec<u32>>,
    /// Courses that a venue suits.
    pub courses_at: Vec<Vec<u32>>,
    /// Those of them that are offered to orders that did not ask for them, and all such courses.
    pub offered_at: Vec<Vec<u32>>,
    pub offered: Vec<u32>,
    /// Orders that accept a course.
    pub by_course: Vec<Vec<u32>>,
    accepted: Vec<u64>,
    preferred: Vec<u64>,
    /// What a point of A is worth in points of B.
    pub a_weight: i64,
    /// Minutes between a class that ends with one period and one that begins with another.
    gaps: Vec<u32>,
}

impl Ground {
    pub fn new(instance: Arc<Instance>, admission: &Admission) -> Self {
        let layout = Layout::of(&instance);
        let mut durations: Vec<u32> = instance.courses.iter().map(|course| course.duration).collect();
        durations.sort_unstable();
        durations.dedup();
        let starts: Vec<u32> = durations.iter().map(|duration| instance.starts[duration]).collect();
        let courses = instance.courses.iter().map(|course| CourseFacts {
            duration: course.duration,
            length: durations.partition_point(|duration| *duration < course.duration) as u8,
            max_groups: course.max_groups,
            online: course.online,
        });
        let teachers = instance.teachers.iter().map(|teacher| TeacherFacts {
            max_day: teacher.max_day,
            max_week: teacher.max_week,
            target: teacher.target.into(),
        });
        let venues = instance.venues.iter().map(|venue| VenueFacts {
            town: venue.town,
            capacity: venue.capacity,
            streams: venue.streams(),
        });
        let teacher_starts = lengths(&durations, &starts).map(|(duration, starts)| {
            let free = instance.teachers.iter().map(|teacher| {
                let possible = duration <= teacher.max_day.min(teacher.max_week);
                if possible { teacher.free.as_slice() } else { &[] }
            });
            empty_calendars(&layout, free, duration, starts)
        });
        let teacher_starts = teacher_starts.collect();
        let venue_starts = lengths(&durations, &starts).map(|(duration, starts)| {
            empty_calendars(
                &layout,
                instance.venues.iter().map(|venue| venue.free.as_slice()),
                duration,
                starts,
            )
        });
        let venue_starts = venue_starts.collect();
        let count = instance.periods.len();
        let gap = |(first, second): (usize, usize)| {
            let end = instance.periods[first].end_minute;
            instance.periods[second].start_minute.saturating_sub(end)
        };
        let gaps = (0..count * count).map(|at| gap((at / count, at % count))).collect();
        let mut ground = Self {
            instance: Arc::clone(&instance),
            durations: durations.clone(),
            starts: starts.clone(),
            teacher_starts,
            venue_starts,
            courses: courses.collect(),
            teachers: teachers.collect(),
            venues: venues.collect(),
            orders: Vec::with_capacity(instance.orders.len()),
            places: Vec::new(),
            by_course: vec![Vec::new(); instance.courses.len()],
            teachers_of: Vec::new(),
            venues_of: Vec::new(),
            courses_at: vec![Vec::new(); instance.venues.len()],
            offered_at: vec![Vec::new(); instance.venues.len()],
            offered: Vec::new(),
            accepted: Vec::new(),
            preferred: Vec::new(),
            a_weight: 2 * instance.weights.open_period + 1,
            gaps,
            layout,
        };
        ground.add_orders(admission);
        ground
    }

    /// What an order accepts, in the words it has.
    pub fn accepted(&self, order: &OrderFacts, length: u8) -> &[u64] {
        self.words_of(&self.accepted, order, length)
    }

    /// What it prefers of that.
    pub fn preferred(&self, order: &OrderFacts, length: u8) -> &[u64] {
        self.words_of(&self.preferred, order, length)
    }

    fn words_of<'w>(&self, words: &'w [u64], order: &OrderFacts, length: u8) -> &'w [u64] {
        let from = order.wishes[length as usize] as usize;
        &words[from..from + (order.words.1 - order.words.0) as usize]
    }

    /// Whether an order accepts a class of a length then, and whether it prefers that.
    pub fn wish(&self, order: &OrderFacts, length: u8, day: u32, period: u32) -> (bool, bool) {
        if day >= self.instance.days {
            return (false, false);
        }
        let (word, shift) = self.layout.place(day);
        let at = order.wishes[length as usize];
        if word < order.words.0 || word >= order.words.1 || at == NONE {
            return (false, false);
        }
        let (at, bit) = ((at + word - order.words.0) as usize, shift + period);
        (self.accepted[at] >> bit & 1 == 1, self.preferred[at] >> bit & 1 == 1)
    }

    /// The places of an order.
    pub fn places(&self, order: u32) -> &[Place] {
        let (from, to) = self.orders[order as usize].places;
        &self.places[from as usize..to as usize]
    }

    /// Minutes between a class that ends with period `first` and one that begins with `second`.
    pub fn gap_minutes(&self, first: u32, second: u32) -> u32 {
        self.gaps[(first * self.layout.periods + second) as usize]
    }

    fn add_orders(&mut self, admission: &Admission) {
        let instance = Arc::clone(&self.instance);
        let mut teachers_of = vec![Vec::new(); instance.courses.len()];
        for (teacher, facts) in (0u32..).zip(&instance.teachers) {
            facts.skills.keys().for_each(|course| teachers_of[*course as usize].push(teacher));
        }
        let all_venues = 0..instance.venues.len() as u32;
        // Sites are in order, as all venues are.
        let suiting = |course: u32| match &instance.courses[course as usize].sites {
            Some(sites) => sites.clone(),
            None => all_venues.clone().filter(|venue| instance.suits(course, *venue)).collect::<Vec<u32>>(),
        };
        let venues_of: Vec<Vec<u32>> = (0..instance.courses.len() as u32).map(suiting).collect();
        for (rank, order) in (0u32..).zip(&instance.orders) {
            let published = admission.published[rank as usize];
            let words = self.word_range(order.first_day, order.wishes.len() as u32);
            let dropped = if published.is_some() { instance.weights.dropped } else { 0 };
            let mut facts = OrderFacts {
                group: order.group,
                home: instance.home(order),
                headcount: order.headcount,
                max_travel: order.max_travel,
                online: order.online,
                unmet: order.unmet + dropped,
                published,
                places: (self.places.len() as u32, 0),
                words,
                wishes: [NONE; 4],
            };
            for course in &order.courses {
                self.by_course[*course as usize].push(rank);
                let length = self.courses[*course as usize].length;
                if facts.wishes[length as usize] == NONE {
                    facts.wishes[length as usize] = self.accepted.len() as u32;
                    self.add_wishes(rank, words, length);
                }
            }
            for course in &order.courses {
                self.add_places(
                    rank,
                    &facts,
                    *course,
                    &venues_of[*course as usize],
                    &teachers_of[*course as usize],
                );
            }
            facts.places.1 = self.places.len() as u32;
            let weight = self.a_weight;
            self.places[facts.places.0 as usize..].sort_by_key(|place| {
                let points = weight * i64::from(place.a) + i64::from(place.b);
                (points, place.course, place.venue, place.teacher)
            });
            self.orders.push(facts);
        }
        for (course, venues) in (0u32..).zip(&venues_of) {
            venues.iter().for_each(|venue| self.courses_at[*venue as usize].push(course));
            if instance.courses[course as usize].offered {
                venues.iter().for_each(|venue| self.offered_at[*venue as usize].push(course));
                self.offered.push(course);
            }
        }
        (self.teachers_of, self.venues_of) = (teachers_of, venues_of);
    }

    fn word_range(&self, first_day: u32, days: u32) -> (u32, u32) {
        if days == 0 {
            return (0, 0);
        }
        (self.layout.place(first_day).0, self.layout.place(first_day + days - 1).0 + 1)
    }

    fn add_wishes(&mut self, order: u32, words: (u32, u32), length: u8) {
        let order = &self.instance.orders[order as usize];
        let (duration, starts) = (self.durations[length as usize], self.starts[length as usize]);
        let base = self.accepted.len();
        self.accepted.resize(base + (words.1 - words.0) as usize, 0);
        self.preferred.resize(base + (words.1 - words.0) as usize, 0);
        for (day, wish) in (order.first_day..).zip(&order.wishes) {
            let (word, shift) = self.layout.place(day);
            let at = base + (word - words.0) as usize;
            self.accepted[at] |= u64::from(starts_within(wish.accepted, starts, duration)) << shift;
            self.preferred[at] |= u64::from(starts_within(wish.preferred, starts, duration)) << shift;
        }
    }

    fn add_places(&mut self, order: u32, facts: &OrderFacts, course: u32, venues: &[u32], teachers: &[u32]) {
        let instance = Arc::clone(&self.instance);
        let length = self.courses[course as usize].length;
        for venue in venues.iter().copied() {
            let room = &self.venues[venue as usize];
            let mode = if room.town == facts.home { Mode::Host } else { Mode::Travel };
            let too_far = mode == Mode::Travel && instance.minutes(facts.home, room.town) > facts.max_travel;
            if facts.headcount > room.capacity || too_far || !self.ever(facts, length, venue, None) {
                continue;
            }
            for teacher in teachers.iter().copied() {
                let who = &instance.teachers[teacher as usize];
                let reachable =
                    instance.minutes(who.town, self.venues[venue as usize].town) <= who.reach_minutes;
                if !reachable || !self.ever(facts, length, venue, Some(teacher)) {
                    continue;
                }
                let weights = &instance.weights;
                let changed = facts.published.map_or(0, |was| {
                    let points = |changed: bool, points: i64| if changed { points } else { 0 };
                    points(was.venue != venue, weights.moved_venue)
                        + points(was.teacher != teacher, weights.moved_teacher)
                        + points(was.mode != mode, weights.moved_mode)
                });
                let b = class_points(&instance, course, teacher, venue)
                    + mode_points(&instance, order, venue, mode);
                let (a, b) = (changed.min(1 << 30) as i32, b.min(1 << 30) as i32);
                self.places.push(Place { course, venue, teacher, mode, length, a, b });
            }
        }
    }

    /// Whether an order, a venue and a teacher ever have time together.
    fn ever(&self, order: &OrderFacts, length: u8, venue: u32, teacher: Option<u32>) -> bool {
        let (from, to) = (order.words.0 as usize, order.words.1 as usize);
        let venue = &self.venue_starts[length as usize].of(venue)[from..to];
        let teacher = teacher.map(|teacher| &self.teacher_starts[length as usize].of(teacher)[from..to]);
        let mut both = self.accepted(order, length).iter().zip(venue).enumerate();
        both.any(|(at, (wish, venue))| wish & venue & teacher.map_or(u64::MAX, |teacher| teacher[at]) != 0)
    }
}

fn lengths<'a>(durations: &'a [u32], starts: &'a [u32]) -> impl Iterator<Item = (u32, u32)> + 'a {
    durations.iter().copied().zip(starts.iter().copied())
}

/// When some could begin a class if they had no other.
fn empty_calendars<'a>(
    layout: &Layout,
    free: impl ExactSizeIterator<Item = &'a [u32]>,
    duration: u32,
    starts: u32,
) -> Calendars {
    let mut all = Calendars::empty(free.len() as u32, layout);
    for (which, days) in (0u32..).zip(free) {
        for (day, free) in (0u32..).zip(days) {
            all.set_day(layout, which, day, starts_within(*free, starts, duration));
        }
    }
    all
}
