//! Memories and relationships in files that lose nothing: what `brain export` writes and `brain import` reads back identically, and what
//! programs of the same job write. Pure; one file per form. Never changes a character of a content.

pub mod csv;
pub mod dates;
pub mod foreign;
pub mod front_matter;
pub mod note;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::v1::dto::{MemoryInput, MemoryView, graph::RelationshipInput},
    domain::json_number,
};

/// One record of a JSON file or a line of JSON lines.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Memory(Box<MemoryInput>),
    Relationship(RelationshipInput),
}

/// A record, or what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Counts the records from 0; ids are made of it.
    pub number: u64,
    /// Line of the file, from 1, where it has one to itself.
    pub line: Option<u64>,
    pub record: Result<Record, String>,
}

impl Record {
    /// A relationship is known by its type; everything else is a memory.
    fn read(value: Value) -> Result<Self, String> {
        if !value.is_object() {
            let kind = kind_of(&value);
            return Err(format!("this is {kind}; a record is an object with its content: {{\"content\": \"Tea is at four\"}}"));
        }
        let read = if value.get("relationship_type").is_some() {
            RelationshipInput::deserialize(value).map(Self::Relationship)
        } else {
            MemoryInput::deserialize(value).map(|memory| Self::Memory(Box::new(memory)))
        };
        read.map_err(|cause| cause.to_string())
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) | Value::Number(_) => "a plain value",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
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
        sensitive: view.sensitive.then_some(true),
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

/// The records of a file of JSON lines.
pub fn read_lines(text: &str) -> Vec<Read> {
    let lines = text.split('\n').enumerate().map(|(at, line)| (at as u64 + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    let value = |line: &str| exact(line).and_then(|line| serde_json::from_str(line).map_err(|cause| cause.to_string()));
    read_values(lines.map(|(at, line)| (Some(at), value(line))).collect())
}

/// The records of a JSON file: a list of them, one of them, or a document that holds lists of them.
pub fn read_document(text: &str) -> Vec<Read> {
    let whole = |reason| read_values(vec![(None, Err(reason))]);
    let document = match exact(text).and_then(|text| serde_json::from_str(text).map_err(|cause| cause.to_string())) {
        Ok(document) => document,
        // Programs that write lines call their file .json too.
        Err(_) if is_lines(text) => return read_lines(text),
        Err(reason) => return whole(reason),
    };
    match document {
        Value::Array(records) => read_values(records.into_iter().map(|record| (None, Ok(record))).collect()),
        Value::Object(document) => match foreign::lists(document) {
            Ok(records) => read_values(records.into_iter().map(|record| (None, Ok(record))).collect()),
            Err(reason) => whole(reason),
        },
        _ => whole("neither a list nor an object with memories".to_owned()),
    }
}

/// Whether a JSON file is an object of another program, as folders of notes have them for settings.
pub fn is_foreign(text: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|document| foreign::lists(document).is_err())
}

fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let is_object = |line: &str| serde_json::from_str::<Map<String, Value>>(line).is_ok();
    text.trim().lines().count() > 1 && lines.peek().is_some() && lines.all(is_object)
}

type Line = (Option<u64>, Result<Value, String>);

fn read_values(values: Vec<Line>) -> Vec<Read> {
    let entities = foreign::Entities::among(values.iter().filter_map(|(_, value)| value.as_ref().ok()));
    let read = |(number, (line, value)): (usize, Line)| {
        let records = match value {
            Err(reason) => vec![Err(reason)],
            Ok(value) => foreign::read(&value, &entities).unwrap_or_else(|| vec![Record::read(value)]),
        };
        records.into_iter().map(move |record| Read { number: number as u64, line, record }).collect::<Vec<_>>()
    };
    values.into_iter().enumerate().flat_map(read).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::api::v1::dto::SourceDto;

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
                sensitive: None,
                created_at: Some(time(times.1)),
            }
        }
    }

    proptest! {
        #[test]
        fn every_form_reads_back_what_it_wrote(memories in prop::collection::vec(memories(), 1..4)) {
            for memory in &memories {
                let crlf = note::write(memory).replace("\r\n", "\n").replace('\n', "\r\n");
                prop_assert_eq!(note::read(&crlf), Some(Ok(memory.clone())));
                prop_assert_eq!(note::read(&note::write(memory)), Some(Ok(memory.clone())));
                let line = serde_json::to_string(memory).unwrap();
                prop_assert_eq!(&read_lines(&line)[0].record, &Ok(Record::Memory(Box::new(memory.clone()))));
            }
            let table = String::from_utf8(csv::write(&memories).unwrap()).unwrap();
            let read: Vec<_> = csv::read(&table).into_iter().map(|row| row.memory).collect();
            prop_assert_eq!(read, memories.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }

    fn outcomes(read: Vec<Read>) -> Vec<Result<String, String>> {
        let said = |record| match record {
            Record::Memory(memory) => memory.content,
            Record::Relationship(it) => it.relationship_type.unwrap_or_default(),
        };
        read.into_iter().map(|it| it.record.map(said)).collect()
    }

    fn good(text: &str) -> Vec<String> {
        outcomes(read_document(text)).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn json_is_a_list_a_record_or_a_document() {
        let one = r#"{"content": "a"}"#;
        assert_eq!(good(&format!("[{one}]")), ["a"]);
        assert_eq!(good(one), ["a"]);
        assert_eq!(good(&format!("{one}\n\n{one}\n")), ["a", "a"], "lines in a file called .json");
        let id = Uuid::from_u128(1);
        let relationship = format!(r#"{{"source_id": "{id}", "target_id": "{id}", "relationship_type": "extends"}}"#);
        assert_eq!(good(&format!(r#"{{"memories": [{one}], "relationships": [{relationship}]}}"#)), ["a", "extends"]);
        for text in [r#"{"memory_list": 1}"#, "1", "{", r#"["a"]"#, "[[1]]", r#"{"memories": 1}"#] {
            assert!(outcomes(read_document(text))[0].is_err(), "{text}");
        }
    }

    #[test]
    fn a_record_of_a_line_is_an_object_and_a_fault_has_its_line() {
        let read = read_lines(
            "{\"content\":\"a\"}\r\n\n[null,\"positional\",\"episodic\"]\n\"text\"\n{\"contents\":\"x\"}\n[{\"content\":\"x\"}]",
        );
        let faults: Vec<(u64, Option<u64>)> =
            read.iter().filter(|it| it.record.is_err()).map(|it| (it.number, it.line)).collect();
        assert_eq!(faults, [(1, Some(3)), (2, Some(4)), (3, Some(5)), (4, Some(6))]);
        let reason = |at: usize| read[at].record.clone().unwrap_err();
        assert!(reason(1).contains("a list") && reason(2).contains("a text") && reason(3).contains("contents"));
    }
}
