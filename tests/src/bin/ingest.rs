//! How many validated, signed and durably committed events one core takes in, and what memory that
//! needs: branch nodes that were offline send all they have to a city node over loopback.
//!
//! `cargo run --release -p tests --bin ingest -- [--events N] [--clients N] [--batch N] [--postgres BIN]`
//! builds nothing else: `peer-driver` must stand beside it. The last line is one JSON object.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;
use tests::{Postgres, cpu_seconds};

/// What to measure.
struct Options {
    events: usize,
    clients: usize,
    /// Events in a change.
    batch: usize,
    postgres: Option<PathBuf>,
}

fn main() {
    let options = options();
    let folder = tempfile::tempdir().expect("a folder");
    let postgres = options.postgres.as_deref().map(Postgres::start);
    let file = folder.path().join("rows.jsonl");
    std::fs::write(&file, rows(options.events)).expect("the rows can be written");
    let port = free_port();
    let server_folder = folder.path().join("server");
    std::fs::create_dir_all(&server_folder).expect("a folder");
    let start_server = || {
        let mut command = program("server");
        command.env("PORT", port.to_string()).env("DATA_DIR", &server_folder);
        if let Some(postgres) = &postgres {
            command.env("DATABASE", postgres.url());
        }
        let mut server = Talk::start(command);
        server.line();
        server
    };
    let server = start_server();
    let mut driver = Talk::start(program("driver"));
    let each = options.events / options.clients;
    for client in 0..options.clients {
        let name = format!("c{client}");
        let dir = folder.path().join(&name);
        std::fs::create_dir_all(&dir).expect("a folder");
        driver.ask(json!({ "cmd": "open", "c": name, "dir": dir, "name": name }));
        let (from, to) = (client * each, (client + 1) * each);
        driver.ask(json!({ "cmd": "append", "c": name, "file": file, "from": from, "to": to, "batch": options.batch }));
    }
    let backends = |postgres: &Option<Postgres>| postgres.as_ref().map_or(0.0, |it| it.cpu_seconds());
    let (began, before, backend_before) =
        (Instant::now(), cpu_seconds(server.child.id()), backends(&postgres));
    for client in 0..options.clients {
        let name = format!("c{client}");
        driver.ask(json!({ "cmd": "connect", "c": name, "url": format!("http://127.0.0.1:{port}") }));
    }
    for client in 0..options.clients {
        driver.ask(json!({ "cmd": "acked", "c": format!("c{client}") }));
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_seconds(server.child.id()) - before;
    let backend = backends(&postgres) - backend_before;
    let events = each * options.clients;
    let (rss, peak) = (memory(server.child.id(), "VmRSS:"), memory(server.child.id(), "VmHWM:"));
    drop((driver, server));
    // Over the same store, with nothing on its way.
    let again = start_server();
    println!(
        "{}",
        json!({
            "store": if postgres.is_some() { "postgres" } else { "sqlite" },
            "events": events, "clients": options.clients, "events_per_change": options.batch,
            "seconds": seconds, "server_cpu_s": cpu, "backend_cpu_s": backend,
            "events_per_core_second": (events as f64 / (cpu + backend)).round(),
            "server_rss_mib": rss, "server_peak_mib": peak,
            "server_started_again_rss_mib": memory(again.child.id(), "VmRSS:"),
        })
    );
}

fn options() -> Options {
    let mut options = Options { events: 100_000, clients: 1, batch: 1, postgres: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let number = || value.parse().unwrap_or_else(|_| panic!("{name} needs a number"));
        match name.as_str() {
            "--events" => options.events = number(),
            "--clients" => options.clients = number(),
            "--batch" => options.batch = number(),
            "--postgres" => options.postgres = Some(value.into()),
            other => panic!("{other} is not known"),
        }
    }
    options
}

/// Rows as the benchmark's workload has them, some 220 bytes each.
fn rows(count: usize) -> String {
    let (courses, rooms) = (["书法入门", "太极拳", "越剧欣赏", "家庭园艺"], ["一号教室", "书画室", "机房"]);
    let mut text = String::new();
    let mut random = 88_172_645_463_325_252u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut at = 1_725_148_800_000u64;
    for _ in 0..count {
        at += 1 + next(4_000);
        let id = format!("{at:012x}7{:03x}{:04x}{:012x}", next(4096), 0x8000 + next(0x4000), next(1 << 48));
        let row = json!({
            "id": id, "kind": "attendance", "branch": format!("b{:02}", next(8)), "ts": at,
            "learner": format!("学员{}", next(4_000)), "course": courses[next(4) as usize],
            "teacher": format!("教师{}", next(120)), "room": rooms[next(3) as usize],
            "slot": 1 + next(8), "state": "到", "via": "扫码",
        });
        text.push_str(&row.to_string());
        text.push('\n');
    }
    text
}

/// A program that answers a line with a line.
struct Talk {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    asked: u64,
}

impl Talk {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("peer-driver starts");
        let requests = child.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, requests, answers, asked: 0 }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line
    }

    fn ask(&mut self, mut request: Value) {
        self.asked += 1;
        request["id"] = json!(self.asked);
        writeln!(self.requests, "{request}").expect("the program listens");
        let answer: Value = serde_json::from_str(&self.line()).expect("an answer in JSON");
        assert_eq!(answer["ok"], true, "{request}: {answer}");
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(part: &str) -> Command {
    let here = std::env::current_exe().expect("the program has a path");
    let mut command = Command::new(here.with_file_name("peer-driver"));
    command.arg(part);
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn memory(process: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    (kib / 102.4).round() / 10.0
}
