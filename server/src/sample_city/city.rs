//! What the city has: courses, people, rooms, classes.

use super::people::{People, Person};
use super::{BRANCHES, Size};
use crate::dice::Dice;
use crate::import::Counts;
use client_core::time::Day;
use std::collections::BTreeMap;

/// Rows of each branch's teacher list. The last row of every branch but the first names somebody of the
/// branch before it once more.
const TEACHER_ROWS: [usize; 8] = [16, 18, 18, 17, 17, 19, 17, 18];
const FULL_TIME: [usize; 8] = [4, 4, 4, 4, 4, 5, 4, 5];
const ROOMS: [usize; 8] = [4, 3, 4, 3, 4, 4, 4, 4];
const EQUIPMENT: [usize; 8] = [6, 5, 5, 6, 6, 6, 6, 6];
const LEARNERS: [usize; 8] = [600, 600, 520, 520, 640, 520, 520, 520];
const LISTED_TWICE: usize = 3;
const BAD_PHONES: [usize; 8] = [2, 1, 2, 1, 2, 1, 2, 1];
const COURSES: usize = 125;
const POINTS: usize = 29;
const CLASSES: usize = 824;
const ATTENDANCES: usize = 103_344;

const SUBJECTS: [&str; 20] = [
    "红色根脉",
    "乡村振兴",
    "基层治理",
    "集体经济",
    "群众工作",
    "数字经济",
    "垃圾分类",
    "安全生产",
    "法治建设",
    "党史教育",
    "应急处置",
    "公文写作",
    "共同富裕",
    "生态保护",
    "网络宣传",
    "青年成长",
    "调查研究",
    "清廉建设",
    "产业工人",
    "民生服务",
];
const APPROACHES: [&str; 7] =
    ["专题辅导", "案例解析", "经验分享", "现场教学", "的实践与思考", "情景课", "微课"];
const ROOM_NAMES: [&str; 4] = ["多功能厅", "会议室", "党员活动室", "新时代讲堂"];
const POINT_NAMES: [&str; 6] = ["红色记忆馆", "清廉文化园", "乡贤馆", "非遗馆", "数字农业园", "治水展示馆"];

pub struct City {
    pub courses: Vec<Course>,
    pub branches: Vec<Branch>,
    pub points: Vec<Point>,
    pub classes: Vec<Class>,
}

pub struct Course {
    pub code: String,
    pub title: String,
}

pub struct Branch {
    pub name: &'static str,
    pub teachers: Vec<Teacher>,
    pub rooms: Vec<Room>,
    /// What is in the equipment list; kinds only.
    pub equipment: usize,
    pub learners: Vec<Learner>,
    /// Learners who stand in the roster once more.
    pub listed_twice: Vec<usize>,
}

#[derive(Clone)]
pub struct Teacher {
    pub person: Person,
    pub full_time: bool,
    /// Into the city's courses.
    pub courses: Vec<usize>,
    /// The branch that lists the same person first.
    pub also_in: Option<&'static str>,
}

pub struct Room {
    pub name: String,
    pub seats: usize,
    pub has_broadcast: bool,
}

pub struct Learner {
    /// With the phone as the roster has it, which may be no number.
    pub person: Person,
    pub phone_good: bool,
}

pub struct Point {
    pub name: String,
    pub docent: Person,
}

pub struct Class {
    pub code: String,
    /// Into the branches.
    pub branch: usize,
    pub day: Day,
    /// Into the courses.
    pub course: usize,
    /// Into the branch's teachers.
    pub teacher: usize,
    /// Into the branch's learners.
    pub attendees: Vec<usize>,
}

impl City {
    /// Makes a city up.
    pub fn make(size: Size, dice: &mut Dice) -> Self {
        let mut people = People::default();
        let courses = courses(dice);
        let mut branches: Vec<Branch> = Vec::new();
        for n in 0..BRANCHES.len() {
            let before = branches.last();
            let branch = branch(n, before, size, &mut people, dice);
            branches.push(branch);
        }
        let points = (1..=POINTS).map(|n| {
            let name = format!("{}{}{n}", dice.one(&BRANCHES), dice.one(&POINT_NAMES));
            Point { name, docent: people.person(dice) }
        });
        let points = points.collect();
        let classes = classes(&branches, size, dice);
        Self { courses, branches, points, classes }
    }

