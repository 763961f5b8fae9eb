//! The plan under the search's hands: classes, who is where, free calendars and points, kept up to date by
//! four operations that can be taken back.

use super::ground::{Ground, NONE};
use crate::plan::calendar::{Calendars, starts_within};
use crate::plan::instance::{Class, Mode, Part};
use crate::plan::objective::{Objective, class_points, mode_points, overload};
use crate::plan::rules::Admission;

/// A class on the board.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Seat {
    pub course: u32,
    pub teacher: u32,
    pub venue: u32,
    pub day: u32,
    pub period: u32,
    pub heads: u32,
    pub in_room: u32,
    pub parts: Vec<Part>,
    /// Confirmed: it stays.
    pub fixed: bool,
    /// Confirmed and closed: nobody joins.
    pub closed: bool,
    /// B of the class itself.
    points: i64,
    /// Place in the list of its course.
    at: u32,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Opened(u32),
    Closed { course: u32, teacher: u32, venue: u32, day: u32, period: u32 },
    Joined(u32),
    Left { order: u32, class: u32, mode: Mode },
}

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Spot {
    pub class: u32,
    pub mode: Mode,
}

/// The plan under the search's hands.
pub(in crate::plan) struct Board {
    pub classes: Vec<Seat>,
    vacant: Vec<u32>,
    /// Classes of a course.
    pub by_course: Vec<Vec<u32>>,
    pub spots: Vec<Spot>,
    /// Orders of confirmed classes: they stay.
    pub fixed: Vec<bool>,
    pub unmet: Vec<u32>,
    unmet_at: Vec<u32>,
    pub teacher_free: Vec<Calendars>,
    pub venue_free: Vec<Calendars>,
    /// All bits of the days on which a group has no class.
    pub group_free: Calendars,
    /// Periods taken, by teacher and day.
    pub teacher_taken: Vec<u32>,
    venue_taken: Vec<u32>,
    teacher_week: Vec<u32>,
    teacher_load: Vec<u32>,
    /// B of one more class, by teacher and length.
    pub next_load: Vec<i64>,
    /// The class there, by teacher and by venue, day and period.
    teacher_class: Vec<u32>,
    venue_class: Vec<u32>,
    /// The order that keeps a group busy, by group and day.
    pub group_order: Vec<u32>,
    /// A of unmet orders, and of changes to what was published.
    pub unmet_points: i64,
    pub moved_points: i64,
    pub b: i64,
    log: Vec<Step>,
    lengths: u32,
    days: u32,
    weeks: u32,
    periods: u32,
}

impl Board {
    /// The confirmed classes, and every other order unmet.
    pub fn new(ground: &Ground, admission: &Admission) -> Self {
        let (days, periods) = (ground.instance.days, ground.layout.periods);
        let (teachers, venues) = (ground.teachers.len() as u32, ground.venues.len() as u32);
        let weeks = days.div_ceil(7);
        let lengths = ground.durations.len() as u32;
        let mut group_free = Calendars::empty(ground.instance.groups, &ground.layout);
        for group in 0..ground.instance.groups {
            (0..days).for_each(|day| group_free.set_day(&ground.layout, group, day, (1 << periods) - 1));
        }
        let orders = ground.orders.len();
        let many = |count: u32, each: u32| (count * each) as usize;
        let mut board = Self {
            classes: Vec::new(),
            vacant: Vec::new(),
            by_course: vec![Vec::new(); ground.courses.len()],
            spots: vec![Spot { class: NONE, mode: Mode::Host }; orders],
            fixed: vec![false; orders],
            unmet: (0..orders as u32).collect(),
            unmet_at: (0..orders as u32).collect(),
            teacher_free: ground.teacher_starts.clone(),
            venue_free: ground.venue_starts.clone(),
            group_free,
            teacher_taken: vec![0; many(teachers, days)],
            venue_taken: vec![0; many(venues, days)],
            teacher_week: vec![0; many(teachers, weeks)],
            teacher_load: vec![0; teachers as usize],
            next_load: vec![0; many(teachers, lengths)],
            teacher_class: vec![NONE; many(teachers, days * periods)],
            venue_class: vec![NONE; many(venues, days * periods)],
            group_order: vec![NONE; many(ground.instance.groups, days)],
            unmet_points: ground.orders.iter().map(|order| order.unmet).sum(),
            moved_points: 0,
            b: 0,
            log: Vec::new(),
            lengths,
            days,
            weeks,
            periods,
        };
        (0..teachers).for_each(|teacher| board.reload(ground, teacher));
        for at in &admission.admitted {
            let pinned = &ground.instance.pinned[*at as usize];
            let class = &pinned.class;
            let id = board.open(ground, class.course, class.teacher, class.venue, (class.day, class.period));
            for part in &class.parts {
                board.join(ground, part.order, id, part.mode);
                board.fixed[part.order as usize] = true;
            }
            board.classes[id as usize].fixed = true;
            board.classes[id as usize].closed = !pinned.open;
        }
        board.commit();
        board
    }

