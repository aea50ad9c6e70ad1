//! What an event means for kept answers: the things that it touches, and how its memory stands after it. Pure but for
//! [`KnownVector::now`]: the invalidator finds out what is known and does what is decided here; the simulation of `benches/` and
//! `cargo test` takes the same decisions.

use std::sync::Arc;

use super::{
    ledger::{Source, Touch},
    store::Store,
};
use crate::{
    domain::{
        ids::{MemoryId, SpaceId, StreamSeq},
        memory::{self, Memory},
        relationship,
    },
    journal::{Envelope, Recorded, catalog, derived::content_hash, events::Storable},
    ports::{
        VectorOf,
        cache::{Candidate, Change, Dep, Tokenize},
    },
};

/// What an event did to its memory, as rankings see it.
#[derive(Clone)]
pub enum Did {
    Create,
    Delete,
    /// Nothing but these fields: title, text and tags are what they were, so searches score it as they did.
    AlterOnly(Vec<String>),
    Alter,
}

impl Did {
    pub fn of(event: &Envelope, state: &memory::Event) -> Self {
        match state {
            _ if event.leaves_ranking() => Self::AlterOnly(event.changed.clone()),
            memory::Event::Created(_) => Self::Create,
            memory::Event::Deleted(_) | memory::Event::Erased { .. } => Self::Delete,
            // No search finds it.
            other if other.memory().body.sensitive => Self::Delete,
            _ => Self::Alter,
        }
    }
}

/// What is known of a memory's newest vector when its event is told.
#[derive(Default)]
pub struct KnownVector {
    /// How far DERIVED had been told before any of this was looked at.
    pub knows: StreamSeq,
    /// What DERIVED has told: of this very event if it made the memory, of the memory last if it altered it, else nothing is looked up.
    pub told: Option<Change>,
    /// What the log says, if it was asked.
    pub logged: Option<VectorOf>,
}

impl KnownVector {
    /// As the store knows it now; `at` is the event's position, `of` its memory.
    pub fn now(store: &Store, did: &Did, at: StreamSeq, of: Dep) -> Self {
        let knows = store.head(Source::Derived);
        let told = match did {
            Did::Create => store.told_about(at),
            Did::Alter => store.told_of(of),
            Did::AlterOnly(_) | Did::Delete => None,
        };
        Self { knows, told, logged: None }
    }
}

