//! Why an order is unmet: the first thing that is missing altogether, or who takes the places there are.

use crate::plan::search::{Board, Ground, NONE};

/// Why an order is in no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It accepts no time within the horizon.
    NoTime,
    /// Nobody teaches what it wants.
    NobodyTeaches,
    /// No venue has what it needs.
    NoVenue,
    /// No such venue is in its own town or within what it travels.
    NoVenueNear {
        /// What it travels, in minutes.
        minutes: u32,
    },
    /// The largest venue in reach has too few seats.
    TooFewSeats {
        /// People of the group.
        people: u32,
        /// Seats there.
        seats: u32,
    },
    /// No teacher travels to a venue in its reach.
    NoTeacherNear,
    /// Teacher and venue are never free together when it has time.
    NeverTogether,
    /// Every place and time that would do is taken.
    Taken {
        /// All of them.
        places: u32,
        /// The teacher teaches elsewhere or has reached a limit.
        teacher: u32,
        /// The venue has another class.
        venue: u32,
        /// The group has another class that day.
        group: u32,
        /// The teacher could not travel in time.
        way: u32,
    },
    /// Classes of its courses are there, and none takes it.
    NotJoined {
        /// All of them.
        classes: u32,
        /// At times it does not accept.
        time: u32,
        /// Full.
        full: u32,
        /// Too far away and not open to it online.
        way: u32,
        /// On a day its group has another class.
        busy: u32,
        /// Closed.
        closed: u32,
    },
}

impl Cause {
    /// In words; `courses` names what the order wants.
    pub(super) fn text(&self, courses: &str) -> String {
        let counted = |parts: &[(u32, &str)]| {
            let said = parts.iter().filter(|(count, _)| *count > 0);
            said.map(|(count, why)| format!("{count} {why}")).collect::<Vec<String>>().join(", ")
        };
        match *self {
            Self::NoTime => "it accepts no time within the horizon".to_owned(),
            Self::NobodyTeaches => format!("nobody teaches {courses}"),
            Self::NoVenue => format!("no venue has what {courses} needs"),
            Self::NoVenueNear { minutes } => {
                format!("no venue for {courses} is in its own town or within {minutes} minutes")
            }
            Self::TooFewSeats { people, seats } => {
                format!("{people} people, but the largest venue for {courses} in reach has {seats} seats")
            }
            Self::NoTeacherNear => format!("no teacher of {courses} travels to a venue in its reach"),
            Self::NeverTogether => "no teacher and no fitting venue in reach are ever free together at the \
                                    times it accepts"
                .to_owned(),
            Self::Taken { places, teacher, venue, group, way } => {
                let parts = [
                    (teacher, "because the teacher teaches elsewhere or has reached a limit"),
                    (venue, "because the venue has another class"),
                    (group, "because the group has another class that day"),
                    (way, "because the teacher could not travel in time"),
                ];
                format!("all {places} places and times that would do are taken: {}", counted(&parts))
            }
            Self::NotJoined { classes, time, full, way, busy, closed } => {
                let parts = [
                    (time, "at times it does not accept"),
                    (full, "full"),
                    (way, "too far away and not open to it online"),
                    (busy, "on a day its group has another class"),
                    (closed, "closed"),
                ];
                format!("none of the {classes} classes of its courses takes it: {}", counted(&parts))
            }
        }
    }
}

/// At least one cause.
pub(super) fn of(ground: &Ground, board: &Board, order: u32) -> Vec<Cause> {
    let first = never(ground, order).unwrap_or_else(|| taken(ground, board, order));
    [first].into_iter().chain(not_joined(ground, board, order)).collect()
}

