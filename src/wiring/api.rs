//! The role `api`: the use cases, and the edge that asks them. A process without it tells how it stands, and nothing else: it has no keyword
//! index, no kept answers and no model for queries.

use std::{path::Path, sync::Arc};

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{
    caches, core::Core, credentials, eraser, login, positions::AllPositions, vault::ProvenKeys, vectors, webhooks::Outward,
};
use crate::{
    adapters::{nats::Nats, oidc::Way, postgres::Postgres, system::SystemIds},
    api::{
        Edge,
        http::limits::Limits,
        live::{Live, auth::LiveAuth},
    },
    app::{
        App, Reading, Writing,
        access::{Access, LastUse},
        admission::Queues,
        audit::Audit,
        caches::KeptAnswers,
        delegations::Delegations,
        erasures::Erasures,
        events::Events,
        graph::Graph,
        memories::Memories,
        projections::Projections,
        relationships::Relationships,
        search::Search,
        status::Overview,
        webhooks::Webhooks,
    },
    caches::{Caches, Settings, embeddings::RememberedQueries},
    config,
    domain::ids::{KeyId, SpaceId},
    fanout::{live::Hub, webhooks::Parts},
    ports::{AccessDirectory, Embedder, IdSource, KeywordIndex, Positions, Reranker, SearchReads, webhooks::Vault},
    projectors::{directory::Directory, keyword::Keyword},
    queries::{opened::Opened, search::SearchParts, status::Part},
    replay::Operator,
    telemetry,
};

/// Pause before commits are listened to again.
const RELISTEN: std::time::Duration = std::time::Duration::from_secs(1);

/// Whether a process is ready; `Err` says in one sentence what is not.
pub(super) type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the role needs beside what all parts share.
pub(super) struct Needs<'a> {
    pub data_dir: &'a Path,
    pub credentials: &'a credentials::Credentials,
    pub outward: Outward,
    pub auth: config::Auth,
    pub webhooks: Parts,
    pub caching: Settings,
    pub model: Arc<dyn Embedder>,
    /// The keyword index of this process.
    pub index: Arc<dyn KeywordIndex>,
    pub searching: config::Search,
    /// Whether this process destroys what erased memories have left.
    pub erases: bool,
    pub ready: Ready,
    /// What reranks, and whether every search is reranked that does not say it.
    pub reranking: (Option<Arc<dyn Reranker>>, bool),
    pub requests_per_s: u32,
    /// Ends the live connections.
    pub stop_live: &'a CancellationToken,
}

