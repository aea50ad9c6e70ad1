//! The endpoints that programs ask by forms: tokens, revocation, the beginning of a device flow. Called by the routes. Refusals have the shape
//! of RFC 6749, 5.2, whatever they are of; nothing here is ever kept by a cache.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        http::{auth::address, body, limits::Limits},
        login::visitor,
    },
    app::oauth::{Fault, Given, INTERVAL_S, Oauth, Refusal, TOKEN_S, scope_text},
};

const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const GRANT_TYPES: [&str; 3] = [CODE, REFRESH, DEVICE];
/// Largest form, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1_024;
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// Tokens (RFC 6749, 5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenAnswer {
    /// Goes as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token is over.
    pub expires_in: i64,
    /// Good once, for new tokens.
    pub refresh_token: String,
    /// With blanks in between.
    pub scope: String,
    /// The space that they open; all that their person belongs to when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
}

/// What a waiting device shows and asks by (RFC 8628, 3.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceAnswer {
    pub device_code: String,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
    pub expires_in: i64,
    pub interval: i64,
}

/// A refusal (RFC 6749, 5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OauthProblem {
    pub error: String,
    pub error_description: String,
}

/// What is sent for tokens. Each field stands once; which are needed follows from `grant_type`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "it describes fields that are read by hand, and refused in the standard's words")]
pub struct TokenForm {
    /// `authorization_code`, `refresh_token` or `urn:ietf:params:oauth:grant-type:device_code`.
    grant_type: String,
    client_id: String,
    code: Option<String>,
    /// As it was when the code was asked for.
    redirect_uri: Option<String>,
    /// 43 to 128 characters (RFC 7636).
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    /// With a refresh token: fewer scopes than it has.
    scope: Option<String>,
    device_code: Option<String>,
    /// The address of this server (RFC 8707).
    resource: Option<String>,
}

/// What is given back.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "as for TokenForm")]
pub struct RevocationForm {
    /// An access token or a refresh token.
    token: String,
    client_id: String,
    token_type_hint: Option<String>,
}

/// What a device begins with.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "as for TokenForm")]
pub struct DeviceForm {
    client_id: String,
    /// With blanks in between; those of a reader when absent.
    scope: Option<String>,
    resource: Option<String>,
}

/// A form, each field once; an empty field is none.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Self, HttpResponse> {
        let bad = |detail: &str| refused(&Refusal::new(Fault::InvalidRequest, detail));
        if request.headers().contains_key(header::AUTHORIZATION) {
            let refusal =
                Refusal::new(Fault::InvalidClient, "clients keep no secret here: send client_id in the form, and no credential");
            let mut answer = refused(&refusal);
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"brain\""));
            return Err(answer);
        }
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM_TYPE) {
            return Err(bad("send a form, as application/x-www-form-urlencoded"));
        }
        let fields = body::form(request, payload, FORM_BYTES_MAX).await.map_err(|problem| bad(&problem.detail))?;
        let is_twice = |index: usize, name: &str| fields[..index].iter().any(|(other, _)| other == name);
        if fields.iter().enumerate().any(|(index, (name, _))| is_twice(index, name)) {
            return Err(bad("a field is given twice"));
        }
        Ok(Self(fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::new(Fault::InvalidRequest, format!("{name} is missing")))
    }
}

/// `POST /oauth/token`.
pub async fn token(
    request: HttpRequest,
    payload: web::Payload,
    oauth: web::Data<Oauth>,
    limits: web::Data<Limits>,
) -> HttpResponse {
    let form = match Form::read(&request, payload).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    match given(&request, &form, &oauth).await {
        Ok(given) => quiet(StatusCode::OK).json(answer(given)),
        // Guesses count, as those at keys do.
        Err(refusal) if refusal.fault == Fault::InvalidGrant => match limits.failure(address(&request)) {
            Ok(()) => refused(&refusal),
            Err(_) => too_many(),
        },
        Err(refusal) => refused(&refusal),
    }
}

async fn given(request: &HttpRequest, form: &Form, oauth: &Oauth) -> Result<Given, Refusal> {
    let (kind, client, visitor) = (form.need("grant_type")?, form.need("client_id")?, visitor(request));
    oauth.check_resource(form.get("resource"))?;
    match kind {
        CODE => {
            let proof = (client, form.need("redirect_uri")?, form.need("code_verifier")?);
            oauth.exchange(form.need("code")?, proof, visitor).await
        }
        REFRESH => oauth.refresh(form.need("refresh_token")?, client, form.get("scope"), visitor).await,
        DEVICE => oauth.poll_device(form.need("device_code")?, client, visitor).await,
        _ => Err(Refusal::new(Fault::UnsupportedGrantType, format!("grant_type takes {}", GRANT_TYPES.join(", ")))),
    }
}

fn answer(given: Given) -> TokenAnswer {
    let Given { access_token, refresh_token, scopes, space } = given;
    let (token_type, scope, space) = ("Bearer".into(), scope_text(scopes), space.map(|space| space.to_string()));
    TokenAnswer { access_token, token_type, expires_in: TOKEN_S, refresh_token, scope, space }
}

/// `POST /oauth/revoke`.
pub async fn revoke(request: HttpRequest, payload: web::Payload, oauth: web::Data<Oauth>) -> HttpResponse {
    let form = match Form::read(&request, payload).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let revoked = async { oauth.revoke(form.need("token")?, form.need("client_id")?).await };
    match revoked.await {
        Ok(()) => quiet(StatusCode::OK).json(serde_json::json!({})),
        Err(refusal) => refused(&refusal),
    }
}

/// `POST /oauth/device_authorization`.
pub async fn device(request: HttpRequest, payload: web::Payload, oauth: web::Data<Oauth>) -> HttpResponse {
    let form = match Form::read(&request, payload).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let begun = async {
        oauth.check_resource(form.get("resource"))?;
        oauth.begin_device(form.need("client_id")?, form.get("scope"), visitor(&request)).await
    };
    match begun.await {
        Ok(begun) => quiet(StatusCode::OK).json(DeviceAnswer {
            verification_uri_complete: format!("{}?user_code={}", begun.verification_uri, begun.user_code),
            device_code: begun.device_code,
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            expires_in: begun.expires_in_s,
            interval: INTERVAL_S,
        }),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let status = match refusal.fault {
        Fault::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut answer = quiet(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.insert_header((header::RETRY_AFTER, "1"));
    }
    answer.json(OauthProblem { error: refusal.fault.as_str().into(), error_description: refusal.description.clone() })
}

fn too_many() -> HttpResponse {
    let error_description = "too many credentials that open nothing have come from this address; come again in a while".into();
    let problem = OauthProblem { error: Fault::TemporarilyUnavailable.as_str().into(), error_description };
    quiet(StatusCode::TOO_MANY_REQUESTS).insert_header((header::RETRY_AFTER, "1")).json(problem)
}

fn quiet(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache"));
    answer
}
