//! Who may do what, as the log has it, in the memory of every process that authenticates. No Postgres, so that a revoke acts at once.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::domain::{
    access::{Identity, Invitation, Key, Principal, Role, Space},
    ids::{KeyId, PrincipalId, SpaceId, StreamSeq},
};

/// Spaces, principals, keys and invitations. Secrets are asked for by their SHA-256 in lower-case hexadecimal; a hash is looked up, never
/// compared letter by letter, so the time that takes tells nothing of a secret.
#[async_trait]
pub trait AccessDirectory: Send + Sync {
    /// The key whose secret, or whose secret before its last rotation, has this hash. Whether it still opens is the caller's to ask.
    fn key_of(&self, secret_sha256: &str) -> Option<Arc<Key>>;
    fn key(&self, id: KeyId) -> Option<Arc<Key>>;
    /// All keys that were ever issued, in the order of their ids.
    fn keys(&self) -> Vec<Arc<Key>>;

    fn space(&self, id: &SpaceId) -> Option<Arc<Space>>;
    /// Every space, in the order of their ids.
    fn spaces(&self) -> Vec<Arc<Space>>;
    /// The spaces that the principal belongs to, in the order of their ids.
    fn spaces_of(&self, principal: PrincipalId) -> Vec<(Arc<Space>, Role)>;
    /// What the principal may be in the space: `None` for a stranger to it, and for one who is disabled.
    fn role_in(&self, space: &SpaceId, principal: PrincipalId) -> Option<Role>;

    fn principal(&self, id: PrincipalId) -> Option<Arc<Principal>>;
    /// Who is known to a login provider by this identity.
    fn principal_by(&self, identity: &Identity) -> Option<Arc<Principal>>;
    /// Whose passkey has this id.
    fn principal_of_passkey(&self, id: &str) -> Option<Arc<Principal>>;
    /// Those whose address of mail this is, as their login providers vouch; letters are compared without their case.
    fn principals_at(&self, email: &str) -> Vec<Arc<Principal>>;

    fn invitation(&self, id: Uuid) -> Option<Arc<Invitation>>;
    fn invitation_of(&self, secret_sha256: &str) -> Option<Arc<Invitation>>;
    /// Every invitation to the space, in the order of their ids.
    fn invitations(&self, space: &SpaceId) -> Vec<Arc<Invitation>>;

    /// The position of the newest change that is known; it moves with each of them.
    fn changes(&self) -> watch::Receiver<StreamSeq>;
    /// Waits until every change up to `seq` is known.
    async fn reached(&self, seq: StreamSeq);
}
