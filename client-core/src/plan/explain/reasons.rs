//! Why an order is unmet: the first thing that is missing altogether, or who takes the places there are.

use crate::plan::search::{Board, Ground, NONE};

/// At least one reason.
pub(super) fn of(ground: &Ground, board: &Board, order: u32) -> Vec<String> {
    let mut reasons = match never(ground, order) {
        Some(reason) => vec![reason],
        None => vec![taken(ground, board, order)],
    };
    reasons.extend(not_joined(ground, board, order));
    reasons
}

/// What keeps an order from a class of its own even if nothing else were planned.
fn never(ground: &Ground, order: u32) -> Option<String> {
    if !ground.places(order).is_empty() {
        return None;
    }
    let instance = &ground.instance;
    let wanted = &instance.orders[order as usize];
    let facts = &ground.orders[order as usize];
    let names: Vec<&str> =
        wanted.courses.iter().map(|course| instance.courses[*course as usize].id.as_str()).collect();
    let courses = names.join(", ");
    if wanted.wishes.iter().all(|wish| wish.accepted == 0) {
        return Some("it accepts no time within the horizon".to_owned());
    }
    let pairs = || {
        wanted
            .courses
            .iter()
            .flat_map(|course| ground.venues_of[*course as usize].iter().map(move |venue| (*course, *venue)))
    };
    if wanted.courses.iter().all(|course| ground.teachers_of[*course as usize].is_empty()) {
        return Some(format!("nobody teaches {courses}"));
    }
    if pairs().next().is_none() {
        return Some(format!("no venue has what {courses} needs"));
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
        return Some(format!(
            "no venue for {courses} is in its own town or within {} minutes",
            facts.max_travel
        ));
    };
    if seats < facts.headcount {
        return Some(format!(
            "{} people, but the largest venue for {courses} in reach has {seats} seats",
            facts.headcount
        ));
    }
    let fitting = |venue: u32| near(venue) && ground.venues[venue as usize].capacity >= facts.headcount;
    let reachable = pairs().filter(|(_, venue)| fitting(*venue)).any(|(course, venue)| {
        ground.teachers_of[course as usize].iter().any(|teacher| {
            let who = &instance.teachers[*teacher as usize];
            instance.minutes(who.town, ground.venues[venue as usize].town) <= who.reach_minutes
        })
    });
    if !reachable {
        return Some(format!("no teacher of {courses} travels to a venue in its reach"));
    }
    Some("no teacher and no fitting venue in reach are ever free together at the times it accepts".to_owned())
}

/// Who takes the places and times that would do.
fn taken(ground: &Ground, board: &Board, order: u32) -> String {
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
            all += possible.count_ones();
            let mut hold = |free: u64, blocked: &mut u32| {
                *blocked += (possible & !free).count_ones();
                possible &= free;
            };
            hold(board.group_free.of(facts.group)[at], &mut group);
            hold(board.teacher_free[length].of(place.teacher)[at], &mut teacher);
            hold(board.venue_free[length].of(place.venue)[at], &mut venue);
            way += possible.count_ones();
        }
    }
    let parts = [
        (teacher, "the teacher teaches elsewhere or has reached a limit"),
        (venue, "the venue has another class"),
        (group, "the group has another class that day"),
        (way, "the teacher could not travel in time"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} because {why}"))
        .collect();
    format!("all {all} places and times that would do are taken: {}", said.join(", "))
}

/// Why the classes of its courses that are there do not take it.
fn not_joined(ground: &Ground, board: &Board, order: u32) -> Option<String> {
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
    let parts = [
        (time, "at times it does not accept"),
        (full, "full"),
        (way, "too far away and not open to it online"),
        (busy, "on a day its group has another class"),
        (closed, "closed"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    (count > 0).then(|| format!("none of the {count} classes of its courses takes it: {}", said.join(", ")))
}
