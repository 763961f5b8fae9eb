//! Days, times, reasons and refusals in words.

mod refusal;

pub use refusal::failure;

use super::ui::Lang;
use client_core::domain::{
    AssetEvent, AttendanceEvent, ClassEvent, Event, InstructionEvent, OrderAlternative, Reason, ReasonCode,
    RequestEvent, SharedViews, TeacherEvent, Wish,
};
use client_core::event::Statement;
use client_core::ids::{AssetId, CourseId, TeacherId};
use client_core::time::{Day, HalfDay, Millis, Slot};

const WEEKDAYS: [(&str, &str); 7] = [
    ("周一", "Mon"),
    ("周二", "Tue"),
    ("周三", "Wed"),
    ("周四", "Thu"),
    ("周五", "Fri"),
    ("周六", "Sat"),
    ("周日", "Sun"),
];

/// `周四`
pub fn weekday(lang: Lang, weekday: u8) -> &'static str {
    let (zh, en) = WEEKDAYS[usize::from(weekday) % 7];
    lang.say(zh, en)
}

/// `11-26 周四`
pub fn day(lang: Lang, day: Day) -> String {
    let (_, month, date) = day.ymd();
    format!("{month:02}-{date:02} {}", weekday(lang, day.weekday()))
}

/// `14:00`
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// `14:00–15:30`
pub fn hours(slot: &Slot) -> String {
    format!("{}–{}", clock(slot.start_minute), clock(slot.end_minute()))
}

/// `11-26 周四 14:00–15:30`
pub fn slot(lang: Lang, slot: &Slot) -> String {
    format!("{} {}", day(lang, slot.day), hours(slot))
}

/// `11-23 09:14`
pub fn moment(at: Millis) -> String {
    let (_, month, date) = at.day().ymd();
    format!("{month:02}-{date:02} {}", clock(at.minute_of_day()))
}

/// `周一全天、周三上午`
pub fn half_days(lang: Lang, all: &[HalfDay]) -> String {
    let mut parts = Vec::new();
    for n in 0..7 {
        let has = |afternoon| all.contains(&HalfDay { weekday: n, afternoon });
        let part = match (has(false), has(true)) {
            (true, true) => lang.say("全天", " all day"),
            (true, false) => lang.say("上午", " am"),
            (false, true) => lang.say("下午", " pm"),
            (false, false) => continue,
        };
        parts.push(format!("{}{part}", weekday(lang, n)));
    }
    parts.join(lang.say("、", ", "))
}

/// The course's title, or that it is not known here yet.
pub fn course(lang: Lang, views: &SharedViews, id: Option<CourseId>) -> String {
    let known = id.and_then(|id| views.courses.courses.get(&id));
    known.map_or_else(|| lang.say("课程未详", "unknown course").into(), |course| course.title.clone())
}

/// The teacher's name.
pub fn teacher(lang: Lang, views: &SharedViews, id: TeacherId) -> String {
    let known = views.teachers.teachers.get(&views.teachers.resolve(id));
    known.map_or_else(|| lang.say("教师未详", "unknown teacher").into(), |teacher| teacher.name.clone())
}

/// The room's or kit's name.
pub fn asset(lang: Lang, views: &SharedViews, id: AssetId) -> String {
    let known = views.resources.assets.get(&id);
    known.map_or_else(|| lang.say("场地未详", "unknown room").into(), |asset| asset.name.clone())
}

/// A decision's reason, with who was preferred where the views know.
pub fn reason(lang: Lang, views: &SharedViews, reason: &Reason) -> String {
    let (zh, en) = match reason.code {
        ReasonCode::Unopposed => ("没有别的分校同时要", "nobody else wanted it"),
        ReasonCode::MoreBranches => ("能让更多分校一起上，先排", "it serves more branches"),
        ReasonCode::FewerPoolHours => {
            ("近期每百名学员得课时少，先排", "the branch had fewer shared hours per 100 learners")
        }
        ReasonCode::Draw => {
            ("各项相同，按本轮公开的抽签次序", "equal in everything; the round's draw decided")
        }
        ReasonCode::TeacherTaken => ("同一时段这位教师已派出", "the teacher is taken at that time"),
        ReasonCode::AssetTaken => ("同一时段这处场地已占用", "the room or kit is taken at that time"),
        ReasonCode::NotOffered => ("这个时段没有对外开放", "the time is not offered"),
        ReasonCode::NotApproved => {
            ("这位教师还没有获准讲这门课", "the teacher is not approved for the course")
        }
        ReasonCode::OverWeeklyCap => ("超过这位教师每周的课时上限", "over the teacher's weekly limit"),
        ReasonCode::TravelTooLong => {
            ("前后两课之间路上来不及", "not enough time to travel between two classes")
        }
        ReasonCode::TooSmall => ("人数多于座位", "more people than seats"),
        ReasonCode::Joint => ("与别的分校合班", "joined with other branches"),
        ReasonCode::Unknown => {
            ("市校还没有这位教师或场地的资料", "the city does not know the teacher or room yet")
        }
        ReasonCode::Unavailable => ("教师当天请假", "the teacher is away that day"),
        ReasonCode::NoTime => ("愿望里没有还能排的日子", "no day it accepts can still be planned"),
        ReasonCode::NobodyTeaches => ("还没有获准讲这门课的教师", "nobody is approved for the course"),
        ReasonCode::NoVenue => ("没有合用的场地", "no venue suits the course"),
        ReasonCode::NoVenueNear => ("愿走的路程内没有合用的场地", "no venue within the way it goes"),
        ReasonCode::NoTeacherNear => ("没有教师能到合用的场地", "no teacher comes to a venue in reach"),
        ReasonCode::NeverTogether => {
            ("教师和场地没有同时对外开放的时段", "teacher and venue are never offered together")
        }
        ReasonCode::GroupBusy => ("这个班当天另有课", "the group has another class that day"),
        ReasonCode::ClassTime => ("已排的班次不在愿意的时段", "the class there is lies at another time"),
        ReasonCode::ClassFull => ("已排的班次满了", "the class there is has no seat left"),
        ReasonCode::ClassFar => ("已排的班次太远", "the class there is lies too far away"),
        ReasonCode::ClassClosed => ("已排的班次不再加人", "the class there is takes nobody else"),
        ReasonCode::NotListed => {
            ("这门课不在市级清单上，或长得排不下", "the course is off the list, or too long")
        }
    };
    let figures = match (reason.code, reason.own_figure, reason.other_figure) {
        (ReasonCode::NoVenueNear, Some(minutes), _) => {
            lang.say(format!("（{minutes} 分钟）"), format!(" ({minutes} min)"))
        }
        (ReasonCode::TooSmall, Some(people), Some(seats)) => lang
            .say(format!("（{people} 人，最多 {seats} 座）"), format!(" ({people} people, {seats} seats)")),
        (
            ReasonCode::TeacherTaken
            | ReasonCode::AssetTaken
            | ReasonCode::TravelTooLong
            | ReasonCode::GroupBusy
            | ReasonCode::ClassTime
            | ReasonCode::ClassFull
            | ReasonCode::ClassFar
            | ReasonCode::ClassClosed,
            Some(count),
            Some(all),
        ) if reason.other.is_none() => {
            lang.say(format!("（{all} 处中 {count} 处）"), format!(" ({count} of {all})"))
        }
        _ => String::new(),
    };
    let other = reason.other.map(|other| views.branches.name(other.document.branch));
    match other {
        Some(other) => {
            format!("{}{}", lang.say(zh, en), lang.say(format!("（{other}）"), format!(" ({other})")))
        }
        None => format!("{}{figures}", lang.say(zh, en)),
    }
}

