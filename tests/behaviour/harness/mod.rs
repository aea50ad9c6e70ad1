//! One nats-server and one Postgres for all tests of this process; a prefix, a database and a brain for each test.

pub mod alone;
pub mod drafts;
mod fleet;
pub mod history;
mod memories;
pub mod npm;
mod proxy;
pub mod scan;
mod sink;
pub mod socket;
mod transit;
mod waiting;

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use reqwest::{Method, StatusCode};
use second_brain::{
    adapters::{
        nats::{Access, Nats},
        postgres::Postgres,
        system::SystemClock,
        vault::{self, MasterKey},
    },
    app::access::secret::fresh_key,
    caches,
    commands::Commands,
    config::{Auth, Config, Security, Webhooks},
    domain::{
        ids::{MemoryId, Revision, SpaceId},
        memory::ScriptTags,
    },
    fanout::webhooks::Settings,
    journal::{
        delegation::Kept,
        derived::{self, FactKey},
        subject::Prefix,
    },
    ports::{Clock, EventAppender, EventLog, storage::Storage, webhooks::Vault},
    projectors::{Definition, keeper::prepare},
    runtime::{Durability, Options, Programs, Servers},
    wiring::{Brain, Inward, Links, Outward, Place, Roles, credentials},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor};

pub use fleet::{Fleet, Member};
pub use memories::{canary, code};
pub use proxy::Proxy;
pub use sink::{Answer, Request, Sink};
pub use transit::Transit;
pub use waiting::{DEADLINE, WORK_MAX, done, eventually, finished, output_of, soon, within};

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);
static NEXT: AtomicU32 = AtomicU32::new(1);

struct Shared {
    servers: Arc<Servers>,
    folder: PathBuf,
    users: usize,
}

/// Starts the servers for the first test and stops them after the last one that runs.
fn servers() -> Arc<Servers> {
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(running) = shared.as_mut() {
        running.users += 1;
        return running.servers.clone();
    }
    let folder = std::env::temp_dir().join(format!("second-brain-behaviour-{}", std::process::id()));
    let progress = Arc::new(|step: &str| eprintln!("{step}"));
    let options = Options { data_dir: folder.clone(), durability: Durability::Os, programs: programs(), progress };
    let servers = Arc::new(Servers::start(options).expect("the embedded servers start"));
    *shared = Some(Shared { servers: servers.clone(), folder, users: 1 });
    servers
}

/// What the environment says of the servers' programs.
fn programs() -> Programs {
    Config::of_environment().expect("good settings").servers.programs
}

