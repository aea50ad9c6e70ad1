//! Every aggregate and every type of event, in one list: what it is called, what of it is for the world, and since which version it has
//! its shape. Whoever asks "is this event public", "which events does this projection want" or "what does it tell" asks here.
//!
//! A new event gets a line here, a stored shape in [`super::events`] and an example that stays readable; a new aggregate a constant and a line
//! with its schema and the fields of it that the world is shown.

use schemars::{JsonSchema, Schema, schema_for};

use super::events::{
    DispatcherV1, EmbedderV1, EmbeddingErasedV1, EmbeddingV1, ErasureV1, InvitationV1, KeyV3, MemoryErasedV1, MemorySealedV1,
    MemoryV3, PrincipalV2, RelationshipErasedV1, RelationshipV1, SpaceV3, WebhookV1,
};

/// A memory, a relationship between two, an endpoint that is told of events.
pub const MEMORY: &str = "memory";
pub const RELATIONSHIP: &str = "relationship";
pub const WEBHOOK: &str = "webhook";
/// A space, who acts in spaces, a key that opens one, and an invitation to one.
pub const SPACE: &str = "space";
pub const PRINCIPAL: &str = "principal";
pub const KEY: &str = "key";
pub const INVITATION: &str = "invitation";
/// The receipt for an erased memory.
pub const ERASURE: &str = "erasure";
/// Facts that were derived: they stand in a stream of their own.
pub const EMBEDDING: &str = "embedding";
pub const EMBEDDER: &str = "embedder";
pub const DISPATCHER: &str = "dispatcher";

/// Who is told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Subscribers and webhooks of its space; what it tells, for people.
    Public(&'static str),
    /// Nobody outside.
    Private,
    /// As public, but nothing emits it yet: it can be asked for already.
    Planned(&'static str),
}

/// A type of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// `memory.created`; fixed for ever.
    pub name: &'static str,
    pub aggregate: &'static str,
    /// The newest version of its data; older ones are lifted to it.
    pub version: u16,
    pub audience: Audience,
}

use Audience::{Planned, Private, Public};

const fn of(name: &'static str, aggregate: &'static str, version: u16, audience: Audience) -> EventType {
    EventType { name, aggregate, version, audience }
}

/// Every event that may stand in the log or among the derived facts, and those that are planned.
pub const EVENTS: [EventType; 44] = [
    of("memory.created", MEMORY, 3, Public("A memory was created")),
    of("memory.updated", MEMORY, 3, Public("A memory was changed")),
    of("memory.deleted", MEMORY, 3, Public("A memory was deleted; it can be restored")),
    of("memory.restored", MEMORY, 3, Public("A deleted memory was restored")),
    of("memory.sealed", MEMORY, 1, Public("A memory has become sensitive: what it says is told no more")),
    of("memory.erased", MEMORY, 1, Public("A memory was erased: nothing is left of it but its id")),
    of("relationship.created", RELATIONSHIP, 1, Public("A relationship between two memories was made")),
    of("relationship.updated", RELATIONSHIP, 1, Public("A relationship's weight or properties were changed")),
    of("relationship.deleted", RELATIONSHIP, 1, Public("A relationship was deleted")),
    of("relationship.erased", RELATIONSHIP, 1, Public("A relationship was erased with a memory at one of its ends")),
    of("webhook.registered", WEBHOOK, 1, Private),
    of("webhook.updated", WEBHOOK, 1, Private),
    of("webhook.enabled", WEBHOOK, 1, Public("A webhook was switched on")),
    of("webhook.disabled", WEBHOOK, 1, Public("A webhook was switched off: asked, gone or failing")),
    of("webhook.secret_rotated", WEBHOOK, 1, Private),
    of("webhook.secret_revoked", WEBHOOK, 1, Private),
    of("webhook.deleted", WEBHOOK, 1, Private),
    of("space.created", SPACE, 3, Private),
    of("space.renamed", SPACE, 3, Private),
    of("space.member_granted", SPACE, 3, Private),
    of("space.member_removed", SPACE, 3, Private),
    of("space.sensitivity_changed", SPACE, 3, Private),
    of("principal.created", PRINCIPAL, 2, Private),
    of("principal.updated", PRINCIPAL, 2, Private),
    of("principal.passkey_added", PRINCIPAL, 2, Private),
    of("principal.passkey_removed", PRINCIPAL, 2, Private),
    of("principal.disabled", PRINCIPAL, 2, Private),
    of("principal.enabled", PRINCIPAL, 2, Private),
    of("principal.token_reused", PRINCIPAL, 2, Private),
    of("key.issued", KEY, 3, Private),
    of("key.rotated", KEY, 3, Private),
    of("key.revoked", KEY, 3, Private),
    of("invitation.created", INVITATION, 1, Private),
    of("invitation.accepted", INVITATION, 1, Private),
    of("invitation.revoked", INVITATION, 1, Private),
    of("erasure.completed", ERASURE, 1, Private),
    of("embedding.computed", EMBEDDING, 1, Private),
    of("embedding.erased", EMBEDDING, 1, Private),
    of("embedder.advanced", EMBEDDER, 1, Private),
    of("dispatcher.settled", DISPATCHER, 1, Private),
    of("graph.built", "graph", 1, Planned("The knowledge graph was rebuilt")),
    of("analysis.completed", "analysis", 1, Planned("A task of analysis has ended")),
    of("reasoning.query", "reasoning", 1, Planned("A reasoning query was executed")),
    of("export.completed", "export", 1, Planned("A task of export has ended")),
];

