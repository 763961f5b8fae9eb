//! A PostgreSQL server of its own for one test, gone when it is dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server with an empty database.
pub struct Postgres {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Postgres {
    /// Makes a cluster in a temporary folder and starts it. `bin` holds `initdb` and `postgres`.
    pub fn start(bin: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if is_root() {
            // PostgreSQL refuses to run as root.
            succeed(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_owner(bin, "initdb");
        succeed(
            initdb.args(["--auth=trust", "--username=lianxiao", "--encoding=UTF8", "--pgdata"]).arg(&data),
        );
        // The port is free again before the server takes it; nobody else asks for it meanwhile.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let mut postgres = as_owner(bin, "postgres");
        postgres.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        postgres.arg("-k").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = postgres.spawn().expect("PostgreSQL starts");
        let postgres = Self { server, port, folder, bin: bin.to_owned() };
        postgres.wait();
        postgres
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://lianxiao@127.0.0.1:{}/postgres", self.port)
    }

    /// User and system time of the server and its backends; time of backends that ended is lost.
    pub fn cpu_seconds(&self) -> f64 {
        let data = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(data).unwrap_or_default();
        let Some(postmaster) = text.lines().next().and_then(|pid| pid.trim().parse().ok()) else {
            return 0.0;
        };
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let backends = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        cpu_seconds(postmaster) + backends.map(cpu_seconds).sum::<f64>()
    }

    /// Runs one statement in a database of the server.
    pub fn run(&self, statement: &str, database: &str) {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "lianxiao", "-d", database]);
        succeed(psql.args(["-v", "ON_ERROR_STOP=1", "-c", statement]));
    }

    fn wait(&self) {
        let began = Instant::now();
        loop {
            let mut ready = Command::new(self.bin.join("pg_isready"));
            let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = as_owner(&self.bin, "pg_ctl");
        let stopped = stop.args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.folder.path().join("data"));
        if !stopped.status().is_ok_and(|status| status.success()) {
            // Whatever is left goes with the test's own process group.
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// User and system time of a process, all its threads, in seconds (Linux; elsewhere 0).
pub fn cpu_seconds(process: u32) -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn as_owner(bin: &Path, program: &str) -> Command {
    let program = bin.join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
