//! Where every projection stands, whatever keeps its checkpoint: Postgres, or the keyword index of this process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    domain::ids::StreamSeq,
    ports::{Positions, ProjectionStatus, QueryError},
    projectors::keyword::{self, Keyword},
};

/// The positions of Postgres and of the keyword index as one.
pub struct AllPositions {
    pub postgres: Arc<dyn Positions>,
    pub keyword: Arc<Keyword>,
}

#[async_trait]
impl Positions for AllPositions {
    async fn all(&self) -> Result<Vec<ProjectionStatus>, QueryError> {
        let mut all = self.postgres.all().await?;
        all.push(self.keyword.status());
        all.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        Ok(all)
    }

    async fn reached(&self, projection: &str, seq: StreamSeq, wait_ms: u64) -> Result<bool, QueryError> {
        if projection == keyword::NAME {
            return Ok(self.keyword.reached(seq, wait_ms).await);
        }
        self.postgres.reached(projection, seq, wait_ms).await
    }
}
