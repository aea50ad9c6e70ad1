//! The channels of live streams, and which events each of them carries. Pure; called by sessions and streams.

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    domain::{ids::MemoryId, memory::MemoryType, webhook::Filter},
    fanout::filter,
    journal::{
        Recorded, catalog,
        public::{Types, UnknownType},
    },
};

/// Longest name of a channel, in characters.
pub const NAME_CHARS_MAX: usize = 255;

/// A channel by what it carries, always of one space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Everything.
    Space,
    /// One memory and its relationships.
    Memory(MemoryId),
    /// Events of a type, or of an aggregate by `memory.*`.
    Type(Types),
    /// Memories that carry a tag, or did before the event.
    Tag(String),
    /// Relationships, and what is built from them.
    Graph,
    /// Progress and end of longer work.
    Tasks,
    /// What concerns the instance's own running.
    System,
}

/// There is no such channel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no channel; there are space, memory:<id>, type:<event type>, tag:<tag>, graph, tasks and system")]
pub struct Unknown(pub String);

impl Channel {
    /// Errors: [`Unknown`] for what is no channel.
    pub fn parse(name: &str) -> Result<Self, Unknown> {
        let unknown = || Unknown(name.chars().take(64).collect());
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(unknown());
        }
        match name.split_once(':') {
            None => match name {
                "space" => Ok(Self::Space),
                "graph" => Ok(Self::Graph),
                "tasks" => Ok(Self::Tasks),
                "system" => Ok(Self::System),
                _ => Err(unknown()),
            },
            Some(("memory", id)) => id.parse().map(Self::Memory).map_err(|_| unknown()),
            Some(("type", kind)) if !kind.is_empty() => Types::parse(kind).map(Self::Type).map_err(|_| unknown()),
            Some(("tag", tag)) if !tag.is_empty() => Ok(Self::Tag(tag.to_owned())),
            _ => Err(unknown()),
        }
    }

    /// Whether a public event belongs here.
    fn carries(&self, recorded: &Recorded) -> bool {
        let event = &recorded.event;
        match self {
            Self::Space => true,
            Self::Memory(id) => {
                let mut text = Uuid::encode_buffer();
                let id: &str = id.0.as_hyphenated().encode_lower(&mut text);
                let is_end = |field: &str| event.data[field].as_str() == Some(id);
                match event.aggregate.as_str() {
                    catalog::MEMORY => event.aggregate_id == id,
                    catalog::RELATIONSHIP => is_end("source_id") || is_end("target_id"),
                    _ => false,
                }
            }
            Self::Type(types) => types.include(&event.kind),
            Self::Tag(tag) => event.tags_now_or_before().any(|one| one == tag),
            Self::Graph => event.aggregate == catalog::RELATIONSHIP || event.kind.starts_with("graph."),
            Self::Tasks => ["analysis.", "export.", "task."].iter().any(|stem| event.kind.starts_with(stem)),
            Self::System => event.kind.starts_with("webhook."),
        }
    }
}

/// A channel and what of it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    channel: Channel,
    types: Types,
    filter: Filter,
}

/// What of a channel a client wants: lists with commas; where it says nothing, everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Narrowing {
    pub types: String,
    /// Memories that have one of these, or had it before the event.
    pub tags: String,
    pub memory_types: String,
    /// Memories that are or were at least this important.
    pub importance_min: Option<f64>,
}

/// Why a client cannot be told what it wants to be told.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Misfit {
    #[error(transparent)]
    Channel(#[from] Unknown),
    #[error(transparent)]
    Type(#[from] UnknownType),
    #[error("{0:?} is no type of memory; there are semantic, episodic and procedural")]
    MemoryType(String),
    #[error("importance_min is {0}; it lies between 0 and 1")]
    Importance(f64),
}

impl Misfit {
    /// The field that does not fit.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Type(_) => "types",
            Self::MemoryType(_) => "memory_types",
            Self::Importance(_) => "importance_min",
        }
    }
}

impl Narrowing {
    pub fn of(&self, channel: &str) -> Result<Wish, Misfit> {
        let names =
            |list: &str| list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let kind = |name: &String| MemoryType::parse(name).ok_or_else(|| Misfit::MemoryType(name.chars().take(64).collect()));
        let filter = Filter {
            tags: names(&self.tags),
            memory_types: names(&self.memory_types).iter().map(kind).collect::<Result<_, _>>()?,
            importance_min: self.importance_min,
        };
        if let Some(strange) = self.importance_min.filter(|value| !(0.0..=1.0).contains(value)) {
            return Err(Misfit::Importance(strange));
        }
        Ok(Wish { channel: Channel::parse(channel)?, types: Types::parse(&self.types)?, filter })
    }
}

impl Wish {
    pub fn wants(&self, recorded: &Recorded) -> bool {
        let event = &recorded.event;
        catalog::is_public(&event.kind)
            && self.types.include(&event.kind)
            && self.channel.carries(recorded)
            && filter::passes(&self.filter, recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_known_by_name() {
        for good in ["space", "graph", "tasks", "system", "tag:tea: four", "type:memory.created", "type:memory.*"] {
            assert!(Channel::parse(good).is_ok(), "{good}");
        }
        let id = "0190f3d2-0000-7000-8000-000000000001";
        assert_eq!(Channel::parse(&format!("memory:{id}")), Ok(Channel::Memory(id.parse().unwrap())));
        for bad in ["", "Space", "memory:x", "memory", "type:", "type:memory.eaten", "tag:", "space:", &"x".repeat(300)] {
            assert!(Channel::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let narrowing = |text: &str| serde_json::from_str::<Narrowing>(text);
        let misfit = |text: &str| narrowing(text).expect("readable").of("space").expect_err("does not fit").field();
        assert_eq!(misfit(r#"{"types": "memory.eaten"}"#), "types");
        assert_eq!(misfit(r#"{"memory_types": "semantic, tasty"}"#), "memory_types");
        assert_eq!(misfit(r#"{"importance_min": 7}"#), "importance_min");
        assert!(narrowing(r#"{"colour": "green"}"#).is_err());
        let wish = narrowing(r#"{"tags": "tea, cake"}"#).expect("readable").of("space").expect("fits");
        assert_eq!(wish.filter.tags, ["tea", "cake"]);
    }
}
