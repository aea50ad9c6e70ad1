//! Memories as a table with a header. Called by export and import.
//!
//! Tags and metadata are JSON in their cell; a list of words with commas is taken as tags too. An empty cell is "not there"; a text
//! that is empty, or that begins with a quotation mark, stands as a JSON string.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::dto::{MemoryInput, SourceDto};

const COLUMNS: [&str; 16] = [
    "id",
    "title",
    "content",
    "memory_type",
    "tags",
    "importance",
    "metadata",
    "source_kind",
    "source_uri",
    "source_id",
    "source_position",
    "user_id",
    "agent_id",
    "run_id",
    "occurred_at",
    "created_at",
];

pub fn write(memories: &[MemoryInput]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(COLUMNS)?;
    for it in memories {
        let source = it.source.clone().unwrap_or_default();
        let json = |value: Value| value.to_string();
        writer.write_record([
            it.id.map(|id| id.to_string()).unwrap_or_default(),
            text(&it.title),
            it.content.clone(),
            text(&it.memory_type),
            json(it.tags.clone().into()),
            it.importance.map(|number| json(number.into())).unwrap_or_default(),
            json(it.metadata.clone().into()),
            text(&source.kind),
            text(&source.uri),
            text(&source.id),
            source.position.map(|position| position.to_string()).unwrap_or_default(),
            text(&it.user_id),
            text(&it.agent_id),
            text(&it.run_id),
            it.occurred_at.map(|time| time.to_rfc3339()).unwrap_or_default(),
            it.created_at.map(|time| time.to_rfc3339()).unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|failed| failed.into_error().into())
}

fn text(value: &Option<String>) -> String {
    match value {
        None => String::new(),
        Some(text) if text.is_empty() || text.starts_with('"') => Value::from(text.clone()).to_string(),
        Some(text) => text.clone(),
    }
}

/// Each row's memory, or what is wrong with it. A column of another name goes to the metadata.
pub fn read(table: &[u8]) -> Vec<Result<MemoryInput, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(table);
    let header = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>(),
        Err(cause) => return vec![Err(cause.to_string())],
    };
    if !header.iter().any(|name| name == "content") {
        return vec![Err(format!("the table has no column content; it may have {}", COLUMNS.join(", ")))];
    }
    let memory = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.map_err(|cause| cause.to_string())?;
        memory(header.iter().map(String::as_str).zip(row.iter()).collect())
    };
    reader.records().map(memory).collect()
}

fn memory(mut cells: HashMap<&str, &str>) -> Result<MemoryInput, String> {
    let mut take = |name: &str| cells.remove(name).filter(|cell| !cell.is_empty());
    let content = take("content").unwrap_or_default().to_owned();
    let tags = take("tags").map(tags).unwrap_or_default();
    let mut memory = MemoryInput {
        id: take("id").map(|cell| parsed("id", &Value::from(cell).to_string())).transpose()?,
        title: take("title").map(plain),
        content,
        memory_type: take("memory_type").map(plain),
        metadata: take("metadata").map(|cell| parsed("metadata", cell)).transpose()?.unwrap_or_default(),
        tags,
        importance: take("importance").map(|cell| parsed("importance", cell)).transpose()?,
        source: None,
        user_id: take("user_id").map(plain),
        agent_id: take("agent_id").map(plain),
        run_id: take("run_id").map(plain),
        occurred_at: take("occurred_at").map(|cell| parsed("occurred_at", &Value::from(cell).to_string())).transpose()?,
        created_at: take("created_at").map(|cell| parsed("created_at", &Value::from(cell).to_string())).transpose()?,
    };
    let names_a_source = COLUMNS.iter().any(|name| name.starts_with("source_") && cells.contains_key(name));
    let mut take = |name: &str| cells.remove(name).filter(|cell| !cell.is_empty());
    if names_a_source {
        memory.source = Some(SourceDto {
            kind: take("source_kind").map(plain),
            uri: take("source_uri").map(plain),
            id: take("source_id").map(plain),
            position: take("source_position").map(|cell| parsed("source_position", cell)).transpose()?,
        });
    }
    let strangers = cells.into_iter().filter(|(_, cell)| !cell.is_empty());
    memory.metadata.extend(strangers.map(|(name, cell)| (name.to_owned(), cell.into())).collect::<Map<String, Value>>());
    Ok(memory)
}

fn parsed<T: DeserializeOwned>(column: &str, json: &str) -> Result<T, String> {
    let json = super::exact(json).map_err(|cause| format!("{column}: {cause}"))?;
    serde_json::from_str(json).map_err(|cause| format!("{column}: {cause}"))
}

fn plain(cell: &str) -> String {
    let quoted = cell.starts_with('"').then(|| serde_json::from_str(cell).ok()).flatten();
    quoted.unwrap_or_else(|| cell.to_owned())
}

fn tags(cell: &str) -> Vec<String> {
    let words = || cell.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    serde_json::from_str(cell).unwrap_or_else(|_| words())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_made_by_hand_is_read_too() {
        let table = b"content,tags,colour\nTea at four,\"a, b\",red\nOnly this,,\n";
        let read: Vec<_> = read(table).into_iter().map(Result::unwrap).collect();
        assert_eq!((read[0].content.as_str(), &read[0].tags), ("Tea at four", &vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!((&read[0].metadata["colour"], &read[1].metadata, &read[0].source), (&Value::from("red"), &Map::new(), &None));
        assert!(super::read(b"text\nx\n")[0].as_ref().unwrap_err().contains("content"));
        assert!(super::read(b"content,importance\nx,high\n")[0].as_ref().unwrap_err().starts_with("importance"));
    }
}
