//! Whether an event concerns the memories that somebody asked for. Asked for webhooks and for live streams.

use crate::{
    domain::{memory::MemoryType, webhook::Filter},
    journal::Recorded,
};

/// A filter asks what the memory is and, where that changed, what it was: who watched it must hear that it left.
pub fn passes(filter: &Filter, recorded: &Recorded) -> bool {
    // Whoever was told of a memory must hear that it is to be forgotten; nobody knows any more who that was.
    if filter.is_empty() || recorded.event.is_erasure() {
        return true;
    }
    let (data, before) = (&recorded.event.data, &recorded.event.before);
    if !recorded.event.is_of_memory() {
        return false;
    }
    let mut tags = recorded.event.tags_now_or_before();
    let by_tag = filter.tags.is_empty() || tags.any(|tag| filter.tags.iter().any(|wanted| wanted == tag));
    let type_now = data["memory_type"].as_str().and_then(MemoryType::parse);
    let by_type = filter.memory_types.is_empty()
        || [type_now, before.memory_type].into_iter().flatten().any(|kind| filter.memory_types.contains(&kind));
    let importances = [data["importance"].as_f64(), before.importance];
    let by_importance = filter.importance_min.is_none_or(|min| importances.into_iter().flatten().any(|value| value >= min));
    by_tag && by_type && by_importance
}
