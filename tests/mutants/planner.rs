//! Bugs in the planner: each hard rule broken where plans are held against it, and where the search keeps
//! it by itself. The planner's own tests must notice.

use crate::Mutation;

const RULES: &str = "client-core/src/plan/rules.rs";
const GROUND: &str = "client-core/src/plan/search/ground.rs";
const INSERTION: &str = "client-core/src/plan/search/insertion.rs";
const BOARD: &str = "client-core/src/plan/search/board.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        breaks: "H0: passes over a teacher who is unknown",
        file: RULES,
        find: "(class.teacher, instance.teachers.len(), \"teacher\"),",
        replace: "(class.course, instance.courses.len(), \"teacher\"),",
    },
    Mutation {
        breaks: "H1: lets a class begin anywhere",
        file: RULES,
        find: "if class.day >= instance.days || instance.starts[&course.duration] >> class.period & 1 == 0 {",
        replace: "if class.day >= instance.days {",
    },
    Mutation {
        breaks: "H2: lets anybody teach",
        file: RULES,
        find: "!teacher.skills.contains_key(&class.course),",
        replace: "teacher.skills.is_empty() && !teacher.skills.contains_key(&class.course),",
    },
    Mutation {
        breaks: "H3: is one minute off at the teacher's reach",
        file: RULES,
        find: "away > teacher.reach_minutes,",
        replace: "away > teacher.reach_minutes + 1,",
    },
    Mutation {
        breaks: "H4: looks at the teacher's first period alone",
        file: RULES,
        find: "teacher.free[class.day as usize] & span != span,",
        replace: "teacher.free[class.day as usize] & span == 0,",
    },
    Mutation {
        breaks: "H5: looks at the venue's first period alone",
        file: RULES,
        find: "venue.free[class.day as usize] & span != span,",
        replace: "venue.free[class.day as usize] & span == 0,",
    },
    Mutation {
        breaks: "H6: lets any venue do",
        file: RULES,
        find: "!instance.suits(class.course, class.venue),",
        replace: "!instance.suits(class.course, class.venue) && class.parts.is_empty(),",
    },
    Mutation {
        breaks: "H7: lets everybody listen from elsewhere",
        file: RULES,
        find: "fault(in_room == 0, Rule::H7",
        replace: "fault(class.parts.is_empty(), Rule::H7",
    },
    Mutation {
        breaks: "H8: lets one group too many in",
        file: RULES,
        find: "class.parts.len() as u64 > u64::from(course.max_groups),",
        replace: "class.parts.len() as u64 > u64::from(course.max_groups) + 1,",
    },
    Mutation {
        breaks: "H9: takes any course for the one asked for",
        file: RULES,
        find: "!order.courses.contains(&class.course) && !gives_up.course,",
        replace: "order.courses.is_empty() && !gives_up.course,",
    },
    Mutation {
        breaks: "H9: takes one accepted period for all",
        file: RULES,
        find: "order.wish(class.day).accepted & span == span ||",
        replace: "order.wish(class.day).accepted & span != 0 ||",
    },
    Mutation {
        breaks: "H9: takes a guest for a host",
        file: RULES,
        find: "(mode == Mode::Host) != (venue.town == home),",
        replace: "mode != Mode::Host && venue.town == home,",
    },
    Mutation {
        breaks: "H9: sends a group too far",
        file: RULES,
        find: "mode == Mode::Travel && minutes > order.max_travel && !gives_up.travel,",
        replace: "mode == Mode::Travel && minutes > order.max_travel + 1 && !gives_up.travel,",
    },
    Mutation {
        breaks: "H9: puts a group online that does not want it",
        file: RULES,
        find: "fault(!order.online && !gives_up.online, Rule::H9",
        replace: "fault(!order.online && gives_up.online, Rule::H9",
    },
    Mutation {
        breaks: "H10: streams from where nobody can",
        file: RULES,
        find: "!course.online || !venue.streams(),",
        replace: "!course.online && !venue.streams(),",
    },
    Mutation {
        breaks: "H11: lets one stand",
        file: RULES,
        find: "heads > u64::from(venue.capacity),",
        replace: "heads > u64::from(venue.capacity) + 1,",
    },
    Mutation {
        breaks: "H12: lets a teacher be late",
        file: RULES,
        find: "gap < instance.minutes(town, venue.town),",
        replace: "gap + 15 < instance.minutes(town, venue.town),",
    },
    Mutation {
        breaks: "H12: adds a period to a teacher's day",
        file: RULES,
        find: "periods + duration > teacher.max_day,",
        replace: "periods > teacher.max_day,",
    },
    Mutation {
        breaks: "H12: adds a period to a teacher's week",
        file: RULES,
        find: "week + duration > teacher.max_week,",
        replace: "week > teacher.max_week,",
    },
    Mutation {
        breaks: "H12: shares a venue out twice",
        file: RULES,
        find: "conflict(taken & span != 0,",
        replace: "conflict(taken & span == span && duration > 1,",
    },
    Mutation {
        breaks: "H12: serves an order twice",
        file: RULES,
        find: "conflict(self.served.contains(&part.order),",
        replace: "conflict(self.served.len() > instance.orders.len(),",
    },
    Mutation {
        breaks: "H12: splits a group",
        file: RULES,
        find: "let twice = !here.insert(order.group) || self.groups",
        replace: "let twice = !here.insert(order.group) && self.groups",
    },
    Mutation {
        breaks: "P1: forgets a confirmed class",
        file: RULES,
        find: "None => (Rule::P1, \"the confirmed class is missing\"),",
        replace: "None => return None,",
    },
    Mutation {
        breaks: "P2: takes a group out of a confirmed class",
        file: RULES,
        find: "if !confirmed.parts.iter().all(|part| class.parts.contains(part)) =>",
        replace: "if !confirmed.parts.iter().any(|part| class.parts.contains(part)) =>",
    },
    Mutation {
        breaks: "P3: adds to a closed class",
        file: RULES,
        find: "if !open && class.parts.len() > confirmed.parts.len() =>",
        replace: "if !open && class.parts.len() > confirmed.parts.len() + 1 =>",
    },
    Mutation {
        breaks: "searches beyond a teacher's reach (H3)",
        file: GROUND,
        find: "if !reachable || !self.ever(facts, length, venue, Some(teacher)) {",
        replace: "if !self.ever(facts, length, venue, Some(teacher)) {",
    },
    Mutation {
        breaks: "searches in rooms that do not suit (H6)",
        file: GROUND,
        find: "all_venues.clone().filter(|venue| instance.suits(course, *venue))",
        replace: "all_venues.clone().filter(|venue| *venue != course)",
    },
    Mutation {
        breaks: "searches one group too many (H8)",
        file: INSERTION,
        find: "(seat.parts.len() as u32) < course.max_groups",
        replace: "(seat.parts.len() as u32) <= course.max_groups",
    },
    Mutation {
        breaks: "searches beyond what a group travels (H9)",
        file: INSERTION,
        find: "let near = home || ground.instance.minutes(facts.home, venue.town) <= facts.max_travel;",
        replace: "let near = home || facts.max_travel > 0;",
    },
    Mutation {
        breaks: "searches online where nobody streams (H10)",
        file: INSERTION,
        find: "facts.online && venue.streams && ground",
        replace: "facts.online && ground",
    },
    Mutation {
        breaks: "searches one seat too many (H11)",
        file: INSERTION,
        find: "near && seat.heads + facts.headcount <= venue.capacity",
        replace: "near && seat.heads <= venue.capacity",
    },
    Mutation {
        breaks: "searches beyond a teacher's week (H12)",
        file: BOARD,
        find: "let bits = if load + duration > max_week { 0 } else { empty };",
        replace: "let bits = if load > max_week { 0 } else { empty };",
    },
];
