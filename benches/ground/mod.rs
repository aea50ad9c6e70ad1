//! The ground that all measurements stand on: real servers in a folder of their own, alternating rounds, medians and ratios.
//! Every claim is printed with the limit that was measured in the same run, so that a slow machine slows both.

#![allow(dead_code, reason = "each bench uses its part of the ground")]

pub mod client;
pub mod dice;
pub mod language;
pub mod library;
pub mod mix;
pub mod processor;
pub mod read_model;
pub mod simulation;
pub mod sink;
pub mod sockets;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use second_brain::{
    adapters::{
        nats::{Access, Nats},
        postgres::Postgres,
    },
    caches,
    config::Config,
    journal::subject::Prefix,
    projectors::{definition, keeper::prepare},
    runtime::{Durability, Options, Servers},
    wiring::{Outward, Place, Roles},
};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// Servers of one durability, and their folder.
pub struct Ground {
    pub servers: Arc<Servers>,
    folder: PathBuf,
}

impl Ground {
    pub async fn new(durability: Durability) -> anyhow::Result<Self> {
        second_brain::adapters::http::install_tls();
        let folder = std::env::temp_dir().join(format!("second-brain-bench-{}-{durability:?}", std::process::id()));
        let programs = Config::of_environment()?.servers.programs;
        let progress = Arc::new(|step: &str| eprintln!("{step}"));
        let options = Options { data_dir: folder.clone(), durability, programs, progress };
        let servers = tokio::task::spawn_blocking(move || Servers::start(options)).await??;
        Ok(Self { servers: Arc::new(servers), folder })
    }

    pub async fn nats(&self, prefix: &str) -> anyhow::Result<Nats> {
        let access = self.servers.nats();
        let access =
            Access { url: access.url.clone(), user: access.user.clone(), password: access.password.clone(), replicas: 1 };
        Ok(Nats::connect(&access, Prefix::parse(prefix)?).await?)
    }

    /// A bare client, for measuring the limit.
    pub async fn bare_nats(&self) -> anyhow::Result<async_nats::Client> {
        let access = self.servers.nats();
        let options = async_nats::ConnectOptions::with_user_and_password(access.user.clone(), access.password.clone());
        Ok(options.connect(&access.url).await?)
    }

    /// A database of its own, empty but for the foundation.
    pub async fn database(&self, name: &str) -> anyhow::Result<Postgres> {
        let database = self.servers.postgres();
        let mut admin = sqlx::PgConnection::connect(&database.admin_url("postgres")).await?;
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name} OWNER brain_owner"))).await?;
        Ok(Postgres::connect(&database.owner_url(name), &database.app_url(name)).await?)
    }

    /// A database of its own whose index of vectors is left for later: filling it row by row takes ten times as long.
    pub async fn database_to_fill(&self, name: &str) -> anyhow::Result<()> {
        let postgres = self.database(name).await?;
        prepare(&*postgres.projection_store(), &definition::vectors()).await?;
        postgres.close().await;
        self.owner(name, "DROP INDEX vectors_v1.vectors_nearest").await
    }

    /// Makes the index of vectors anew, and has Postgres look at what the tables hold, as it does by itself after a while.
    pub async fn index(&self, name: &str) -> anyhow::Result<()> {
        self.owner(name, "DROP INDEX IF EXISTS vectors_v1.vectors_nearest").await?;
        let index = "CREATE INDEX vectors_nearest ON vectors_v1.vectors USING hnsw (embedding halfvec_cosine_ops)";
        self.owner(name, &format!("SET maintenance_work_mem = '4GB'; {index}")).await?;
        self.owner(name, "VACUUM ANALYZE").await
    }

    async fn owner(&self, name: &str, sql: &str) -> anyhow::Result<()> {
        let mut owner = sqlx::PgConnection::connect(&self.servers.postgres().owner_url(name)).await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut owner).await?;
        Ok(())
    }

    pub async fn end(self) -> anyhow::Result<()> {
        second_brain::wiring::stop_servers(self.servers).await?;
        std::fs::remove_dir_all(self.folder)?;
        Ok(())
    }
}

/// Where a brain of these roles stands in a bench: at a free port, with every setting left as it is.
pub fn place<'a>(data_dir: &'a Path, prefix: &str, roles: Roles) -> anyhow::Result<Place<'a>> {
    Ok(Place {
        inward: Default::default(),
        data_dir,
        prefix: Prefix::parse(prefix)?,
        listen: ([127, 0, 0, 1], 0).into(),
        roles,
        outward: Outward::default(),
        auth: Default::default(),
        caching: caches::Settings::default(),
        script_tags: Default::default(),
        models: Config::of_environment()?.models,
        searching: Default::default(),
        cache_dir: Config::of_environment()?.folders.cache_dir,
    })
}

/// Runs a bench as `brain` runs itself: the model leaves one processor to everything else.
pub fn run(bench: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        // SAFETY: there is one thread as yet, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(name, "1") };
    }
    // Bugs are not to pass in silence.
    let shown = tracing_subscriber::EnvFilter::new("error,second_brain::app::search::audit=debug");
    tracing_subscriber::fmt().with_env_filter(shown).with_writer(std::io::stderr).init();
    tokio::runtime::Runtime::new()?.block_on(bench)
}

/// What a process holds in memory.
pub fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which `share` (0–1) of them lie.
pub fn quantile(mut values: Vec<Duration>, share: f64) -> Duration {
    values.sort();
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// A number from the command line (`cargo bench --bench x -- --count 500`), else the default.
pub fn setting(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != &format!("--{name}"));
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}
