//! A city and its branches as processes whose folders can be copied, broken and put back.

use crate::{Line, NodeProcess, node_program};
use lianxiao::client::{Client, ClientError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of the city's node among the branches'.
pub const CITY: &str = "市校";

/// Far more than any of these tests needs; only a hang reaches it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

struct Place {
    folder: PathBuf,
    arguments: Vec<String>,
    /// Between a branch and the city.
    line: Option<Line>,
    node: Option<NodeProcess>,
}

/// Processes by name, [`CITY`] among them.
pub struct Town {
    home: tempfile::TempDir,
    places: BTreeMap<String, Place>,
}

impl Town {
    /// Starts the city and branches of these names.
    pub async fn start(branches: &[&str], city_arguments: &[&str]) -> Self {
        let mut town = Self { home: tempfile::tempdir().expect("a folder"), places: BTreeMap::new() };
        let arguments = [&["city"], city_arguments].concat();
        town.place(CITY, None, &arguments);
        town.start_node(CITY, &[], &[]).await;
        for name in branches {
            let line = Line::open(town.address(CITY)).await.expect("a line");
            let url = line.url();
            town.place(name, Some(line), &["branch", "--upstream", &url]);
            let code = town.client(CITY).code(Some(name), "branch_node", "test").await.expect("a code");
            town.start_node(name, &[], &["--code", &code]).await;
        }
        town
    }

    fn place(&mut self, name: &str, line: Option<Line>, arguments: &[&str]) {
        let folder = self.home.path().join(format!("node{}", self.places.len()));
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.places.insert(name.to_owned(), Place { folder, arguments, line, node: None });
    }

    /// Keeps the folder of a node elsewhere from its next start on.
    pub fn move_folder(&mut self, name: &str, folder: &Path) {
        copy_folder(&self.folder(name), folder);
        self.places.get_mut(name).expect("a node").folder = folder.to_owned();
    }

    /// Adds a second node over a copy of a branch's folder, on a line of its own.
    pub async fn clone_branch(&mut self, name: &str, copy: &str) {
        let line = Line::open(self.address(CITY)).await.expect("a line");
        let url = line.url();
        self.place(copy, Some(line), &["branch", "--upstream", &url]);
        copy_folder(&self.folder(name), &self.folder(copy));
        self.start_again(copy).await;
    }

    /// Starts a node again over its own folder.
    pub async fn start_again(&mut self, name: &str) {
        self.start_node(name, &[], &[]).await;
    }

    /// Starts a node again with more arguments.
    pub async fn start_with(&mut self, name: &str, more: &[&str]) {
        self.start_node(name, &[], more).await;
    }

    /// Starts a node again through a program that sets its surroundings.
    pub async fn start_under(&mut self, name: &str, wrapper: &[&str]) {
        self.start_node(name, wrapper, &[]).await;
    }

    /// Starts a node of which it is expected that it does not start, and gives back what it said.
    pub async fn fails_to_start(&mut self, name: &str) -> String {
        let place = &self.places[name];
        let arguments: Vec<&str> = place.arguments.iter().map(String::as_str).collect();
        let started = NodeProcess::start(&node_program(), &place.folder, &arguments).await;
        assert!(started.is_err(), "{name} started");
        self.log(name)
    }

    async fn start_node(&mut self, name: &str, wrapper: &[&str], more: &[&str]) {
        let program = node_program();
        let place = self.places.get_mut(name).expect("a node");
        let own: Vec<&str> = place.arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let node = match wrapper {
            [] => NodeProcess::start(&program, &place.folder, &own).await,
            [first, rest @ ..] => {
                let named = program.to_str().expect("a path in Unicode");
                let arguments = [rest, &[named], &own].concat();
                NodeProcess::start(Path::new(first), &place.folder, &arguments).await
            }
        };
        place.node = Some(node.unwrap_or_else(|error| panic!("{name} does not start: {error}")));
        if name == CITY {
            let address = self.address(CITY);
            self.places
                .values()
                .filter_map(|place| place.line.as_ref())
                .for_each(|line| line.lead_to(address));
        }
    }

    /// Kills a node where it stands.
    pub async fn kill(&mut self, name: &str) {
        let node = self.places.get_mut(name).expect("a node").node.take();
        node.expect("it runs").kill().await.expect("it dies");
    }

    /// Whether there is a node of this name that was started and not killed.
    pub fn runs(&self, name: &str) -> bool {
        self.places.get(name).is_some_and(|place| place.node.is_some())
    }

    /// Talks to a node.
    pub fn client(&self, name: &str) -> &Client {
        self.places[name].node.as_ref().expect("it runs").client()
    }

    /// The line of a branch.
    pub fn line(&self, name: &str) -> &Line {
        self.places[name].line.as_ref().expect("a branch has a line")
    }

    /// The data folder of a node.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.places[name].folder.clone()
    }

    /// A folder for copies.
    pub fn safe_place(&self) -> PathBuf {
        self.home.path().join("safe")
    }

    /// What a node wrote to its log since its last start.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.places[name].folder.join("node.log")).expect("a log")
    }

    /// How a node is.
    pub async fn status(&self, name: &str) -> Value {
        self.client(name).get("/api/status").await.expect("a status")
    }

    /// What a node's journal says happened, each kind once.
    pub async fn journal(&self, name: &str) -> BTreeSet<String> {
        let status = self.status(name).await;
        let notes = status["journal"].as_array().expect("a journal").iter();
        notes.map(|note| note["what"].as_str().expect("a word").to_owned()).collect()
    }

    /// Records something under a name: a teacher put forward by a branch, a branch opened by the city.
    /// Answers with the event once it is durable there.
    pub async fn record(&self, at: &str, name: &str) -> Result<String, ClientError> {
        let command = match at {
            CITY => json!({ "command": "admit_branch", "name": name }),
            _ => json!({ "command": "propose_teacher", "name": name, "full_time": true, "courses": [],
                "teacher": "00".repeat(16), "source": "示例", "weekly_cap_periods": 4 }),
        };
        let done = self.client(at).post("/api/commands", &command).await?;
        Ok(done["events"][0].as_str().expect("an event").to_owned())
    }

    /// The names a node knows.
    pub async fn known(&self, at: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (view, list) in [("teachers", "teachers"), ("branches", "branches")] {
            let view = self.client(at).get(&format!("/api/views/{view}")).await.expect("a view");
            let all = view[list].as_object().expect("a list").values();
            names.extend(all.map(|one| one["name"].as_str().expect("a name").to_owned()));
        }
        names
    }

    /// Waits until something holds at a node's status.
    pub async fn wait_for(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let status = self.status(name).await;
            if holds(&status) {
                return;
            }
            assert!(began.elapsed() < LONGEST_WAIT, "{name} never: {what}; {status:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the city signed for all that every running branch holds, and all hold the same.
    pub async fn converge(&self) {
        let began = Instant::now();
        let running: Vec<&String> =
            self.places.iter().filter(|(_, place)| place.node.is_some()).map(|(name, _)| name).collect();
        while !self.agree(&running).await {
            if began.elapsed() > LONGEST_WAIT {
                for name in &running {
                    eprintln!("{name}: {:#}\n{}", self.status(name).await, self.log(name));
                }
                panic!("the nodes do not come together");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn agree(&self, running: &[&String]) -> bool {
        let city = self.status(CITY).await;
        for name in running {
            let status = self.status(name).await;
            let own = status["branch"].as_str().expect("a branch");
            let same = status["frontiers"]["shared"] == city["frontiers"]["shared"]
                && (*name == CITY
                    || status["frontiers"]["private"][own] == city["frontiers"]["private"][own]);
            if !same || status["not_at_city"] != 0 || status["not_at_upstream"] != 0 {
                return false;
            }
        }
        true
    }

    /// Where a node listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.client(name).address().trim_start_matches("http://").parse().expect("an address")
    }
}

/// Copies a folder of a node that does not run.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, copy).expect("a copy");
        }
    }
}
