//! What benchmarks write and count; nobody else does.

mod event;
mod view;

pub use event::*;
pub use view::*;

kinds! {
    /// What benchmarks say.
    BenchEvent in Bench {
        Recorded(BenchRecorded),
    }
}
