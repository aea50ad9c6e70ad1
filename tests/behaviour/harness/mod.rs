//! A brain for each test, on a prefix and a database of its own, and the way to talk with it.

pub mod alone;
pub mod drafts;
mod fleet;
pub mod history;
mod memories;
pub mod npm;
mod proxy;
pub mod scan;
mod servers;
mod sink;
pub mod socket;
mod stores;
mod transit;
mod waiting;

use std::{net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use second_brain::{
    adapters::{system::SystemClock, vault::MasterKey},
    app::access::secret::fresh_key,
    caches,
    commands::Commands,
    config::{Auth, Config, Models, Search, Security, Webhooks},
    domain::memory::ScriptTags,
    fanout::webhooks::Settings,
    journal::subject::Prefix,
    ports::{Clock, storage::Storage},
    runtime::{Durability, Options, Servers},
    wiring::{Brain, Inward, Links, Outward, Place, Roles, credentials},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor};

use self::servers::{Lease, create_database, fresh_name, programs, servers};
pub use fleet::{Fleet, Member};
pub use memories::{canary, code};
pub use proxy::Proxy;
pub use servers::{Tables, reachable};
pub use sink::{Answer, Request, Sink};
pub use transit::Transit;
pub use waiting::{DEADLINE, WORK_MAX, done, eventually, finished, output_of, soon, within};

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
    searching: Search,
    webhooks: Webhooks,
    models: Models,
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
        Self::unstarted().await.that(|_| ()).await
    }

    /// Sets something of a brain that does not run yet, and starts it.
    async fn that(mut self, is_set: impl FnOnce(&mut Self)) -> Self {
        is_set(&mut self);
        self.start().await;
        self
    }

    /// A brain that switches failing endpoints off after this.
    pub async fn that_disables_after(limit: Duration) -> Self {
        Self::unstarted().await.that(|world| world.settings.disable_after = limit).await
    }

    /// A brain that pages of this site may call.
    pub async fn that_allows(origin: &str) -> Self {
        Self::unstarted().await.that(|world| world.origins = vec![origin.to_owned()]).await
    }

    /// A brain that lets clients in so.
    pub async fn that_lets_in(inward: Inward) -> Self {
        Self::unstarted().await.that(|world| world.inward = inward).await
    }

    /// A brain that has so much room for vectors in memory.
    pub async fn with_room_for_vectors(vectors_max_bytes: u64) -> Self {
        Self::unstarted().await.that(|world| world.searching = Search { vectors_max_bytes }).await
    }

    /// A brain that treats secrets so.
    pub async fn with_security(security: Security) -> Self {
        Self::unstarted().await.that(|world| world.security = security).await
    }

    /// A brain with these models.
    pub async fn with_models(models: Models) -> Self {
        Self::unstarted().await.that(|world| world.models = models).await
    }

    /// A brain that treats webhooks so.
    pub async fn with_webhooks(webhooks: Webhooks) -> Self {
        Self::unstarted().await.that(|world| world.webhooks = webhooks).await
    }

    /// A brain on this port by which people log in.
    pub async fn that_people_log_in_to(auth: Auth, port: u16) -> Self {
        Self::unstarted().await.that(|world| world.auth = (auth, port)).await
    }

    /// A brain that keeps script tags.
    pub async fn that_allows_script_tags() -> Self {
        Self::unstarted().await.that(|world| world.script_tags = ScriptTags::Allow).await
    }

    /// A brain that asks every kept answer again and counts those that are stale.
    pub async fn that_audits() -> Self {
        Self::unstarted().await.that(|world| world.caching.audit_every = 1).await
    }

    /// A brain that asks this whether there is room on its disk.
    pub async fn that_asks_for_room(storage: Arc<dyn Storage>) -> Self {
        Self::unstarted().await.that(|world| world.storage = Some(storage)).await
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
            searching: Search::default(),
            webhooks,
            models: Config::of_environment().expect("good settings").models,
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
        let (cache_dir, inward, searching) = (programs().cache_dir, self.inward.clone(), self.searching);
        let models = self.models.clone();
        let place =
            Place { data_dir, prefix, listen, roles, outward, inward, auth, caching, script_tags, models, searching, cache_dir };
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
