//! Records as other memories write them: mem0 (`memory`, in `results`), the MCP memory server (`type: entity` and `relation`).
//! Pure; called by `records`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Record, dates};
use crate::{
    api::v1::dto::{MemoryInput, graph::RelationshipInput},
    domain::relationship::RelationshipType,
};

/// Where the ids of records come from that have none of ours. Decision: never to change, or a second import would duplicate them.
const IDS: Uuid = Uuid::from_u128(0x6f0d_41f7_8a3b_4e0e_9a55_0a8c_5f6b_77d1);
/// The property with what another program calls a relation.
const RELATION: &str = "relation";
/// Between the parts of an id's name.
const UNIT_SEPARATOR: &str = "\u{1f}";
/// The lists of a document that are read, in the order in which records have to be known.
const LISTS: [&str; 5] = ["memories", "results", "entities", "relationships", "relations"];
/// The fields by which an object is one record and no document.
const MARKS: [&str; 4] = ["content", "memory", "relationship_type", "entityType"];

/// The records in a document's lists, or the document itself if it is one.
pub fn lists(mut document: Map<String, Value>) -> Result<Vec<Value>, String> {
    if MARKS.iter().any(|mark| document.contains_key(*mark)) {
        return Ok(vec![document.into()]);
    }
    let (mut records, mut has_list) = (vec![], false);
    for name in LISTS {
        match document.remove(name) {
            Some(Value::Array(list)) => {
                has_list = true;
                records.extend(list.into_iter().map(|record| of_list(name, record)));
            }
            None | Some(Value::Null) => {}
            Some(_) => return Err(format!("{name} is no list")),
        }
    }
    match document.keys().next() {
        Some(stranger) if !has_list => Err(format!(
            "there is no field {stranger:?}; a document has lists of records (memories, relationships) or is one record with its content"
        )),
        _ => Ok(records),
    }
}

/// A record of a list whose name says what it is.
fn of_list(name: &str, record: Value) -> Value {
    let kind = match name {
        "entities" => "entity",
        "relations" => "relation",
        _ => return record,
    };
    match record {
        Value::Object(mut fields) => {
            fields.entry("type").or_insert_with(|| kind.into());
            fields.into()
        }
        other => other,
    }
}

/// The entities of a file and the memory that stands for each.
#[derive(Default)]
pub struct Entities(HashMap<String, Uuid>);

impl Entities {
    pub fn among<'a>(values: impl Iterator<Item = &'a Value>) -> Self {
        let mut known = HashMap::new();
        for (name, value) in values.filter_map(|value| Some((entity_name(value)?, value))) {
            known.entry(name.to_owned()).or_insert_with(|| observation_id(name, &observations(name, value)[0]));
        }
        Self(known)
    }

    fn end(&self, value: &Value, side: &str) -> Result<Uuid, String> {
        let name = value.get(side).and_then(Value::as_str).ok_or_else(|| format!("the relation has no {side}"))?;
        self.0.get(name).copied().ok_or_else(|| format!("the relation's {side} is {name:?}, which is no entity of this file"))
    }
}

/// The records in a value of another program; `None` if it is none.
pub fn read(value: &Value, entities: &Entities) -> Option<Vec<Result<Record, String>>> {
    if let Some(name) = entity_name(value) {
        return Some(observations(name, value).iter().map(|text| Ok(observation(name, text, value))).collect());
    }
    if value.get("type").and_then(Value::as_str) == Some("relation") && value.get("relationship_type").is_none() {
        return Some(vec![relation(value, entities)]);
    }
    let content = value.get("memory").and_then(Value::as_str).filter(|_| value.get("content").is_none())?;
    Some(vec![Ok(Record::Memory(Box::new(fact(content, value))))])
}

fn entity_name(value: &Value) -> Option<&str> {
    let is_entity = value.get("type").and_then(Value::as_str) == Some("entity") || value.get("entityType").is_some();
    value.get("name").and_then(Value::as_str).filter(|_| is_entity && value.get("content").is_none())
}

/// What is known of an entity; its name, if nothing is.
fn observations(name: &str, value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let texts = value.get("observations").and_then(Value::as_array).into_iter().flatten().map(text);
    let known: Vec<String> = texts.filter(|text| !text.trim().is_empty()).collect();
    if known.is_empty() { vec![name.to_owned()] } else { known }
}

fn observation_id(name: &str, text: &str) -> Uuid {
    derived(&["entity", name, text])
}

fn derived(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&IDS, parts.join(UNIT_SEPARATOR).as_bytes())
}

/// Each observation is a memory under the name of its entity.
fn observation(name: &str, text: &str, value: &Value) -> Record {
    let mut metadata = Map::from_iter([("entity".to_owned(), Value::from(name))]);
    let kind = value.get("entityType").and_then(Value::as_str).filter(|kind| !kind.trim().is_empty());
    metadata.extend(kind.map(|kind| ("entity_type".to_owned(), Value::from(kind))));
    Record::Memory(Box::new(MemoryInput {
        id: Some(observation_id(name, text)),
        title: Some(name.chars().take(crate::domain::memory::draft::TITLE_CHARS_MAX).collect()),
        content: text.to_owned(),
        tags: kind.map(str::to_owned).into_iter().collect(),
        metadata,
        ..MemoryInput::default()
    }))
}