    pub fn objective(&self) -> Objective {
        Objective { a: self.unmet_points + self.moved_points, b: self.b }
    }

    /// Opens a class without anybody in it.
    pub fn open(&mut self, ground: &Ground, course: u32, teacher: u32, venue: u32, time: (u32, u32)) -> u32 {
        let id = self.place_class(ground, course, teacher, venue, time);
        self.log.push(Step::Opened(id));
        id
    }

    /// Closes a class that nobody is in.
    pub fn close(&mut self, ground: &Ground, id: u32) {
        let &Seat { course, teacher, venue, day, period, .. } = &self.classes[id as usize];
        self.remove_class(ground, id);
        self.log.push(Step::Closed { course, teacher, venue, day, period });
    }

    /// Puts an unmet order into a class.
    pub fn join(&mut self, ground: &Ground, order: u32, class: u32, mode: Mode) {
        self.place_order(ground, order, class, mode);
        self.log.push(Step::Joined(order));
    }

    /// Takes an order out of its class.
    pub fn leave(&mut self, ground: &Ground, order: u32) {
        let Spot { class, mode } = self.spots[order as usize];
        self.remove_order(ground, order);
        self.log.push(Step::Left { order, class, mode });
    }

    /// Everything since the last commit stays.
    pub fn commit(&mut self) {
        self.log.clear();
    }

    /// Whether anything changed since the last commit.
    pub fn changed(&self) -> bool {
        !self.log.is_empty()
    }

    /// Takes everything since the last commit back.
    pub fn roll_back(&mut self, ground: &Ground) {
        while let Some(step) = self.log.pop() {
            match step {
                Step::Opened(id) => self.remove_class(ground, id),
                Step::Closed { course, teacher, venue, day, period } => {
                    self.place_class(ground, course, teacher, venue, (day, period));
                }
                Step::Joined(order) => self.remove_order(ground, order),
                Step::Left { order, class, mode } => self.place_order(ground, order, class, mode),
            }
        }
    }

