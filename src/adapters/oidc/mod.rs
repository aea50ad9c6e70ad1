//! Logging in by somebody else's word: a relying party of OpenID Connect, and GitHub, which speaks OAuth 2 only. Built by wiring; keeps no
//! token and hands none out.

mod claims;
mod drift;
mod github;
mod http;
mod metadata;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse,
    core::{CoreAuthenticationFlow, CoreClient},
};
use url::Url;

use self::{
    claims::Claims,
    metadata::{Known, Published},
    verify::{Expected, Unfit},
};
pub use self::{github::GitHub, http::Way};
use crate::{
    causes::chain,
    ports::{
        Clock,
        identity::{Arrival, AttemptSecrets, Departure, IdentityError, IdentityProvider, LogoutNotice, Person},
    },
};

/// How this instance is known to a provider.
#[derive(Clone)]
pub struct Registration {
    pub issuer: String,
    pub client_id: String,
    /// Absent for public clients.
    pub client_secret: Option<String>,
    pub scopes: Vec<String>,
    /// Where groups stand among the claims; dots lead inwards.
    pub groups_claim: String,
}

/// A provider of OpenID Connect.
pub struct Oidc {
    registration: Registration,
    published: Published,
    way: Way,
    clock: Arc<dyn Clock>,
}

impl Oidc {
    pub fn new(registration: Registration, way: Way, clock: Arc<dyn Clock>) -> Self {
        Self { published: Published::new(registration.issuer.clone(), way.clone()), registration, way, clock }
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.registration.client_id.clone())
    }

    /// Verifies with what is known, and once more with newer keys where the key is not known. Errors: `Refused`, `Away`.
    async fn verified<T>(&self, known: &Arc<Known>, look: impl Fn(Expected<'_>) -> Result<T, Unfit>) -> Result<T, IdentityError> {
        let (now, client_id) = (self.clock.now(), self.client_id());
        let expected = |known: &Known| look(Expected { issuer: known.issuer(), client_id: &client_id, keys: &known.keys, now });
        let refused = |unfit: Unfit| IdentityError::Refused(format!("its token: {unfit}"));
        match expected(known) {
            Err(Unfit::UnknownKey) => match self.published.with_newer_keys(now).await? {
                Some(newer) => expected(&newer).map_err(refused),
                None => Err(refused(Unfit::UnknownKey)),
            },
            other => other.map_err(refused),
        }
    }

    /// Exchanges the code: the identity token, and the one that opens the person's description. Errors: `Refused`, `Away`.
    async fn exchange(&self, known: &Known, arrival: Arrival<'_>) -> Result<(String, String), IdentityError> {
        let redirect = redirect_url(arrival.redirect_uri)?;
        let secret = self.registration.client_secret.clone().map(ClientSecret::new);
        let mut client =
            CoreClient::from_provider_metadata(known.metadata.clone(), self.client_id(), secret).set_redirect_uri(redirect);
        let methods = known.more.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|it| it == method);
        if !methods.is_empty() && !takes("client_secret_basic") && takes("client_secret_post") {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        let request = client.exchange_code(AuthorizationCode::new(arrival.code.to_owned()));
        let request = request.map_err(|_| IdentityError::Away("it names no token endpoint".into()))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(arrival.secrets.verifier.clone()));
        let answer = request.request_async(&self.way).await.map_err(of_exchange)?;
        let token = answer.id_token().ok_or_else(|| IdentityError::Refused("it sent no identity token".into()))?;
        Ok((token.to_string(), answer.access_token().secret().clone()))
    }

    /// What the provider tells beside the token. Its `sub` must be the token's: answers could be mixed up.
    async fn described(&self, address: &str, access_token: &str, subject: &str) -> Result<Claims, IdentityError> {
        let answer = self.way.get(address, Some(access_token)).await;
        let answer = answer.map_err(|cause| IdentityError::Away(format!("its userinfo: {}", chain(&cause))))?;
        let claims: Claims =
            serde_json::from_slice(&answer).map_err(|_| IdentityError::Refused("its userinfo is not readable".into()))?;
        if claims.text("sub") == Some(subject) {
            Ok(claims)
        } else {
            Err(IdentityError::Refused("its userinfo is of somebody else".into()))
        }
    }
}

