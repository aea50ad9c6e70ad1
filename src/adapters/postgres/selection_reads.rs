//! Memories chosen by a filter alone, asked of the view `live.memories` as brain_app. Called by the queries; never writes.

use async_trait::async_trait;
use sqlx::{PgPool, Postgres, QueryBuilder, Row};

use super::{
    memory_reads::{COLUMNS, NEWEST_FIRST, behind, readable, record, unavailable},
    search_reads::{living, passing, rows},
    snapshot, unsigned,
};
use crate::{
    domain::ids::{MemoryId, SpaceId, Timestamp},
    ports::{Filter, MemoryRecord, QueryError, SelectionReads, Which},
};

/// Selections from Postgres. Statements made of a client's filters are not kept, as in searches.
#[derive(Debug)]
pub struct PgSelectionReads {
    app: PgPool,
}

impl PgSelectionReads {
    pub fn new(app: PgPool) -> Self {
        Self { app }
    }

    async fn counted(&self, space: &SpaceId, (filter, which): (&Filter, Which)) -> Result<i64, sqlx::Error> {
        let mut sql = QueryBuilder::new("SELECT count(*) FROM live.memories m WHERE ");
        chosen_by(&mut sql, space, filter, which);
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let count = sql.build_query_scalar().persistent(false).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(count)
    }

    async fn chosen(
        &self,
        space: &SpaceId,
        (filter, which): (&Filter, Which),
        after: Option<(Timestamp, MemoryId)>,
        limit: usize,
    ) -> Result<(Vec<MemoryRecord>, Option<(Timestamp, MemoryId)>), sqlx::Error> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM live.memories m WHERE ");
        chosen_by(&mut sql, space, filter, which);
        behind(after, &mut sql);
        sql.push(NEWEST_FIRST).push(" LIMIT ").push_bind(rows(limit));
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let found = sql.build().persistent(false).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let next = match found.last() {
            Some(last) if found.len() == limit => Some((last.try_get("created_at")?, MemoryId(last.try_get("id")?))),
            _ => None,
        };
        Ok((readable(&found, record), next))
    }
}

fn chosen_by(sql: &mut QueryBuilder<Postgres>, space: &SpaceId, filter: &Filter, which: Which) {
    match which {
        Which::Living => living(sql, space, filter),
        Which::DeletedToo => passing(sql, space, "m.erased_at IS NULL", filter),
    }
}

#[async_trait]
impl SelectionReads for PgSelectionReads {
    async fn count(&self, space: &SpaceId, wanted: (&Filter, Which)) -> Result<u64, QueryError> {
        self.counted(space, wanted).await.map(unsigned).map_err(unavailable)
    }

    async fn page(
        &self,
        space: &SpaceId,
        wanted: (&Filter, Which),
        after: Option<(Timestamp, MemoryId)>,
        limit: usize,
    ) -> Result<(Vec<MemoryRecord>, Option<(Timestamp, MemoryId)>), QueryError> {
        self.chosen(space, wanted, after, limit).await.map_err(unavailable)
    }
}
