//! Questions about memories, asked of the view `live.memories` as brain_app, each in one snapshot bound to one space.
//! Called by the queries; never writes.

use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow, types::Json};

use super::{bigint, parked, snapshot, unsigned};
use crate::{
    domain::{
        ids::{MemoryId, Revision, SpaceId, StreamSeq, Timestamp},
        memory::{Body, Memory, MemoryType, Scope, Source},
    },
    journal::catalog,
    ports::{ListQuery, MemoryReads, MemoryRecord, QueryError},
};

/// Most rows of one page and the one behind it, whatever the caller says.
const LIST_ROWS_MAX: u32 = 201;

pub(super) const COLUMNS: &str = "m.id, m.title, m.content, m.memory_type, m.metadata, m.tags, m.importance, \
    m.source_kind, m.source_uri, m.source_id, m.source_position, m.user_id, m.agent_id, m.run_id, \
    m.occurred_at, m.created_at, m.updated_at, m.deleted_at, m.erased_at, m.revision, m.sealed";

/// The view of memories: as they stand, or every state that they ever had.
pub(super) fn memories_of(at: Option<StreamSeq>) -> &'static str {
    if at.is_some() { "live.memory_history" } else { "live.memories" }
}

/// Narrows a view of states to those that stood at a position; a view of the present needs no narrowing.
pub(super) fn standing(alias: &'static str, at: Option<StreamSeq>, sql: &mut QueryBuilder<Postgres>) {
    if let Some(at) = at {
        sql.push(" AND ").push(alias).push(".from_seq <= ").push_bind(bigint(at.0));
        sql.push(" AND ").push(alias).push(".to_seq > ").push_bind(bigint(at.0));
    }
}

/// Memories from Postgres.
#[derive(Clone, Debug)]
pub struct PgMemoryReads {
    app: PgPool,
}

impl PgMemoryReads {
    pub fn new(app: PgPool) -> Self {
        Self { app }
    }

    async fn find(&self, space: &SpaceId, id: MemoryId, at: Option<StreamSeq>) -> Result<PgRow, sqlx::Error> {
        let mut sql = QueryBuilder::<Postgres>::new("SELECT asked.parked, ");
        sql.push(COLUMNS).push(" FROM (SELECT ");
        match at {
            None => parked::now(&mut sql, "memories", (catalog::MEMORY, space, id.0)),
            Some(at) => parked::then(&mut sql, "memory_history", (catalog::MEMORY, space, id.0), at),
        }
        sql.push(" AS parked) AS asked LEFT JOIN ");
        sql.push(memories_of(at)).push(" m ON m.space = ").push_bind(space.as_str());
        standing("m", at, &mut sql);
        sql.push(" AND m.id = ").push_bind(id.0);
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let row = sql.build().fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn page(&self, space: &SpaceId, query: &ListQuery) -> Result<Vec<MemoryRecord>, sqlx::Error> {
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let (mut found, mut query) = (vec![], query.clone());
        loop {
            let wanted = query.limit.min(LIST_ROWS_MAX) as usize - found.len();
            let rows = list_sql(space, &query, wanted).build().fetch_all(&mut *transaction).await?;
            found.extend(readable(&rows, record));
            // What cannot be read ends no page: those behind it take its place.
            let Some(last) = rows.last().filter(|_| rows.len() == wanted && found.len() < wanted) else { break };
            query.after = Some((last.try_get("created_at")?, MemoryId(last.try_get("id")?)));
        }
        transaction.commit().await?;
        Ok(found)
    }
}

#[async_trait]
impl MemoryReads for PgMemoryReads {
    async fn get(&self, space: &SpaceId, id: MemoryId, at: Option<StreamSeq>) -> Result<Option<MemoryRecord>, QueryError> {
        parked::unless(&self.find(space, id, at).await.map_err(unavailable)?, record)
    }

