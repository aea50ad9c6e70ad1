//! Questions whose answers hold sensitive memories, opened for whoever asks: the ports of memories, their past and selections, around those that
//! ask the read models. Made by `wiring` for the API alone; keeps nothing.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    domain::ids::{MemoryId, Revision, SpaceId, StreamSeq, Timestamp},
    journal::sealed::Contents,
    ports::{
        Filter, HistoryReads, ListQuery, MemoryReads, MemoryRecord, MemoryRevision, QueryError, SelectionReads, Which,
        data_keys::{DataKeys, Place, SealError},
    },
};

/// Data keys asked for at a time.
const IN_FLIGHT_MAX: usize = 32;

/// Opens what `inner` answers.
pub struct Opened<T: ?Sized> {
    inner: Arc<T>,
    keys: Arc<dyn DataKeys>,
}

impl<T: ?Sized> Opened<T> {
    pub fn new(inner: Arc<T>, keys: Arc<dyn DataKeys>) -> Self {
        Self { inner, keys }
    }

    /// Opens a record where it lies. Errors: `Unavailable` while keys cannot be reached; `Unreadable` if it can never be opened. Then it is
    /// left as it is.
    async fn open(&self, space: &SpaceId, record: &mut MemoryRecord) -> Result<(), QueryError> {
        let Some(sealed) = &record.sealed else { return Ok(()) };
        let place = Place { space, id: &record.id.to_string(), revision: record.revision };
        let bytes = self.keys.unseal(place, sealed).await.map_err(|cause| match cause {
            SealError::Away(cause) => QueryError::Unavailable(cause),
            lost => QueryError::Unreadable(Box::new(lost)),
        })?;
        let contents = Contents::from_bytes(&bytes).map_err(|cause| QueryError::Unreadable(Box::new(cause)))?;
        contents.fill(&mut record.memory.body);
        record.sealed = None;
        Ok(())
    }

    /// Those that can be opened: one that cannot is told of and left out, so that it fails no page.
    async fn open_all<R: Send>(
        &self,
        space: &SpaceId,
        found: Vec<R>,
        of: impl Fn(&mut R) -> &mut MemoryRecord + Sync,
    ) -> Result<Vec<R>, QueryError> {
        let opening = found.into_iter().map(async |mut row| {
            let record = of(&mut row);
            match self.open(space, record).await {
                Ok(()) => Ok(Some(row)),
                Err(QueryError::Unreadable(cause)) => {
                    tracing::error!(id = %record.id, %cause, "a sensitive memory cannot be opened and is left out");
                    metrics::counter!("brain_rows_unreadable").increment(1);
                    Ok(None)
                }
                Err(away) => Err(away),
            }
        });
        stream::iter(opening).buffered(IN_FLIGHT_MAX).try_filter_map(async |row| Ok(row)).try_collect().await
    }
}

#[async_trait]
impl MemoryReads for Opened<dyn MemoryReads> {
    async fn get(&self, space: &SpaceId, id: MemoryId, at: Option<StreamSeq>) -> Result<Option<MemoryRecord>, QueryError> {
        let mut found = self.inner.get(space, id, at).await?;
        if let Some(record) = &mut found {
            self.open(space, record).await?;
        }
        Ok(found)
    }

    async fn list(&self, space: &SpaceId, query: &ListQuery) -> Result<Vec<MemoryRecord>, QueryError> {
        self.open_all(space, self.inner.list(space, query).await?, |record| record).await
    }
}

#[async_trait]
impl HistoryReads for Opened<dyn HistoryReads> {
    async fn revisions(
        &self,
        space: &SpaceId,
        id: MemoryId,
        before: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<MemoryRevision>, QueryError> {
        let found = self.inner.revisions(space, id, before, limit).await?;
        self.open_all(space, found, |state| &mut state.record).await
    }

    async fn revision(&self, space: &SpaceId, id: MemoryId, revision: Revision) -> Result<Option<MemoryRevision>, QueryError> {
        let mut found = self.inner.revision(space, id, revision).await?;
        if let Some(found) = &mut found {
            self.open(space, &mut found.record).await?;
        }
        Ok(found)
    }

    async fn position_at(&self, time: Timestamp) -> Result<StreamSeq, QueryError> {
        self.inner.position_at(time).await
    }
}

#[async_trait]
impl SelectionReads for Opened<dyn SelectionReads> {
    async fn count(&self, space: &SpaceId, wanted: (&Filter, Which)) -> Result<u64, QueryError> {
        self.inner.count(space, wanted).await
    }

    /// What cannot be opened is chosen all the same: it may be chosen to be erased.
    async fn page(
        &self,
        space: &SpaceId,
        wanted: (&Filter, Which),
        after: Option<(Timestamp, MemoryId)>,
        limit: usize,
    ) -> Result<(Vec<MemoryRecord>, Option<(Timestamp, MemoryId)>), QueryError> {
        let (found, next) = self.inner.page(space, wanted, after, limit).await?;
        let opening = found.into_iter().map(async |mut record| {
            let _ = self.open(space, &mut record).await;
            record
        });
        Ok((stream::iter(opening).buffered(IN_FLIGHT_MAX).collect().await, next))
    }
}
