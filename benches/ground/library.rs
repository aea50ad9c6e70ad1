//! A space full of memories: texts of some words, tags, vectors and relationships, all by way of the log.

use futures::{StreamExt, TryStreamExt, stream};
use second_brain::{
    adapters::{
        nats::Nats,
        system::{SystemClock, SystemIds},
    },
    commands::{Action, Caller, Commands, Identity, RelationshipAction, RelationshipWish, Wish},
    domain::{
        ids::{MemoryId, PrincipalId, RelationshipId, Revision, SpaceId, StreamSeq},
        memory, relationship,
    },
    journal::{
        derived,
        events::{EmbedderV1, EmbeddingV1, HalfVector},
    },
    ports::{Clock, DIMENSIONS, IdSource},
};
use std::sync::Arc;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

pub const MODEL: &str = "minilm-l6-v2";
/// Memories share so many tags.
pub const TAGS: usize = 1_000;
const IN_FLIGHT: usize = 256;
const WORDS: [&str; 40] = [
    "kettle", "bakery", "radiator", "bicycle", "plum", "cardamom", "invoice", "harbour", "winter", "garden", "letter", "engine",
    "violin", "window", "summer", "lantern", "ticket", "mountain", "pencil", "orchard", "castle", "pepper", "river", "blanket",
    "market", "teacher", "compass", "candle", "feather", "museum", "carpet", "signal", "thunder", "village", "pocket", "mirror",
    "ladder", "anchor", "basket", "copper",
];

/// `words` words, the first ones of the list more often than the last.
pub fn sentence(seed: usize, words: usize) -> String {
    let word = |place: usize| {
        let number = xxh3_64(format!("{seed} {place}").as_bytes()) as f64 / u64::MAX as f64;
        WORDS[(number * number * WORDS.len() as f64) as usize % WORDS.len()]
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

/// A unit vector; random, because only the number of vectors costs time.
pub fn random_vector(seed: usize) -> Vec<f32> {
    let number = |place: usize| xxh3_64(&[seed.to_le_bytes(), place.to_le_bytes()].concat()) as f32 / u64::MAX as f32 - 0.5;
    let raw: Vec<f32> = (0..DIMENSIONS).map(number).collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt();
    raw.into_iter().map(|number| number / length).collect()
}

/// The id of memory `n` of a filled space.
pub fn id(n: usize) -> MemoryId {
    MemoryId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | n as u128))
}

pub fn caller() -> Caller {
    Caller { space: SpaceId::default_space(), principal: PrincipalId(Uuid::nil()) }
}

/// Appends memories `from..upto` with their vectors, and a relationship from every second one; the embedder has nothing left to do.
pub async fn fill(nats: &Nats, from: usize, upto: usize, relationships: bool) -> anyhow::Result<()> {
    let (commands, facts) = (Arc::new(Commands::new(nats.log(), Arc::new(SystemClock))), nats.derived());
    let append = |n: usize| {
        let (commands, facts) = (&commands, &facts);
        async move {
            let (content, space) = (format!("{} {n}", sentence(n, 12 + n % 40)), SpaceId::default_space());
            let content_hash = derived::content_hash(&content);
            let draft = memory::Draft { content, tags: vec![format!("tag{}", n % TAGS)], ..memory::Draft::default() };
            let action = Action::Create { draft, created_at: None };
            let identity = Identity { command_id: SystemIds.command_id(), fresh: true };
            let done = commands.memory(Wish { caller: caller(), identity, id: id(n), if_match: None, action }).await?;
            let vector = HalfVector::from_f32(&random_vector(n));
            let (model, recipe) = (MODEL.to_owned(), "random".to_owned());
            let data = EmbeddingV1 { model, recipe, content_hash, memory_position: done.position.0, vector };
            let event = derived::embedding_event(&space, id(n), &data, Revision(1), SystemClock.now());
            facts.put_embedding(MODEL, &event, StreamSeq(0)).await?;
            anyhow::Ok(())
        }
    };
    stream::iter(from..upto).map(Ok).try_for_each_concurrent(IN_FLIGHT, append).await?;
    if relationships {
        let relate = |n: usize| relate(&commands, n, xxh3_64(&n.to_le_bytes()) as usize % upto);
        stream::iter((from..upto).step_by(2)).map(Ok).try_for_each_concurrent(IN_FLIGHT, relate).await?;
    }
    let position = nats.log().last_seq().await?.0;
    facts.put_embedder(MODEL, &derived::embedder_event(&EmbedderV1 { model: MODEL.into(), position }, SystemClock.now())).await?;
    Ok(())
}

async fn relate(commands: &Commands, source: usize, target: usize) -> anyhow::Result<()> {
    if source == target {
        return Ok(());
    }
    let (source, target, relationship_type) = (id(source), id(target), "references".to_owned());
    let relationship_id = RelationshipId::of(source, &relationship_type, target);
    let draft = relationship::Draft { source, target, relationship_type, weight: Some(0.5), properties: Default::default() };
    let action = RelationshipAction::Create { draft, created_at: None };
    let identity = Identity { command_id: SystemIds.command_id(), fresh: true };
    commands.relationship(RelationshipWish { caller: caller(), identity, id: relationship_id, if_match: None, action }).await?;
    Ok(())
}