fn redirect_url(text: &str) -> Result<RedirectUrl, IdentityError> {
    RedirectUrl::new(text.to_owned()).map_err(|_| IdentityError::Refused("the address to come back to is no URL".into()))
}

/// The provider's own words stay out: they may repeat what was sent.
fn of_exchange<R, T>(cause: RequestTokenError<R, T>) -> IdentityError
where
    R: std::error::Error + 'static,
    T: openidconnect::ErrorResponse + 'static,
{
    match cause {
        RequestTokenError::ServerResponse(_) => IdentityError::Refused("it does not take the code".into()),
        RequestTokenError::Request(cause) => IdentityError::Away(format!("its token endpoint: {}", chain(&cause))),
        RequestTokenError::Parse(cause, _) => IdentityError::Refused(format!("the answer of its token endpoint: {cause}")),
        RequestTokenError::Other(why) => IdentityError::Refused(why),
    }
}

#[async_trait]
impl IdentityProvider for Oidc {
    async fn depart(&self, redirect_uri: &str, secrets: &AttemptSecrets) -> Result<Departure, IdentityError> {
        let known = self.published.known(self.clock.now()).await?;
        let redirect = redirect_url(redirect_uri)?;
        let client =
            CoreClient::from_provider_metadata(known.metadata.clone(), self.client_id(), None).set_redirect_uri(redirect);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(secrets.verifier.clone()));
        let (state, nonce) = (CsrfToken::new(secrets.state.clone()), Nonce::new(secrets.nonce.clone()));
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce);
        // That one is always asked for.
        let scopes = self.registration.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let (url, ..) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(Departure { url, issuer: known.issuer().to_string() })
    }

    async fn check_issuer(&self, recorded: &str, given: Option<&str>) -> Result<(), IdentityError> {
        let known = self.published.known(self.clock.now()).await?;
        let always = known.more.authorization_response_iss_parameter_supported;
        match given {
            _ if known.issuer().as_str() != recorded => Err(IdentityError::Refused("it calls itself otherwise by now".into())),
            Some(given) if given == recorded => Ok(()),
            Some(_) => Err(IdentityError::Refused("another provider has answered (iss)".into())),
            None if always => Err(IdentityError::Refused("the answer does not say whose it is (iss)".into())),
            None => Ok(()),
        }
    }

    async fn arrive(&self, arrival: Arrival<'_>) -> Result<Person, IdentityError> {
        let known = self.published.known(self.clock.now()).await?;
        let (token, access_token) = self.exchange(&known, arrival).await?;
        let nonce = arrival.secrets.nonce.as_str();
        let claims = self.verified(&known, |expected| verify::id_token(&token, nonce, expected)).await?;
        let subject = claims.text("sub").unwrap_or_default().to_owned();
        let path = self.registration.groups_claim.as_str();
        let is_told =
            |claims: &Claims| claims.text("name").is_some() && claims.text("email").is_some() && claims.at(path).is_some();
        let more = match &known.more.userinfo_endpoint {
            Some(address) if !is_told(&claims) => self.described(address, &access_token, &subject).await?,
            _ => Claims::default(),
        };
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| claims.text(name).or_else(|| more.text(name)));
            found.map(str::to_owned)
        };
        Ok(Person {
            issuer: known.issuer().to_string(),
            provider_session: claims.text("sid").map(str::to_owned),
            name: text(&["name", "preferred_username", "nickname"]),
            email: text(&["email"]),
            email_verified: claims.is_true("email_verified") || more.is_true("email_verified"),
            groups: claims.groups(path).or_else(|| more.groups(path)),
            subject,
        })
    }

    async fn log_out(&self, return_to: &str) -> Option<Url> {
        let known = self.published.known(self.clock.now()).await.ok()?;
        let mut url = Url::parse(known.more.end_session_endpoint.as_deref()?).ok()?;
        // No identity token was kept to hint with; the client's name is the other way (RP-Initiated Logout 1.0, 2).
        url.query_pairs_mut()
            .append_pair("client_id", &self.registration.client_id)
            .append_pair("post_logout_redirect_uri", return_to);
        Some(url)
    }

    async fn notice(&self, logout_token: &str) -> Result<LogoutNotice, IdentityError> {
        let known = self.published.known(self.clock.now()).await?;
        self.verified(&known, |expected| verify::logout_token(logout_token, expected)).await
    }
}
