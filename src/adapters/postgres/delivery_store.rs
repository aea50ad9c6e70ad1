//! The durable state of webhooks, for the dispatcher and its lanes. Implements [`DeliveryStore`]; sees every space, as brain_owner.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow, types::Json};
use tokio::sync::Mutex;

use super::{bigint, projection_store::Fault, unsigned};
use crate::{
    domain::ids::{EventId, SpaceId, StreamSeq, Timestamp, WebhookId},
    journal::events::WebhookV1,
    ports::{
        Clock,
        webhooks::{
            Breaker, Condition, Delivery, DeliveryError, DeliveryStore, DispatchClaim, Dispatched, Due, Endpoint, Outcome,
            Redelivery, Standing,
        },
    },
};

/// Keeps deliveries in Postgres. A lost commit is no harm: what was sent is sent again under the same id.
pub struct PgDeliveries {
    owner: PgPool,
    /// The one clock of deliveries: the times that are due are compared with it, so they are told by it as well. Postgres' own may differ.
    clock: Arc<dyn Clock>,
    /// Holds the advisory lock of the one dispatcher.
    lock: Mutex<Option<PgConnection>>,
}

const LOCK: &str = "webhook dispatcher";
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

fn unavailable(cause: sqlx::Error) -> DeliveryError {
    DeliveryError::Unavailable(cause.into())
}

impl PgDeliveries {
    pub fn new(owner: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { owner, clock, lock: Mutex::new(None) }
    }