/// What keeps an order from a class of its own even if nothing else were planned.
fn never(ground: &Ground, order: u32) -> Option<Cause> {
    if !ground.places(order).is_empty() {
        return None;
    }
    let instance = &ground.instance;
    let wanted = &instance.orders[order as usize];
    let facts = &ground.orders[order as usize];
    if wanted.wishes.iter().all(|wish| wish.accepted == 0) {
        return Some(Cause::NoTime);
    }
    let pairs = || {
        wanted
            .courses
            .iter()
            .flat_map(|course| ground.venues_of[*course as usize].iter().map(move |venue| (*course, *venue)))
    };
    if wanted.courses.iter().all(|course| ground.teachers_of[*course as usize].is_empty()) {
        return Some(Cause::NobodyTeaches);
    }
    if pairs().next().is_none() {
        return Some(Cause::NoVenue);
    }
    let near = |venue: u32| {
        let town = ground.venues[venue as usize].town;
        town == facts.home || instance.minutes(facts.home, town) <= facts.max_travel
    };
    let Some(seats) = pairs()
        .filter(|(_, venue)| near(*venue))
        .map(|(_, venue)| ground.venues[venue as usize].capacity)
        .max()
    else {
        return Some(Cause::NoVenueNear { minutes: facts.max_travel });
    };
    if seats < facts.headcount {
        return Some(Cause::TooFewSeats { people: facts.headcount, seats });
    }
    let fitting = |venue: u32| near(venue) && ground.venues[venue as usize].capacity >= facts.headcount;
    let reachable = pairs().filter(|(_, venue)| fitting(*venue)).any(|(course, venue)| {
        ground.teachers_of[course as usize].iter().any(|teacher| {
            let who = &instance.teachers[*teacher as usize];
            instance.minutes(who.town, ground.venues[venue as usize].town) <= who.reach_minutes
        })
    });
    Some(if reachable { Cause::NeverTogether } else { Cause::NoTeacherNear })
}

/// Who takes the places and times that would do.
fn taken(ground: &Ground, board: &Board, order: u32) -> Cause {
    let facts = &ground.orders[order as usize];
    let (from, to) = facts.words;
    let (mut all, mut group, mut teacher, mut venue, mut way) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for place in ground.places(order) {
        let length = place.length as usize;
        let accepted = ground.accepted(facts, place.length);
        for word in from..to {
            let at = word as usize;
            let mut possible = accepted[(word - from) as usize]
                & ground.teacher_starts[length].of(place.teacher)[at]
                & ground.venue_starts[length].of(place.venue)[at];
            all = all.saturating_add(possible.count_ones());
            let mut hold = |free: u64, blocked: &mut u32| {
                *blocked = blocked.saturating_add((possible & !free).count_ones());
                possible &= free;
            };
            hold(board.group_free.of(facts.group)[at], &mut group);
            hold(board.teacher_free[length].of(place.teacher)[at], &mut teacher);
            hold(board.venue_free[length].of(place.venue)[at], &mut venue);
            way = way.saturating_add(possible.count_ones());
        }
    }
    Cause::Taken { places: all, teacher, venue, group, way }
}

/// Why the classes of its courses that are there do not take it.
fn not_joined(ground: &Ground, board: &Board, order: u32) -> Option<Cause> {
    let facts = &ground.orders[order as usize];
    let (mut count, mut full, mut time, mut busy, mut closed, mut way) = (0u32, 0u32, 0u32, 0u32, 0u32, 0u32);
    for course in &ground.instance.orders[order as usize].courses {
        let course_facts = &ground.courses[*course as usize];
        for id in &board.by_course[*course as usize] {
            let seat = &board.classes[*id as usize];
            let venue = &ground.venues[seat.venue as usize];
            let near = venue.town == facts.home
                || ground.instance.minutes(facts.home, venue.town) <= facts.max_travel;
            let taken = board.group_order[(facts.group * ground.instance.days + seat.day) as usize] != NONE;
            count += 1;
            if seat.closed {
                closed += 1;
            } else if !ground.wish(facts, course_facts.length, seat.day, seat.period).0 {
                time += 1;
            } else if taken {
                busy += 1;
            } else if seat.parts.len() as u32 >= course_facts.max_groups || near {
                full += 1;
            } else {
                way += 1;
            }
        }
    }
    (count > 0).then_some(Cause::NotJoined { classes: count, time, full, way, busy, closed })
}
