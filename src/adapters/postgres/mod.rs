//! Postgres as the home of the read models: pools, migrations, the projections' store, reads and positions.
//!
//! Built by `wiring`. The owner's pool writes and the application's pool reads, bound to one space per transaction.
//! Nothing here is the truth: all of it can be filled again from the log.

mod command_log;
mod delivery_store;
mod erasure_reads;
mod filter_sql;
mod graph_reads;
mod history_reads;
mod memory_reads;
mod parked;
mod parking;
mod positions;
mod projection_store;
mod row_eraser;
mod search_reads;
mod selection_reads;
mod snapshot;
mod staging;
mod unparking;
mod vector_source;
mod version_snapshot;
mod versions;
mod webhook_reads;

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use tokio::time::{Instant, sleep};

use command_log::PgCommandLog;
use delivery_store::PgDeliveries;
use erasure_reads::PgErasureReads;
use graph_reads::PgGraphReads;
use history_reads::PgHistoryReads;
use memory_reads::PgMemoryReads;
use positions::{PgPositions, Told};
use projection_store::PgProjectionStore;
use row_eraser::PgRowEraser;
use search_reads::PgSearchReads;
use selection_reads::PgSelectionReads;
use vector_source::PgVectorSource;
use webhook_reads::PgWebhookReads;

use crate::{
    domain::ids::StreamSeq,
    ports::{
        Clock, CommandLog, GraphReads, HistoryReads, MemoryReads, Positions, SearchReads, SelectionReads, VectorSource,
        erasure::{ErasureReads, RowEraser},
        webhooks::{DeliveryStore, WebhookReads},
    },
    projectors::Store,
};

/// Connections of the owner: a batch and a look for each projection, and some for replays. Locks are held beside the pool.
const OWNER_CONNECTIONS_MAX: u32 = 24;
/// A question keeps one processor busy: where many ask at a time, helpers only take from the others.
const ALONE: [(&str, &str); 1] = [("max_parallel_workers_per_gather", "0")];
/// Connections that answer questions.
const APP_CONNECTIONS_MAX: u32 = 16;
/// How long a question waits for a free connection, or for Postgres to come back.
const ACQUIRE_WAIT_S: u64 = 2;
/// How often a new connection looks whether Postgres is again where it was.
const BEHIND_POLL: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the {role} URL of Postgres is not one")]
    Url {
        role: &'static str,
        #[source]
        cause: sqlx::Error,
    },
    #[error("cannot connect to Postgres as {role}")]
    Connect {
        role: &'static str,
        #[source]
        cause: sqlx::Error,
    },
    #[error("cannot bring the schema of Postgres up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// The two pools on one database, and what is built on them.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// As brain_owner: writes the projections and sees every space.
    owner: PgPool,
    /// As brain_app: reads one space at a time, held to it by row security.
    app: PgPool,
    positions: Arc<PgPositions>,
}

impl Postgres {
    /// Connects both pools and migrates. The role brain_app may be made by the first migration, so its pool connects last.
    ///
    /// URLs: `postgres://user:password@host:port/database`, or `?host=/folder` for a Unix socket.
    pub async fn connect(owner_url: &str, app_url: &str) -> Result<Self, Error> {
        let told = Arc::new(Told::default());
        let owner = pool("owner", owner_url, OWNER_CONNECTIONS_MAX, &[], None).await?;
        sqlx::migrate!("./migrations").run(&owner).await.map_err(Error::Migrate)?;
        let app = pool("application", app_url, APP_CONNECTIONS_MAX, &ALONE, Some(told.clone())).await?;
        let positions = Arc::new(PgPositions::new(app.clone(), told));
        Ok(Self { owner, app, positions })
    }

    pub fn memory_reads(&self) -> Arc<dyn MemoryReads> {
        Arc::new(PgMemoryReads::new(self.app.clone()))
    }

    pub fn selection_reads(&self) -> Arc<dyn SelectionReads> {
        Arc::new(PgSelectionReads::new(self.app.clone()))
    }