/// One use of the servers ends; the last user stops them and removes their folder.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(running) = shared.as_mut() else { return };
        running.users -= 1;
        if running.users == 0 {
            let Some(Shared { servers, folder, .. }) = shared.take() else { return };
            drop(servers);
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A folder for a brain's own servers: their account can reach it also when root runs the test.
pub fn reachable() -> tempfile::TempDir {
    let place = tempfile::tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("its own");
    place
}

fn fresh_name() -> String {
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn create_database(servers: &Servers, name: &str) {
    let mut admin = sqlx::PgConnection::connect(&servers.postgres().admin_url("postgres")).await.expect("connects");
    let create = format!("CREATE DATABASE {name} OWNER brain_owner");
    admin.execute(AssertSqlSafe(create)).await.expect("creates a database");
    // As where one user owns the database and readers take their role on.
    admin.execute("GRANT brain_app TO brain_owner").await.expect("granted");
}

/// Projections' tables in a database of a test's own, without a brain that fills them.
pub struct Tables {
    pub postgres: Postgres,
    pub owner_url: String,
    servers: Arc<Servers>,
    lease: Lease,
}

impl Tables {
    pub async fn new(definitions: &[Definition]) -> Self {
        let servers = tokio::task::spawn_blocking(servers).await.expect("starts");
        let name = fresh_name();
        create_database(&servers, &name).await;
        let owner_url = servers.postgres().owner_url(&name);
        let postgres = Postgres::connect(&owner_url, &servers.postgres().app_url(&name)).await.expect("connects");
        let store = postgres.projection_store();
        for definition in definitions {
            prepare(&*store, definition).await.expect("installs");
        }
        Self { postgres, owner_url, servers, lease: Lease }
    }

    pub async fn end(self) {
        let Self { postgres, servers, lease, .. } = self;
        postgres.close().await;
        drop(servers);
        drop(lease);
    }
}

/// A brain of a test's own.
pub struct World {
    brain: Option<Brain>,
    servers: Option<Arc<Servers>>,
    folder: tempfile::TempDir,
    name: String,
    client: reqwest::Client,
    settings: Settings,
    caching: caches::Settings,
    /// In place of the disk's own watch.
    storage: Option<Arc<dyn Storage>>,
    origins: Vec<String>,
    inward: Inward,
    security: Security,
    script_tags: ScriptTags,
    webhooks: Webhooks,
    /// Of servers that are the test's own.
    servers_folder: Option<PathBuf>,
    /// How people log in, and the port that they come back to.
    auth: (Auth, u16),
    /// To NATS and to Postgres.
    proxies: Option<[Proxy; 2]>,
    /// Absent where the servers are the test's own.
    _lease: Option<Lease>,
}

/// What came back over HTTP.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl World {
    pub async fn new() -> Self {
        let mut world = Self::unstarted().await;
        world.start().await;
        world
    }

    /// A brain that switches failing endpoints off after this.
    pub async fn that_disables_after(limit: Duration) -> Self {
        let mut world = Self::unstarted().await;
        world.settings.disable_after = limit;
        world.start().await;
        world
    }

    /// A brain that pages of this site may call.
    pub async fn that_allows(origin: &str) -> Self {
        let mut world = Self::unstarted().await;
        world.origins = vec![origin.to_owned()];
        world.start().await;
        world
    }

    /// A brain that lets clients in so.
    pub async fn that_lets_in(inward: Inward) -> Self {
        let mut world = Self::unstarted().await;
        world.inward = inward;
        world.start().await;
        world
    }

    /// A brain that treats secrets so.
    pub async fn with_security(security: Security) -> Self {
        let mut world = Self::unstarted().await;
        world.security = security;
        world.start().await;
        world
    }

    /// A brain that treats webhooks so.
    pub async fn with_webhooks(webhooks: Webhooks) -> Self {
        let mut world = Self::unstarted().await;
        world.webhooks = webhooks;
        world.start().await;
        world
    }

    /// A brain on this port by which people log in.
    pub async fn that_people_log_in_to(auth: Auth, port: u16) -> Self {
        let mut world = Self::unstarted().await;
        world.auth = (auth, port);
        world.start().await;
        world
    }

    /// A brain that keeps script tags.
    pub async fn that_allows_script_tags() -> Self {
        let mut world = Self::unstarted().await;
        world.script_tags = ScriptTags::Allow;
        world.start().await;
        world
    }

    /// A brain that asks every kept answer again and counts those that are stale.
    pub async fn that_audits() -> Self {
        let mut world = Self::unstarted().await;
        world.caching.audit_every = 1;
        world.start().await;
        world
    }

    /// A brain that asks this whether there is room on its disk.
    pub async fn that_asks_for_room(storage: Arc<dyn Storage>) -> Self {
        let mut world = Self::unstarted().await;
        world.storage = Some(storage);
        world.start().await;
        world
    }

    /// A brain whose ways to its servers can be cut.
    pub async fn behind_proxies() -> Self {
        let mut world = Self::unstarted().await;
        let servers = world.servers.as_ref().expect("held");
        let nats_port = servers.nats().url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        world.proxies = Some([Proxy::to(nats_port).await, Proxy::to(servers.postgres().port).await]);
        world.start().await;
        world
    }

    /// A brain with servers of its own, which a test may kill.
    pub async fn with_own_servers() -> Self {
        let data_dir = std::env::temp_dir().join(format!("second-brain-{}", fresh_name()));
        let servers_folder = Some(data_dir.clone());
        let options = Options { data_dir, durability: Durability::Power, programs: programs(), progress: Arc::new(|_: &str| ()) };
        let started = tokio::task::spawn_blocking(move || Servers::start(options)).await.expect("no panic");
        let mut world = Self::on(Arc::new(started.expect("the embedded servers start")), None).await;
        world.servers_folder = servers_folder;
        world.start().await;
        world
    }

    /// kill -9 of one of the test's own servers, by its name in status.
    pub fn kill(&self, name: &str) {
        let parts = self.servers.as_ref().expect("held").parts();
        let pid = parts.into_iter().find(|part| part.name == name).and_then(|part| part.pid).expect("it runs");
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
        assert!(killed.success());
    }

    pub fn nats_proxy(&self) -> &Proxy {
        &self.proxies.as_ref().expect("behind proxies")[0]
    }

    pub fn postgres_proxy(&self) -> &Proxy {
        &self.proxies.as_ref().expect("behind proxies")[1]
    }

    async fn unstarted() -> Self {
        Self::on(tokio::task::spawn_blocking(servers).await.expect("starts"), Some(Lease)).await
    }

    async fn on(servers: Arc<Servers>, lease: Option<Lease>) -> Self {
        second_brain::adapters::http::install_tls();
        let name = fresh_name();
        create_database(&servers, &name).await;
        let folder = tempfile::tempdir().expect("a folder");
        let client = client();
        let (breaker_recovery, settle_every) = (Duration::from_millis(300), Duration::from_millis(20));
        let settings = Settings { breaker_recovery, settle_every, ..Settings::default() };
        let caching = caches::Settings::default();
        let (brain, servers, storage, proxies, origins) = (None, Some(servers), None, None, vec![]);
        let script_tags = ScriptTags::default();
        let webhooks = Webhooks::default();
        Self {
            brain,
            servers,
            folder,
            name,
            client,
            settings,
            caching,
            storage,
            origins,
            inward: Inward::default(),
            security: Security::default(),
            script_tags,
            webhooks,
            servers_folder: None,
            auth: Default::default(),
            proxies,
            _lease: lease,
        }
    }

    async fn start(&mut self) {
        self.brain = Some(self.started().await.expect("it starts"));
    }

    async fn started(&self) -> anyhow::Result<Brain> {
        let (auth, port) = self.auth.clone();
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        let prefix = Prefix::parse(&self.name).expect("a good prefix");
        let (settings, allowed_origins) = (self.settings, self.origins.clone());
        let webhooks = Webhooks { allow_loopback: true, ..self.webhooks.clone() };
        let security = self.security.clone();
        let outward = Outward { webhooks, security, settings, allowed_origins };
        let (data_dir, roles, caching, script_tags) = (self.folder.path(), Roles::all(), self.caching, self.script_tags);
        let (cache_dir, inward) = (programs().cache_dir, self.inward.clone());
        let place = Place { data_dir, prefix, listen, roles, outward, inward, auth, caching, script_tags, cache_dir };
        let servers = self.servers.clone().expect("held until the end");
        let mut links = Links::embedded(&servers, &self.name);
        if let Some(storage) = &self.storage {
            links.storage = storage.clone();
        }
        if let Some([nats, postgres]) = &self.proxies {
            links.nats.url = format!("nats://127.0.0.1:{}", nats.port);
            let (theirs, ours) = (format!(":{}/", servers.postgres().port), format!(":{}/", postgres.port));
            links.owner_url = links.owner_url.replace(&theirs, &ours);
            links.app_url = links.app_url.replace(&theirs, &ours);
        }
        done("the brain starts", Brain::start(links, place)).await
    }

    /// Stops the brain and starts it again on the same log and database.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    async fn stop(&mut self) {
        done("the brain stops", self.brain.take().expect("runs").stop()).await;
    }

    /// Starts the brain again as one that refuses script tags.
    pub async fn refuse_script_tags(&mut self) {
        self.script_tags = ScriptTags::Refuse;
        self.restart().await;
    }

    /// Stops the brain, lets something happen to its folder, and starts it again.
    pub async fn restart_after(&mut self, happens: impl FnOnce(&std::path::Path)) {
        if self.brain.is_some() {
            self.stop().await;
        }
        happens(self.folder.path());
        self.start().await;
    }

    /// Stops the brain, lets something happen to its folder, and is told why it does not start any more.
    pub async fn refused_after(&mut self, happens: impl FnOnce(&std::path::Path)) -> String {
        if self.brain.is_some() {
            self.stop().await;
        }
        happens(self.folder.path());
        format!("{:#}", self.started().await.err().expect("it does not start"))
    }

    /// Where the test's own servers keep their files.
    pub fn servers_folder(&self) -> &std::path::Path {
        self.servers_folder.as_deref().expect("its own servers")
    }

    /// The newest message of every data key, by its subject; empty where the key was destroyed.
    pub async fn data_keys(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let (_, stream) = self.stream_of("KEYS_1").await;
        let config = async_nats::jetstream::consumer::pull::OrderedConfig {
            filter_subject: format!("{}.key.1.*.*", self.name),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let (mut found, mut pending) = (std::collections::BTreeMap::new(), consumer.cached_info().num_pending);
        let mut messages = consumer.messages().await.expect("messages");
        while pending > 0 {
            let message = messages.try_next().await.expect("read").expect("more");
            pending = message.info().expect("of a stream").pending;
            found.insert(message.subject.to_string(), message.payload.to_vec());
        }
        found
    }

    /// Forgets what the log knows of master keys, as if an earlier version had written it.
    pub async fn forget_key_ring(&self) {
        let (context, stream) = self.stream_of("VAULT").await;
        let name = stream.cached_info().config.name.clone();
        context.delete_stream(name).await.expect("deleted");
    }

    /// Throws the read models away and starts again: the log alone must be enough.
    pub async fn restart_without_read_models(&mut self) {
        self.stop().await;
        let admin_url = self.servers.as_ref().expect("held").postgres().admin_url("postgres");
        let mut admin = sqlx::PgConnection::connect(&admin_url).await.expect("connects");
        for statement in
            [format!("DROP DATABASE {} WITH (FORCE)", self.name), format!("CREATE DATABASE {} OWNER brain_owner", self.name)]
        {
            admin.execute(AssertSqlSafe(statement)).await.expect("the database is made anew");
        }
        self.start().await;
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn key(&self) -> &str {
        &self.brain.as_ref().expect("runs").credentials.api_key
    }

    /// Where the brain serves, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.brain.as_ref().expect("runs").credentials.url
    }

    /// A request with the owner's key; `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).bearer_auth(self.key())
    }

    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = &self.brain.as_ref().expect("runs").credentials.url;
        self.client.request(method, format!("{url}{path}"))
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        reply(self.request(method, path).json(&body)).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        reply(self.request(Method::GET, path)).await
    }

    /// Asks until the answer has this status; a part that comes back, or a loaded machine, needs a moment.
    pub async fn get_until(&self, path: &str, status: StatusCode) -> Reply {
        eventually(format!("{path} answers {status}"), async || {
            let reply = self.get(path).await;
            if reply.status == status { Ok(reply) } else { Err(reply) }
        })
        .await
    }

    /// Runs statements in the read models' database, as its owner.
    pub async fn sql(&self, statements: &str) {
        let url = self.servers.as_ref().expect("held").postgres().owner_url(&self.name);
        let mut owner = sqlx::PgConnection::connect(&url).await.expect("connects");
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut owner).await.expect("the statements run");
    }

    /// A connection to the read models' database as the role of those who answer questions.
    pub async fn as_reader(&self) -> sqlx::PgConnection {
        let url = self.servers.as_ref().expect("held").postgres().app_url(&self.name);
        sqlx::PgConnection::connect(&url).await.expect("connects")
    }

    /// Runs a verb of the command line against this brain.
    pub async fn brain(&self, arguments: &[&str]) -> std::process::Output {
        finished(self.command(arguments)).await
    }

    /// A verb of the command line against this brain, not yet run; what it says is kept for whoever runs it.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_brain"));
        command.args(arguments).env("BRAIN_URL", self.url()).env("BRAIN_API_KEY", self.key());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn nats(&self) -> Nats {
        let access = self.servers.as_ref().expect("held").nats();
        let access =
            Access { url: access.url.clone(), user: access.user.clone(), password: access.password.clone(), replicas: 1 };
        Nats::connect(&access, Prefix::parse(&self.name).expect("a good prefix")).await.expect("connects")
    }

    /// The name and the seed of the key that signs access tokens.
    pub async fn signing_key(&self) -> (String, [u8; 32]) {
        let mut told = self.nats().await.delegations().tell().await.expect("tells");
        let place = vault::place::Place { path: self.folder.path().join("master.key"), source: vault::place::Source::File };
        let vault = MasterKey::open(place).await.expect("the master key").expect("is there");
        loop {
            let next = done("a key is told of", told.next()).await.expect("goes on").expect("told");
            if let Some(Kept::Key(key)) = next.kept {
                let seed = vault.unseal(&format!("signing key {}", key.id), &key.sealed_seed).expect("sealed here");
                return (key.id, seed.try_into().expect("32 bytes"));
            }
        }
    }

    /// Where nats-server tells how it is.
    pub fn monitor_url(&self) -> String {
        self.servers.as_ref().expect("held").nats().monitor_url.clone()
    }

    /// A number that is kept beside the sessions.
    pub async fn mark(&self, name: &str) -> Option<u64> {
        self.nats().await.marks().read(name).await.expect("the stream answers").map(|(_, number)| number)
    }

    /// The log itself, beside the brain.
    pub async fn log(&self) -> Arc<dyn EventLog> {
        self.nats().await.log()
    }

    /// A way into the log, past all that a brain checks.
    pub async fn appender(&self) -> Arc<dyn EventAppender> {
        self.nats().await.appender()
    }

    /// The stream of events, and the way to it.
    async fn stream(&self) -> (async_nats::jetstream::Context, async_nats::jetstream::stream::Stream) {
        self.stream_of("EVENTS").await
    }

    async fn stream_of(&self, stem: &str) -> (async_nats::jetstream::Context, async_nats::jetstream::stream::Stream) {
        let access = self.servers.as_ref().expect("held").nats();
        let options = async_nats::ConnectOptions::with_user_and_password(access.user.clone(), access.password.clone());
        let context = async_nats::jetstream::new(options.connect(&access.url).await.expect("connects"));
        let stream = context.get_stream(format!("{}_{stem}", self.name)).await.expect("the stream");
        (context, stream)
    }

    /// Deletes everybody's places in the log, as nats-server does of those that are silent for long.
    pub async fn forget_readers(&self) {
        let (_, stream) = self.stream().await;
        let names: Vec<String> = stream.consumer_names().try_collect().await.expect("the names");
        assert!(!names.is_empty(), "somebody reads");
        for name in names {
            stream.delete_consumer(&name).await.expect("deleted");
        }
    }

    /// Lets the log forget message ids after this long.
    pub async fn forget_duplicates_after(&self, window: Duration) {
        let (context, stream) = self.stream().await;
        let mut config = stream.cached_info().config.clone();
        config.duplicate_window = window;
        context.update_stream(config).await.expect("updated");
    }

    /// Defines the stream of vectors as the first releases had it.
    pub async fn define_vectors_as_before(&self) {
        let (context, stream) = self.stream_of("DERIVED").await;
        let mut config = stream.cached_info().config.clone();
        (config.max_messages_per_subject, config.allow_rollup) = (1, false);
        context.update_stream(config).await.expect("updated");
    }

    /// How many vectors of a memory the stream holds.
    pub async fn vectors_of(&self, id: &str) -> usize {
        let derived = self.nats().await.derived();
        derived.of_aggregate(&SpaceId::default_space(), ("embedding", id)).await.expect("the log answers").len()
    }

    /// How many messages with a data key of this memory there are.
    pub async fn keys_of(&self, id: &str) -> usize {
        let (_, stream) = self.stream_of("KEYS_1").await;
        let (mut keys, state) = (0, stream.cached_info().state.clone());
        for seq in state.first_sequence..=state.last_sequence {
            let Ok(message) = stream.get_raw_message(seq).await else { continue };
            keys += usize::from(message.subject.ends_with(id) && !message.payload.is_empty());
        }
        keys
    }

    /// Destroys the data key of a memory and nothing else.
    pub async fn lose_key_of(&self, id: &str) {
        self.nats().await.data_keys().destroy(&SpaceId::default_space(), id).await.expect("destroyed");
    }

    /// Up to where the log was told that webhooks have had everything.
    pub async fn settled(&self) -> u64 {
        let recorded = self.nats().await.derived().newest(&FactKey::Dispatcher).await.expect("the log answers");
        recorded.map_or(0, |recorded| derived::dispatcher(&recorded.event).expect("its shape").position)
    }

    /// Records a vector of a text that a memory had before, as an embedder does that comes too late; answers its place among vectors.
    pub async fn embed_late(&self, id: &str, text: &str) -> u64 {
        let (nats, space, id) = (self.nats().await, SpaceId::default_space(), MemoryId(id.parse().expect("an id")));
        let key = FactKey::embedding("minilm-l6-v2", &space, id);
        let newest = nats.derived().newest(&key).await.expect("the log answers").expect("it has a vector");
        let mut data = derived::embedding(&newest.event).expect("its shape");
        data.content_hash = derived::content_hash(text);
        // Two vectors for one position would be the same wish.
        data.memory_position -= 1;
        let event = derived::embedding_event(&space, id, &data, Revision(1), SystemClock.now());
        nats.fact_appender().append(&key, &event, Some(newest.seq)).await.expect("recorded").0
    }

    /// A key to another space, known to the brain when this returns.
    pub async fn stranger(&self) -> String {
        let nats = self.nats().await;
        let commands = Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock));
        let key = fresh_key(&MasterKey::absent());
        let space = "stranger".parse().expect("a space");
        credentials::record(&commands, &key, space, SystemClock.now()).await.expect("recorded");
        eventually("the new key is known", async || {
            let answer = reply(self.anonymous(Method::GET, "/api/v1/memories").bearer_auth(&key)).await;
            if answer.status == StatusCode::UNAUTHORIZED { Err(answer) } else { Ok(()) }
        })
        .await;
        key
    }

    /// Ends the brain in order; the database goes with the servers.
    pub async fn end(mut self) {
        self.stop().await;
        self.servers = None;
    }
}

/// A client that gives an answer up of which nothing has come for long.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().read_timeout(WORK_MAX).build().expect("a client")
}

pub async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Reply { status, headers, body }
}
