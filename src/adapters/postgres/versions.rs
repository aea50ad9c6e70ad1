//! The versions of a projection side by side: made, indexed, made live, dropped. Used by the projection store only.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::PgRow};
use tokio::time::{Instant, sleep};

use super::{projection_store::Fault, unsigned};
use crate::{
    domain::ids::StreamSeq,
    projectors::{
        Definition,
        store::{Installed, VersionState},
    },
};

/// Longest time that a cut-over may hold up the version that is live.
const CUT_OVER_MS_MAX: u64 = 80;
/// Sqlstate of a lock that was not had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Sqlstate of a view that would have other columns than the one of this name.
const OTHER_COLUMNS: &str = "42P16";

pub async fn all(owner: &PgPool, projection: &str) -> Result<Vec<Installed>, Fault> {
    const SQL: &str = "SELECT version, state, indexed, fingerprint, applied_seq, stopped FROM brain.checkpoints \
        WHERE projection = $1 ORDER BY version";
    let rows = sqlx::query(SQL).bind(projection).fetch_all(owner).await?;
    Ok(rows.iter().map(installed).collect::<Result<_, _>>()?)
}

fn installed(row: &PgRow) -> Result<Installed, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let unknown = || sqlx::Error::ColumnDecode { index: "state".into(), source: format!("{state:?} is no state").into() };
    Ok(Installed {
        version: row.try_get::<i32, _>("version")?.unsigned_abs(),
        state: VersionState::parse(&state).ok_or_else(unknown)?,
        indexed: row.try_get("indexed")?,
        fingerprint: row.try_get("fingerprint")?,
        applied_seq: StreamSeq(unsigned(row.try_get("applied_seq")?)),
        stopped: row.try_get("stopped")?,
    })
}

/// Makes the tables of a version that is not there. Only a live one has its indexes from the beginning.
/// The first version of a projection goes live at once, whatever was asked for.
pub async fn install(owner: &PgPool, definition: &Definition, state: VersionState) -> Result<(), Fault> {
    if exists(&mut *owner.acquire().await?, definition).await? {
        return Ok(());
    }
    let mut transaction = owner.begin().await?;
    // Two processes may start at once; the second one then finds it done.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('install projection', 0))").execute(&mut *transaction).await?;
    if !exists(&mut transaction, definition).await? {
        create(&mut transaction, definition, state).await?;
        tracing::info!(projection = definition.name, version = definition.version, ?state, "the projection's tables are made");
    }
    transaction.commit().await?;
    Ok(())
}

async fn exists(connection: &mut PgConnection, definition: &Definition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM brain.checkpoints WHERE projection = $1 AND version = $2)")
        .bind(&definition.name)
        .bind(definition.version as i32)
        .fetch_one(connection)
        .await
}

async fn create(connection: &mut PgConnection, definition: &Definition, state: VersionState) -> Result<(), sqlx::Error> {
    const CHECKPOINT: &str = "INSERT INTO brain.checkpoints (projection, version, stream, state, indexed, fingerprint) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    const IS_LIVE: &str = "SELECT EXISTS (SELECT FROM brain.live WHERE projection = $1)";
    let any_live: bool = sqlx::query_scalar(IS_LIVE).bind(&definition.name).fetch_one(&mut *connection).await?;
    let live = state == VersionState::Live && !any_live;
    run(connection, &definition.sql.schema).await?;
    if live {
        run(connection, &definition.sql.indexes).await?;
    }
    sqlx::query(CHECKPOINT)
        .bind(&definition.name)
        .bind(definition.version as i32)
        .bind(&definition.stream)
        .bind(if state == VersionState::Live && !live { VersionState::Filling } else { state }.as_str())
        .bind(live)
        .bind(definition.fingerprint())
        .execute(&mut *connection)
        .await?;
    if live {
        sqlx::query("INSERT INTO brain.live (projection, version) VALUES ($1, $2)")
            .bind(&definition.name)
            .bind(definition.version as i32)
            .execute(&mut *connection)
            .await?;
        run(connection, &definition.sql.live).await?;
    }
    Ok(())
}

/// Runs statements of a definition.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    // Safe: a definition's statements are built into the program, with nothing but a version's number put in.
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(())
}