/// All of a decision's reasons.
pub fn reasons(lang: Lang, views: &SharedViews, reasons: &[Reason]) -> String {
    let all: Vec<String> = reasons.iter().map(|it| reason(lang, views, it)).collect();
    all.join(lang.say("；", "; "))
}

/// A class offered instead: what it asks for, the course, who and where, and whom it joins.
pub fn other_class(lang: Lang, views: &SharedViews, class: &OrderAlternative) -> String {
    let given_up = class.give_up.iter().map(|wish| match wish {
        Wish::Time => lang.say("换个时间", "at another time"),
        Wish::Travel => lang.say("走远一点", "a longer way"),
        Wish::Online => lang.say("线上参加", "online"),
        Wish::Course => lang.say("换一门课", "another course"),
    });
    let given_up: Vec<&str> = given_up.collect();
    let mut parts = vec![
        given_up.join(lang.say("、", ", ")),
        course(lang, views, Some(class.course)),
        teacher(lang, views, class.teacher),
        asset(lang, views, class.venue),
    ];
    if class.joins.is_some() {
        parts.push(lang.say("并入已有的班", "joins a class").to_owned());
    }
    parts.join(lang.say("，", ", "))
}

/// One line about an event of one's own: `点单：公文写作`.
pub fn event(lang: Lang, views: &SharedViews, event: &Event) -> String {
    match event {
        Event::Request(RequestEvent::Order(order)) => {
            format!(
                "{}{}",
                lang.say("点单：", "Order: "),
                course(lang, views, order.courses.first().copied())
            )
        }
        Event::Request(RequestEvent::Claim(claim)) => {
            let who = claim.teacher.map(|id| teacher(lang, views, id));
            let what = who.or_else(|| claim.asset.map(|id| asset(lang, views, id))).unwrap_or_default();
            format!("{}{what} {}", lang.say("约课：", "Claim: "), slot(lang, &claim.slot))
        }
        Event::Instruction(InstructionEvent::Given(_)) => {
            lang.say("交市校办理的一件事", "Something for the city to do").to_owned()
        }
        Event::Request(RequestEvent::Cancelled(_)) => lang.say("撤回一单", "An order taken back").to_owned(),
        Event::Class(ClassEvent::Announced(class)) => {
            let title = course(lang, views, Some(class.course));
            format!("{}{title} {}", lang.say("排课：", "Class: "), slot(lang, &class.slot))
        }
        Event::Class(ClassEvent::Taught(class)) => {
            format!("{}{}", lang.say("已上课：", "Held: "), course(lang, views, class.course))
        }
        Event::Class(ClassEvent::Corrected(class)) => {
            format!("{}{}", lang.say("更正上课记录：", "Corrected: "), course(lang, views, class.course))
        }
        Event::Attendance(AttendanceEvent::Corrected(_)) => {
            lang.say("更正一条签到", "An attendance corrected").to_owned()
        }
        Event::Attendance(AttendanceEvent::Voided(_)) => {
            lang.say("撤销一条签到", "An attendance taken off").to_owned()
        }
        Event::Teacher(TeacherEvent::Updated(it)) => {
            format!("{}{}", lang.say("更新教师：", "Teacher updated: "), it.name)
        }
        Event::Asset(AssetEvent::Condition(it)) => {
            format!("{}{}", lang.say("登记状况：", "Condition noted: "), asset(lang, views, it.asset))
        }
        other => other.body().info().name.to_owned(),
    }
}
