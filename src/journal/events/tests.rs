//! The log can be read for ever: schemas do not change once released, and frozen examples still read.
//!
//! `BRAIN_UPDATE_SCHEMAS=1 cargo test` writes a schema or an example that is missing; it never overwrites one.

use std::path::PathBuf;

use chrono::DateTime;
use schemars::Schema;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        access::{
            Curve, Grant, GrantSource, Identity, Invitation, InvitationEvent, Key, KeyEvent, OldSecret, Passkey, Principal,
            PrincipalEvent, PrincipalKind, PublicKey, Role, Scope, Space, SpaceEvent,
        },
        erasure::{Completed, Receipt, Remain, Trace},
        ids::{CommandId, EventId, KeyId, MemoryId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp},
        memory::{Body, Event, Field, Memory, draft::Draft},
        relationship::{self, Relationship},
        webhook::{self, Webhook},
    },
    journal::{catalog, codec, derived, envelope::Envelope, upcast},
};

fn schema_of(event: &catalog::EventType) -> Schema {
    catalog::schema(event).expect("a stored event is of an aggregate")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// What the file must hold; written first where updating is asked for and there is none.
fn released(name: &str, fresh: &[u8]) -> Vec<u8> {
    let path = folder().join(name);
    if !path.exists() && std::env::var_os("BRAIN_UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("can make the folder");
        std::fs::write(&path, fresh).expect("can write the schema");
    }
    std::fs::read(&path).unwrap_or_else(|cause| panic!("{name} is not committed ({cause}); BRAIN_UPDATE_SCHEMAS=1 writes it"))
}

fn derived_example_of(kind: &str) -> Option<Envelope> {
    let at = DateTime::from_timestamp(1_763_856_000, 0).expect("in range");
    let model = "minilm-l6-v2".to_owned();
    match kind {
        "embedding.computed" => {
            let (recipe, content_hash) = ("content".to_owned(), "ab".repeat(32));
            let vector = HalfVector::from_f32(&[0.5, -0.25]);
            let data = EmbeddingV1 { model, recipe, content_hash, memory_position: 7, vector };
            let id = MemoryId(Uuid::from_u128(4));
            Some(derived::embedding_event(&SpaceId::default_space(), id, &data, Revision(1), at))
        }
        "embedder.advanced" => Some(derived::embedder_event(&EmbedderV1 { model, position: 7 }, at)),
        "embedding.erased" => {
            let (space, id) = (SpaceId::default_space(), MemoryId(Uuid::from_u128(4)));
            let data = EmbeddingErasedV1 { model, memory_position: 9 };
            Some(derived::embedding_erased_event(&space, id, &data, Revision(2), at))
        }
        "dispatcher.settled" => Some(derived::dispatcher_event(&DispatcherV1 { position: 7 }, at)),
        _ => None,
    }
}

fn example_of(kind: &str) -> Envelope {
    derived_example_of(kind).unwrap_or_else(|| event_example_of(kind))
}

fn webhook_example(at: Timestamp) -> Webhook {
    let draft = webhook::Draft {
        url: "https://example.org/hook".into(),
        description: "an example".into(),
        events: vec!["memory.*".into()],
        filter: webhook::Filter { tags: vec!["habit".into()], memory_types: vec![], importance_min: Some(0.5) },
        payload: webhook::Payload::Thin,
        headers: [("X-Token".to_owned(), "1.c2VhbGVk".to_owned())].into(),
        retry: webhook::Retry { max_retries: Some(3), ..Default::default() },
        concurrency: None,
        rate_per_s: Some(5),
        ordered: true,
    };
    let asymmetric = Some(webhook::Asymmetric { sealed: "1.c2VlZA".into(), public: "whpk_a2V5".into() });
    let secret = webhook::Secret { sealed: "1.c2VjcmV0".into(), asymmetric, created_at: at, expires_at: None };
    let config = draft.validate().expect("valid");
    Webhook { config, secrets: vec![secret], disabled: None, created_at: at, updated_at: at, deleted_at: None }
}

fn receipt_example(at: Timestamp) -> Receipt {
    let wal = Remain { place: "postgres_wal".into(), why: "segments are used again and not cleared".into() };
    Receipt {
        memory: MemoryId(Uuid::from_u128(4)),
        erased_position: StreamSeq(9),
        begun_at: at,
        completed_at: at,
        relationships: 1,
        events: 3,
        vectors: 2,
        attempts: 0,
        deliveries: 0,
        tables: 9,
        not_reached: vec![wal],
    }
}

fn trace_example(at: Timestamp) -> Trace {
    Trace { position: StreamSeq(7), at }
}

/// As the write path leaves it.
fn sealed_example(mut stored: Stored, at: Timestamp) -> Stored {
    let contents = [("title", Value::Null), ("content", "".into()), ("sealed", "1.c2VhbGVk".into())];
    let older = [("older", json!([trace_example(at)]))];
    stored.data.as_object_mut().expect("an object").extend(contents.into_iter().chain(older).map(|(k, v)| (k.to_owned(), v)));
    stored
}

fn erased_memory_example(memory: Memory, at: Timestamp) -> Event {
    let memory = Memory { erased_at: Some(at), deleted_at: Some(at), ..memory };
    Event::Erased { memory, reason: Some("asked".into()), older: vec![trace_example(at)] }
}

fn passkey_example(added_at: Timestamp) -> Passkey {
    let public_key = PublicKey::Ec { crv: Curve::P256, x: "eA".into(), y: "eQ".into() };
    Passkey { id: "aWQ".into(), label: "phone".into(), public_key, counter: 3, is_synced: false, added_at }
}

fn access_example(kind: &str, at: Timestamp) -> Stored {
    let (id, principal) = (KeyId(Uuid::from_u128(2)), PrincipalId(Uuid::from_u128(3)));
    let grant = |role, source| Grant { principal, role, source, granted_at: at };
    let grants = vec![grant(Role::Owner, GrantSource::Manual), grant(Role::Reader, GrantSource::Provider("home".into()))];
    let space = Space { id: SpaceId::default_space(), name: "Home".into(), created_at: at, grants, is_sensitive: false };
    let key = Key {
        id,
        space: SpaceId::default_space(),
        principal,
        label: "owner".into(),
        secret_sha256: "ab".repeat(32),
        prefix: "sbk_abcd".into(),
        scopes: Scope::ALL.to_vec(),
        issued_at: at,
        expires_at: None,
        revoked_at: None,
        rotated_at: None,
        old_secret: None,
    };
    let ann = Principal {
        id: principal,
        kind: PrincipalKind::Person,
        name: "Ann".into(),
        email: Some("ann@example.org".into()),
        email_verified: true,
        identities: vec![Identity { issuer: "https://id.example/".into(), subject: "ann".into() }],
        passkeys: vec![passkey_example(at)],
        created_at: at,
        disabled_at: None,
    };
    let invitation = Invitation {
        id: id.0,
        space: SpaceId::default_space(),
        role: Role::Editor,
        secret_sha256: "cd".repeat(32),
        created_by: principal,
        created_at: at,
        expires_at: at,
        accepted: None,
        revoked_at: None,
    };
    let old_secret = Some(OldSecret { sha256: "ab".repeat(32), expires_at: at });
    match kind {
        "space.created" => SpaceEvent::Created(space).store(),
        "space.renamed" => SpaceEvent::Renamed(space).store(),
        "space.sensitivity_changed" => SpaceEvent::SensitivityChanged(space).store(),
        "space.member_granted" => SpaceEvent::MemberGranted(space).store(),
        "space.member_removed" => SpaceEvent::MemberRemoved(space).store(),
        "principal.created" => PrincipalEvent::Created(ann).store(),
        "principal.updated" => PrincipalEvent::Updated(ann).store(),
        "principal.passkey_added" => PrincipalEvent::PasskeyAdded(ann).store(),
        "principal.passkey_removed" => PrincipalEvent::PasskeyRemoved(Principal { passkeys: vec![], ..ann }).store(),
        "principal.disabled" => PrincipalEvent::Disabled(Principal { disabled_at: Some(at), ..ann }).store(),
        "principal.enabled" => PrincipalEvent::Enabled(ann).store(),
        "principal.token_reused" => PrincipalEvent::TokenReused(ann).store(),
        "key.issued" => KeyEvent::Issued(key).store(),
        "key.rotated" => KeyEvent::Rotated(Key { old_secret, rotated_at: Some(at), ..key }).store(),
        "key.revoked" => KeyEvent::Revoked(Key { revoked_at: Some(at), ..key }).store(),
        "invitation.created" => InvitationEvent::Created(invitation).store(),
        "invitation.accepted" => InvitationEvent::Accepted(Invitation { accepted: Some((principal, at)), ..invitation }).store(),
        "invitation.revoked" => InvitationEvent::Revoked(Invitation { revoked_at: Some(at), ..invitation }).store(),
        _ => panic!("no example for {kind}"),
    }
}

fn event_example_of(kind: &str) -> Envelope {
    let at = DateTime::from_timestamp(1_763_856_000, 0).expect("in range");
    let draft =
        Draft { title: Some("Habits".into()), content: "Tea at four".into(), tags: vec!["habit".into()], ..Draft::default() };
    let memory =
        Memory { body: draft.validate().expect("valid"), created_at: at, updated_at: at, deleted_at: None, erased_at: None };
    let (ends, body, _) = relationship::Draft {
        source: MemoryId(Uuid::from_u128(4)),
        target: MemoryId(Uuid::from_u128(5)),
        relationship_type: "supports".into(),
        weight: Some(0.5),
        properties: serde_json::Map::from_iter([("why".to_owned(), "seen".into())]),
    }
    .validate(None)
    .expect("valid");
    let relation = Relationship { ends, body, created_at: at, updated_at: at, deleted_at: None };
    let (changed, before) = (vec![Field::Tags], Before { tags: Some(vec![]), ..Before::default() });
    let hook = webhook_example(at);
    let stored = match kind {
        "memory.created" => Event::Created(memory).store(),
        "memory.updated" => Event::Updated { memory, changed, before }.store(),
        "memory.deleted" => Event::Deleted(Memory { deleted_at: Some(at), ..memory }).store(),
        "memory.restored" => Event::Restored { memory, changed, before }.store(),
        "memory.sealed" => {
            let memory = Memory { body: Body { sensitive: true, ..memory.body }, ..memory };
            sealed_example(Event::Sealed { memory, changed: vec![Field::Sensitive], before: Before::default() }.store(), at)
        }
        "memory.erased" => erased_memory_example(memory, at).store(),
        "relationship.created" => relationship::Event::Created(relation).store(),
        "relationship.updated" => relationship::Event::Updated(relation, vec!["weight"]).store(),
        "relationship.deleted" => relationship::Event::Deleted(Relationship { deleted_at: Some(at), ..relation }).store(),
        "relationship.erased" => {
            relationship::Event::Erased(Relationship { deleted_at: Some(at), ..relation }, vec![trace_example(at)]).store()
        }
        "erasure.completed" => Completed(receipt_example(at)).store(),
        "webhook.registered" => webhook::Event::Registered(hook).store(),
        "webhook.updated" => webhook::Event::Updated(hook, vec!["events"]).store(),
        "webhook.enabled" => webhook::Event::Enabled(hook).store(),
        "webhook.disabled" => webhook::Event::Disabled(Webhook { disabled: Some((webhook::Reason::Gone, at)), ..hook }).store(),
        "webhook.secret_rotated" => webhook::Event::SecretRotated(hook).store(),
        "webhook.secret_revoked" => webhook::Event::SecretRevoked(hook).store(),
        "webhook.deleted" => webhook::Event::Deleted(Webhook { secrets: vec![], deleted_at: Some(at), ..hook }).store(),
        _ => access_example(kind, at),
    };
    let command_id = CommandId(Uuid::from_u128(1));
    Envelope {
        id: EventId(Uuid::new_v5(&command_id.0, b"event 0")),
        kind: stored.kind.into(),
        version: stored.version,
        space: SpaceId::default_space(),
        aggregate: kind.split('.').next().expect("has a first part").into(),
        aggregate_id: Uuid::from_u128(4).to_string(),
        revision: Revision(1),
        actor: PrincipalId(Uuid::from_u128(3)),
        via: None,
        command_id,
        command_hash: 42,
        correlation_id: command_id.0,
        causation_id: None,
        at,
        changed: stored.changed,
        before: stored.before,
        data: stored.data,
    }
}

#[test]
fn every_known_event_has_a_released_schema_that_did_not_change() {
    for event @ catalog::EventType { name: kind, version, .. } in catalog::stored() {
        let fresh = serde_json::to_string_pretty(&schema_of(event)).expect("a schema is JSON") + "\n";
        let known: Value = serde_json::from_slice(&released(&format!("{kind}.v{version}.json"), fresh.as_bytes())).expect("JSON");
        let fresh: Value = serde_json::from_str(&fresh).expect("JSON");
        assert_eq!(known, fresh, "{kind}.v{version} is released: add a version instead of changing it");
    }
}

#[test]
fn every_schema_file_belongs_to_an_event() {
    for entry in std::fs::read_dir(folder()).expect("schemas/ exists") {
        let name = entry.expect("readable").file_name().into_string().expect("utf-8");
        let Some(stem) = name.strip_suffix(".json").filter(|stem| *stem != "asyncapi") else { continue };
        let (kind, version) = stem.rsplit_once(".v").expect("<event>.v<n>.json");
        let version: u16 = version.parse().expect("a number");
        assert!(upcast::newest(kind).is_some_and(|newest| version <= newest), "{name} names no event");
    }
}

#[test]
fn frozen_examples_still_read_and_match_their_schemas() {
    for listed @ catalog::EventType { name: kind, version, .. } in catalog::stored() {
        let fresh = codec::encode(&example_of(kind)).expect("encodes");
        let frozen = released(&format!("examples/{kind}.v{version}.msgpack"), &fresh);
        let event = codec::decode(&frozen).expect("a frozen example reads for ever");
        // How ids follow from commands may change, and who the instance's own hands are; what they stand beside may not.
        let Envelope { id, actor, command_id, correlation_id, .. } = event.clone();
        assert_eq!(event, Envelope { id, actor, command_id, correlation_id, ..example_of(kind) });
        let schema = serde_json::to_value(schema_of(listed)).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        assert!(validator.is_valid(&event.data), "{kind}: {}", event.data);
    }
}

/// The version with which a type came into the world: that of its aggregate's shape at that time.
fn first_version(kind: &str) -> u16 {
    match kind {
        "space.renamed" | "space.member_granted" | "space.member_removed" => 2,
        "principal.passkey_added" | "principal.passkey_removed" | "principal.token_reused" => 2,
        "space.sensitivity_changed" => 3,
        "key.rotated" => 3,
        _ => 1,
    }
}

#[test]
fn frozen_examples_of_older_versions_are_read_as_the_newest() {
    for listed @ catalog::EventType { name: kind, version: newest, .. } in catalog::stored() {
        for version in first_version(kind)..*newest {
            let event = codec::decode(&released(&format!("examples/{kind}.v{version}.msgpack"), b"")).expect("it reads for ever");
            let schema = serde_json::to_value(schema_of(listed)).expect("JSON");
            let validator = jsonschema::validator_for(&schema).expect("a valid schema");
            assert!(event.version == *newest && validator.is_valid(&event.data), "{kind}.v{version}: {}", event.data);
        }
    }
}

#[test]
fn a_memory_of_the_first_version_has_no_title() {
    let old = codec::decode(&released("examples/memory.created.v1.msgpack", b"")).expect("it reads for ever");
    let Event::Created(memory) = Event::load(&old.kind, &old.data).expect("loads") else { panic!("a creation") };
    assert_eq!((memory.body.title, memory.body.content.as_str()), (None, "Tea at four"));
}

#[test]
fn a_key_of_an_older_version_keeps_what_it_could_do() {
    let old = codec::decode(&released("examples/key.issued.v2.msgpack", b"")).expect("it reads for ever");
    let KeyEvent::Issued(key) = KeyEvent::load(&old.kind, &old.data).expect("loads") else { panic!("an issue") };
    assert!(Scope::ALL.iter().all(|scope| key.scopes.contains(scope)), "{key:?}");
    assert_eq!((key.prefix.as_str(), key.old_secret, key.rotated_at), ("", None, None));
    let old = codec::decode(&released("examples/space.created.v1.msgpack", b"")).expect("it reads for ever");
    let SpaceEvent::Created(space) = SpaceEvent::load(&old.kind, &old.data).expect("loads") else { panic!("a creation") };
    assert_eq!((space.name.as_str(), space.grants), ("default", vec![]));
    let old = codec::decode(&released("examples/principal.created.v1.msgpack", b"")).expect("it reads for ever");
    let PrincipalEvent::Created(ann) = PrincipalEvent::load(&old.kind, &old.data).expect("loads") else { panic!("a creation") };
    assert_eq!((ann.email.as_deref(), ann.email_verified, ann.passkeys), (Some("ann@example.org"), false, vec![]));
}

#[test]
fn what_is_stored_is_read_back() {
    let Envelope { kind, data, .. } = example_of("memory.deleted");
    assert_eq!(Event::load(&kind, &data).expect("loads").store().data, data);
    assert!(Event::load("memory.created", &json!({"content": 1})).is_err());
    assert!(KeyEvent::load("memory.created", &data).is_err());
}
