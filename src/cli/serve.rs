//! `brain serve`: some or all roles of a brain, against a NATS and a Postgres that somebody else runs. Drains on SIGTERM or Ctrl-C.

use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    output,
    settings::{Flags, OfServe},
    up::{greet, told_to_stop},
};
use crate::{
    config, runtime,
    telemetry::{self, Telling},
    wiring::{self, Brain, Links, Place},
};

/// Serve roles apart from each other: any number of processes of each, against servers of your own.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub settings: Flags<OfServe>,
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    telemetry::log_to_stderr(Telling::Steps, config.logging.filter.clone());
    runtime::close_to_others();
    runtime::raise_descriptors();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let config::Servers { nats_url, database_url, nats_replicas, roles, .. } = config.servers.clone();
    let needed = "the settings were refused without it";
    let links = Links::external(&nats_url.context(needed)?, &database_url.context(needed)?, nats_replicas.try_into()?)?;
    let data_dir = runtime::private_folder(&config.folders.data_dir)?;
    if let Some(warning) = wiring::exposure(config.http.listen) {
        output::say(format_args!("brain: {warning}"));
    }
    let place = Place::of(config, &data_dir, roles.clone());
    let brain = tokio::select! {
        started = Brain::start(links, place) => started?,
        () = told_to_stop(&mut terminate) => return Ok(ExitCode::FAILURE),
    };
    greet(&format!("brain {} serves {} on http://{}", env!("CARGO_PKG_VERSION"), roles, brain.address));
    told_to_stop(&mut terminate).await;
    output::say("brain: draining");
    brain.stop().await;
    Ok(ExitCode::SUCCESS)
}