impl EventType {
    /// Whether it stands in logs today.
    pub fn is_stored(&self) -> bool {
        !matches!(self.audience, Planned(_))
    }

    /// What it tells, for people; `None` for one that the world is not told of.
    pub fn summary(&self) -> Option<&'static str> {
        match self.audience {
            Public(summary) | Planned(summary) => Some(summary),
            Private => None,
        }
    }
}

/// The type of this name.
pub fn find(name: &str) -> Option<&'static EventType> {
    EVENTS.iter().find(|event| event.name == name)
}

/// Every event that may stand in the log or among the derived facts.
pub fn stored() -> impl Iterator<Item = &'static EventType> {
    EVENTS.iter().filter(|event| event.is_stored())
}

/// Whether events of this type are for the world.
pub fn is_public(name: &str) -> bool {
    find(name).is_some_and(|event| event.summary().is_some())
}

/// A kind of aggregate, or of derived fact.
pub struct Aggregate {
    pub name: &'static str,
    /// The JSON Schema of its events' data, in the newest version.
    pub schema: fn() -> Schema,
    /// The fields that public events show. What is not named here is never told: a field that is stored for our own sake stays ours until
    /// somebody adds it.
    pub public_fields: &'static [&'static str],
}

const MEMORY_FIELDS: &[&str] = &[
    "title",
    "content",
    "memory_type",
    "metadata",
    "tags",
    "importance",
    "source",
    "user_id",
    "agent_id",
    "run_id",
    "occurred_at",
    "created_at",
    "updated_at",
    "deleted_at",
    "sensitive",
];
const RELATIONSHIP_FIELDS: &[&str] =
    &["source_id", "target_id", "relationship_type", "weight", "properties", "created_at", "updated_at", "deleted_at"];
/// Addresses, headers and secrets are between brain and the endpoint's owner.
const WEBHOOK_FIELDS: &[&str] = &["description", "disabled_reason", "disabled_at"];

const fn kind<T: JsonSchema>(name: &'static str, public_fields: &'static [&'static str]) -> Aggregate {
    Aggregate { name, schema: || schema_for!(T), public_fields }
}

/// Every kind of aggregate that events are of.
pub static AGGREGATES: [Aggregate; 11] = [
    kind::<MemoryV3>(MEMORY, MEMORY_FIELDS),
    kind::<RelationshipV1>(RELATIONSHIP, RELATIONSHIP_FIELDS),
    kind::<WebhookV1>(WEBHOOK, WEBHOOK_FIELDS),
    kind::<SpaceV3>(SPACE, &[]),
    kind::<PrincipalV2>(PRINCIPAL, &[]),
    kind::<KeyV3>(KEY, &[]),
    kind::<InvitationV1>(INVITATION, &[]),
    kind::<ErasureV1>(ERASURE, &[]),
    kind::<EmbeddingV1>(EMBEDDING, &[]),
    kind::<EmbedderV1>(EMBEDDER, &[]),
    kind::<DispatcherV1>(DISPATCHER, &[]),
];

/// The aggregate of this name, if events of it are stored.
pub fn aggregate(name: &str) -> Option<&'static Aggregate> {
    AGGREGATES.iter().find(|aggregate| aggregate.name == name)
}

/// The fields of an event that the world is shown: those of its aggregate, and of what was erased nothing but the time.
pub fn shown_fields(event: &EventType) -> &'static [&'static str] {
    match event.name {
        "memory.erased" => &["erased_at"],
        "relationship.erased" => &["source_id", "target_id", "relationship_type", "deleted_at"],
        _ => public_fields(event.aggregate),
    }
}

/// The JSON Schema of an event's data in the newest version: that of its aggregate, unless little is left of it.
pub fn schema(event: &EventType) -> Option<Schema> {
    match event.name {
        "memory.erased" => Some(schema_for!(MemoryErasedV1)),
        "memory.sealed" => Some(schema_for!(MemorySealedV1)),
        "relationship.erased" => Some(schema_for!(RelationshipErasedV1)),
        "embedding.erased" => Some(schema_for!(EmbeddingErasedV1)),
        _ => aggregate(event.aggregate).map(|aggregate| (aggregate.schema)()),
    }
}

/// See [`Aggregate::public_fields`].
pub fn public_fields(name: &str) -> &'static [&'static str] {
    aggregate(name).map_or(&[], |aggregate| aggregate.public_fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_its_aggregate_and_stands_once() {
        for (index, event) in EVENTS.iter().enumerate() {
            assert!(event.name.starts_with(&format!("{}.", event.aggregate)), "{}", event.name);
            assert!(EVENTS[..index].iter().all(|other| other.name != event.name), "{} stands twice", event.name);
        }
    }

    #[test]
    fn what_is_stored_is_of_an_aggregate_with_a_schema() {
        for event in stored() {
            assert!(aggregate(event.aggregate).is_some(), "{} has no schema", event.name);
        }
    }

    #[test]
    fn whatever_is_public_shows_something() {
        for event in stored().filter(|event| event.summary().is_some()) {
            assert!(!public_fields(event.aggregate).is_empty(), "{} shows nothing", event.name);
        }
        assert!(!is_public("webhook.registered") && !is_public("key.issued") && !is_public("memory.eaten"));
    }
}
