//! Memories as given/when/then, and that every command said twice changes nothing the second time.

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::{
    draft::{CONTENT_CHARS_MAX, Patch, TAGS_MAX, TITLE_CHARS_MAX},
    *,
};
use crate::domain::decider::kit::given;

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + second, 0).expect("in range")
}

fn draft(content: &str) -> Draft {
    Draft { content: content.to_owned(), ..Draft::default() }
}

fn memory(content: &str, created: i64, updated: i64) -> Memory {
    let body = draft(content).validate().expect("a valid draft");
    Memory { body, created_at: at(created), updated_at: at(updated), deleted_at: None, erased_at: None }
}

fn deleted(content: &str, created: i64, deleted: i64) -> Memory {
    Memory { deleted_at: Some(at(deleted)), ..memory(content, created, deleted) }
}

fn code_of(draft: Draft) -> Vec<(&'static str, String)> {
    let broken = draft.validate().expect_err("must be refused");
    broken.into_iter().map(|one| (one.code, one.field)).collect()
}

#[test]
fn create_makes_a_memory_and_refuses_a_taken_id() {
    let create = Command::Create { draft: draft(" tea\0 "), at: at(1), created_at: None, rules: Rules::default() };
    given::<MemoryDecider>([]).when(create.clone()).then([Event::Created(memory("tea", 1, 1))]);
    given::<MemoryDecider>([Event::Created(memory("tea", 1, 1))]).when(create).then_rejected(Rejection::AlreadyExists);
}

#[test]
fn update_names_what_changed_and_keeps_the_old_tags() {
    let patch = Patch { tags: Some(vec!["hot".into(), "hot".into()]), ..Patch::default() };
    let update = Command::Update { patch, at: at(2), rules: Rules::default() };
    let mut after = memory("tea", 1, 2);
    after.body.tags = vec!["hot".into()];
    let before = Before { tags: Some(vec![]), ..Before::default() };
    let updated = Event::Updated { memory: after, changed: vec![Field::Tags], before };
    let created = Event::Created(memory("tea", 1, 1));
    given::<MemoryDecider>([created.clone()]).when(update.clone()).then([updated.clone()]);
    given::<MemoryDecider>([created, updated]).when(update).then([]);
}

#[test]
fn update_of_nothing_or_of_a_tombstone_is_refused() {
    let update = || Command::Update { patch: Patch::default(), at: at(3), rules: Rules::default() };
    given::<MemoryDecider>([]).when(update()).then_rejected(Rejection::NotFound);
    let gone = Event::Deleted(deleted("tea", 1, 2));
    given::<MemoryDecider>([gone]).when(update()).then_rejected(Rejection::Deleted);
}

#[test]
fn delete_keeps_the_body_and_restore_brings_it_back() {
    let created = Event::Created(memory("tea", 1, 1));
    let gone = Event::Deleted(deleted("tea", 1, 2));
    given::<MemoryDecider>([created.clone()]).when(Command::Delete { at: at(2) }).then([gone.clone()]);
    given::<MemoryDecider>([created.clone(), gone.clone()]).when(Command::Delete { at: at(3) }).then([]);
    let back = Event::Restored { memory: memory("tea", 1, 4), changed: vec![], before: Before::default() };
    given::<MemoryDecider>([created, gone]).when(Command::Restore { at: at(4) }).then([back.clone()]);
    given::<MemoryDecider>([back]).when(Command::Restore { at: at(5) }).then([]);
    given::<MemoryDecider>([]).when(Command::Restore { at: at(5) }).then_rejected(Rejection::NotFound);
}

#[test]
fn put_creates_replaces_revives_or_does_nothing() {
    let put =
        |content: &str, second| Command::Put { draft: draft(content), at: at(second), created_at: None, rules: Rules::default() };
    let created = Event::Created(memory("tea", 1, 1));
    given::<MemoryDecider>([]).when(put("tea", 1)).then([created.clone()]);
    given::<MemoryDecider>([created.clone()]).when(put("tea", 2)).then([]);
    let changed = Event::Updated { memory: memory("coffee", 1, 3), changed: vec![Field::Content], before: Before::default() };
    given::<MemoryDecider>([created]).when(put("coffee", 3)).then([changed]);
    let revived = Event::Restored { memory: memory("tea", 1, 5), changed: vec![], before: Before::default() };
    given::<MemoryDecider>([Event::Deleted(deleted("tea", 1, 4))]).when(put("tea", 5)).then([revived]);
}

