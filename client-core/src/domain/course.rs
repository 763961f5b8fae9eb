//! Courses: the city teaching list (市级教学清单) and how it is used.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What is said of courses.
    CourseEvent in Course {
        Listed(CourseListed),
        Delisted(CourseDelisted),
    }
}

commands! {
    /// What the city does about courses.
    CourseCommand in Course {
        ListCourse,
        DelistCourse,
    }
}
