//! Which event a keyed command has caused, from the view `live.commands`. Called by the write path for long histories only.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgPool;

use super::{memory_reads::unavailable, snapshot, unsigned};
use crate::{
    domain::ids::{CommandId, SpaceId, StreamSeq},
    ports::{CommandLog, Positions, QueryError},
};

const PROJECTION: &str = "command_log";
/// How long a command waits for the projection before it is refused for now.
const WAIT_MS: u64 = 2_000;

pub struct PgCommandLog {
    app: PgPool,
    positions: Arc<dyn Positions>,
}

impl PgCommandLog {
    pub fn new(app: PgPool, positions: Arc<dyn Positions>) -> Self {
        Self { app, positions }
    }

    async fn look_up(
        &self,
        space: &SpaceId,
        (aggregate, id): (&str, &str),
        commands: &[CommandId],
    ) -> Result<Option<i64>, sqlx::Error> {
        const SQL: &str = "SELECT min(seq) FROM live.commands \
            WHERE space = $1 AND command_id = ANY($2) AND aggregate = $3 AND id = $4";
        let mut transaction = snapshot::begin(&self.app, space).await?;
        let seq: Option<i64> = sqlx::query_scalar(SQL)
            .bind(space.as_str())
            .bind(commands.iter().map(|command| command.0).collect::<Vec<_>>())
            .bind(aggregate)
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(seq)
    }
}

#[async_trait]
impl CommandLog for PgCommandLog {
    async fn find(
        &self,
        space: &SpaceId,
        aggregate: (&str, &str),
        commands: &[CommandId],
        upto: StreamSeq,
    ) -> Result<Option<StreamSeq>, QueryError> {
        if !self.positions.reached(PROJECTION, upto, WAIT_MS).await? {
            return Err(QueryError::Unavailable(format!("the projection {PROJECTION} is behind position {upto}").into()));
        }
        let seq = self.look_up(space, aggregate, commands).await.map_err(unavailable)?;
        Ok(seq.map(|seq| StreamSeq(unsigned(seq))))
    }
}
