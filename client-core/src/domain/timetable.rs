//! The rules of the timetable: its calendar, its periods, its points.

mod calendar;
mod command;
mod event;
mod rules;

pub use calendar::*;
pub use command::*;
pub use event::*;
pub use rules::*;

kinds! {
    /// What the city says of its timetable.
    TimetableEvent in Timetable {
        Calendar(CalendarPublished),
        Planning(PlanningPublished),
    }
}

commands! {
    /// What the city does about its timetable.
    TimetableCommand in Timetable {
        PublishCalendar,
        PublishPlanning,
    }
}
