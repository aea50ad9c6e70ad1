//! Our own authorization server (OAuth 2.1): API clients get tokens for what a person allows them, by a code that a browser brings to the
//! client ([`codes`]) or on another device ([`devices`]).
//!
//! Called by `api::oauth`. All clients are public: what counts is the person's word in their browser, PKCE, and the refresh tokens, each good
//! once. No token stands in an address, and none is kept: the streams know hashes.

mod client;
mod codes;
mod devices;
mod refresh;
mod refusal;
mod tokens;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use uuid::Uuid;

pub use self::{
    client::{CLI, Client},
    codes::{Asked, NoWish, Wish, challenge_of},
    devices::{DeviceBegun, INTERVAL_S},
    refusal::{Fault, Refusal},
    tokens::{Bearer, TOKEN_S, Tokens, scope_text},
};
use super::{Error, Writing, access::secret::sha256_hex, delegations::Delegations, error::short, login::Visitor};
use crate::{
    commands::{Actor, Request},
    domain::{
        access::{PrincipalCommand, Role, Scope, ScopeSet},
        delegation::Delegation,
        ids::{PrincipalId, SpaceId, StreamSeq, Timestamp},
    },
    journal::envelope::Via,
    ports::{AccessDirectory, Clock, webhooks::Vault},
};

/// For so long a refresh token that was just replaced answers its successor again: the first answer may have been lost.
const GRACE_S: i64 = 10;
/// How often a refresh that another has overtaken looks what came of it, and how long it waits in between.
const OVERTAKEN_MAX: usize = 40;
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(50);
/// What a client may call itself, in characters; the rest is cut.
const AGENT_CHARS_MAX: usize = 200;

/// What the token endpoint gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub access_token: String,
    pub refresh_token: String,
    pub scopes: ScopeSet,
    /// All that the principal belongs to when absent.
    pub space: Option<SpaceId>,
}

/// What somebody lets a client do.
#[derive(Clone, Debug, PartialEq)]
struct Allowed {
    id: Uuid,
    principal: PrincipalId,
    client: (String, String),
    scopes: Vec<Scope>,
    space: Option<SpaceId>,
}

/// The use cases of an authorization server.
pub struct Oauth {
    pub tokens: Arc<Tokens>,
    pub delegations: Arc<Delegations>,
    pub directory: Arc<dyn AccessDirectory>,
    pub writing: Arc<Writing>,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
    pub clients: Vec<Client>,
    /// When each waiting device has last asked, and how long it is to wait until it asks again, in seconds.
    pub polls: Mutex<HashMap<String, (Timestamp, i64)>>,
}

impl Oauth {
    /// Errors: `invalid_client`.
    pub fn client(&self, id: &str) -> Result<&Client, Refusal> {
        let unknown = || Refusal::new(Fault::InvalidClient, format!("no client {:?} is known here", short(id)));
        self.clients.iter().find(|client| client.id == id).ok_or_else(unknown)
    }

    /// The scopes that a client asks for; those of a reader when it says nothing. Errors: `invalid_scope`.
    fn scopes(asked: Option<&str>) -> Result<Vec<Scope>, Refusal> {
        let Some(asked) = asked else { return Ok(Role::Reader.scopes().to_vec()) };
        let unknown = |text: &str| Refusal::new(Fault::InvalidScope, format!("there is no scope {:?}", short(text)));
        let words = asked.split(' ').filter(|word| !word.is_empty());
        let scopes: Vec<Scope> = words.map(|word| Scope::parse(word).ok_or_else(|| unknown(word))).collect::<Result<_, _>>()?;
        let none = || Refusal::new(Fault::InvalidScope, "no scope is asked for");
        if scopes.is_empty() { Err(none()) } else { Ok(ScopeSet::of(&scopes).iter().collect()) }
    }

