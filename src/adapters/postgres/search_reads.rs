//! The Postgres side of a search: what qualifies, what lies nearest, and the rows of what was found. Called by `queries::search`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::{
    filter_sql,
    memory_reads::{COLUMNS, readable, record, unavailable},
    snapshot, unsigned,
};
use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    journal::derived,
    ports::{EXACT_ROWS_MAX, Filter, Hit, MemoryRecord, QueryError, SearchReads, TextHash},
};

/// How the approximate index is walked: in order of distance, on and on until enough rows passed the filter.
const WALK: &str = "SET LOCAL hnsw.iterative_scan = 'strict_order'; SET LOCAL hnsw.ef_search = 200; \
    SET LOCAL hnsw.max_scan_tuples = 200000; SET LOCAL hnsw.scan_mem_multiplier = 16";

/// Memories that are read of one place: several conversations may have one name.
const PLACE_ROWS_MAX: i64 = 8;

/// How long a space that was found to be large is not counted again.
const LARGE_FOR: Duration = Duration::from_secs(60);

/// Reads for searches. The owner's pool only counts across spaces. Statements made of a client's filters are not kept: each differs, and
/// Postgres would hold all of them.
#[derive(Debug)]
pub struct PgSearchReads {
    app: PgPool,
    owner: PgPool,
    /// Spaces with more than [`EXACT_ROWS_MAX`] vectors, and when they were counted: counting takes as long as half the walk.
    large: Mutex<HashMap<SpaceId, Instant>>,
}

impl PgSearchReads {
    pub fn new(app: PgPool, owner: PgPool) -> Self {
        Self { app, owner, large: Mutex::default() }
    }

    fn large(&self) -> MutexGuard<'_, HashMap<SpaceId, Instant>> {
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_large(&self, space: &SpaceId) -> bool {
        self.large().get(space).is_some_and(|counted| counted.elapsed() < LARGE_FOR)
    }

    async fn find_nearest(&self, space: &SpaceId, wish: &Nearest<'_>) -> Result<Vec<Hit>, sqlx::Error> {
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let ranked = if !wish.filter.is_none() {
            exact(&mut transaction, space, wish, Some(EXACT_ROWS_MAX)).await?
        } else if self.is_large(space) {
            None
        } else {
            let ranked = exact_unfiltered(&mut transaction, space, wish).await?;
            if ranked.is_none() {
                self.large().insert(space.clone(), Instant::now());
            }
            ranked
        };
        let hits = match ranked {
            Some(hits) => hits,
            None => {
                sqlx::raw_sql(WALK).execute(&mut *transaction).await?;
                let near = approximate(&mut transaction, space, wish).await?;
                if near.len() >= wish.limit {
                    near
                } else {
                    // The walk ended before enough rows passed: more than ten thousand qualify, so there must be some left.
                    exact(&mut transaction, space, wish, None).await?.unwrap_or(near)
                }
            }
        };
        transaction.commit().await?;
        Ok(hits)
    }

    async fn ids(&self, space: &SpaceId, mut sql: QueryBuilder<Postgres>) -> Result<Vec<MemoryId>, QueryError> {
        let mut transaction = snapshot::begin(&self.app, space).await.map_err(unavailable)?;
        let ids: Vec<Uuid> =
            sql.build_query_scalar().persistent(false).fetch_all(&mut *transaction).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(ids.into_iter().map(MemoryId).collect())
    }

    /// The rows of these, and of those within reach of one of them; with a reach of 0 only theirs.
    async fn fetch_around(
        &self,
        space: &SpaceId,
        ids: &[MemoryId],
        filter: &Filter,
        reach: u32,
    ) -> Result<Vec<MemoryRecord>, sqlx::Error> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM live.memories m WHERE ");
        living(&mut sql, space, filter);
        // The keyword index may not have heard yet that one has become sensitive.
        sql.push(" AND m.sealed IS NULL AND m.id = ANY(").push_bind(uuids(ids)).push(")");
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let rows = sql.build().persistent(filter.is_none()).fetch_all(&mut *transaction).await?;
        let mut rows = readable(&rows, record);
        if reach > 0 {
            rows.extend(fetch_beside(&mut transaction, space, &rows, (filter, reach)).await?);
        }
        transaction.commit().await?;
        Ok(rows)
    }
}

