//! Webhooks, their deliveries and how they fare, as clients of a space read and move them. Implements [`WebhookReads`].

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow, types::Json};

use super::{
    bigint,
    delivery_store::{condition, delivery},
    memory_reads::unavailable,
    parked, snapshot, unsigned,
};
use crate::{
    domain::ids::{Revision, SpaceId, StreamSeq, Timestamp, WebhookId},
    journal::{catalog, events::WebhookV1},
    ports::{
        QueryError,
        webhooks::{Attempt, DeliveryQuery, DeliveryRecord, Health, WebhookReads, WebhookRecord},
    },
};

/// Reads as brain_app within a space; what clients move is written as brain_owner, with the space in the statement.
pub struct PgWebhookReads {
    app: PgPool,
    owner: PgPool,
}

impl PgWebhookReads {
    pub fn new(app: PgPool, owner: PgPool) -> Self {
        Self { app, owner }
    }

    async fn fetch<T>(
        &self,
        space: &SpaceId,
        mut sql: QueryBuilder<Postgres>,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, QueryError> {
        let fetch = async {
            let mut transaction = snapshot::begin(&self.app, space).await?;
            let rows = sql.build().fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            rows.iter().map(read).collect::<Result<Vec<T>, _>>()
        };
        fetch.await.map_err(unavailable)
    }

    /// Tells the dispatcher, whichever process it is, that there is something to do.
    /// Makes one delivery, or the failed ones of events since a time, pending again from their first attempt; answers how many.
    async fn make_due(
        &self,
        space: &SpaceId,
        id: WebhookId,
        now: Timestamp,
        (seq, failed_since): (Option<StreamSeq>, Option<Timestamp>),
    ) -> Result<u64, QueryError> {
        const SQL: &str = "UPDATE brain.deliveries SET state = 'pending', round = 0, due_at = $3, finished_at = NULL \
            WHERE space = $1 AND webhook = $2 AND (seq = $4 OR state = 'failed' AND created_at >= $5)";
        let query = sqlx::query(SQL).bind(space.as_str()).bind(id.0).bind(now);
        let query = query.bind(seq.map(|seq| bigint(seq.0))).bind(failed_since);
        let done = query.execute(&self.owner).await.map_err(unavailable)?;
        let nudge = sqlx::query("UPDATE brain.endpoints SET nudged = true WHERE webhook = $1").bind(id.0);
        nudge.execute(&self.owner).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl WebhookReads for PgWebhookReads {
    async fn list(&self, space: &SpaceId, limit: u32, after: Option<WebhookId>) -> Result<Vec<WebhookRecord>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT id, revision, webhook FROM live.webhooks WHERE deleted_at IS NULL AND space = ");
        sql.push_bind(space.as_str());
        if let Some(after) = after {
            sql.push(" AND id > ").push_bind(after.0);
        }
        sql.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        self.fetch(space, sql, webhook).await
    }

    async fn get(&self, space: &SpaceId, id: WebhookId) -> Result<Option<WebhookRecord>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT asked.parked, w.id, w.revision, w.webhook FROM (SELECT ");
        parked::now(&mut sql, "webhooks", (catalog::WEBHOOK, space, id.0));
        sql.push(" AS parked) AS asked LEFT JOIN live.webhooks w ON w.space = ").push_bind(space.as_str());
        sql.push(" AND w.id = ").push_bind(id.0);
        let asked = self.fetch(space, sql, |row| Ok(parked::unless(row, webhook))).await?.pop();
        asked.unwrap_or(Ok(None))
    }

    async fn deliveries(&self, space: &SpaceId, id: WebhookId, query: &DeliveryQuery) -> Result<Vec<DeliveryRecord>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT * FROM brain.deliveries WHERE space = ");
        sql.push_bind(space.as_str()).push(" AND webhook = ").push_bind(id.0);
        if let Some(state) = &query.state {
            sql.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(kind) = &query.kind {
            sql.push(" AND type = ").push_bind(kind.clone());
        }
        if let Some(before) = query.before {
            sql.push(" AND seq < ").push_bind(bigint(before.0));
        }
        sql.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(query.limit));
        let read = |row: &PgRow| {
            Ok(DeliveryRecord {
                delivery: delivery(row)?,
                state: row.try_get("state")?,
                due_at: row.try_get("due_at")?,
                created_at: row.try_get("created_at")?,
                finished_at: row.try_get("finished_at")?,
            })
        };
        self.fetch(space, sql, read).await
    }

    async fn attempts(&self, space: &SpaceId, id: WebhookId, seq: StreamSeq) -> Result<Vec<Attempt>, QueryError> {
        let mut sql = QueryBuilder::new("SELECT * FROM brain.attempts WHERE space = ");
        sql.push_bind(space.as_str()).push(" AND webhook = ").push_bind(id.0);
        sql.push(" AND seq = ").push_bind(bigint(seq.0)).push(" ORDER BY number");
        self.fetch(space, sql, attempt).await
    }

    async fn health(&self, space: &SpaceId, id: WebhookId, since: Timestamp) -> Result<Health, QueryError> {
        let mut sql = QueryBuilder::new("SELECT e.breaker, e.paused_until, e.failing_since, a.*, d.*, ");
        sql.push("EXISTS (SELECT FROM brain.redeliveries r WHERE r.webhook = e.webhook) AS redelivering ");
        sql.push("FROM brain.endpoints e CROSS JOIN LATERAL (SELECT count(*) AS attempts, ");
        sql.push("count(*) FILTER (WHERE status BETWEEN 200 AND 299) AS succeeded, ");
        sql.push("percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms)::float8 AS p50, ");
        sql.push("percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms)::float8 AS p95 ");
        sql.push("FROM brain.attempts WHERE webhook = e.webhook AND at >= ").push_bind(since);
        sql.push(") a CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'pending') AS pending, ");
        sql.push("count(*) FILTER (WHERE state = 'failed') AS failed, ");
        sql.push(
            "min(created_at) FILTER (WHERE state = 'pending') AS oldest FROM brain.deliveries WHERE webhook = e.webhook) d ",
        );
        sql.push("WHERE e.space = ").push_bind(space.as_str()).push(" AND e.webhook = ").push_bind(id.0);
        let read = |row: &PgRow| {
            Ok(Health {
                condition: condition(row)?,
                attempts: unsigned(row.try_get("attempts")?),
                succeeded: unsigned(row.try_get("succeeded")?),
                p50_ms: row.try_get("p50")?,
                p95_ms: row.try_get("p95")?,
                pending: unsigned(row.try_get("pending")?),
                failed: unsigned(row.try_get("failed")?),
                oldest_pending_at: row.try_get("oldest")?,
                redelivering: row.try_get("redelivering")?,
            })
        };
        Ok(self.fetch(space, sql, read).await?.pop().unwrap_or_default())
    }

    async fn resend(&self, space: &SpaceId, id: WebhookId, seq: StreamSeq, now: Timestamp) -> Result<bool, QueryError> {
        Ok(self.make_due(space, id, now, (Some(seq), None)).await? > 0)
    }

    async fn recover(&self, space: &SpaceId, id: WebhookId, since: Timestamp, now: Timestamp) -> Result<u64, QueryError> {
        self.make_due(space, id, now, (None, Some(since))).await
    }

    async fn redeliver(&self, space: &SpaceId, id: WebhookId, after: StreamSeq, upto: StreamSeq) -> Result<(), QueryError> {
        // A second wish widens the first one; what is delivered already is found to be.
        const SQL: &str = "INSERT INTO brain.redeliveries AS r (webhook, space, at_seq, upto_seq) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (webhook) DO UPDATE SET at_seq = least(r.at_seq, excluded.at_seq), \
                upto_seq = greatest(r.upto_seq, excluded.upto_seq)";
        let query = sqlx::query(SQL).bind(id.0).bind(space.as_str()).bind(bigint(after.0)).bind(bigint(upto.0));
        query.execute(&self.owner).await.map_err(unavailable)?;
        Ok(())
    }
}

fn webhook(row: &PgRow) -> Result<WebhookRecord, sqlx::Error> {
    let Json(stored): Json<WebhookV1> = row.try_get("webhook")?;
    let revision = Revision(unsigned(row.try_get("revision")?));
    Ok(WebhookRecord { id: WebhookId(row.try_get("id")?), revision, webhook: stored.into() })
}

fn attempt(row: &PgRow) -> Result<Attempt, sqlx::Error> {
    let error: Option<String> = row.try_get("error")?;
    let detail: Option<String> = row.try_get("detail")?;
    let head: Option<String> = row.try_get("response_head")?;
    Ok(Attempt {
        number: row.try_get::<i32, _>("number")?.unsigned_abs(),
        at: row.try_get("at")?,
        duration: Duration::from_secs_f64(f64::from(row.try_get::<f32, _>("duration_ms")?).max(0.0) / 1_000.0),
        status: row.try_get::<Option<i32>, _>("status")?.and_then(|status| status.try_into().ok()),
        error: error.map(|class| (class, detail.unwrap_or_default())),
        response_head: head.unwrap_or_default(),
    })
}
