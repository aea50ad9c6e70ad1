//! The AsyncAPI 3 document: every public event and every way to be told of it, made from the same registry that the events are built
//! from. Served by the API and committed as `schemas/asyncapi.json`; a test compares the two.

use serde_json::{Map, Value, json};

use super::{catalog, public};

/// What each type of event tells, for people.
fn summary(kind: &str) -> &'static str {
    catalog::find(kind).and_then(catalog::EventType::summary).unwrap_or("An event")
}

/// The channels that live streams have, as they are subscribed to.
const CHANNELS: [(&str, &str, &str); 7] = [
    ("space", "space", "Everything in the space"),
    ("memory", "memory:{id}", "One memory and its relationships"),
    ("type", "type:{type}", "Events of one type, or of an aggregate by memory.*"),
    ("tag", "tag:{tag}", "Memories that carry a tag, or did before the event"),
    ("graph", "graph", "Relationships, and what is built from them"),
    ("tasks", "tasks", "Progress and end of longer work"),
    ("system", "system", "What concerns the instance's own running"),
];

/// The document.
pub fn document() -> Value {
    let kinds = public::known();
    let messages: Map<String, Value> = kinds.iter().map(|kind| ((*kind).to_owned(), message(kind))).collect();
    let in_channel: Map<String, Value> =
        kinds.iter().map(|kind| ((*kind).to_owned(), json!({"$ref": format!("#/components/messages/{kind}")}))).collect();
    let mut channels = Map::new();
    let mut operations = Map::new();
    for (name, address, description) in CHANNELS {
        let mut channel = json!({
            "address": address, "description": description, "messages": in_channel,
            "servers": [{"$ref": "#/servers/live"}, {"$ref": "#/servers/stream"}],
        });
        if let Some((_, parameter)) = address.split_once('{') {
            channel["parameters"] = json!({parameter.trim_end_matches('}'): {"description": description}});
        }
        channels.insert(name.into(), channel);
        operations.insert(format!("told_of_{name}"), operation(name, "A subscriber is told", &kinds));
    }
    channels.insert(
        "webhook".into(),
        json!({
            "address": null, "description": "A request to a registered address, signed as Standard Webhooks say",
            "messages": in_channel, "bindings": {"http": {}},
        }),
    );
    operations.insert("webhook_is_called".into(), operation("webhook", "An endpoint is called", &kinds));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Second Brain events", "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that happens in a space, as CloudEvents 1.0 that are valid Standard Webhooks bodies as well.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "live": {
                "host": "127.0.0.1:7700", "pathname": "/api/v1/ws", "protocol": "ws",
                "description": "Centrifuge protocol 2 as JSON, or the subprotocol cloudevents.json",
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            },
            "stream": {
                "host": "127.0.0.1:7700", "pathname": "/api/v1/stream", "protocol": "sse",
                "description": "Server-sent events, resumed by Last-Event-ID",
                "security": [{"$ref": "#/components/securitySchemes/key"}],
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": {"event": event_schema(&kinds)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "POST /api/v1/live/token"},
                "key": {"type": "http", "scheme": "bearer", "description": "An API key"},
            },
        },
    })
}

fn operation(channel: &str, summary: &str, kinds: &[&str]) -> Value {
    let of = |kind: &&str| json!({"$ref": format!("#/channels/{channel}/messages/{kind}")});
    json!({
        "action": "send", "summary": summary, "channel": {"$ref": format!("#/channels/{channel}")},
        "messages": kinds.iter().map(of).collect::<Vec<_>>(),
    })
}

fn message(kind: &str) -> Value {
    json!({
        "name": kind, "title": summary(kind), "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [{"$ref": "#/components/schemas/event"}, {"type": "object", "properties": {"type": {"const": kind}}}],
        },
    })
}

fn event_schema(kinds: &[&str]) -> Value {
    json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "timestamp", "data", "sequence", "traceparent"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid", "description": "Stable for ever; the webhook-id"},
            "source": {"type": "string", "examples": ["/spaces/default"]},
            "type": {"enum": kinds},
            "subject": {"type": "string", "examples": ["memory/0190f3d2-0000-7000-8000-000000000001"]},
            "time": {"type": "string", "format": "date-time"},
            "timestamp": {"type": "string", "format": "date-time", "description": "The same, as Standard Webhooks name it"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string"},
            "sequence": {"type": "string", "pattern": "^[0-9]+$", "description": "Position in the log"},
            "traceparent": {"type": "string", "description": "W3C Trace Context"},
            "data": {"type": "object", "description": "The aggregate after the event under its name, what changed, who did it"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_that_is_made() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/asyncapi.json");
        let made = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
        if std::env::var_os("BRAIN_UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &made).expect("can write it");
        }
        let committed = std::fs::read_to_string(&path).expect("schemas/asyncapi.json is committed");
        assert!(committed == made, "BRAIN_UPDATE_SCHEMAS=1 cargo test writes schemas/asyncapi.json anew");
    }

    #[test]
    fn every_public_event_is_told_of_in_words() {
        for kind in public::known() {
            assert_ne!(summary(kind), "An event", "{kind}");
        }
    }
}
