//! The `lianxiao` program.

use clap::Parser;
use futures_util::future::select_all;
use lianxiao::app::{self, App};
use lianxiao::cli::{Cli, Lang, Task};
use lianxiao::client::Client;
use lianxiao::config::{self, DataFolder, StartError};
use lianxiao::{demo, import, jobs, planning, sample_city, sync, told};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinHandle};
use tracing_subscriber::EnvFilter;

/// The store has so long to be closed.
const CLOSING: Duration = Duration::from_secs(30);
/// Signals that come so soon after each other are one.
const SAME_SIGNAL: Duration = Duration::from_secs(2);
const NOT_CLOSED: &str =
    "the store could not be closed (is the database away?); nothing that was saved is lost";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("the system gives threads");
    let code = runtime.block_on(begin());
    // A plan that is being made, or a database that does not answer, does not hold the end up.
    runtime.shutdown_background();
    code
}

async fn begin() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    // A log that cannot be written, on a full disk for one, must not stop the node.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
    match run(Cli::parse().task).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lianxiao: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<ExitCode, Box<dyn Error>> {
    match task {
        Task::City { data, listen, database } => {
            let folder = DataFolder::open(&data)?;
            let app = config::open_city(&folder, database.as_deref()).await?;
            let jobs = vec![
                tokio::spawn(jobs::arbiter::run(app.node.clone())),
                tokio::spawn(jobs::sealer::run(app.node.clone())),
            ];
            serve(&folder, app, jobs, listen).await?;
        }
        Task::Branch { data, listen, upstream, code, synchronous } => {
            let folder = DataFolder::open(&data)?;
            let (app, upstream) =
                config::open_branch(&folder, upstream.as_deref(), code.as_deref(), synchronous).await?;
            let jobs = vec![
                tokio::spawn(sync::upstream::run(app.node.clone(), upstream, folder.segments())),
                tokio::spawn(jobs::sealer::run(app.node.clone())),
            ];
            serve(&folder, app, jobs, listen).await?;
        }
        Task::Code { data, branch, role, label } => {
            let role = client_core::identity::Role::from(role);
            println!("{}", Client::of_folder(&data)?.code(branch.as_deref(), role.word(), &label).await?);
        }
        Task::Import { folder, apply, json, data, lang } => {
            return import_office(&folder, apply, json, &data, lang).await;
        }
        Task::RevertImport { action, reason, data, json, lang } => {
            let client = Client::of_folder(&data)?;
            match action {
                None => {
                    let imports = client.get("/api/imports").await?;
                    say(&imports, json, || told::imports(&imports, lang));
                }
                Some(action) => {
                    let reason = serde_json::json!({ "reason": reason });
                    let answer = client.post(&format!("/api/import/{action}/revert"), &reason).await?;
                    say(&answer, json, || told::reverted(&answer, lang));
                }
            }
        }
        Task::SampleCity { folder, seed } => {
            sample_city::write(&folder, seed, sample_city::Size::Source)?;
            println!("{}", folder.display());
        }
        Task::Command { data, json } => {
            let command: serde_json::Value = serde_json::from_str(&json)?;
            println!("{}", Client::of_folder(&data)?.post("/api/commands", &command).await?);
        }
        Task::CloseRound { data } => {
            let nothing = serde_json::json!({});
            println!("{}", Client::of_folder(&data)?.post("/api/round/close", &nothing).await?);
        }
        Task::ReleaseArbiter { data, json, lang } => {
            let nothing = serde_json::json!({});
            let answer = Client::of_folder(&data)?.post("/api/arbiter/release", &nothing).await?;
            say(&answer, json, || told::release(&answer, lang));
        }
        Task::Status { data, json, lang } => {
            let status = Client::of_folder(&data)?.get("/api/status").await?;
            say(&status, json, || told::status(&status, lang));
        }
        Task::Why { event, data, json, lang } => {
            let found = Client::of_folder(&data)?.get(&format!("/api/why/{event}")).await?;
            say(&found, json, || told::why(&found, lang));
        }
        Task::Plan { input, output, steps } => {
            let objective = planning::run(&input, &output, steps)?;
            println!("{} A {} B {}", output.display(), objective.a, objective.b);
        }
        Task::Replay { decision, data, json, lang } => {
            let answer = Client::of_folder(&data)?.get(&format!("/api/replay/{decision}")).await?;
            say(&answer, json, || told::replay(&answer, lang));
            return Ok(if answer["holds"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Task::Demo { seed, exit, json, small } => {
            return Ok(demo::run(demo::Options { seed, exit, json, small }).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer as it is, or as a person reads it.
fn say(answer: &serde_json::Value, json: bool, told: impl Fn() -> String) {
    if json {
        println!("{answer:#}");
    } else {
        print!("{}", told());
    }
}

/// Serves until Ctrl-C or SIGTERM, then closes the store. What ends by itself before ends the program, so
/// that whoever watches over it starts it again.
async fn serve(
    folder: &DataFolder,
    app: App,
    jobs: Vec<JoinHandle<()>>,
    listen: SocketAddr,
) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| {
        StartError::Wrong(format!("cannot listen on {listen}: {error}; choose another address with --listen"))
    })?;
    let address = listener.local_addr()?;
    folder.write_address(address)?;
    println!("http://{address}/");
    let node = app.node.clone();
    let aborts: Vec<AbortHandle> = jobs.iter().map(JoinHandle::abort_handle).collect();
    let broke =
        "a part of the node broke (the log says which): start it again; nothing that was saved is lost";
    let served = tokio::select! {
        served = app::serve(app, listener, std::future::pending()) => served.map_err(Into::into),
        () = node.stopped() => Err(broke.into()),
        _ = select_all(jobs) => Err(broke.into()),
        () = app::stopped() => Ok(()),
    };
    aborts.iter().for_each(AbortHandle::abort);
    if let Err(error) = &served {
        tracing::error!(%error, "closing the store");
    }
    // A task of its own: it may hold up whoever waits for it.
    let closing = tokio::spawn(async move { node.close().await });
    let asked_again = async {
        tokio::time::sleep(SAME_SIGNAL).await;
        app::stopped().await;
    };
    tokio::select! {
        _ = closing => served,
        () = tokio::time::sleep(CLOSING) => Err(NOT_CLOSED.into()),
        () = asked_again => Err(NOT_CLOSED.into()),
    }
}

async fn import_office(
    folder: &Path,
    apply: bool,
    json: bool,
    data: &Path,
    lang: Lang,
) -> Result<ExitCode, Box<dyn Error>> {
    let bar = import::progress_bar();
    let office = import::read_dir(folder, &mut |file, done, total| {
        import::show(&bar, file, done as u64, total as u64);
    })?;
    bar.finish_and_clear();
    println!("{}", import::report(&office, lang == Lang::En));
    if apply {
        let outcome = Client::of_folder(data)?
            .import(&office, |file, done, total| import::show(&bar, file, done, total))
            .await?;
        bar.finish_and_clear();
        println!(
            "{}",
            match lang {
                Lang::Zh => format!(
                    "已导入：{} 个文件，{} 条记录，{} 项密存字段。",
                    outcome.files, outcome.events, outcome.sealed
                ),
                Lang::En => format!(
                    "Imported: {} files, {} events, {} sealed fields.",
                    outcome.files, outcome.events, outcome.sealed
                ),
            }
        );
    }
    if json {
        println!("{}", serde_json::to_string(&import::counts(&office))?);
    }
    Ok(if office.refusals.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
