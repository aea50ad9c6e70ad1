//! Where every projection stands, whatever keeps its checkpoint: Postgres, or what this process has of its own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    domain::ids::StreamSeq,
    ports::{Positions, ProjectionStatus, QueryError},
    projectors::{
        keyword::{self, Keyword},
        semantic::Semantic,
    },
};

/// The positions of Postgres, of the keyword index and of the vectors in memory as one. Searches wait for the latter themselves.
pub struct AllPositions {
    pub postgres: Arc<dyn Positions>,
    pub keyword: Arc<Keyword>,
    pub semantic: Arc<Semantic>,
}

#[async_trait]
impl Positions for AllPositions {
    async fn all(&self) -> Result<Vec<ProjectionStatus>, QueryError> {
        let mut all = self.postgres.all().await?;
        all.push(self.keyword.status());
        all.extend(self.semantic.status());
        all.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        Ok(all)
    }

    async fn shown(&self, projection: &str, wanted: StreamSeq) -> Result<StreamSeq, QueryError> {
        match projection {
            keyword::NAME => Ok(self.keyword.applied_seq()),
            _ => self.postgres.shown(projection, wanted).await,
        }
    }

    async fn generation(&self) -> Result<(u64, Vec<String>), QueryError> {
        self.postgres.generation().await
    }

    async fn reached(&self, projection: &str, seq: StreamSeq, wait_ms: u64) -> Result<bool, QueryError> {
        if projection == keyword::NAME {
            return Ok(self.keyword.reached(seq, wait_ms).await);
        }
        self.postgres.reached(projection, seq, wait_ms).await
    }
}
