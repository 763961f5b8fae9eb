//! The best way to serve one order as everything else stands: join a class, or open one.

use super::Search;
use super::ground::{Ground, NONE, OrderFacts, Place};
use crate::plan::instance::Mode;

/// Of a hundred times, how often a time is chosen for the sake of others who want the course.
pub(super) const SOCIABLE: u32 = 60;

/// How an order is served.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) enum Way {
    /// In a class that is there.
    Join {
        /// Which.
        class: u32,
        /// How.
        mode: Mode,
    },
    /// In a class of its own.
    Open {
        /// Where and by whom.
        place: Place,
        /// Day and period.
        time: (u32, u32),
    },
}

/// A venue and a time that an order must not get again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub venue: u32,
    pub day: u32,
    pub period: u32,
}

impl Ban {
    pub const NOTHING: Self = Self { venue: NONE, day: NONE, period: NONE };
}

impl Search {
    /// The cheapest way; `blink` of 64 possibilities are overlooked, at random.
    pub(super) fn best_way(
        &mut self,
        ground: &Ground,
        order: u32,
        ban: Ban,
        blink: u32,
    ) -> Option<(i64, Way)> {
        let joined = self.best_class(ground, order, ban, blink);
        let below = joined.map_or(i64::MAX, |(points, _)| points);
        self.best_place(ground, order, ban, blink, below).or(joined)
    }

    fn best_class(&mut self, ground: &Ground, order: u32, ban: Ban, blink: u32) -> Option<(i64, Way)> {
        let facts = &ground.orders[order as usize];
        let mut best: Option<(i64, Way)> = None;
        for course in &ground.instance.orders[order as usize].courses {
            let count = self.board.by_course[*course as usize].len();
            self.steps += count as u64;
            for at in 0..count {
                let class = self.board.by_course[*course as usize][at];
                let seat = &self.board.classes[class as usize];
                let there = Ban { venue: seat.venue, day: seat.day, period: seat.period };
                if there == ban || !self.could_join(ground, facts, class) || self.overlooks(blink) {
                    continue;
                }
                if let Some((points, mode)) = self.best_mode(ground, order, class)
                    && best.is_none_or(|(least, _)| points < least)
                {
                    best = Some((points, Way::Join { class, mode }));
                }
            }
        }
        best
    }

    fn overlooks(&mut self, blink: u32) -> bool {
        blink > 0 && (self.random.word() >> 58) < u64::from(blink)
    }

    /// Whether time, group and number of groups allow it; the mode is another question.
    pub(super) fn could_join(&self, ground: &Ground, facts: &OrderFacts, class: u32) -> bool {
        let seat = &self.board.classes[class as usize];
        let course = &ground.courses[seat.course as usize];
        !seat.closed
            && (seat.parts.len() as u32) < course.max_groups
            && ground.wish(facts, course.length, seat.day, seat.period).0
            && self.board.group_free.has(&ground.layout, facts.group, seat.day, seat.period)
    }

    /// The ways to take part in a class that somebody is in: in the room, online.
    pub(super) fn modes(&self, ground: &Ground, order: u32, class: u32) -> [Option<Mode>; 2] {
        let seat = &self.board.classes[class as usize];
        let venue = &ground.venues[seat.venue as usize];
        let facts = &ground.orders[order as usize];
        let home = venue.town == facts.home;
        let near = home || ground.instance.minutes(facts.home, venue.town) <= facts.max_travel;
        let in_room = near && seat.heads + facts.headcount <= venue.capacity;
        let online = facts.online && venue.streams && ground.courses[seat.course as usize].online;
        [in_room.then_some(if home { Mode::Host } else { Mode::Travel }), online.then_some(Mode::Online)]
    }

    /// The best of them, with its points.
    pub(super) fn best_mode(&self, ground: &Ground, order: u32, class: u32) -> Option<(i64, Mode)> {
        let points = |mode: Mode| {
            let (a, b) = self.board.part_points(ground, order, class, mode);
            (ground.a_weight * a + b, mode)
        };
        self.modes(ground, order, class).into_iter().flatten().map(points).min_by_key(|(points, _)| *points)
    }

    /// The cheapest new class below a limit.
    fn best_place(
        &mut self,
        ground: &Ground,
        order: u32,
        ban: Ban,
        blink: u32,
        limit: i64,
    ) -> Option<(i64, Way)> {
        let facts = &ground.orders[order as usize];
        let late = ground.instance.weights.not_preferred_time;
        let moved_time = ground.a_weight * ground.instance.weights.moved_time;
        let mut best = limit;
        let mut found = None;
        for place in ground.places(order) {
            let fixed = ground.a_weight * i64::from(place.a) + i64::from(place.b);
            if fixed >= best {
                break;
            }
            self.steps += 1;
            let points = fixed + self.board.load_points(place.teacher, place.length);
            if points >= best || self.overlooks(blink) {
                continue;
            }
            if !self.open_times(ground, facts, place, ban) {
                continue;
            }
            let mut elsewhere = points;
            if let Some(was) = facts.published {
                if let Some(points) = self.as_published(ground, facts, place, points)
                    && points < best
                {
                    best = points;
                    found = Some((points, Way::Open { place: *place, time: (was.day, was.period) }));
                }
                elsewhere += moved_time;
            }
            if elsewhere < best
                && let Some((time, preferred)) = self.some_time(ground, facts, place, elsewhere + late < best)
            {
                let points = elsewhere + if preferred { 0 } else { late };
                best = points;
                found = Some((points, Way::Open { place: *place, time }));
            }
        }
        found
    }

