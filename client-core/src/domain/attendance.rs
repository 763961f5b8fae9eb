//! Who was at which class.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of attendance.
    AttendanceEvent in Attendance {
        CheckedIn(AttendanceCheckedIn),
        Corrected(AttendanceCorrected),
        Voided(AttendanceVoided),
    }
}

commands! {
    /// What is done about attendance.
    AttendanceCommand in Attendance {
        CheckInLearners,
        CorrectAttendance,
        VoidAttendance,
    }
}
