//! Who may be told live: a short-lived token (JWT, HS256 under the instance's master key) or an API key. Called by the sockets.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, dev::ServiceRequest, web};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use uuid::Uuid;

use super::Live;
use crate::{
    api::http::{
        auth::{self, Authenticator},
        body,
        error::Problem,
        route::Who,
        session,
    },
    app::{self, Caller, access::secret::sha256_hex, oauth::Tokens, sessions::Sessions},
    domain::{
        access::{Credential, Scope, ScopeSet},
        ids::{KeyId, PrincipalId, SpaceId, Timestamp},
    },
    fanout::live::session::{AuthError, Authority, Subscriber},
    ports::{
        AccessDirectory, Clock,
        webhooks::{Vault, VaultError},
    },
};

const TTL_S_DEFAULT: i64 = 900;
const TTL_S_MAX: i64 = 3_600;
const BODY_BYTES_MAX: usize = 1_024;
/// What the token's key is made for, so that no other use of the master key can be confused with it.
const PURPOSE: &str = "live connection token";
const AUDIENCE: &str = "brain-live";
/// The parameter of a stream's address that holds a live token.
pub(in crate::api) const TOKEN: &str = "token";

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: PrincipalId,
    aud: String,
    space: SpaceId,
    /// The API key, the session or the delegation that asked for it: when that is over, so is this. One of them is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation: Option<Uuid>,
    iat: i64,
    exp: i64,
}

/// How long the token is to be good for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenInput {
    /// 1 to 3,600 seconds; 900 when absent.
    #[schema(minimum = 1, maximum = 3600)]
    pub ttl_s: Option<i64>,
}

/// A token for the first frame of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenAnswer {
    pub token: String,
    pub expires_at: DateTime<chrono::Utc>,
}

/// Admits by token or key.
#[derive(Clone)]
pub struct LiveAuth {
    pub directory: Arc<dyn AccessDirectory>,
    pub sessions: Arc<Sessions>,
    pub clock: Arc<dyn Clock>,
    pub vault: Arc<dyn Vault>,
    pub tokens: Arc<Tokens>,
}

impl LiveAuth {
    fn issue(&self, caller: &Caller, ttl_s: i64) -> Result<TokenAnswer, app::Error> {
        let now = self.clock.now();
        let (key, session, delegation) = match caller.credential() {
            Credential::Key(key) => (Some(key), None, None),
            Credential::Session(session) => (None, Some(session), None),
            Credential::Token(delegation) => (None, None, Some(delegation)),
        };
        let expires_at = now + TimeDelta::seconds(ttl_s);
        let claims = Claims {
            sub: caller.principal(),
            aud: AUDIENCE.to_owned(),
            space: caller.space().clone(),
            key,
            session,
            delegation,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let secret = self.vault.derive(PURPOSE)?;
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&secret));
        let token = token.map_err(|cause| app::Error::new("internal", "no token can be made").logged(&cause))?;
        Ok(TokenAnswer { token, expires_at })
    }

    fn by_token(&self, token: &str) -> Result<Subscriber, AuthError> {
        let secrets = self.vault.derive_all(PURPOSE).map_err(|_: VaultError| AuthError::Invalid)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        // By our own clock, below.
        validation.validate_exp = false;
        // One that was issued before the master key was rotated is good until it is over.
        let read = |secret| jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(secret), &validation).ok();
        let claims = secrets.iter().find_map(|secret| read(secret)).ok_or(AuthError::Invalid)?.claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(AuthError::Invalid)?;
        if expires_at <= self.clock.now() {
            return Err(AuthError::Expired);
        }
        let Claims { key, session, delegation, space, .. } = claims;
        let by = key.map(Credential::Key).or(session.map(Credential::Session)).or(delegation.map(Credential::Token));
        let caller = self.reader(by.ok_or(AuthError::Invalid)?, &space).ok_or(AuthError::Invalid)?;
        Ok(Subscriber { expires_at: Some(expires_at), ..subscriber(&caller) })
    }

    /// Who holds an access token, in the first space that it opens; they may stay until it ends.
    fn by_access_token(&self, token: &str) -> Result<Subscriber, AuthError> {
        let bearer = self.tokens.open(token).map_err(|_| AuthError::Invalid)?;
        let caller = self.tokens.caller(&bearer, None).map_err(|_| AuthError::Invalid)?;
        let caller = Some(caller).filter(|caller| caller.may(Scope::MemoryRead)).ok_or(AuthError::Invalid)?;
        Ok(Subscriber { expires_at: Some(bearer.expires_at), ..subscriber(&caller) })
    }

    /// Who holds the key, the session or the delegation, if they may still read in the space by it.
    fn reader(&self, by: Credential, space: &SpaceId) -> Option<Caller> {
        let caller = match by {
            Credential::Key(key) => Caller::of_key(&*self.directory.key(key)?, &*self.directory, self.clock.now())?,
            Credential::Session(session) => Caller::of_session(&self.sessions.get(session)?, space, &*self.directory)?,
            Credential::Token(id) => {
                let delegation = self.tokens.delegations.get(id)?;
                let scopes = ScopeSet::of(&delegation.scopes);
                Caller::of_delegation(&delegation, scopes, space, &*self.directory)?
            }
        };
        caller.may(Scope::MemoryRead).then_some(caller)
    }

    pub(super) fn authenticator(&self) -> Authenticator {
        let (directory, clock, tokens) = (self.directory.clone(), self.clock.clone(), Some(self.tokens.clone()));
        Authenticator { directory, clock, tokens }
    }
}

