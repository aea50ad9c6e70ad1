//! `brain serve`: some or all roles of a brain, against a NATS and a Postgres that somebody else runs. Drains on SIGTERM or Ctrl-C.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    output,
    up::{greet, told_to_stop},
};
use crate::{
    domain::memory::ScriptTags,
    journal::subject::Prefix,
    runtime,
    telemetry::{self, Telling},
    wiring::{self, Brain, Caching, Links, Outward, Place, Roles},
};

/// Serve roles apart from each other: any number of processes of each, against servers of your own.
#[derive(clap::Args)]
pub struct Args {
    /// api, projector, reactor, fanout: what this process does, separated by commas
    #[arg(long, env = "BRAIN_ROLES", default_value = "api,projector,reactor,fanout")]
    pub roles: Roles,
    /// NATS with JetStream, 2.14.5 or newer: nats://user:password@host:4222
    #[arg(long, env = "BRAIN_NATS_URL", hide_env_values = true)]
    pub nats_url: String,
    /// Postgres 16 or newer with pgvector 0.8: postgres://user:password@host:5432/brain
    #[arg(long, env = "BRAIN_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Copies of each stream in the cluster: 1 or 3
    #[arg(long, env = "BRAIN_NATS_REPLICAS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub replicas: u8,
    /// Folder of this process's own things: its keyword index and, with the role api, credentials.json
    #[arg(long, env = "BRAIN_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port to serve HTTP on; without the role api only health and metrics are served
    #[arg(long, env = "BRAIN_LISTEN", default_value = "127.0.0.1:7700")]
    pub listen: std::net::SocketAddr,
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
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    telemetry::log_to_stderr(Telling::Steps);
    runtime::close_to_others();
    runtime::raise_descriptors();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let links = Links::external(&args.nats_url, &args.database_url, args.replicas.into())?;
    let data_dir = runtime::private_folder(&args.data_dir.unwrap_or_else(runtime::default_data_dir))?;
    if let Some(warning) = wiring::exposure(args.listen) {
        output::say(format_args!("brain: {warning}"));
    }
    let place = Place {
        data_dir: &data_dir,
        prefix: Prefix::parse(&args.prefix)?,
        listen: args.listen,
        roles: args.roles.clone(),
        outward: args.outward,
        caching: args.caching,
        script_tags: args.script_tags,
    };
    let brain = tokio::select! {
        started = Brain::start(links, place) => started?,
        () = told_to_stop(&mut terminate) => return Ok(ExitCode::FAILURE),
    };
    greet(&format!("brain {} serves {} on http://{}", env!("CARGO_PKG_VERSION"), args.roles, brain.address));
    told_to_stop(&mut terminate).await;
    output::say("brain: draining");
    brain.stop().await;
    Ok(ExitCode::SUCCESS)
}
