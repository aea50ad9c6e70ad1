//! Reading webhooks, their secrets and their health, and sending them a test. Called by the routes.

use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::write::SECRET_PREFIX;
use crate::{
    api::{
        ApiState,
        auth::Identity,
        body,
        dto::webhook::{AttemptView, HealthAnswer, SecretsAnswer, WebhookPage, WebhookView},
        error::Problem,
        freshness, precondition, query,
    },
    domain::{ids::WebhookId, webhook::place},
    ports::webhooks::WebhookRecord,
    queries::{
        WEBHOOKS,
        webhooks::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

/// Over which time an endpoint's health is judged.
const HEALTH_HOURS: i64 = 24;

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetQuery {
    min_position: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    min_position: Option<u64>,
}

/// `GET /api/v1/webhooks/{id}`, with its ETag.
pub async fn get(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let asked: GetQuery = query::parse(&request)?;
    let record = living(&state, &identity, id, asked.min_position).await?;
    let revision = record.revision;
    precondition::unless_known(&request, Some(revision), || body::written(&WebhookView::from(record)))
}

/// `GET /api/v1/webhooks`: in the order of their ids.
pub async fn list(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: ListQuery = query::parse(&request)?;
    let limit = query::limit(asked.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = asked.cursor.as_deref().map(|text| precondition::uuid("cursor", text)).transpose()?.map(WebhookId);
    freshness::wait_for(&state, &identity, WEBHOOKS, asked.min_position).await?;
    let (rows, next) = webhooks::list(&identity.0.space, limit, after, &*state.webhooks.reads).await?;
    let webhooks = rows.into_iter().map(WebhookView::from).collect();
    Ok(HttpResponse::Ok().json(WebhookPage { webhooks, next_cursor: next.map(|id| id.to_string()) }))
}

/// `GET …/{id}/secret`: the secrets that sign now.
pub async fn secret(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let record = living(&state, &identity, precondition::webhook_id(&path)?, None).await?;
    let signing = record.webhook.secrets.iter().filter(|secret| secret.signs_at(state.clock.now()));
    let public_keys = signing.filter_map(|secret| Some(secret.asymmetric.as_ref()?.public.clone())).collect();
    let secrets = secrets(&state, &identity, &record)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(SecretsAnswer { secrets, public_keys }))
}

/// `GET …/{id}/health`.
pub async fn health(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let record = living(&state, &identity, precondition::webhook_id(&path)?, None).await?;
    let now = state.clock.now();
    let since = now - TimeDelta::hours(HEALTH_HOURS);
    let health = state.webhooks.reads.health(&identity.0.space, record.id, since).await?;
    Ok(HttpResponse::Ok().json(HealthAnswer::new(record.webhook.is_active(), health, now)))
}

/// `POST …/{id}/test`: sends a `webhook.test` now and answers what came of it; nothing is written down and nothing retried.
pub async fn test(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let record = living(&state, &identity, precondition::webhook_id(&path)?, None).await?;
    let (event_id, now) = (state.ids.command_id().to_string(), state.clock.now());
    let event = json!({
        "specversion": "1.0", "id": event_id, "source": format!("/spaces/{}", identity.0.space), "type": "webhook.test",
        "subject": format!("webhook/{}", record.id), "time": now, "timestamp": now, "datacontenttype": "application/json",
        "data": {"webhook": {"id": record.id, "description": record.webhook.config.description}},
    });
    let attempt = state.webhooks.prober.probe(&identity.0.space, record, (&event_id, event.to_string())).await;
    let attempt = attempt.map_err(|why| Problem::new("secrets.unsealable", why))?;
    Ok(HttpResponse::Ok().json(AttemptView::from(attempt)))
}

/// The webhook, unless there is none or it is deleted.
pub(super) async fn living(
    state: &ApiState,
    identity: &Identity,
    id: WebhookId,
    min_position: Option<u64>,
) -> Result<WebhookRecord, Problem> {
    freshness::wait_for(state, identity, WEBHOOKS, min_position).await?;
    match state.webhooks.reads.get(&identity.0.space, id).await? {
        None => Err(Problem::new("webhook.not_found", "there is no webhook with this id")),
        Some(record) if record.webhook.deleted_at.is_some() => {
            Err(Problem::new("webhook.deleted", "the webhook is deleted; register it anew"))
        }
        Some(record) => Ok(record),
    }
}

/// The secrets that sign now, newest first, as their owner writes them down.
pub(super) fn secrets(state: &ApiState, identity: &Identity, record: &WebhookRecord) -> Result<Vec<String>, Problem> {
    let place = place(&identity.0.space, record.id, "secret");
    let signing = record.webhook.secrets.iter().filter(|secret| secret.signs_at(state.clock.now()));
    let open = |secret: &crate::domain::webhook::Secret| {
        let key = state.webhooks.vault.unseal(&place, &secret.sealed)?;
        Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
    };
    signing.map(open).collect()
}
