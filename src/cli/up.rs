//! `brain up`: starts the embedded servers, serves everything, and drains on SIGTERM or Ctrl-C. Called by the command line.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output;
use crate::{
    domain::memory::ScriptTags,
    journal::subject::Prefix,
    runtime::{self, Durability, Servers},
    telemetry::{self, Telling},
    wiring::{self, Brain, Caching, Links, Outward, Place, Roles},
};

/// Start the server. The first start fetches nats-server and Postgres once and says so.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the log, the read model, the key and the logs
    #[arg(long, env = "BRAIN_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port to serve HTTP on
    #[arg(long, default_value = "127.0.0.1:7700")]
    pub listen: std::net::SocketAddr,
    /// power: an acknowledged write survives a power cut; os: it survives a crash of brain, and writes are faster
    #[arg(long, value_enum, default_value_t = Durability::Power)]
    pub durability: Durability,
    #[command(flatten)]
    pub outward: Outward,
    #[command(flatten)]
    pub caching: Caching,
    /// What becomes of a content with a script tag outside of Markdown code: refuse or allow
    #[arg(long, env = "BRAIN_SCRIPT_TAGS", default_value = "refuse")]
    pub script_tags: ScriptTags,
    /// First token of every subject and stream name
    #[arg(long, env = "BRAIN_PREFIX", default_value = "brain")]
    pub prefix: String,
    /// Say on standard error what is done, -vv in detail; BRAIN_LOG or RUST_LOG say it exactly
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    telemetry::log_to_stderr(match args.verbose {
        0 => Telling::Troubles,
        1 => Telling::Steps,
        _ => Telling::Details,
    });
    runtime::close_to_others();
    runtime::raise_descriptors();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let prefix = Prefix::parse(&args.prefix)?;
    if let Some(warning) = wiring::exposure(args.listen) {
        output::say(format_args!("brain: {warning}"));
    }
    // A port that is taken is said at once, not after a cluster was made for nothing. It is let go until somebody answers there.
    drop(wiring::bind(args.listen)?);
    let data_dir = args.data_dir.unwrap_or_else(runtime::default_data_dir);
    let options = runtime::Options {
        data_dir: data_dir.clone(),
        durability: args.durability,
        progress: Arc::new(|step: &str| output::say(format_args!("brain: {step}"))),
    };
    let starting = async {
        let servers = Arc::new(tokio::task::spawn_blocking(move || Servers::start(options)).await??);
        let (roles, outward, caching) = (Roles::all(), args.outward, args.caching);
        let (listen, script_tags) = (args.listen, args.script_tags);
        let place = Place { data_dir: &data_dir, prefix, listen, roles, outward, caching, script_tags };
        anyhow::Ok((Brain::start(Links::embedded(&servers, "brain"), place).await?, servers))
    };
    let (brain, servers) = tokio::select! {
        started = starting => started?,
        () = told_to_stop(&mut terminate) => {
            // What was begun ends with this process: the servers die with their parent, and a fetched package is only
            // put in its place once it is whole.
            output::say("brain: stopped during the start");
            return Ok(ExitCode::FAILURE);
        }
    };
    greet(&brain.greeting(args.durability));
    told_to_stop(&mut terminate).await;
    output::say("brain: draining");
    brain.stop().await;
    wiring::stop_servers(servers).await?;
    Ok(ExitCode::SUCCESS)
}

/// Says that it serves. A server goes on whether anybody reads it or not.
pub(super) fn greet(text: &str) {
    if let Err(output::Error::Failed(cause)) = output::line(text) {
        output::say(format_args!("brain: it serves, but standard output cannot be written: {cause}"));
    }
}

pub(super) async fn told_to_stop(terminate: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
