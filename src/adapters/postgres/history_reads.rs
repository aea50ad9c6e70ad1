//! Questions about the past, asked of the views `live.memory_history` and `live.positions`. Called by the queries; never writes.

use async_trait::async_trait;
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{
    bigint,
    memory_reads::{COLUMNS, readable, record, unavailable},
    snapshot, unsigned,
};
use crate::{
    domain::ids::{MemoryId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp},
    ports::{HistoryReads, MemoryRevision, QueryError},
};

/// The past from Postgres.
pub struct PgHistoryReads {
    app: PgPool,
}

impl PgHistoryReads {
    pub fn new(app: PgPool) -> Self {
        Self { app }
    }

    async fn fetch(
        &self,
        space: &SpaceId,
        id: MemoryId,
        narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) -> Result<Vec<MemoryRevision>, sqlx::Error> {
        let mut sql = QueryBuilder::new("SELECT m.from_seq, m.at, m.actor, m.type, ");
        sql.push(COLUMNS).push(" FROM live.memory_history m WHERE m.space = ").push_bind(space.as_str());
        sql.push(" AND m.id = ").push_bind(id.0);
        narrow(&mut sql);
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let rows = sql.build().fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(readable(&rows, revision))
    }
}

#[async_trait]
impl HistoryReads for PgHistoryReads {
    async fn revisions(
        &self,
        space: &SpaceId,
        id: MemoryId,
        before: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<MemoryRevision>, QueryError> {
        let narrow = |sql: &mut QueryBuilder<Postgres>| {
            if let Some(before) = before {
                sql.push(" AND m.revision < ").push_bind(bigint(before.0));
            }
            sql.push(" ORDER BY m.from_seq DESC LIMIT ").push_bind(i64::from(limit));
        };
        self.fetch(space, id, narrow).await.map_err(unavailable)
    }

    async fn revision(&self, space: &SpaceId, id: MemoryId, revision: Revision) -> Result<Option<MemoryRevision>, QueryError> {
        let narrow = |sql: &mut QueryBuilder<Postgres>| {
            sql.push(" AND m.revision = ").push_bind(bigint(revision.0));
        };
        Ok(self.fetch(space, id, narrow).await.map_err(unavailable)?.pop())
    }

    async fn position_at(&self, time: Timestamp) -> Result<StreamSeq, QueryError> {
        // One snapshot: before anything later than the time there is either the row before it, or all that is applied.
        const SQL: &str = "SELECT coalesce( \
            (SELECT seq - 1 FROM live.positions WHERE max_at > $1 ORDER BY max_at, seq LIMIT 1), \
            (SELECT c.applied_seq FROM brain.live l JOIN brain.checkpoints c USING (projection, version) \
             WHERE l.projection = 'positions'))";
        let seq: i64 = sqlx::query_scalar(SQL).bind(time).fetch_one(&self.app).await.map_err(unavailable)?;
        Ok(StreamSeq(unsigned(seq)))
    }
}

fn revision(row: &PgRow) -> Result<MemoryRevision, sqlx::Error> {
    Ok(MemoryRevision {
        record: record(row)?,
        kind: row.try_get("type")?,
        position: StreamSeq(unsigned(row.try_get("from_seq")?)),
        at: row.try_get("at")?,
        actor: PrincipalId(row.try_get("actor")?),
    })
}
