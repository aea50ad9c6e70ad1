//! Data keys: one per sensitive memory, under which its contents are sealed. Whoever destroys the key destroys the contents, wherever
//! their sealed form lies. Asked by the write path, the reads and the eraser.

use async_trait::async_trait;

use super::webhooks::VaultError;
use crate::domain::ids::{Revision, SpaceId};

/// Where a sealed text belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place<'a> {
    pub space: &'a SpaceId,
    /// The memory's id, as it stands in the log.
    pub id: &'a str,
    /// Of the event that the text came with.
    pub revision: Revision,
}

/// What a wrapped data key is bound to. It is on disk.
pub fn wrapping(space: &SpaceId, id: &str) -> String {
    format!("data key {space} {id}")
}

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Try again.
    #[error("the data keys cannot be reached now")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// For ever: it was destroyed, or was never made here.
    #[error("there is no data key for this memory; what was sealed under it cannot be opened")]
    NoDataKey,
    #[error("the sealed text is damaged, or belongs to another place")]
    Damaged,
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Seals and opens. Errors of each method: see [`SealError`].
#[async_trait]
pub trait DataKeys: Send + Sync {
    /// Seals under the memory's key, which is made if there is none yet; never for a memory whose key was destroyed (`NoDataKey`).
    async fn seal(&self, place: Place<'_>, clear: &[u8]) -> Result<String, SealError>;

    async fn unseal(&self, place: Place<'_>, sealed: &str) -> Result<Vec<u8>, SealError>;

    /// A number that follows from `what` and the memory's key, and tells nothing of `what` without it. The key must be there.
    async fn keyed(&self, space: &SpaceId, id: &str, what: u64) -> Result<u64, SealError>;

    /// Destroys the memory's key where it lies, and sees to it that there will be none again; answers how many copies that were.
    async fn destroy(&self, space: &SpaceId, id: &str) -> Result<u64, SealError>;
}

/// Where data keys are kept, wrapped under a master key.
/// Errors of each method: `Away`.
#[async_trait]
pub trait DataKeyStore: Send + Sync {
    async fn find(&self, space: &SpaceId, id: &str) -> Result<Found, SealError>;

    /// Keeps a wrapped key if there was never one; whether it did.
    async fn keep(&self, space: &SpaceId, id: &str, wrapped: &str) -> Result<bool, SealError>;

    /// See [`DataKeys::destroy`].
    async fn destroy(&self, space: &SpaceId, id: &str) -> Result<u64, SealError>;
}

/// What is known of a memory's data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Wrapped(String),
    Destroyed,
    Never,
}
