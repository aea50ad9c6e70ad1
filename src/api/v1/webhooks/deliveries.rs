//! What was sent to an endpoint, and sending it again. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, ReqData},
};
use serde::Deserialize;

use super::read::limit;
use crate::{
    api::{
        http::{body, error::Problem, precondition, query},
        v1::dto::delivery::{
            AttemptView, DeliveryAnswer, DeliveryPage, DeliveryView, RecoverAnswer, RecoverInput, RedeliverAnswer, RedeliverInput,
        },
    },
    app::{
        Caller,
        webhooks::{Filters, STATES, Webhooks},
    },
    domain::ids::{StreamSeq, WebhookId},
};

const BODY_BYTES_MAX: usize = 4 * 1_024;

/// Which deliveries are listed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesQuery {
    #[param(schema_with = states)]
    state: Option<String>,
    /// Type of the event: `memory.created`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only deliveries of events before this position: `next_before` of the page before.
    #[param(schema_with = query::position)]
    before: Option<u64>,
    /// Deliveries of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
}

fn states() -> utoipa::openapi::Object {
    query::one_of(STATES)
}

/// `GET …/{id}/deliveries`: newest first.
pub async fn list(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let DeliveriesQuery { state, kind, before, limit } = query::parse(&request)?;
    let (rows, next) = webhooks.deliveries(&caller, id, Filters { state, kind, before, limit }).await?;
    let deliveries = rows.into_iter().map(DeliveryView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryPage { deliveries, next_before: next.map(|seq| seq.0) }))
}

/// `GET …/{id}/deliveries/{position}`: one, with every attempt.
pub async fn get(
    path: Path<(String, String)>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let (id, position) = named(&path)?;
    let (delivery, attempts) = webhooks.delivery(&caller, id, position).await?;
    let attempts = attempts.into_iter().map(AttemptView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryAnswer { delivery: delivery.into(), attempts }))
}

/// `POST …/{id}/deliveries/{position}/resend`: tries it again, whatever became of it.
pub async fn resend(
    path: Path<(String, String)>,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let (id, position) = named(&path)?;
    webhooks.resend(&caller, id, position).await?;
    Ok(HttpResponse::Accepted().json(RecoverAnswer { recovered: 1 }))
}

/// `POST …/{id}/recover`: tries everything again that has failed since then.
pub async fn recover(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RecoverInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let recovered = webhooks.recover(&caller, id, query::named("since", input.since)?).await?;
    Ok(HttpResponse::Accepted().json(RecoverAnswer { recovered }))
}

/// `POST …/{id}/replay`: delivers what the endpoint has missed after a position, as far as its types and filter want it now.
pub async fn replay(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    webhooks: Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::webhook_id(&path)?;
    let input: RedeliverInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let after = StreamSeq(query::named("after", input.after)?);
    let upto = webhooks.redeliver(&caller, id, after).await?;
    Ok(HttpResponse::Accepted().json(RedeliverAnswer { after: after.0, upto: upto.0 }))
}

/// The endpoint and the position in the path.
fn named((id, position): &(String, String)) -> Result<(WebhookId, StreamSeq), Problem> {
    Ok((precondition::webhook_id(id)?, precondition::position(position)?))
}
