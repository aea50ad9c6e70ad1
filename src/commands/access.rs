//! Commands on spaces and keys. Called by wiring when a brain starts; idempotent by state.

use super::{
    CommandKey, Commands, Error,
    append::{self, Load},
    fingerprint::Fingerprint,
};
use crate::domain::{
    access::{Key, KeyCommand, KeyDecider, Space, SpaceDecider},
    ids::{CommandId, PrincipalId, SpaceId, StreamSeq, Timestamp},
};

impl Commands {
    /// Records a space; nothing when it exists.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn create_space(&self, id: SpaceId, actor: PrincipalId) -> Result<StreamSeq, Error> {
        let at = self.clock.now();
        let load = load("space", id.to_string(), actor, at);
        let space = Space { id, created_at: at };
        let outcome = append::run::<SpaceDecider, _>(self, &load, || space.clone(), |never| match never {}).await?;
        Ok(outcome.position)
    }

    /// Issues or revokes a key; nothing when already so. A revoke of a key that there is not is `UnknownKey`.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn key(&self, key: &Key, command: KeyCommand) -> Result<StreamSeq, Error> {
        let load = load("key", key.id.to_string(), key.principal, self.clock.now());
        let outcome = append::run::<KeyDecider, _>(self, &load, || command.clone(), |_| Error::UnknownKey).await?;
        Ok(outcome.position)
    }
}

/// Commands on spaces and keys are idempotent by state, so their id only needs to be stable and their own.
fn load(aggregate: &'static str, id: String, actor: PrincipalId, at: Timestamp) -> Load {
    let key = format!("{aggregate} {id} {}", at.timestamp_micros());
    let key = CommandKey { seed: CommandId::keyed(&SpaceId::sys(), actor, &key), fresh: false };
    Load {
        space: SpaceId::sys(),
        actor,
        aggregate,
        id,
        key,
        action: "record",
        fingerprint: Fingerprint::NONE,
        at,
        if_match: None,
        new_id: false,
        replaces: false,
    }
}
