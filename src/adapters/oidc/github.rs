//! GitHub, which speaks OAuth 2 and no OpenID Connect: no identity token, no logout, no notices. Who somebody is says its API, asked with
//! the token that the code was exchanged for; the token is then forgotten. Built by wiring.

use async_trait::async_trait;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse, TokenUrl, basic::BasicClient,
};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use super::{Registration, http::Way, of_exchange};
use crate::{
    causes::chain,
    ports::identity::{Arrival, AttemptSecrets, Departure, GROUPS_MAX, IdentityError, IdentityProvider, LogoutNotice, Person},
};

/// Where everybody's GitHub is; another address is a GitHub Enterprise Server.
pub const ISSUER: &str = "https://github.com";
const API: &str = "https://api.github.com";
/// Groups are organisations and teams, which only those with this scope may see.
const SCOPE_OF_GROUPS: &str = "read:org";
const SCOPE_OF_ADDRESSES: &str = "user:email";

/// GitHub as a provider.
pub struct GitHub {
    registration: Registration,
    way: Way,
}

#[derive(Deserialize)]
struct User {
    /// Never given to anybody else; the login is.
    id: u64,
    login: String,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Organisation {
    login: String,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
    organization: Organisation,
}

impl GitHub {
    pub fn new(registration: Registration, way: Way) -> Self {
        Self { registration, way }
    }

    fn issuer(&self) -> &str {
        self.registration.issuer.trim_end_matches('/')
    }

    fn url<T>(&self, path: &str, made: impl Fn(String) -> Result<T, url::ParseError>) -> Result<T, IdentityError> {
        made(format!("{}{path}", self.issuer())).map_err(|_| IdentityError::Refused("its issuer is no URL".into()))
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, IdentityError> {
        let base = if self.issuer() == ISSUER { API.to_owned() } else { format!("{}/api/v3", self.issuer()) };
        let answer = self.way.get(&format!("{base}{path}"), Some(token)).await;
        let answer = answer.map_err(|cause| IdentityError::Away(format!("its API: {}", chain(&cause))))?;
        serde_json::from_slice(&answer).map_err(|_| IdentityError::Away(format!("what {path} answers is not readable")))
    }

    fn asks_for(&self, scope: &str) -> bool {
        self.registration.scopes.iter().any(|it| it == scope)
    }

    /// `org` for each organisation and `org/team` for each team. `None` if they were not asked for.
    async fn groups(&self, token: &str) -> Result<Option<Vec<String>>, IdentityError> {
        if !self.asks_for(SCOPE_OF_GROUPS) {
            return Ok(None);
        }
        let organisations: Vec<Organisation> = self.ask("/user/orgs?per_page=100", token).await?;
        let teams: Vec<Team> = self.ask("/user/teams?per_page=100", token).await?;
        let teams = teams.into_iter().map(|team| format!("{}/{}", team.organization.login, team.slug));
        Ok(Some(organisations.into_iter().map(|it| it.login).chain(teams).take(GROUPS_MAX).collect()))
    }

    async fn email(&self, token: &str, public: Option<String>) -> Result<Option<String>, IdentityError> {
        if !self.asks_for(SCOPE_OF_ADDRESSES) {
            return Ok(public);
        }
        let all: Vec<Address> = self.ask("/user/emails", token).await?;
        Ok(all.into_iter().find(|one| one.primary && one.verified).map(|one| one.email))
    }
}

#[async_trait]
impl IdentityProvider for GitHub {
    async fn depart(&self, redirect_uri: &str, secrets: &AttemptSecrets) -> Result<Departure, IdentityError> {
        let client = BasicClient::new(ClientId::new(self.registration.client_id.clone()))
            .set_auth_uri(self.url("/login/oauth/authorize", AuthUrl::new)?)
            .set_redirect_uri(redirect(redirect_uri)?);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(secrets.verifier.clone()));
        let state = CsrfToken::new(secrets.state.clone());
        let scopes = self.registration.scopes.iter().cloned().map(Scope::new);
        let (url, _) = client.authorize_url(move || state).add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(Departure { url, issuer: self.issuer().to_owned() })
    }

    async fn check_issuer(&self, recorded: &str, given: Option<&str>) -> Result<(), IdentityError> {
        if recorded == self.issuer() && given.is_none_or(|given| given == recorded) {
            return Ok(());
        }
        Err(IdentityError::Refused("another provider has answered (iss)".into()))
    }

    async fn arrive(&self, arrival: Arrival<'_>) -> Result<Person, IdentityError> {
        let mut client = BasicClient::new(ClientId::new(self.registration.client_id.clone()))
            .set_token_uri(self.url("/login/oauth/access_token", TokenUrl::new)?)
            .set_redirect_uri(redirect(arrival.redirect_uri)?);
        if let Some(secret) = &self.registration.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.clone()));
        }
        let request = client.exchange_code(AuthorizationCode::new(arrival.code.to_owned()));
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(arrival.secrets.verifier.clone()));
        let answer = request.request_async(&self.way).await.map_err(of_exchange)?;
        let token = answer.access_token().secret();
        let user: User = self.ask("/user", token).await?;
        Ok(Person {
            issuer: self.issuer().to_owned(),
            subject: user.id.to_string(),
            provider_session: None,
            name: Some(user.name.filter(|name| !name.is_empty()).unwrap_or(user.login)),
            // Asked for by that scope, only one that GitHub has verified is taken; what a profile shows may be anybody's.
            email_verified: self.asks_for(SCOPE_OF_ADDRESSES),
            email: self.email(token, user.email).await?,
            groups: self.groups(token).await?,
        })
    }

    async fn log_out(&self, _: &str) -> Option<Url> {
        None
    }

    async fn notice(&self, _: &str) -> Result<LogoutNotice, IdentityError> {
        Err(IdentityError::Unsupported)
    }
}

fn redirect(text: &str) -> Result<RedirectUrl, IdentityError> {
    super::redirect_url(text)
}
