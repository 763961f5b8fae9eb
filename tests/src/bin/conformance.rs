//! Writes the conformance vectors anew; says where today's code gives others than are checked in.

use std::process::ExitCode;
use tests::conformance;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("write") => {
            conformance::write().expect("the fixtures can be written");
            ExitCode::SUCCESS
        }
        Some("check") => {
            let fixtures = conformance::fixtures().into_iter();
            let other: Vec<_> = fixtures.filter(|(name, now)| conformance::read(name) != *now).collect();
            other.iter().for_each(|(name, _)| println!("{name} differs"));
            if other.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            eprintln!("say `conformance write` or `conformance check`");
            ExitCode::FAILURE
        }
    }
}
