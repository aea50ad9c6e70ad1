//! The numbers of wishes as the first release stored them: of the `Debug` text of its types, as they were then. Keys of that time are
//! still answered by these, so the shapes below stay as they are whatever becomes of the domain's; a test pins the numbers.

use std::{collections::BTreeMap, fmt::Debug};

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    commands::{MemoryAction, RelationshipAction, WebhookAction},
    domain::{
        ids::{MemoryId, RelationshipId, Timestamp, WebhookId},
        memory, relationship, webhook,
    },
};

fn number(wish: &impl Debug) -> u64 {
    xxh3_64(format!("{wish:?}").as_bytes())
}

pub fn of_memory(id: MemoryId, action: &MemoryAction) -> u64 {
    number(&(
        id,
        match action {
            MemoryAction::Create { draft, created_at } => Action::Create { draft: draft.into(), created_at: *created_at },
            MemoryAction::Update(patch) => Action::Update(patch.into()),
            MemoryAction::Put { draft, created_at } => Action::Put { draft: draft.into(), created_at: *created_at },
            MemoryAction::Delete => Action::Delete,
            MemoryAction::Restore => Action::Restore,
            // The first release erased nothing: no key of its time stands for that.
            MemoryAction::Undo | MemoryAction::Erase { .. } => Action::Undo,
        },
    ))
}

pub fn of_relationship(id: RelationshipId, action: &RelationshipAction) -> u64 {
    use RelationshipAction as A;
    let relation = |draft: &relationship::Draft| relation::Draft {
        source: draft.source,
        target: draft.target,
        relationship_type: draft.relationship_type.clone(),
        weight: draft.weight,
        properties: draft.properties.clone(),
    };
    number(&(
        id,
        match action {
            A::Create { draft, created_at } => relation::Action::Create { draft: relation(draft), created_at: *created_at },
            A::Put { draft, created_at } => relation::Action::Put { draft: relation(draft), created_at: *created_at },
            A::Update(relationship::Patch { weight, properties }) => {
                relation::Action::Update(relation::Patch { weight: *weight, properties: properties.clone() })
            }
            A::Delete => relation::Action::Delete,
        },
    ))
}

