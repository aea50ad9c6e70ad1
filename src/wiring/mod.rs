//! The composition root: the only place that names concrete adapters. Called by `brain up` and by the behaviour tests.
//!
//! Holds the explicit list of what runs: the directory of keys, one engine per projection, the keyword index, the embedder,
//! the webhooks, the HTTP server.

mod caching;
pub mod credentials;
mod door;
mod durability;
mod health;
mod links;
mod outward;
mod positions;

pub use self::{
    door::{bind, exposure},
    links::Links,
    outward::Outward,
};
pub use crate::config::{Role, Roles};

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    middleware::{Compress, Condition, from_fn},
};
use anyhow::Context;
use futures::StreamExt;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    adapters::{
        candle::MiniLm,
        nats::Nats,
        postgres::Postgres,
        system::{SystemClock, SystemIds},
        tantivy::TantivyIndex,
    },
    api::{self, ApiState, admission::Seats, live::door::Door},
    caches::{self, embeddings::RememberedQueries},
    commands::Commands,
    config::Config,
    domain::{ids::SpaceId, memory::ScriptTags, webhook::Retry},
    fanout::{self, feed::Tail, live::Hub},
    journal::subject::Prefix,
    ports::{Clock, Embedder, EventReader, KeywordIndex, Positions},
    projectors::{
        self,
        directory::Directory,
        keeper::{Keeper, prepare},
        keyword::Keyword,
    },
    queries::{search::SearchParts, status::Part},
    reactors::{self, embedder::Reactor},
    replay::Operator,
    runtime::{self, Durability, Servers},
    telemetry,
};
use credentials::Credentials;
use positions::AllPositions;

/// How long open requests may take once brain is told to stop, in seconds.
const DRAIN_S: u64 = 20;
/// How long a connection may be idle: longer than clients leave theirs open (90 s with hyper), so that it is they who close. A request
/// that meets a closing connection fails, and who sent it does not know what became of it.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(100);
/// Pause before commits are listened to again.
const RELISTEN: std::time::Duration = std::time::Duration::from_secs(1);

/// Where one brain keeps its things; tests run several on the same servers.
pub struct Place<'a> {
    /// Folder of `credentials.json`.
    pub data_dir: &'a Path,
    pub prefix: Prefix,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub roles: Roles,
    pub outward: Outward,
    pub caching: caches::Settings,
    pub script_tags: ScriptTags,
    /// Where the embedding model is unpacked.
    pub cache_dir: PathBuf,
}