    /// Puts into `times` when order, group, teacher and venue are free together; false if never.
    fn open_times(&mut self, ground: &Ground, facts: &OrderFacts, place: &Place, ban: Ban) -> bool {
        let (from, to) = (facts.words.0 as usize, facts.words.1 as usize);
        let length = place.length as usize;
        let accepted = ground.accepted(facts, place.length);
        let teacher = &self.board.teacher_free[length].of(place.teacher)[from..to];
        let venue = &self.board.venue_free[length].of(place.venue)[from..to];
        let group = &self.board.group_free.of(facts.group)[from..to];
        self.times.clear();
        let mut any = 0;
        for at in 0..to - from {
            let free = accepted[at] & teacher[at] & venue[at] & group[at];
            any |= free;
            self.times.push(free);
        }
        if any != 0 && place.venue == ban.venue {
            let (word, shift) = ground.layout.place(ban.day);
            if word >= facts.words.0 && word < facts.words.1 {
                self.times[(word - facts.words.0) as usize] &= !(1 << (shift + ban.period));
            }
        }
        any != 0
    }

    /// Points at the published time, if `times` has it and the teacher can be there.
    fn as_published(&self, ground: &Ground, facts: &OrderFacts, place: &Place, points: i64) -> Option<i64> {
        let was = facts.published?;
        if was.day >= ground.instance.days || was.period >= ground.layout.periods {
            return None;
        }
        let (word, shift) = ground.layout.place(was.day);
        let at = word.checked_sub(facts.words.0)?;
        let free = self.times.get(at as usize)? >> (shift + was.period) & 1 == 1;
        let duration = ground.durations[place.length as usize];
        let time = (was.day, was.period);
        if !free || !self.board.can_travel(ground, place.teacher, place.venue, time, duration) {
            return None;
        }
        let (_, preferred) = ground.wish(facts, place.length, was.day, was.period);
        Some(points + if preferred { 0 } else { ground.instance.weights.not_preferred_time })
    }

    /// Some time of `times` to which the teacher can travel, a preferred one if there is one.
    fn some_time(
        &mut self,
        ground: &Ground,
        facts: &OrderFacts,
        place: &Place,
        also_late: bool,
    ) -> Option<((u32, u32), bool)> {
        let preferred = ground.preferred(facts, place.length);
        self.chosen.clear();
        self.chosen.extend(self.times.iter().zip(preferred).map(|(free, preferred)| free & preferred));
        if let Some(time) = self.sociable_time(ground, facts, place) {
            return Some((time, true));
        }
        if !also_late {
            return None;
        }
        self.chosen.clear();
        self.chosen.extend(self.times.iter().zip(preferred).map(|(free, preferred)| free & !preferred));
        self.sociable_time(ground, facts, place).map(|time| (time, false))
    }

    /// Some time of `chosen`, often one at which others who want the course could join.
    fn sociable_time(&mut self, ground: &Ground, facts: &OrderFacts, place: &Place) -> Option<(u32, u32)> {
        if self.chosen.iter().all(|word| *word == 0) {
            return None;
        }
        if self.random.percent(SOCIABLE)
            && self.narrow(ground, facts.words.0, place.course, place.length)
            && let Some(time) = self.random_time(ground, facts, place, true)
        {
            return Some(time);
        }
        self.random_time(ground, facts, place, false)
    }

    /// Leaves in `narrowed` those of the `chosen` times that some others who want the course accept.
    pub(super) fn narrow(&mut self, ground: &Ground, from: u32, course: u32, length: u8) -> bool {
        let orders = &ground.by_course[course as usize];
        self.narrowed.clone_from(&self.chosen);
        let mut any = false;
        for _ in 0..2 {
            let other = &ground.orders[orders[self.random.index(orders.len())] as usize];
            let accepted = ground.accepted(other, length);
            let common = |at: usize, bits: u64| {
                let word = from + at as u32;
                let inside = word >= other.words.0 && word < other.words.1;
                if inside { bits & accepted[(word - other.words.0) as usize] } else { 0 }
            };
            if self.narrowed.iter().enumerate().any(|(at, bits)| common(at, *bits) != 0) {
                self.narrowed.iter_mut().enumerate().for_each(|(at, bits)| *bits = common(at, *bits));
                any = true;
            }
        }
        any
    }

    fn random_time(
        &mut self,
        ground: &Ground,
        facts: &OrderFacts,
        place: &Place,
        narrowed: bool,
    ) -> Option<(u32, u32)> {
        let duration = ground.durations[place.length as usize];
        let bits = if narrowed { &self.narrowed } else { &self.chosen };
        let total: u32 = bits.iter().map(|word| word.count_ones()).sum();
        let mut skipped = self.random.below(total.max(1));
        // From some set bit on, once around.
        for round in 0..2 {
            for (at, word) in bits.iter().enumerate() {
                let count = word.count_ones();
                if round == 0 && skipped >= count {
                    skipped -= count;
                    continue;
                }
                let mut left = *word;
                for _ in 0..skipped {
                    left &= left - 1;
                }
                skipped = 0;
                while left != 0 {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    let time = ground.layout.time(facts.words.0 + at as u32, bit);
                    if self.board.can_travel(ground, place.teacher, place.venue, time, duration) {
                        return Some(time);
                    }
                }
            }
        }
        None
    }
}
