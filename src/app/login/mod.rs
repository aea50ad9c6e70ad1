//! Logging in: a browser is sent to a provider with an attempt of its own, comes back with a code, and gets a session.
//!
//! Called by `api::login`. A provider's tokens are never kept; who somebody is, is the pair of issuer and subject, never an address of
//! mail. What a browser may be sent back to is a path of this server.
//!
//! Decision 2026-11-28: an attempt is kept by the browser, in a cookie that is sealed by the master key for this very `state`; the stream
//! SESSIONS only remembers that it was used. So any process can answer, nobody can make a server remember by asking for logins, and an
//! attempt counts once.

mod attempt;
mod base;
mod ceremony;
mod identities;
mod link;
mod passkeys;
mod roles;
mod visitor;

use std::{sync::Arc, time::Duration};

use url::Url;
use uuid::Uuid;

pub use self::{
    attempt::ATTEMPT_S,
    base::Base,
    ceremony::CEREMONY_S,
    identities::Linked,
    link::LINK_S,
    passkeys::{PasskeyUse, Question},
    visitor::Visitor,
};
use self::{
    attempt::{Attempt, LinkTo},
    identities::identity_of,
};
use super::{
    Error, Writing,
    access::secret,
    error::short,
    sessions::{Newcomer, Sessions},
};
use crate::{
    domain::{
        access::{Identity, Principal, PrincipalCommand, PrincipalKind},
        groups::GroupRules,
        ids::{KeyId, PrincipalId},
        session::{Origin, Session},
    },
    ports::{
        AccessDirectory, Clock,
        identity::{Arrival, AttemptSecrets, IdentityError, IdentityProvider, Person},
        marks::Marks,
        webhooks::Vault,
    },
};

/// Longest path that a browser is sent back to, in bytes; a cookie holds 4 KB.
const RETURN_BYTES_MAX: usize = 1_024;
/// Where a browser goes that has not said where it wants to be.
const RETURN_TO: &str = "/docs";
/// How long a provider's notice of a logout is remembered, so that it counts once.
const NOTICE_KEPT: Duration = Duration::from_secs(3_600);

/// A provider and what its word is worth here.
pub struct Provider {
    /// Stands in addresses.
    pub id: String,
    /// For people.
    pub name: String,
    /// As the settings write it.
    pub issuer: String,
    pub identity: Arc<dyn IdentityProvider>,
    /// Whether whom the provider knows becomes known here by logging in.
    pub auto_create: bool,
    pub rules: GroupRules,
}

/// Where to send a browser, with what it is to keep meanwhile.
#[derive(Debug)]
pub struct Begun {
    pub url: Url,
    pub state: String,
    /// The attempt, sealed.
    pub sealed: String,
}

/// What a browser brought back from a provider.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    pub state: Option<String>,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub error: Option<String>,
}

/// Somebody who is in.
#[derive(Debug)]
pub struct Entered {
    /// For the cookie, and for nobody else.
    pub secret: String,
    pub session: Session,
    /// A path of this server.
    pub return_to: String,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Finished {
    Entered(Box<Entered>),
    /// Nobody came in: somebody who was in is known to a further provider. Where their browser goes.
    Linked {
        return_to: String,
    },
}

/// The use cases of logging in. Has a field for each thing that a login touches.
pub struct Login {
    pub providers: Vec<Provider>,
    /// Absent where browsers would not keep a login to themselves.
    pub base: Option<Base>,
    pub sessions: Arc<Sessions>,
    pub directory: Arc<dyn AccessDirectory>,
    pub writing: Arc<Writing>,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
    /// Who a link of the machine itself lets in.
    pub owner: PrincipalId,
    /// The key that stands in the machine's own file.
    pub machine_key: KeyId,
    pub passkeys: PasskeyUse,
    /// Where the counts of passkeys stand.
    pub marks: Arc<dyn Marks>,
    /// Whether an unknown identity goes to whoever another provider vouches for with the same address of mail.
    pub link_by_verified_email: bool,
}

impl Login {
    /// Whether cookies are kept from all but https.
    pub fn is_secure(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.is_secure())
    }

