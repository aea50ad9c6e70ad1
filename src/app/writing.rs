//! What all writes share: the write path, and how a command is made repeatable and conditional. Called by the nouns that write.

use std::sync::Arc;

use super::Caller;
use crate::{
    commands::{CommandKey, Commands, IfMatch},
    domain::ids::{CommandId, StreamSeq},
    ports::IdSource,
};

/// How a write is made repeatable and conditional.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteOptions {
    /// The caller's own name for it: sent again under the same name it has one effect, and the first answer.
    pub idempotency_key: Option<String>,
    /// In which states it may happen; in any when absent.
    pub if_match: Option<IfMatch>,
}

/// The write path, and fresh ids for commands that nobody has named.
pub struct Writing {
    pub commands: Arc<Commands>,
    pub ids: Arc<dyn IdSource>,
}

impl Writing {
    /// What makes the command one and the same.
    pub(super) fn command_key(&self, caller: &Caller, idempotency_key: Option<&str>) -> CommandKey {
        match idempotency_key {
            Some(key) => CommandKey { seed: CommandId::keyed(caller.space(), caller.principal(), key), fresh: false },
            None => CommandKey { seed: self.ids.command_id(), fresh: true },
        }
    }

    /// The newest position that this process has acknowledged to the caller; with nothing written, the honest answer.
    pub(super) fn acknowledged(&self, caller: &Caller) -> StreamSeq {
        self.commands.acknowledged(caller.principal())
    }
}
