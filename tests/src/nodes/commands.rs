//! The command by which an honest office says what a test holds as an event.

use client_core::domain::{
    AnnounceSession, AssetDeclared, AssetEvent, ClaimWish, ClassEvent, Command, CourseEvent, CourseListed,
    DeclareAsset, Event, ListCourse, OrderWish, ProposeTeacher, RequestEvent, SessionAnnounced, TeacherEvent,
    TeacherProposed,
};

/// The ids in the event are left out: the command gives fresh ones.
///
/// # Panics
/// If no test needed a command for events of that kind yet.
pub fn command_for(event: impl Into<Event>) -> Command {
    match event.into() {
        Event::Course(CourseEvent::Listed(it)) => {
            let CourseListed { course: _, code, title, area, periods, method, audience, online } = it;
            ListCourse { code, title, area, periods, method, audience, online }.into()
        }
        Event::Teacher(TeacherEvent::Proposed(it)) => {
            let TeacherProposed { teacher: _, name, full_time, source, courses, weekly_cap_periods } = it;
            ProposeTeacher { name, full_time, source, courses, weekly_cap_periods }.into()
        }
        Event::Asset(AssetEvent::Declared(it)) => {
            let AssetDeclared { asset: _, kind, name, place, capacity, quantity, features, .. } = it;
            let AssetDeclared { condition, open, talk_minutes, docent, .. } = it;
            DeclareAsset {
                kind,
                name,
                place,
                capacity,
                quantity,
                features,
                condition,
                open,
                talk_minutes,
                docent,
            }
            .into()
        }
        Event::Class(ClassEvent::Announced(it)) => {
            let SessionAnnounced { session: _, course, teacher, venue, slot, headcount } = it;
            AnnounceSession { course, teacher, venue, slot, headcount }.into()
        }
        Event::Request(RequestEvent::Claim(it)) => ClaimWish::from(it).into(),
        Event::Request(RequestEvent::Order(it)) => OrderWish::from(it).into(),
        other => panic!("no test needed a command for {other:?} yet"),
    }
}
