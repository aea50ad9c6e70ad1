//! The keyword index on tantivy: BM25 (k1 = 1.2, b = 0.75) over title, own text and tags, in a folder of this node.
//! Implements [`KeywordIndex`]; built by wiring, filled by `projectors::keyword`. It is a view: what is damaged is thrown away.
//!
//! Decision 2026-11-27: the files are held against their checksums before anything is written after a start. The library's own thread
//! that looks up what a commit deletes ends the whole process when it meets a damaged file.

mod analysis;
mod damage;
mod fields;
mod places;
mod question;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fs,
    net::Ipv6Addr,
    os::unix::fs::DirBuilderExt,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tantivy::{
    DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError,
    collector::{Collector, FilterCollector, TopDocs},
    directory::MmapDirectory,
    indexer::LogMergePolicy,
};

use self::{
    damage::{Soundness, caught},
    fields::Fields,
};
use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    ports::{Hit, KeywordChange, KeywordHits, KeywordIndex, KeywordText, Places, QueryError, Words},
};

/// Raised when the fields or the words change; an index of another format is removed, and a new one filled from the log.
const FORMAT: u32 = 3;
const WRITER_BYTES: usize = 64 << 20;
/// Deleted documents still count in BM25's statistics, so a segment with more than this share of them is merged.
const DELETED_SHARE_MAX: f32 = 0.1;
/// Segments below this many documents are merged without regard to their size. With the library's 10,000 every eighth commit of a
/// few documents wrote up to ten thousand of them again, and merging took a tenth of two processors at 40 changes a second.
const SMALL_SEGMENT_DOCS: u32 = 500;
/// How often what holds deleted documents is looked for, and how long others are given that merge it.
const SCRUBS_MAX: usize = 20;
const SCRUB_PAUSE: Duration = Duration::from_millis(100);

/// The folder cannot hold an index.
#[derive(Debug, thiserror::Error)]
#[error("the keyword index in {folder} cannot be opened or made")]
pub struct Error {
    folder: PathBuf,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

/// What a commit carries beside the documents.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    seq: StreamSeq,
}

/// The index of this process.
pub struct TantivyIndex {
    inner: Arc<Inner>,
}

struct Inner {
    index: Index,
    fields: Fields,
    reader: IndexReader,
    /// `None` after a failure: the next call opens it again at the last commit.
    writer: Mutex<Option<IndexWriter>>,
    applied_seq: AtomicU64,
    soundness: Soundness,
    /// What is staged replaces everything.
    starts_over: AtomicBool,
}

impl TantivyIndex {
    /// Opens the index below `folder`, or makes an empty one when there is none that can be read.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        remove_others(folder);
        let folder = folder.join(format!("v{FORMAT}"));
        // A file that is too short for its own end makes the library panic.
        let opened = catch_unwind(|| Inner::open(&folder)).unwrap_or_else(|_| Err("a file of it is not whole".into()));
        let inner = opened.or_else(|cause| {
            tracing::warn!(%cause, folder = %folder.display(), "the keyword index is unreadable and is filled again from the log");
            fs::remove_dir_all(&folder)?;
            Inner::open(&folder)
        });
        let inner = inner.map_err(|cause| Error { folder, cause })?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs what blocks where blocking is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> tantivy::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let inner = self.inner.clone();
        let work = move || caught(|| work(&inner)).inspect_err(|_| inner.soundness.doubt());
        let done = tokio::task::spawn_blocking(work).await.map_err(|cause| QueryError::Unavailable(cause.into()))?;
        done.map_err(|cause| QueryError::Unavailable(cause.into()))
    }
}

/// Removes indexes of other formats: nobody reads them any more, and the words of all memories are in them.
fn remove_others(folder: &Path) {
    let own = format!("v{FORMAT}");
    let is_format = |name: &str| name.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name != own && is_format(name)) {
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Ok(()) => {
                tracing::info!(folder = %entry.path().display(), "an index of another format is removed, and filled again from the log")
            }
            Err(cause) => {
                tracing::warn!(%cause, folder = %entry.path().display(), "an index of another format cannot be removed")
            }
        }
    }
}

