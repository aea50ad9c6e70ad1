//! The keyword index: true BM25 over own text and tags, a projection of the log that keeps its own checkpoint.

use std::collections::HashSet;

use async_trait::async_trait;
use xxhash_rust::xxh3::xxh3_64;

use super::{Hit, QueryError};
use crate::domain::ids::{MemoryId, SpaceId, StreamSeq};

/// What the index reads of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct KeywordText {
    pub content: String,
    pub tags: Vec<String>,
}

impl KeywordText {
    /// What a memory's document amounts to: the same for the same space, id, content and tags.
    pub fn fingerprint(&self, space: &SpaceId, id: MemoryId) -> u64 {
        let mut text = format!("{space}\u{1f}{id}\u{1f}{}", self.content);
        for tag in &self.tags {
            text.push('\u{1f}');
            text.push_str(tag);
        }
        xxh3_64(text.as_bytes())
    }
}

/// What an event means for the index: the memory's text as it is now, or that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct KeywordChange {
    pub space: SpaceId,
    pub id: MemoryId,
    pub text: Option<KeywordText>,
}

/// One index per process; filled by one writer, asked by many.
#[async_trait]
pub trait KeywordIndex: Send + Sync {
    /// The position that searches show: the last commit's.
    fn applied_seq(&self) -> StreamSeq;

    /// Takes changes in log order; they show after the next commit. A memory that comes twice keeps the later text.
    async fn stage(&self, changes: Vec<KeywordChange>) -> Result<(), QueryError>;

    /// Makes what was staged searchable, with `upto` as its checkpoint in the same commit.
    async fn commit(&self, upto: StreamSeq) -> Result<(), QueryError>;

    /// Begins anew without showing it: what is staged from now on replaces everything at the next commit.
    async fn start_over(&self) -> Result<(), QueryError>;

    /// The position that searches show, and each document's memory with its [`KeywordText::fingerprint`].
    async fn documents(&self) -> Result<(StreamSeq, Vec<(MemoryId, u64)>), QueryError>;

    /// Forgets everything: the index stands before the first event again.
    async fn clear(&self) -> Result<(), QueryError>;

    /// The best `limit` memories of a space for the words of `query`, best first; only those in `among`, if given.
    /// Scores are BM25 with the statistics of the whole index. A query without a word finds nothing.
    async fn search(
        &self,
        space: &SpaceId,
        query: &str,
        among: Option<HashSet<MemoryId>>,
        limit: usize,
    ) -> Result<Vec<Hit>, QueryError>;
}
