//! Nodes as processes of their own, each in a folder of its own.

use super::DemoError;
use crate::client::Client;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running node; dropped, the process is killed.
pub struct NodeProcess {
    client: Client,
    child: Child,
}

impl NodeProcess {
    /// Starts `program` as a node and waits until it serves.
    pub async fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Self, DemoError> {
        let io = |what: &'static str| {
            let folder = folder.display().to_string();
            move |error| DemoError::Io { what: format!("{what} of {folder}"), error }
        };
        std::fs::create_dir_all(folder).map_err(io("making the folder"))?;
        let log_path = folder.join("node.log");
        let log = std::fs::File::create(&log_path).map_err(io("making the log"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--data")
            .arg(folder)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(io("starting the node"))?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        match tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await {
            Ok(Ok(Some(_address))) => {}
            _ => return Err(did_not_start(log_path)),
        }
        let client = Client::of_folder(folder)
            .map_err(|error| DemoError::Client { what: format!("finding {}", folder.display()), error })?;
        Ok(Self { client, child })
    }

    /// Kills the process where it stands (`SIGKILL`) and waits until it is gone.
    pub async fn kill(mut self) -> std::io::Result<()> {
        self.child.kill().await
    }

    /// Talks to the node.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn did_not_start(log: PathBuf) -> DemoError {
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let last = text.lines().last().unwrap_or("it said nothing");
    DemoError::Story(format!("a node did not start: {last} (see {})", log.display()))
}