    /// Errors: `login.no_base_url`.
    pub fn base(&self) -> Result<&Base, Error> {
        let detail =
            "this server does not know under which address browsers reach it safely: set auth.base_url to its https address";
        self.base.as_ref().ok_or_else(|| Error::new("login.no_base_url", detail))
    }

    /// Errors: `login.unknown_provider`.
    fn provider(&self, id: &str) -> Result<&Provider, Error> {
        let unknown = || Error::new("login.unknown_provider", format!("nobody logs in here by {:?}", short(id)));
        self.providers.iter().find(|provider| provider.id == id).ok_or_else(unknown)
    }

    fn redirect_uri(&self, provider: &str) -> Result<String, Error> {
        Ok(self.base()?.at(&format!("/auth/{provider}/callback")))
    }

    /// Begins an attempt. Errors: `login.unknown_provider`, `login.no_base_url`, `login.provider_away`, `login.bad_return_to`,
    /// `secrets.no_master_key`.
    pub async fn begin(&self, provider: &str, return_to: Option<&str>) -> Result<Begun, Error> {
        self.depart(provider, return_to, None).await
    }

    async fn depart(&self, provider: &str, return_to: Option<&str>, link: Option<LinkTo>) -> Result<Begun, Error> {
        let (provider, return_to) = (self.provider(provider)?, path_of_ours(return_to)?);
        let redirect_uri = self.redirect_uri(&provider.id)?;
        let [state, nonce, verifier] = [(); 3].map(|()| secret::fresh(&*self.vault));
        let secrets = AttemptSecrets { state, nonce, verifier };
        let departure = provider.identity.depart(&redirect_uri, &secrets).await.map_err(|cause| refused(&provider.id, cause))?;
        let (provider, issuer, begun_at) = (provider.id.clone(), departure.issuer, self.clock.now());
        let attempt = Attempt { provider, issuer, return_to, begun_at, link, secrets };
        let sealed = attempt.sealed(&*self.vault)?;
        Ok(Begun { url: departure.url, state: attempt.secrets.state, sealed })
    }