impl Inner {
    fn open(folder: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // The words of all memories are in it, in order: closed to others, whatever the umask is.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let fields = Fields::new();
        let mut index = Index::open_or_create(MmapDirectory::open(folder)?, fields.schema.clone())?;
        index.set_tokenizers(fields::tokenizers());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let payload = index.load_metas()?.payload;
        let seq = match payload {
            Some(text) => serde_json::from_str::<Checkpoint>(&text)?.seq,
            None => StreamSeq(0),
        };
        let (writer, applied_seq, starts_over) = (Mutex::new(None), AtomicU64::new(seq.0), AtomicBool::new(false));
        Ok(Self { index, fields, reader, writer, applied_seq, soundness: Soundness::unknown(), starts_over })
    }

    /// Lends the writer; it is dropped with all that was staged when `work` fails.
    fn write(&self, work: impl FnOnce(&mut IndexWriter) -> tantivy::Result<()>) -> tantivy::Result<()> {
        let mut place = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = match place.take() {
            Some(writer) => writer,
            None => self.new_writer()?,
        };
        work(&mut writer)?;
        *place = Some(writer);
        Ok(())
    }

    fn new_writer(&self) -> tantivy::Result<IndexWriter> {
        let writer = self.index.writer_with_num_threads(1, WRITER_BYTES)?;
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(DELETED_SHARE_MAX);
        merging.set_min_layer_size(SMALL_SEGMENT_DOCS);
        writer.set_merge_policy(Box::new(merging));
        Ok(writer)
    }

    fn stage(&self, changes: &[KeywordChange]) -> tantivy::Result<()> {
        self.write(|writer| {
            for KeywordChange { space, id, text } in changes {
                writer.delete_term(self.fields.key(space, *id));
                if let Some(text) = text {
                    writer.add_document(self.fields.document(space, *id, text))?;
                }
            }
            Ok(())
        })
    }

    fn commit(&self, upto: StreamSeq) -> tantivy::Result<()> {
        let payload = serde_json::to_string(&Checkpoint { seq: upto }).expect("a number is JSON");
        self.write(|writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit().map(drop)
        })?;
        self.reader.reload()?;
        self.applied_seq.store(upto.0, Ordering::Release);
        if self.starts_over.swap(false, Ordering::SeqCst) {
            self.soundness.is_new();
        }
        Ok(())
    }

    /// Merges the segments that hold deleted documents, and removes the files of those that were.
    fn scrub(&self) -> tantivy::Result<bool> {
        for _ in 0..SCRUBS_MAX {
            let mut merging = None;
            self.write(|writer| {
                let segments = self.index.searchable_segment_metas()?;
                let ids: Vec<_> = segments.iter().filter(|it| it.num_deleted_docs() > 0).map(|it| it.id()).collect();
                merging = (!ids.is_empty()).then(|| writer.merge(&ids));
                Ok(())
            })?;
            let Some(merging) = merging else {
                // Searchers that began before this hold the old files; the next look finds them gone.
                self.reader.reload()?;
                let mut collecting = None;
                self.write(|writer| {
                    collecting = Some(writer.garbage_collect_files());
                    Ok(())
                })?;
                if let Some(collecting) = collecting {
                    collecting.wait()?;
                }
                return Ok(true);
            };
            // Not under the lock: to merge much takes long, and commits go on meanwhile. Another merge may have taken one of them.
            if let Err(cause) = merging.wait() {
                tracing::debug!(%cause, "segments are merged by somebody else");
                std::thread::sleep(SCRUB_PAUSE);
            }
        }
        Ok(false)
    }

    fn start_over(&self) -> tantivy::Result<()> {
        self.write(|writer| writer.delete_all_documents().map(drop))?;
        self.starts_over.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// The documents as of the last commit; no commit happens meanwhile.
    fn documents(&self) -> tantivy::Result<(StreamSeq, Vec<(MemoryId, u64)>)> {
        let place = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (searcher, seq) = (self.reader.searcher(), StreamSeq(self.applied_seq.load(Ordering::Acquire)));
        drop(place);
        let mut documents = vec![];
        for segment in searcher.segment_readers() {
            let (ids, fingerprints) =
                (segment.fast_fields().ip_addr(fields::ID)?, segment.fast_fields().u64(fields::FINGERPRINT)?);
            for document in segment.doc_ids_alive() {
                if let (Some(id), Some(fingerprint)) = (ids.first(document), fingerprints.first(document)) {
                    documents.push((fields::id_of(id), fingerprint));
                }
            }
        }
        Ok((seq, documents))
    }

    fn search(
        &self,
        space: &SpaceId,
        text: &str,
        among: Option<HashSet<MemoryId>>,
        limit: usize,
    ) -> tantivy::Result<KeywordHits> {
        self.soundness.ensure_not_damaged()?;
        let Some(asked) = question::asked(text).filter(|_| limit > 0) else { return Ok(KeywordHits::default()) };
        let searcher = self.reader.searcher();
        let weights = question::weights(&self.fields, &asked, &searcher)?;
        let question = question::within(&self.fields, space, &asked, &weights);
        let statistics = question::Lengthened { searcher: &searcher, content: self.fields.content };
        let best = TopDocs::with_limit(limit).order_by_score();
        let found = match among {
            None => searcher.search_with_statistics_provider(&question, &best, &statistics)?,
            Some(ids) => {
                let ids: Arc<HashSet<Ipv6Addr>> = Arc::new(ids.into_iter().map(fields::address).collect());
                searcher.search_with_statistics_provider(&question, &only(ids, best), &statistics)?
            }
        };
        Ok(KeywordHits { hits: hits(&searcher, found)?, weights })
    }
}