pub fn of_webhook(id: WebhookId, action: &WebhookAction) -> u64 {
    use WebhookAction as A;
    let names = |headers: &BTreeMap<String, String>| headers.keys().cloned().collect::<Vec<_>>();
    number(&(
        id,
        match action {
            A::Register { draft, .. } => format!("register {:?} {:?}", endpoint::Draft::from(draft), names(&draft.headers)),
            A::Update(patch) => format!("update {:?} {:?}", endpoint::Patch::from(patch), patch.headers.as_ref().map(names)),
            A::Enable => "enable".to_owned(),
            A::Disable(reason) => format!("disable {}", endpoint::reason(*reason)),
            A::Rotate { overlap_h, .. } => format!("rotate {overlap_h}"),
            A::Revoke => "revoke".to_owned(),
            A::Delete => "delete".to_owned(),
        },
    ))
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
enum Action {
    Create { draft: Draft, created_at: Option<Timestamp> },
    Update(Patch),
    Put { draft: Draft, created_at: Option<Timestamp> },
    Delete,
    Restore,
    Undo,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
struct Source {
    kind: Option<String>,
    uri: Option<String>,
    id: Option<String>,
    position: Option<u64>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
struct Scope {
    user_id: Option<String>,
    agent_id: Option<String>,
    run_id: Option<String>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
struct Draft {
    content: String,
    memory_type: Option<String>,
    metadata: Map<String, Value>,
    tags: Vec<String>,
    importance: Option<f64>,
    source: Source,
    scope: Scope,
    occurred_at: Option<Timestamp>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
struct Patch {
    content: Option<String>,
    memory_type: Option<String>,
    metadata: Option<Map<String, Value>>,
    tags: Option<Vec<String>>,
    importance: Option<f64>,
    source: Option<Source>,
    user_id: Option<Option<String>>,
    agent_id: Option<Option<String>>,
    run_id: Option<Option<String>>,
    occurred_at: Option<Option<Timestamp>>,
}

impl From<&memory::Source> for Source {
    fn from(source: &memory::Source) -> Self {
        let memory::Source { kind, uri, id, position } = source.clone();
        Self { kind, uri, id, position }
    }
}

impl From<&memory::Draft> for Draft {
    fn from(draft: &memory::Draft) -> Self {
        // The first release knew no title.
        let memory::Draft {
            title: _,
            content,
            memory_type,
            metadata,
            tags,
            importance,
            source,
            scope,
            occurred_at,
            sensitive: _,
        } = draft.clone();
        let memory::Scope { user_id, agent_id, run_id } = scope;
        let (source, scope) = (Source::from(&source), Scope { user_id, agent_id, run_id });
        Self { content, memory_type, metadata, tags, importance, source, scope, occurred_at }
    }
}

impl From<&memory::draft::Patch> for Patch {
    fn from(patch: &memory::draft::Patch) -> Self {
        let patch = patch.clone();
        Self {
            content: patch.content,
            memory_type: patch.memory_type,
            metadata: patch.metadata,
            tags: patch.tags,
            importance: patch.importance,
            source: patch.source.as_ref().map(Source::from),
            user_id: patch.user_id,
            agent_id: patch.agent_id,
            run_id: patch.run_id,
            occurred_at: patch.occurred_at,
        }
    }
}

mod relation {
    use super::{Map, MemoryId, Timestamp, Value};

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    pub enum Action {
        Create { draft: Draft, created_at: Option<Timestamp> },
        Put { draft: Draft, created_at: Option<Timestamp> },
        Update(Patch),
        Delete,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    pub struct Draft {
        pub source: MemoryId,
        pub target: MemoryId,
        pub relationship_type: String,
        pub weight: Option<f64>,
        pub properties: Map<String, Value>,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    pub struct Patch {
        pub weight: Option<f64>,
        pub properties: Option<Map<String, Value>>,
    }
}

mod endpoint {
    use super::{BTreeMap, webhook};

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    struct Filter {
        tags: Vec<String>,
        memory_types: Vec<MemoryType>,
        importance_min: Option<f64>,
    }

    #[derive(Debug)]
    enum MemoryType {
        Semantic,
        Episodic,
        Procedural,
    }

    #[derive(Debug)]
    enum Payload {
        Full,
        Thin,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    struct Retry {
        max_retries: Option<u32>,
        base_delay_s: Option<f64>,
        timeout_s: Option<f64>,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    pub struct Draft {
        url: String,
        description: String,
        events: Vec<String>,
        filter: Filter,
        payload: Payload,
        headers: BTreeMap<String, String>,
        retry: Retry,
        concurrency: Option<u32>,
        rate_per_s: Option<u32>,
        ordered: bool,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug alone")]
    pub struct Patch {
        url: Option<String>,
        description: Option<String>,
        events: Option<Vec<String>>,
        filter: Option<Filter>,
        payload: Option<Payload>,
        headers: Option<BTreeMap<String, String>>,
        retry: Option<Retry>,
        concurrency: Option<u32>,
        rate_per_s: Option<Option<u32>>,
        ordered: Option<bool>,
    }

    impl From<&webhook::Filter> for Filter {
        fn from(filter: &webhook::Filter) -> Self {
            use crate::domain::memory::MemoryType as Kind;
            let kind = |kind: &Kind| match kind {
                Kind::Semantic => MemoryType::Semantic,
                Kind::Episodic => MemoryType::Episodic,
                Kind::Procedural => MemoryType::Procedural,
            };
            let memory_types = filter.memory_types.iter().map(kind).collect();
            Self { tags: filter.tags.clone(), memory_types, importance_min: filter.importance_min }
        }
    }

    fn payload(payload: webhook::Payload) -> Payload {
        match payload {
            webhook::Payload::Full => Payload::Full,
            webhook::Payload::Thin => Payload::Thin,
        }
    }

    fn retry(retry: &webhook::Retry) -> Retry {
        Retry { max_retries: retry.max_retries, base_delay_s: retry.base_delay_s, timeout_s: retry.timeout_s }
    }

    pub fn reason(reason: webhook::Reason) -> &'static str {
        match reason {
            webhook::Reason::Asked => "Asked",
            webhook::Reason::Gone => "Gone",
            webhook::Reason::Failing => "Failing",
        }
    }

    impl From<&webhook::Draft> for Draft {
        fn from(draft: &webhook::Draft) -> Self {
            Self {
                url: draft.url.clone(),
                description: draft.description.clone(),
                events: draft.events.clone(),
                filter: (&draft.filter).into(),
                payload: payload(draft.payload),
                headers: BTreeMap::new(),
                retry: retry(&draft.retry),
                concurrency: draft.concurrency,
                rate_per_s: draft.rate_per_s,
                ordered: draft.ordered,
            }
        }
    }

    impl From<&webhook::Patch> for Patch {
        fn from(patch: &webhook::Patch) -> Self {
            Self {
                url: patch.url.clone(),
                description: patch.description.clone(),
                events: patch.events.clone(),
                filter: patch.filter.as_ref().map(Filter::from),
                payload: patch.payload.map(payload),
                headers: None,
                retry: patch.retry.as_ref().map(retry),
                concurrency: patch.concurrency,
                rate_per_s: patch.rate_per_s,
                ordered: patch.ordered,
            }
        }
    }
}