    pub fn search_reads(&self) -> Arc<dyn SearchReads> {
        Arc::new(PgSearchReads::new(self.app.clone(), self.owner.clone()))
    }

    pub fn vector_source(&self) -> Arc<dyn VectorSource> {
        Arc::new(PgVectorSource::new(self.owner.clone()))
    }

    pub fn graph_reads(&self) -> Arc<dyn GraphReads> {
        Arc::new(PgGraphReads::new(self.app.clone()))
    }

    pub fn webhook_reads(&self) -> Arc<dyn WebhookReads> {
        Arc::new(PgWebhookReads::new(self.app.clone(), self.owner.clone()))
    }

    pub fn deliveries(&self, clock: Arc<dyn Clock>) -> Arc<dyn DeliveryStore> {
        Arc::new(PgDeliveries::new(self.owner.clone(), clock))
    }

    pub fn erasure_reads(&self) -> Arc<dyn ErasureReads> {
        Arc::new(PgErasureReads::new(self.app.clone()))
    }

    /// What erases in the read models; `is_embedded` says that nobody else looks after this Postgres.
    pub fn row_eraser(&self, is_embedded: bool) -> Arc<dyn RowEraser> {
        Arc::new(PgRowEraser::new(self.owner.clone(), is_embedded))
    }

    pub fn history_reads(&self) -> Arc<dyn HistoryReads> {
        Arc::new(PgHistoryReads::new(self.app.clone()))
    }

    pub fn command_log(&self) -> Arc<dyn CommandLog> {
        Arc::new(PgCommandLog::new(self.app.clone(), self.positions.clone()))
    }

    pub fn positions(&self) -> Arc<dyn Positions> {
        self.positions.clone()
    }

    /// A store of its own; one serves any number of projections.
    pub fn projection_store(&self) -> Arc<dyn Store> {
        Arc::new(PgProjectionStore::new(self.owner.clone()))
    }

    /// What an engine calls after each commit, so that those who wait in this process need not poll.
    pub fn on_applied(&self, projection: &str) -> impl Fn(StreamSeq) + Send + Sync + 'static {
        let (positions, projection) = (self.positions.clone(), projection.to_owned());
        move |seq| positions.tell(&projection, seq)
    }

    /// Closes both pools; open transactions end first.
    pub async fn close(&self) {
        self.app.close().await;
        self.owner.close().await;
    }
}

/// Postgres has come back without commits that were told of, and is not yet where it was.
#[derive(Debug, thiserror::Error)]
#[error("the read models are not yet where they were before Postgres ended")]
struct Behind;

/// A pool of connections; with `told`, of such as see what was told.
async fn pool(
    role: &'static str,
    url: &str,
    connections_max: u32,
    extra: &[(&str, &str)],
    told: Option<Arc<Told>>,
) -> Result<PgPool, Error> {
    // Compiling a plan takes longer than any of our statements; notices tell us of tables that are there already.
    let options = PgConnectOptions::from_str(url)
        .map_err(|cause| Error::Url { role, cause })?
        .application_name("second-brain")
        .options([("jit", "off"), ("client_min_messages", "warning")])
        .options(extra.iter().copied())
        // A slow one would be told of whole, as long as a client's filter makes it.
        .disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(ACQUIRE_WAIT_S))
        .after_connect(move |connection, _| {
            let told = told.clone();
            Box::pin(async move {
                let Some(told) = told else { return Ok(()) };
                let until = Instant::now() + Duration::from_secs(ACQUIRE_WAIT_S);
                while !told.is_seen_by(connection).await? {
                    if Instant::now() > until {
                        return Err(sqlx::Error::Io(std::io::Error::other(Behind)));
                    }
                    sleep(BEHIND_POLL).await;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(|cause| Error::Connect { role, cause })
}

/// A position or revision as Postgres counts. Only clients name greater ones than it can: for them its greatest stands.
fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Back from [`bigint`].
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).expect("only positions and revisions are stored, never below 0")
}
