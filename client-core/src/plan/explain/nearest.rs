//! The nearest alternative: fewest wishes given up, then fewest days away, then the shortest way, then ids.
//!
//! Of single wishes the course goes last: who asked for calligraphy is offered another day of it first.

use super::Alternative;
use crate::plan::instance::{Class, Mode, Part};
use crate::plan::rules::{Occupation, Wishes, class_faults};
use crate::plan::search::{Board, Ground, NONE};

/// What decides between two alternatives, smaller is nearer.
type Nearness = (u32, u32, (u32, u32, u32, u32, u32), Mode);

/// The nearest alternative of an unmet order.
pub(super) fn alternative(
    ground: &Ground,
    board: &Board,
    occupation: &Occupation<'_>,
    order: u32,
) -> Option<Alternative> {
    let looking = Looking::new(ground, board, order);
    let class_and_wishes = rounds().iter().find_map(|round| {
        let nearest = round.iter().filter_map(|wishes| Some((looking.nearest(*wishes)?, *wishes)));
        nearest.min_by_key(|((nearness, _), _)| *nearness).map(|((_, class), wishes)| (class, wishes))
    });
    let (class, wishes) = class_and_wishes?;
    let joins = class.parts.len() > 1;
    let holds = class_faults(&ground.instance, &class, Some((order, wishes))).is_empty()
        && (joins || occupation.conflicts(&class).is_empty())
        && !occupation.group_is_busy(ground.orders[order as usize].group, class.day);
    assert!(holds, "an alternative that is offered holds: {class:?}");
    Some(Alternative { give_up: wishes, class })
}

/// Sets of wishes in the order in which they are tried; those of one round compete.
fn rounds() -> Vec<Vec<Wishes>> {
    let bit = |bits: u32, at: u32| bits >> at & 1 == 1;
    let set = |bits: u32| Wishes {
        time: bit(bits, 0),
        travel: bit(bits, 1),
        online: bit(bits, 2),
        course: bit(bits, 3),
    };
    let all: Vec<Wishes> = (1..16).map(set).collect();
    let round = |count: u32, course: bool| {
        all.iter().copied().filter(|wishes| wishes.count() == count && wishes.course == course).collect()
    };
    (1..=4).flat_map(|count| [round(count, false), round(count, true)]).collect()
}

struct Looking<'a> {
    ground: &'a Ground,
    board: &'a Board,
    order: u32,
    /// Days from the nearest day the order accepts, by day; `NONE` where its group has a class.
    away: Vec<u32>,
    /// The least of them in a word of the calendars.
    word_away: Vec<u32>,
    /// Venues that seat it, by minutes from home, 0 in its own town.
    rooms: Vec<(u32, u32)>,
}

impl<'a> Looking<'a> {
    fn new(ground: &'a Ground, board: &'a Board, order: u32) -> Self {
        let wanted = &ground.instance.orders[order as usize];
        let wished: Vec<u32> =
            (0..ground.instance.days).filter(|day| wanted.wish(*day).accepted != 0).collect();
        let facts = &ground.orders[order as usize];
        let mut word_away = vec![NONE; ground.layout.words as usize];
        let days = 0..ground.instance.days;
        let away = days.map(|day| {
            let busy = board.group_order[(facts.group * ground.instance.days + day) as usize] != NONE;
            let away = wished.iter().map(|wished| wished.abs_diff(day)).min().filter(|_| !busy);
            let away = away.unwrap_or(NONE);
            let least = &mut word_away[ground.layout.place(day).0 as usize];
            *least = away.min(*least);
            away
        });
        let away = away.collect();
        let seating = (0u32..).zip(&ground.venues).filter(|(_, room)| room.capacity >= facts.headcount);
        let minutes =
            |town: u32| if town == facts.home { 0 } else { ground.instance.minutes(facts.home, town) };
        let mut rooms: Vec<(u32, u32)> = seating.map(|(venue, room)| (minutes(room.town), venue)).collect();
        rooms.sort_unstable();
        Self { order, away, word_away, rooms, ground, board }
    }

    /// The nearest class that takes exactly these wishes.
    fn nearest(&self, wishes: Wishes) -> Option<(Nearness, Class)> {
        let mut best = None;
        let wanted = &self.ground.instance.orders[self.order as usize].courses;
        if wishes.course {
            let others = self.ground.offered.iter().filter(|course| !wanted.contains(course));
            others.for_each(|course| self.join(*course, wishes, &mut best));
        } else {
            wanted.iter().for_each(|course| self.join(*course, wishes, &mut best));
        }
        if !wishes.online {
            self.open(wishes, &mut best);
        }
        best
    }

