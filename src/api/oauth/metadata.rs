//! What describes us to clients that have never heard of us: as a server that gives tokens, as one that takes them, and the keys. Called by the
//! routes; needs no credential.

use actix_web::{HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    api::http::error::Problem,
    app::oauth::Oauth,
    domain::{access::Scope, delegation::SigningKey},
};

/// How long the keys may be kept by those who verify, in seconds; a key signs only a minute after it was made.
const KEYS_KEPT: &str = "public, max-age=60";

/// RFC 8414, 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServerMetadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub device_authorization_endpoint: String,
    pub revocation_endpoint: String,
    pub jwks_uri: String,
    pub scopes_supported: Vec<String>,
    pub response_types_supported: Vec<String>,
    pub response_modes_supported: Vec<String>,
    pub grant_types_supported: Vec<String>,
    pub token_endpoint_auth_methods_supported: Vec<String>,
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    pub code_challenge_methods_supported: Vec<String>,
    pub authorization_response_iss_parameter_supported: bool,
    pub service_documentation: String,
}

/// RFC 9728, 2.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<String>,
    scopes_supported: Vec<String>,
    bearer_methods_supported: Vec<String>,
    resource_name: String,
    resource_documentation: String,
}

/// RFC 7517, 5.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// The public half of a key (RFC 8037, 2).
#[derive(Serialize, utoipa::ToSchema)]
struct PublicKey {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    #[serde(rename = "use")]
    for_what: String,
    alg: String,
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn scopes() -> Vec<String> {
    words(Scope::ALL.map(Scope::as_str))
}

/// `GET /.well-known/oauth-authorization-server`.
pub async fn server(oauth: web::Data<Oauth>) -> Result<HttpResponse, Problem> {
    let issuer = oauth.tokens.issuer()?;
    let at = |path: &str| format!("{issuer}{path}");
    Ok(HttpResponse::Ok().json(ServerMetadata {
        authorization_endpoint: at("/oauth/authorize"),
        token_endpoint: at("/oauth/token"),
        device_authorization_endpoint: at("/oauth/device_authorization"),
        revocation_endpoint: at("/oauth/revoke"),
        jwks_uri: at("/.well-known/jwks.json"),
        scopes_supported: scopes(),
        response_types_supported: words(["code"]),
        response_modes_supported: words(["query"]),
        grant_types_supported: words(super::token::GRANT_TYPES),
        token_endpoint_auth_methods_supported: words(["none"]),
        revocation_endpoint_auth_methods_supported: words(["none"]),
        code_challenge_methods_supported: words(["S256"]),
        authorization_response_iss_parameter_supported: true,
        service_documentation: at("/docs"),
        issuer,
    }))
}

/// `GET /.well-known/oauth-protected-resource`.
pub async fn resource(oauth: web::Data<Oauth>) -> Result<HttpResponse, Problem> {
    let issuer = oauth.tokens.issuer()?;
    Ok(HttpResponse::Ok().json(ResourceMetadata {
        authorization_servers: vec![issuer.clone()],
        scopes_supported: scopes(),
        bearer_methods_supported: words(["header"]),
        resource_name: "Second Brain".into(),
        resource_documentation: format!("{issuer}/docs"),
        resource: issuer,
    }))
}

/// `GET /.well-known/jwks.json`.
pub async fn keys(oauth: web::Data<Oauth>) -> HttpResponse {
    let public = |key: &SigningKey| PublicKey {
        kty: "OKP".into(),
        crv: "Ed25519".into(),
        x: URL_SAFE_NO_PAD.encode(key.public),
        kid: key.id.clone(),
        for_what: "sig".into(),
        alg: "EdDSA".into(),
    };
    let keys = oauth.delegations.keys().iter().map(|key| public(key)).collect();
    HttpResponse::Ok().insert_header(("Cache-Control", KEYS_KEPT)).json(KeySet { keys })
}