    async fn list(&self, space: &SpaceId, query: &ListQuery) -> Result<Vec<MemoryRecord>, QueryError> {
        self.page(space, query).await.map_err(unavailable)
    }
}

pub(super) fn unavailable(error: sqlx::Error) -> QueryError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => QueryError::Unreadable(Box::new(error)),
        _ => QueryError::Unavailable(Box::new(error)),
    }
}

/// The rows that can be read: one that cannot is told of and left out, so that it fails no page.
pub(super) fn readable<T>(rows: &[PgRow], read: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Vec<T> {
    let or_told = |row: &PgRow| {
        let found = read(row);
        if let Err(error) = &found {
            let id = row.try_get::<uuid::Uuid, _>("id").unwrap_or_default();
            tracing::error!(%id, %error, "a row cannot be read and is left out; a rebuild of its projection may help");
            metrics::counter!("brain_rows_unreadable").increment(1);
        }
        found.ok()
    };
    rows.iter().filter_map(or_told).collect()
}

/// The order in which memories are paged through.
pub(super) const NEWEST_FIRST: &str = " ORDER BY m.created_at DESC, m.id DESC";

/// Narrows to what comes behind the last memory of the page before, newest first.
pub(super) fn behind(after: Option<(Timestamp, MemoryId)>, sql: &mut QueryBuilder<Postgres>) {
    if let Some((created_at, id)) = after {
        sql.push(" AND (m.created_at, m.id) < (").push_bind(created_at).push(", ").push_bind(id.0).push(")");
    }
}

/// Built from the filters that are there, so that each mix of them has its own plan.
fn list_sql(space: &SpaceId, query: &ListQuery, rows_max: usize) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM ").push(memories_of(query.at));
    sql.push(" m WHERE m.deleted_at IS NULL AND m.space = ").push_bind(space.as_str());
    standing("m", query.at, &mut sql);
    behind(query.after, &mut sql);
    if let Some(tag) = &query.tag {
        sql.push(" AND m.tags @> ").push_bind(vec![tag.clone()]);
    }
    let equal = [
        (" AND m.memory_type = ", &query.memory_type),
        (" AND m.user_id = ", &query.user_id),
        (" AND m.agent_id = ", &query.agent_id),
        (" AND m.run_id = ", &query.run_id),
    ];
    for (condition, wanted) in equal {
        if let Some(wanted) = wanted {
            sql.push(condition).push_bind(wanted.clone());
        }
    }
    sql.push(NEWEST_FIRST).push(" LIMIT ").push_bind(rows_max as i64);
    sql
}

pub(super) fn record(row: &PgRow) -> Result<MemoryRecord, sqlx::Error> {
    let kind: String = row.try_get("memory_type")?;
    let memory_type = MemoryType::parse(&kind).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: "memory_type".into(),
        source: format!("{kind:?} is no type of memory").into(),
    })?;
    let sealed: Option<String> = row.try_get("sealed")?;
    let Json(metadata): Json<Map<String, Value>> = row.try_get("metadata")?;
    let body = Body {
        title: row.try_get("title")?,
        content: row.try_get("content")?,
        memory_type,
        metadata,
        tags: row.try_get("tags")?,
        importance: row.try_get("importance")?,
        source: Source {
            kind: row.try_get("source_kind")?,
            uri: row.try_get("source_uri")?,
            id: row.try_get("source_id")?,
            position: row.try_get::<Option<i64>, _>("source_position")?.map(unsigned),
        },
        scope: Scope { user_id: row.try_get("user_id")?, agent_id: row.try_get("agent_id")?, run_id: row.try_get("run_id")? },
        occurred_at: row.try_get("occurred_at")?,
        sensitive: sealed.is_some(),
    };
    Ok(MemoryRecord {
        id: MemoryId(row.try_get("id")?),
        revision: Revision(unsigned(row.try_get("revision")?)),
        memory: Memory {
            body,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            deleted_at: row.try_get("deleted_at")?,
            erased_at: row.try_get("erased_at")?,
        },
        sealed,
    })
}
