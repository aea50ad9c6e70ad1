//! Which endpoints an event concerns, and what they are sent. Pure; called by the dispatcher and the deliverer.

use serde_json::{Map, json};

use crate::{
    domain::webhook::{Payload, Webhook},
    fanout::filter,
    journal::{
        Recorded,
        public::{self, PublicEvent},
    },
};

/// Whether the endpoint wants to be told of this event, which is a public one of its space.
pub fn wants(webhook: &Webhook, recorded: &Recorded) -> bool {
    let event = &recorded.event;
    webhook.is_active()
        && webhook.config.events.iter().any(|pattern| public::fits(pattern, &event.kind))
        && filter::passes(&webhook.config.filter, recorded)
}

/// The body of a request for this event; `None` when it may not leave.
pub fn body(recorded: &Recorded, payload: Payload) -> Option<String> {
    let event = public::of(recorded)?;
    let event = match payload {
        Payload::Full => event,
        Payload::Thin => thin(event, recorded),
    };
    Some(serde_json::to_string(&event).expect("a public event has string keys and finite numbers only"))
}

fn thin(event: PublicEvent, recorded: &Recorded) -> PublicEvent {
    let inner = &recorded.event;
    let aggregate = json!({"id": inner.aggregate_id, "revision": inner.revision.0});
    let data = Map::from_iter([(inner.aggregate.clone(), aggregate), ("changed".to_owned(), json!(inner.changed))]);
    PublicEvent { data: data.into(), ..event }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{
            ids::{CommandId, PrincipalId, Revision, SpaceId, StreamSeq},
            memory::{Before, MemoryType},
            webhook::{Draft, Filter, Retry},
        },
        journal::Envelope,
    };

    fn hook(events: &[&str], filter: Filter) -> Webhook {
        let draft = Draft {
            url: "https://example.org/".into(),
            description: String::new(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            filter,
            payload: Payload::Full,
            headers: Default::default(),
            retry: Retry::default(),
            concurrency: None,
            rate_per_s: None,
            ordered: false,
        };
        let at = DateTime::UNIX_EPOCH;
        let config = draft.validate().expect("valid");
        Webhook { config, secrets: vec![], disabled: None, created_at: at, updated_at: at, deleted_at: None }
    }

    fn updated(tags: &[&str], before: Option<&[&str]>) -> Recorded {
        let id = CommandId(Uuid::from_u128(1));
        let owned = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let event = Envelope {
            id: id.event("memory", "m", 0),
            kind: "memory.updated".into(),
            version: 1,
            space: SpaceId::default_space(),
            aggregate: "memory".into(),
            aggregate_id: Uuid::from_u128(2).to_string(),
            revision: Revision(3),
            actor: PrincipalId(Uuid::nil()),
            via: None,
            command_id: id,
            command_hash: 0,
            correlation_id: id.0,
            causation_id: None,
            at: DateTime::UNIX_EPOCH,
            changed: vec!["tags".into()],
            before: Before { tags: before.map(owned), ..Before::default() },
            data: json!({"content": "Tea at four", "tags": tags, "memory_type": "semantic", "importance": 0.5}),
        };
        Recorded { seq: StreamSeq(7), event }
    }

    #[test]
    fn types_are_chosen_by_name_and_wildcard() {
        let event = updated(&["a"], None);
        for (patterns, wanted) in [(["memory.updated"], true), (["memory.*"], true), (["*"], true), (["memory.created"], false)] {
            assert_eq!(wants(&hook(&patterns, Filter::default()), &event), wanted, "{patterns:?}");
        }
        let off = Webhook {
            disabled: Some((crate::domain::webhook::Reason::Gone, DateTime::UNIX_EPOCH)),
            ..hook(&["*"], Filter::default())
        };
        assert!(!wants(&off, &event));
    }

    #[test]
    fn who_watched_a_tag_hears_that_the_memory_left_it() {
        let filter = Filter { tags: vec!["tea".into()], ..Filter::default() };
        let watching = hook(&["*"], filter.clone());
        assert!(wants(&watching, &updated(&["tea"], None)));
        assert!(wants(&watching, &updated(&["cake"], Some(&["tea"]))));
        assert!(!wants(&watching, &updated(&["cake"], Some(&["scone"]))));
        let important = Filter { importance_min: Some(0.6), ..filter };
        assert!(!wants(&hook(&["*"], important), &updated(&["tea"], None)));
        let episodic = Filter { memory_types: vec![MemoryType::Episodic], ..Filter::default() };
        assert!(!wants(&hook(&["*"], episodic), &updated(&["tea"], None)));
    }

    #[test]
    fn a_thin_body_names_the_memory_and_says_nothing_of_it() {
        let thin: Value = serde_json::from_str(&body(&updated(&["tea"], None), Payload::Thin).unwrap()).unwrap();
        insta::assert_json_snapshot!(thin["data"], @r#"
    {
      "changed": [
        "tags"
      ],
      "memory": {
        "id": "00000000-0000-0000-0000-000000000002",
        "revision": 3
      }
    }
    "#);
        let full = body(&updated(&["tea"], None), Payload::Full).unwrap();
        assert!(full.contains("Tea at four") && !thin.to_string().contains("Tea"));
    }
}
