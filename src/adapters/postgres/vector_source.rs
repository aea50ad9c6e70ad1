//! The projection `vectors` as the index in memory reads it once. Implements [`VectorSource`]; asked by `projectors::semantic`.

use std::fmt;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use half::f16;
use sqlx::{PgPool, Row, Transaction, postgres::PgRow};
use uuid::Uuid;

use super::{memory_reads::unavailable, unsigned};
use crate::{
    domain::ids::{MemoryId, StreamSeq},
    ports::{QueryError, TextHash, VectorChange, VectorSource, Vectors},
};

/// Reads every space, as the owner may.
pub struct PgVectorSource {
    owner: PgPool,
}

/// What is live was made by another model, whose vectors say nothing to this one's questions.
#[derive(Debug)]
struct OfAnother(Vec<String>);

impl fmt::Display for OfAnother {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the vectors that are live are of {}", self.0.join(", "))
    }
}

impl std::error::Error for OfAnother {}

impl PgVectorSource {
    pub fn new(owner: PgPool) -> Self {
        Self { owner }
    }

    async fn begin(&self, model: &str) -> Result<Result<Began, OfAnother>, sqlx::Error> {
        const APPLIED: &str = "SELECT c.applied_seq FROM brain.live l JOIN brain.checkpoints c USING (projection, version) \
            WHERE l.projection = 'vectors'";
        let mut transaction = self.owner.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let applied: i64 = sqlx::query_scalar(APPLIED).fetch_one(&mut *transaction).await?;
        let models: Vec<(String, i64)> =
            sqlx::query_as("SELECT model, position FROM live.embedder").fetch_all(&mut *transaction).await?;
        let embedded = models.iter().find(|(name, _)| name == model).map(|(_, position)| StreamSeq(unsigned(*position)));
        if embedded.is_none() && !models.is_empty() {
            return Ok(Err(OfAnother(models.into_iter().map(|(name, _)| name).collect())));
        }
        sqlx::raw_sql("DECLARE all_vectors NO SCROLL CURSOR FOR SELECT space, id, content_hash, embedding FROM live.vectors")
            .execute(&mut *transaction)
            .await?;
        Ok(Ok((transaction, StreamSeq(unsigned(applied)), embedded.unwrap_or_default())))
    }
}

/// A snapshot with a cursor over all vectors, its position in DERIVED, and how far the embedder was.
type Began = (Transaction<'static, sqlx::Postgres>, StreamSeq, StreamSeq);

#[async_trait]
impl VectorSource for PgVectorSource {
    async fn version(&self) -> Result<u32, QueryError> {
        const SQL: &str = "SELECT version FROM brain.live WHERE projection = 'vectors'";
        let version: i32 = sqlx::query_scalar(SQL).fetch_one(&self.owner).await.map_err(unavailable)?;
        Ok(version.unsigned_abs())
    }

    async fn load(&self, model: &str) -> Result<Vectors, QueryError> {
        let began = self.begin(model).await.map_err(unavailable)?;
        let (transaction, position, embedded) = began.map_err(|cause| QueryError::Unavailable(cause.into()))?;
        let rows = stream::unfold(Some(transaction), |transaction| async move {
            let mut transaction = transaction?;
            match sqlx::query("FETCH FORWARD 4096 FROM all_vectors").fetch_all(&mut *transaction).await {
                Ok(rows) if rows.is_empty() => None,
                Ok(rows) => Some((Ok(rows.iter().filter_map(change).collect()), Some(transaction))),
                Err(cause) => Some((Err(unavailable(cause)), None)),
            }
        });
        Ok(Vectors { position, embedded, rows: rows.boxed() })
    }
}

/// A row; one that says nothing that could be understood is told of and left out.
fn change(row: &PgRow) -> Option<VectorChange> {
    let read = || -> Result<Option<VectorChange>, sqlx::Error> {
        let (space, id): (String, Uuid) = (row.try_get("space")?, row.try_get("id")?);
        let text = TextHash::of_bytes(row.try_get("content_hash")?);
        let vector = row.try_get_raw("embedding")?.as_bytes().ok().and_then(halves);
        let change = |space| VectorChange { space, id: MemoryId(id), newest: text.zip(vector) };
        Ok(space.parse().ok().map(change).filter(|change| change.newest.is_some()))
    };
    match read() {
        Ok(Some(change)) => Some(change),
        Ok(None) => {
            metrics::counter!("brain_rows_unreadable").increment(1);
            None
        }
        Err(cause) => {
            tracing::error!(%cause, "a vector cannot be read and is left out");
            None
        }
    }
}

/// A halfvec as Postgres sends it: how many numbers, two bytes without meaning, and the numbers, the higher byte first.
/// Source: `halfvec_send` in pgvector 0.8.
fn halves(bytes: &[u8]) -> Option<Vec<f16>> {
    let (number, rest) = bytes.split_first_chunk::<2>()?;
    let (pairs, odd) = rest.get(2..)?.as_chunks::<2>();
    let is_whole = odd.is_empty() && pairs.len() == usize::from(u16::from_be_bytes(*number));
    is_whole.then(|| pairs.iter().map(|pair| f16::from_be_bytes(*pair)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_as_postgres_sends_it() {
        let halves_of = |text: &[u8]| halves(text).map(|all| all.into_iter().map(f16::to_f32).collect::<Vec<_>>());
        assert_eq!(halves_of(&[0, 2, 0, 0, 0x3c, 0, 0xb8, 0]), Some(vec![1.0, -0.5]));
        assert_eq!(halves_of(&[0, 3, 0, 0, 0x3c, 0, 0xb8, 0]), None);
        assert_eq!((halves_of(&[0, 0, 0, 0]), halves_of(&[0])), (Some(vec![]), None));
    }
}