    /// Classes of a course that are there.
    fn join(&self, course: u32, wishes: Wishes, best: &mut Option<(Nearness, Class)>) {
        let ground = self.ground;
        let facts = &ground.orders[self.order as usize];
        let wanted = &ground.instance.orders[self.order as usize];
        for id in &self.board.by_course[course as usize] {
            let seat = &self.board.classes[*id as usize];
            let away = self.away[seat.day as usize];
            let full = seat.parts.len() as u32 >= ground.courses[course as usize].max_groups;
            if seat.closed || full || away == NONE {
                continue;
            }
            let span = ((1 << ground.courses[course as usize].duration) - 1) << seat.period;
            let in_time = wanted.wish(seat.day).accepted & span == span;
            if in_time == wishes.time || (wishes.time && seat.day < ground.instance.earliest) {
                continue;
            }
            let venue = &ground.venues[seat.venue as usize];
            let minutes = ground.instance.minutes(facts.home, venue.town);
            let home = venue.town == facts.home;
            let too_far = !home && minutes > facts.max_travel;
            let seats = seat.heads + facts.headcount <= venue.capacity;
            let mode = if home { Mode::Host } else { Mode::Travel };
            let online = venue.streams && ground.courses[course as usize].online;
            let ways = [
                (mode, if home { 0 } else { minutes }, seats && too_far == wishes.travel && !wishes.online),
                (Mode::Online, 0, online && facts.online != wishes.online && !wishes.travel),
            ];
            for (mode, way, possible) in ways {
                let key = (course, seat.teacher, seat.venue, seat.day, seat.period);
                let nearness = (if wishes.time { away } else { 0 }, way, key, mode);
                if possible && best.as_ref().is_none_or(|(least, _)| nearness < *least) {
                    let mut parts = seat.parts.clone();
                    parts.push(Part { order: self.order, mode });
                    parts.sort();
                    *best = Some((nearness, class_of(key, parts)));
                }
            }
        }
    }

    /// New classes, near venues first.
    fn open(&self, wishes: Wishes, best: &mut Option<(Nearness, Class)>) {
        let ground = self.ground;
        let facts = &ground.orders[self.order as usize];
        let wanted = &ground.instance.orders[self.order as usize].courses;
        for (minutes, venue) in self.rooms.iter().copied() {
            if best.as_ref().is_some_and(|((away, way, ..), _)| (0, minutes) > (*away, *way)) {
                break;
            }
            let home = ground.venues[venue as usize].town == facts.home;
            let too_far = !home && minutes > facts.max_travel;
            if too_far != wishes.travel {
                continue;
            }
            let mode = if home { Mode::Host } else { Mode::Travel };
            let here = &ground.courses_at[venue as usize];
            if wishes.course {
                let here = &ground.offered_at[venue as usize];
                let others = here.iter().filter(|course| !wanted.contains(course));
                others.for_each(|course| self.open_at((minutes, venue, mode), *course, wishes, best));
            } else {
                let known = wanted.iter().filter(|course| here.binary_search(course).is_ok());
                known.for_each(|course| self.open_at((minutes, venue, mode), *course, wishes, best));
            }
        }
    }

    fn open_at(
        &self,
        (minutes, venue, mode): (u32, u32, Mode),
        course: u32,
        wishes: Wishes,
        best: &mut Option<(Nearness, Class)>,
    ) {
        let town = self.ground.venues[venue as usize].town;
        for teacher in self.ground.teachers_of[course as usize].iter().copied() {
            let who = &self.ground.instance.teachers[teacher as usize];
            if self.ground.instance.minutes(who.town, town) <= who.reach_minutes {
                self.open_there((course, teacher, venue), (minutes, mode), wishes, best);
            }
        }
    }

    fn open_there(
        &self,
        (course, teacher, venue): (u32, u32, u32),
        (minutes, mode): (u32, Mode),
        wishes: Wishes,
        best: &mut Option<(Nearness, Class)>,
    ) {
        let ground = self.ground;
        let length = ground.courses[course as usize].length;
        let duration = ground.courses[course as usize].duration;
        let teacher_free = self.board.teacher_free[length as usize].of(teacher);
        let venue_free = self.board.venue_free[length as usize].of(venue);
        let wanted = &ground.instance.orders[self.order as usize];
        for (word, (teacher_free, venue_free)) in (0u32..).zip(teacher_free.iter().zip(venue_free)) {
            let least = self.word_away[word as usize];
            let near =
                least != NONE && best.as_ref().is_none_or(|((away, ..), _)| !wishes.time || least <= *away);
            let mut free = if near { teacher_free & venue_free } else { 0 };
            while free != 0 {
                let (day, period) = ground.layout.time(word, free.trailing_zeros());
                free &= free - 1;
                let away = self.away[day as usize];
                let span = ((1 << duration) - 1) << period;
                let in_time = wanted.wish(day).accepted & span == span;
                let nearness = (
                    if wishes.time { away } else { 0 },
                    minutes,
                    (course, teacher, venue, day, period),
                    mode,
                );
                if away != NONE
                    && in_time != wishes.time
                    && !(wishes.time && day < ground.instance.earliest)
                    && best.as_ref().is_none_or(|(least, _)| nearness < *least)
                    && self.board.can_travel(ground, teacher, venue, (day, period), duration)
                {
                    let parts = vec![Part { order: self.order, mode }];
                    *best = Some((nearness, class_of(nearness.2, parts)));
                }
            }
        }
    }
}

fn class_of((course, teacher, venue, day, period): (u32, u32, u32, u32, u32), parts: Vec<Part>) -> Class {
    Class { course, teacher, venue, day, period, parts }
}
