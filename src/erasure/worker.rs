//! One batch of erased memories after the other, through all the steps: see [`super`]. And the ledger held against the log at a start.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Hands, Parts};
use crate::{
    causes::chain,
    domain::{
        erasure::{Receipt, Remain},
        ids::{RelationshipId, StreamSeq, Timestamp},
    },
    journal::catalog::{MEMORY, RELATIONSHIP},
    ports::{
        EventLog, Positions,
        erasure::{Cleared, EraseError, Erasure, Ledger, LedgerEntry, Told},
    },
    retry::Backoff,
};

/// Memories that share the work on the read models.
const BATCH_MAX: u32 = 256;
/// How often it is looked for erased memories.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const PAUSE_MS_MAX: u64 = 10_000;
/// How long a projection is waited for before it is said that one is.
const PATIENCE: Duration = Duration::from_secs(30);
/// Entries of the ledger that are looked up in the log at a time.
const IN_FLIGHT_MAX: usize = 32;
/// Projections whose rows must be gone before their files are cleared; those of vectors count in DERIVED.
const OF_EVENTS: [&str; 5] = ["memories", "memory_history", "graph", "edge_history", "command_log"];
const KEYWORD: &str = "keyword";
const VECTORS: &str = "vectors";
/// What of them is in the memory of this process.
const SEMANTIC: &str = "semantic";

pub(super) async fn run(parts: &Parts, stop: CancellationToken) {
    let mut pause = Backoff::new(PAUSE_MS_MAX);
    let work = async {
        loop {
            match parts.pass().await {
                Ok(0) => sleep(LOOK_EVERY).await,
                Ok(_) => pause.reset(),
                Err(cause) => {
                    let wait = pause.next_pause();
                    tracing::warn!(error = %chain(&cause), wait_ms = wait.as_millis(), "the eraser was interrupted");
                    sleep(wait).await;
                }
            }
        }
    };
    let _: Option<std::convert::Infallible> = stop.run_until_cancelled(work).await;
}

/// What was destroyed of one memory so far.
struct Destroyed<'a> {
    erasure: &'a Erasure,
    begun_at: Timestamp,
    relationships: Vec<String>,
    events: u64,
    vectors: u64,
    told: Told,
    /// The newest positions that the read models must show, in EVENTS and in DERIVED.
    shown_from: (StreamSeq, StreamSeq),
}

impl Parts {
    /// Destroys what the oldest open erasures have left; answers how many.
    async fn pass(&self) -> Result<usize, EraseError> {
        let open = self.rows.open(BATCH_MAX).await?;
        let Some(newest) = open.last() else { return Ok(0) };
        let entry = |it: &Erasure| LedgerEntry {
            space: it.space.clone(),
            memory: it.memory,
            erased_at: it.erased_at,
            position: it.position,
        };
        // A memory that has become sensitive lives on.
        self.ledger.note(&open.iter().filter(|it| !it.is_sealing).map(entry).collect::<Vec<_>>())?;
        // Relationships are found in the graph, where all that came before an end was erased must show.
        self.shown(&["graph"], newest.position).await?;
        let mut destroyed = vec![];
        for erasure in &open {
            destroyed.push(self.destroy(erasure).await?);
        }
        let events = destroyed.iter().map(|it| it.shown_from.0).max().unwrap_or_default();
        let vectors = destroyed.iter().map(|it| it.shown_from.1).max().unwrap_or_default();
        self.shown(&OF_EVENTS, events).await?;
        self.shown(&[VECTORS, SEMANTIC], vectors).await?;
        let cleared = self.clear(events).await?;
        self.shown(&["graph"], self.log.last_seq().await.map_err(|cause| EraseError::new("reading the log's end", cause))?)
            .await?;
        let (mut completed, mut held_up) = (0, None);
        for one in destroyed {
            let (space, id) = (one.erasure.space.clone(), one.erasure.memory);
            let ids: Vec<String> = one.relationships.iter().cloned().chain([id.to_string()]).collect();
            if let Some(projection) = self.rows.put_aside(&space, &ids).await? {
                held_up = Some(format!("{projection} has put events of {id} aside; brain replay retry makes its rows anew"));
                continue;
            }
            if let Some(late) = self.came_late(&one).await? {
                held_up = Some(format!("the relationship {late} was made in the moment in which {id} was erased"));
                continue;
            }
            self.hands.complete(&space, self.receipt(one, &cleared)).await?;
            completed += 1;
        }
        metrics::counter!("brain_erasures_completed").increment(completed);
        // The others are done, and this one is tried again after a pause.
        held_up.map_or(Ok(open.len()), |why| Err(EraseError::new("clearing the read models", why)))
    }