    /// What a correct import finds, but for the files.
    pub fn counts(&self) -> Counts {
        let teachers: Vec<&Teacher> = self.branches.iter().flat_map(|branch| &branch.teachers).collect();
        let first = |teacher: &&&Teacher| teacher.also_in.is_none();
        let learners = || self.branches.iter().flat_map(|branch| &branch.learners);
        Counts {
            files: BTreeMap::new(),
            courses: self.courses.len(),
            teachers: teachers.iter().filter(first).count(),
            full_time: teachers.iter().filter(first).filter(|teacher| teacher.full_time).count(),
            teachers_listed_twice: teachers.iter().filter(|teacher| teacher.also_in.is_some()).count(),
            venues: self.branches.iter().map(|branch| branch.rooms.len()).sum(),
            equipment_lines: self.branches.iter().map(|branch| branch.equipment).sum(),
            onsite_points: self.points.len(),
            learners: learners().count(),
            learners_listed_twice: self.branches.iter().map(|branch| branch.listed_twice.len()).sum(),
            learners_bad_phone: learners().filter(|learner| !learner.phone_good).count(),
            classes: self.classes.len(),
            attendances: self.classes.iter().map(|class| class.attendees.len()).sum(),
        }
    }
}

fn courses(dice: &mut Dice) -> Vec<Course> {
    let mut titles = Vec::new();
    for subject in SUBJECTS {
        titles.extend(APPROACHES.iter().map(|approach| format!("{subject}{approach}")));
    }
    let order = dice.mixed(titles.len());
    let chosen = order.into_iter().take(COURSES).enumerate();
    chosen.map(|(n, at)| Course { code: format!("K{:03}", n + 1), title: titles[at].clone() }).collect()
}

fn branch(n: usize, before: Option<&Branch>, size: Size, people: &mut People, dice: &mut Dice) -> Branch {
    let name = BRANCHES[n];
    let own = TEACHER_ROWS[n] - usize::from(before.is_some());
    let mut teachers: Vec<Teacher> = (0..own)
        .map(|row| {
            let count = 2 + dice.below(5);
            let courses = dice.some(count, COURSES);
            Teacher { person: people.person(dice), full_time: row < FULL_TIME[n], courses, also_in: None }
        })
        .collect();
    if let Some(before) = before {
        // Only somebody who is not a copy already.
        let at = dice.below(TEACHER_ROWS[n - 1] - 1);
        teachers.push(Teacher { also_in: Some(before.name), ..before.teachers[at].clone() });
    }
    let rooms = ROOM_NAMES[..ROOMS[n]].iter().enumerate().map(|(at, room)| Room {
        name: format!("{name}{room}"),
        seats: if at == 0 { dice.one(&[80, 120, 200]) } else { dice.one(&[24, 36, 50, 80, 120]) },
        has_broadcast: at == 0,
    });
    let rooms = rooms.collect();
    let bad = BAD_PHONES[n];
    let mut learners: Vec<Learner> = Vec::new();
    while learners.len() < size.tenth(LEARNERS[n]) {
        let mut person = people.person(dice);
        let phone_good = learners.len() >= bad;
        if !phone_good {
            // Their name tells them apart, so no two of them may share it.
            if learners.iter().any(|other| other.person.name == person.name) {
                continue;
            }
            person.phone.truncate(dice.one(&[0, 7, 10]));
        }
        learners.push(Learner { person, phone_good });
    }
    let listed_twice = dice.some(LISTED_TWICE, learners.len() - bad).into_iter().map(|at| at + bad).collect();
    Branch { name, teachers, rooms, equipment: EQUIPMENT[n], learners, listed_twice }
}

fn classes(branches: &[Branch], size: Size, dice: &mut Dice) -> Vec<Class> {
    let count = size.tenth(CLASSES);
    // A tenth of the classes with a tenth of the learners: a hundredth of the person-times.
    let attendances = if size == Size::Source { ATTENDANCES } else { ATTENDANCES / 100 };
    let mean = attendances / count;
    let mut heads: Vec<usize> = (0..count).map(|_| mean / 2 + dice.below(mean + 1)).collect();
    let mut sum: usize = heads.iter().sum();
    for n in (0..count).cycle() {
        match sum.cmp(&attendances) {
            std::cmp::Ordering::Less => (heads[n], sum) = (heads[n] + 1, sum + 1),
            std::cmp::Ordering::Greater if heads[n] > 1 => (heads[n], sum) = (heads[n] - 1, sum - 1),
            std::cmp::Ordering::Greater => {}
            std::cmp::Ordering::Equal => break,
        }
    }
    let mut day = Day::from_ymd(2019, 4, 9).expect("a day of the calendar");
    let class = |(n, heads): (usize, usize)| {
        let at = n % branches.len();
        let branch = &branches[at];
        let teacher = dice.below(branch.teachers.len());
        let course = dice.one(&branch.teachers[teacher].courses);
        let attendees = dice.some(heads.min(branch.learners.len()), branch.learners.len());
        let held = day;
        day = day.plus(2 + dice.below(3) as i32);
        Class { code: format!("P{:04}", n + 1), branch: at, day: held, course, teacher, attendees }
    };
    heads.into_iter().enumerate().map(class).collect()
}

impl Size {
    fn tenth(self, of: usize) -> usize {
        if self == Self::Source { of } else { of / 10 }
    }
}
