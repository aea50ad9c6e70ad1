//! The eraser: what an erased memory has left is destroyed. Beside the role `projector`, which takes the rows away. And the ledger, before a
//! process serves.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use async_trait::async_trait;
use uuid::Uuid;

use super::core::Core;
use crate::{
    adapters::system::LedgerFile,
    commands::{Actor, CommandKey, Commands, Error, MemoryAction, Request},
    domain::{
        erasure::{Receipt, Remain},
        ids::{CommandId, MemoryId, PrincipalId, RelationshipId, SpaceId, StreamSeq},
        memory::{Rejection, Sealing},
    },
    erasure::{self, Hands, Parts},
    ports::{Clock, KeywordIndex, Positions, erasure::EraseError},
};

/// Why a memory is erased that a log from an older copy has brought back.
const AGAIN: &str = "the ledger of erased memories names it";

/// Erases what the ledger names and the log still holds. Errors: it cannot be done, so that nothing may be served.
pub(super) async fn before_serving(core: &Core, data_dir: &Path) -> anyhow::Result<()> {
    let (hands, positions) = (Erasing::of(core), core.postgres.positions());
    let again = erasure::again(&LedgerFile::of(data_dir), &*core.nats.log(), &hands, &*positions).await;
    let again = again.context("what the ledger of erased memories names cannot be erased again")?;
    if again > 0 {
        tracing::warn!(memories = again, "the log was put back from a copy that is older than erasures: they are erased again");
    }
    Ok(())
}

/// Erases until told to stop; `index` is this process's, if it has one.
pub(super) fn start(
    core: &Core,
    data_dir: &Path,
    (model, index, positions): (&str, Option<Arc<dyn KeywordIndex>>, Arc<dyn Positions>),
) {
    let parts = Parts {
        log: core.nats.log(),
        messages: core.nats.eraser(),
        rows: core.postgres.row_eraser(core.links.is_embedded),
        keyword: index,
        positions,
        data_keys: core.data_keys.clone(),
        ledger: Arc::new(LedgerFile::of(data_dir)),
        hands: Arc::new(Erasing::of(core)),
        clock: core.clock.clone(),
        model: model.to_owned(),
        not_reached: not_reached(core.links.is_embedded),
    };
    core.tasks.spawn(erasure::run(parts, core.stop.clone()));
}

/// What is out of reach of every erasure.
fn not_reached(is_alone: bool) -> Vec<Remain> {
    let remain = |place: &str, why: &str| Remain { place: place.into(), why: why.into() };
    let mut remains = vec![
        remain(
            "backups",
            "copies of the data folder that were made before hold it; the ledger erases it again when one is put back",
        ),
        remain(
            "disk_blocks",
            "blocks of the disk that files have given up are not overwritten; encrypt the disk if that matters",
        ),
    ];
    if !is_alone {
        remains.push(remain("other_processes", "the keyword indexes of other processes write their files anew by and by"));
    }
    remains
}

/// The write path for the eraser, in its own name.
struct Erasing {
    commands: Arc<Commands>,
    clock: Arc<dyn Clock>,
}

impl Erasing {
    fn of(core: &Core) -> Self {
        Self { commands: core.commands.clone(), clock: core.clock.clone() }
    }

    fn actor(&self, space: &SpaceId) -> Actor {
        let principal = PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"second-brain eraser"));
        Actor::within(space.clone(), principal)
    }
}

#[async_trait]
impl Hands for Erasing {
    async fn erase_relationship(&self, space: &SpaceId, id: RelationshipId) -> Result<Option<StreamSeq>, EraseError> {
        let erased = self.commands.erase_relationship(self.actor(space), id).await;
        erased.map_err(|cause| EraseError::new("erasing a relationship", cause))
    }

    async fn erase_memory(&self, space: &SpaceId, id: MemoryId) -> Result<Option<StreamSeq>, EraseError> {
        let actor = self.actor(space);
        let wish = format!("again {id} {}", self.clock.now().timestamp_micros());
        let key = CommandKey { seed: CommandId::keyed(space, actor.principal, &wish), fresh: false };
        let action = MemoryAction::Erase { reason: Some(AGAIN.to_owned()) };
        match self.commands.memory(Request { actor, key, id, if_match: None, action }, Sealing::default()).await {
            Ok(done) => Ok(Some(done.position)),
            Err(Error::Memory(Rejection::NotFound)) => Ok(None),
            Err(cause) => Err(EraseError::new("erasing a memory again", cause)),
        }
    }

    async fn complete(&self, space: &SpaceId, receipt: Receipt) -> Result<StreamSeq, EraseError> {
        let done = self.commands.complete_erasure(self.actor(space), receipt).await;
        done.map_err(|cause| EraseError::new("recording what was destroyed", cause))
    }
}
