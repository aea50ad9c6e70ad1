//! API keys of the caller's space. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload, ReqData},
};
use futures::future::join_all;

use super::{BODY_BYTES_MAX, chosen, with_secret};
use crate::{
    api::{
        http::{body, error::Problem, precondition::uuid, query::named},
        v1::dto::access::{ApiKeyView, KeyInput, KeyList, KeyWritten, RotateKeyInput},
    },
    app::{
        self, Caller,
        access::{Access, Expiry, NewKey},
    },
    domain::{
        access::{Key, Scope},
        ids::{KeyId, PrincipalId},
    },
};

/// `GET /api/v1/keys`.
pub async fn list(caller: ReqData<Caller>, access: Data<Access>) -> HttpResponse {
    let keys = access.keys(&caller);
    // Asked at once: each is one question to the stream.
    let views = join_all(keys.iter().map(|key| view(key, &access))).await;
    HttpResponse::Ok().json(KeyList { keys: views })
}

/// The key, with when it was last used.
async fn view(key: &Key, access: &Access) -> ApiKeyView {
    ApiKeyView { last_used_at: access.last_use.of(key.id).await, ..ApiKeyView::from(key) }
}

/// `GET /api/v1/keys/{id}`.
pub async fn get(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    let key = access.key(&caller, id(&path)?)?;
    Ok(HttpResponse::Ok().json(view(&key, &access).await))
}

/// `POST /api/v1/keys`: 201 with the secret.
pub async fn issue(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let input: KeyInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let expires = match (input.expires_at, input.expires_in_s) {
        (Some(_), Some(_)) => {
            let refused = app::Error::new("access.invalid_field", "expires_at and expires_in_s say the same; give one");
            return Err(refused.at("expires_in_s", None, None).into());
        }
        (at, seconds) => at.map(Expiry::At).or(seconds.map(Expiry::InS)),
    };
    let scopes = input.scopes.map(|texts| texts.iter().map(|text| scope(text)).collect()).transpose()?;
    let new = NewKey { label: named("label", input.label)?, scopes, principal: input.principal.map(PrincipalId), expires };
    Ok(with_secret(StatusCode::CREATED, KeyWritten::from(access.issue_key(&caller, new).await?)))
}

/// `POST /api/v1/keys/{id}/rotate`: with the new secret.
pub async fn rotate(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    let input: RotateKeyInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let made = access.rotate_key(&caller, id, input.grace_s.unwrap_or_default()).await?;
    Ok(with_secret(StatusCode::OK, KeyWritten::from(made)))
}

/// `DELETE /api/v1/keys/{id}`.
pub async fn revoke(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(ApiKeyView::from(&access.revoke_key(&caller, id(&path)?).await?)))
}

fn id(text: &str) -> Result<KeyId, Problem> {
    uuid("id", text).map(KeyId)
}

fn scope(text: &str) -> Result<Scope, Problem> {
    chosen(Scope::parse(text), ("scopes", text), format!("a scope is one of {}", Scope::ALL.map(Scope::as_str).join(", ")))
}