/// Shows the collector those documents only whose id is in the set.
fn only<C: Collector>(ids: Arc<HashSet<Ipv6Addr>>, inner: C) -> impl Collector<Fruit = C::Fruit> {
    FilterCollector::new(fields::ID.to_owned(), move |id: Ipv6Addr| ids.contains(&id), inner)
}

/// Ids of the documents; equal scores stand in the order of their ids, wherever merges have put them.
fn hits(searcher: &Searcher, found: Vec<(f32, DocAddress)>) -> tantivy::Result<Vec<Hit>> {
    // Opening a column costs more than reading it.
    let columns: Vec<_> =
        searcher.segment_readers().iter().map(|it| it.fast_fields().ip_addr(fields::ID)).collect::<tantivy::Result<_>>()?;
    let mut hits = Vec::with_capacity(found.len());
    for (score, place) in found {
        let address = columns[place.segment_ord as usize].first(place.doc_id);
        let address = address.ok_or_else(|| TantivyError::InternalError("a document without an id".into()))?;
        hits.push(Hit { id: fields::id_of(address), score });
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    Ok(hits)
}

#[async_trait]
impl KeywordIndex for TantivyIndex {
    fn applied_seq(&self) -> StreamSeq {
        StreamSeq(self.inner.applied_seq.load(Ordering::Acquire))
    }

    async fn stage(&self, changes: Vec<KeywordChange>) -> Result<(), QueryError> {
        self.blocking(move |inner| inner.stage(&changes)).await
    }

    async fn commit(&self, upto: StreamSeq) -> Result<(), QueryError> {
        self.blocking(move |inner| inner.commit(upto)).await
    }

    async fn start_over(&self) -> Result<(), QueryError> {
        self.blocking(Inner::start_over).await
    }

    async fn scrub(&self) -> Result<bool, QueryError> {
        self.blocking(Inner::scrub).await
    }

    fn is_suspect(&self) -> bool {
        self.inner.soundness.is_suspect()
    }

    async fn suspected(&self) {
        self.inner.soundness.suspected().await;
    }

    async fn examine(&self) -> Result<Vec<String>, QueryError> {
        self.blocking(|inner| inner.soundness.examine(&inner.index)).await
    }

    async fn documents(&self) -> Result<(StreamSeq, Vec<(MemoryId, u64)>), QueryError> {
        self.blocking(Inner::documents).await
    }

    async fn clear(&self) -> Result<(), QueryError> {
        self.blocking(|inner| {
            inner.start_over()?;
            inner.commit(StreamSeq(0))
        })
        .await
    }

    async fn search(
        &self,
        space: &SpaceId,
        query: &str,
        among: Option<HashSet<MemoryId>>,
        limit: usize,
    ) -> Result<KeywordHits, QueryError> {
        let (space, query) = (space.clone(), query.to_owned());
        self.blocking(move |inner| inner.search(&space, &query, among, limit)).await
    }

    async fn places(&self, query: &str, texts: Vec<KeywordText>) -> Result<Vec<Places>, QueryError> {
        let query = query.to_owned();
        let done = tokio::task::spawn_blocking(move || places::of(&query, &texts)).await;
        done.map_err(|cause| QueryError::Unavailable(cause.into()))
    }

    fn words(&self, text: &KeywordText) -> Words {
        question::words_of(text)
    }
}
