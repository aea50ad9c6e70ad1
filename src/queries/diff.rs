//! What differs between two states of a memory: fields with their old and new values, and the content line by line. Pure.

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use crate::{domain::memory::Memory, journal::events::MemoryV3};

/// A field of which the two states say different things.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    pub field: String,
    pub old: Value,
    pub new: Value,
}

/// What happened to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Same,
    Removed,
    Added,
}

/// A comparison of two states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Every field but the content, in the order of their names.
    pub fields: Vec<FieldChange>,
    /// The content's lines; empty when the contents are equal.
    pub content: Vec<(Line, String)>,
}

/// Compares two states; `updated_at` always differs and is left out.
pub fn compare(old: &Memory, new: &Memory) -> Diff {
    let (old, new) = (fields(old), fields(new));
    let text = |state: &Map<String, Value>| state.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
    let differs = |name: &&String| !matches!(name.as_str(), "content" | "updated_at") && old.get(*name) != new.get(*name);
    let change = |name: &String| FieldChange { field: name.clone(), old: old[name].clone(), new: new[name].clone() };
    let (before, after) = (text(&old), text(&new));
    Diff {
        fields: old.keys().filter(differs).map(change).collect(),
        content: if before == after { vec![] } else { lines(&before, &after) },
    }
}

fn fields(memory: &Memory) -> Map<String, Value> {
    match serde_json::to_value(MemoryV3::from(memory)) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("a memory is stored as a JSON object"),
    }
}

fn lines(old: &str, new: &str) -> Vec<(Line, String)> {
    let diff = TextDiff::from_lines(old, new);
    let line = |change: similar::Change<&str>| {
        let kind = match change.tag() {
            ChangeTag::Equal => Line::Same,
            ChangeTag::Delete => Line::Removed,
            ChangeTag::Insert => Line::Added,
        };
        (kind, change.value().trim_end_matches('\n').to_owned())
    };
    diff.iter_all_changes().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Draft;

    fn memory(content: &str, tags: &[&str]) -> Memory {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let body = Draft { content: content.into(), tags, ..Draft::default() }.validate().unwrap();
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        Memory { body, created_at: at, updated_at: at, deleted_at: None, erased_at: None }
    }

    #[test]
    fn fields_and_lines_that_differ_are_named_and_no_others() {
        let diff = compare(&memory("one\ntwo\nthree", &["a"]), &memory("one\n2\nthree", &["b"]));
        assert_eq!(diff.fields.len(), 1);
        assert_eq!(diff.fields[0].field, "tags");
        let kinds: Vec<_> = diff.content.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        assert_eq!(kinds, [(Line::Same, "one"), (Line::Removed, "two"), (Line::Added, "2"), (Line::Same, "three")]);
        assert_eq!(compare(&memory("one", &[]), &memory("one", &[])), Diff::default());
    }
}
