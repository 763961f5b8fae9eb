//! The moves: take a few orders out, or make room for one by force, then serve all of them anew.

use super::Search;
use super::ground::{Ground, NONE, Place};
use super::insertion::{Ban, SOCIABLE, Way};
use crate::plan::instance::Mode;

impl Search {
    /// Takes an order out of its class, which closes if nobody is left in the room; who was there waits.
    pub(super) fn take_out(&mut self, ground: &Ground, order: u32) {
        if self.board.fixed[order as usize] || !self.board.served(order) {
            return;
        }
        let class = self.board.spots[order as usize].class;
        self.board.leave(ground, order);
        self.waiting.push(order);
        let seat = &self.board.classes[class as usize];
        if !seat.fixed && seat.in_room == 0 {
            self.take_apart(ground, class);
        }
    }

    /// Closes a class; everybody in it waits.
    pub(super) fn take_apart(&mut self, ground: &Ground, class: u32) {
        while let Some(part) = self.board.classes[class as usize].parts.last().copied() {
            self.board.leave(ground, part.order);
            self.waiting.push(part.order);
        }
        self.board.close(ground, class);
    }

    /// Serves an order that way.
    pub(super) fn serve(&mut self, ground: &Ground, order: u32, way: Way) -> u32 {
        match way {
            Way::Join { class, mode } => {
                self.board.join(ground, order, class, mode);
                class
            }
            Way::Open { place, time } => {
                let class = self.board.open(ground, place.course, place.teacher, place.venue, time);
                self.board.join(ground, order, class, place.mode);
                class
            }
        }
    }

    /// Serves all who wait as well as can be, one after the other.
    pub(super) fn serve_waiting(&mut self, ground: &Ground, ban: (u32, Ban), blink: u32) {
        self.sort_waiting(ground);
        let mut at = 0;
        while at < self.waiting.len() {
            let order = self.waiting[at];
            at += 1;
            if self.board.served(order) {
                continue; // a class that opened meanwhile took it in
            }
            let not_there = if order == ban.0 { ban.1 } else { Ban::NOTHING };
            if let Some((_, way)) = self.best_way(ground, order, not_there, blink) {
                let class = self.serve(ground, order, way);
                if matches!(way, Way::Open { .. }) && self.random.percent(30) {
                    self.gather(ground, class);
                }
            }
        }
        self.waiting.clear();
    }

    fn sort_waiting(&mut self, ground: &Ground) {
        let count = self.waiting.len();
        for at in (1..count).rev() {
            let other = self.random.index(at + 1);
            self.waiting.swap(at, other);
        }
        match self.random.below(4) {
            0 => self.waiting.sort_by_key(|order| -ground.orders[*order as usize].unmet),
            1 => self.waiting.sort_by_key(|order| {
                let (from, to) = ground.orders[*order as usize].places;
                to - from
            }),
            _ => {}
        }
    }

    /// Lets orders for the course of a class join it where that is cheaper than where they are.
    pub(super) fn gather(&mut self, ground: &Ground, class: u32) {
        let course = self.board.classes[class as usize].course;
        let orders = &ground.by_course[course as usize];
        let count = orders.len();
        let first = self.random.index(count);
        for step in 0..count.min(40) {
            let order = orders[(first + step) % count];
            self.steps += 1;
            let spot = self.board.spots[order as usize];
            let facts = &ground.orders[order as usize];
            if self.board.fixed[order as usize] || spot.class == class || !self.may_join(ground, order, class)
            {
                continue;
            }
            let Some((points, mode)) = self.best_mode(ground, order, class) else { continue };
            let saved = if spot.class == NONE { i64::MAX } else { self.saved_by_leaving(ground, order) };
            if points < saved {
                if spot.class != NONE {
                    let left = &self.board.classes[spot.class as usize];
                    let alone = left.parts.len() == 1 && !left.fixed;
                    self.board.leave(ground, order);
                    if alone {
                        self.board.close(ground, spot.class);
                    }
                }
                if self.could_join(ground, facts, class) {
                    self.board.join(ground, order, class, mode);
                } else {
                    self.waiting.push(order);
                }
            }
            let seat = &self.board.classes[class as usize];
            if seat.parts.len() as u32 >= ground.courses[course as usize].max_groups {
                break;
            }
        }
    }