    /// Everything that is destroyed memory by memory.
    async fn destroy<'a>(&self, erasure: &'a Erasure) -> Result<Destroyed<'a>, EraseError> {
        let (begun_at, space) = (self.clock.now(), &erasure.space);
        let id = erasure.memory.to_string();
        let mut destroyed = Destroyed {
            erasure,
            begun_at,
            relationships: vec![],
            events: 0,
            vectors: 0,
            told: Told::default(),
            shown_from: (erasure.position, StreamSeq(0)),
        };
        let relationships = match erasure.is_sealing {
            true => vec![],
            false => {
                // First of all: without it nothing that is sealed can be read, wherever it lies.
                let keys = self.data_keys.destroy(space, &id).await;
                keys.map_err(|cause| EraseError::new("destroying a data key", cause))?;
                self.rows.relationships(space, erasure.memory).await?
            }
        };
        for relationship in relationships {
            self.hands.erase_relationship(space, relationship).await?;
            let relationship = relationship.to_string();
            let newest = self.log.last(space, RELATIONSHIP, &relationship).await;
            let newest = newest.map_err(|cause| EraseError::new("reading a relationship", cause))?;
            let Some(erased) = newest.filter(|it| it.event.is_erasure()) else { continue };
            destroyed.events += self.messages.destroy_events(space, (RELATIONSHIP, &relationship), erased.seq).await?;
            destroyed.shown_from.0 = destroyed.shown_from.0.max(erased.seq);
            destroyed.relationships.push(relationship);
        }
        destroyed.events += self.messages.destroy_events(space, (MEMORY, &id), erasure.position).await?;
        let (vectors, tombstone) = self.messages.destroy_vectors(erasure, &self.model, begun_at).await?;
        (destroyed.vectors, destroyed.shown_from.1) = (vectors, tombstone);
        let of_memory = self.rows.forget_told(space, &[id], erasure.position).await?;
        let of_others = self.rows.forget_told(space, &destroyed.relationships, destroyed.shown_from.0).await?;
        destroyed.told =
            Told { attempts: of_memory.attempts + of_others.attempts, deliveries: of_memory.deliveries + of_others.deliveries };
        Ok(destroyed)
    }

    /// A relationship of an erased memory that came after they were looked for.
    async fn came_late(&self, one: &Destroyed<'_>) -> Result<Option<RelationshipId>, EraseError> {
        if one.erasure.is_sealing {
            return Ok(None);
        }
        let all = self.rows.relationships(&one.erasure.space, one.erasure.memory).await?;
        Ok(all.into_iter().find(|known| !one.relationships.contains(&known.to_string())))
    }

    /// What is cleared for all of them together.
    async fn clear(&self, events: StreamSeq) -> Result<Cleared, EraseError> {
        let mut cleared = self.rows.scrub().await?;
        if let Some(index) = &self.keyword {
            self.shown(&[KEYWORD], events).await?;
            let is_clean = index.scrub().await.map_err(|cause| EraseError::new("clearing the keyword index", cause))?;
            if !is_clean {
                return Err(EraseError::new("clearing the keyword index", "others keep merging its segments"));
            }
        }
        cleared.not_reached.extend(self.messages.not_reached());
        cleared.not_reached.extend(self.not_reached.iter().cloned());
        Ok(cleared)
    }

    /// Waits until every version of these projections that is kept up to date has applied `seq`, also one that is being filled.
    async fn shown(&self, projections: &[&str], seq: StreamSeq) -> Result<(), EraseError> {
        const DOING: &str = "waiting for the read models";
        let begun = Instant::now();
        loop {
            let all = self.positions.all().await.map_err(|cause| EraseError::new(DOING, cause))?;
            let is_kept = |state: &str| matches!(state, "live" | "filling");
            let behind =
                all.into_iter().find(|it| projections.contains(&it.name.as_str()) && is_kept(&it.state) && it.applied_seq < seq);
            match behind {
                None => return Ok(()),
                Some(it) if begun.elapsed() > PATIENCE => {
                    let why = format!("{} version {} stands at {}, and {seq} is needed", it.name, it.version, it.applied_seq);
                    return Err(EraseError::new(DOING, why));
                }
                Some(it) => drop(self.positions.reached(&it.name, seq, 100).await),
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn receipt(&self, destroyed: Destroyed<'_>, cleared: &Cleared) -> Receipt {
        let mut not_reached = cleared.not_reached.clone();
        if destroyed.told.attempts > 0 {
            let why =
                "endpoints of webhooks were told of the memory before, and that it is erased; what they keep is theirs to erase";
            not_reached.push(Remain { place: "webhook_endpoints".into(), why: why.into() });
        }
        Receipt {
            memory: destroyed.erasure.memory,
            erased_position: destroyed.erasure.position,
            begun_at: destroyed.begun_at,
            completed_at: self.clock.now(),
            relationships: destroyed.relationships.len() as u64,
            events: destroyed.events,
            vectors: destroyed.vectors,
            attempts: destroyed.told.attempts,
            deliveries: destroyed.told.deliveries,
            tables: cleared.places,
            not_reached,
        }
    }
}

/// Erases again what the ledger names and the log still holds, because it was put back from an older copy; answers how many memories that
/// were. Reads show it when this returns.
/// Errors: the ledger or the log cannot be read, or the read models do not follow within half a minute.
pub async fn again(
    ledger: &dyn Ledger,
    log: &dyn EventLog,
    hands: &dyn Hands,
    positions: &dyn Positions,
) -> Result<usize, EraseError> {
    let entries = ledger.entries()?;
    // What was appended last tells of all before it: a copy of a log is its beginning.
    let Some(last) = entries.last() else { return Ok(0) };
    if is_erased_at(log, last).await? {
        return Ok(0);
    }
    let looks = entries.iter().map(|entry| async move {
        let newest = log.last(&entry.space, MEMORY, &entry.memory.to_string()).await;
        let newest = newest.map_err(|cause| EraseError::new("holding the ledger against the log", cause))?;
        // It came after the copy was made, or is erased there too.
        if newest.is_none_or(|newest| newest.event.is_erasure()) {
            return Ok(None);
        }
        hands.erase_memory(&entry.space, entry.memory).await
    });
    let erased: Vec<Option<StreamSeq>> = stream::iter(looks).buffer_unordered(IN_FLIGHT_MAX).try_collect().await?;
    let positions_of: Vec<StreamSeq> = erased.into_iter().flatten().collect();
    let Some(newest) = positions_of.iter().max() else { return Ok(0) };
    for projection in OF_EVENTS {
        let wait_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let reached = positions.reached(projection, *newest, wait_ms).await;
        if !reached.map_err(|cause| EraseError::new("waiting for the read models", cause))? {
            return Err(EraseError::new("waiting for the read models", format!("{projection} does not show it in time")));
        }
    }
    Ok(positions_of.len())
}

async fn is_erased_at(log: &dyn EventLog, entry: &LedgerEntry) -> Result<bool, EraseError> {
    match log.last(&entry.space, MEMORY, &entry.memory.to_string()).await {
        Ok(newest) => Ok(newest.is_some_and(|it| it.seq == entry.position && it.event.is_erasure())),
        Err(cause) => Err(EraseError::new("holding the ledger against the log", cause)),
    }
}