impl<'a> Place<'a> {
    /// As the settings have it.
    pub fn of(config: Config, data_dir: &'a Path, roles: Roles) -> Self {
        let Config { folders, http, servers, cache, webhooks, security, memories, logging: _ } = config;
        let outward = Outward { webhooks, security, allowed_origins: http.allowed_origins, ..Outward::default() };
        Self {
            data_dir,
            prefix: servers.prefix,
            listen: http.listen,
            roles,
            outward,
            caching: cache.settings(),
            script_tags: memories.script_tags,
            cache_dir: folders.cache_dir,
        }
    }
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
    /// Connects to the servers, makes the read models ready, follows the log and serves HTTP.
    /// Errors: whatever keeps it from serving, in the order of its parts; nothing is left running then.
    pub async fn start(links: Links, place: Place<'_>) -> anyhow::Result<Self> {
        let Place { data_dir, prefix, listen, roles, outward, caching, script_tags, cache_dir } = place;
        let proven = links.proof().await;
        let nats = Nats::connect(&links.nats, prefix).await?;
        let postgres = with_tables(&links).await?;
        let (stop, live, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let (events, derived) = (nats.log(), nats.derived());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);

        let directory = Arc::new(Directory::default());
        let stopped_projection = project(roles.include(Role::Projector), (&postgres, &nats), &tasks, &stop);
        let index: Arc<dyn KeywordIndex> = Arc::new(TantivyIndex::open(&data_dir.join("keyword"))?);
        let keyword = Keyword::new(index.clone());
        let tail = Tail::new(events.clone());
        let model: Arc<dyn Embedder> = Arc::new(MiniLm::new(Arc::new(move || model_folder(&cache_dir)))?);
        if roles.include(Role::Reactor) {
            let embedder = reactor(&nats, model.clone(), &links, &clock);
            tasks.spawn(reactors::embedder::run(embedder, stop.clone()));
        }
        tasks.spawn(telemetry::sum_up(stop.clone()));
        let (socket, address) = bind(listen)?;
        let commands = write_path(&nats, &postgres, &links, &clock, (script_tags, outward.webhooks.retry.clone()));
        let webhooks = outward.webhooks(data_dir, &links, (&tail, &nats), (&postgres, &commands, &clock))?;
        if roles.include(Role::Fanout) && outward.webhooks.enabled {
            tasks.spawn(fanout::webhooks::run(webhooks.clone(), stop.clone()));
        }
        if roles.include(Role::Fanout) || roles.include(Role::Api) {
            tasks.spawn(tail.clone().follow(stop.clone()));
        }
        let credentials = credentials::open(data_dir, &door::url(address))?;
        if roles.include(Role::Api) {
            tasks.spawn(directory.clone().follow(events.clone(), stop.clone()));
            tasks.spawn(keyword.clone().follow(events.clone(), stop.clone()));
            tasks.spawn(listen_to_commits(nats.clone(), postgres.clone(), stop.clone()));
            let known = credentials::record(&commands, &credentials.api_key, SpaceId::default_space(), clock.now()).await?;
            directory.reached(known).await;
        }
        let positions: Arc<dyn Positions> = Arc::new(AllPositions { postgres: postgres.positions(), keyword: keyword.clone() });
        let told = roles.include(Role::Api).then(|| caching::Told::new(&tail, (&events, &derived), &index, model.model()));
        let caches = caching::start(caching, told, positions.clone(), (&tasks, &stop)).await;
        let hub = Hub::new(tail.clone(), events.clone(), nats.epoch().await?);
        let door = Door { keys: directory.clone(), clock: clock.clone(), vault: webhooks.vault.clone() };
        let state = ApiState {
            commands,
            memories: postgres.memory_reads(),
            selection: postgres.selection_reads(),
            graph: postgres.graph_reads(),
            history: postgres.history_reads(),
            search: search_parts(&postgres, index, model),
            caches,
            seats: Seats::default(),
            replay: operator(&postgres, &nats, keyword),
            live: outward.for_connections(hub, door, &live),
            webhooks: outward::for_clients(webhooks, &postgres),
            positions,
            log: events,
            feed: tail,
            derived,
            keys: directory,
            file_key: credentials::key_id(&credentials.api_key),
            clock,
            ids: Arc::new(SystemIds),
            parts: parts_of(links.parts),
            metrics: Arc::new(telemetry::metrics()),
            ready: health::readiness(stopped_projection, links.storage, nats.appends()),
        };
        let (http, serving) = serve(state, socket, roles.include(Role::Api))?;
        let data_dir = data_dir.to_owned();
        Ok(Self { credentials, address, data_dir, proven, http, serving, stop, live, tasks, postgres })
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

/// Connects and makes the read models' tables: the first question may come before an engine has looked.
async fn with_tables(links: &Links) -> anyhow::Result<Postgres> {
    let postgres = Postgres::connect(&links.owner_url, &links.app_url).await?;
    let store = postgres.projection_store();
    for definition in projectors::definition::all() {
        prepare(&*store, &definition).await.context("cannot make the tables of the read models")?;
    }
    Ok(postgres)
}

/// Stops the embedded servers once nobody else holds them.
pub async fn stop_servers(servers: Arc<Servers>) -> anyhow::Result<()> {
    let servers = Arc::into_inner(servers).context("something still uses the servers")?;
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}

/// Keeps every projection where that is wanted; the receiver names the first that has stopped for good.
fn project(
    wanted: bool,
    (postgres, nats): (&Postgres, &Nats),
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> watch::Receiver<Option<String>> {
    let (report, stopped) = watch::channel(None);
    if !wanted {
        return stopped;
    }
    let report = Arc::new(report);
    for definition in projectors::definition::all() {
        let source: Arc<dyn EventReader> = if definition.stream == "DERIVED" { nats.derived() } else { nats.log() };
        let (announcer, name) = (nats.clone(), definition.name.clone());
        let (woken, announcing) = (postgres.on_applied(&name), tasks.clone());
        let on_applied = Arc::new(move |seq| {
            woken(seq);
            let (announcer, name) = (announcer.clone(), name.clone());
            announcing.spawn(async move { announcer.announce(&name, seq).await });
        });
        let report = report.clone();
        let keeper = Keeper {
            definition,
            log: source,
            store: postgres.projection_store(),
            on_applied,
            on_stopped: Arc::new(move |stopped| drop(report.send_replace(Some(stopped.to_string())))),
            tasks: tasks.clone(),
        };
        tasks.spawn(keeper.keep(stop.clone()));
    }
    stopped
}

fn write_path(
    nats: &Nats,
    postgres: &Postgres,
    links: &Links,
    clock: &Arc<dyn Clock>,
    (script_tags, retry): (ScriptTags, Retry),
) -> Arc<Commands> {
    let commands = Commands::new(nats.log(), nats.appender(), clock.clone()).with_storage(links.storage.clone());
    Arc::new(commands.with_command_log(postgres.command_log()).with_script_tags(script_tags).with_retry(retry))
}

fn reactor(nats: &Nats, embedder: Arc<dyn Embedder>, links: &Links, clock: &Arc<dyn Clock>) -> Reactor {
    let (derived, facts) = (nats.derived(), nats.fact_appender());
    Reactor { log: nats.log(), derived, facts, embedder, storage: links.storage.clone(), clock: clock.clone() }
}

fn search_parts(postgres: &Postgres, keyword: Arc<dyn KeywordIndex>, model: Arc<dyn Embedder>) -> SearchParts {
    SearchParts { reads: postgres.search_reads(), keyword, embedder: Arc::new(RememberedQueries::new(model)) }
}

fn operator(postgres: &Postgres, nats: &Nats, keyword: Arc<Keyword>) -> Arc<Operator> {
    Arc::new(Operator { store: postgres.projection_store(), events: nats.log(), derived: nats.derived(), keyword })
}

/// Where the model's files are; fetched at the first call if need be.
fn model_folder(cache_dir: &Path) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    // A target of its own: the first fetch takes a while, and is told also where other steps are not.
    Ok(runtime::model_dir(cache_dir, &|step| tracing::info!(target: "second_brain::fetching", "{step}"))?)
}

fn serve(
    state: ApiState,
    socket: std::net::TcpListener,
    whole: bool,
) -> anyhow::Result<(ServerHandle, JoinHandle<std::io::Result<()>>)> {
    let origins = state.live.origins.clone();
    let configure = api::configure(state, whole);
    let (places, connections_max) = door::places();
    let counted = places.clone();
    let app = move || {
        let (plain, places) = (from_fn(api::compression::short_stay_plain), places.clone());
        let spare = from_fn(move |request, next| api::connections::spare(places.clone(), request, next));
        let cors = Condition::new(!origins.is_empty(), api::cors::of(&origins));
        let sealed = from_fn(api::headers::seal);
        App::new().wrap(plain).wrap(Compress::default()).wrap(cors).wrap(sealed).wrap(spare).configure(configure.clone())
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = HttpServer::new(app)
        .workers(workers)
        .max_connections(connections_max / workers)
        .on_connect(door::on_connect(counted))
        .disable_signals()
        .shutdown_timeout(DRAIN_S)
        .keep_alive(KEEP_ALIVE)
        .listen(socket)
        .context("cannot serve on the listening socket")?
        .run();
    let handle = server.handle();
    #[allow(clippy::disallowed_methods, reason = "wiring owns this task and awaits it when it stops")]
    let serving = tokio::spawn(server);
    Ok((handle, serving))
}

/// This process and the servers that it knows.
fn parts_of(servers: Arc<dyn Fn() -> Vec<Part> + Send + Sync>) -> Arc<dyn Fn() -> Vec<Part> + Send + Sync> {
    Arc::new(move || {
        let brain = Part { name: "brain".into(), version: env!("CARGO_PKG_VERSION").into(), state: "running".into() };
        std::iter::once(brain).chain(servers()).collect()
    })
}

/// Wakes those who wait here for commits that another process has made. While nothing is heard they look by themselves.
async fn listen_to_commits(nats: Nats, postgres: Postgres, stop: CancellationToken) {
    let listen = async {
        loop {
            match nats.commits().await {
                Ok(mut commits) => {
                    while let Some((projection, seq)) = commits.next().await {
                        postgres.on_applied(&projection)(seq);
                    }
                }
                Err(cause) => tracing::debug!(%cause, "commits are not heard"),
            }
            tokio::time::sleep(RELISTEN).await;
        }
    };
    let _: Option<std::convert::Infallible> = stop.run_until_cancelled(listen).await;
}