    /// Whether an order that may be elsewhere on the same day could join a class.
    fn may_join(&self, ground: &Ground, order: u32, class: u32) -> bool {
        let seat = &self.board.classes[class as usize];
        let facts = &ground.orders[order as usize];
        let course = &ground.courses[seat.course as usize];
        if seat.closed
            || seat.parts.len() as u32 >= course.max_groups
            || !ground.wish(facts, course.length, seat.day, seat.period).0
        {
            return false;
        }
        let busy = self.board.group_order[(facts.group * ground.instance.days + seat.day) as usize];
        busy == NONE || busy == order
    }

    /// Points saved by taking an order out of its class; 0 if others would have to leave with it.
    fn saved_by_leaving(&self, ground: &Ground, order: u32) -> i64 {
        let spot = self.board.spots[order as usize];
        let seat = &self.board.classes[spot.class as usize];
        let (a, b) = self.board.part_points(ground, order, spot.class, spot.mode);
        let own = ground.a_weight * a + b;
        if seat.fixed || (seat.in_room > 1 || spot.mode == Mode::Online) {
            own
        } else if seat.parts.len() == 1 {
            own + self.board.class_saving(ground, spot.class)
        } else {
            0
        }
    }

    /// A few related orders go and come back elsewhere.
    pub(super) fn shake(&mut self, ground: &Ground, seed: u32) {
        let spot = self.board.spots[seed as usize];
        let (ban, seat) = if spot.class == NONE {
            (Ban::NOTHING, None)
        } else {
            let seat = &self.board.classes[spot.class as usize];
            let (venue, day, period) = (seat.venue, seat.day, seat.period);
            (Ban { venue, day, period }, Some((seat.course, seat.teacher, venue, day)))
        };
        let size = 1 + self.random.below(4);
        self.take_out(ground, seed);
        if !self.board.served(seed) && spot.class == NONE {
            self.waiting.push(seed);
        }
        let courses = &ground.instance.orders[seed as usize].courses;
        match (self.random.below(8), seat) {
            (0..=2, _) => {
                let course = courses[self.random.index(courses.len())];
                let orders = &ground.by_course[course as usize];
                for _ in 0..size {
                    let other = orders[self.random.index(orders.len())];
                    self.take_out(ground, other);
                }
            }
            (3, Some((_, teacher, _, day))) => {
                let first = day / 7 * 7;
                for day in first..ground.instance.days.min(first + 7) {
                    for period in 0..ground.layout.periods {
                        let class = self.board.class_of_teacher(teacher, day, period);
                        self.take_some(ground, class, seed);
                    }
                }
            }
            (4, Some((_, _, venue, day))) => {
                for day in day.saturating_sub(1)..ground.instance.days.min(day + 2) {
                    for period in 0..ground.layout.periods {
                        let class = self.board.class_at_venue(venue, day, period);
                        self.take_some(ground, class, seed);
                    }
                }
            }
            (5, _) => {
                let class = spot.class;
                if class != NONE
                    && !self.board.classes[class as usize].fixed
                    && self.board.classes[class as usize].in_room > 0
                {
                    self.take_apart(ground, class);
                }
            }
            (6, _) => {
                for _ in 0..size {
                    let other = self.random_seed();
                    self.take_out(ground, other);
                }
            }
            _ => {}
        }
        if self.random.percent(10)
            && let Some(other) = self.random_unmet()
            && !self.waiting.contains(&other)
        {
            self.waiting.push(other);
        }
        let ban = if self.random.percent(70) { ban } else { Ban::NOTHING };
        self.serve_waiting(ground, (seed, ban), 2);
    }

    fn take_some(&mut self, ground: &Ground, class: u32, seed: u32) {
        if class != NONE
            && !self.board.classes[class as usize].fixed
            && self.board.spots[seed as usize].class != class
            && self.random.percent(70)
        {
            self.take_apart(ground, class);
        }
    }

