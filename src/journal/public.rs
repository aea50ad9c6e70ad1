//! Stored events as the world sees them: CloudEvents 1.0. The one place where a stored event becomes a public one; every way out
//! (the feed, webhooks, sockets) sends what is built here. Never shows the reserved space.
//!
//! A public event is also a valid Standard Webhooks body, which wants `type`, `timestamp` and `data` on top.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Recorded, catalog, upcast};

/// One public event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublicEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// Stable for ever: the same event has the same id wherever and however often it is sent.
    pub id: String,
    /// `/spaces/<space>`.
    pub source: String,
    /// `memory.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `memory/<id>`.
    pub subject: String,
    pub time: chrono::DateTime<chrono::Utc>,
    /// The same as `time`, under the name that Standard Webhooks has for it.
    pub timestamp: chrono::DateTime<chrono::Utc>,
    pub datacontenttype: String,
    /// Name of the JSON Schema of the aggregate within `data`.
    pub dataschema: String,
    /// Position in the log, as a decimal number; later events have greater ones.
    pub sequence: String,
    /// W3C Trace Context: the trace is the wish that caused the event.
    pub traceparent: String,
    /// The whole aggregate after the event, under its name, with who did it, what changed, and old values where a filter needs them.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// The public form of an event; `None` when it is not for the world.
pub fn of(recorded: &Recorded) -> Option<PublicEvent> {
    let event = &recorded.event;
    let known = catalog::find(&event.kind).filter(|known| known.summary().is_some() && !event.space.is_sys())?;
    // What a sensitive memory says is not in its event but sealed, and stays so here: these fields are empty.
    let shown = |field: &&str| Some(((*field).to_owned(), event.data.get(*field)?.clone()));
    let mut aggregate: Map<String, Value> = catalog::shown_fields(known).iter().filter_map(shown).collect();
    aggregate.insert("id".into(), event.aggregate_id.clone().into());
    aggregate.insert("revision".into(), event.revision.0.into());
    let mut data = Map::from_iter([
        (event.aggregate.clone(), aggregate.into()),
        ("actor".to_owned(), event.actor.to_string().into()),
        ("command_id".to_owned(), event.command_id.to_string().into()),
        ("changed".to_owned(), json!(event.changed)),
    ]);
    if event.before != Default::default() {
        data.insert("before".into(), json!(event.before));
    }
    Some(PublicEvent {
        specversion: "1.0".into(),
        id: event.id.to_string(),
        source: format!("/spaces/{}", event.space),
        kind: event.kind.clone(),
        subject: format!("{}/{}", event.aggregate, event.aggregate_id),
        time: event.at,
        timestamp: event.at,
        datacontenttype: "application/json".into(),
        dataschema: format!("/schemas/{}.v{}.json", event.kind, upcast::newest(&event.kind).unwrap_or(event.version)),
        sequence: recorded.seq.to_string(),
        traceparent: format!("00-{}-{}-01", event.correlation_id.simple(), &event.id.0.simple().to_string()[..16]),
        data: data.into(),
    })
}

/// Types of events by name, or all of an aggregate by `memory.*`; `*` is every type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Types(Vec<String>);

/// No public event has such a type.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no public events of type {0:?}; there are {known}", known = known().join(", "))]
pub struct UnknownType(pub String);

/// Every type of public events, those included that nothing emits yet.
pub fn known() -> Vec<&'static str> {
    catalog::EVENTS.iter().filter(|event| event.summary().is_some()).map(|event| event.name).collect()
}

impl Types {
    /// Reads a list with commas; an empty one is every type.
    /// Errors: [`UnknownType`] names the first word that is no type and no pattern.
    pub fn parse(list: &str) -> Result<Self, UnknownType> {
        let patterns: Vec<String> = list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        match patterns.iter().find(|pattern| !known().into_iter().any(|kind| fits(pattern, kind))) {
            Some(stranger) => Err(UnknownType(stranger.clone())),
            None => Ok(Self(patterns)),
        }
    }

    pub fn include(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| fits(pattern, kind))
    }
}

/// Whether a pattern names this type: by name, all of an aggregate by `memory.*`, every one by `*`.
pub fn fits(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => (stem.is_empty() || stem.ends_with('.')) && kind.starts_with(stem),
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_chosen_by_name_and_by_aggregate() {
        let types = Types::parse("memory.created, relationship.*").unwrap();
        assert!(types.include("memory.created") && types.include("relationship.deleted") && !types.include("memory.deleted"));
        assert!(Types::parse("").unwrap().include("memory.deleted") && Types::parse("*").unwrap().include("memory.deleted"));
        for stranger in ["memory.eaten", "key.*", "mem*", "key.issued"] {
            assert_eq!(Types::parse(stranger), Err(UnknownType(stranger.into())));
        }
    }
}
