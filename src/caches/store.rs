//! Where answers are kept: moka for room and age, the ledger for truth. Takes, gives and ends answers; asks nobody for one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache};
use tokio::sync::watch;

use super::{
    Eviction, Settings,
    entry::{Entry, EntryId, Key},
    ledger::{Cause, Ledger, Refused, Source, Touch},
};
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    ports::cache::{Answer, Change, Dep, Stamp},
};

/// Touches that are remembered of each stream. A fill that takes longer than so many events is refused.
const TOUCHES_MAX: usize = 4_096;
/// Answers held against changes in one go; beyond that all narrowed ones of the space go, which costs less.
const JUDGEMENTS_MAX: usize = 200_000;
/// How long after the last narrowed question changes are still prepared for the next.
const INTEREST: Duration = Duration::from_secs(10);

/// Answers in memory, bounded in bytes and age.
pub struct Store {
    kept: Cache<Key, Arc<Entry>>,
    ledger: Mutex<Ledger>,
    /// Put aside by moka for want of room or for age; the ledger is told at the next occasion.
    evicted: Arc<Mutex<Vec<EntryId>>>,
    next_id: AtomicU64,
    /// Documents that were added since the start.
    documents: AtomicU64,
    /// Heads of EVENTS and DERIVED in the ledger, for those who wait for them.
    heads: [watch::Sender<StreamSeq>; 2],
    narrowed_asked: Mutex<Option<Instant>>,
    settings: Settings,
}

