//! What a browser keeps while its person is asked for a passkey: sealed, for some minutes, and good once. Used by [`super::Login`].

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{Error, sealed};
use crate::{
    domain::ids::{PrincipalId, Timestamp},
    ports::webhooks::Vault,
};

/// How long a person has to answer their authenticator, in seconds.
pub const CEREMONY_S: u32 = 300;
const PLACE: &str = "passkey ceremony";

/// What the passkey is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Purpose {
    LogIn,
    /// To be added to somebody, in this session of theirs.
    Add {
        principal: PrincipalId,
        session: Uuid,
    },
}

/// A ceremony.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceremony {
    /// Makes each another one, so that it counts once.
    pub name: String,
    pub purpose: Purpose,
    pub begun_at: Timestamp,
    /// The adapter's.
    pub state: String,
}

impl Ceremony {
    /// Errors: there is no master key.
    pub fn sealed(&self, vault: &dyn Vault) -> Result<String, Error> {
        sealed::sealed(vault, PLACE, self)
    }

    /// `None` if it was sealed elsewhere, or is over at `now`.
    pub fn unsealed(vault: &dyn Vault, sealed: &str, now: Timestamp) -> Option<Self> {
        let ceremony: Self = sealed::opened(vault, PLACE, sealed)?;
        (now - ceremony.begun_at < TimeDelta::seconds(CEREMONY_S.into())).then_some(ceremony)
    }
}