/// The rows that stand within reach of one of these, and the next after them. One look into the index for each place: asked as one
/// range for each row, the planner reads the whole source where it is short.
async fn fetch_beside(
    connection: &mut PgConnection,
    space: &SpaceId,
    rows: &[MemoryRecord],
    (filter, reach): (&Filter, u32),
) -> Result<Vec<MemoryRecord>, sqlx::Error> {
    let wanted = beside(rows, reach);
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let (sources, positions): (Vec<String>, Vec<i64>) = wanted.into_iter().unzip();
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM unnest(").push_bind(sources).push("::text[], ").push_bind(positions);
    sql.push("::bigint[]) AS wanted (source, position) CROSS JOIN LATERAL (SELECT * FROM live.memories m WHERE ");
    living(&mut sql, space, filter);
    sql.push(" AND m.sealed IS NULL AND m.source_id = wanted.source AND m.source_position = wanted.position LIMIT ");
    sql.push_bind(PLACE_ROWS_MAX).push(") m");
    let found = sql.build().persistent(filter.is_none()).fetch_all(connection).await?;
    Ok(readable(&found, record))
}

/// The places beside these rows that none of them has: the source, and the position in it.
fn beside(rows: &[MemoryRecord], reach: u32) -> BTreeSet<(String, i64)> {
    let place = |row: &MemoryRecord| Some((row.memory.body.source.id.clone()?, row.memory.body.source.position?));
    let places: BTreeSet<(String, u64)> = rows.iter().filter_map(place).collect();
    let around = places.iter().flat_map(|(source, at)| {
        let near = at.saturating_sub(reach.into())..=at.saturating_add(reach.into());
        near.map(move |position| (source.clone(), position))
    });
    around.filter(|place| !places.contains(place)).filter_map(|(source, at)| Some((source, i64::try_from(at).ok()?))).collect()
}

/// What `nearest` asks for; the vector as pgvector reads it.
struct Nearest<'a> {
    vector: String,
    filter: &'a Filter,
    limit: usize,
}

/// The condition that a memory of the space lives and passes the filter.
pub(super) fn living(sql: &mut QueryBuilder<Postgres>, space: &SpaceId, filter: &Filter) {
    passing(sql, space, "m.deleted_at IS NULL", filter);
}

/// The condition that a memory of the space is such a one and passes the filter.
pub(super) fn passing(sql: &mut QueryBuilder<Postgres>, space: &SpaceId, such: &'static str, filter: &Filter) {
    sql.push("m.space = ").push_bind(space.to_string()).push(" AND ").push(such);
    if !filter.is_none() {
        sql.push(" AND ");
        filter_sql::push(sql, filter);
    }
}

