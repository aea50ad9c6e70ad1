//! Commands on relationships. Called by the use cases; sees to it that both ends are living memories of the same space.

use super::{
    Commands, Done, Error, Request,
    append::{self, Load, Outcome},
    fingerprint::Fingerprint,
};
use crate::{
    domain::{
        ids::{MemoryId, RelationshipId, SpaceId, Timestamp},
        memory::MemoryDecider,
        relationship::{self, Draft, Patch, Rejection, RelationshipDecider},
    },
    ports::RelationshipRecord,
};

/// What a client wants done to one relationship. The instant is the write path's to add.
#[derive(Clone, Debug, PartialEq)]
pub enum RelationshipAction {
    Create { draft: Draft, created_at: Option<Timestamp> },
    Put { draft: Draft, created_at: Option<Timestamp> },
    Update(Patch),
    Delete,
}

impl RelationshipAction {
    /// The action's name, which is part of a keyed command's id and so on disk.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Put { .. } => "put",
            Self::Update(_) => "update",
            Self::Delete => "delete",
        }
    }
}

impl Commands {
    /// Decides and records one command on one relationship.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn relationship(
        &self,
        request: Request<RelationshipId, RelationshipAction>,
    ) -> Result<Done<RelationshipRecord>, Error> {
        use relationship::Command;
        let at = self.clock.now();
        let (of, as_wished) = (("relationship", request.id.to_string()), (request.key, request.action.name()));
        let load = Load {
            fingerprint: request.key.fingerprint(|| Fingerprint::of_relationship(request.id, &request.action)),
            if_match: request.if_match,
            replaces: matches!(request.action, RelationshipAction::Put { .. }),
            ..Load::new(request.actor, of, as_wished, at)
        };
        if let RelationshipAction::Create { draft, created_at } | RelationshipAction::Put { draft, created_at } = &request.action
        {
            // What is wrong in itself is said first. A repeated wish has its first answer, even if an end is gone since.
            draft.clone().validate(*created_at).map_err(Rejection::Invalid)?;
            if let Some(earlier) = self.repeated(&load).await? {
                return done(request.id, self.outcome_of::<RelationshipDecider>(earlier).await?);
            }
            self.both_live(&load.space, draft).await?;
        }
        let command = match request.action {
            RelationshipAction::Create { draft, created_at } => Command::Create { draft, at, created_at },
            RelationshipAction::Put { draft, created_at } => Command::Put { draft, at, created_at },
            RelationshipAction::Update(patch) => Command::Update { patch, at },
            RelationshipAction::Delete => Command::Delete { at },
        };
        let outcome = append::run::<RelationshipDecider, _>(self, &load, || command.clone(), Error::Relationship).await?;
        self.acknowledged.note(load.actor, outcome.position);
        done(request.id, outcome)
    }

    async fn both_live(&self, space: &SpaceId, draft: &Draft) -> Result<(), Error> {
        let (source, target) = tokio::try_join!(self.lives(space, draft.source), self.lives(space, draft.target))?;
        match [(source, "source_id", draft.source), (target, "target_id", draft.target)].into_iter().find(|(lives, ..)| !lives) {
            Some((_, field, id)) => Err(Rejection::EndMissing { field, id }.into()),
            None => Ok(()),
        }
    }

    async fn lives(&self, space: &SpaceId, id: MemoryId) -> Result<bool, Error> {
        let newest = self.log.last(space, "memory", &id.to_string()).await.map_err(append::unreadable)?;
        let memory = append::state_of::<MemoryDecider>(newest.as_ref())?;
        Ok(memory.is_some_and(|memory| memory.deleted_at.is_none()))
    }
}

fn done(id: RelationshipId, outcome: Outcome<relationship::State>) -> Result<Done<RelationshipRecord>, Error> {
    let Outcome { state, revision, position, changed } = outcome;
    let relationship = state.ok_or(Rejection::NotFound)?;
    Ok(Done { record: RelationshipRecord { id, revision, relationship }, position, changed })
}
