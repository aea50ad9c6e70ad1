//! The channels of live streams, and which events each of them carries. Pure; called by sessions and streams.

use uuid::Uuid;

use crate::{
    domain::ids::MemoryId,
    journal::{
        Recorded,
        public::{self, Types},
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
                    "memory" => event.aggregate_id == id,
                    "relationship" => is_end("source_id") || is_end("target_id"),
                    _ => false,
                }
            }
            Self::Type(types) => types.include(&event.kind),
            Self::Tag(tag) => event.tags_now_or_before().any(|one| one == tag),
            Self::Graph => event.aggregate == "relationship" || event.kind.starts_with("graph."),
            Self::Tasks => ["analysis.", "export.", "task."].iter().any(|stem| event.kind.starts_with(stem)),
            Self::System => event.kind.starts_with("webhook."),
        }
    }
}

/// A channel and what of it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub channel: Channel,
    pub types: Types,
}

impl Wish {
    pub fn wants(&self, recorded: &Recorded) -> bool {
        let event = &recorded.event;
        public::is_public(&event.kind) && self.types.include(&event.kind) && self.channel.carries(recorded)
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
}
