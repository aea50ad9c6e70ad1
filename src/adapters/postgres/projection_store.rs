//! The projections' store: tables, ownership, and batches with their checkpoint in one transaction. Called by the engine
//! alone; never reads the log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::Mutex;

use super::{
    bigint, parking,
    staging::{self, Row},
    unparking, unsigned,
    version_snapshot::PgVersionSnapshot,
    versions,
};
use crate::{
    domain::ids::StreamSeq,
    projectors::{
        Definition, Store,
        batch::{Batch, Item},
        definition::Fold,
        store::{Aggregate, Applied, Claim, Error, Installed, Parked, Repaired, VersionSnapshot, VersionState},
    },
};

/// Why a statement failed, by what must happen next.
#[derive(Debug)]
pub(super) enum Fault {
    /// The data is at fault: the same rows will fail again, others need not.
    Poison(sqlx::Error),
    Store(Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|reply| reply.code()).unwrap_or_default().into_owned();
        match code.get(..2) {
            // Data, integrity, not supported, limits of the program (a value too large for an index), raised by a function.
            // So is cardinality: two aggregates that lead to one row.
            Some("21" | "22" | "23" | "0A" | "54" | "P0") => Self::Poison(error),
            // Syntax or access rule, missing schema: no event did that.
            Some("42" | "3F") => Self::Store(Error::Broken(Box::new(error))),
            // A value that cannot even be sent.
            _ if matches!(error, sqlx::Error::Encode(_)) => Self::Poison(error),
            _ => Self::Store(Error::Unavailable(Box::new(error))),
        }
    }
}

impl From<Fault> for Error {
    /// Outside a batch there is no event to blame.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Poison(error) => Self::Broken(Box::new(error)),
            Fault::Store(error) => error,
        }
    }
}

/// Keeps projections in Postgres, as brain_owner.
pub struct PgProjectionStore {
    owner: PgPool,
    /// The connections that hold the advisory locks, by lock name. Beside the pool, so that no batch can wait for them.
    locks: Mutex<HashMap<String, PgConnection>>,
}

impl PgProjectionStore {
    pub fn new(owner: PgPool) -> Self {
        Self { owner, locks: Mutex::new(HashMap::new()) }
    }

    async fn take(&self, definition: &Definition) -> Result<Claim, Fault> {
        const EPOCH: &str = "UPDATE brain.checkpoints SET epoch = epoch + 1, stopped = NULL WHERE projection = $1 AND version = $2 \
            AND state <> 'retired' RETURNING epoch, applied_seq, state = 'live'";
        self.let_go(definition).await;
        let mut connection = PgConnection::connect_with(&self.owner.connect_options()).await?;
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(lock_name(definition))
            .fetch_one(&mut connection)
            .await?;
        if !locked {
            // The server notices the closed socket; a failed farewell changes nothing.
            drop(connection.close().await);
            return Err(Fault::Store(Error::Owned));
        }
        let query = sqlx::query_as(EPOCH).bind(&definition.name).bind(definition.version as i32);
        let claimed: Option<(i64, i64, bool)> = query.fetch_optional(&mut connection).await?;
        // A retired version is nobody's.
        let (epoch, applied_seq, live) = claimed.ok_or(Fault::Store(Error::Owned))?;
        self.locks.lock().await.insert(lock_name(definition), connection);
        Ok(Claim { epoch, applied_seq: StreamSeq(unsigned(applied_seq)), live })
    }

    async fn let_go(&self, definition: &Definition) {
        let held = self.locks.lock().await.remove(&lock_name(definition));
        if let Some(connection) = held {
            // The lock ends with the connection, however it ends.
            drop(connection.close().await);
        }
    }

