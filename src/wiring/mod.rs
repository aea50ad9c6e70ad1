//! The composition root: the only place that names concrete adapters. Called by `brain up`, `brain serve` and by the behaviour tests.
//!
//! [`core`] is what every part stands on; a role is a part: [`api`], [`projector`], [`reactor`], [`webhooks`]. Each is started from what it
//! needs, and from nothing else.

mod api;
mod caches;
mod core;
pub mod credentials;
mod durability;
mod eraser;
mod health;
mod http;
mod links;
mod login;
mod positions;
mod projector;
mod reactor;
pub mod vault;
mod vectors;
mod webhooks;

pub use self::{
    http::{bind, exposure},
    links::Links,
    webhooks::Outward,
};
pub use crate::config::{Role, Roles};

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_web::dev::ServerHandle;
use anyhow::Context;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    core::{Core, Rules},
    credentials::Credentials,
};
use crate::{
    adapters::{nats::Nats, postgres::Postgres, tantivy::TantivyIndex},
    api::http::hosts::Hosts,
    caches::Settings,
    config::{self, Config},
    domain::memory::ScriptTags,
    journal::subject::Prefix,
    ports::KeywordIndex,
    runtime::{self, Durability, Servers},
    telemetry,
};

/// Where one brain keeps its things; tests run several on the same servers.
pub struct Place<'a> {
    /// Folder of `credentials.json`.
    pub data_dir: &'a Path,
    pub prefix: Prefix,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub roles: Roles,
    pub outward: Outward,
    pub inward: Inward,
    /// How people log in.
    pub auth: config::Auth,
    pub caching: Settings,
    pub script_tags: ScriptTags,
    pub models: config::Models,
    pub searching: config::Search,
    /// Where the embedding model is unpacked.
    pub cache_dir: PathBuf,
}

impl<'a> Place<'a> {
    /// As the settings have it.
    pub fn of(config: Config, data_dir: &'a Path, roles: Roles) -> Self {
        let Config { folders, http, servers, cache, webhooks, security, auth, memories, models, search, logging: _ } = config;
        let mut allowed_hosts = http.allowed_hosts;
        if http.listen.ip().is_loopback() || !allowed_hosts.is_empty() {
            // A proxy calls it what browsers do.
            allowed_hosts.extend(auth.host());
        }
        let outward = Outward { webhooks, security, allowed_origins: http.allowed_origins, ..Outward::default() };
        Self {
            data_dir,
            prefix: servers.prefix,
            listen: http.listen,
            roles,
            outward,
            inward: Inward { allowed_hosts, requests_per_s: http.requests_per_s },
            auth,
            caching: cache.settings(),
            script_tags: memories.script_tags,
            models,
            searching: search,
            cache_dir: folders.cache_dir,
        }
    }
}

/// How clients may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inward {
    /// By which names they call this server, beside those of loopback.
    pub allowed_hosts: Vec<String>,
    /// Of each principal; 0 is without limit.
    pub requests_per_s: u32,
}

/// Everything that a running brain consists of.
pub struct Brain {
    pub credentials: Credentials,
    pub address: SocketAddr,
    data_dir: PathBuf,
    proven: durability::Proof,
    http: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
    /// Ends the live connections, which would hold up the drain.
    live: CancellationToken,
    tasks: TaskTracker,
    postgres: Postgres,
}

