//! Who and what is booked when. Nothing is said of bookings: they follow from what was decided and announced.

mod view;

pub use view::*;
