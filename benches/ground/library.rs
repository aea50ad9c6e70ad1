//! A space full of memories: texts, tags, vectors and relationships, all by way of the log.

use futures::{StreamExt, TryStreamExt, stream};
use second_brain::{
    adapters::{
        nats::Nats,
        system::{SystemClock, SystemIds},
    },
    commands::{Actor, CommandKey, Commands, Error, MemoryAction, RelationshipAction, Request},
    domain::{
        ids::{MemoryId, PrincipalId, RelationshipId, Revision, SpaceId, StreamSeq},
        memory, relationship,
    },
    journal::{
        derived::{self, FactKey},
        events::{EmbedderV1, EmbeddingV1, HalfVector},
    },
    ports::{Clock, IdSource, log::AppendError},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::language::Language;

pub const MODEL: &str = "minilm-l6-v2";
/// Memories share so many tags.
pub const TAGS: usize = 1_000;
const IN_FLIGHT: usize = 256;
/// So many memories are related among each other: their newest events lie near together in the log, where reading one of them means
/// reading and unpacking its block.
const CHUNK: usize = 100_000;

/// The id of memory `n` of a filled space.
pub fn id(n: usize) -> MemoryId {
    MemoryId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | n as u128))
}

pub fn actor() -> Actor {
    Actor::within(SpaceId::default_space(), PrincipalId(Uuid::nil()))
}

/// Appends memories `from..upto` with their vectors, and a relationship from every second one to any other of the same
/// hundred thousand; the embedder has nothing left to do.
pub async fn fill(nats: &Nats, language: &Language, from: usize, upto: usize, relationships: bool) -> anyhow::Result<()> {
    let (commands, facts) = (Arc::new(Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock))), nats.fact_appender());
    let append = |n: usize| {
        let (commands, facts) = (&commands, &facts);
        async move {
            let (content, space) = (language.text(n), SpaceId::default_space());
            let content_hash = derived::content_hash(&content);
            let draft = memory::Draft { content, tags: vec![format!("tag{}", n % TAGS)], ..memory::Draft::default() };
            let wish = |key| {
                let action = MemoryAction::Create { draft: draft.clone(), created_at: None };
                Request { actor: actor(), key, id: id(n), if_match: None, action }
            };
            let done = patiently(|key| commands.memory(wish(key), Default::default())).await?;
            let vector = HalfVector::from_f32(&language.vector(n));
            let (model, recipe) = (MODEL.to_owned(), "topic and noise".to_owned());
            let data = EmbeddingV1 { model, recipe, content_hash, memory_position: done.position.0, vector };
            let event = derived::embedding_event(&space, id(n), &data, Revision(1), SystemClock.now());
            loop {
                match facts.append(&FactKey::embedding(MODEL, &space, id(n)), &event, Some(StreamSeq(0))).await {
                    Err(AppendError::Unknown(cause)) => eprintln!("the log has no time: {cause}"),
                    // It is there: the first answer was lost.
                    Ok(_) | Err(AppendError::Conflict) => return anyhow::Ok(()),
                    Err(refused) => return Err(refused.into()),
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    for start in (from..upto).step_by(CHUNK) {
        let end = upto.min(start + CHUNK);
        stream::iter(start..end).map(Ok).try_for_each_concurrent(IN_FLIGHT, append).await?;
        if relationships {
            let relate = |n: usize| relate(&commands, n, start + xxh3_64(&n.to_le_bytes()) as usize % (end - start));
            stream::iter((start..end).step_by(2)).map(Ok).try_for_each_concurrent(IN_FLIGHT, relate).await?;
        }
    }
    let position = nats.log().last_seq().await?.0;
    let event = derived::embedder_event(&EmbedderV1 { model: MODEL.into(), position }, SystemClock.now());
    facts.append(&FactKey::Embedder { model: MODEL.into() }, &event, None).await?;
    Ok(())
}

async fn relate(commands: &Commands, source: usize, target: usize) -> anyhow::Result<()> {
    if source == target {
        return Ok(());
    }
    let (source, target, relationship_type) = (id(source), id(target), "references".to_owned());
    let relationship_id = RelationshipId::of(source, &relationship_type, target);
    let draft = relationship::Draft { source, target, relationship_type, weight: Some(0.5), properties: Default::default() };
    let wish = |key| {
        let action = RelationshipAction::Create { draft: draft.clone(), created_at: None };
        Request { actor: actor(), key, id: relationship_id, if_match: None, action }
    };
    patiently(|key| commands.relationship(wish(key))).await?;
    Ok(())
}

/// Sends a command until the log has time for it; it is the same command each time.
async fn patiently<T, F: Future<Output = Result<T, Error>>>(send: impl Fn(CommandKey) -> F) -> Result<T, Error> {
    let command_id = SystemIds.command_id();
    let mut is_fresh = true;
    loop {
        match send(CommandKey { seed: command_id, fresh: is_fresh }).await {
            Err(Error::Unavailable(cause)) => eprintln!("the log has no time: {cause}"),
            done => return done,
        }
        is_fresh = false;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