    /// Opens a class for an order at a random place and time; what stands in the way goes elsewhere.
    pub(super) fn force(&mut self, ground: &Ground, order: u32, chain: u32) {
        let places = ground.places(order);
        if places.is_empty() || self.board.fixed[order as usize] {
            return;
        }
        self.take_out(ground, order);
        if !self.waiting.contains(&order) {
            self.waiting.push(order);
        }
        // Cheap places lie in front.
        let at = self.random.index(places.len()).min(self.random.index(places.len()));
        if self.push_in(ground, order, places[at]) {
            self.chase(ground, chain);
            for _ in 0..3 {
                if let Some(other) = self.random_unmet()
                    && !self.waiting.contains(&other)
                {
                    self.waiting.push(other);
                }
            }
        }
        self.serve_waiting(ground, (NONE, Ban::NOTHING), 1);
    }

    /// Serves those who wait; who finds no place pushes others out, at most `chain` times.
    fn chase(&mut self, ground: &Ground, mut chain: u32) {
        while chain > 0 {
            self.waiting.sort_by_key(|order| ground.orders[*order as usize].unmet);
            let Some(order) = self.waiting.pop() else { return };
            if self.board.served(order) {
                continue;
            }
            if let Some((_, way)) = self.best_way(ground, order, Ban::NOTHING, 1) {
                self.serve(ground, order, way);
                continue;
            }
            chain -= 1;
            let places = ground.places(order);
            self.waiting.push(order);
            if places.is_empty() {
                return;
            }
            let at = self.random.index(places.len());
            self.push_in(ground, order, places[at]);
        }
    }

    /// Opens a class for a waiting order at a place, at a random accepted time; false if that cannot be.
    fn push_in(&mut self, ground: &Ground, order: u32, place: Place) -> bool {
        let Some(time) = self.possible_time(ground, order, &place) else { return false };
        if !self.clear_way(ground, order, &place, time) {
            return false;
        }
        self.waiting.retain(|other| *other != order);
        let class = self.serve(ground, order, Way::Open { place, time });
        self.gather(ground, class);
        true
    }

    /// A time at which order, teacher and venue could have a class if they had no other.
    fn possible_time(&mut self, ground: &Ground, order: u32, place: &Place) -> Option<(u32, u32)> {
        let facts = &ground.orders[order as usize];
        let (from, to) = (facts.words.0 as usize, facts.words.1 as usize);
        let length = place.length as usize;
        let accepted = ground.accepted(facts, place.length);
        let teacher = &ground.teacher_starts[length].of(place.teacher)[from..to];
        let venue = &ground.venue_starts[length].of(place.venue)[from..to];
        self.steps += 2;
        self.chosen.clear();
        for at in 0..to - from {
            self.chosen.push(accepted[at] & teacher[at] & venue[at]);
        }
        let shared =
            self.random.percent(SOCIABLE) && self.narrow(ground, facts.words.0, place.course, place.length);
        let bits = if shared { &self.narrowed } else { &self.chosen };
        let total: u32 = bits.iter().map(|word| word.count_ones()).sum();
        if total == 0 {
            return None;
        }
        let mut skipped = self.random.below(total);
        for (at, word) in bits.iter().enumerate() {
            let count = word.count_ones();
            if skipped < count {
                let mut left = *word;
                for _ in 0..skipped {
                    left &= left - 1;
                }
                return Some(ground.layout.time((from + at) as u32, left.trailing_zeros()));
            }
            skipped -= count;
        }
        None
    }

    /// Takes apart what stands in the way of a class; false if something confirmed does.
    fn clear_way(&mut self, ground: &Ground, order: u32, place: &Place, (day, period): (u32, u32)) -> bool {
        let duration = ground.durations[place.length as usize];
        for at in period..period + duration {
            let class = self.board.class_of_teacher(place.teacher, day, at);
            if !self.eject(ground, class) {
                return false;
            }
            let class = self.board.class_at_venue(place.venue, day, at);
            if !self.eject(ground, class) {
                return false;
            }
        }
        for at in 0..ground.layout.periods {
            let class = self.board.class_of_teacher(place.teacher, day, at);
            if class != NONE
                && self.board.too_far(ground, class, place.venue, period, duration)
                && !self.eject(ground, class)
            {
                return false;
            }
        }
        let busy = self.board.group_order
            [(ground.orders[order as usize].group * ground.instance.days + day) as usize];
        if busy != NONE {
            if self.board.fixed[busy as usize] {
                return false;
            }
            self.take_out(ground, busy);
        }
        self.within_limits(ground, place.teacher, day, duration)
    }

