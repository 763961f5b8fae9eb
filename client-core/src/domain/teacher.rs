//! Teachers: who can teach what, and when (师资库).

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of teachers.
    TeacherEvent in Teacher {
        Proposed(TeacherProposed),
        Updated(TeacherUpdated),
        Offered(TeacherOffered),
        Unavailable(TeacherUnavailable),
        Approved(TeacherApproved),
        Merged(TeacherMerged),
    }
}

commands! {
    /// What is done about teachers.
    TeacherCommand in Teacher {
        ProposeTeacher,
        UpdateTeacher,
        OfferTeacher,
        MarkTeacherUnavailable,
        ApproveTeacher,
        MergeTeachers,
    }
}