    fn place_class(
        &mut self,
        ground: &Ground,
        course: u32,
        teacher: u32,
        venue: u32,
        (day, period): (u32, u32),
    ) -> u32 {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.classes.push(Seat {
                course,
                teacher,
                venue,
                day,
                period,
                heads: 0,
                in_room: 0,
                parts: Vec::new(),
                fixed: false,
                closed: false,
                points: 0,
                at: 0,
            });
            self.classes.len() as u32 - 1
        });
        let points = class_points(&ground.instance, course, teacher, venue);
        let list = &mut self.by_course[course as usize];
        let seat = &mut self.classes[id as usize];
        seat.points = points;
        (seat.course, seat.teacher, seat.venue, seat.day, seat.period) =
            (course, teacher, venue, day, period);
        seat.at = list.len() as u32;
        list.push(id);
        self.b += points;
        self.occupy(ground, id, true);
        id
    }

    fn remove_class(&mut self, ground: &Ground, id: u32) {
        self.occupy(ground, id, false);
        let &Seat { course, points, at, .. } = &self.classes[id as usize];
        self.b -= points;
        let list = &mut self.by_course[course as usize];
        list.swap_remove(at as usize);
        if let Some(other) = list.get(at as usize) {
            self.classes[*other as usize].at = at;
        }
        self.vacant.push(id);
    }

    /// Takes or frees what a class needs of its teacher and its venue.
    fn occupy(&mut self, ground: &Ground, id: u32, takes: bool) {
        let &Seat { course, teacher, venue, day, period, .. } = &self.classes[id as usize];
        let duration = ground.courses[course as usize].duration;
        let span = ((1u32 << duration) - 1) << period;
        let who = if takes { id } else { NONE };
        for at in period..period + duration {
            self.teacher_class[((teacher * self.days + day) * self.periods + at) as usize] = who;
            self.venue_class[((venue * self.days + day) * self.periods + at) as usize] = who;
        }
        let at = (venue * self.days + day) as usize;
        self.venue_taken[at] ^= span;
        let free = ground.instance.venues[venue as usize].free[day as usize] & !self.venue_taken[at];
        for (length, duration) in ground.durations.iter().enumerate() {
            let bits = starts_within(free, ground.starts[length], *duration);
            self.venue_free[length].set_day(&ground.layout, venue, day, bits);
        }
        self.teacher_taken[(teacher * self.days + day) as usize] ^= span;
        let week = (teacher * self.weeks + day / 7) as usize;
        let before = self.teacher_week[week];
        let after = if takes { before + duration } else { before - duration };
        self.teacher_week[week] = after;
        let load = &mut self.teacher_load[teacher as usize];
        let was = i64::from(*load);
        *load = if takes { *load + duration } else { *load - duration };
        let (now, target) = (i64::from(*load), ground.teachers[teacher as usize].target);
        self.b += overload(&ground.instance, target, now) - overload(&ground.instance, target, was);
        self.reload(ground, teacher);
        let max_week = ground.teachers[teacher as usize].max_week;
        let limited = |load: u32| ground.durations.iter().filter(|length| load + **length > max_week).count();
        if limited(before) == limited(after) {
            self.free_day(ground, teacher, day);
        } else {
            self.free_week(ground, teacher, day / 7);
        }
    }

    /// Works out when a teacher could begin another class in a week whose limit came or went.
    fn free_week(&mut self, ground: &Ground, teacher: u32, week: u32) {
        let load = self.teacher_week[(teacher * self.weeks + week) as usize];
        let max_week = ground.teachers[teacher as usize].max_week;
        let days = week * 7..self.days.min(week * 7 + 7);
        if ground.layout.words_are_weeks() {
            for (length, duration) in ground.durations.iter().enumerate() {
                let empty = ground.teacher_starts[length].of(teacher)[week as usize];
                let bits = if load + duration > max_week { 0 } else { empty };
                self.teacher_free[length].set_word(teacher, week, bits);
            }
            if load >= max_week {
                return;
            }
        }
        for day in days {
            let taken = self.teacher_taken[(teacher * self.days + day) as usize];
            if taken != 0 || !ground.layout.words_are_weeks() {
                self.free_day(ground, teacher, day);
            }
        }
    }

    /// Works out at which periods of a day a teacher could begin another class.
    fn free_day(&mut self, ground: &Ground, teacher: u32, day: u32) {
        let limits = &ground.teachers[teacher as usize];
        let taken = self.teacher_taken[(teacher * self.days + day) as usize];
        let free = ground.instance.teachers[teacher as usize].free[day as usize] & !taken;
        let week = self.teacher_week[(teacher * self.weeks + day / 7) as usize];
        for (length, duration) in ground.durations.iter().enumerate() {
            let within =
                taken.count_ones() + duration <= limits.max_day && week + duration <= limits.max_week;
            let bits = if within { starts_within(free, ground.starts[length], *duration) } else { 0 };
            self.teacher_free[length].set_day(&ground.layout, teacher, day, bits);
        }
    }

    fn reload(&mut self, ground: &Ground, teacher: u32) {
        let load = i64::from(self.teacher_load[teacher as usize]);
        let target = ground.teachers[teacher as usize].target;
        let now = overload(&ground.instance, target, load);
        for (length, duration) in ground.durations.iter().enumerate() {
            let then = overload(&ground.instance, target, load + i64::from(*duration));
            self.next_load[(teacher * self.lengths) as usize + length] = then - now;
        }
    }

    fn place_order(&mut self, ground: &Ground, order: u32, class: u32, mode: Mode) {
        let facts = &ground.orders[order as usize];
        let (a, b) = self.part_points(ground, order, class, mode);
        self.moved_points += a;
        self.b += b;
        self.unmet_points -= facts.unmet;
        let at = self.unmet_at[order as usize] as usize;
        self.unmet.swap_remove(at);
        if let Some(other) = self.unmet.get(at) {
            self.unmet_at[*other as usize] = at as u32;
        }
        self.spots[order as usize] = Spot { class, mode };
        let seat = &mut self.classes[class as usize];
        seat.parts.push(Part { order, mode });
        if mode != Mode::Online {
            seat.heads += facts.headcount;
            seat.in_room += 1;
        }
        self.group_order[(facts.group * self.days + seat.day) as usize] = order;
        self.group_free.set_day(&ground.layout, facts.group, seat.day, 0);
    }

    fn remove_order(&mut self, ground: &Ground, order: u32) {
        let facts = &ground.orders[order as usize];
        let Spot { class, mode } = self.spots[order as usize];
        let (a, b) = self.part_points(ground, order, class, mode);
        self.moved_points -= a;
        self.b -= b;
        self.unmet_points += facts.unmet;
        self.unmet_at[order as usize] = self.unmet.len() as u32;
        self.unmet.push(order);
        self.spots[order as usize].class = NONE;
        let seat = &mut self.classes[class as usize];
        let at = seat.parts.iter().position(|part| part.order == order).unwrap_or_default();
        seat.parts.swap_remove(at);
        if mode != Mode::Online {
            seat.heads -= facts.headcount;
            seat.in_room -= 1;
        }
        self.group_order[(facts.group * self.days + seat.day) as usize] = NONE;
        self.group_free.set_day(&ground.layout, facts.group, seat.day, (1 << self.periods) - 1);
    }

    /// A and B of an order in a class.
    pub fn part_points(&self, ground: &Ground, order: u32, class: u32, mode: Mode) -> (i64, i64) {
        let seat = &self.classes[class as usize];
        let facts = &ground.orders[order as usize];
        let length = ground.courses[seat.course as usize].length;
        let (_, preferred) = ground.wish(facts, length, seat.day, seat.period);
        let weights = &ground.instance.weights;
        let late = if preferred { 0 } else { weights.not_preferred_time };
        let a = facts.published.map_or(0, |was| {
            let points = |changed: bool, points: i64| if changed { points } else { 0 };
            points((was.day, was.period) != (seat.day, seat.period), weights.moved_time)
                + points(was.venue != seat.venue, weights.moved_venue)
                + points(was.teacher != seat.teacher, weights.moved_teacher)
                + points(was.mode != mode, weights.moved_mode)
        });
        (a, mode_points(&ground.instance, order, seat.venue, mode) + late)
    }

    /// B saved by closing a class, without what its groups cost.
    pub fn class_saving(&self, ground: &Ground, class: u32) -> i64 {
        let seat = &self.classes[class as usize];
        let load = i64::from(self.teacher_load[seat.teacher as usize]);
        let target = ground.teachers[seat.teacher as usize].target;
        let duration = i64::from(ground.courses[seat.course as usize].duration);
        let of = |load: i64| overload(&ground.instance, target, load);
        seat.points + of(load) - of(load - duration)
    }

    /// The class a teacher has in a period.
    pub fn class_of_teacher(&self, teacher: u32, day: u32, period: u32) -> u32 {
        self.teacher_class[((teacher * self.days + day) * self.periods + period) as usize]
    }

    /// The class in a venue in a period.
    pub fn class_at_venue(&self, venue: u32, day: u32, period: u32) -> u32 {
        self.venue_class[((venue * self.days + day) * self.periods + period) as usize]
    }

    /// Periods a teacher has in the week of a day.
    pub fn week_of(&self, teacher: u32, day: u32) -> u32 {
        self.teacher_week[(teacher * self.weeks + day / 7) as usize]
    }

    /// B of one more class of a length.
    pub fn load_points(&self, teacher: u32, length: u8) -> i64 {
        self.next_load[(teacher * self.lengths + u32::from(length)) as usize]
    }

    /// Whether the order is in a class.
    pub fn served(&self, order: u32) -> bool {
        self.spots[order as usize].class != NONE
    }

    /// Whether a teacher who is free could get from and to the other classes of the day.
    pub fn can_travel(
        &self,
        ground: &Ground,
        teacher: u32,
        venue: u32,
        time: (u32, u32),
        duration: u32,
    ) -> bool {
        let (day, period) = time;
        let mut taken = self.teacher_taken[(teacher * self.days + day) as usize];
        while taken != 0 {
            let at = taken.trailing_zeros();
            taken &= taken - 1;
            let other = self.class_of_teacher(teacher, day, at);
            if self.too_far(ground, other, venue, period, duration) {
                return false;
            }
        }
        true
    }

    /// Whether nobody can teach a class and one at a venue on the same day: the way is longer than the gap.
    pub fn too_far(&self, ground: &Ground, class: u32, venue: u32, period: u32, duration: u32) -> bool {
        let seat = &self.classes[class as usize];
        let (here, there) = (ground.venues[venue as usize].town, ground.venues[seat.venue as usize].town);
        let other = ground.courses[seat.course as usize].duration;
        let gap = if seat.period < period {
            ground.gap_minutes(seat.period + other - 1, period)
        } else {
            ground.gap_minutes(period + duration - 1, seat.period)
        };
        gap < ground.instance.minutes(there, here)
    }

    /// The classes, in the order of a plan.
    pub fn planned(&self) -> Vec<Class> {
        let mut classes: Vec<Class> = self.by_course.iter().flatten().map(|id| self.class(*id)).collect();
        classes.sort_by_key(|class| (class.day, class.period, class.venue));
        classes
    }

    fn class(&self, id: u32) -> Class {
        let seat = &self.classes[id as usize];
        let mut parts = seat.parts.clone();
        parts.sort();
        let &Seat { course, teacher, venue, day, period, .. } = seat;
        Class { course, teacher, venue, day, period, parts }
    }
}