/// Follows what the role needs of the log, and puts the use cases together.
pub(super) async fn start(core: &Core, needs: Needs<'_>, master: ProvenKeys) -> anyhow::Result<Edge> {
    let Needs { data_dir, credentials, outward, auth, webhooks, caching, model, index, searching, .. } = needs;
    let Needs { erases, ready, stop_live, .. } = needs;
    let (requests_per_s, (reranker, reranks)) = (needs.requests_per_s, needs.reranking);
    let (keyword, directory) = (Keyword::new(index.clone()), Arc::new(Directory::default()));
    core.tasks.spawn(directory.clone().follow(core.nats.log(), core.stop.clone()));
    core.tasks.spawn(keyword.clone().follow(core.nats.log(), core.stop.clone()));
    core.tasks.spawn(listen_to_commits(core.nats.clone(), core.postgres.clone(), core.stop.clone()));
    let known = credentials::record(&core.commands, &credentials.api_key, SpaceId::default_space(), core.clock.now()).await?;
    directory.reached(known).await;
    let of_postgres = core.postgres.positions();
    let of_vectors = vectors::tail(core);
    let semantic = vectors::start(core, model.model(), searching.vectors_max_bytes, &of_vectors)?;
    let own = AllPositions { postgres: of_postgres, keyword: keyword.clone(), semantic: semantic.clone() };
    let positions: Arc<dyn Positions> = Arc::new(own);
    if erases {
        eraser::start(core, data_dir, (model.model(), Some(index.clone()), positions.clone()));
    }
    let caches = caches::start(core, caching, positions.clone(), (index.clone(), model.model()), &of_vectors).await;
    let (queues, ids): (_, Arc<dyn IdSource>) = (Arc::new(Queues::default()), Arc::new(SystemIds));
    let reading = Arc::new(Reading {
        commands: core.commands.clone(),
        positions: positions.clone(),
        log: core.nats.log(),
        history: core.postgres.history_reads(),
        caches: caches.clone(),
        queues: queues.clone(),
    });
    let writing = Arc::new(Writing { commands: core.commands.clone(), ids: ids.clone() });
    let reads = core.postgres.search_reads();
    let embedder = Arc::new(RememberedQueries::new(model));
    let search = SearchParts { reads: reads.clone(), keyword: index, vectors: Some(semantic), embedder, reranker };
    let key = credentials::key_id(&credentials.api_key);
    let way = login::way(core)?;
    let status =
        overview(core, (positions.clone(), caches.clone(), reads), (directory.clone(), key), (ready, parts_of(core, &way)));
    let events = Arc::new(Events { feed: core.tail.clone(), log: core.nats.log() });
    let sessions = login::sessions(core, &auth, webhooks.vault.clone()).await;
    let opened = login::Opened { sessions: sessions.clone(), directory: directory.clone(), writing: writing.clone() };
    let clients = auth.clients.clone();
    let login = login::login(core, auth, credentials, (opened, webhooks.vault.clone()), &way)?;
    let delegations = login::delegations(core, &sessions, webhooks.vault.clone()).await;
    let oauth = login::oauth(&login, clients, delegations.clone());
    let (clock, vault, tokens) = (core.clock.clone(), webhooks.vault.clone(), oauth.tokens.clone());
    let auth = LiveAuth { directory: directory.clone(), sessions: sessions.clone(), clock, vault, tokens };
    let hub = Hub::new(core.tail.clone(), core.nats.log(), core.nats.epoch().await?);
    let (origins, stop) = (outward.allowed_origins, stop_live.clone());
    let live = Live { hub, auth, origins, events: events.clone(), ids, stop };
    let app = App {
        access: access(core, &writing, (&directory, delegations), &webhooks.vault),
        memories: memories(core, &reading, &writing, &directory),
        relationships: relationships(core, &reading, &writing),
        search: Arc::new(Search { reading: reading.clone(), parts: search, reranks, derived: core.nats.derived() }),
        graph: Arc::new(Graph { reading: reading.clone(), graph: core.postgres.graph_reads() }),
        erasures: Arc::new(Erasures { reading: reading.clone(), erasures: core.postgres.erasure_reads() }),
        events,
        audit: Arc::new(Audit { log: core.nats.log(), directory: directory.clone(), sessions: sessions.clone() }),
        webhooks: webhooks_of(core, outward.webhooks.enabled, webhooks, (reading, writing)),
        projections: projections(core, keyword, (positions, caches.clone())),
        caches: Arc::new(KeptAnswers(caches)),
        login,
        oauth,
        vault: Arc::new(master.use_cases(core)),
        status,
    };
    let (metrics, limits) = (Arc::new(telemetry::metrics()), limits(core, requests_per_s));
    Ok(Edge { limits, app, live, queues, directory, clock: core.clock.clone(), metrics })
}

/// The limits of this process, which forgets those who have long done nothing.
fn limits(core: &Core, requests_per_s: u32) -> Arc<Limits> {
    let limits = Arc::new(Limits::new(requests_per_s));
    let (forgetful, stop) = (limits.clone(), core.stop.clone());
    core.tasks.spawn(async move { forgetful.forget(stop).await });
    limits
}

fn projections(core: &Core, keyword: Arc<Keyword>, (positions, caches): (Arc<dyn Positions>, Arc<Caches>)) -> Arc<Projections> {
    let (store, log, derived) = (core.postgres.projection_store(), core.nats.log(), core.nats.derived());
    let operator = Operator { store, events: core.nats.log(), derived: derived.clone(), keyword };
    Arc::new(Projections { operator: Arc::new(operator), log, derived, positions, caches })
}

