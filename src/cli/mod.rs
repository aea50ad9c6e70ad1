//! The verbs of `brain`, one file each, and what each of them exits with: 0 done, 1 refused, 2 usage, 3 unreachable.

pub mod add;
pub mod caches;
pub mod client;
pub mod events;
pub mod export;
mod filters;
pub mod get;
pub mod graph;
pub mod history;
pub mod import;
pub mod list;
mod records;
pub mod relate;
pub mod replay;
pub mod rm;
pub mod search;
pub mod serve;
pub mod status;
pub mod table;
pub mod up;
pub mod update;
pub mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Map, Value};

/// A self-hosted memory: put notes and facts in, find them again, lose nothing.
#[derive(Parser)]
#[command(name = "brain", version, about, propagate_version = true)]
#[command(
    after_help = "Start with `brain up`, then in another terminal `brain add \"Tea is at four\"` and `brain search when is tea`."
)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the server with its own nats-server and Postgres
    Up(up::Args),
    /// Serve some of the roles, against a NATS and a Postgres of your own
    Serve(serve::Args),
    /// Remember something
    Add(Client<add::Args>),
    /// Show one memory
    Get(Client<get::Args>),
    /// List memories, newest first
    List(Client<list::Args>),
    /// Find memories by meaning and by words
    Search(Client<search::Args>),
    /// Change some fields of a memory
    Update(Client<update::Args>),
    /// Delete a memory
    Rm(Client<rm::Args>),
    /// Show every state that a memory had
    History(Client<history::Args>),
    /// Compare two revisions of a memory
    Diff(Client<history::DiffArgs>),
    /// Take the last change of a memory back; a second undo takes the first one back
    Undo(Client<history::UndoArgs>),
    /// Relate two memories
    Relate(Client<relate::Args>),
    /// Delete a relationship
    Unrelate(Client<relate::UnrelateArgs>),
    /// Ask how memories are related
    Graph(Client<graph::Args>),
    /// Show what happened, and follow what happens
    Events(Client<events::Args>),
    /// Rebuild projections from the log, roll them back, prove them equal to it
    Replay(Client<replay::Args>),
    /// Have events sent to an address, and see what became of them
    Webhooks(Client<webhooks::Args>),
    /// Import a folder of notes; a second import writes only what changed
    Import(Client<import::Args>),
    /// Write memories and relationships to files that import reads back identically
    Export(Client<export::Args>),
    /// Show what answers are kept in memory, or let them go
    Caches(Client<caches::Args>),
    /// Show the log, the projections and the parts of a running brain
    Status(Client<status::Args>),
}

#[derive(clap::Args)]
struct Client<A: clap::Args> {
    #[command(flatten)]
    connection: client::ConnectionArgs,
    #[command(flatten)]
    args: A,
}

/// Parses the command line and runs the verb.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(unknown) = crate::config::check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        eprintln!("brain: {unknown}");
        return ExitCode::from(2);
    }
    leave_a_core_free();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("brain: cannot start: {cause}");
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(run(arguments.verb)).unwrap_or_else(|failed| {
        eprintln!("brain: {failed:#}");
        ExitCode::from(if failed.is::<Usage>() { 2 } else { 1 })
    });
    // A start that was interrupted may still be busy on a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    code
}

/// The threads of the embedding model take all cores but one, so that writes and searches go on while notes are embedded.
/// Whoever sets the variables has the last word.
fn leave_a_core_free() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        if std::env::var_os(name).is_none() {
            // SAFETY: the process has one thread as yet, so nobody reads the environment meanwhile.
            unsafe { std::env::set_var(name, cores.saturating_sub(1).max(1).to_string()) };
        }
    }
}

/// The command line cannot be obeyed as it stands.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Reads an argument that is a JSON object.
fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|cause| format!("this is no JSON object: {cause}"))
}

async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Up(args) => up::run(args).await,
        Verb::Serve(args) => serve::run(args).await,
        Verb::Add(verb) => add::run(verb.args, &verb.connection.open()?).await,
        Verb::Get(verb) => get::run(verb.args, &verb.connection.open()?).await,
        Verb::List(verb) => list::run(verb.args, &verb.connection.open()?).await,
        Verb::Search(verb) => search::run(verb.args, &verb.connection.open()?).await,
        Verb::Update(verb) => update::run(verb.args, &verb.connection.open()?).await,
        Verb::Rm(verb) => rm::run(verb.args, &verb.connection.open()?).await,
        Verb::History(verb) => history::run(verb.args, &verb.connection.open()?).await,
        Verb::Diff(verb) => history::diff(verb.args, &verb.connection.open()?).await,
        Verb::Undo(verb) => history::undo(verb.args, &verb.connection.open()?).await,
        Verb::Relate(verb) => relate::run(verb.args, &verb.connection.open()?).await,
        Verb::Unrelate(verb) => relate::unrelate(verb.args, &verb.connection.open()?).await,
        Verb::Graph(verb) => graph::run(verb.args, &verb.connection.open()?).await,
        Verb::Events(verb) => events::run(verb.args, &verb.connection.open()?).await,
        Verb::Webhooks(verb) => webhooks::run(verb.args, &verb.connection.open()?).await,
        Verb::Replay(verb) => replay::run(verb.args, &verb.connection.open()?).await,
        Verb::Import(verb) => import::run(verb.args, &verb.connection.open()?).await,
        Verb::Export(verb) => export::run(verb.args, &verb.connection.open()?).await,
        Verb::Caches(verb) => caches::run(verb.args, &verb.connection.open()?).await,
        Verb::Status(verb) => status::run(verb.args, &verb.connection.open()?).await,
    }
}