impl Brain {
    /// Connects to the servers, starts the parts of its roles, and serves HTTP.
    /// Errors: whatever keeps it from serving, in the order of its parts; nothing is left running then.
    pub async fn start(links: Links, place: Place<'_>) -> anyhow::Result<Self> {
        let Place { data_dir, prefix, listen, roles, outward, inward, auth, caching, script_tags, models, cache_dir, .. } = place;
        crate::adapters::http::install_tls();
        let proven = links.proof().await;
        let nats = Nats::connect(&links.nats, prefix).await?;
        // Before anything else: with the wrong key nothing may be written or served.
        let vault = vault::open(&nats, &outward.security, (data_dir, &roles), links.is_embedded).await?;
        let core = Core::connect(links, nats, vault.keys.clone(), Rules::of(script_tags, &outward)).await?;
        vault.follow(&core);
        let (stopped, is_stopped) = watch::channel(None);
        if roles.include(Role::Projector) {
            projector::start(&core, stopped);
        }
        // Only those who embed something need it.
        let needs_model = roles.include(Role::Reactor) || roles.include(Role::Api);
        let model = needs_model.then(|| reactor::model(&core, cache_dir, &models)).transpose()?;
        if let Some(model) = model.clone().filter(|_| roles.include(Role::Reactor)) {
            reactor::start(&core, model);
        }
        eraser::before_serving(&core, data_dir).await?;
        let index = roles.include(Role::Api).then(|| TantivyIndex::open(&data_dir.join("keyword"))).transpose()?;
        let index = index.map(|index| Arc::new(index) as Arc<dyn KeywordIndex>);
        core.tasks.spawn(telemetry::sum_up(core.stop.clone()));
        let (socket, address) = bind(listen)?;
        let hosts = Hosts::of(listen.ip(), &inward.allowed_hosts);
        let parts = webhooks::parts(&core, &outward)?;
        if roles.include(Role::Fanout) && outward.webhooks.enabled {
            webhooks::start(&core, parts.clone());
        }
        if roles.include(Role::Fanout) || roles.include(Role::Api) {
            core.tasks.spawn(core.tail.clone().follow(core.stop.clone()));
        }
        let credentials = credentials::open(data_dir, &http::url(address), &*parts.vault)?;
        let ready = health::readiness(is_stopped, core.links.storage.clone(), core.nats.appends());
        let live = CancellationToken::new();
        let (http, serving) = match model.filter(|_| roles.include(Role::Api)).zip(index) {
            Some((model, index)) => {
                let (origins, webhooks, stop_live) = (outward.allowed_origins.clone(), parts, &live);
                let reranking = (reactor::reranker(&core, &models)?, models.rerank);
                let (requests_per_s, erases) = (inward.requests_per_s, roles.include(Role::Projector));
                let needs = api::Needs {
                    data_dir,
                    credentials: &credentials,
                    outward,
                    auth,
                    webhooks,
                    caching,
                    model,
                    index,
                    searching: place.searching,
                    erases,
                    ready,
                    reranking,
                    stop_live,
                    requests_per_s,
                };
                let edge = api::start(&core, needs, vault).await?;
                http::serve(socket, crate::api::configure(edge), (origins, hosts))?
            }
            None => {
                if roles.include(Role::Projector) {
                    eraser::start(&core, data_dir, (reactor::MODEL, None, core.postgres.positions()));
                }
                let overview = api::overview_alone(&core, &credentials, ready);
                http::serve(socket, crate::api::configure_health(overview, Arc::new(telemetry::metrics())), (vec![], hosts))?
            }
        };
        let Core { postgres, tasks, stop, .. } = core;
        Ok(Self { credentials, address, data_dir: data_dir.to_owned(), proven, http, serving, stop, live, tasks, postgres })
    }

    /// The block that `brain up` prints.
    pub fn greeting(&self, wanted: Durability) -> String {
        let is_default = self.data_dir == runtime::default_data_dir();
        let folder = if is_default { String::new() } else { format!(" --data-dir {}", self.data_dir.display()) };
        [
            String::new(),
            format!("  Second Brain {} is ready", env!("CARGO_PKG_VERSION")),
            format!("  URL         {}", self.credentials.url),
            format!("  API         {}/docs", self.credentials.url),
            format!("  Data        {}", self.data_dir.display()),
            format!("  Key         {}", credentials::path(&self.data_dir).display()),
            format!("  Logs        {} (of nats-server and Postgres; brain's own with -v)", self.data_dir.join("logs").display()),
            format!("  Durability  {}", self.proven.sentence(wanted)),
            String::new(),
            "  Try it in another terminal; Ctrl-C stops the server:".to_owned(),
            String::new(),
            format!("    brain add{folder} \"Tea is at four\""),
            format!("    brain search{folder} when is tea"),
            String::new(),
        ]
        .join("\n")
    }

    /// Lets open requests finish, then stops following the log. The servers are the caller's to stop.
    pub async fn stop(self) {
        self.live.cancel();
        self.http.stop(true).await;
        if let Err(cause) = self.serving.await {
            tracing::error!(%cause, "the HTTP server did not end in order");
        }
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.postgres.close().await;
    }
}

/// Stops the embedded servers once nobody else holds them.
pub async fn stop_servers(servers: Arc<Servers>) -> anyhow::Result<()> {
    let servers = Arc::into_inner(servers).context("something still uses the servers")?;
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}
