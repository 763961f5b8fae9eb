//! The whole path on one machine: a city and eight branches as real processes, office files in,
//! three lines cut and healed, a round decided, everything checked.

pub mod line;
mod people;
pub mod processes;
mod report;
mod story;

use crate::app::stopped;
use crate::client::ClientError;
use crate::sample_city::{self, Size};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// How to run the demo.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Varies people and faults.
    pub seed: u64,
    /// End after the table; success only if every check held.
    pub exit: bool,
    /// Print the table as one last line of JSON.
    pub json: bool,
    /// A tenth of the office.
    pub small: bool,
}

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or process failed.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// A node refused or did not answer.
    #[error("{what}: {error}")]
    Client {
        /// What was being done.
        what: String,
        /// What the node said.
        error: ClientError,
    },
    /// The story did not come out as it must.
    #[error("{0}")]
    Story(String),
}

/// Runs the demo; without `exit` it leaves the nodes running until Ctrl-C.
pub async fn run(options: Options) -> Result<ExitCode, DemoError> {
    let folder = Folder::make()?;
    let told = async {
        let size = if options.small { Size::Small } else { Size::Source };
        let office = folder.0.join("office");
        let truth = sample_city::write(&office, options.seed, size)
            .map_err(|error| DemoError::Io { what: "writing the sample office".into(), error })?;
        story::tell(&folder.0, &office, &truth, options).await
    };
    let (world, report) = tokio::select! {
        told = told => told?,
        () = stopped() => return Ok(ExitCode::FAILURE),
    };
    print!("{}", report.table());
    if !options.exit {
        leave_open(&world, &report).await?;
    }
    drop(world);
    if options.json {
        println!("{}", serde_json::to_string(&report).expect("the report always encodes"));
    }
    Ok(if report.all_held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the page's address, shows it where there is a desktop, and waits for Ctrl-C.
async fn leave_open(world: &story::World, report: &Report) -> Result<(), DemoError> {
    let address = world.page_address(report).await?;
    println!("\n打开网页 open the page:  {address}\n结束请按 Ctrl-C · Ctrl-C stops everything");
    if std::env::var_os("DISPLAY").is_some() || cfg!(target_os = "macos") {
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let quiet = std::process::Stdio::null;
        let opened = std::process::Command::new(opener).arg(&address).stdout(quiet()).stderr(quiet()).spawn();
        if let Err(error) = opened {
            tracing::debug!(%error, "no browser could be opened");
        }
    }
    stopped().await;
    Ok(())
}

/// The demo's data; gone with the demo.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, DemoError> {
        let path = std::env::temp_dir().join(format!("lianxiao-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| DemoError::Io { what: format!("making {}", path.display()), error })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the demo's data could not be removed");
        }
    }
}
