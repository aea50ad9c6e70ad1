//! `brain up`: starts the embedded servers, serves everything, and drains on SIGTERM or Ctrl-C. Called by the command line.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    output,
    settings::{Flags, OfUp},
};
use crate::{
    runtime::{self, Servers},
    telemetry::{self, Telling},
    wiring::{self, Brain, Links, Place, Roles},
};

/// Start the server. The first start fetches nats-server and Postgres once and says so.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub settings: Flags<OfUp>,
    /// Say on standard error what is done, -vv in detail; BRAIN_LOG or RUST_LOG say it exactly
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let telling = match args.verbose {
        0 => Telling::Troubles,
        1 => Telling::Steps,
        _ => Telling::Details,
    };
    telemetry::log_to_stderr(telling, config.logging.filter.clone());
    runtime::close_to_others();
    runtime::raise_descriptors();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let (listen, durability) = (config.http.listen, config.servers.durability);
    if let Some(warning) = wiring::exposure(listen) {
        output::say(format_args!("brain: {warning}"));
    }
    // A port that is taken is said at once, not after a cluster was made for nothing. It is let go until somebody answers there.
    drop(wiring::bind(listen)?);
    let data_dir = config.folders.data_dir.clone();
    let options = runtime::Options {
        data_dir: data_dir.clone(),
        durability,
        programs: config.servers.programs.clone(),
        progress: Arc::new(|step: &str| output::say(format_args!("brain: {step}"))),
    };
    let starting = async {
        let servers = Arc::new(tokio::task::spawn_blocking(move || Servers::start(options)).await??);
        let place = Place::of(config, &data_dir, Roles::all());
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
    greet(&brain.greeting(durability));
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
