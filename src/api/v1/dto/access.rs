//! Who somebody is, where they belong, and by what they come in, on the wire. Secrets stand in the answers that make them alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::access::{Belonging, InvitationMade, Joined, KeyMade, Me, Member, SpaceMade},
    domain::access::{Invitation, Key, Principal, Space},
};

/// Who calls, and where they belong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    pub id: Uuid,
    /// `person` or `agent`.
    pub kind: Option<String>,
    pub name: Option<String>,
    /// The space that this call is about.
    pub space: String,
    /// What may be done in it by this credential.
    pub scopes: Vec<String>,
    pub key: Option<ApiKeyView>,
    pub spaces: Vec<SpaceView>,
}

impl MeView {
    pub fn of(me: Me, caller: &crate::app::Caller) -> Self {
        let principal = me.principal.as_deref();
        Self {
            id: caller.principal().0,
            kind: principal.map(|it| it.kind.as_str().to_owned()),
            name: principal.map(|it| it.name.clone()),
            space: caller.space().to_string(),
            scopes: caller.scopes().iter().map(|scope| scope.as_str().to_owned()).collect(),
            key: me.key.as_deref().map(ApiKeyView::from),
            spaces: me.spaces.iter().map(SpaceView::from).collect(),
        }
    }
}

/// A space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpaceView {
    pub id: String,
    pub name: String,
    /// What the caller is in it: `owner`, `editor` or `reader`.
    pub role: String,
    pub members: u64,
    pub created_at: DateTime<Utc>,
    /// Whether every memory that is written there is sensitive.
    #[serde(default)]
    pub sensitive: bool,
}

impl SpaceView {
    pub fn of(space: &Space, role: &str) -> Self {
        let members = space.members().len() as u64;
        Self {
            id: space.id.to_string(),
            name: space.name.clone(),
            role: role.to_owned(),
            members,
            created_at: space.created_at,
            sensitive: space.is_sensitive,
        }
    }
}

impl From<&Belonging> for SpaceView {
    fn from(it: &Belonging) -> Self {
        Self::of(&it.space, it.role.as_str())
    }
}

/// The caller's spaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpaceList {
    pub spaces: Vec<SpaceView>,
}

/// A space to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceInput {
    /// 1–64 of a-z, 0-9, - and _; for ever.
    #[schema(max_length = 64)]
    pub id: Option<String>,
    /// For people; the id when absent.
    #[schema(max_length = 200)]
    pub name: Option<String>,
}

/// Another name for a space, or whether what is written there is sensitive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpacePatch {
    #[schema(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether every memory that is written there from now on is sensitive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
}

/// A space that was made, and the first key to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpaceCreated {
    pub space: SpaceView,
    pub key: ApiKeyView,
    /// Shown this once.
    pub secret: String,
}

impl From<SpaceMade> for SpaceCreated {
    fn from(made: SpaceMade) -> Self {
        let KeyMade { key, secret } = made.first_key;
        Self { space: SpaceView::of(&made.space, "owner"), key: (&key).into(), secret }
    }
}

/// Somebody who belongs to the space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    pub id: Uuid,
    /// `owner`, `editor` or `reader`.
    pub role: String,
    /// `person` or `agent`.
    pub kind: Option<String>,
    pub name: Option<String>,
    /// From then on nothing opens for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<DateTime<Utc>>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let principal = member.principal.as_deref();
        Self {
            id: member.id.0,
            role: member.role.as_str().to_owned(),
            kind: principal.map(|it| it.kind.as_str().to_owned()),
            name: principal.map(|it| it.name.clone()),
            disabled_at: principal.and_then(|it| it.disabled_at),
        }
    }
}

/// The members of the space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    pub members: Vec<MemberView>,
}

/// A principal to make, as a member of the space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberInput {
    /// `agent` (when absent) or `person`.
    pub kind: Option<String>,
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// `owner`, `editor` or `reader`.
    pub role: Option<String>,
}

/// Another role for a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleInput {
    /// `owner`, `editor` or `reader`.
    pub role: Option<String>,
}

/// A principal of the instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PrincipalView {
    pub id: Uuid,
    pub kind: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl From<Principal> for PrincipalView {
    fn from(it: Principal) -> Self {
        let Principal { id, kind, name, created_at, disabled_at, .. } = it;
        Self { id: id.0, kind: kind.as_str().to_owned(), name, created_at, disabled_at }
    }
}