#[test]
fn every_rule_is_named_with_its_field() {
    assert_eq!(code_of(draft(" \0 ")), [("memory.content_empty", "content".into())]);
    assert_eq!(code_of(draft(&"é".repeat(CONTENT_CHARS_MAX + 1))), [("memory.content_too_long", "content".into())]);
    assert!(draft(&"é".repeat(CONTENT_CHARS_MAX)).validate().is_ok());
    assert_eq!(code_of(draft("a <SCRIPT src=x>\nalert()</Script>")), [("memory.script_tag", "content".into())]);
    assert!(draft("the <script> element is never closed here").validate().is_ok());
    let kind = Draft { memory_type: Some("dream".into()), ..draft("x") };
    assert_eq!(code_of(kind), [("memory.type_unknown", "memory_type".into())]);
    let tags = Draft { tags: (0..=TAGS_MAX).map(|n| n.to_string()).collect(), ..draft("x") };
    assert_eq!(code_of(tags), [("memory.too_many_tags", "tags".into())]);
    let nul = Draft { tags: vec!["a".into(), "b\0".into()], ..draft("x") };
    assert_eq!(code_of(nul), [("memory.nul_character", "tags[1]".into())]);
    let heavy = Draft { importance: Some(f64::NAN), ..draft("") };
    assert_eq!(code_of(heavy).len(), 2);
}

#[test]
fn a_title_is_one_line_or_none() {
    let titled = |title: &str| Draft { title: Some(title.into()), ..draft("x") };
    let cleaned = |title: &str| titled(title).validate().expect("valid").title;
    assert_eq!(cleaned(" Tea\r\n at\u{2028}four\t").as_deref(), Some("Tea at four"));
    assert_eq!(cleaned(" \n "), None);
    assert!(titled(&"é".repeat(TITLE_CHARS_MAX)).validate().is_ok());
    assert_eq!(code_of(titled(&"é".repeat(TITLE_CHARS_MAX + 1))), [("memory.title_too_long", "title".into())]);
    assert_eq!(code_of(titled("a\0")), [("memory.nul_character", "title".into())]);
}

#[test]
fn a_title_is_named_when_it_changes_and_is_part_of_what_is_embedded() {
    let created = Event::Created(memory("tea", 1, 1));
    let patch = Patch { title: Some(Some("Habits".into())), ..Patch::default() };
    let mut after = memory("tea", 1, 2);
    after.body.title = Some("Habits".into());
    assert_eq!((after.body.text_to_embed().as_ref(), memory("tea", 1, 1).body.text_to_embed().as_ref()), ("Habits\ntea", "tea"));
    let updated = Event::Updated { memory: after, changed: vec![Field::Title], before: Before::default() };
    given::<MemoryDecider>([created.clone()])
        .when(Command::Update { patch, at: at(2), rules: Rules::default() })
        .then([updated.clone()]);
    let emptied = Patch { title: Some(None), ..Patch::default() };
    let back = Event::Updated { memory: memory("tea", 1, 3), changed: vec![Field::Title], before: Before::default() };
    given::<MemoryDecider>([created, updated])
        .when(Command::Update { patch: emptied, at: at(3), rules: Rules::default() })
        .then([back]);
}

