//! The command line.

use crate::store::Synchronous;
use clap::{Parser, Subcommand, ValueEnum};
use client_core::identity::Role;
use std::net::SocketAddr;
use std::path::PathBuf;

/// lianxiao (联校): one city school, its branch schools, one history.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// Everything the program does.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Runs the city node; its first start makes the city.
    City {
        /// Folder of keys and store.
        #[arg(long, default_value = "lianxiao-city")]
        data: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:7400")]
        listen: SocketAddr,
        /// sqlite:///path/lianxiao.db or postgres://…; a file in the data folder if absent.
        #[arg(long)]
        database: Option<String>,
    },
    /// Runs a branch node; its first start enrols it with a one-time code.
    Branch {
        /// Folder of key and store.
        #[arg(long, default_value = "lianxiao-branch")]
        data: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:7401")]
        listen: SocketAddr,
        /// Address of the city, e.g. http://city.example:7400.
        #[arg(long)]
        upstream: Option<String>,
        /// The one-time code, on the first start.
        #[arg(long)]
        code: Option<String>,
        /// Whether saving waits for the disk.
        #[arg(long, value_enum, default_value = "full")]
        synchronous: Synchronous,
    },
    /// Makes a one-time code for a device, through the running node.
    Code {
        /// Data folder of the running node.
        #[arg(long)]
        data: PathBuf,
        /// Name of the branch (at the city; a new name opens the branch).
        #[arg(long)]
        branch: Option<String>,
        /// What the device will be.
        #[arg(long, value_enum, default_value = "branch-node")]
        role: DeviceRole,
        /// What people call it.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Reads office files: shows what would be added; with --apply adds it through the running node.
    Import {
        /// The folder with the files.
        folder: PathBuf,
        /// Apply it.
        #[arg(long)]
        apply: bool,
        /// Print the counts as one last line of JSON.
        #[arg(long)]
        json: bool,
        /// Data folder of the running city node, with --apply.
        #[arg(long, default_value = "lianxiao-city")]
        data: PathBuf,
        /// Language of the report.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Lists the imports, or takes one back: what it brought counts no longer, anywhere.
    RevertImport {
        /// The import; without it all are listed.
        action: Option<String>,
        /// Why; everybody reads it.
        #[arg(long, default_value = "")]
        reason: String,
        /// Data folder of the running city node.
        #[arg(long, default_value = "lianxiao-city")]
        data: PathBuf,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
        /// Language of the answer.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Writes the office files of an invented city of eight branches.
    SampleCity {
        /// The folder to write to.
        folder: PathBuf,
        /// Varies people and mess.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Runs one command, given as JSON, through the running node.
    Command {
        /// Data folder of the running node.
        #[arg(long)]
        data: PathBuf,
        /// E.g. '{"command":"set_profile","registered":600}'
        json: String,
    },
    /// Closes the open round, through the running city node.
    CloseRound {
        /// Data folder of the running city node.
        #[arg(long, default_value = "lianxiao-city")]
        data: PathBuf,
    },
    /// Lets the city's arbiter decide although it is paused; names the branches not heard from.
    ReleaseArbiter {
        /// Data folder of the running city node.
        #[arg(long, default_value = "lianxiao-city")]
        data: PathBuf,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
        /// Language of the answer.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Says how the node of a data folder is, and what healed.
    Status {
        /// Data folder of the running node.
        #[arg(long)]
        data: PathBuf,
        /// Print everything as JSON.
        #[arg(long)]
        json: bool,
        /// Language of the answer.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Says where an event is: saved here, at the upstream, at the city, folded or why not, decided.
    Why {
        /// Its id, or its full reference document:actor:event.
        event: String,
        /// Data folder of the running node.
        #[arg(long)]
        data: PathBuf,
        /// Print everything as JSON.
        #[arg(long)]
        json: bool,
        /// Language of the answer.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Makes one timetable from the orders of all branches: reads jts-1, writes jts-plan-1.
    Plan {
        /// The instance.
        input: PathBuf,
        /// Where the plan goes; untouched unless there is one.
        output: PathBuf,
        /// Steps of the search; what the instance deserves if absent.
        #[arg(long)]
        steps: Option<u64>,
    },
    /// Makes a decided timetable once more from what this node holds and compares it, byte for byte.
    /// Status 0 only if it comes out the same.
    Replay {
        /// A class or refusal that the planner decided, or the plan: its id or full reference.
        decision: String,
        /// Data folder of the running node.
        #[arg(long)]
        data: PathBuf,
        /// Print everything as JSON.
        #[arg(long)]
        json: bool,
        /// Language of the answer.
        #[arg(long, value_enum, default_value = "zh")]
        lang: Lang,
    },
    /// Runs the whole path: a city and eight branches on this machine, three of them cut off and healed.
    Demo {
        /// Varies people and faults.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// End after the table; status 0 only if every check held.
        #[arg(long)]
        exit: bool,
        /// Print the table as one last line of JSON.
        #[arg(long)]
        json: bool,
        /// A tenth of the office, for tests.
        #[arg(long)]
        small: bool,
    },
}

/// Roles that a code can be made for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DeviceRole {
    /// A branch node.
    BranchNode,
    /// A branch's office device.
    Office,
    /// A city administrator's device.
    CityAdmin,
}

impl From<DeviceRole> for Role {
    fn from(role: DeviceRole) -> Self {
        match role {
            DeviceRole::BranchNode => Self::BranchNode,
            DeviceRole::Office => Self::Office,
            DeviceRole::CityAdmin => Self::CityAdmin,
        }
    }
}

/// Language of what people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}