/// An API key, never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyView {
    pub id: Uuid,
    pub label: String,
    /// Who acts by it.
    pub principal: Uuid,
    pub space: String,
    /// The first characters of its secret; empty for keys of before there was one.
    pub prefix: String,
    pub scopes: Vec<String>,
    pub issued_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub rotated_at: Option<DateTime<Utc>>,
    /// Until then the secret before the last rotation is good as well.
    pub old_secret_until: Option<DateTime<Utc>>,
    /// When a request last came by it, to the minute; what came to another process is known five minutes later. Absent in answers that
    /// change a key, and where no use is known.
    #[serde(default)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl From<&Key> for ApiKeyView {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id.0,
            label: key.label.clone(),
            principal: key.principal.0,
            space: key.space.to_string(),
            prefix: key.prefix.clone(),
            scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            issued_at: key.issued_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_at: key.rotated_at,
            old_secret_until: key.old_secret.as_ref().map(|old| old.expires_at),
            last_used_at: None,
        }
    }
}

/// The keys of the space, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    pub keys: Vec<ApiKeyView>,
}

/// A key to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    /// What it is for.
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// What it may do; all that its maker and the role of its holder allow when absent.
    pub scopes: Option<Vec<String>>,
    /// The member who acts by it; its maker when absent.
    pub principal: Option<Uuid>,
    /// When it is over; never when both are absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// Seconds from now until it is over, in place of `expires_at`.
    #[schema(minimum = 1)]
    pub expires_in_s: Option<u64>,
}

/// How a secret is replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateKeyInput {
    /// Seconds for which the old secret is still good; 0, at once, when absent.
    #[schema(minimum = 0, maximum = 604_800)]
    pub grace_s: Option<u32>,
}

/// A key with the secret that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyWritten {
    pub key: ApiKeyView,
    /// Shown this once.
    pub secret: String,
}

impl From<KeyMade> for KeyWritten {
    fn from(made: KeyMade) -> Self {
        Self { key: (&made.key).into(), secret: made.secret }
    }
}

/// An invitation, never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    pub id: Uuid,
    pub role: String,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub accepted_by: Option<Uuid>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl From<&Invitation> for InvitationView {
    fn from(it: &Invitation) -> Self {
        Self {
            id: it.id,
            role: it.role.as_str().to_owned(),
            created_by: it.created_by.0,
            created_at: it.created_at,
            expires_at: it.expires_at,
            accepted_by: it.accepted.map(|(by, _)| by.0),
            accepted_at: it.accepted.map(|(_, at)| at),
            revoked_at: it.revoked_at,
        }
    }
}

/// The invitations to the space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitationList {
    pub invitations: Vec<InvitationView>,
}

/// An invitation to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationInput {
    /// `owner`, `editor` or `reader`.
    pub role: Option<String>,
    /// 1 second to 90 days; a week when absent.
    #[schema(minimum = 1, maximum = 7_776_000)]
    pub expires_in_s: Option<u64>,
}

/// An invitation with the secret that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitationWritten {
    pub invitation: InvitationView,
    /// Shown this once.
    pub secret: String,
}

impl From<InvitationMade> for InvitationWritten {
    fn from(made: InvitationMade) -> Self {
        Self { invitation: (&made.invitation).into(), secret: made.secret }
    }
}

/// How an invitation is taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinInput {
    /// The invitation's secret.
    pub secret: Option<String>,
    /// What others shall call the one who comes.
    #[schema(max_length = 200)]
    pub name: Option<String>,
}

/// The invitation that somebody who is logged in takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretInput {
    /// The invitation's secret.
    pub secret: Option<String>,
}

/// The space that somebody has joined as themselves, and the role that they were invited to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JoinedSpaceView {
    pub space: String,
    pub role: String,
}

impl From<&Invitation> for JoinedSpaceView {
    fn from(taken: &Invitation) -> Self {
        Self { space: taken.space.to_string(), role: taken.role.as_str().to_owned() }
    }
}

/// Somebody who has come, and their first key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JoinedView {
    pub principal: Uuid,
    pub role: String,
    pub key: ApiKeyView,
    /// Shown this once.
    pub secret: String,
}

impl From<Joined> for JoinedView {
    fn from(joined: Joined) -> Self {
        let KeyMade { key, secret } = joined.first_key;
        Self { principal: joined.principal.0, role: joined.role.as_str().to_owned(), key: (&key).into(), secret }
    }
}
