//! Relationships as given/when/then, and that every command said twice changes nothing the second time.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::domain::{decider::kit::given, ids::RelationshipId};

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + second, 0).expect("in range")
}

fn draft(relationship_type: &str, weight: Option<f64>) -> Draft {
    let (source, target) = (MemoryId(Uuid::from_u128(1)), MemoryId(Uuid::from_u128(2)));
    Draft { source, target, relationship_type: relationship_type.into(), weight, properties: Map::new() }
}

fn supports(weight: f64, created: i64, updated: i64) -> Relationship {
    let (ends, body, _) = draft("supports", Some(weight)).validate(None).expect("valid");
    Relationship { ends, body, created_at: at(created), updated_at: at(updated), deleted_at: None }
}

fn create(weight: Option<f64>, second: i64) -> Command {
    Command::Create { draft: draft("supports", weight), at: at(second), created_at: None }
}

fn codes(draft: Draft) -> Vec<&'static str> {
    draft.validate(None).expect_err("must be refused").into_iter().map(|one| one.code).collect()
}

#[test]
fn create_makes_it_once_and_refuses_another_of_the_same_ends() {
    let made = Event::Created(supports(1.0, 1, 1));
    given::<RelationshipDecider>([]).when(create(None, 1)).then([made.clone()]);
    given::<RelationshipDecider>([made.clone()]).when(create(None, 2)).then([]);
    given::<RelationshipDecider>([made]).when(create(Some(0.5), 2)).then_rejected(Rejection::AlreadyExists);
}

#[test]
fn what_was_deleted_is_created_anew() {
    let gone = Event::Deleted(Relationship { deleted_at: Some(at(2)), ..supports(0.3, 1, 2) });
    given::<RelationshipDecider>([gone.clone()]).when(create(None, 3)).then([Event::Created(supports(1.0, 3, 3))]);
    given::<RelationshipDecider>([gone.clone()]).when(Command::Delete { at: at(3) }).then([]);
    let update = Command::Update { patch: Patch::default(), at: at(3) };
    given::<RelationshipDecider>([gone]).when(update).then_rejected(Rejection::Deleted);
}

#[test]
fn update_and_put_name_what_changed_and_repeat_to_nothing() {
    let made = Event::Created(supports(1.0, 1, 1));
    let lighter = Event::Updated(supports(0.5, 1, 2), vec!["weight"]);
    let update = Command::Update { patch: Patch { weight: Some(0.5), properties: None }, at: at(2) };
    let put = Command::Put { draft: draft("supports", Some(0.5)), at: at(2), created_at: None };
    for command in [update, put] {
        given::<RelationshipDecider>([made.clone()]).when(command.clone()).then([lighter.clone()]);
        given::<RelationshipDecider>([made.clone(), lighter.clone()]).when(command).then([]);
    }
    given::<RelationshipDecider>([]).when(Command::Delete { at: at(1) }).then_rejected(Rejection::NotFound);
}

#[test]
fn the_rules_of_the_specification() {
    let looped = |kind: &str| Draft { target: MemoryId(Uuid::from_u128(1)), ..draft(kind, None) };
    assert_eq!(codes(looped("manages")), ["relationship.self_loop", "relationship.type_unknown"]);
    assert_eq!(codes(draft("likes", None)), ["relationship.type_unknown"]);
    assert!(looped("related_to").validate(None).is_ok());
    for kind in RelationshipType::ALL {
        assert!(draft(kind.as_str(), Some(0.0)).validate(None).is_ok());
    }
    for weight in [-0.1, 1.1, f64::NAN] {
        assert_eq!(codes(draft("supports", Some(weight))), ["relationship.weight_out_of_range"]);
    }
    let mut nul = draft("supports", None);
    nul.properties.insert("a".into(), "\0".into());
    assert_eq!(codes(nul), ["relationship.nul_character"]);
}

#[test]
fn an_id_follows_from_ends_and_type() {
    let id = draft("supports", None).id();
    assert_eq!(id, draft("supports", Some(0.2)).id());
    assert_ne!(id, draft("extends", None).id());
    insta::assert_snapshot!(id, @"9e56558e-0397-53de-ab8c-dcab58b7c602");
    let turned = draft("supports", None);
    assert_ne!(id, RelationshipId::of(turned.target, "supports", turned.source));
}