pub(super) fn subscriber(caller: &Caller) -> Subscriber {
    let (space, user) = (caller.space().clone(), caller.principal().to_string());
    Subscriber { space, user, by: caller.credential(), expires_at: None }
}

/// Who opens a stream: as everywhere else by a key, or by a live token as bearer or as the parameter `token`, because a browser's
/// `EventSource` sends no headers of ours. A key in an address would be in every log on the way and is not looked at.
pub(in crate::api) fn authenticate_stream(
    authenticator: &Authenticator,
    request: &ServiceRequest,
    who: Who,
) -> Result<(), Problem> {
    let headers = request.headers();
    let by_token = |token: &str| {
        let Some(live) = request.app_data::<web::Data<Live>>() else { return Err(AuthError::Invalid) };
        let subscriber = live.auth.by_token(token)?;
        let caller = live.auth.reader(subscriber.by, &subscriber.space).ok_or(AuthError::Invalid)?;
        Ok((caller, subscriber))
    };
    let problem = |error: AuthError| match error {
        AuthError::Expired => Problem::new("auth.invalid_key", "this live token is over; ask for a new one"),
        AuthError::Invalid => Problem::new("auth.invalid_key", "this is no live token; a key does not stand in an address"),
    };
    let in_query = form_urlencoded::parse(request.query_string().as_bytes()).find(|(name, _)| name == TOKEN);
    let (caller, subscriber) = match (in_query, auth::secret(headers)) {
        (None, Err(refused)) => match session::authenticate(request, who)? {
            Some((caller, shown)) if !auth::shows_credential(headers) => {
                request.extensions_mut().insert(shown);
                let subscriber = subscriber(&caller);
                (caller, subscriber)
            }
            _ => return Err(refused),
        },
        (Some(_), Ok(_)) => {
            let detail = "who asks stands in a header or in the address, not in both";
            return Err(Problem::new("request.invalid_query", detail).at(TOKEN, None, None));
        }
        (Some((_, token)), Err(_)) => {
            let (caller, subscriber) = by_token(&token).map_err(problem)?;
            (auth::authorize(caller, headers, who)?, subscriber)
        }
        (None, Ok(secret)) => match std::str::from_utf8(secret).map_err(|_| AuthError::Invalid).and_then(by_token) {
            Ok((caller, subscriber)) => (auth::authorize(caller, headers, who)?, subscriber),
            Err(AuthError::Expired) => return Err(problem(AuthError::Expired)),
            Err(AuthError::Invalid) => {
                let caller = authenticator.authenticate(headers, who)?;
                let end = std::str::from_utf8(secret).ok().and_then(|token| authenticator.end_of(token));
                let subscriber = Subscriber { expires_at: end, ..subscriber(&caller) };
                (caller, subscriber)
            }
        },
    };
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(subscriber);
    Ok(())
}

impl Authority for LiveAuth {
    fn admit(&self, token: &str) -> Result<Subscriber, AuthError> {
        let by_key = self.authenticator().caller(&sha256_hex(token.as_bytes()));
        match by_key.filter(|caller| caller.may(Scope::MemoryRead)) {
            Some(caller) => Ok(subscriber(&caller)),
            None => self.by_token(token).or_else(|error| match error {
                AuthError::Expired => Err(error),
                AuthError::Invalid => self.by_access_token(token),
            }),
        }
    }

    fn still_admits(&self, subscriber: &Subscriber) -> bool {
        self.reader(subscriber.by, &subscriber.space).is_some()
    }

    fn ttl_s(&self, until: Timestamp) -> Option<u64> {
        u64::try_from((until - self.clock.now()).num_seconds()).ok()
    }
}

/// `POST /api/v1/live/token`.
pub async fn token(
    request: HttpRequest,
    payload: web::Payload,
    caller: web::ReqData<Caller>,
    live: web::Data<Live>,
) -> Result<HttpResponse, Problem> {
    let input: TokenInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let ttl_s = input.ttl_s.unwrap_or(TTL_S_DEFAULT);
    if !(1..=TTL_S_MAX).contains(&ttl_s) {
        let detail = format!("ttl_s is {ttl_s}; it goes from 1 to {TTL_S_MAX}");
        return Err(Problem::new("live.bad_parameter", detail).at("ttl_s", Some(TTL_S_MAX.into()), Some(ttl_s.into())));
    }
    let token = live.auth.issue(&caller, ttl_s)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(token))
}
