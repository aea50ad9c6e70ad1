//! Memories and relationships in files that lose nothing: what `brain export` writes and `brain import` reads back identically.
//! Pure; one file per form. Never changes a character of a content.

pub mod csv;
pub mod note;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::dto::{MemoryInput, MemoryView, graph::RelationshipInput},
    domain::json_number,
};

/// One record of a JSON file or a line of JSON lines.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Memory(Box<MemoryInput>),
    Relationship(RelationshipInput),
}

impl Record {
    /// A relationship is known by its type; everything else is a memory.
    pub fn read(value: Value) -> Result<Self, serde_json::Error> {
        if value.get("relationship_type").is_some() {
            return RelationshipInput::deserialize(value).map(Self::Relationship);
        }
        MemoryInput::deserialize(value).map(|memory| Self::Memory(Box::new(memory)))
    }
}

/// The memory as it would have to be put to be this one.
pub fn of(view: MemoryView) -> MemoryInput {
    MemoryInput {
        id: Some(view.id),
        title: view.title,
        content: view.content,
        memory_type: Some(view.memory_type),
        metadata: view.metadata,
        tags: view.tags,
        importance: Some(view.importance),
        source: Some(view.source),
        user_id: view.user_id,
        agent_id: view.agent_id,
        run_id: view.run_id,
        occurred_at: view.occurred_at,
        created_at: Some(view.created_at),
    }
}

/// The text, if every number in it is read as it stands.
pub fn exact(json: &str) -> Result<&str, String> {
    match json_number::first_inexact(json) {
        Some(number) => Err(format!("{number} has more than 64 bits and would be read as another number: write it as a text")),
        None => Ok(json),
    }
}

/// The records of a JSON file: a list of them, or `{"memories": […], "relationships": […]}`.
pub fn read_json(text: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str(exact(text)?).map_err(|cause| cause.to_string())? {
        Value::Array(records) => Ok(records),
        Value::Object(mut document) => {
            let mut records = vec![];
            for name in ["memories", "relationships"] {
                match document.remove(name) {
                    Some(Value::Array(list)) => records.extend(list),
                    None => {}
                    Some(_) => return Err(format!("{name} is no list")),
                }
            }
            match document.keys().next() {
                Some(stranger) if records.is_empty() => {
                    Err(format!("there is no field {stranger:?}; there are memories, relationships"))
                }
                _ => Ok(records),
            }
        }
        _ => Err("neither a list nor an object with memories".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;
    use crate::api::dto::SourceDto;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z ,;\"'\\\\#\\-:\n\r\t|\u{85}\u{2028}\u{feff}é漢😀]{0,40}",
            1 => Just("\"quoted\"".to_owned()),
            1 => Just("---\nx\n---".to_owned()),
        ]
    }

    fn optional() -> impl Strategy<Value = Option<String>> {
        prop::option::of(text())
    }

    prop_compose! {
        fn memories()(
            content in text(), id: u128, kind in prop::sample::select(vec!["semantic", "episodic"]), importance in 0.0..=1.0f64,
            tags in prop::collection::vec(text(), 0..4), key in text(), value in text(), number: f64,
            source in (optional(), optional(), optional(), prop::option::of(0..u64::MAX / 2)),
            titled in (optional(), optional(), optional(), optional()), times in (prop::option::of(-1_000_000_000_000i64..4_000_000_000_000_000), 0..4_000_000_000_000_000i64),
        ) -> MemoryInput {
            let metadata = Map::from_iter([(key, json!([value, number, null, {"a": true}]))]);
            let (kind_of, uri, source_id, position) = source;
            let (user_id, agent_id, run_id, title) = titled;
            let time = |micros| DateTime::from_timestamp_micros(micros).expect("in range");
            MemoryInput {
                id: Some(Uuid::from_u128(id)),
                title,
                // What the server stores is trimmed and never empty.
                content: format!("x{content}x"),
                memory_type: Some(kind.to_owned()),
                metadata,
                tags,
                importance: Some(importance),
                source: Some(SourceDto { kind: kind_of, uri, id: source_id, position }),
                user_id,
                agent_id,
                run_id,
                occurred_at: times.0.map(time),
                created_at: Some(time(times.1)),
            }
        }
    }

    proptest! {
        #[test]
        fn every_form_reads_back_what_it_wrote(memories in prop::collection::vec(memories(), 1..4)) {
            for memory in &memories {
                prop_assert_eq!(note::read(&note::write(memory)), Some(Ok(memory.clone())));
                let line = serde_json::to_string(memory).unwrap();
                let read = Record::read(serde_json::from_str(&line).unwrap()).unwrap();
                prop_assert_eq!(read, Record::Memory(Box::new(memory.clone())));
            }
            let read = csv::read(&csv::write(&memories).unwrap());
            prop_assert_eq!(read, memories.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }

    #[test]
    fn json_is_a_list_or_a_document() {
        assert_eq!(read_json("[1]").unwrap(), [json!(1)]);
        assert_eq!(read_json(r#"{"memories": [1], "relationships": [2]}"#).unwrap(), [json!(1), json!(2)]);
        assert!(read_json(r#"{"memory": 1}"#).is_err() && read_json("1").is_err() && read_json("{").is_err());
    }
}