    /// Ends an attempt: the browser has come back with what it kept (`sealed`) and what the provider gave it; `here` is the session that it
    /// shows. Errors: `login.attempt_unknown`, `login.refused`, `login.provider_away`, `login.not_invited`, `login.no_role`,
    /// `login.link_elsewhere`, `login.identity_taken`, `login.unavailable`.
    pub async fn finish(
        &self,
        provider: &str,
        returned: &Returned,
        (sealed, here): (Option<&str>, Option<&Session>),
        visitor: Visitor,
    ) -> Result<Finished, Error> {
        let provider = self.provider(provider)?;
        let attempt = self.attempt(provider, returned, sealed).await?;
        let away = |cause| refused(&provider.id, cause);
        provider.identity.check_issuer(&attempt.issuer, returned.issuer.as_deref()).await.map_err(away)?;
        if let Some(error) = &returned.error {
            tracing::info!(provider = %provider.id, error = %short(error), "a provider let somebody not through");
            return Err(Error::new("login.refused", format!("{} did not let you through", provider.name)));
        }
        let code = returned.code.as_deref().filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| Error::new("login.refused", format!("{} sent no code", provider.name)))?;
        let redirect_uri = self.redirect_uri(&provider.id)?;
        let arrival = Arrival { code, issuer: &attempt.issuer, secrets: &attempt.secrets, redirect_uri: &redirect_uri };
        let person = provider.identity.arrive(arrival).await.map_err(away)?;
        if person.issuer != attempt.issuer {
            return Err(Error::new("login.refused", "another provider has answered"));
        }
        if let Some(link) = attempt.link {
            self.link_identity(link, &person, here, &visitor).await?;
            return Ok(Finished::Linked { return_to: attempt.return_to });
        }
        let principal = self.principal(provider, &person, &visitor).await?;
        let origin = Origin::Provider {
            provider: provider.id.clone(),
            issuer: person.issuer,
            subject: person.subject,
            session: person.provider_session,
        };
        Ok(Finished::Entered(Box::new(self.enter(principal, origin, visitor, attempt.return_to).await?)))
    }

    /// The attempt that this browser has begun and nobody has ended. Errors: `login.attempt_unknown`, `login.unavailable`.
    async fn attempt(&self, provider: &Provider, returned: &Returned, sealed: Option<&str>) -> Result<Attempt, Error> {
        let unknown = || {
            Error::new("login.attempt_unknown", "this login was not begun in this browser, is too old or was ended: begin again")
        };
        let (state, sealed) = (returned.state.as_deref().ok_or_else(unknown)?, sealed.ok_or_else(unknown)?);
        let attempt = Attempt::unsealed(&*self.vault, state, sealed).ok_or_else(unknown)?;
        if !attempt.is_fresh_at(self.clock.now()) || attempt.provider != provider.id {
            return Err(unknown());
        }
        // Before anything else is done with it: of two that come at once one is the first.
        let is_first = self.sessions.first_use(&format!("login {state}"), Duration::from_secs(2 * u64::from(ATTEMPT_S))).await?;
        if is_first { Ok(attempt) } else { Err(unknown()) }
    }

    /// Who the person is here, with the roles that their groups give now. Errors: `login.not_invited`, `login.no_role`, those of commands.
    async fn principal(&self, provider: &Provider, person: &Person, visitor: &Visitor) -> Result<PrincipalId, Error> {
        let identity = identity_of(person);
        let known = self.directory.principal_by(&identity);
        let roles = roles::of(self, provider, person);
        let no_role = || {
            Error::new(
                "login.no_role",
                format!("{} knows you, but gives you no place here; ask the owner for one", provider.name),
            )
        };
        let by_email = if known.is_none() { self.linked_by_email(person, visitor).await? } else { None };
        let principal = match (known, by_email) {
            (Some(known), _) if known.disabled_at.is_some() => return Err(no_role()),
            (Some(known), _) => known.id,
            (None, Some(linked)) => linked,
            (None, None) if !provider.auto_create => {
                tracing::info!(provider = %provider.id, subject = %short(&person.subject), "somebody unknown came who is not let in by themselves");
                let detail = format!("{} knows you, but you are not known here; ask the owner for an invitation", provider.name);
                return Err(Error::new("login.not_invited", detail));
            }
            (None, None) if roles.is_empty() => return Err(no_role()),
            (None, None) => self.create(identity, person, visitor).await?,
        };
        self.note_email(principal, person, visitor).await?;
        roles::settle(self, provider, (principal, visitor), &roles).await?;
        if self.directory.spaces_of(principal).is_empty() { Err(no_role()) } else { Ok(principal) }
    }

    /// The id follows from the identity, so two first logins at once make one principal.
    async fn create(&self, identity: Identity, person: &Person, visitor: &Visitor) -> Result<PrincipalId, Error> {
        // Whoever was made by this identity and has given it up stays who they are.
        let is_free = |id: &PrincipalId| self.directory.principal(*id).is_none_or(|it| it.identities.contains(&identity));
        let mut ids = std::iter::successors(Some(roles::id_of(&identity)), |id| Some(PrincipalId(Uuid::new_v5(&id.0, b"again"))));
        let id = ids.find(is_free).expect("names without end");
        let cut = |text: &str| {
            text.chars().filter(|one| !one.is_control()).take(crate::domain::access::NAME_CHARS_MAX).collect::<String>()
        };
        let named = |text: &Option<String>| text.as_deref().map(|text| cut(text.trim())).filter(|text| !text.is_empty());
        let name = named(&person.name).or_else(|| named(&person.email)).unwrap_or_else(|| "somebody".into());
        let (email, identities) = (named(&person.email), vec![identity]);
        let principal = Principal { email, identities, ..Principal::new(id, PrincipalKind::Person, name, self.clock.now()) };
        self.change(id, PrincipalCommand::Create(principal), visitor).await?;
        Ok(id)
    }

    async fn enter(&self, principal: PrincipalId, origin: Origin, visitor: Visitor, return_to: String) -> Result<Entered, Error> {
        let agent = visitor.agent;
        let address = visitor.address.map(|address| address.to_string()).unwrap_or_default();
        let (secret, session) = self.sessions.open(Newcomer { principal, origin, agent, address }).await?;
        tracing::info!(session = %session.id, %principal, "somebody has logged in");
        Ok(Entered { secret, session, return_to })
    }

    /// Where a browser goes to log out at the provider as well; `None` where its session came from no such place.
    pub async fn log_out_at(&self, session: &Session) -> Option<Url> {
        let Origin::Provider { provider, .. } = &session.origin else { return None };
        self.provider(provider).ok()?.identity.log_out(&self.base.as_ref()?.at("/")).await
    }

    /// A provider says behind the browser's back that somebody has logged out there: ends what came of it, and answers how many sessions.
    /// Errors: `login.bad_notice`, `login.provider_away`, `login.unavailable`.
    pub async fn notice(&self, provider: &str, logout_token: &str) -> Result<usize, Error> {
        let provider = self.provider(provider)?;
        let notice = provider.identity.notice(logout_token).await.map_err(|cause| match cause {
            IdentityError::Away(_) => refused(&provider.id, cause),
            other => {
                tracing::info!(provider = %provider.id, cause = %other, "a notice of a logout does not count");
                Error::new("login.bad_notice", "this is no notice that counts")
            }
        })?;
        let name = format!("notice {} {}", notice.issuer, notice.id);
        if !self.sessions.first_use(&name, NOTICE_KEPT).await? {
            return Err(Error::new("login.bad_notice", "this notice was here before"));
        }
        let (issuer, subject) = (notice.issuer.as_str(), notice.subject.as_deref());
        let by_session = match &notice.provider_session {
            Some(named) => self.sessions.end(|session| session.is_of(issuer, None, Some(named))).await?,
            None => 0,
        };
        // A session that is not known there may be one that is not known by its name here.
        if by_session > 0 || subject.is_none() {
            return Ok(by_session);
        }
        self.sessions.end(|session| session.is_of(issuer, subject, None)).await
    }
}

