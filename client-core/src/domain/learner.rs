//! A branch's learners. Their names and phones are sealed rows and stand nowhere here.

mod event;
mod view;

pub use event::*;
pub use view::*;

kinds! {
    /// What is said of learners.
    LearnerEvent in Learner {
        Registered(LearnerRegistered),
    }
}