    /// The resource that tokens are for, if a client names one (RFC 8707): this server. Errors: `invalid_target`.
    pub fn check_resource(&self, named: Option<&str>) -> Result<(), Refusal> {
        let issuer = self.tokens.issuer()?;
        match named {
            Some(other) if other.trim_end_matches('/') != issuer => {
                Err(Refusal::new(Fault::InvalidTarget, format!("tokens are for {issuer} here, not for {:?}", short(other))))
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody still belongs where a delegation is for.
    fn belongs(&self, principal: PrincipalId, space: Option<&SpaceId>) -> bool {
        let is_in = |space: &SpaceId| self.directory.role_in(space, principal).is_some();
        match space {
            Some(space) => is_in(space),
            None => self.directory.spaces_of(principal).iter().any(|(space, _)| is_in(&space.id)),
        }
    }

    /// Begins a delegation. Errors: `invalid_grant` for somebody who has left meanwhile, and what keeps it from being kept.
    async fn delegate(&self, allowed: Allowed, visitor: Visitor) -> Result<Given, Refusal> {
        let Allowed { id, principal, client: (client, client_name), scopes, space } = allowed;
        if !self.belongs(principal, space.as_ref()) {
            return Err(Refusal::new(Fault::InvalidGrant, "whoever has allowed this no longer belongs here"));
        }
        let (now, refresh_token) = (self.clock.now(), refresh::first(&*self.vault, id).map_err(Error::from)?);
        let (agent, address) = named(visitor);
        let delegation = Delegation {
            id,
            principal,
            client,
            client_name,
            scopes,
            space,
            created_at: now,
            refreshed_at: now,
            agent,
            address,
            refresh_sha256: sha256_hex(refresh_token.as_bytes()),
            replaced_sha256: None,
        };
        if !self.delegations.put(delegation.clone(), StreamSeq(0)).await? {
            return Err(Refusal::new(Fault::InvalidGrant, "this was used before"));
        }
        tracing::info!(delegation = %id, %principal, client = %delegation.client, "a client was let in");
        let scopes = ScopeSet::of(&delegation.scopes);
        self.given(&delegation, refresh_token, scopes).await
    }

    async fn given(&self, delegation: &Delegation, refresh_token: String, scopes: ScopeSet) -> Result<Given, Refusal> {
        let access_token = self.tokens.issue(delegation, scopes).await?;
        Ok(Given { access_token, refresh_token, scopes, space: delegation.space.clone() })
    }

    /// Gives new tokens for a refresh token, which is good once. One that comes again ends its whole family, unless the answer to it may
    /// have been lost. Errors: `invalid_grant`, `invalid_client`, `invalid_scope`, `temporarily_unavailable`.
    pub async fn refresh(&self, token: &str, client: &str, scope: Option<&str>, visitor: Visitor) -> Result<Given, Refusal> {
        self.client(client)?;
        let over = || Refusal::new(Fault::InvalidGrant, "this refresh token is over, was revoked, or is none of this server");
        let (id, sha256) = (refresh::delegation_of(token).ok_or_else(over)?, sha256_hex(token.as_bytes()));
        for _ in 0..OVERTAKEN_MAX {
            let (seq, old) = self.delegations.get_with_seq(id).ok_or_else(over)?;
            if old.client != client {
                return Err(over());
            }
            // What this process knows of members may be younger than what has happened: nothing ends by it.
            if !self.belongs(old.principal, old.space.as_ref()) {
                return Err(over());
            }
            let scopes = narrowed(&old, scope)?;
            let now = self.clock.now();
            let successor = refresh::successor(&*self.vault, token).map_err(Error::from)?.ok_or_else(over)?;
            let is_newest = old.refresh_sha256 == sha256;
            if is_newest {
                let (refresh_sha256, replaced_sha256) = (sha256_hex(successor.as_bytes()), Some(sha256.clone()));
                let new = Delegation { refresh_sha256, replaced_sha256, refreshed_at: now, ..(*old).clone() };
                if self.delegations.put(new.clone(), seq).await? {
                    return self.given(&new, successor, scopes).await;
                }
                // Another process was faster, and this one will hear what it has done.
                tokio::time::sleep(OVERTAKEN_PAUSE).await;
                continue;
            }
            let is_lost = old.replaced_sha256.as_deref() == Some(sha256.as_str())
                && now - old.refreshed_at <= TimeDelta::seconds(GRACE_S)
                && sha256_hex(successor.as_bytes()) == old.refresh_sha256;
            if is_lost {
                return self.given(&old, successor, scopes).await;
            }
            if refresh::is_ours(&*self.vault, token).map_err(Error::from)? {
                self.end_family(&old, visitor).await?;
            }
            return Err(over());
        }
        Err(Refusal::new(Fault::TemporarilyUnavailable, "this delegation is being changed; try again"))
    }

    /// A refresh token has come twice: one of the two who have it has no right to it, and nobody can say which.
    async fn end_family(&self, delegation: &Delegation, visitor: Visitor) -> Result<(), Error> {
        let (id, principal, address) = (delegation.id, delegation.principal, visitor.address);
        self.delegations.end(|it| it.id == id).await?;
        let from = address.map(|address| address.to_string()).unwrap_or_default();
        tracing::warn!(delegation = %id, %principal, client = %delegation.client, from, "a refresh token came twice: its delegation has ended");
        let via = Some(Via { delegation: Some(id), address, ..Via::default() });
        let actor = Actor { space: SpaceId::sys(), principal, via };
        let request = Request::once(self.writing.ids.command_id(), actor, principal, PrincipalCommand::NoteReuse);
        // It has ended in any case; what is missing then is the line in the audit.
        if let Err(cause) = self.writing.commands.principal(request).await {
            tracing::error!(delegation = %id, cause = %crate::causes::chain(&cause), "that a refresh token came twice could not be written into the log");
        }
        Ok(())
    }

    /// Ends what a token is of (RFC 7009); a token of nobody ends nothing. Errors: `invalid_client`, `invalid_grant` for another client's.
    pub async fn revoke(&self, token: &str, client: &str) -> Result<(), Refusal> {
        self.client(client)?;
        let by_refresh = || {
            let delegation = self.delegations.get(refresh::delegation_of(token)?)?;
            let sha256 = sha256_hex(token.as_bytes());
            let is_known = delegation.refresh_sha256 == sha256 || delegation.replaced_sha256 == Some(sha256);
            (is_known || refresh::is_ours(&*self.vault, token).unwrap_or(false)).then_some(delegation)
        };
        let found = by_refresh().or_else(|| self.tokens.open(token).ok().map(|bearer| bearer.delegation));
        let Some(delegation) = found else { return Ok(()) };
        if delegation.client != client {
            return Err(Refusal::new(Fault::InvalidGrant, "this token was given to another client"));
        }
        self.delegations.end(|it| it.id == delegation.id).await?;
        tracing::info!(delegation = %delegation.id, "a client has given its delegation back");
        Ok(())
    }
}

/// Fewer scopes than a delegation has, if fewer are asked for. Errors: `invalid_scope`.
fn narrowed(delegation: &Delegation, asked: Option<&str>) -> Result<ScopeSet, Refusal> {
    let all = ScopeSet::of(&delegation.scopes);
    let Some(asked) = asked else { return Ok(all) };
    let fewer = ScopeSet::of(&Oauth::scopes(Some(asked))?);
    let more = || Refusal::new(Fault::InvalidScope, "this is more than was allowed");
    if fewer.both(all) == fewer { Ok(fewer) } else { Err(more()) }
}

/// What a client calls itself, cut, and where it is.
fn named(visitor: Visitor) -> (String, String) {
    let agent = visitor.agent.chars().filter(|one| !one.is_control()).take(AGENT_CHARS_MAX).collect();
    (agent, visitor.address.map(|address| address.to_string()).unwrap_or_default())
}
