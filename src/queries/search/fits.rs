//! Whether a memory passes a filter, judged without the database: as its SQL does, and "perhaps" where that cannot be told here.
//! Pure; called when a change is held against a search that was answered before.

use serde_json::Value;

use crate::{
    domain::{
        ids::MemoryId,
        memory::{Field, Memory},
    },
    ports::{Bound, Filter, Optional, Test},
};

/// Yes, no, or not to be told: `Some(true)`, `Some(false)`, `None`.
type Verdict = Option<bool>;

/// Whether the memory may pass: false only if it surely does not.
pub fn may_pass(filter: &Filter, id: MemoryId, memory: &Memory) -> bool {
    verdict(filter, id, memory) != Some(false)
}

/// Whether the filter tests one of these fields, so that its verdict may be another one when they change.
pub fn tests_any(filter: &Filter, fields: &[String]) -> bool {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().any(|part| tests_any(part, fields)),
        Filter::Not(part) => tests_any(part, fields),
        Filter::Is(test) => match field_of(test) {
            Tested::Named(tested) => fields.iter().any(|field| field == tested.as_str()),
            Tested::Unnamed => true,
            Tested::Fixed => false,
        },
    }
}

/// What a test looks at.
enum Tested {
    Named(Field),
    /// Something that no list of changed fields names.
    Unnamed,
    /// Something that never changes.
    Fixed,
}

fn field_of(test: &Test) -> Tested {
    Tested::Named(match test {
        Test::Id(_) => return Tested::Fixed,
        Test::CreatedAt(_) | Test::UpdatedAt(_) => return Tested::Unnamed,
        Test::MemoryType(_) => Field::MemoryType,
        Test::TagsAll(_) | Test::TagsAny(_) | Test::Untagged => Field::Tags,
        Test::Metadata(_) | Test::MetadataAt(..) => Field::Metadata,
        Test::OccurredAt(_) | Test::Present(Optional::OccurredAt) => Field::OccurredAt,
        Test::Importance(_) => Field::Importance,
        Test::SourceKind(_) | Test::SourceUri(_) | Test::SourceId(_) => Field::Source,
        Test::Present(Optional::SourceKind | Optional::SourceUri | Optional::SourceId) => Field::Source,
        Test::UserId(_) | Test::Present(Optional::UserId) => Field::UserId,
        Test::AgentId(_) | Test::Present(Optional::AgentId) => Field::AgentId,
        Test::RunId(_) | Test::Present(Optional::RunId) => Field::RunId,
    })
}

fn verdict(filter: &Filter, id: MemoryId, memory: &Memory) -> Verdict {
    match filter {
        Filter::All(parts) => unless(false, parts, id, memory),
        Filter::Any(parts) => unless(true, parts, id, memory),
        Filter::Not(part) => verdict(part, id, memory).map(|passes| !passes),
        Filter::Is(test) => passes(test, id, memory),
    }
}

