//! What is kept of answers as this surface writes them: the JSON of its views. Handed to the use cases by the handlers.

use bytes::Bytes;

use super::dto::{
    MemoryPage, MemoryView,
    graph::{GraphStats, NeighborsAnswer, PathAnswer, RelationshipPage, RelationshipView, SubgraphAnswer},
    search::SearchAnswer,
};
use crate::{
    api::http::kept::json,
    app::{
        Error, Render, Surface, memories, relationships,
        search::{Ranked, RenderSearch, Told},
    },
    domain::ids::{MemoryId, Revision},
    ports::{MemoryRecord, RelationshipRecord, Stats},
    queries::graph::{neighbors::Neighbors, path::Path, subgraph::Subgraph},
};

/// The native API.
pub struct V1;

impl Surface for V1 {
    const NAME: &'static str = "v1";
}

impl Render<MemoryRecord> for V1 {
    fn render(&self, found: MemoryRecord) -> Result<Bytes, Error> {
        json(&MemoryView::from(found))
    }
}

impl Render<memories::Listing> for V1 {
    fn render(&self, found: memories::Listing) -> Result<Bytes, Error> {
        let memories = found.memories.into_iter().map(MemoryView::from).collect();
        json(&MemoryPage { memories, next_cursor: found.next_cursor })
    }
}

impl Render<RelationshipRecord> for V1 {
    fn render(&self, found: RelationshipRecord) -> Result<Bytes, Error> {
        json(&RelationshipView::from(found))
    }
}

impl Render<relationships::Listing> for V1 {
    fn render(&self, found: relationships::Listing) -> Result<Bytes, Error> {
        let relationships = found.relationships.into_iter().map(RelationshipView::from).collect();
        json(&RelationshipPage { relationships, next_cursor: found.next.map(|id| id.to_string()) })
    }
}

impl Render<Neighbors> for V1 {
    fn render(&self, found: Neighbors) -> Result<Bytes, Error> {
        json(&NeighborsAnswer::from(found))
    }
}

impl Render<Vec<Path>> for V1 {
    fn render(&self, found: Vec<Path>) -> Result<Bytes, Error> {
        json(&PathAnswer::from(found))
    }
}

impl Render<Stats> for V1 {
    fn render(&self, found: Stats) -> Result<Bytes, Error> {
        json(&GraphStats::from(found))
    }
}

impl Render<Subgraph> for V1 {
    fn render(&self, found: Subgraph) -> Result<Bytes, Error> {
        json(&SubgraphAnswer::from(found))
    }
}

impl Render<Ranked> for V1 {
    fn render(&self, found: Ranked) -> Result<Bytes, Error> {
        json(&SearchAnswer::from(found))
    }
}

impl RenderSearch for V1 {
    fn shown(&self, body: &[u8]) -> Option<Told> {
        let answer: SearchAnswer = serde_json::from_slice(body).ok()?;
        let similar = answer.results.iter().flat_map(|it| &it.similar_ids).map(|id| MemoryId(*id)).collect();
        let results = answer.results.iter().map(|it| (MemoryId(it.memory.id), Revision(it.memory.revision))).collect();
        Some(Told { results, similar })
    }
}
