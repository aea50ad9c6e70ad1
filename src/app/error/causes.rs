//! From what went wrong inside to what the caller is told. Used through `?`; each cause is logged here, once.

use serde_json::Value;

use super::{Error, Kind};
use crate::{
    causes::chain,
    commands::{self, IfMatch},
    domain::{access, memory::Rejection, relationship, webhook},
    ports::{QueryError, data_keys::SealError, log::ReadError, replay, webhooks::VaultError},
    queries::{freshness, graph::path, search, status},
};

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            // Reading a tombstone says "gone"; changing one is a conflict that a restore solves.
            Rejection::Deleted | Rejection::Erased => Self::of_kind(rejection.code(), Kind::Conflict, detail),
            other => {
                let refused = Self::new(other.code(), detail);
                Self { violations: other.violations().to_vec(), ..refused }
            }
        }
    }
}

impl From<relationship::Rejection> for Error {
    fn from(rejection: relationship::Rejection) -> Self {
        use relationship::Rejection as R;
        let (code, detail) = (rejection.code(), rejection.to_string());
        match rejection {
            R::Deleted => Self::of_kind(code, Kind::Conflict, detail),
            R::EndMissing { field, id } => Self::new(code, detail).at(field, None, Some(id.to_string().into())),
            R::Invalid(broken) => Self { violations: broken, ..Self::new(code, detail) },
            R::AlreadyExists | R::NotFound => Self::new(code, detail),
        }
    }
}

impl From<webhook::Rejection> for Error {
    fn from(rejection: webhook::Rejection) -> Self {
        use webhook::Rejection as R;
        let (code, detail) = (rejection.code(), rejection.to_string());
        match rejection {
            R::Deleted => Self::of_kind(code, Kind::Conflict, detail),
            R::Invalid(broken) => Self { violations: broken, ..Self::new(code, detail) },
            R::AlreadyExists | R::NotFound | R::TooManySecrets => Self::new(code, detail),
        }
    }
}

impl From<access::Rejection> for Error {
    fn from(rejection: access::Rejection) -> Self {
        let refused = Self::new(rejection.code(), rejection.to_string());
        match rejection {
            access::Rejection::InvalidName { field, chars } => {
                refused.at(field, Some(access::NAME_CHARS_MAX.into()), Some(chars.into()))
            }
            access::Rejection::TooManyMembers => refused.at("principal", Some(access::MEMBERS_MAX.into()), None),
            _ => refused,
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        let code = match error {
            VaultError::NoKey => "secrets.no_master_key",
            VaultError::Unsealable | VaultError::NoSuchVersion(_) => "secrets.unsealable",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        let code = match error {
            SealError::Vault(cause) => return cause.into(),
            SealError::Away(_) => "secrets.unavailable",
            SealError::NoDataKey => "secrets.no_data_key",
            SealError::Damaged => "secrets.unsealable",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<commands::Error> for Error {
    fn from(error: commands::Error) -> Self {
        use commands::Error as E;
        let detail = error.to_string();
        match error {
            E::Memory(rejection) => rejection.into(),
            E::Relationship(rejection) => rejection.into(),
            E::Webhook(rejection) => rejection.into(),
            E::Vault(cause) => cause.into(),
            E::Sealing(cause) => cause.into(),
            E::Access(rejection) => rejection.into(),
            E::PreconditionFailed { aggregate, expected, actual } => Self::new(
                &format!("{aggregate}.revision_mismatch"),
                match actual.0 {
                    0 => format!("If-Match asks for revision {expected}, there is no such {aggregate}"),
                    _ => format!("If-Match asks for revision {expected}, the {aggregate} has revision {actual}"),
                },
            )
            .at("If-Match", Some(actual.0.into()), asked_for(&expected)),
            E::KeyReused => Self::new("request.key_reused", "this Idempotency-Key was used for another wish").at(
                "Idempotency-Key",
                None,
                None,
            ),
            E::Contention { aggregate } => Self::new(&format!("{aggregate}.contention"), detail),
            E::HistoryUnavailable { .. } => Self::new("command.history_unavailable", detail).logged(&error),
            E::Unavailable { .. } => Self::new("log.unavailable", detail).logged(&error),
            E::Refused { .. } => Self::new("log.refused", detail).logged(&error),
            // The watch over the disk logs it, once.
            E::StorageFull(_) => Self::new("storage.full", detail),
            E::Poison { .. } => Self::new("log.poison", detail).logged(&error),
        }
    }
}

/// What `If-Match` asked for: a number where it was one.
fn asked_for(expected: &IfMatch) -> Option<Value> {
    match expected {
        IfMatch::Any | IfMatch::AnyOrDeleted => Some("*".into()),
        IfMatch::OneOf(revisions) => match &revisions[..] {
            [one] => Some(one.0.into()),
            several => Some(several.iter().map(|one| one.0).collect::<Vec<_>>().into()),
        },
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let code = match error {
            QueryError::Unavailable(_) => "read.unavailable",
            QueryError::Unreadable(_) => "read.unreadable",
            QueryError::Parked => "projection.parked",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Unavailable(_) => "log.unavailable",
            ReadError::Poison { .. } => "log.poison",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<freshness::Error> for Error {
    fn from(error: freshness::Error) -> Self {
        use freshness::Error as E;
        let detail = error.to_string();
        match error {
            E::NotYetVisible { position, .. } => {
                Self::new("read.not_yet_visible", detail).at("min_position", None, Some(position.0.into()))
            }
            E::BeyondLog { position, last_seq } => {
                Self::new("read.position_beyond_log", detail).at("min_position", Some(last_seq.0.into()), Some(position.0.into()))
            }
            E::Log(cause) => cause.into(),
            E::Position(cause) => cause.into(),
        }
    }
}

impl From<search::Error> for Error {
    fn from(error: search::Error) -> Self {
        match error {
            search::Error::Query(cause) => cause.into(),
            search::Error::Embed(_) => Self::new("search.unavailable", error.to_string()).logged(&error),
        }
    }
}

impl From<path::Error> for Error {
    fn from(error: path::Error) -> Self {
        let detail = error.to_string();
        match error {
            path::Error::Query(cause) => cause.into(),
            path::Error::EndMissing { field, id } => {
                Self::new("relationship.end_missing", detail).at(field, None, Some(id.to_string().into()))
            }
            path::Error::TooFar => Self::new("graph.too_far", detail).at("target", Some(path::LOADED_MAX.into()), None),
        }
    }
}

impl From<replay::Error> for Error {
    fn from(error: replay::Error) -> Self {
        use replay::Error as E;
        let detail = error.to_string();
        match &error {
            E::Unknown { known } => {
                Self::new("replay.unknown_projection", detail).at("projection", Some(known.clone().into()), None)
            }
            E::Busy { .. } => Self::new("replay.busy", detail),
            E::NothingRetired => Self::new("replay.nothing_to_roll_back", detail),
            E::NothingLive | E::Unavailable(_) | E::Log(_) => Self::new("replay.unavailable", detail).logged(&error),
            // An operator is told the cause: nobody else comes here.
            E::Failed(cause) => Self::new("replay.failed", chain(&**cause)).logged(&error),
        }
    }
}

impl From<status::Error> for Error {
    fn from(error: status::Error) -> Self {
        match error {
            status::Error::Log(cause) => cause.into(),
            status::Error::Positions(cause) => cause.into(),
        }
    }
}
