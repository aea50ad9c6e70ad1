//! Proves that the keyword index of this process holds what the log says: each document's fingerprint against the fold of the log.
//! Called by the operator only.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    ports::{
        EventReader, QueryError, log,
        replay::{Difference, Error, Verified},
    },
    projectors::keyword::{self, Keyword},
};

/// Errors: see [`Error`]; a difference is an answer and no error.
pub async fn verify(index: &Keyword, source: &dyn EventReader) -> Result<Verified, Error> {
    if let Some(damaged) = damaged(index).await? {
        return Ok(damaged);
    }
    let (position, mut found) = index.documents().await.map_err(unavailable)?;
    let mut living: HashMap<_, u64> = HashMap::new();
    // Memories whose newest event does not have its stored shape.
    let mut unreadable: HashSet<(SpaceId, String)> = HashSet::new();
    let mut at = StreamSeq(0);
    let mut events = source.read(at, None).await.map_err(Error::Log)?;
    while at < position {
        let (seq, recorded) = log::next(&mut events).await.map_err(Error::Log)?;
        at = seq;
        let memory = recorded.filter(|recorded| at <= position && recorded.event.is_of_memory());
        let Some(memory) = memory else { continue };
        let of = (memory.event.space.clone(), memory.event.aggregate_id.clone());
        let Some(change) = keyword::change(&memory) else {
            unreadable.insert(of);
            continue;
        };
        unreadable.remove(&of);
        let key = (change.space.clone(), change.id);
        match change.text {
            Some(text) => drop(living.insert(key, text.fingerprint(&change.space, change.id))),
            None => drop(living.remove(&key)),
        }
    }
    let mut expected: Vec<(MemoryId, u64)> = living.into_iter().map(|((_, id), fingerprint)| (id, fingerprint)).collect();
    found.sort_unstable();
    expected.sort_unstable();
    let difference = difference(&found, &expected);
    let unequal_partitions = u64::from(difference.is_some());
    let parked = unreadable.len() as u64;
    Ok(Verified { position, rows: expected.len() as u64, unequal_partitions, difference, parked, skipped: 0 })
}

/// What is on the disk is held against its checksums first: documents that read well say nothing of the words they are found by.
async fn damaged(index: &Keyword) -> Result<Option<Verified>, Error> {
    let files = index.damage().await.map_err(unavailable)?;
    let Some(first) = files.first() else { return Ok(None) };
    let difference =
        Difference { table: "files".into(), key: first.clone(), found: Some("damaged".into()), expected: Some("whole".into()) };
    let unequal_partitions = files.len() as u64;
    let difference = Some(difference);
    Ok(Some(Verified { position: index.applied_seq(), rows: 0, unequal_partitions, difference, parked: 0, skipped: 0 }))
}

/// The first memory of which the two say different things.
fn difference(found: &[(MemoryId, u64)], expected: &[(MemoryId, u64)]) -> Option<Difference> {
    let mut sides: BTreeMap<MemoryId, [Vec<u64>; 2]> = BTreeMap::new();
    for (side, documents) in [found, expected].into_iter().enumerate() {
        for (id, fingerprint) in documents {
            sides.entry(*id).or_default()[side].push(*fingerprint);
        }
    }
    let (id, [found, expected]) = sides.into_iter().find(|(_, [found, expected])| found != expected)?;
    let shown = |side: Vec<u64>| (!side.is_empty()).then(|| side.into_iter().map(|it| format!("{it:016x}")).collect());
    Some(Difference { table: "documents".into(), key: id.to_string(), found: shown(found), expected: shown(expected) })
}

fn unavailable(cause: QueryError) -> Error {
    Error::Unavailable(cause.into())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_first_document_that_differs_is_named() {
        let id = |n| MemoryId(Uuid::from_u128(n));
        let all = [(id(1), 7), (id(2), 8), (id(3), 9)];
        assert_eq!(difference(&all, &all), None);
        let found = difference(&all[..1], &all).unwrap();
        assert_eq!((found.key, found.found.is_none(), found.expected.is_some()), (id(2).to_string(), true, true));
        assert_eq!(difference(&[(id(1), 6)], &all[..1]).unwrap().key, id(1).to_string());
    }
}
