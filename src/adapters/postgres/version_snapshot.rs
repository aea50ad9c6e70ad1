//! A version of a projection held still for a verification: checkpoint and rows in one snapshot, scanned in SQL, so that a row that
//! somebody changed by hand shows. Used by the projection store only; never writes.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, Transaction, postgres::PgRow};

use super::{projection_store::Fault, unsigned, versions};
use crate::{
    domain::ids::StreamSeq,
    projectors::{
        Definition,
        store::{Error, KeyedRow, TableDigest, VersionSnapshot},
    },
};

/// Partitions of a digest, less one: the key's hash is cut by this mask.
const PARTITIONS_MASK: u32 = 63;

pub struct PgVersionSnapshot {
    transaction: Transaction<'static, Postgres>,
    schema: String,
    tables: Vec<String>,
    applied_seq: StreamSeq,
}

impl PgVersionSnapshot {
    pub async fn begin(owner: &PgPool, definition: &Definition) -> Result<Self, sqlx::Error> {
        const APPLIED: &str = "SELECT applied_seq FROM brain.checkpoints WHERE projection = $1 AND version = $2";
        let mut transaction = owner.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let query = sqlx::query_scalar(APPLIED).bind(&definition.name).bind(definition.version as i32);
        let applied: i64 = query.fetch_one(&mut *transaction).await?;
        // Both sides of a comparison must write times alike.
        sqlx::raw_sql("SET LOCAL timezone = 'UTC'").execute(&mut *transaction).await?;
        let schema = definition.schema();
        let tables = versions::tables(&mut transaction, &schema).await?;
        Ok(Self { transaction, schema, tables, applied_seq: StreamSeq(unsigned(applied)) })
    }

    /// `SELECT … AS key, … AS row, … AS partition` over a table. `ver` is a guard and no content.
    async fn scan(&mut self, table: &str) -> Result<String, sqlx::Error> {
        const KEY: &str = "SELECT a.attname::text FROM pg_index i \
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) \
            WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)";
        let name = format!("{}.{table}", self.schema);
        let columns: Vec<String> = sqlx::query_scalar(KEY).bind(&name).fetch_all(&mut *self.transaction).await?;
        let key =
            format!("jsonb_build_array({})::text", columns.iter().map(|it| format!("t.{it}")).collect::<Vec<_>>().join(", "));
        Ok(format!(
            "SELECT {key} AS key, (to_jsonb(t) - 'ver')::text AS row, \
             (hashtextextended({key}, 0) & {PARTITIONS_MASK})::int AS partition FROM {name} t"
        ))
    }

    async fn digest(&mut self, table: &str) -> Result<TableDigest, sqlx::Error> {
        let scan = self.scan(table).await?;
        let sql = format!(
            "SELECT partition, count(*) AS rows, sum(hashtextextended(row, 0)::numeric)::text AS sum \
             FROM ({scan}) AS scanned GROUP BY partition ORDER BY partition"
        );
        // Safe: made of names that the program itself gave.
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *self.transaction).await?;
        let part = |row: &PgRow| Ok((row.try_get("partition")?, unsigned(row.try_get("rows")?), row.try_get("sum")?));
        Ok(TableDigest { table: table.to_owned(), partitions: rows.iter().map(part).collect::<Result<_, sqlx::Error>>()? })
    }

    async fn partition(&mut self, table: &str, partition: i32) -> Result<Vec<KeyedRow>, sqlx::Error> {
        let scan = self.scan(table).await?;
        let sql = format!("SELECT key, row FROM ({scan}) AS scanned WHERE partition = $1 ORDER BY key COLLATE \"C\"");
        // Safe: made of names that the program itself gave.
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(partition).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| Ok(KeyedRow { key: row.try_get("key")?, row: row.try_get("row")? })).collect()
    }
}

#[async_trait]
impl VersionSnapshot for PgVersionSnapshot {
    fn applied_seq(&self) -> StreamSeq {
        self.applied_seq
    }

    async fn digests(&mut self) -> Result<Vec<TableDigest>, Error> {
        let mut digests = vec![];
        for table in self.tables.clone() {
            digests.push(self.digest(&table).await.map_err(Fault::from)?);
        }
        Ok(digests)
    }

    async fn rows(&mut self, table: &str, partition: i32) -> Result<Vec<KeyedRow>, Error> {
        Ok(self.partition(table, partition).await.map_err(Fault::from)?)
    }
}
