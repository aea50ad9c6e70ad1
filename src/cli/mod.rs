//! The verbs of `brain`, one file each, and what each of them exits with: 0 done, 1 refused, 2 usage, 3 unreachable.
//!
//! Nothing here prints but `output`; a reader that has gone ends a verb quietly, with 0.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod add;
pub mod audit;
pub mod caches;
pub mod client;
pub mod config;
pub mod connect;
pub mod delegations;
pub mod erase;
pub mod eval;
mod events;
mod explained;
pub mod export;
mod filters;
mod found;
pub mod get;
pub mod graph;
pub mod history;
pub mod import;
pub mod keys;
mod layout;
pub mod list;
pub mod login;
mod login_link;
pub mod members;
mod moment;
mod output;
mod progress;
mod records;
pub mod relate;
pub mod replay;
pub mod rm;
mod screen;
pub mod search;
pub mod serve;
pub mod settings;
pub mod spaces;
pub mod status;
mod table;
pub mod up;
pub mod update;
mod vault;
mod verbs;
pub mod webhooks;
mod which;

use std::process::ExitCode;

use clap::Parser;
use serde_json::{Map, Value};

use verbs::{Arguments, Verb};

/// Parses the command line and runs the verb.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return tell(&told),
    };
    leave_a_core_free();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            output::say(format_args!("brain: cannot start: {cause}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(arguments.verb)).unwrap_or_else(|failed| ending(&failed));
    // A start that was interrupted may still be busy on a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    code
}

/// Help, the version, or what is wrong with the command line.
fn tell(told: &clap::Error) -> ExitCode {
    match told.print().map_err(output::Error::from) {
        Ok(()) | Err(output::Error::Closed) => ExitCode::from(if told.use_stderr() { client::USAGE } else { 0 }),
        Err(failed) => ending(&failed.into()),
    }
}

/// Says why a verb could not do its work, and gives the exit code.
fn ending(failed: &anyhow::Error) -> ExitCode {
    if let Some(output::Error::Closed) = failed.downcast_ref() {
        return ExitCode::SUCCESS;
    }
    output::say(format_args!("brain: {failed:#}"));
    if failed.is::<Usage>() { ExitCode::from(client::USAGE) } else { ExitCode::FAILURE }
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
pub struct Usage(String);

/// Reads an argument that is a JSON object.
fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|cause| format!("this is no JSON object: {cause}"))
}

/// Reads an argument that is a number: JSON knows nothing that is none or has no end, and would say null for it.
fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "this is no number".to_owned())
}

/// Reads an argument that becomes the header Idempotency-Key.
fn idempotency_key(text: &str) -> Result<String, String> {
    let is_key = (1..=255).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_key { Ok(text.to_owned()) } else { Err("a key has 1 to 255 visible ASCII characters".to_owned()) }
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
        Verb::Erase(verb) => erase::run(verb.args, &verb.connection.open()?).await,
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
        Verb::Audit(verb) => audit::run(verb.args, &verb.connection.open()?).await,
        Verb::Login(verb) => login::run(verb.args, verb.connection).await,
        Verb::Logout(verb) => login::out(&verb.connection).await,
        Verb::Delegations(verb) => delegations::run(verb.args, &verb.connection.open()?).await,
        Verb::LoginLink(verb) => login_link::run(&verb.connection.open()?).await,
        Verb::Keys(verb) => keys::run(verb.args, &verb.connection.open()?).await,
        Verb::Members(verb) => members::run(verb.args, verb.connection).await,
        Verb::Spaces(verb) => spaces::run(verb.args, &verb.connection.open()?).await,
        Verb::Eval(verb) => eval::run(verb.args, &verb.connection.open()?).await,
        Verb::Caches(verb) => caches::run(verb.args, &verb.connection.open()?).await,
        Verb::Vault(args) => vault::run(args).await,
        Verb::Config(args) => config::run(&args),
        Verb::Status(verb) => status::run(verb.args, &verb.connection.open()?).await,
    }
}