/// Makes the indexes that only readers need, once.
pub async fn index(owner: &PgPool, definition: &Definition) -> Result<(), Fault> {
    const ONCE: &str = "UPDATE brain.checkpoints SET indexed = true WHERE projection = $1 AND version = $2 AND NOT indexed";
    let mut transaction = owner.begin().await?;
    // The checkpoint's row first, as every batch does: whoever took the table first would wait for us, and we for them.
    let marked = sqlx::query(ONCE).bind(&definition.name).bind(definition.version as i32).execute(&mut *transaction).await?;
    if marked.rows_affected() == 0 {
        return Ok(());
    }
    // One worker: the others belong to those who read and write meanwhile.
    run(&mut transaction, "SET LOCAL max_parallel_maintenance_workers = 0; SET LOCAL maintenance_work_mem = '256MB'").await?;
    run(&mut transaction, &definition.sql.indexes).await?;
    let schema = definition.schema();
    for table in tables(&mut transaction, &schema).await? {
        run(&mut transaction, &format!("ANALYZE {schema}.{table}")).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The tables of a version, in the order of their names.
pub async fn tables(connection: &mut PgConnection, schema: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY tablename")
        .bind(schema)
        .fetch_all(connection)
        .await
}

/// Makes a filled version live and retires the one before, in one transaction. `false` when it did not catch up in time.
pub async fn cut_over(owner: &PgPool, to: &Definition) -> Result<bool, Fault> {
    match try_cut_over(owner, to).await {
        Err(Fault::Store(cause)) if is_lock_timeout(&cause) => Ok(false),
        other => other,
    }
}

fn is_lock_timeout(error: &dyn std::error::Error) -> bool {
    std::iter::successors(error.source(), |error| error.source())
        .any(|cause| cause.downcast_ref::<sqlx::Error>().is_some_and(|error| has_code(error, LOCK_NOT_AVAILABLE)))
}

async fn try_cut_over(owner: &PgPool, to: &Definition) -> Result<bool, Fault> {
    const OLD: &str = "SELECT c.version, c.applied_seq FROM brain.live l JOIN brain.checkpoints c USING (projection, version) \
        WHERE l.projection = $1 FOR UPDATE OF c";
    const NEW: &str =
        "SELECT applied_seq FROM brain.checkpoints WHERE projection = $1 AND version = $2 AND state = 'filling' AND indexed";
    const STATES: &str = "UPDATE brain.checkpoints SET state = CASE version WHEN $2 THEN 'live' ELSE 'retired' END, \
        epoch = epoch + CASE version WHEN $2 THEN 0 ELSE 1 END \
        WHERE projection = $1 AND version IN ($2, $3)";
    let mut transaction = owner.begin().await?;
    run(&mut transaction, &format!("SET LOCAL lock_timeout = '{CUT_OVER_MS_MAX}ms'")).await?;
    // From here on the live version's owner waits for us.
    let (old, live_seq): (i32, i64) = sqlx::query_as(OLD).bind(&to.name).fetch_one(&mut *transaction).await?;
    let deadline = Instant::now() + Duration::from_millis(CUT_OVER_MS_MAX);
    loop {
        let query = sqlx::query_scalar(NEW).bind(&to.name).bind(to.version as i32);
        let filled: Option<i64> = query.fetch_optional(&mut *transaction).await?;
        match filled {
            Some(seq) if seq >= live_seq => break,
            Some(_) if Instant::now() < deadline => sleep(Duration::from_millis(2)).await,
            _ => return Ok(false),
        }
    }
    point_views(&mut transaction, to, &format!("{}_v{old}", to.name)).await?;
    sqlx::query("UPDATE brain.live SET version = $2 WHERE projection = $1")
        .bind(&to.name)
        .bind(to.version as i32)
        .execute(&mut *transaction)
        .await?;
    // The retired version's owner finds its epoch gone, and so tells nobody of a commit that readers do not see.
    sqlx::query(STATES).bind(&to.name).bind(to.version as i32).bind(old).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Points the views to a version. Only views with other columns than before are dropped first: Postgres replaces none of these.
async fn point_views(transaction: &mut PgConnection, to: &Definition, old_schema: &str) -> Result<(), sqlx::Error> {
    const VIEWS: &str = "SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid \
        JOIN pg_class c ON c.oid = r.ev_class JOIN pg_class t ON t.oid = d.refobjid \
        WHERE d.classid = 'pg_rewrite'::regclass AND c.relnamespace = 'live'::regnamespace AND t.relnamespace = $1::regnamespace";
    run(transaction, "SAVEPOINT views").await?;
    match run(transaction, &to.sql.live).await {
        Err(error) if has_code(&error, OTHER_COLUMNS) => {
            run(transaction, "ROLLBACK TO views").await?;
            let views: Vec<String> = sqlx::query_scalar(VIEWS).bind(old_schema).fetch_all(&mut *transaction).await?;
            for view in views {
                run(transaction, &format!("DROP VIEW {view}")).await?;
            }
            run(transaction, &to.sql.live).await
        }
        done => done,
    }
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(|reply| reply.code()).as_deref() == Some(code)
}

/// Makes the version that was live before be filled up again, so that it becomes live once it has caught up.
pub async fn revive(owner: &PgPool, projection: &str) -> Result<Option<u32>, Fault> {
    const SQL: &str = "UPDATE brain.checkpoints SET state = 'filling' WHERE projection = $1 AND state = 'retired' \
        AND version = (SELECT max(version) FROM brain.checkpoints WHERE projection = $1 AND state = 'retired') RETURNING version";
    let version: Option<i32> = sqlx::query_scalar(SQL).bind(projection).fetch_optional(owner).await?;
    Ok(version.map(i32::unsigned_abs))
}

/// Removes a version with all that belongs to it, unless it is live.
pub async fn drop_version(owner: &PgPool, definition: &Definition) -> Result<(), Fault> {
    const GONE: &str = "DELETE FROM brain.checkpoints WHERE projection = $1 AND version = $2 AND state <> 'live'";
    let mut transaction = owner.begin().await?;
    let gone = sqlx::query(GONE).bind(&definition.name).bind(definition.version as i32).execute(&mut *transaction).await?;
    if gone.rows_affected() == 1 {
        sqlx::query("DELETE FROM brain.parked WHERE projection = $1 AND version = $2")
            .bind(&definition.name)
            .bind(definition.version as i32)
            .execute(&mut *transaction)
            .await?;
        run(&mut transaction, &format!("DROP SCHEMA {} CASCADE", definition.schema())).await?;
    }
    transaction.commit().await?;
    Ok(())
}
