//! Registering, changing and deleting webhooks and their secrets. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path, Payload as Body, ReqData},
};

use crate::{
    api::{
        http::{body, error::Problem, precondition, query},
        v1::dto::webhook::{FilterDto, RotateInput, WebhookInput, WebhookPatch, WebhookWritten},
    },
    app::{
        Caller,
        error::short,
        webhooks::{Changed, Registration, Webhooks, bad},
    },
    commands::WebhookAction,
    domain::{
        memory::MemoryType,
        webhook::{Draft, Filter, Payload, Reason},
    },
};

const BODY_BYTES_MAX: usize = 64 * 1_024;

/// `POST /api/v1/webhooks`: 201 with the secret.
pub async fn register(
    request: HttpRequest,
    payload: Body,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let input: WebhookInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let new = registration(input)?;
    let changed = webhooks.register(&caller, precondition::write_options(&request)?, new).await?;
    Ok(answer(changed, StatusCode::CREATED))
}

/// `PATCH /api/v1/webhooks/{id}`: changes what it names; `active` switches on and off.
pub async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Body,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let mut patch: WebhookPatch = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let filter = patch.filter.take().map(filter).transpose()?;
    let payload = patch.payload.as_deref().map(payload_of).transpose()?;
    let active = patch.active;
    let update = (patch.into_patch(filter, payload), active);
    let changed = webhooks.update(&caller, precondition::write_options(&request)?, id, update).await?;
    Ok(answer(changed, StatusCode::OK))
}

/// `DELETE /api/v1/webhooks/{id}`: nothing more is sent, not even what is pending.
pub async fn delete(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    change(&request, &path, WebhookAction::Delete, (&caller, &webhooks)).await
}

/// `POST …/{id}/enable`: what was pending is sent now.
pub async fn enable(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    change(&request, &path, WebhookAction::Enable, (&caller, &webhooks)).await
}

/// `POST …/{id}/disable`: events from now on are not delivered; what is pending waits.
pub async fn disable(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    change(&request, &path, WebhookAction::Disable(Reason::Asked), (&caller, &webhooks)).await
}

/// `POST …/{id}/secret/revoke`: older secrets sign no more.
pub async fn revoke(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    change(&request, &path, WebhookAction::Revoke, (&caller, &webhooks)).await
}

/// `POST …/{id}/secret/rotate`: a new secret, beside which the old ones sign for a while.
pub async fn rotate(
    request: HttpRequest,
    path: Path<String>,
    payload: Body,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RotateInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let wanted = (input.secret.as_deref(), input.overlap_h);
    let changed = webhooks.rotate(&caller, precondition::write_options(&request)?, id, wanted).await?;
    Ok(answer(changed, StatusCode::OK))
}

async fn change(
    request: &HttpRequest,
    path: &str,
    action: WebhookAction,
    (caller, webhooks): (&Caller, &Webhooks),
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(path)?;
    let changed = webhooks.change(caller, precondition::write_options(request)?, id, action).await?;
    Ok(answer(changed, StatusCode::OK))
}

fn answer(changed: Changed, status: StatusCode) -> HttpResponse {
    let Changed { done, secret } = changed;
    let mut answer = HttpResponse::build(status);
    if secret.is_some() {
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
    }
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    answer.insert_header(etag).json(WebhookWritten { webhook: done.record.into(), secret, position: done.position.0 })
}

fn registration(input: WebhookInput) -> Result<Registration, Problem> {
    let draft = Draft {
        url: query::named("url", input.url)?,
        description: input.description,
        events: input.events,
        filter: filter(input.filter)?,
        payload: input.payload.as_deref().map_or(Ok(Payload::Full), payload_of)?,
        headers: input.headers,
        retry: input.retry_config.into(),
        concurrency: input.concurrency,
        rate_per_s: input.rate_per_s,
        ordered: input.ordered,
    };
    Ok(Registration { draft, secret: input.secret, asymmetric: input.asymmetric, active: input.active.unwrap_or(true) })
}

fn filter(dto: FilterDto) -> Result<Filter, Problem> {
    let kind = |text: String| {
        MemoryType::parse(&text).ok_or_else(|| {
            let detail = "memory_types holds semantic, episodic and procedural".to_owned();
            bad("filter.memory_types", detail).at("filter.memory_types", None, Some(short(&text).into()))
        })
    };
    let memory_types = dto.memory_types.into_iter().map(kind).collect::<Result<_, _>>()?;
    Ok(Filter { tags: dto.tags, memory_types, importance_min: dto.importance_min })
}

fn payload_of(text: &str) -> Result<Payload, Problem> {
    match text {
        "full" => Ok(Payload::Full),
        "thin" => Ok(Payload::Thin),
        other => Err(bad("payload", format!("payload is full or thin, not {:?}", short(other))).into()),
    }
}