    fn within_limits(&mut self, ground: &Ground, teacher: u32, day: u32, duration: u32) -> bool {
        let limits = ground.teachers[teacher as usize];
        let taken = |search: &Self| {
            search.board.teacher_taken[(teacher * ground.instance.days + day) as usize].count_ones()
        };
        while taken(self) + duration > limits.max_day {
            if !self.eject_one(ground, teacher, day, day + 1) {
                return false;
            }
        }
        let first = day / 7 * 7;
        while self.board.week_of(teacher, day) + duration > limits.max_week {
            if !self.eject_one(ground, teacher, first, ground.instance.days.min(first + 7)) {
                return false;
            }
        }
        true
    }

    /// Takes a random class of a teacher within some days apart.
    fn eject_one(&mut self, ground: &Ground, teacher: u32, from: u32, to: u32) -> bool {
        let (mut chosen, mut seen) = (NONE, 0);
        for day in from..to {
            for period in 0..ground.layout.periods {
                let class = self.board.class_of_teacher(teacher, day, period);
                if class != NONE && !self.board.classes[class as usize].fixed {
                    seen += 1;
                    if self.random.below(seen) == 0 {
                        chosen = class;
                    }
                }
            }
        }
        chosen != NONE && self.eject(ground, chosen)
    }

    fn eject(&mut self, ground: &Ground, class: u32) -> bool {
        if class == NONE {
            return true;
        }
        if self.board.classes[class as usize].fixed {
            return false;
        }
        self.take_apart(ground, class);
        true
    }

    /// A class moves as a whole: the same people, another place or time.
    pub(super) fn move_class(&mut self, ground: &Ground, order: u32) {
        let class = self.board.spots[order as usize].class;
        if class == NONE || self.board.classes[class as usize].fixed {
            return;
        }
        let seat = &self.board.classes[class as usize];
        let (course, teacher, venue, day, period) =
            (seat.course, seat.teacher, seat.venue, seat.day, seat.period);
        let hosts = seat.parts.iter().filter(|part| part.mode != Mode::Online).count();
        let which = self.random.index(hosts);
        let host = self.board.classes[class as usize]
            .parts
            .iter()
            .filter(|part| part.mode != Mode::Online)
            .nth(which);
        let Some(host) = host.map(|part| part.order) else { return };
        self.take_apart(ground, class);
        let places = ground.places(host);
        let kind = self.random.below(3);
        // Another teacher then and there, another venue then with the same teacher, or anything.
        for _ in 0..4 {
            let at = self.random.index(places.len()).min(self.random.index(places.len()));
            let place = places[at];
            let fits = place.course == course
                && match kind {
                    0 => place.venue == venue && place.teacher != teacher,
                    1 => place.teacher == teacher && place.venue != venue,
                    _ => true,
                };
            if !fits {
                continue;
            }
            let time = if kind == 2 { self.possible_time(ground, host, &place) } else { Some((day, period)) };
            let Some(time) = time else { continue };
            let length = place.length as usize;
            let possible = ground.teacher_starts[length].has(&ground.layout, place.teacher, time.0, time.1)
                && ground.venue_starts[length].has(&ground.layout, place.venue, time.0, time.1);
            if possible && self.clear_way(ground, host, &place, time) {
                self.waiting.retain(|other| *other != host);
                let class = self.serve(ground, host, Way::Open { place, time });
                self.rejoin(ground, class);
                if self.random.percent(50) {
                    self.gather(ground, class);
                }
            }
            break;
        }
        self.serve_waiting(ground, (NONE, Ban::NOTHING), 1);
    }

    /// Those who wait join a class if they can.
    fn rejoin(&mut self, ground: &Ground, class: u32) {
        let mut at = 0;
        while at < self.waiting.len() {
            let order = self.waiting[at];
            let course = self.board.classes[class as usize].course;
            let asked = ground.instance.orders[order as usize].courses.contains(&course);
            if self.board.served(order) {
                self.waiting.swap_remove(at);
            } else if asked
                && self.could_join(ground, &ground.orders[order as usize], class)
                && let Some((_, mode)) = self.best_mode(ground, order, class)
            {
                self.board.join(ground, order, class, mode);
                self.waiting.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }
}