/// A relation between entities is one between the memories that stand for them; a kind that is none of ours is kept as a property.
fn relation(value: &Value, entities: &Entities) -> Result<Record, String> {
    let side = |ours: &str, theirs: &str| entities.end(value, if value.get(ours).is_some() { ours } else { theirs });
    let (from, to) = (side("from", "source")?, side("to", "target")?);
    let kind =
        ["relationType", "relationship", "relation_type"].iter().find_map(|name| value.get(*name)?.as_str()).unwrap_or_default();
    let known = RelationshipType::parse(&kind.trim().to_lowercase().replace([' ', '-'], "_"));
    Ok(Record::Relationship(RelationshipInput {
        source_id: Some(from),
        target_id: Some(to),
        relationship_type: Some(known.unwrap_or(RelationshipType::RelatedTo).as_str().to_owned()),
        properties: if kind.is_empty() { Map::new() } else { Map::from_iter([(RELATION.to_owned(), json!(kind))]) },
        ..RelationshipInput::default()
    }))
}

/// Adds what the other one is called to a relation that is called otherwise; answers whether there was something to add.
pub fn join(relation: &mut RelationshipInput, other: &RelationshipInput) -> bool {
    let name = |input: &RelationshipInput| input.properties.get(RELATION).and_then(Value::as_str).map(str::to_owned);
    let (Some(ours), Some(theirs)) = (name(relation), name(other)) else { return false };
    let is_new = !theirs.split(", ").any(|name| name == ours);
    if is_new {
        relation.properties.insert(RELATION.to_owned(), format!("{theirs}, {ours}").into());
    }
    is_new
}

/// A memory as mem0 lists it: what has no field of ours is kept in the metadata.
fn fact(content: &str, value: &Value) -> MemoryInput {
    let mut fields = value.as_object().cloned().unwrap_or_default();
    for name in ["memory", "hash", "score", "object", "type"] {
        fields.remove(name);
    }
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let id = text("id").map(|id| Uuid::try_parse(&id).unwrap_or_else(|_| derived(&["fact", &id])));
    let (user_id, agent_id, run_id) = (text("user_id"), text("agent_id"), text("run_id"));
    let created_at = fields.get("created_at").and_then(dates::of_value);
    if created_at.is_some() {
        fields.remove("created_at");
    }
    let tags = match fields.remove("categories") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => vec![],
    };
    let mut metadata = match fields.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    metadata.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    MemoryInput {
        id,
        content: content.to_owned(),
        tags,
        metadata,
        user_id,
        agent_id,
        run_id,
        created_at,
        ..MemoryInput::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::read_document, super::read_lines, *};

    fn records(text: &str) -> Vec<Record> {
        let read = if text.starts_with('\n') { read_lines(text) } else { read_document(text) };
        read.into_iter().map(|it| it.record.unwrap_or_else(|reason| panic!("{reason}: {text}"))).collect()
    }

    fn memory(record: &Record) -> &MemoryInput {
        match record {
            Record::Memory(memory) => memory,
            Record::Relationship(_) => panic!("a relationship"),
        }
    }

    #[test]
    fn lists_of_mem0_are_read() {
        let one = r#"{"id":"7f2c1e58-0000-4000-8000-000000000001","memory":"Likes tea","hash":"x","metadata":{"k":1},"score":0.4,
            "created_at":"2024-07-20T01:30:36.275141-07:00","updated_at":null,"user_id":"ann","categories":["drink"]}"#;
        for text in [
            format!(r#"{{"results":[{one}]}}"#),
            format!(r#"{{"memories":[{one}],"total":1}}"#),
            format!("[{one}]"),
            one.to_owned(),
        ] {
            let records = records(&text);
            let it = memory(&records[0]);
            assert_eq!(
                (it.content.as_str(), it.user_id.as_deref(), &it.tags[0]),
                ("Likes tea", Some("ann"), &"drink".to_owned())
            );
            assert_eq!(
                (it.metadata.len(), it.created_at.unwrap().to_rfc3339().as_str()),
                (1, "2024-07-20T08:30:36.275141+00:00")
            );
        }
        let named = records(r#"[{"id":"m-1","memory":"a"},{"id":"m-1","memory":"b"}]"#);
        assert_eq!(memory(&named[0]).id, memory(&named[1]).id);
    }

    #[test]
    fn the_graph_of_a_memory_server_is_read() {
        let lines = "\n{\"type\":\"entity\",\"name\":\"Ann\",\"entityType\":\"person\",\"observations\":[\"likes tea\",\"lives by the sea\"]}\n\
                     {\"type\":\"relation\",\"from\":\"Ann\",\"to\":\"Mill\",\"relationType\":\"works at\"}\n\
                     {\"type\":\"entity\",\"name\":\"Mill\",\"entityType\":\"place\",\"observations\":[]}\n";
        let found = records(lines);
        let (tea, mill) = (memory(&found[0]), memory(&found[3]));
        assert_eq!((tea.title.as_deref(), tea.content.as_str(), &tea.tags[0]), (Some("Ann"), "likes tea", &"person".to_owned()));
        assert_eq!((mill.content.as_str(), found.len()), ("Mill", 4));
        let Record::Relationship(it) = &found[2] else { panic!("{:?}", found[2]) };
        assert_eq!((it.source_id, it.target_id, it.relationship_type.as_deref()), (tea.id, mill.id, Some("related_to")));
        assert_eq!(it.properties["relation"], "works at");
        let document = r#"{"entities":[{"name":"Ann","entityType":"person","observations":["likes tea"]}],"relations":[]}"#;
        assert_eq!(memory(&records(document)[0]).id, tea.id);
        let lost = read_lines(r#"{"type":"relation","from":"Ann","to":"Bob","relationType":"extends"}"#);
        assert!(lost[0].record.clone().unwrap_err().contains("Ann"));
    }
}