fn access(
    core: &Core,
    writing: &Arc<Writing>,
    (directory, delegations): (&Arc<Directory>, Arc<Delegations>),
    vault: &Arc<dyn Vault>,
) -> Arc<Access> {
    let (writing, directory, vault) = (writing.clone(), directory.clone(), vault.clone());
    let (last_use, waiting) = LastUse::new(core.nats.marks(), core.clock.clone());
    let last_use = Arc::new(last_use);
    let (written, stop) = (last_use.clone(), core.stop.clone());
    core.tasks.spawn(async move { stop.run_until_cancelled(written.write(waiting)).await.is_some() });
    Arc::new(Access { writing, directory, clock: core.clock.clone(), vault, delegations, last_use })
}

fn memories(core: &Core, reading: &Arc<Reading>, writing: &Arc<Writing>, directory: &Arc<Directory>) -> Arc<Memories> {
    let keys = &core.data_keys;
    Arc::new(Memories {
        reading: reading.clone(),
        writing: writing.clone(),
        memories: Arc::new(Opened::new(core.postgres.memory_reads(), keys.clone())),
        selection: Arc::new(Opened::new(core.postgres.selection_reads(), keys.clone())),
        history: Arc::new(Opened::new(core.postgres.history_reads(), keys.clone())),
        directory: directory.clone(),
    })
}

fn relationships(core: &Core, reading: &Arc<Reading>, writing: &Arc<Writing>) -> Arc<Relationships> {
    Arc::new(Relationships { reading: reading.clone(), writing: writing.clone(), graph: core.postgres.graph_reads() })
}

fn webhooks_of(core: &Core, enabled: bool, parts: Parts, (reading, writing): (Arc<Reading>, Arc<Writing>)) -> Arc<Webhooks> {
    Arc::new(Webhooks {
        enabled,
        reading,
        writing,
        reads: core.postgres.webhook_reads(),
        log: core.nats.log(),
        vault: parts.vault.clone(),
        sender: parts.sender.clone(),
        prober: Arc::new(parts),
        clock: core.clock.clone(),
    })
}

fn overview(
    core: &Core,
    (positions, caches, search): (Arc<dyn Positions>, Arc<Caches>, Arc<dyn SearchReads>),
    (directory, file_key): (Arc<dyn AccessDirectory>, KeyId),
    (ready, parts): (Ready, Running),
) -> Arc<Overview> {
    Arc::new(Overview {
        log: core.nats.log(),
        derived: core.nats.derived(),
        positions,
        search,
        directory,
        file_key,
        clock: core.clock.clone(),
        caches,
        parts,
        ready,
    })
}

/// How a process stands that has other roles only.
pub(super) fn overview_alone(core: &Core, credentials: &credentials::Credentials, ready: Ready) -> Arc<Overview> {
    let positions = core.postgres.positions();
    let (caches, search) = (caches::none(positions.clone()), core.postgres.search_reads());
    let (key, directory) = (credentials::key_id(&credentials.api_key), Arc::new(Directory::default()));
    // Who asks for metrics from elsewhere shows a key here as well.
    core.tasks.spawn(directory.clone().follow(core.nats.log(), core.stop.clone()));
    overview(core, (positions, caches, search), (directory, key), (ready, own_parts(core)))
}

/// What a process tells of the parts that run.
type Running = Arc<dyn Fn() -> Vec<Part> + Send + Sync>;

/// The same, and login providers of which something is to be said.
fn parts_of(core: &Core, way: &Way) -> Running {
    let (own, clocks) = (own_parts(core), login::wrong_clocks(way));
    Arc::new(move || own().into_iter().chain(clocks()).collect())
}

/// This process and the servers that it knows.
fn own_parts(core: &Core) -> Running {
    let servers = core.links.parts.clone();
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
