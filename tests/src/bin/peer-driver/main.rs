//! Runs the product's own node under the line protocol of a benchmark of sync systems: one JSON
//! request a line on standard input, one JSON answer a line on standard output.
//!
//! `peer-driver server` is a city node listening on the loopback port `PORT` over the folder
//! `DATA_DIR`; `peer-driver driver` holds any number of branch nodes, `peer-driver driver normal` such as
//! do not wait for the disk. An event file's `id` is the event's id, its `ts` the stamp, the rest the body
//! of `bench.recorded`.

mod client;
mod driver;
mod place;
mod rows;
mod server;

use lianxiao::store::Synchronous;
use std::process::ExitCode;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let said: Vec<String> = std::env::args().skip(1).collect();
    let done = match said.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server"] => runtime.block_on(server::run()),
        ["driver"] => runtime.block_on(driver::run(Synchronous::Full)),
        ["driver", "normal"] => runtime.block_on(driver::run(Synchronous::Normal)),
        _ => Err("say `peer-driver server` or `peer-driver driver [normal]`".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer-driver: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The monotonic clock in milliseconds, comparable between processes of one machine.
fn monotonic() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