fn uuids(ids: &[MemoryId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

pub(super) fn rows(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The query's vector, read once: as a bare parameter its text would be read again for every row.
fn push_vector(sql: &mut QueryBuilder<Postgres>, wish: &Nearest<'_>) {
    sql.push("(SELECT ").push_bind(wish.vector.clone()).push("::halfvec)");
}

/// Ranks all that qualify, one by one; `None` when these are more than `rows_max`, which is found out before any is ranked.
async fn exact(
    connection: &mut PgConnection,
    space: &SpaceId,
    wish: &Nearest<'_>,
    rows_max: Option<usize>,
) -> Result<Option<Vec<Hit>>, sqlx::Error> {
    let most = rows(rows_max.unwrap_or(usize::MAX));
    let mut sql = QueryBuilder::new("WITH qualifying AS MATERIALIZED (SELECT m.id, m.content_hash FROM live.memories m WHERE ");
    living(&mut sql, space, wish.filter);
    sql.push(" LIMIT ").push_bind(most.saturating_add(1));
    sql.push(") SELECT counted.number, near.id, near.score FROM (SELECT count(*) AS number FROM qualifying) counted ");
    sql.push("LEFT JOIN LATERAL (SELECT q.id, 1 - (v.embedding <=> ");
    push_vector(&mut sql, wish);
    sql.push(") AS score FROM qualifying q JOIN live.vectors v ON v.space = ").push_bind(space.to_string());
    sql.push(" AND v.id = q.id AND v.content_hash = q.content_hash WHERE counted.number <= ").push_bind(most);
    sql.push(" ORDER BY score DESC, q.id LIMIT ").push_bind(rows(wish.limit)).push(") near ON true ORDER BY score DESC, id");
    let (number, hits) = counted(&mut *connection, sql, wish.filter).await?;
    Ok((number <= most).then_some(hits))
}

/// The same without a filter: all vectors of the space are ranked first, and only the best are looked up among the memories.
/// Decision 2026-11-24: joining all of them before ranking took twice as long at 10,000.
async fn exact_unfiltered(
    connection: &mut PgConnection,
    space: &SpaceId,
    wish: &Nearest<'_>,
) -> Result<Option<Vec<Hit>>, sqlx::Error> {
    let (most, ranked) = (rows(EXACT_ROWS_MAX), rows(wish.limit * 2));
    let mut sql = QueryBuilder::new("SELECT counted.number, near.id, near.score FROM (SELECT count(*) AS number FROM ");
    sql.push("(SELECT FROM live.vectors v WHERE v.space = ").push_bind(space.to_string());
    sql.push(" LIMIT ").push_bind(most + 1).push(") first_ones) counted ");
    sql.push("LEFT JOIN LATERAL (SELECT best.id, best.score FROM (SELECT v.id, v.content_hash, 1 - (v.embedding <=> ");
    push_vector(&mut sql, wish);
    sql.push(") AS score FROM live.vectors v WHERE counted.number <= ").push_bind(most);
    sql.push(" AND v.space = ").push_bind(space.to_string());
    sql.push(" ORDER BY score DESC, v.id LIMIT ").push_bind(ranked).push(") best JOIN live.memories m ON m.space = ");
    sql.push_bind(space.to_string());
    sql.push(" AND m.id = best.id AND m.content_hash = best.content_hash AND m.deleted_at IS NULL ");
    sql.push("ORDER BY best.score DESC, best.id LIMIT ").push_bind(rows(wish.limit));
    sql.push(") near ON true ORDER BY score DESC, id");
    let (number, hits) = counted(&mut *connection, sql, wish.filter).await?;
    if number > most {
        return Ok(None);
    }
    if hits.len() < wish.limit && number > ranked {
        // Many of the best are deleted, or were edited a moment ago.
        return exact(connection, space, wish, Some(EXACT_ROWS_MAX)).await;
    }
    Ok(Some(hits))
}

/// Reads how many rows were counted, and the hits beside; a count without any hit is a row as well.
async fn counted(
    connection: &mut PgConnection,
    mut sql: QueryBuilder<Postgres>,
    filter: &Filter,
) -> Result<(i64, Vec<Hit>), sqlx::Error> {
    let found = sql.build().persistent(filter.is_none()).fetch_all(connection).await?;
    let number: i64 = found.first().map_or(Ok(0), |row| row.try_get("number"))?;
    let mut hits = Vec::with_capacity(found.len());
    for row in &found {
        if let Some(id) = row.try_get::<Option<Uuid>, _>("id")? {
            hits.push(Hit { id: MemoryId(id), score: row.try_get::<f64, _>("score")? as f32 });
        }
    }
    Ok((number, hits))
}

/// Walks the approximate index, and looks each row up among the memories on the way.
///
/// Decision 2026-11-26: the look-up is a subquery with a limit of its own. As a join on id and content hash it was thought to
/// find one row in all, so the planner read both tables whole and sorted them: 143 ms at 100,000 memories, now 13 (profile of
/// `cargo bench --bench front`).
async fn approximate(connection: &mut PgConnection, space: &SpaceId, wish: &Nearest<'_>) -> Result<Vec<Hit>, sqlx::Error> {
    let mut sql = QueryBuilder::new("SELECT v.id, 1 - (v.embedding <=> ");
    push_vector(&mut sql, wish);
    sql.push(") AS score FROM live.vectors v CROSS JOIN LATERAL (SELECT FROM live.memories m WHERE ");
    living(&mut sql, space, wish.filter);
    sql.push(" AND m.id = v.id AND m.content_hash = v.content_hash LIMIT 1) passing WHERE v.space = ");
    sql.push_bind(space.to_string()).push(" ORDER BY v.embedding <=> ");
    push_vector(&mut sql, wish);
    sql.push(" LIMIT ").push_bind(rows(wish.limit));
    let found: Vec<(Uuid, f64)> = sql.build_query_as().persistent(wish.filter.is_none()).fetch_all(connection).await?;
    Ok(found.into_iter().map(|(id, score)| Hit { id: MemoryId(id), score: score as f32 }).collect())
}

#[async_trait]
impl SearchReads for PgSearchReads {
    async fn qualifying(&self, space: &SpaceId, filter: &Filter, limit: usize) -> Result<Vec<MemoryId>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT m.id FROM live.memories m WHERE ");
        living(&mut sql, space, filter);
        sql.push(" LIMIT ").push_bind(rows(limit));
        self.ids(space, sql).await
    }

    async fn nearest(&self, space: &SpaceId, vector: &[f32], filter: &Filter, limit: usize) -> Result<Vec<Hit>, QueryError> {
        let wish = Nearest { vector: derived::text_of(vector.iter().copied()), filter, limit };
        self.find_nearest(space, &wish).await.map_err(unavailable)
    }

    async fn passing(&self, space: &SpaceId, ids: &[MemoryId], filter: &Filter) -> Result<Vec<(MemoryId, TextHash)>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT m.id, m.content_hash FROM live.memories m WHERE ");
        living(&mut sql, space, filter);
        sql.push(" AND m.id = ANY(").push_bind(uuids(ids)).push(")");
        let mut transaction = snapshot::begin(&self.app, space).await.map_err(unavailable)?;
        let query = sql.build_query_as().persistent(filter.is_none());
        let found: Vec<(Uuid, Vec<u8>)> = query.fetch_all(&mut *transaction).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        // A hash too short to tell texts apart is like no vector's.
        let text = |hash: &[u8]| TextHash::of_bytes(hash).unwrap_or(TextHash(0));
        Ok(found.into_iter().map(|(id, hash)| (MemoryId(id), text(&hash))).collect())
    }

    async fn rows(&self, space: &SpaceId, ids: &[MemoryId], filter: &Filter) -> Result<Vec<MemoryRecord>, QueryError> {
        self.fetch_around(space, ids, filter, 0).await.map_err(unavailable)
    }

    async fn around(
        &self,
        space: &SpaceId,
        ids: &[MemoryId],
        filter: &Filter,
        reach: u32,
    ) -> Result<Vec<MemoryRecord>, QueryError> {
        self.fetch_around(space, ids, filter, reach).await.map_err(unavailable)
    }

    async fn embeddings_pending(&self) -> Result<u64, QueryError> {
        const SQL: &str = "SELECT count(*) FROM live.memories \
            WHERE deleted_at IS NULL AND ver > coalesce((SELECT max(position) FROM live.embedder), 0)";
        let count: i64 = sqlx::query_scalar(SQL).fetch_one(&self.owner).await.map_err(unavailable)?;
        Ok(unsigned(count))
    }

    async fn embedded(&self, upto: StreamSeq) -> Result<bool, QueryError> {
        const SQL: &str = "SELECT coalesce(max(position), 0) FROM live.embedder";
        let position: i64 = sqlx::query_scalar(SQL).fetch_one(&self.app).await.map_err(unavailable)?;
        Ok(unsigned(position) >= upto.0)
    }
}
