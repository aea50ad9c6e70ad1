//! What a wish says, as a number: so that a key that comes again with another wish is noticed. Called by the write path.
//!
//! The number is stored with the event for ever, so the text that it is of is canonical: an action and a JSON object with sorted keys, in
//! which nothing stands that the wish leaves to its default. A field that is added later changes no number of a wish that does not name it.

mod first_release;
#[cfg(test)]
mod tests;

use chrono::SecondsFormat;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{MemoryAction, RelationshipAction, WebhookAction};
use crate::domain::{
    ids::{MemoryId, RelationshipId, Timestamp, WebhookId},
    memory::{self, Scope, Source},
    relationship, webhook,
};

/// Begins every text; another form of text would have another beginning.
const FORM: &str = "wish 2";

/// The number of a wish, in the form that is stored now and in the one of the first release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub current: u64,
    pub first_release: u64,
}

impl Fingerprint {
    /// Of a wish that has no key and so can never be taken for another one.
    pub const NONE: Self = Self { current: 0, first_release: 0 };

    pub fn of_memory(id: MemoryId, action: &MemoryAction) -> Self {
        let said = match action {
            MemoryAction::Create { draft, created_at } | MemoryAction::Put { draft, created_at } => {
                of_draft(draft).with_time("created_at", *created_at)
            }
            MemoryAction::Update(patch) => of_patch(patch),
            MemoryAction::Delete | MemoryAction::Restore | MemoryAction::Undo => Said::default(),
            MemoryAction::Erase { reason } => Said::default().with_text("reason", reason.as_ref()),
        };
        Self { current: said.number("memory", action.name()), first_release: first_release::of_memory(id, action) }
    }

    pub fn of_relationship(id: RelationshipId, action: &RelationshipAction) -> Self {
        use RelationshipAction as A;
        let said = match action {
            A::Create { draft, created_at } | A::Put { draft, created_at } => {
                of_relation(draft).with_time("created_at", *created_at)
            }
            A::Update(relationship::Patch { weight, properties }) => {
                let said = Said::default().with("weight", weight.map(Value::from));
                said.with("properties", properties.clone().map(Value::from))
            }
            A::Delete => Said::default(),
        };
        Self { current: said.number("relationship", action.name()), first_release: first_release::of_relationship(id, action) }
    }

    pub fn of_webhook(id: WebhookId, action: &WebhookAction) -> Self {
        use WebhookAction as A;
        let said = match action {
            A::Register { draft, active, .. } => of_endpoint(draft).with("active", (!active).then_some(false.into())),
            A::Update(patch) => of_endpoint_patch(patch),
            A::Disable(reason) => Said::default().with("reason", Some(reason.as_str().into())),
            A::Rotate { overlap_h, .. } => Said::default().with("overlap_h", Some((*overlap_h).into())),
            A::Enable | A::Revoke | A::Delete => Said::default(),
        };
        Self { current: said.number("webhook", action.name()), first_release: first_release::of_webhook(id, action) }
    }
}

/// What a wish says, field by field.
#[derive(Default)]
struct Said(Map<String, Value>);

impl Said {
    /// `None` is what the wish does not say.
    fn with(mut self, field: &str, value: Option<Value>) -> Self {
        if let Some(value) = value {
            self.0.insert(field.to_owned(), value);
        }
        self
    }

    fn with_text(self, field: &str, text: Option<&String>) -> Self {
        self.with(field, text.map(|text| text.as_str().into()))
    }

    fn with_time(self, field: &str, at: Option<Timestamp>) -> Self {
        self.with(field, at.map(time))
    }

    fn number(self, aggregate: &str, action: &str) -> u64 {
        let mut text = format!("{FORM}\n{aggregate}\n{action}\n");
        write(&Value::Object(self.0), &mut text);
        xxh3_64(text.as_bytes())
    }
}

fn time(at: Timestamp) -> Value {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true).into()
}