/// What to do about an event.
pub enum Decision {
    Tell(Change),
    /// Say why nothing is known, and tell that.
    Unknown(&'static str),
    /// Find out what the newest vector in the log is of, and decide again.
    AskLog,
    /// Wait until DERIVED has told of this, and decide again.
    WaitFor(StreamSeq),
}

/// How a memory stands after an event of its own.
///
/// Decision 2026-11-26: the log is not asked about what was told. Popular memories are changed again and again, and whoever wrote
/// waits for this tail with the next question.
pub fn of_event(id: MemoryId, memory: &Memory, did: &Did, known: &KnownVector, tokenize: &Tokenize) -> Decision {
    let candidate = |vector| Candidate::new(id, memory.clone(), vector, tokenize.clone());
    let stands = |vector| Decision::Tell(Change::Stands(vec![Arc::new(candidate(vector))]));
    match did {
        Did::AlterOnly(fields) => Decision::Tell(Change::Stands(vec![Arc::new(candidate(None).changed_only(fields.clone()))])),
        // What is gone enters nothing.
        Did::Delete => stands(None),
        // Its vector is told of by DERIVED: after this, or in rare cases before.
        Did::Create => match &known.told {
            Some(Change::Unknown) => Decision::Unknown("vector_unknown"),
            Some(Change::Stands(told)) => stands(told.first().and_then(|told| told.vector.clone())),
            None => stands(None),
        },
        Did::Alter => {
            if let Some(Change::Stands(told)) = &known.told
                && let Some((told, vector)) = told.first().and_then(|told| Some((told, told.vector.clone()?)))
                // Another memory may have the same number there.
                && told.id == id
            {
                return stands((told.memory.body.text_to_embed() == memory.body.text_to_embed()).then_some(vector));
            }
            match &known.logged {
                None => Decision::AskLog,
                Some(VectorOf::Text(vector)) => stands(Some(vector.clone())),
                Some(VectorOf::Nothing) => stands(None),
                Some(VectorOf::AnotherText(position)) if *position <= known.knows => stands(None),
                // Read models may still have the one before, which may be of this very text: in a moment they have not.
                Some(VectorOf::AnotherText(position)) => Decision::WaitFor(*position),
            }
        }
    }
}

/// How the memory of a vector may stand, of all `states` that it may have; `None` if this is the vector of a text that the memory had
/// before, so that nobody is found by it.
///
/// Decision 2026-11-26: such a vector is no unknown change. A popular memory is changed again while its text is embedded, and each
/// time all searches of the space were over.
pub fn of_vector(
    id: MemoryId,
    states: impl IntoIterator<Item = Memory>,
    vector: &Arc<[f32]>,
    hash: &str,
    tokenize: &Tokenize,
) -> Option<Change> {
    let of_this = states.into_iter().filter(|memory| content_hash(&memory.body.text_to_embed()) == hash);
    let candidates: Vec<_> =
        of_this.map(|memory| Arc::new(Candidate::new(id, memory, Some(vector.clone()), tokenize.clone()))).collect();
    (!candidates.is_empty()).then_some(Change::Stands(candidates))
}

/// What the vector at `seq` in DERIVED touches, which is of the text at `about` in EVENTS; `knows` is how far EVENTS had been told before
/// its memory was looked at.
pub fn vector_touch(
    space: &SpaceId,
    id: MemoryId,
    seq: StreamSeq,
    about: StreamSeq,
    knows: StreamSeq,
    change: Option<Change>,
) -> Touch {
    let subject = Dep::memory(space, id);
    // It has taken the place of another vector, which may have been that of the memory's text.
    let deps = if change.is_none() { vec![subject] } else { vec![] };
    Touch { seq, about, subject, knows, space: space.clone(), deps, change }
}

/// What an event touches, whoever depends on it; its subject comes first. Nothing for events that no answer shows.
pub fn deps_of(recorded: &Recorded) -> Vec<Dep> {
    let (event, space) = (&recorded.event, &recorded.event.space);
    match event.aggregate.as_str() {
        catalog::MEMORY => {
            let Ok(id) = event.aggregate_id.parse() else { return vec![] };
            let mut deps = vec![Dep::memory(space, id), Dep::node(space, id)];
            match event.kind.as_str() {
                "memory.created" => deps.push(Dep::membership(space)),
                "memory.deleted" | "memory.restored" | "memory.erased" => {
                    deps.extend([Dep::membership(space), Dep::lifecycle(space)])
                }
                _ => {}
            }
            deps
        }
        catalog::RELATIONSHIP => {
            let (Ok(id), Ok(state)) = (event.aggregate_id.parse(), relationship::Event::load(&event.kind, &event.data)) else {
                return vec![];
            };
            let ends = state.relationship().ends;
            let nodes = [ends.source, ends.target].map(|end| Dep::node(space, end));
            [Dep::relationship(space, id), Dep::edges(space)].into_iter().chain(nodes).collect()
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{domain::memory::Draft, ports::Words};

    const ID: MemoryId = MemoryId(Uuid::from_u128(1));
    const OTHER: MemoryId = MemoryId(Uuid::from_u128(2));

    fn memory(content: &str) -> Memory {
        let body = Draft { content: content.into(), ..Draft::default() }.validate().expect("valid");
        Memory { body, created_at: DateTime::UNIX_EPOCH, updated_at: DateTime::UNIX_EPOCH, deleted_at: None, erased_at: None }
    }

    fn tokenize() -> Tokenize {
        Arc::new(|_| Words::default())
    }

    fn vector() -> Arc<[f32]> {
        Arc::from([1.0].as_slice())
    }

    fn told_of(id: MemoryId, content: &str) -> Option<Change> {
        Some(Change::Stands(vec![Arc::new(Candidate::new(id, memory(content), Some(vector()), tokenize()))]))
    }

    /// What is decided of a memory that says "tea" now: whether it is told with a vector, or what is done first.
    fn decided(did: &Did, known: &KnownVector) -> String {
        match of_event(ID, &memory("tea"), did, known, &tokenize()) {
            Decision::Tell(Change::Stands(states)) => match &*states {
                [only] if only.changed.is_some() => "only what is not ranked by".into(),
                [only] if only.vector.is_some() => "with its vector".into(),
                [_] => "without a vector".into(),
                _ => "in several ways".into(),
            },
            Decision::Tell(Change::Unknown) => "unknown".into(),
            Decision::Unknown(why) => why.into(),
            Decision::AskLog => "ask".into(),
            Decision::WaitFor(position) => format!("wait for {position}"),
        }
    }

    #[test]
    fn what_needs_no_vector_asks_for_none() {
        assert_eq!(decided(&Did::AlterOnly(vec!["importance".into()]), &KnownVector::default()), "only what is not ranked by");
        assert_eq!(
            decided(&Did::Delete, &KnownVector { told: told_of(ID, "tea"), ..KnownVector::default() }),
            "without a vector"
        );
        assert_eq!(decided(&Did::Create, &KnownVector::default()), "without a vector");
    }

    #[test]
    fn a_new_memory_has_the_vector_that_came_before_it() {
        let known = |told| KnownVector { told, ..KnownVector::default() };
        assert_eq!(decided(&Did::Create, &known(told_of(ID, "tea"))), "with its vector");
        assert_eq!(decided(&Did::Create, &known(Some(Change::Unknown))), "vector_unknown");
    }

    #[test]
    fn what_was_told_of_this_memory_is_believed_and_the_log_not_asked() {
        let known = |told| KnownVector { told, ..KnownVector::default() };
        assert_eq!(decided(&Did::Alter, &known(told_of(ID, "tea"))), "with its vector");
        assert_eq!(decided(&Did::Alter, &known(told_of(ID, "cake"))), "without a vector");
        assert_eq!(decided(&Did::Alter, &known(told_of(OTHER, "tea"))), "ask");
        assert_eq!(decided(&Did::Alter, &known(Some(Change::Unknown))), "ask");
        assert_eq!(decided(&Did::Alter, &known(None)), "ask");
    }

    #[test]
    fn a_vector_in_the_log_that_was_not_told_of_yet_is_waited_for() {
        let known = |logged| KnownVector { logged: Some(logged), knows: StreamSeq(5), ..KnownVector::default() };
        assert_eq!(decided(&Did::Alter, &known(VectorOf::Text(vector()))), "with its vector");
        assert_eq!(decided(&Did::Alter, &known(VectorOf::Nothing)), "without a vector");
        assert_eq!(decided(&Did::Alter, &known(VectorOf::AnotherText(StreamSeq(5)))), "without a vector");
        assert_eq!(decided(&Did::Alter, &known(VectorOf::AnotherText(StreamSeq(6)))), "wait for 6");
    }

    #[test]
    fn the_vector_of_an_older_text_finds_nobody() {
        let came = |states: Vec<Memory>| of_vector(ID, states, &vector(), &content_hash("tea"), &tokenize());
        assert!(came(vec![memory("cake")]).is_none());
        assert!(matches!(came(vec![memory("cake"), memory("tea")]), Some(Change::Stands(states)) if states.len() == 1));
        let space = SpaceId::default_space();
        let touch = |change| vector_touch(&space, ID, StreamSeq(3), StreamSeq(2), StreamSeq(1), change);
        assert_eq!(touch(None).deps, [Dep::memory(&space, ID)]);
        assert!(touch(came(vec![memory("tea")])).deps.is_empty());
    }
}
