//! Asks a kept answer's question again and compares. Only for those who have switched it on.
//!
//! Stale is an answer that is still kept although everything that the new one could have seen has been told, and that differs from it.

use std::{sync::Arc, time::Duration};

use super::{Caches, VECTORS, Wanted, entry::Entry, ledger::Source};
use crate::{domain::ids::StreamSeq, ports::QueryError};

/// How long the tails may take to reach what the new answer has seen.
const WAIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(2);

impl Caches {
    pub(super) async fn audit<E: From<QueryError>>(
        &self,
        entry: &Arc<Entry>,
        wanted: &Wanted<'_>,
        settle: &impl AsyncFn() -> Result<(), E>,
        differs: &impl AsyncFn(&Entry) -> Result<bool, E>,
    ) -> Result<(), E> {
        settle().await?;
        let is_other = differs(entry).await?;
        let kind = entry.key.kind();
        metrics::counter!("brain_cache_audited", "kind" => kind).increment(1);
        if is_other && self.told_all(wanted.views).await? && self.store.keeps(entry) {
            metrics::counter!("brain_cache_stale", "kind" => kind).increment(1);
            tracing::error!(kind, question = entry.key.text(), stamp = ?entry.stamp, "a stale answer was given");
        }
        Ok(())
    }

    /// Waits until the tails have told of everything that a read could have seen by now.
    /// Errors: see [`QueryError`].
    pub async fn told_all(&self, views: &[&'static str]) -> Result<bool, QueryError> {
        for view in views {
            let source = if *view == VECTORS { Source::Derived } else { Source::Events };
            let shown = self.positions.shown(view, StreamSeq(u64::MAX)).await?;
            let reach = async {
                while self.store.head(source) < shown {
                    tokio::time::sleep(POLL).await;
                }
            };
            if tokio::time::timeout(WAIT, reach).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