/// Compact JSON with the keys of every object in the order of their bytes, whatever order the map has.
fn write(value: &Value, text: &mut String) {
    let between = |text: &mut String, index: usize| {
        if index > 0 {
            text.push(',');
        }
    };
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                between(text, index);
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                between(text, index);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// `None` for an empty list: that is its default.
fn texts(list: &[String]) -> Option<Value> {
    (!list.is_empty()).then(|| list.into())
}

fn object(map: &Map<String, Value>) -> Option<Value> {
    (!map.is_empty()).then(|| map.clone().into())
}

fn of_source(source: &Source) -> Option<Value> {
    let Source { kind, uri, id, position } = source;
    let said = Said::default().with_text("kind", kind.as_ref()).with_text("uri", uri.as_ref()).with_text("id", id.as_ref());
    object(&said.with("position", position.map(Value::from)).0)
}

fn of_draft(draft: &memory::Draft) -> Said {
    let memory::Draft { title, content, memory_type, metadata, tags, importance, source, scope, occurred_at, sensitive } = draft;
    let Scope { user_id, agent_id, run_id } = scope;
    Said::default()
        .with_text("title", title.as_ref())
        .with("content", Some(content.as_str().into()))
        .with_text("memory_type", memory_type.as_ref())
        .with("metadata", object(metadata))
        .with("tags", texts(tags))
        .with("importance", importance.map(Value::from))
        .with("source", of_source(source))
        .with_text("user_id", user_id.as_ref())
        .with_text("agent_id", agent_id.as_ref())
        .with_text("run_id", run_id.as_ref())
        .with_time("occurred_at", *occurred_at)
        .with("sensitive", sensitive.map(Value::from))
}

/// What a patch names is said, an emptied field as null.
fn of_patch(patch: &memory::draft::Patch) -> Said {
    let memory::draft::Patch {
        title,
        content,
        memory_type,
        metadata,
        tags,
        importance,
        source,
        user_id,
        agent_id,
        run_id,
        occurred_at,
        sensitive,
    } = patch;
    let emptied = |field: &Option<Option<String>>| field.as_ref().map(|text| text.as_deref().map_or(Value::Null, Value::from));
    Said::default()
        .with("title", emptied(title))
        .with_text("content", content.as_ref())
        .with_text("memory_type", memory_type.as_ref())
        .with("metadata", metadata.clone().map(Value::from))
        .with("tags", tags.as_ref().map(|tags| tags.as_slice().into()))
        .with("importance", importance.map(Value::from))
        .with("source", source.as_ref().map(|source| of_source(source).unwrap_or_default()))
        .with("user_id", emptied(user_id))
        .with("agent_id", emptied(agent_id))
        .with("run_id", emptied(run_id))
        .with("occurred_at", occurred_at.map(|at| at.map_or(Value::Null, time)))
        .with("sensitive", sensitive.map(Value::from))
}

fn of_relation(draft: &relationship::Draft) -> Said {
    // The ends and the type are the aggregate itself.
    let relationship::Draft { weight, properties, .. } = draft;
    Said::default().with("weight", weight.map(Value::from)).with("properties", object(properties))
}

fn of_filter(filter: &webhook::Filter) -> Option<Value> {
    let webhook::Filter { tags, memory_types, importance_min } = filter;
    let types: Vec<String> = memory_types.iter().map(|kind| kind.as_str().to_owned()).collect();
    let said = Said::default().with("tags", texts(tags)).with("memory_types", texts(&types));
    object(&said.with("importance_min", importance_min.map(Value::from)).0)
}

fn of_retry(retry: &webhook::Retry) -> Option<Value> {
    let webhook::Retry { max_retries, base_delay_s, timeout_s } = retry;
    let said = Said::default().with("max_retries", max_retries.map(Value::from));
    object(&said.with("base_delay_s", base_delay_s.map(Value::from)).with("timeout_s", timeout_s.map(Value::from)).0)
}

fn of_payload(payload: webhook::Payload) -> Value {
    match payload {
        webhook::Payload::Full => "full".into(),
        webhook::Payload::Thin => "thin".into(),
    }
}

/// Without what is random or secret: the secret, and the values of headers.
fn of_endpoint(draft: &webhook::Draft) -> Said {
    let webhook::Draft { url, description, events, filter, payload, headers, retry, concurrency, rate_per_s, ordered } = draft;
    let headers: Vec<String> = headers.keys().cloned().collect();
    let is_default = |payload| payload == webhook::Payload::default();
    Said::default()
        .with("url", Some(url.as_str().into()))
        .with("description", (!description.is_empty()).then(|| description.as_str().into()))
        .with("events", texts(events))
        .with("filter", of_filter(filter))
        .with("payload", (!is_default(*payload)).then(|| of_payload(*payload)))
        .with("headers", texts(&headers))
        .with("retry_config", of_retry(retry))
        .with("concurrency", concurrency.map(Value::from))
        .with("rate_per_s", rate_per_s.map(Value::from))
        .with("ordered", ordered.then_some(true.into()))
}

fn of_endpoint_patch(patch: &webhook::Patch) -> Said {
    let webhook::Patch { url, description, events, filter, payload, headers, retry, concurrency, rate_per_s, ordered } = patch;
    let names = headers.as_ref().map(|headers| headers.keys().cloned().collect::<Vec<_>>().into());
    Said::default()
        .with_text("url", url.as_ref())
        .with_text("description", description.as_ref())
        .with("events", events.as_ref().map(|events| events.as_slice().into()))
        .with("filter", filter.as_ref().map(|filter| of_filter(filter).unwrap_or_default()))
        .with("payload", payload.map(of_payload))
        .with("headers", names)
        .with("retry_config", retry.as_ref().map(|retry| of_retry(retry).unwrap_or_default()))
        .with("concurrency", concurrency.map(Value::from))
        .with("rate_per_s", rate_per_s.map(|rate| rate.map_or(Value::Null, Value::from)))
        .with("ordered", ordered.map(Value::from))
}
