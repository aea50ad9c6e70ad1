//! A log in memory, of events that the deciders made, and the projections' own statements applied to it in batches of any size.

use std::sync::Arc;

use second_brain::{
    domain::{
        decider::Decider,
        ids::{CommandId, EventId, PrincipalId, Revision, SpaceId, StreamSeq},
    },
    journal::{Envelope, Recorded, codec, events::Storable},
    projectors::{
        Definition, Store,
        batch::Batch,
        store::{Applied, Claim},
    },
};
use sqlx::Connection;
use uuid::Uuid;

use super::Tables;

/// Every event, in order; the one at position 1 comes first.
#[derive(Default)]
pub struct History {
    events: Vec<Recorded>,
}

/// An aggregate, what `evolve` makes of its events, and how many there are.
pub struct Folded<D: Decider> {
    pub state: D::State,
    pub revision: Revision,
    /// Position of its newest event.
    pub seq: StreamSeq,
}

impl<D: Decider> Default for Folded<D> {
    fn default() -> Self {
        Self { state: D::State::default(), revision: Revision(0), seq: StreamSeq(0) }
    }
}

impl History {
    pub fn end(&self) -> StreamSeq {
        StreamSeq(self.events.len() as u64)
    }

    /// Decides a command and writes down what comes of it, as bytes and back; a refusal leaves everything as it was.
    pub fn obey<D>(&mut self, (space, aggregate, id): (&SpaceId, &str, &str), of: &mut Folded<D>, command: D::Command)
    where
        D: Decider,
        D::Event: Storable,
    {
        for event in D::decide(command, &of.state).unwrap_or_default() {
            of.revision = of.revision.next();
            of.seq = StreamSeq(self.end().0 + 1);
            let stored = event.store();
            let envelope = Envelope {
                id: EventId(Uuid::from_u128(of.seq.0.into())),
                kind: stored.kind.to_owned(),
                version: stored.version,
                space: space.clone(),
                aggregate: aggregate.to_owned(),
                aggregate_id: id.to_owned(),
                revision: of.revision,
                actor: PrincipalId(Uuid::nil()),
                via: None,
                command_id: CommandId(Uuid::from_u128(of.seq.0.into())),
                command_hash: 0,
                correlation_id: Uuid::nil(),
                causation_id: None,
                at: chrono::DateTime::UNIX_EPOCH,
                changed: stored.changed,
                before: stored.before,
                data: stored.data,
            };
            let written = codec::encode(&envelope).expect("it can be written");
            self.events.push(Recorded { seq: of.seq, event: codec::decode(&written).expect("and read") });
            of.state = D::evolve(std::mem::take(&mut of.state), &event);
        }
    }

    /// The event at this position.
    pub fn at(&self, seq: StreamSeq) -> &Recorded {
        &self.events[seq.0 as usize - 1]
    }
}

/// Fills one projection from histories.
pub struct Filler {
    store: Arc<dyn Store>,
    definition: Definition,
    claim: Claim,
    owner_url: String,
}

impl Filler {
    pub async fn of(tables: &Tables, definition: Definition) -> Self {
        let store = tables.postgres.projection_store();
        let claim = store.claim(&definition).await.expect("nobody else fills it");
        Self { store, definition, claim, owner_url: tables.owner_url.clone() }
    }

    /// Applies all that it has not applied yet, in batches of these sizes, again and again.
    pub async fn catch_up(&mut self, history: &History, sizes: &[usize]) {
        let mut sizes = sizes.iter().cycle();
        while self.claim.applied_seq < history.end() {
            self.go_on(history, *sizes.next().expect("at least one size")).await;
        }
    }

    /// Applies the next events in one batch, as many of them as there are.
    pub async fn go_on(&mut self, history: &History, count: usize) {
        let mut batch = Batch::new(self.claim.applied_seq);
        let begin = self.claim.applied_seq.0 as usize;
        for recorded in history.events.iter().skip(begin).take(count.max(1)) {
            batch.push(&self.definition, Ok(recorded.clone())).expect("a whole event");
        }
        if batch.is_empty() {
            return;
        }
        let applied = self.store.apply(&self.definition, self.claim.epoch, &batch).await.expect("it is applied");
        assert_eq!(applied, Applied { live: true, parked: 0 });
        self.claim.applied_seq = batch.upto;
    }

    /// Forgets that anything was applied after this position; the rows stay.
    pub async fn rewind(&mut self, to: StreamSeq) {
        let mut owner = sqlx::PgConnection::connect(&self.owner_url).await.expect("connects");
        let back = sqlx::query("UPDATE brain.checkpoints SET applied_seq = $2 WHERE projection = $1");
        back.bind(self.definition.name.clone()).bind(to.0 as i64).execute(&mut owner).await.expect("moved back");
        self.claim.applied_seq = to;
    }
}