/// What the cache amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub entries: usize,
    /// Answers and questions, as clients get and ask them.
    pub content_bytes: u64,
    /// The same as it is held.
    pub packed_bytes: u64,
    /// What is held beside it: places in the cache, and what tells when answers are over (dependencies, judges, index).
    pub overhead_bytes: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// `floor`: the positions from which touches will be told.
    pub fn new(settings: Settings, floor: Stamp) -> Self {
        let evicted: Arc<Mutex<Vec<EntryId>>> = Arc::default();
        let told = evicted.clone();
        let policy = match settings.eviction {
            Eviction::Lru => EvictionPolicy::lru(),
            Eviction::TinyLfu => EvictionPolicy::tiny_lfu(),
        };
        let kept = Cache::builder()
            .max_capacity(settings.max_bytes)
            .weigher(|_: &Key, entry: &Arc<Entry>| u32::try_from(entry.bytes()).unwrap_or(u32::MAX))
            .time_to_live(settings.ttl)
            .eviction_policy(policy)
            .eviction_listener(move |_, entry: Arc<Entry>, cause| {
                if matches!(cause, RemovalCause::Expired | RemovalCause::Size) {
                    let cause = if cause == RemovalCause::Size { "room" } else { "age" };
                    metrics::counter!("brain_cache_invalidations", "kind" => entry.key.kind(), "cause" => cause).increment(1);
                    locked(&told).push(entry.id);
                }
            })
            .build();
        Self {
            kept,
            ledger: Mutex::new(Ledger::new(TOUCHES_MAX, floor)),
            evicted,
            next_id: AtomicU64::new(1),
            documents: AtomicU64::new(0),
            heads: [floor.events, floor.derived.unwrap_or_default()].map(|head| watch::channel(head).0),
            narrowed_asked: Mutex::new(None),
            settings,
        }
    }

    /// The ledger, with what moka put aside taken out.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        let mut ledger = locked(&self.ledger);
        for id in std::mem::take(&mut *locked(&self.evicted)) {
            ledger.forget(id);
        }
        ledger
    }

    /// The answer to a question, if it is kept and as fresh as the head of the touches.
    pub fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        let entry = self.kept.get(key)?;
        if self.documents.load(Ordering::Relaxed) < entry.documents_until {
            return Some(entry);
        }
        self.remove(&entry, Cause::Statistics);
        None
    }

    /// Whether this very answer is still kept.
    pub fn keeps(&self, entry: &Arc<Entry>) -> bool {
        self.kept.get(&entry.key).is_some_and(|kept| Arc::ptr_eq(&kept, entry))
    }

    /// Waits until touches of a stream up to a position have been told; whether they were in time.
    pub async fn reached(&self, source: Source, position: StreamSeq, wait: Duration) -> bool {
        let mut head = self.told(source).subscribe();
        if *head.borrow_and_update() >= position {
            return true;
        }
        matches!(tokio::time::timeout(wait, head.wait_for(|head| *head >= position)).await, Ok(Ok(_)))
    }

    pub fn head(&self, source: Source) -> StreamSeq {
        *self.told(source).borrow()
    }

    fn told(&self, source: Source) -> &watch::Sender<StreamSeq> {
        &self.heads[source as usize]
    }

    /// Makes an entry of an answer and keeps it if the ledger lets it.
    /// Errors: why it is not kept, see [`Refused`]; the entry may be given once all the same.
    pub fn put(&self, key: Key, answer: Answer, stamp: Stamp) -> (Arc<Entry>, Result<(), Refused>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) as EntryId;
        let added = self.documents.load(Ordering::Relaxed);
        let is_whole = answer.is_whole;
        let entry = Entry::new(id, key, answer, stamp, added);
        if !is_whole {
            return (Arc::new(entry), Err(Refused::Incomplete));
        }
        let entry = Arc::new(entry.packed());
        // Under one lock with the ledger, so that no touch falls between.
        let mut ledger = self.ledger();
        let taken = ledger.admit(entry.clone());
        if taken.is_ok() {
            if let Some(before) = self.kept.get(&entry.key) {
                ledger.forget(before.id);
            }
            self.kept.insert(entry.key.clone(), entry.clone());
        }
        (entry, taken)
    }

    /// Says that a question was asked whose answer is narrowed: changes are worth looking at closely for a while.
    pub fn expect_narrowed(&self) {
        *locked(&self.narrowed_asked) = Some(Instant::now());
    }

    /// Whether anybody would hold a change of this space against an answer.
    pub fn heeds_changes(&self, space: &SpaceId) -> bool {
        self.settings.narrowing
            && (locked(&self.narrowed_asked).is_some_and(|asked| asked.elapsed() < INTEREST) || self.ledger().narrowed(space) > 0)
    }

    /// Ends what these touches end. `head`: nothing but them lies up to there.
    pub fn touch(&self, source: Source, touches: Vec<Touch>, head: StreamSeq) {
        let mut ledger = self.ledger();
        let judged: usize = touches.iter().filter(|touch| touch.change.is_some()).map(|it| ledger.narrowed(&it.space)).sum();
        let one_by_one = self.settings.narrowing && judged <= JUDGEMENTS_MAX;
        for touch in touches {
            for (entry, cause) in ledger.touch(source, touch, one_by_one) {
                self.drop_kept(&entry, cause);
            }
        }
        ledger.reach(source, head);
        self.told(source).send_if_modified(|known| {
            *known < head && {
                *known = head;
                true
            }
        });
    }

    /// Says that documents were added whose statistics rankings depend on.
    pub fn add_documents(&self, count: u64) {
        self.documents.fetch_add(count, Ordering::Relaxed);
    }

    /// Ends everything, and says how much that was; a stream that goes on elsewhere says where.
    pub fn flush(&self, restarted: Option<(Source, StreamSeq)>) -> usize {
        let mut ledger = self.ledger();
        let over = ledger.flush(restarted);
        for entry in &over {
            self.drop_kept(entry, Cause::Flushed);
        }
        if let Some((source, head)) = restarted {
            self.told(source).send_replace(head);
        }
        over.len()
    }

    fn remove(&self, entry: &Entry, cause: Cause) {
        let mut ledger = self.ledger();
        if let Some(entry) = ledger.forget(entry.id) {
            self.drop_kept(&entry, cause);
        }
    }

    /// Takes the entry out of moka, which the ledger has let go. Called under the ledger's lock, so that it cannot be another one.
    fn drop_kept(&self, entry: &Entry, cause: Cause) {
        self.kept.invalidate(&entry.key);
        metrics::counter!("brain_cache_invalidations", "kind" => entry.key.kind(), "cause" => cause.as_str()).increment(1);
    }

    /// What DERIVED has told so far of a position in EVENTS.
    pub fn told_about(&self, position: StreamSeq) -> Option<Change> {
        locked(&self.ledger).told_about(position).cloned()
    }

    /// What DERIVED has told of a subject last, as far as is remembered.
    pub fn told_of(&self, subject: Dep) -> Option<Change> {
        locked(&self.ledger).told_of(subject).cloned()
    }

    /// The newest position up to `upto` at which EVENTS has told of a subject, as far as is remembered.
    pub fn last_told(&self, subject: Dep, upto: StreamSeq) -> Option<StreamSeq> {
        locked(&self.ledger).last_told(subject, upto)
    }

    pub fn totals(&self) -> Totals {
        let index = self.ledger().index_bytes() as u64;
        let mut totals = Totals { overhead_bytes: index, ..Totals::default() };
        for (_, entry) in &self.kept {
            totals.entries += 1;
            totals.content_bytes += entry.content_bytes() as u64;
            totals.packed_bytes += entry.packed_bytes() as u64;
            totals.overhead_bytes += (entry.bytes() - entry.packed_bytes()) as u64;
        }
        totals
    }

    /// The entries that were hit most, most first.
    pub fn entries(&self, most: usize) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = self.kept.iter().map(|(_, entry)| entry).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.hits(), entry.id)));
        entries.truncate(most);
        entries
    }
}
