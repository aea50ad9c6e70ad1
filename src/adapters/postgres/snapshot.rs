//! One read-only snapshot that row security holds to one space. Opened by every read that answers questions.

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use crate::domain::ids::SpaceId;

pub async fn begin(app: &PgPool, space: &SpaceId) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    // Safe as text: a space is named by a-z, 0-9, - and _ only, and its type admits nothing else.
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL brain.space = '{space}'");
    app.begin_with(AssertSqlSafe(begin)).await
}