/// The decisive verdict if a part gives it, else its opposite, as far as that is known of all parts.
fn unless(decisive: bool, parts: &[Filter], id: MemoryId, memory: &Memory) -> Verdict {
    let mut is_known = true;
    for part in parts {
        match verdict(part, id, memory) {
            Some(given) if given == decisive => return Some(decisive),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!decisive)
}

fn passes(test: &Test, id: MemoryId, memory: &Memory) -> Verdict {
    let (body, source, scope) = (&memory.body, &memory.body.source, &memory.body.scope);
    let among = |values: &[String], value: Option<&str>| value.is_some_and(|value| values.iter().any(|one| one == value));
    Some(match test {
        Test::Id(ids) => ids.contains(&id),
        Test::MemoryType(values) => among(values, Some(body.memory_type.as_str())),
        Test::TagsAll(tags) => tags.iter().all(|tag| body.tags.contains(tag)),
        Test::TagsAny(tags) => tags.iter().any(|tag| body.tags.contains(tag)),
        Test::Untagged => body.tags.is_empty(),
        Test::Metadata(Value::Object(wanted)) if wanted.keys().any(|key| !body.metadata.contains_key(key)) => false,
        Test::MetadataAt(path, _) if path.first().is_some_and(|key| !body.metadata.contains_key(key)) => false,
        // How JSON contains JSON is the database's to say.
        Test::Metadata(_) | Test::MetadataAt(..) => return None,
        Test::OccurredAt(bound) => body.occurred_at.is_some_and(|at| holds(bound, at)),
        Test::CreatedAt(bound) => holds(bound, memory.created_at),
        Test::UpdatedAt(bound) => holds(bound, memory.updated_at),
        Test::Importance(bound) => holds(bound, body.importance),
        Test::SourceKind(values) => among(values, source.kind.as_deref()),
        Test::SourceUri(values) => among(values, source.uri.as_deref()),
        Test::SourceId(values) => among(values, source.id.as_deref()),
        Test::UserId(values) => among(values, scope.user_id.as_deref()),
        Test::AgentId(values) => among(values, scope.agent_id.as_deref()),
        Test::RunId(values) => among(values, scope.run_id.as_deref()),
        Test::Present(Optional::OccurredAt) => body.occurred_at.is_some(),
        Test::Present(Optional::SourceKind) => source.kind.is_some(),
        Test::Present(Optional::SourceUri) => source.uri.is_some(),
        Test::Present(Optional::SourceId) => source.id.is_some(),
        Test::Present(Optional::UserId) => scope.user_id.is_some(),
        Test::Present(Optional::AgentId) => scope.agent_id.is_some(),
        Test::Present(Optional::RunId) => scope.run_id.is_some(),
    })
}

fn holds<T: PartialOrd + Copy>(bound: &Bound<T>, value: T) -> bool {
    bound.gt.is_none_or(|end| value > end)
        && bound.gte.is_none_or(|end| value >= end)
        && bound.lt.is_none_or(|end| value < end)
        && bound.lte.is_none_or(|end| value <= end)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::{domain::memory::Draft, ports::ValueTest};

    #[test]
    fn a_field_without_a_value_passes_no_test_and_every_opposite() {
        let draft = Draft { content: "tea".into(), tags: vec!["a".into(), "b".into()], ..Draft::default() };
        let memory = Memory {
            body: draft.validate().expect("valid"),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            deleted_at: None,
            erased_at: None,
        };
        let is = |test: Test| Filter::Is(test);
        let may_pass = |filter: &Filter, memory: &Memory| super::may_pass(filter, MemoryId(uuid::Uuid::nil()), memory);
        let user = || is(Test::UserId(vec!["ann".into()]));
        assert!(!may_pass(&user(), &memory) && may_pass(&Filter::Not(Box::new(user())), &memory));
        assert!(may_pass(&Filter::none(), &memory) && !may_pass(&Filter::Any(vec![]), &memory));
        assert!(may_pass(&is(Test::TagsAll(vec!["a".into(), "b".into()])), &memory));
        assert!(!may_pass(&Filter::All(vec![is(Test::TagsAny(vec!["c".into()])), Filter::none()]), &memory));
        assert!(!may_pass(&is(Test::Metadata(json!({"k": 1}))), &memory), "there is no such field");
        assert!(!may_pass(&is(Test::MetadataAt(vec!["k".into()], ValueTest::Exists)), &memory));
        assert!(may_pass(&Filter::not(is(Test::MetadataAt(vec!["k".into()], ValueTest::Exists))), &memory));
        assert!(may_pass(&is(Test::Id(vec![MemoryId(uuid::Uuid::nil())])), &memory) && !may_pass(&is(Test::Id(vec![])), &memory));
        assert!(!may_pass(&is(Test::Untagged), &memory) && !may_pass(&is(Test::Present(Optional::UserId)), &memory));
        assert!(tests_any(&is(Test::UpdatedAt(Bound::default())), &[]), "every change is one of it");
        assert!(!tests_any(&is(Test::Id(vec![])), &["content".into()]));
        let early = Bound { lt: Some(DateTime::UNIX_EPOCH), ..Bound::default() };
        assert!(!may_pass(&is(Test::CreatedAt(early)), &memory));
    }
}
