//! Steps with the minutes each took.

use std::time::{Duration, Instant};

/// Steps that were run, in order.
#[derive(Default)]
pub struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a step.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        eprintln!("── {name}");
        let began = Instant::now();
        let outcome = step();
        self.done.push((name.to_owned(), began.elapsed()));
        outcome.map_err(|problem| format!("{name}: {problem}"))
    }

    /// A line a step.
    pub fn table(&self) -> String {
        let line = |name: &str, took: Duration| format!("{:>6.1} min  {name}\n", took.as_secs_f64() / 60.0);
        let total = self.done.iter().map(|(_, took)| *took).sum();
        let lines: String = self.done.iter().map(|(name, took)| line(name, *took)).collect();
        lines + &line("in all", total)
    }
}