/// The path of this server that a browser wants to come back to. Errors: `login.bad_return_to`.
fn path_of_ours(wanted: Option<&str>) -> Result<String, Error> {
    let Some(wanted) = wanted else { return Ok(RETURN_TO.into()) };
    let bad =
        || Error::new("login.bad_return_to", "return_to takes a path of this server, such as /docs").at("return_to", None, None);
    let is_plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if wanted.len() > RETURN_BYTES_MAX || !is_plain || !wanted.starts_with('/') || wanted.starts_with("//") {
        return Err(bad());
    }
    // As a browser will read it: nothing in it may lead to another site.
    let here = Url::parse("https://here.invalid").expect("a URL");
    let there = here.join(wanted).map_err(|_| bad())?;
    if there.origin() == here.origin() { Ok(wanted.to_owned()) } else { Err(bad()) }
}

/// What a provider did wrong is for the operator's eyes; who logs in learns that it did not work.
fn refused(provider: &str, cause: IdentityError) -> Error {
    tracing::warn!(provider, %cause, "a login came to nothing");
    match cause {
        IdentityError::Refused(_) => Error::new("login.refused", "the provider's answer was not accepted; begin again"),
        IdentityError::Away(_) => Error::new("login.provider_away", "the provider cannot be asked now; try again"),
        IdentityError::Unsupported => Error::new("login.refused", "the provider does not do that"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_back_to_a_path_of_this_server_only() {
        for good in ["/", "/docs", "/ui/search?q=a%20b#top", "/a//b", "/%2F/evil.example"] {
            assert_eq!(path_of_ours(Some(good)).unwrap(), good);
        }
        let long = format!("/{}", "x".repeat(RETURN_BYTES_MAX));
        let bad = [
            "",
            "docs",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\nb",
            "/a b",
            "/é",
            &long,
        ];
        for bad in bad {
            assert_eq!(path_of_ours(Some(bad)).unwrap_err().code, "login.bad_return_to", "{bad}");
        }
        assert_eq!(path_of_ours(None).unwrap(), RETURN_TO);
    }
}
