//! A city and one branch, as processes, with a line between them that can be cut.

use crate::{Line, NodeProcess};
use lianxiao::client::{Client, ClientError};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Far more than any of these tests needs; only a hang reaches it.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The compiled node: named by `cargo verify`, or beside the test program.
pub fn node_program() -> PathBuf {
    std::env::var_os("LIANXIAO_NODE").map_or_else(
        || {
            let test = std::env::current_exe().expect("the test program has a path");
            let folder = test.parent().and_then(|deps| deps.parent()).expect("target/release/deps");
            folder.join(format!("lianxiao{}", std::env::consts::EXE_SUFFIX))
        },
        PathBuf::from,
    )
}

/// A running city and a running branch.
pub struct CityWithBranch {
    /// The city's node.
    pub city: NodeProcess,
    /// The branch's node; `None` while it is dead.
    pub branch: Option<NodeProcess>,
    /// Between the two.
    pub line: Line,
    folder: tempfile::TempDir,
}

impl CityWithBranch {
    /// Starts both. `city_arguments` come after `city`, e.g. a database.
    pub async fn start(branch_name: &str, city_arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = [&["city"], city_arguments].concat();
        let city = NodeProcess::start(&node_program(), &folder.path().join("city"), &arguments).await;
        let city = city.expect("the city starts");
        let target = city.client().address().trim_start_matches("http://").parse().expect("an address");
        let line = Line::open(target).await.expect("a line");
        let code = city.client().code(Some(branch_name), "branch_node", "test").await.expect("a code");
        let mut both = Self { city, branch: None, line, folder };
        both.start_branch(&["--code", &code]).await;
        both
    }

    /// Starts the branch's node, or starts it again over its own folder.
    pub async fn start_branch(&mut self, arguments: &[&str]) {
        let url = self.line.url();
        let arguments = [&["branch", "--upstream", &url], arguments].concat();
        let folder = self.folder.path().join("branch");
        let node = NodeProcess::start(&node_program(), &folder, &arguments).await.expect("the branch starts");
        self.branch = Some(node);
    }

    /// Kills the branch's node where it stands.
    pub async fn kill_branch(&mut self) {
        self.branch.take().expect("the branch runs").kill().await.expect("it dies");
    }

    /// Talks to the branch's node.
    pub fn branch(&self) -> &Client {
        self.branch.as_ref().expect("the branch runs").client()
    }

    /// What both nodes wrote to their logs so far.
    pub fn logs(&self) -> String {
        let log = |node: &str| std::fs::read_to_string(self.folder.path().join(node).join("node.log"));
        ["city", "branch"].map(|node| log(node).expect("a log")).concat()
    }

    /// Waits until city and branch hold the same.
    pub async fn converge(&self) {
        let began = Instant::now();
        while !converged(self.city.client(), self.branch()).await {
            assert!(began.elapsed() < LONGEST_WAIT, "city and branch do not come together");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether the branch holds what the city holds, and the city signed for all of it.
pub async fn converged(city: &Client, branch: &Client) -> bool {
    let city = city.get("/api/status").await.expect("the city's status");
    let status = branch.get("/api/status").await.expect("the branch's status");
    let own = status["branch"].as_str().expect("a branch").to_owned();
    status["not_at_city"] == 0
        && status["frontiers"]["shared"] == city["frontiers"]["shared"]
        && status["frontiers"]["private"][&own] == city["frontiers"]["private"][&own]
}

/// Posts a command.
pub async fn command(client: &Client, command: Value) -> Result<Value, ClientError> {
    client.post("/api/commands", &command).await
}