#[test]
fn script_tags_are_the_instances_to_allow_and_stay_where_they_were_let_in() {
    let (text, at) = ("tea <script>alert()</script>", at(2));
    let create = |script_tags| {
        let rules = Rules { script_tags, ..Rules::default() };
        Command::Create { draft: draft(text), at, created_at: None, rules }
    };
    let refused = Rejection::Invalid(draft(text).validate().expect_err("it has a tag"));
    given::<MemoryDecider>([]).when(create(ScriptTags::Refuse)).then_rejected(refused.clone());
    let body = Body { content: text.into(), ..memory("x", 2, 2).body };
    let allowed = Event::Created(Memory { body, ..memory("x", 2, 2) });
    given::<MemoryDecider>([]).when(create(ScriptTags::Allow)).then([allowed.clone()]);

    let update = |patch| Command::Update { patch, at, rules: Rules::default() };
    let tagged = Patch { tags: Some(vec!["hot".into()]), ..Patch::default() };
    let after = MemoryDecider::decide(update(tagged), &Some(allowed.memory().clone())).expect("the content stays as it is");
    assert_eq!(after[0].memory().body.content, text);
    let again = update(Patch { content: Some(text.into()), ..Patch::default() });
    given::<MemoryDecider>([allowed]).when(again).then_rejected(refused);
}

#[test]
fn metadata_is_bounded_in_depth_bytes_and_characters() {
    let with = |value: Value| Draft { metadata: value.as_object().cloned().expect("an object"), ..draft("x") };
    assert!(with(json!({"a": {"b": {"c": {"d": {"e": 1}}}}})).validate().is_ok());
    assert_eq!(code_of(with(json!({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}})))[0].0, "memory.metadata_too_deep");
    assert_eq!(code_of(with(json!({"a": [[[[[1]]]]]})))[0].0, "memory.metadata_too_deep");
    assert_eq!(code_of(with(json!({"a": "x".repeat(65 * 1024)})))[0].0, "memory.metadata_too_large");
    assert_eq!(code_of(with(json!({"a": {"b": ["\u{0}"]}}))), [("memory.nul_character", "metadata.a".into())]);
}

proptest! {
    /// A body that was accepted once is accepted again, unchanged: cleaning is idempotent.
    #[test]
    fn validation_is_idempotent(content in ".{0,60}", tags in proptest::collection::vec(".{0,8}", 0..6)) {
        if let Ok(body) = (Draft { content, tags, ..Draft::default() }).validate() {
            prop_assert_eq!(Draft::from(body.clone()).validate(), Ok(body));
        }
    }
}

#[test]
fn erase_leaves_nothing_and_nothing_happens_afterwards() {
    let trace = || vec![Trace { position: crate::domain::ids::StreamSeq(4), at: at(1) }];
    let erase = || Command::Erase { at: at(5), reason: Some(" asked ".into()), older: trace() };
    let mut full = memory("tea", 1, 1);
    full.body.title = Some("A title".into());
    full.body.tags = vec!["hot".into()];
    full.body.scope.user_id = Some("ann".into());
    let body = Body::empty(full.body.memory_type, full.body.importance);
    let emptied = Memory { body, created_at: at(1), updated_at: at(5), deleted_at: Some(at(5)), erased_at: Some(at(5)) };
    let erased = Event::Erased { memory: emptied.clone(), reason: Some("asked".into()), older: trace() };
    given::<MemoryDecider>([Event::Created(full)]).when(erase()).then([erased.clone()]);
    let of_tombstone =
        Event::Erased { memory: Memory { deleted_at: Some(at(2)), ..emptied }, reason: Some("asked".into()), older: trace() };
    given::<MemoryDecider>([Event::Deleted(deleted("tea", 1, 2))]).when(erase()).then([of_tombstone]);
    given::<MemoryDecider>([erased.clone()]).when(erase()).then([]);
    given::<MemoryDecider>([]).when(erase()).then_rejected(Rejection::NotFound);
    let rules = Rules::default();
    for command in [
        Command::Create { draft: draft("cake"), at: at(6), created_at: None, rules },
        Command::Put { draft: draft("cake"), at: at(6), created_at: None, rules },
        Command::Update { patch: Patch::default(), at: at(6), rules },
        Command::Delete { at: at(6) },
        Command::Restore { at: at(6) },
    ] {
        given::<MemoryDecider>([erased.clone()]).when(command).then_rejected(Rejection::Erased);
    }
}