    async fn take(&self, start: StreamSeq) -> Result<Option<DispatchClaim>, sqlx::Error> {
        const EPOCH: &str = "INSERT INTO brain.dispatch (applied_seq, epoch) VALUES ($1, 1) \
            ON CONFLICT (one) DO UPDATE SET epoch = dispatch.epoch + 1 RETURNING epoch, applied_seq";
        let mut connection = PgConnection::connect_with(&self.owner.connect_options()).await?;
        let query = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))").bind(LOCK);
        if !query.fetch_one(&mut connection).await? {
            drop(connection.close().await);
            return Ok(None);
        }
        let (epoch, applied): (i64, i64) = sqlx::query_as(EPOCH).bind(bigint(start.0)).fetch_one(&mut connection).await?;
        *self.lock.lock().await = Some(connection);
        Ok(Some(DispatchClaim { epoch, applied_seq: StreamSeq(unsigned(applied)) }))
    }

    async fn write(&self, epoch: i64, (from, upto): (StreamSeq, StreamSeq), found: &Dispatched) -> Result<bool, sqlx::Error> {
        const POSITION: &str = "UPDATE brain.dispatch SET applied_seq = $3 WHERE epoch = $1 AND applied_seq = $2";
        let mut transaction = self.owner.begin_with(BEGIN).await?;
        let query = sqlx::query(POSITION).bind(epoch).bind(bigint(from.0)).bind(bigint(upto.0));
        let moved = query.execute(&mut *transaction).await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let now = self.clock.now();
        for endpoint in &found.endpoints {
            write_endpoint_or_tell(&mut transaction, endpoint, now).await?;
        }
        insert(&mut transaction, &found.deliveries, now).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Under a savepoint: an endpoint that Postgres cannot hold stays as it was, and is told of.
async fn write_endpoint_or_tell(connection: &mut PgConnection, endpoint: &Endpoint, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SAVEPOINT endpoint").execute(&mut *connection).await?;
    let end = match write_endpoint(connection, endpoint, now).await.map_err(Fault::from) {
        Ok(()) => "RELEASE SAVEPOINT endpoint",
        Err(Fault::Poison(error)) => {
            tracing::error!(webhook = %endpoint.id, %error, "the endpoint cannot be written down: it is sent to as it was before");
            "ROLLBACK TO SAVEPOINT endpoint"
        }
        Err(Fault::Store(cause)) => return Err(sqlx::Error::Io(std::io::Error::other(cause))),
    };
    sqlx::raw_sql(end).execute(connection).await?;
    Ok(())
}

async fn write_endpoint(connection: &mut PgConnection, endpoint: &Endpoint, now: Timestamp) -> Result<(), sqlx::Error> {
    const FORGET: &str = "WITH gone AS (DELETE FROM brain.endpoints WHERE webhook = $1), \
        missed AS (DELETE FROM brain.redeliveries WHERE webhook = $1) \
        UPDATE brain.deliveries SET state = 'discarded', finished_at = $2 WHERE webhook = $1 AND state = 'pending'";
    // Whoever switches an endpoint on again starts it with a clean slate.
    const KEEP: &str = "INSERT INTO brain.endpoints AS e (space, webhook, definition, ver) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (webhook) DO UPDATE SET definition = excluded.definition, ver = excluded.ver, \
            breaker = CASE WHEN $5 THEN 'closed' ELSE e.breaker END, \
            paused_until = CASE WHEN $5 THEN NULL ELSE e.paused_until END, \
            failing_since = CASE WHEN $5 THEN NULL ELSE e.failing_since END \
        WHERE e.ver < excluded.ver";
    if endpoint.webhook.deleted_at.is_some() {
        sqlx::query(FORGET).bind(endpoint.id.0).bind(now).execute(connection).await?;
        return Ok(());
    }
    sqlx::query(KEEP)
        .bind(endpoint.space.as_str())
        .bind(endpoint.id.0)
        .bind(Json(WebhookV1::from(&endpoint.webhook)))
        .bind(bigint(endpoint.ver.0))
        .bind(!endpoint.webhook.is_active())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(connection: &mut PgConnection, deliveries: &[Delivery], now: Timestamp) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO brain.deliveries \
            (webhook, seq, space, event_id, type, aggregate, aggregate_id, due_at, created_at) \
        SELECT given.*, $8, $8 \
        FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[]) AS given \
        ON CONFLICT (webhook, seq) DO NOTHING";
    if deliveries.is_empty() {
        return Ok(());
    }
    let column = |text: fn(&Delivery) -> &str| deliveries.iter().map(|it| text(it).to_owned()).collect::<Vec<_>>();
    sqlx::query(SQL)
        .bind(deliveries.iter().map(|it| it.webhook.0).collect::<Vec<_>>())
        .bind(seqs(deliveries.iter().map(|it| it.seq)))
        .bind(column(|it| it.space.as_str()))
        .bind(deliveries.iter().map(|it| it.event_id.0).collect::<Vec<_>>())
        .bind(column(|it| &it.kind))
        .bind(column(|it| &it.aggregate))
        .bind(column(|it| &it.aggregate_id))
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

fn seqs(given: impl Iterator<Item = StreamSeq>) -> Vec<i64> {
    given.map(|seq| bigint(seq.0)).collect()
}

#[async_trait]
impl DeliveryStore for PgDeliveries {
    async fn claim(&self, start: StreamSeq) -> Result<DispatchClaim, DeliveryError> {
        self.release().await;
        self.take(start).await.map_err(unavailable)?.ok_or(DeliveryError::Owned)
    }

    async fn release(&self) {
        if let Some(held) = self.lock.lock().await.take() {
            // The lock ends with the connection, however it ends.
            drop(held.close().await);
        }
    }

    async fn settled(&self) -> Result<StreamSeq, DeliveryError> {
        const SQL: &str = "SELECT least(applied_seq, (SELECT min(seq) - 1 FROM brain.deliveries WHERE state = 'pending')) \
            FROM brain.dispatch";
        let settled: i64 = sqlx::query_scalar(SQL).fetch_one(&self.owner).await.map_err(unavailable)?;
        Ok(StreamSeq(unsigned(settled)))
    }

    async fn endpoints(&self) -> Result<Vec<(Endpoint, Condition)>, DeliveryError> {
        let rows = sqlx::query("SELECT * FROM brain.endpoints").fetch_all(&self.owner).await.map_err(unavailable)?;
        rows.iter().map(endpoint).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn stands_at(&self, epoch: i64, position: StreamSeq) -> Result<bool, DeliveryError> {
        const SQL: &str = "SELECT EXISTS (SELECT FROM brain.dispatch WHERE epoch = $1 AND applied_seq = $2)";
        let query = sqlx::query_scalar(SQL).bind(epoch).bind(bigint(position.0));
        query.fetch_one(&self.owner).await.map_err(unavailable)
    }

    async fn dispatch(&self, epoch: i64, span: (StreamSeq, StreamSeq), found: &Dispatched) -> Result<(), DeliveryError> {
        match self.write(epoch, span, found).await.map_err(unavailable)? {
            true => Ok(()),
            false => Err(DeliveryError::Lost),
        }
    }

    async fn due(&self, webhook: WebhookId, wanted: &Due) -> Result<Vec<Delivery>, DeliveryError> {
        const SQL: &str = "SELECT * FROM brain.deliveries d \
            WHERE webhook = $1 AND state = 'pending' AND due_at <= $2 AND seq <> ALL($3) \
              AND (NOT $4 OR NOT EXISTS (SELECT FROM brain.deliveries e WHERE e.webhook = $1 AND e.state = 'pending' \
                   AND e.aggregate_id = d.aggregate_id AND e.seq < d.seq)) \
            ORDER BY due_at, seq LIMIT $5";
        let rows = sqlx::query(SQL)
            .bind(webhook.0)
            .bind(wanted.now)
            .bind(seqs(wanted.without.iter().copied()))
            .bind(wanted.ordered)
            .bind(i64::from(wanted.limit))
            .fetch_all(&self.owner)
            .await
            .map_err(unavailable)?;
        rows.iter().map(delivery).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn next_due(&self, webhook: WebhookId, now: Timestamp) -> Result<Option<Timestamp>, DeliveryError> {
        const SQL: &str = "SELECT min(due_at) FROM brain.deliveries WHERE webhook = $1 AND state = 'pending' AND due_at > $2";
        let query = sqlx::query_scalar(SQL).bind(webhook.0).bind(now);
        query.fetch_one(&self.owner).await.map_err(unavailable)
    }

    async fn record(&self, outcomes: &[Outcome]) -> Result<(), DeliveryError> {
        record(&self.owner, outcomes, self.clock.now()).await.map_err(unavailable)
    }

    async fn set_condition(&self, webhook: WebhookId, condition: Condition) -> Result<(), DeliveryError> {
        const SQL: &str = "UPDATE brain.endpoints SET breaker = $2, paused_until = $3, failing_since = $4 WHERE webhook = $1";
        sqlx::query(SQL)
            .bind(webhook.0)
            .bind(condition.breaker.as_str())
            .bind(condition.paused_until)
            .bind(condition.failing_since)
            .execute(&self.owner)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn nudged(&self) -> Result<Vec<WebhookId>, DeliveryError> {
        const SQL: &str = "UPDATE brain.endpoints SET nudged = false WHERE nudged RETURNING webhook";
        let found: Vec<uuid::Uuid> = sqlx::query_scalar(SQL).fetch_all(&self.owner).await.map_err(unavailable)?;
        Ok(found.into_iter().map(WebhookId).collect())
    }

    async fn redeliveries(&self) -> Result<Vec<Redelivery>, DeliveryError> {
        let rows = sqlx::query("SELECT * FROM brain.redeliveries").fetch_all(&self.owner).await.map_err(unavailable)?;
        rows.iter().map(redelivery).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn redeliver(&self, wish: &Redelivery, found: &[Delivery]) -> Result<(), DeliveryError> {
        // A wish that was renewed meanwhile is another one, and is worked off from its own beginning.
        const MOVE: &str = "UPDATE brain.redeliveries SET at_seq = $2, found = found + $3 \
            WHERE webhook = $1 AND upto_seq = $4 AND at_seq < $2";
        const END: &str = "DELETE FROM brain.redeliveries WHERE webhook = $1 AND at_seq >= upto_seq";
        let write = async {
            let mut transaction = self.owner.begin().await?;
            insert(&mut transaction, found, self.clock.now()).await?;
            sqlx::query(MOVE)
                .bind(wish.webhook.0)
                .bind(bigint(wish.at.0))
                .bind(found.len() as i64)
                .bind(bigint(wish.upto.0))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(END).bind(wish.webhook.0).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        write.await.map_err(unavailable)
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, DeliveryError> {
        const SQL: &str = "WITH gone AS ( \
                DELETE FROM brain.deliveries WHERE state <> 'pending' AND finished_at < $1 RETURNING webhook, seq) \
            DELETE FROM brain.attempts a USING gone WHERE a.webhook = gone.webhook AND a.seq = gone.seq";
        let done = sqlx::query(SQL).bind(before).execute(&self.owner).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

/// Attempts and what follows from them, in one statement each. What follows comes first: it waits for whoever gives deliveries up because
/// their memory is erased, and what such an endpoint has answered is not kept.
async fn record(owner: &PgPool, outcomes: &[Outcome], now: Timestamp) -> Result<(), sqlx::Error> {
    const ATTEMPTS: &str = "INSERT INTO brain.attempts \
            (webhook, seq, number, space, at, duration_ms, status, error, detail, response_head) \
        SELECT given.webhook, given.seq, given.number, given.space, given.at, given.duration_ms, given.status, given.error, \
            CASE WHEN d.state IS DISTINCT FROM 'discarded' THEN given.detail END, \
            CASE WHEN d.state IS DISTINCT FROM 'discarded' THEN given.response_head END \
        FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::timestamptz[], $6::real[], $7::int[], \
            $8::text[], $9::text[], $10::text[]) \
            AS given (webhook, seq, number, space, at, duration_ms, status, error, detail, response_head) \
        LEFT JOIN brain.deliveries d ON d.webhook = given.webhook AND d.seq = given.seq \
        ON CONFLICT DO NOTHING";
    const DELIVERIES: &str = "UPDATE brain.deliveries d SET state = given.state, attempts = given.number, round = given.round, \
            due_at = coalesce(given.due_at, d.due_at), \
            finished_at = CASE WHEN given.state = 'pending' THEN NULL ELSE $7 END \
        FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[], $5::text[], $6::timestamptz[]) \
            AS given (webhook, seq, number, round, state, due_at) \
        WHERE d.webhook = given.webhook AND d.seq = given.seq AND d.state = 'pending'";
    fn column<T>(outcomes: &[Outcome], value: impl Fn(&Outcome) -> T) -> Vec<T> {
        outcomes.iter().map(value).collect()
    }
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    let (webhooks, numbers) = (column(outcomes, |it| it.delivery.webhook.0), column(outcomes, |it| it.attempt.number as i32));
    let at = seqs(outcomes.iter().map(|it| it.delivery.seq));
    let mut transaction = owner.begin_with(BEGIN).await?;
    let standing = |it: &Outcome| match it.standing {
        Standing::Delivered => ("delivered", None),
        Standing::Failed => ("failed", None),
        Standing::PendingUntil(due_at) => ("pending", Some(due_at)),
    };
    sqlx::query(DELIVERIES)
        .bind(&webhooks)
        .bind(&at)
        .bind(&numbers)
        .bind(column(outcomes, |it| it.delivery.round as i32 + 1))
        .bind(column(outcomes, |it| standing(it).0))
        .bind(column(outcomes, |it| standing(it).1))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(ATTEMPTS)
        .bind(&webhooks)
        .bind(&at)
        .bind(&numbers)
        .bind(column(outcomes, |it| it.delivery.space.to_string()))
        .bind(column(outcomes, |it| it.attempt.at))
        .bind(column(outcomes, |it| (it.attempt.duration.as_secs_f64() * 1_000.0) as f32))
        .bind(column(outcomes, |it| it.attempt.status.map(i32::from)))
        .bind(column(outcomes, |it| it.attempt.error.as_ref().map(|(class, _)| class.clone())))
        .bind(column(outcomes, |it| it.attempt.error.as_ref().map(|(_, text)| clean(text))))
        .bind(column(outcomes, |it| clean(&it.attempt.response_head)))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

fn endpoint(row: &PgRow) -> Result<(Endpoint, Condition), sqlx::Error> {
    let Json(definition): Json<WebhookV1> = row.try_get("definition")?;
    let endpoint = Endpoint {
        space: space(row)?,
        id: WebhookId(row.try_get("webhook")?),
        webhook: definition.into(),
        ver: StreamSeq(unsigned(row.try_get("ver")?)),
    };
    Ok((endpoint, condition(row)?))
}

pub(super) fn condition(row: &PgRow) -> Result<Condition, sqlx::Error> {
    let breaker = match row.try_get("breaker")? {
        "open" => Breaker::Open,
        "half_open" => Breaker::HalfOpen,
        _ => Breaker::Closed,
    };
    Ok(Condition { breaker, paused_until: row.try_get("paused_until")?, failing_since: row.try_get("failing_since")? })
}

pub(super) fn delivery(row: &PgRow) -> Result<Delivery, sqlx::Error> {
    Ok(Delivery {
        webhook: WebhookId(row.try_get("webhook")?),
        seq: StreamSeq(unsigned(row.try_get("seq")?)),
        space: space(row)?,
        event_id: EventId(row.try_get("event_id")?),
        kind: row.try_get("type")?,
        aggregate: row.try_get("aggregate")?,
        aggregate_id: row.try_get("aggregate_id")?,
        attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
        round: row.try_get::<i32, _>("round")?.unsigned_abs(),
    })
}

fn redelivery(row: &PgRow) -> Result<Redelivery, sqlx::Error> {
    Ok(Redelivery {
        webhook: WebhookId(row.try_get("webhook")?),
        space: space(row)?,
        at: StreamSeq(unsigned(row.try_get("at_seq")?)),
        upto: StreamSeq(unsigned(row.try_get("upto_seq")?)),
    })
}

fn space(row: &PgRow) -> Result<SpaceId, sqlx::Error> {
    let text: &str = row.try_get("space")?;
    text.parse().map_err(|error: crate::domain::ids::InvalidSpace| sqlx::Error::Decode(error.into()))
}
