//! Whether a memory passes a filter, judged without the database: as its SQL does, and "perhaps" where that cannot be told here.
//! Pure; called when a change is held against a search that was answered before.

use serde_json::Value;

use crate::{
    domain::memory::{Field, Memory},
    ports::{Bound, Filter, Test},
};

/// Yes, no, or not to be told: `Some(true)`, `Some(false)`, `None`.
type Verdict = Option<bool>;

/// Whether the memory may pass: false only if it surely does not.
pub fn may_pass(filter: &Filter, memory: &Memory) -> bool {
    verdict(filter, memory) != Some(false)
}

/// Whether the filter tests one of these fields, so that its verdict may be another one when they change.
pub fn tests_any(filter: &Filter, fields: &[String]) -> bool {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().any(|part| tests_any(part, fields)),
        Filter::Not(part) => tests_any(part, fields),
        Filter::Is(test) => field_of(test).is_none_or(|tested| fields.iter().any(|field| field == tested.as_str())),
    }
}

/// The field that a test looks at; `None` for the creation, which no list of changed fields names.
fn field_of(test: &Test) -> Option<Field> {
    Some(match test {
        Test::MemoryType(_) => Field::MemoryType,
        Test::TagsAll(_) | Test::TagsAny(_) => Field::Tags,
        Test::Metadata(_) => Field::Metadata,
        Test::OccurredAt(_) => Field::OccurredAt,
        Test::CreatedAt(_) => return None,
        Test::Importance(_) => Field::Importance,
        Test::SourceKind(_) | Test::SourceId(_) => Field::Source,
        Test::UserId(_) => Field::UserId,
        Test::AgentId(_) => Field::AgentId,
        Test::RunId(_) => Field::RunId,
    })
}

fn verdict(filter: &Filter, memory: &Memory) -> Verdict {
    match filter {
        Filter::All(parts) => unless(false, parts, memory),
        Filter::Any(parts) => unless(true, parts, memory),
        Filter::Not(part) => verdict(part, memory).map(|passes| !passes),
        Filter::Is(test) => passes(test, memory),
    }
}

/// The decisive verdict if a part gives it, else its opposite, as far as that is known of all parts.
fn unless(decisive: bool, parts: &[Filter], memory: &Memory) -> Verdict {
    let mut is_known = true;
    for part in parts {
        match verdict(part, memory) {
            Some(given) if given == decisive => return Some(decisive),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!decisive)
}

fn passes(test: &Test, memory: &Memory) -> Verdict {
    let body = &memory.body;
    let among = |values: &[String], value: Option<&str>| value.is_some_and(|value| values.iter().any(|one| one == value));
    Some(match test {
        Test::MemoryType(values) => among(values, Some(body.memory_type.as_str())),
        Test::TagsAll(tags) => tags.iter().all(|tag| body.tags.contains(tag)),
        Test::TagsAny(tags) => tags.iter().any(|tag| body.tags.contains(tag)),
        Test::Metadata(Value::Object(wanted)) if wanted.keys().any(|key| !body.metadata.contains_key(key)) => false,
        // How JSON contains JSON is the database's to say.
        Test::Metadata(_) => return None,
        Test::OccurredAt(bound) => body.occurred_at.is_some_and(|at| holds(bound, at)),
        Test::CreatedAt(bound) => holds(bound, memory.created_at),
        Test::Importance(bound) => holds(bound, body.importance),
        Test::SourceKind(values) => among(values, body.source.kind.as_deref()),
        Test::SourceId(values) => among(values, body.source.id.as_deref()),
        Test::UserId(values) => among(values, body.scope.user_id.as_deref()),
        Test::AgentId(values) => among(values, body.scope.agent_id.as_deref()),
        Test::RunId(values) => among(values, body.scope.run_id.as_deref()),
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
    use crate::domain::memory::Draft;

    #[test]
    fn a_field_without_a_value_passes_no_test_and_every_opposite() {
        let draft = Draft { content: "tea".into(), tags: vec!["a".into(), "b".into()], ..Draft::default() };
        let memory = Memory {
            body: draft.validate().expect("valid"),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            deleted_at: None,
        };
        let is = |test: Test| Filter::Is(test);
        let user = || is(Test::UserId(vec!["ann".into()]));
        assert!(!may_pass(&user(), &memory) && may_pass(&Filter::Not(Box::new(user())), &memory));
        assert!(may_pass(&Filter::none(), &memory) && !may_pass(&Filter::Any(vec![]), &memory));
        assert!(may_pass(&is(Test::TagsAll(vec!["a".into(), "b".into()])), &memory));
        assert!(!may_pass(&Filter::All(vec![is(Test::TagsAny(vec!["c".into()])), Filter::none()]), &memory));
        assert!(!may_pass(&is(Test::Metadata(json!({"k": 1}))), &memory), "there is no such field");
        let early = Bound { lt: Some(DateTime::UNIX_EPOCH), ..Bound::default() };
        assert!(!may_pass(&is(Test::CreatedAt(early)), &memory));
    }
}