    /// The quick way, all rows at once; `None` when it takes the careful one.
    async fn apply_whole(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Option<Applied>, Fault> {
        let Some(rows) = all_rows(&batch.items) else { return Ok(None) };
        let mut transaction = self.owner.begin_with(staging::BEGIN).await?;
        let standing = advance(&mut transaction, definition, epoch, batch).await?;
        // What is parked may be healed by what comes now.
        if standing.anything_parked && !rows.is_empty() && definition.fold == Fold::Last {
            transaction.rollback().await?;
            return Ok(None);
        }
        if !rows.is_empty() {
            staging::apply(&mut transaction, definition, &rows).await?;
        }
        transaction.commit().await?;
        Ok(Some(Applied { live: standing.live, parked: 0 }))
    }

    async fn apply_halves(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Applied, Fault> {
        let mut transaction = self.owner.begin_with(staging::BEGIN).await?;
        let standing = advance(&mut transaction, definition, epoch, batch).await?;
        let parked = parking::apply_carefully(&mut transaction, definition, &batch.items).await?;
        transaction.commit().await?;
        Ok(Applied { live: standing.live, parked })
    }
}

#[async_trait]
impl Store for PgProjectionStore {
    async fn versions(&self, projection: &str) -> Result<Vec<Installed>, Error> {
        Ok(versions::all(&self.owner, projection).await?)
    }

    async fn install(&self, definition: &Definition, state: VersionState) -> Result<(), Error> {
        Ok(versions::install(&self.owner, definition, state).await?)
    }

    async fn index(&self, definition: &Definition) -> Result<(), Error> {
        Ok(versions::index(&self.owner, definition).await?)
    }

    async fn cut_over(&self, definition: &Definition) -> Result<bool, Error> {
        Ok(versions::cut_over(&self.owner, definition).await?)
    }

    async fn revive(&self, projection: &str) -> Result<Option<u32>, Error> {
        Ok(versions::revive(&self.owner, projection).await?)
    }

    async fn drop_version(&self, definition: &Definition) -> Result<(), Error> {
        Ok(versions::drop_version(&self.owner, definition).await?)
    }

    async fn claim(&self, definition: &Definition) -> Result<Claim, Error> {
        Ok(self.take(definition).await?)
    }

    async fn apply(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Applied, Error> {
        match self.apply_whole(definition, epoch, batch).await {
            Ok(Some(applied)) => return Ok(applied),
            Ok(None) => {}
            Err(Fault::Poison(error)) => {
                tracing::warn!(projection = definition.name, %error, upto = %batch.upto, "looking for the event that fails");
            }
            Err(Fault::Store(error)) => return Err(error),
        }
        Ok(self.apply_halves(definition, epoch, batch).await?)
    }

    async fn snapshot(&self, definition: &Definition) -> Result<Box<dyn VersionSnapshot>, Error> {
        Ok(Box::new(PgVersionSnapshot::begin(&self.owner, definition).await.map_err(Fault::from)?))
    }

    async fn stopped(&self, definition: &Definition, cause: &str) -> Result<(), Error> {
        const SQL: &str = "UPDATE brain.checkpoints SET stopped = $3 WHERE projection = $1 AND version = $2";
        let query = sqlx::query(SQL).bind(&definition.name).bind(definition.version as i32).bind(cause.replace('\0', ""));
        query.execute(&self.owner).await.map_err(Fault::from)?;
        Ok(())
    }

    async fn parked(&self, projection: Option<&str>, limit: u32) -> Result<Vec<Parked>, Error> {
        Ok(unparking::list(&self.owner, projection, limit).await.map_err(Fault::from)?)
    }

    async fn put_aside(&self, definition: &Definition) -> Result<(u64, u64), Error> {
        Ok(unparking::counts(&self.owner, definition).await.map_err(Fault::from)?)
    }

    async fn parked_aggregates(&self, definition: &Definition, limit: u32) -> Result<Vec<Aggregate>, Error> {
        Ok(unparking::aggregates(&self.owner, definition, limit).await.map_err(Fault::from)?)
    }

    async fn repair(&self, definition: &Definition, aggregate: &Aggregate, items: Vec<Item>) -> Result<Repaired, Error> {
        Ok(unparking::repair(&self.owner, definition, aggregate, items).await?)
    }

    async fn retry_message(&self, definition: &Definition, item: Item) -> Result<Repaired, Error> {
        Ok(unparking::retry_message(&self.owner, definition, item).await?)
    }

    async fn skip(&self, definition: &Definition, of: (&Aggregate, Option<StreamSeq>)) -> Result<u64, Error> {
        Ok(unparking::skip(&self.owner, definition, of).await.map_err(Fault::from)?)
    }

    async fn release(&self, definition: &Definition) {
        self.let_go(definition).await;
    }
}

pub(super) fn lock_name(definition: &Definition) -> String {
    format!("projection {} {}", definition.name, definition.version)
}

/// The rows to stage; `None` when a message of the batch is no event.
fn all_rows(items: &[Item]) -> Option<Vec<Row<'_>>> {
    let row = |item| match item {
        &Item::Event { seq, ref event, ref values } => Some(Row { seq, event, values }),
        Item::Undecodable { .. } => None,
    };
    items.iter().map(row).collect()
}

/// What the checkpoint's row says of the version.
#[derive(sqlx::FromRow)]
struct Standing {
    anything_parked: bool,
    live: bool,
}

/// Moves the checkpoint if it still is where this owner left it, and locks it until the commit.
async fn advance(connection: &mut PgConnection, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Standing, Fault> {
    const SQL: &str = "UPDATE brain.checkpoints SET applied_seq = $5, applied_at = clock_timestamp() \
        WHERE projection = $1 AND version = $2 AND epoch = $3 AND applied_seq = $4 \
        RETURNING state = 'live' AS live, \
            EXISTS (SELECT FROM brain.parked WHERE projection = $1 AND version = $2 AND id <> '') AS anything_parked";
    let standing: Option<Standing> = sqlx::query_as(SQL)
        .bind(&definition.name)
        .bind(definition.version as i32)
        .bind(epoch)
        .bind(bigint(batch.after.0))
        .bind(bigint(batch.upto.0))
        .fetch_optional(connection)
        .await?;
    standing.ok_or(Fault::Store(Error::Lost))
}
