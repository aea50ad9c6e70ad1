//! Reading webhooks, their secrets and their health, and sending them a test. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path, ReqData},
};
use serde::Deserialize;

use crate::{
    api::{
        http::{error::Problem, kept, precondition, query},
        v1::dto::{
            delivery::{AttemptView, HealthAnswer},
            webhook::{SecretsAnswer, WebhookPage, WebhookView},
        },
    },
    app::{
        Caller,
        webhooks::{Secrets, Webhooks},
    },
    domain::ids::WebhookId,
    queries::webhooks::LIMIT_MAX,
};

/// How new the webhook is that is shown.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct GetQuery {
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

/// Where the page begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Webhooks of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<uuid::Uuid>)]
    cursor: Option<String>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

pub(super) fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

/// `GET /api/v1/webhooks/{id}`, with its ETag.
pub async fn get(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let asked: GetQuery = query::parse(&request)?;
    let record = webhooks.get(&caller, id, asked.min_position).await?;
    let revision = record.revision;
    precondition::unless_known(&request, Some(revision), || Ok(kept::json(&WebhookView::from(record))?))
}

/// `GET /api/v1/webhooks`: in the order of their ids.
pub async fn list(request: HttpRequest, caller: ReqData<Caller>, webhooks: Data<Webhooks>) -> Result<HttpResponse, Problem> {
    let asked: ListQuery = query::parse(&request)?;
    let after = asked.cursor.as_deref().map(|text| precondition::uuid("cursor", text)).transpose()?.map(WebhookId);
    let (rows, next) = webhooks.list(&caller, (asked.limit, after), asked.min_position).await?;
    let webhooks = rows.into_iter().map(WebhookView::from).collect();
    Ok(HttpResponse::Ok().json(WebhookPage { webhooks, next_cursor: next.map(|id| id.to_string()) }))
}

/// `GET …/{id}/secret`: the secrets that sign now.
pub async fn secret(path: Path<String>, caller: ReqData<Caller>, webhooks: Data<Webhooks>) -> Result<HttpResponse, Problem> {
    let Secrets { secrets, public_keys } = webhooks.secrets(&caller, precondition::webhook_id(&path)?).await?;
    let private = (header::CACHE_CONTROL, "no-store");
    Ok(HttpResponse::Ok().insert_header(private).json(SecretsAnswer { secrets, public_keys }))
}

/// `GET …/{id}/health`.
pub async fn health(path: Path<String>, caller: ReqData<Caller>, webhooks: Data<Webhooks>) -> Result<HttpResponse, Problem> {
    let standing = webhooks.health(&caller, precondition::webhook_id(&path)?).await?;
    Ok(HttpResponse::Ok().json(HealthAnswer::from(standing)))
}

/// `POST …/{id}/test`: sends a `webhook.test` now and answers what came of it; nothing is written down and nothing retried.
pub async fn test(path: Path<String>, caller: ReqData<Caller>, webhooks: Data<Webhooks>) -> Result<HttpResponse, Problem> {
    let attempt = webhooks.test(&caller, precondition::webhook_id(&path)?).await?;
    Ok(HttpResponse::Ok().json(AttemptView::from(attempt)))
}
