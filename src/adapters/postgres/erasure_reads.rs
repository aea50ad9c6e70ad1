//! Erasures and their receipts, asked of the view `live.erasures` as brain_app. Called by the use cases; never writes.

use async_trait::async_trait;
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow, types::Json};

use super::{bigint, memory_reads::unavailable, snapshot, unsigned};
use crate::{
    domain::ids::{MemoryId, PrincipalId, SpaceId, StreamSeq},
    journal::events::ErasureV1,
    ports::{
        QueryError,
        erasure::{Erasure, ErasureReads},
    },
};

pub(super) const COLUMNS: &str = "space, id, position, erased_at, actor, reason, receipt, is_sealing";

/// Erasures from Postgres.
pub struct PgErasureReads {
    app: PgPool,
}

impl PgErasureReads {
    pub fn new(app: PgPool) -> Self {
        Self { app }
    }

    async fn fetch(
        &self,
        space: &SpaceId,
        narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) -> Result<Vec<Erasure>, sqlx::Error> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM live.erasures WHERE space = ").push_bind(space.as_str());
        narrow(&mut sql);
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let rows = sql.build().fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        rows.iter().map(erasure).collect()
    }
}

#[async_trait]
impl ErasureReads for PgErasureReads {
    async fn list(&self, space: &SpaceId, before: Option<StreamSeq>, open: bool, limit: u32) -> Result<Vec<Erasure>, QueryError> {
        let narrow = |sql: &mut QueryBuilder<Postgres>| {
            if let Some(before) = before {
                sql.push(" AND position < ").push_bind(bigint(before.0));
            }
            sql.push(if open { " AND receipt IS NULL" } else { "" });
            sql.push(" ORDER BY position DESC LIMIT ").push_bind(i64::from(limit));
        };
        self.fetch(space, narrow).await.map_err(unavailable)
    }

    async fn get(&self, space: &SpaceId, memory: MemoryId) -> Result<Option<Erasure>, QueryError> {
        let narrow = |sql: &mut QueryBuilder<Postgres>| {
            sql.push(" AND id = ").push_bind(memory.0);
        };
        Ok(self.fetch(space, narrow).await.map_err(unavailable)?.pop())
    }
}

pub(super) fn erasure(row: &PgRow) -> Result<Erasure, sqlx::Error> {
    let space: String = row.try_get("space")?;
    let strange = |cause| sqlx::Error::ColumnDecode { index: "space".into(), source: Box::new(cause) };
    let receipt: Option<Json<ErasureV1>> = row.try_get("receipt")?;
    Ok(Erasure {
        space: space.parse().map_err(strange)?,
        memory: MemoryId(row.try_get("id")?),
        position: StreamSeq(unsigned(row.try_get("position")?)),
        erased_at: row.try_get("erased_at")?,
        actor: PrincipalId(row.try_get("actor")?),
        reason: row.try_get("reason")?,
        is_sealing: row.try_get("is_sealing")?,
        receipt: receipt.map(|Json(stored)| stored.into()),
    })
}
