//! The read models as the eraser works on them, as brain_owner: what rows that are gone have left in files is written over.
//! Implements [`RowEraser`].
//!
//! Decision 2026-11-28: small tables are written anew (`VACUUM FULL`), which holds up their readers meanwhile; large ones are vacuumed in
//! place, after which old bytes may lie in the holes of their pages until new rows come there. The receipt names those.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use super::{bigint, erasure_reads, projection_store::lock_name, versions};
use crate::{
    domain::{
        erasure::Remain,
        ids::{MemoryId, RelationshipId, SpaceId, StreamSeq},
    },
    ports::erasure::{Cleared, EraseError, Erasure, RowEraser, Told},
    projectors::definition,
};

/// The projections whose tables hold what somebody said, or what follows from it.
const PROJECTIONS: [&str; 6] = ["memories", "memory_history", "graph", "edge_history", "vectors", "command_log"];
/// Tables that are no read models.
const OTHERS: [(&str, &str); 3] = [("brain", "attempts"), ("brain", "deliveries"), ("brain", "parked")];
/// The planner's statistics hold the commonest values themselves.
const STATISTICS: (&str, &str) = ("pg_catalog", "pg_statistic");
/// Tables up to this size are written anew: half a second or so.
const ANEW_BYTES_MAX: i64 = 16 << 20;
/// To link vectors again takes far longer than to write them.
const VECTORS_ANEW_BYTES_MAX: i64 = 2 << 20;
/// How long readers may hold up a table that is to be written anew; then it is vacuumed in place.
const LOCK_WAIT: &str = "SET lock_timeout = '3s'";

/// Erases in Postgres.
pub struct PgRowEraser {
    owner: PgPool,
    is_embedded: bool,
}

impl PgRowEraser {
    /// `is_embedded` says that nobody else looks after this Postgres.
    pub fn new(owner: PgPool, is_embedded: bool) -> Self {
        Self { owner, is_embedded }
    }

    async fn all_open(&self, limit: u32) -> Result<Vec<Erasure>, sqlx::Error> {
        const SQL: &str = "SELECT space, id, position, erased_at, actor, reason, receipt, is_sealing FROM live.erasures \
            WHERE receipt IS NULL ORDER BY position LIMIT $1";
        let rows = sqlx::query(SQL).bind(i64::from(limit)).fetch_all(&self.owner).await?;
        rows.iter().map(erasure_reads::erasure).collect()
    }

    async fn empty_told(&self, space: &SpaceId, ids: &[String], below: StreamSeq) -> Result<Told, sqlx::Error> {
        const ANSWERS: &str = "UPDATE brain.attempts a SET response_head = NULL, detail = NULL FROM brain.deliveries d \
            WHERE d.space = $1 AND d.aggregate_id = ANY($2) AND d.seq < $3 AND a.webhook = d.webhook AND a.seq = d.seq \
            AND (a.response_head IS NOT NULL OR a.detail IS NOT NULL)";
        const PENDING: &str = "UPDATE brain.deliveries SET state = 'discarded', finished_at = now() \
            WHERE space = $1 AND aggregate_id = ANY($2) AND seq < $3 AND state = 'pending'";
        const REASONS: &str = "UPDATE brain.parked SET error = '[erased]' WHERE space = $1 AND id = ANY($2)";
        let run = async |sql: &'static str| {
            let query = sqlx::query(sql).bind(space.as_str()).bind(ids).bind(bigint(below.0));
            Ok::<_, sqlx::Error>(query.execute(&self.owner).await?.rows_affected())
        };
        // In this order: an answer that comes meanwhile finds its delivery given up, or is here before answers are emptied.
        let deliveries = run(PENDING).await?;
        let told = Told { attempts: run(ANSWERS).await?, deliveries };
        sqlx::query(REASONS).bind(space.as_str()).bind(ids).execute(&self.owner).await?;
        Ok(told)
    }

    /// Drops versions that nobody fills: those kept for a rollback, and what is left of a verification that was cut off.
    async fn drop_retired(&self) -> Result<(), EraseError> {
        const DOING: &str = "dropping old versions";
        const RETIRED: &str = "SELECT version FROM brain.checkpoints WHERE projection = $1 AND state IN ('retired', 'scratch')";
        const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        for definition in definition::all().into_iter().filter(|it| PROJECTIONS.contains(&it.name.as_str())) {
            let query = sqlx::query_scalar(RETIRED).bind(&definition.name);
            let retired: Vec<i32> = query.fetch_all(&self.owner).await.map_err(failed(DOING))?;
            for version in retired {
                let version = definition.at(version.unsigned_abs());
                // The lock goes with the connection. A verification that is under way drops its own.
                let mut held = PgConnection::connect_with(&self.owner.connect_options()).await.map_err(failed(DOING))?;
                let lock = sqlx::query_scalar(LOCK).bind(lock_name(&version)).fetch_one(&mut held).await;
                if lock.map_err(failed(DOING))? {
                    let gone = versions::drop_version(&self.owner, &version).await;
                    gone.map_err(|_| EraseError::new(DOING, "a version that is kept for a rollback stays"))?;
                }
                drop(held.close().await);
            }
        }
        Ok(())
    }

    async fn scrub_all(&self) -> Result<Cleared, sqlx::Error> {
        // A connection of its own: a vacuum may take long, and what is set here must not stay in the pool.
        let mut connection = PgConnection::connect_with(&self.owner.connect_options()).await?;
        sqlx::raw_sql(LOCK_WAIT).execute(&mut connection).await?;
        let (mut cleared, mut in_place) = (Cleared::default(), vec![]);
        for (schema, table) in tables(&mut connection).await? {
            cleared.places += 1;
            if !scrub(&mut connection, &schema, &table).await? {
                in_place.push(format!("{schema}.{table}"));
            }
        }
        let statistics = scrub(&mut connection, STATISTICS.0, STATISTICS.1).await;
        if !matches!(statistics, Ok(true)) {
            in_place.push("pg_statistic".into());
        }
        if let Err(cause) = sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await {
            tracing::debug!(%cause, "no checkpoint");
            let why = "the files of tables that were written anew are emptied by the next checkpoint of Postgres; this user may ask for none";
            cleared.not_reached.push(remain("postgres_checkpoint", why));
        }
        connection.close().await?;
        if !in_place.is_empty() {
            let why = format!(
                "{} were cleared in place: old bytes may lie in holes of their pages until new rows come there; \
                 brain replay rebuild writes them anew",
                in_place.join(", ")
            );
            cleared.not_reached.push(Remain { place: "postgres_pages".into(), why });
        }
        let wal = "what was written stands in segments of the write-ahead log, which are used again in turn and not cleared";
        cleared.not_reached.push(remain("postgres_wal", wal));
        if !self.is_embedded {
            let why = "archives, replicas and backups of this Postgres are its operator's to look after";
            cleared.not_reached.push(remain("postgres_archive", why));
        }
        Ok(cleared)
    }
}

