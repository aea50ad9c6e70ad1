//! Where the projections stand, from their checkpoint rows, and waiting for them. Called by the queries and by status;
//! never moves a checkpoint.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use xxhash_rust::xxh3::xxh3_64;

use super::{memory_reads::unavailable, unsigned};
use crate::{
    domain::ids::StreamSeq,
    ports::{Positions, ProjectionStatus, QueryError},
};

/// How often the row is read while nobody in this process tells of a commit.
const POLL_MS: u64 = 10;

/// Positions from Postgres, with a short cut for the projections that run in this process.
#[derive(Debug)]
pub struct PgPositions {
    app: PgPool,
    told: Arc<Told>,
    moved: Notify,
}

/// What the engines of this process have told. A commit that was told of is visible to every later snapshot.
///
/// Decision 2026-11-27: unless Postgres was killed. Projections do not wait for the disk, so it may come back without its last commits, and
/// reads showed what was changed before the kill as it had been. No connection from before outlives it, and a new one is only made
/// for readers once the projections are again where they were told to be.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<String, StreamSeq>>);

impl Told {
    /// Whether what was told can be seen over this connection. A new version that is live may be behind for a moment, as any is.
    pub async fn is_seen_by(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        const SQL: &str =
            "SELECT l.projection, c.applied_seq FROM brain.live l JOIN brain.checkpoints c USING (projection, version)";
        let told = self.all();
        if told.is_empty() {
            return Ok(true);
        }
        let applied: HashMap<String, i64> = sqlx::query_as(SQL).fetch_all(connection).await?.into_iter().collect();
        Ok(told.iter().all(|(projection, seq)| applied.get(projection).is_some_and(|applied| unsigned(*applied) >= seq.0)))
    }

    fn all(&self) -> HashMap<String, StreamSeq> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PgPositions {
    pub fn new(app: PgPool, told: Arc<Told>) -> Self {
        Self { app, told, moved: Notify::new() }
    }

    /// Tells that the live version of `projection` has committed `seq`: wakes whoever waits in this process.
    pub fn tell(&self, projection: &str, seq: StreamSeq) {
        let mut told = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(projection) {
            Some(known) => *known = seq.max(*known),
            None => drop(told.insert(projection.to_owned(), seq)),
        }
        drop(told);
        self.moved.notify_waiters();
    }

    fn last_told(&self, projection: &str) -> Option<StreamSeq> {
        self.told.0.lock().unwrap_or_else(PoisonError::into_inner).get(projection).copied()
    }

    async fn applied(&self, projection: &str) -> Result<Option<StreamSeq>, sqlx::Error> {
        const SQL: &str = "SELECT c.applied_seq FROM brain.live l JOIN brain.checkpoints c USING (projection, version) \
            WHERE l.projection = $1";
        let applied: Option<i64> = sqlx::query_scalar(SQL).bind(projection).fetch_optional(&self.app).await?;
        Ok(applied.map(|seq| StreamSeq(unsigned(seq))))
    }
}

#[async_trait]
impl Positions for PgPositions {
    async fn all(&self) -> Result<Vec<ProjectionStatus>, QueryError> {
        const SQL: &str = "SELECT c.projection, c.version, c.state, c.stream, c.applied_seq, c.epoch, c.stopped, \
                extract(epoch FROM clock_timestamp() - c.applied_at)::float8 AS applied_ago_s, p.parked, \
                coalesce(extract(epoch FROM clock_timestamp() - p.oldest)::float8, 0) AS parked_for_s \
            FROM brain.checkpoints c CROSS JOIN LATERAL ( \
                SELECT count(DISTINCT (space, aggregate, id, CASE WHEN id = '' THEN seq END)) AS parked, min(parked_at) AS oldest \
                FROM brain.parked p WHERE p.projection = c.projection AND p.version = c.version AND p.skipped_at IS NULL \
            ) p ORDER BY c.projection, c.version";
        let rows = sqlx::query(SQL).fetch_all(&self.app).await.map_err(unavailable)?;
        rows.iter().map(status).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn shown(&self, projection: &str, wanted: StreamSeq) -> Result<StreamSeq, QueryError> {
        if let Some(told) = self.last_told(projection).filter(|told| *told >= wanted) {
            return Ok(told);
        }
        let applied = self.applied(projection).await.map_err(unavailable)?.unwrap_or_default();
        self.tell(projection, applied);
        Ok(applied)
    }

    async fn generation(&self) -> Result<(u64, Vec<String>), QueryError> {
        const SQL: &str = "SELECT l.projection, l.version, (SELECT count(*) FROM brain.parked p \
                WHERE p.projection = l.projection AND p.version = l.version AND p.skipped_at IS NULL) AS parked \
            FROM brain.live l ORDER BY l.projection";
        let rows: Vec<(String, i32, i64)> = sqlx::query_as(SQL).fetch_all(&self.app).await.map_err(unavailable)?;
        let text: String =
            rows.iter().map(|(projection, version, parked)| format!("{projection} {version} {parked}\n")).collect();
        let parked = rows.into_iter().filter(|(.., parked)| *parked > 0).map(|(projection, ..)| projection).collect();
        Ok((xxh3_64(text.as_bytes()), parked))
    }

    async fn reached(&self, projection: &str, seq: StreamSeq, wait_ms: u64) -> Result<bool, QueryError> {
        let deadline = Instant::now() + Duration::from_millis(wait_ms);
        loop {
            // Listens before it looks, so that no commit falls between the two.
            let moved = self.moved.notified();
            if self.last_told(projection).is_some_and(|told| told >= seq) {
                return Ok(true);
            }
            let applied = self.applied(projection).await.map_err(unavailable)?;
            if applied.is_some_and(|applied| applied >= seq) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            let next_look = deadline.min(Instant::now() + Duration::from_millis(POLL_MS));
            // Told or not, the next round looks again.
            drop(timeout_at(next_look, moved).await);
        }
    }
}

fn status(row: &PgRow) -> Result<ProjectionStatus, sqlx::Error> {
    Ok(ProjectionStatus {
        name: row.try_get("projection")?,
        version: row.try_get::<i32, _>("version")?.unsigned_abs(),
        state: row.try_get("state")?,
        stream: row.try_get("stream")?,
        applied_seq: StreamSeq(unsigned(row.try_get("applied_seq")?)),
        applied_ago_s: row.try_get("applied_ago_s")?,
        epoch: unsigned(row.try_get("epoch")?),
        parked: unsigned(row.try_get("parked")?),
        parked_for_s: row.try_get("parked_for_s")?,
        stopped: row.try_get("stopped")?,
    })
}
