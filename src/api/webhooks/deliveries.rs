//! What was sent to an endpoint, and sending it again. Called by the routes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::{read::living, write::bad};
use crate::{
    api::{
        ApiState,
        auth::Identity,
        body,
        dto::webhook::{
            AttemptView, DeliveryAnswer, DeliveryPage, DeliveryView, RecoverAnswer, RecoverInput, RedeliverAnswer, RedeliverInput,
        },
        error::Problem,
        precondition, query,
    },
    domain::ids::{StreamSeq, WebhookId},
    ports::webhooks::DeliveryQuery,
    queries::{
        freshness,
        webhooks::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

const BODY_BYTES_MAX: usize = 4 * 1_024;
pub const STATES: [&str; 4] = ["pending", "delivered", "failed", "discarded"];

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    state: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

/// `GET …/{id}/deliveries`: newest first.
pub async fn list(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let asked: Asked = query::parse(&request)?;
    let limit = query::limit(asked.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    if let Some(strange) = asked.state.as_ref().filter(|state| !STATES.contains(&state.as_str())) {
        return Err(bad("state", format!("state is one of {}, not {:?}", STATES.join(", "), body::short(strange))));
    }
    living(&state, &identity, id, None).await?;
    let question = DeliveryQuery { state: asked.state, kind: asked.kind, before: asked.before.map(StreamSeq), limit };
    let (rows, next) = webhooks::deliveries(&identity.0.space, id, &question, &*state.webhooks.reads).await?;
    let deliveries = rows.into_iter().map(DeliveryView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryPage { deliveries, next_before: next.map(|seq| seq.0) }))
}

/// `GET …/{id}/deliveries/{position}`: one, with every attempt.
pub async fn get(path: web::Path<(String, String)>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let (id, seq) = named(&path)?;
    let (space, reads) = (&identity.0.space, &*state.webhooks.reads);
    let just_this = DeliveryQuery { before: Some(StreamSeq(seq.0 + 1)), limit: 1, ..DeliveryQuery::default() };
    let found = reads.deliveries(space, id, &just_this).await?.pop().filter(|it| it.delivery.seq == seq);
    let delivery = found.ok_or_else(no_delivery)?;
    let attempts = reads.attempts(space, id, seq).await?.into_iter().map(AttemptView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryAnswer { delivery: delivery.into(), attempts }))
}

/// `POST …/{id}/deliveries/{position}/resend`: tries it again, whatever became of it.
pub async fn resend(path: web::Path<(String, String)>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let (id, seq) = named(&path)?;
    must_be_active(&state, &identity, id).await?;
    match state.webhooks.reads.resend(&identity.0.space, id, seq, state.clock.now()).await? {
        true => Ok(HttpResponse::Accepted().json(RecoverAnswer { recovered: 1 })),
        false => Err(no_delivery()),
    }
}

/// `POST …/{id}/recover`: tries everything again that has failed since then.
pub async fn recover(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RecoverInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let since = query::named("since", input.since)?;
    must_be_active(&state, &identity, id).await?;
    let recovered = state.webhooks.reads.recover(&identity.0.space, id, since, state.clock.now()).await?;
    Ok(HttpResponse::Accepted().json(RecoverAnswer { recovered }))
}

/// `POST …/{id}/replay`: delivers what the endpoint has missed after a position, as far as its types and filter want it now.
pub async fn replay(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RedeliverInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let after = StreamSeq(query::named("after", input.after)?);
    let upto = freshness::within(after, &*state.log).await?;
    must_be_active(&state, &identity, id).await?;
    state.webhooks.reads.redeliver(&identity.0.space, id, after, upto).await?;
    Ok(HttpResponse::Accepted().json(RedeliverAnswer { after: after.0, upto: upto.0 }))
}

async fn must_be_active(state: &ApiState, identity: &Identity, id: WebhookId) -> Result<(), Problem> {
    match living(state, identity, id, None).await?.webhook.is_active() {
        true => Ok(()),
        false => Err(Problem::new("webhook.not_active", "the webhook is switched off; enable it first")),
    }
}

/// The endpoint and the position in the path. No event has a position that Postgres cannot count.
fn named((id, position): &(String, String)) -> Result<(WebhookId, StreamSeq), Problem> {
    let (id, position) = (precondition::webhook_id(id)?, precondition::position(position)?);
    if i64::try_from(position.0).is_ok() { Ok((id, position)) } else { Err(no_delivery()) }
}

fn no_delivery() -> Problem {
    Problem::new("webhook.delivery_not_found", "this endpoint has no delivery of this position")
}
