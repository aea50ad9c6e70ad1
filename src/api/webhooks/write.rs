//! Registering, changing and deleting webhooks and their secrets. Called by the routes; every write goes through [`crate::commands`].

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

use crate::{
    api::{
        ApiState,
        auth::Identity,
        body,
        dto::webhook::{FilterDto, RotateInput, WebhookInput, WebhookPatch, WebhookWritten},
        error::Problem,
        precondition, query,
    },
    commands::{self, Material, WebhookAction, WebhookDone, WebhookWish},
    domain::{
        ids::WebhookId,
        memory::MemoryType,
        webhook::{Draft, Filter, OVERLAP_H_DEFAULT, OVERLAP_H_MAX, Payload, Reason},
    },
};

const BODY_BYTES_MAX: usize = 64 * 1_024;
/// What stands before the bytes of a secret and of a public key (Standard Webhooks 1.0.0).
pub(super) const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";
/// Bytes of a secret that is made here, and those that a client's own may have.
const SECRET_BYTES: usize = 32;
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

/// `POST /api/v1/webhooks`: 201 with the secret.
pub async fn register(request: HttpRequest, payload: web::Payload, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let input: WebhookInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let url = query::named("url", input.url)?;
    admit(&state, &url)?;
    let secret = material(&state, input.secret.as_deref(), input.asymmetric)?;
    let draft = Draft {
        url,
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
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let id = WebhookId(command.seed.0);
    let active = input.active.unwrap_or(true);
    let done = run(&request, id, WebhookAction::Register { draft, secret, active }, command, (&identity, &state)).await?;
    answer(&state, &identity, done, StatusCode::CREATED, true)
}

/// `PATCH /api/v1/webhooks/{id}`: changes what it names; `active` switches on and off.
pub async fn patch(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let mut patch: WebhookPatch = body::of(&request, payload, BODY_BYTES_MAX).await?;
    if let Some(url) = &patch.url {
        admit(&state, url)?;
    }
    let filter = patch.filter.take().map(filter).transpose()?;
    let payload = patch.payload.as_deref().map(payload_of).transpose()?;
    let active = patch.active;
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let update = WebhookAction::Update(patch.into_patch(filter, payload));
    let mut done = run(&request, id, update, command, (&identity, &state)).await?;
    if let Some(active) = active {
        let switch = if active { WebhookAction::Enable } else { WebhookAction::Disable(Reason::Asked) };
        let caller = identity.caller();
        let wish = WebhookWish { caller, identity: command.item(1), id, if_match: None, action: switch };
        done = state.commands.webhook(wish, &*state.webhooks.vault).await?;
    }
    answer(&state, &identity, done, StatusCode::OK, false)
}

/// `DELETE /api/v1/webhooks/{id}`: nothing more is sent, not even what is pending.
pub async fn delete(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    simple(request, path, (identity, state), WebhookAction::Delete).await
}

/// `POST …/{id}/enable`: what was pending is sent now.
pub async fn enable(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    simple(request, path, (identity, state), WebhookAction::Enable).await
}

/// `POST …/{id}/disable`: events from now on are not delivered; what is pending waits.
pub async fn disable(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    simple(request, path, (identity, state), WebhookAction::Disable(Reason::Asked)).await
}

/// `POST …/{id}/secret/revoke`: older secrets sign no more.
pub async fn revoke(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    simple(request, path, (identity, state), WebhookAction::Revoke).await
}

/// `POST …/{id}/secret/rotate`: a new secret, beside which the old ones sign for a while.
pub async fn rotate(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RotateInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let overlap_h = input.overlap_h.unwrap_or(OVERLAP_H_DEFAULT);
    if overlap_h > OVERLAP_H_MAX {
        let detail = format!("overlap_h is {overlap_h}; it goes from 0 to {OVERLAP_H_MAX}");
        return Err(bad("overlap_h", detail));
    }
    let secret = material(&state, input.secret.as_deref(), true)?;
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let done = run(&request, id, WebhookAction::Rotate { secret, overlap_h }, command, (&identity, &state)).await?;
    answer(&state, &identity, done, StatusCode::OK, true)
}

async fn simple(
    request: HttpRequest,
    path: web::Path<String>,
    (identity, state): (Id, State),
    action: WebhookAction,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let done = run(&request, id, action, command, (&identity, &state)).await?;
    answer(&state, &identity, done, StatusCode::OK, false)
}

async fn run(
    request: &HttpRequest,
    id: WebhookId,
    action: WebhookAction,
    command: commands::Identity,
    (identity, state): (&Identity, &ApiState),
) -> Result<WebhookDone, Problem> {
    let if_match = precondition::if_match(request)?;
    let wish = WebhookWish { caller: identity.caller(), identity: command, id, if_match, action };
    Ok(state.commands.webhook(wish, &*state.webhooks.vault).await?)
}

fn answer(
    state: &ApiState,
    identity: &Identity,
    done: WebhookDone,
    status: StatusCode,
    with_secret: bool,
) -> Result<HttpResponse, Problem> {
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let secret = match with_secret {
        true => super::read::secrets(state, identity, &done.record)?.into_iter().next(),
        false => None,
    };
    let written = WebhookWritten { webhook: done.record.into(), secret, position: done.position.0 };
    let mut answer = HttpResponse::build(status);
    if with_secret {
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
    }
    Ok(answer.insert_header(etag).json(written))
}

/// Refuses an address that would never be sent to, as far as its text tells; whether it is one at all is the domain's to say.
fn admit(state: &ApiState, url: &str) -> Result<(), Problem> {
    let Ok(parsed) = Url::parse(url.trim()) else { return Ok(()) };
    if !matches!(parsed.scheme(), "http" | "https") {
        return Ok(());
    }
    let forbidden = |why: crate::ports::webhooks::SendError| {
        Problem::new("webhook.url_forbidden", why.to_string()).at("url", None, Some(body::short(url).into()))
    };
    state.webhooks.sender.admits(&parsed).map_err(forbidden)
}

fn material(state: &ApiState, given: Option<&str>, asymmetric: bool) -> Result<Material, Problem> {
    let vault = &state.webhooks.vault;
    let key = match given {
        None => vault.random(SECRET_BYTES),
        Some(text) => {
            let bytes = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text)).ok();
            let fits = |bytes: &Vec<u8>| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len());
            bytes.filter(fits).ok_or_else(|| {
                let detail = format!("a secret is {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64");
                Problem::new("webhook.secret_invalid", detail).at("secret", Some(SECRET_BYTES_MAX.into()), None)
            })?
        }
    };
    let asymmetric = asymmetric.then(|| {
        let (seed, public) = vault.key_pair();
        (seed, format!("{PUBLIC_PREFIX}{}", STANDARD.encode(public)))
    });
    Ok(Material { key, asymmetric })
}

fn filter(dto: FilterDto) -> Result<Filter, Problem> {
    let kind = |text: String| {
        MemoryType::parse(&text).ok_or_else(|| {
            let detail = "memory_types holds semantic, episodic and procedural".to_owned();
            bad("filter.memory_types", detail).at("filter.memory_types", None, Some(body::short(&text).into()))
        })
    };
    let memory_types = dto.memory_types.into_iter().map(kind).collect::<Result<_, _>>()?;
    Ok(Filter { tags: dto.tags, memory_types, importance_min: dto.importance_min })
}

fn payload_of(text: &str) -> Result<Payload, Problem> {
    match text {
        "full" => Ok(Payload::Full),
        "thin" => Ok(Payload::Thin),
        other => Err(bad("payload", format!("payload is full or thin, not {:?}", body::short(other)))),
    }
}

pub(super) fn bad(field: &str, detail: String) -> Problem {
    Problem::new("webhook.bad_parameter", detail).at(field, None, None)
}
