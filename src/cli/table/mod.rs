//! Answers as people read them: memories here, the rest by noun. Called by the verbs; prints nothing itself.

mod access;
mod erasures;
mod graph;
mod operators;
mod vault;
mod webhooks;

pub use self::{
    access::{audit, delegations, invitations, keys, members, spaces},
    erasures::{erasure, erasures},
    graph::{graph_stats, neighbors, paths},
    operators::{caches, parked, status, verified},
    vault::vault,
    webhooks::{attempts, deliveries, health, webhook, webhooks},
};

use serde_json::Value;

use super::{
    found::{Entry, Found, Marked},
    layout::{Cell, Layout, Table, path, text, whole},
    screen::one_line,
};
use crate::api::v1::dto::{
    MemoryView, Written,
    delete::DeleteSample,
    history::RevisionView,
    search::{ArmView, SearchResult},
};

/// The name of a memory. Imports before there were titles kept it among the properties.
fn title(view: &MemoryView) -> Option<&str> {
    view.title.as_deref().or_else(|| view.metadata.get("title").and_then(Value::as_str))
}

/// One memory, field by field, then its content.
pub fn memory(view: &MemoryView) -> Layout {
    let text = |text: &Option<String>| Cell::from(text.as_ref());
    let fields = [
        ("id", view.id.to_string().into()),
        ("title", title(view).into()),
        ("type", view.memory_type.as_str().into()),
        ("tags", view.tags.join(", ").into()),
        ("importance", view.importance.to_string().into()),
        ("source", text(&view.source.uri)),
        ("sensitive", view.sensitive.then_some("yes: sealed where it is stored").into()),
        ("user", text(&view.user_id)),
        ("agent", text(&view.agent_id)),
        ("run", text(&view.run_id)),
        ("happened", view.occurred_at.map(Cell::Exact).into()),
        ("created", Cell::Exact(view.created_at)),
        ("updated", Cell::Exact(view.updated_at)),
        ("revision", view.revision.into()),
    ];
    Layout::default().fields(fields).text(format!("\n{}", view.content))
}

/// One line about a write.
pub fn written(verb: &str, answer: &Written) -> String {
    let name = title(&answer.memory).map(|title| format!(" \"{}\"", one_line(title))).unwrap_or_default();
    format!("{verb} {}{name} (revision {}, position {})", answer.memory.id, answer.memory.revision, answer.position)
}

/// A row for each memory.
pub fn memories(views: &[MemoryView]) -> Table {
    let mut table = Table::of_records([whole("id"), whole("created"), whole("type"), text("title"), path("path"), text("text")]);
    for view in views {
        table.row([
            view.id.to_string().into(),
            view.created_at.into(),
            view.memory_type.as_str().into(),
            title(view).into(),
            view.source.uri.as_ref().into(),
            view.content.as_str().into(),
        ]);
    }
    table
}

/// A row for each memory that would be deleted.
pub fn sample(sample: &[DeleteSample]) -> Table {
    let mut table = Table::of_records([whole("id"), whole("created"), text("title"), path("path"), text("text")]);
    for it in sample {
        table.row([
            it.id.to_string().into(),
            it.created_at.into(),
            it.title.as_ref().into(),
            it.source_uri.as_ref().into(),
            it.excerpt.as_str().into(),
        ]);
    }
    table
}

/// The results of a search, the best first.
pub fn found(results: &[SearchResult]) -> Found {
    let entry = |result: &SearchResult| {
        let arm = |(name, arm): (&String, &ArmView)| {
            let name = if name == "semantic" { "meaning" } else { "words" };
            format!("{name} {}", arm.rank)
        };
        let SearchResult { memory, passage, .. } = result;
        let within = |field| result.highlights.iter().filter(move |it| it.field == field).map(|it| it.start..it.end);
        // The passage begins with an ellipsis where text is left out before it.
        let ahead = usize::from(passage.start > 0 && passage.text.starts_with('…'));
        let shown = |place: usize| place.clamp(passage.start, passage.end) - passage.start + ahead;
        let marks = within("content").map(|it| shown(it.start)..shown(it.end)).filter(|it| !it.is_empty());
        Entry {
            score: result.score,
            id: memory.id.to_string(),
            found_by: result.arms.iter().map(arm).collect::<Vec<_>>().join(", "),
            title: Marked { text: title(memory).unwrap_or_default().to_owned(), marks: within("title").collect() },
            path: memory.source.uri.clone().unwrap_or_default(),
            passage: Marked { text: passage.text.clone(), marks: marks.collect() },
            content: memory.content.clone(),
            similar: result.similar,
        }
    };
    Found(results.iter().map(entry).collect())
}

/// A row for each state of a memory, newest first.
pub fn revisions(revisions: &[RevisionView]) -> Table {
    let mut table = Table::new([whole("revision"), whole("position"), whole("at"), whole("event"), text("title"), text("text")]);
    for it in revisions {
        table.row([
            it.revision.into(),
            it.position.into(),
            it.at.into(),
            it.kind.as_str().into(),
            title(&it.memory).into(),
            it.memory.content.as_str().into(),
        ]);
    }
    table
}