fn remain(place: &str, why: &str) -> Remain {
    Remain { place: place.into(), why: why.into() }
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    const SQL: &str = "SELECT t.schemaname::text, t.tablename::text FROM pg_tables t JOIN brain.checkpoints c \
        ON t.schemaname = c.projection || '_v' || c.version WHERE c.projection = ANY($1) ORDER BY 1, 2";
    let mut found: Vec<(String, String)> = sqlx::query_as(SQL).bind(PROJECTIONS.as_slice()).fetch_all(connection).await?;
    found.extend(OTHERS.map(|(schema, table)| (schema.to_owned(), table.to_owned())));
    Ok(found)
}

/// Writes a table anew if it is small, else vacuums it; whether it was written anew.
async fn scrub(connection: &mut PgConnection, schema: &str, table: &str) -> Result<bool, sqlx::Error> {
    let name = format!("{schema}.{table}");
    let bytes: Option<i64> =
        sqlx::query_scalar("SELECT pg_total_relation_size(to_regclass($1))").bind(&name).fetch_one(&mut *connection).await?;
    // A version that was dropped meanwhile is as clean as can be.
    let Some(bytes) = bytes else { return Ok(true) };
    let bytes_max = if table == "vectors" { VECTORS_ANEW_BYTES_MAX } else { ANEW_BYTES_MAX };
    // Safe: names of tables of ours, as Postgres itself tells them.
    let mut run = async |what: String| sqlx::raw_sql(AssertSqlSafe(what)).execute(&mut *connection).await;
    // Statistics are the last to go: they are of rows that must be gone by then.
    let analyze = if schema == STATISTICS.0 { "" } else { ", ANALYZE" };
    if bytes <= bytes_max && run(format!("VACUUM (FULL{analyze}) {name}")).await.is_ok() {
        return Ok(true);
    }
    run(format!("VACUUM (INDEX_CLEANUP ON{analyze}) {name}")).await?;
    Ok(false)
}

fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> EraseError {
    move |cause| EraseError::new(doing, cause)
}

#[async_trait]
impl RowEraser for PgRowEraser {
    async fn open(&self, limit: u32) -> Result<Vec<Erasure>, EraseError> {
        self.all_open(limit).await.map_err(failed("looking for erased memories"))
    }

    async fn relationships(&self, space: &SpaceId, memory: MemoryId) -> Result<Vec<RelationshipId>, EraseError> {
        // Tombstones as well: what they said stands in the log.
        const SQL: &str = "SELECT id FROM live.edges WHERE space = $1 AND (source_id = $2 OR target_id = $2)";
        let query = sqlx::query(SQL).bind(space.as_str()).bind(memory.0);
        let rows = query.fetch_all(&self.owner).await.map_err(failed("looking for relationships"))?;
        let ids = rows.iter().map(|row| Ok(RelationshipId(row.try_get("id")?))).collect::<Result<_, sqlx::Error>>();
        ids.map_err(failed("looking for relationships"))
    }

    async fn forget_told(&self, space: &SpaceId, ids: &[String], below: StreamSeq) -> Result<Told, EraseError> {
        self.empty_told(space, ids, below).await.map_err(failed("forgetting what webhooks were told"))
    }

    async fn put_aside(&self, space: &SpaceId, ids: &[String]) -> Result<Option<String>, EraseError> {
        const SQL: &str = "SELECT min(p.projection) FROM brain.parked p JOIN brain.checkpoints c USING (projection, version) \
            WHERE p.space = $1 AND p.id = ANY($2) AND c.state IN ('live', 'filling')";
        let query = sqlx::query_scalar(SQL).bind(space.as_str()).bind(ids);
        query.fetch_one(&self.owner).await.map_err(failed("looking for what is put aside"))
    }

    async fn scrub(&self) -> Result<Cleared, EraseError> {
        self.drop_retired().await?;
        self.scrub_all().await.map_err(failed("clearing the read models"))
    }
}
