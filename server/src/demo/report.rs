//! The demo's table.

use serde::Serialize;
use std::fmt::Write;

/// How the demo came out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Nodes that ran.
    pub nodes: usize,
    /// Events in the city's logs.
    pub events: u64,
    /// Bytes over all lines, both ways.
    pub bytes: u64,
    /// Reading the files and writing their events at the city.
    pub seconds_to_import: f64,
    /// Until eight branches held what is theirs.
    pub seconds_to_spread: f64,
    /// From the first healed line until nine nodes agreed, back-off included.
    pub seconds_to_converge: f64,
    /// Bytes over all lines while healing.
    pub bytes_to_converge: u64,
    /// People in the teacher pool.
    pub teachers: u64,
    /// Rooms, kit and points offered to other branches.
    pub shared_resources: usize,
    /// Person-times over all branches.
    pub person_times: u64,
    /// Decisions of the round.
    pub decisions: u64,
    /// Joint classes.
    pub joint_classes: usize,
    /// Orders they serve.
    pub branches_joined: usize,
    /// Teaching time that joining saved, in minutes.
    pub teacher_minutes_saved: u64,
    /// The teacher two branches wanted.
    pub contested: String,
    /// Claims granted.
    pub confirmed: usize,
    /// Claims refused.
    pub refused: Vec<Refusal>,
    /// What had to hold.
    pub checks: Vec<Check>,
}

/// A refused claim.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// Whose claim.
    pub branch: String,
    /// The reason's code.
    pub reason: String,
    /// What is free instead, in words.
    pub alternatives: Vec<String>,
}

/// Something that had to hold.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// Whether it did.
    pub held: bool,
}

impl Check {
    /// A check and how it came out.
    pub fn new(what: &str, held: bool) -> Self {
        Self { what: what.to_owned(), held }
    }
}

impl Report {
    /// Nothing has happened yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            nodes: 0,
            events: 0,
            bytes: 0,
            seconds_to_import: 0.0,
            seconds_to_spread: 0.0,
            seconds_to_converge: 0.0,
            bytes_to_converge: 0,
            teachers: 0,
            shared_resources: 0,
            person_times: 0,
            decisions: 0,
            joint_classes: 0,
            branches_joined: 0,
            teacher_minutes_saved: 0,
            contested: String::new(),
            confirmed: 0,
            refused: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Whether every check held.
    pub fn all_held(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.held)
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let hours = self.teacher_minutes_saved as f64 / 60.0;
        let rows = [
            ("节点 nodes", self.nodes.to_string()),
            ("事件 events", grouped(self.events)),
            ("传输字节 bytes carried", grouped(self.bytes)),
            ("导入用时 import", format!("{:.1} s", self.seconds_to_import)),
            ("分发用时 spread to branches", format!("{:.1} s", self.seconds_to_spread)),
            (
                "恢复后收敛 converged after healing",
                format!("{:.1} s, {} bytes", self.seconds_to_converge, grouped(self.bytes_to_converge)),
            ),
            ("师资库 teacher pool", format!("{} 人", self.teachers)),
            ("共享资源 shared resources", format!("{} 项", self.shared_resources)),
            ("出勤 attendances", format!("{} 人次", grouped(self.person_times))),
            (
                "联合班次 joint classes",
                format!(
                    "{} 期，{} 份点单，省 {hours:.1} 课时 teacher-hours saved",
                    self.joint_classes, self.branches_joined
                ),
            ),
        ];
        let mut table = String::from("\n");
        let mut line = |text: String| writeln!(table, "{text}").expect("writing to a string");
        line("━".repeat(72));
        for (name, value) in rows {
            line(format!("  {}{value}", padded(name, 38)));
        }
        for refusal in &self.refused {
            line(format!("  {}{}约{}", padded("未准 refused", 38), refusal.branch, self.contested));
            line(format!("  {}{}", padded("  理由 reason", 38), refusal.reason));
            for other in &refusal.alternatives {
                line(format!("  {}{other}", padded("  可改点 alternative", 38)));
            }
        }
        line("─".repeat(72));
        for check in &self.checks {
            line(format!("  {} {}", if check.held { "✓" } else { "✗" }, check.what));
        }
        line("━".repeat(72));
        table
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap_or("")).collect();
    groups.join(",")
}

/// Filled with blanks to a width in columns; Chinese characters take two.
fn padded(text: &str, width: usize) -> String {
    let columns: usize = text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum();
    format!("{text}{}", " ".repeat(width.saturating_sub(columns)))
}
