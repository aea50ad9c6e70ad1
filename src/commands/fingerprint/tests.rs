//! The numbers are on disk: one that changes turns a repeated request into "another wish", or has it done twice.

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::commands::Material;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn at() -> Timestamp {
    "2026-11-27T10:20:30.123456789Z".parse().expect("a time")
}

fn memory_actions() -> Vec<MemoryAction> {
    let draft = memory::Draft {
        title: None,
        content: " Tea \"at\" four\n".into(),
        memory_type: Some("episodic".into()),
        metadata: map(json!({"b": [1, -2, 2.5, null, true], "a": {"ü": "x"}})),
        tags: vec!["habit".into(), "ü".into()],
        importance: Some(0.25),
        source: Source { kind: Some("file".into()), uri: None, id: Some("s".into()), position: Some(3) },
        scope: Scope { user_id: Some("ann".into()), agent_id: None, run_id: Some("r".into()) },
        occurred_at: Some(at()),
        sensitive: None,
    };
    let small = memory::Draft { content: "x".into(), ..memory::Draft::default() };
    let patch = memory::draft::Patch {
        content: Some("y".into()),
        source: Some(Source::default()),
        user_id: Some(None),
        agent_id: Some(Some("a".into())),
        occurred_at: Some(Some(at())),
        metadata: Some(map(json!({}))),
        importance: Some(1.0),
        ..memory::draft::Patch::default()
    };
    vec![
        MemoryAction::Create { draft: draft.clone(), created_at: Some(at()) },
        MemoryAction::Create { draft: small, created_at: None },
        MemoryAction::Put { draft, created_at: None },
        MemoryAction::Update(patch),
        MemoryAction::Delete,
        MemoryAction::Restore,
        MemoryAction::Undo,
    ]
}

fn relationship_actions() -> Vec<RelationshipAction> {
    let draft = relationship::Draft {
        source: MemoryId(Uuid::from_u128(7)),
        target: MemoryId(Uuid::from_u128(9)),
        relationship_type: "supports".into(),
        weight: Some(0.5),
        properties: map(json!({"why": "seen"})),
    };
    vec![
        RelationshipAction::Create { draft: draft.clone(), created_at: None },
        RelationshipAction::Put { draft, created_at: Some(at()) },
        RelationshipAction::Update(relationship::Patch { weight: Some(1.0), properties: None }),
        RelationshipAction::Delete,
    ]
}

fn webhook_actions() -> Vec<WebhookAction> {
    let secret = || Material { key: vec![1], asymmetric: None };
    let draft = webhook::Draft {
        url: "https://example.org/hook".into(),
        description: "d".into(),
        events: vec!["memory.*".into()],
        filter: webhook::Filter {
            tags: vec!["habit".into()],
            memory_types: vec![memory::MemoryType::Semantic],
            importance_min: Some(0.5),
        },
        payload: webhook::Payload::Thin,
        headers: [("X-Token".to_owned(), "secret".to_owned())].into(),
        retry: webhook::Retry { max_retries: Some(3), base_delay_s: Some(1.5), timeout_s: None },
        concurrency: Some(2),
        rate_per_s: None,
        ordered: true,
    };
    let patch = webhook::Patch {
        url: Some("https://b.org".into()),
        headers: Some([("H".to_owned(), "v".to_owned())].into()),
        rate_per_s: Some(None),
        payload: Some(webhook::Payload::Full),
        ..webhook::Patch::default()
    };
    vec![
        WebhookAction::Register { draft, secret: secret(), active: true },
        WebhookAction::Update(patch),
        WebhookAction::Enable,
        WebhookAction::Disable(webhook::Reason::Asked),
        WebhookAction::Rotate { secret: secret(), overlap_h: 24 },
        WebhookAction::Revoke,
        WebhookAction::Delete,
    ]
}

fn all() -> Vec<Fingerprint> {
    let (memory, relation, endpoint) =
        (MemoryId(Uuid::from_u128(7)), RelationshipId(Uuid::from_u128(8)), WebhookId(Uuid::from_u128(10)));
    let memories = memory_actions().into_iter().map(|action| Fingerprint::of_memory(memory, &action));
    let relations = relationship_actions().into_iter().map(|action| Fingerprint::of_relationship(relation, &action));
    let endpoints = webhook_actions().into_iter().map(|action| Fingerprint::of_webhook(endpoint, &action));
    memories.chain(relations).chain(endpoints).collect()
}

#[test]
fn the_first_release_s_numbers_are_found_again() {
    // Printed by the first release itself.
    const STORED: [u64; 18] = [
        17714728634159918067,
        10524706388860972395,
        11134359851827332825,
        10028072540843563812,
        2968640565322520344,
        17593241353538478778,
        9355187272312449863,
        17136138085465504828,
        655831612605545970,
        7524471944959057077,
        1090474564740398211,
        5891003412368963480,
        10103237009653762244,
        13889616997164167753,
        5007920863237870666,
        1814075713855438051,
        14420648640779126795,
        8028087511879108508,
    ];
    assert_eq!(all().into_iter().map(|one| one.first_release).collect::<Vec<_>>(), STORED);
}

#[test]
fn the_numbers_that_are_stored_now_never_change() {
    const STORED: [u64; 18] = [
        13401986535272103551,
        15626356836346511289,
        2377044178605137739,
        15437399592610318876,
        1451075345210921413,
        16389121225463532742,
        4509972602693584222,
        7018225117627356806,
        11019433292850621465,
        3485971231496060199,
        18343689990737438487,
        2632324881622467916,
        13593134738356815986,
        3783690159365736352,
        17086043909863829427,
        10958221477895738685,
        1940467996568264534,
        18238586982248741751,
    ];
    assert_eq!(all().into_iter().map(|one| one.current).collect::<Vec<_>>(), STORED);
}

#[test]
fn the_order_of_keys_is_no_part_of_a_wish_and_everything_else_is() {
    let wish = |metadata: &str, tags: &[&str]| {
        let draft = memory::Draft {
            content: "x".into(),
            metadata: serde_json::from_str(metadata).expect("an object"),
            tags: tags.iter().map(ToString::to_string).collect(),
            ..memory::Draft::default()
        };
        Fingerprint::of_memory(MemoryId(Uuid::nil()), &MemoryAction::Create { draft, created_at: None }).current
    };
    assert_eq!(wish(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#, &[]), wish(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#, &[]));
    let different =
        [wish("{}", &[]), wish(r#"{"a": 1}"#, &[]), wish(r#"{"a": "1"}"#, &[]), wish("{}", &["a"]), wish("{}", &["a", "b"])];
    for (at, one) in different.iter().enumerate() {
        assert!(!different[at + 1..].contains(one));
    }
    let (put, create) = (MemoryAction::Delete, MemoryAction::Restore);
    let number = |action| Fingerprint::of_memory(MemoryId(Uuid::nil()), action).current;
    assert_ne!(number(&put), number(&create));
}
