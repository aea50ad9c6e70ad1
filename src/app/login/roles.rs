//! The roles that a provider's groups give, settled at each login beside those that people have given. Used by [`super::Login`].

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Login, Provider, Visitor};
use crate::{
    app::Error,
    commands,
    domain::{
        access::{GrantSource, Identity, Rejection, Role, SpaceCommand},
        ids::{PrincipalId, SpaceId},
    },
    ports::identity::Person,
};

/// The id of whoever is first known by this identity.
pub fn id_of(identity: &Identity) -> PrincipalId {
    let issuer = Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.issuer.as_bytes());
    PrincipalId(Uuid::new_v5(&issuer, identity.subject.as_bytes()))
}

/// What the person's groups give now, by space.
pub fn of(login: &Login, provider: &Provider, person: &Person) -> BTreeMap<SpaceId, Role> {
    let spaces: Vec<SpaceId> = login.directory.spaces().iter().map(|space| space.id.clone()).collect();
    provider.rules.roles(person.groups.as_deref().unwrap_or_default(), &spaces)
}

/// Makes what the provider's groups have given be exactly this. What others have given stays; so does the last owner of a space.
/// Errors: those of commands.
pub async fn settle(
    login: &Login,
    provider: &Provider,
    (principal, visitor): (PrincipalId, &Visitor),
    roles: &BTreeMap<SpaceId, Role>,
) -> Result<(), Error> {
    let source = || GrantSource::Provider(provider.id.clone());
    for space in login.directory.spaces() {
        let is_theirs = |grant: &&crate::domain::access::Grant| grant.principal == principal && grant.source == source();
        let had = space.grants.iter().find(is_theirs).map(|grant| grant.role);
        let command = match (had, roles.get(&space.id)) {
            (had, Some(role)) if had == Some(*role) => continue,
            (_, Some(role)) => SpaceCommand::Grant { principal, role: *role, source: source(), at: login.clock.now() },
            (Some(_), None) => SpaceCommand::Remove { principal, source: Some(source()) },
            (None, None) => continue,
        };
        match login.writing.commands.space(login.request(principal, visitor, space.id.clone(), command)).await {
            Ok(settled) => login.directory.reached(settled.position).await,
            Err(commands::Error::Access(Rejection::LastOwner)) => {
                tracing::warn!(space = %space.id, %principal, provider = %provider.id, "groups no longer give a role, but a space keeps its last owner");
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
