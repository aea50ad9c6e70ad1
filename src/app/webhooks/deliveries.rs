//! What was sent to an endpoint, and sending it again.

use super::{Webhooks, bad};
use crate::{
    app::{Caller, Error, error::short, paging},
    domain::ids::{StreamSeq, Timestamp, WebhookId},
    ports::webhooks::{Attempt, DeliveryQuery, DeliveryRecord},
    queries::{
        freshness,
        webhooks::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

/// What may have become of a delivery.
pub const STATES: [&str; 4] = ["pending", "delivered", "failed", "discarded"];

/// Which deliveries are wanted: of a state, of a type of events, before a position; 1 to 200 of them, 50 when absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    pub state: Option<String>,
    pub kind: Option<String>,
    pub before: Option<u64>,
    pub limit: Option<u32>,
}

impl Webhooks {
    /// Newest first, with the position to go on before if there are more.
    /// Errors: `read.bad_limit`, `webhook.bad_parameter`, and those of [`Webhooks::get`].
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        filters: Filters,
    ) -> Result<(Vec<DeliveryRecord>, Option<StreamSeq>), Error> {
        let limit = paging::limit(filters.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        if let Some(strange) = filters.state.as_ref().filter(|state| !STATES.contains(&state.as_str())) {
            return Err(bad("state", format!("state is one of {}, not {:?}", STATES.join(", "), short(strange))));
        }
        self.get(caller, id, None).await?;
        let Filters { state, kind, before, .. } = filters;
        let query = DeliveryQuery { state, kind, before: before.map(StreamSeq), limit };
        Ok(webhooks::deliveries(caller.space(), id, &query, &*self.reads).await?)
    }

    /// One delivery, with every attempt. Errors: `webhook.delivery_not_found`.
    pub async fn delivery(
        &self,
        caller: &Caller,
        id: WebhookId,
        position: StreamSeq,
    ) -> Result<(DeliveryRecord, Vec<Attempt>), Error> {
        self.must_be_on()?;
        must_be_countable(position)?;
        let just_this = DeliveryQuery { before: Some(StreamSeq(position.0 + 1)), limit: 1, ..DeliveryQuery::default() };
        let mut found = self.reads.deliveries(caller.space(), id, &just_this).await?;
        let delivery = found.pop().filter(|it| it.delivery.seq == position).ok_or_else(no_delivery)?;
        Ok((delivery, self.reads.attempts(caller.space(), id, position).await?))
    }

    /// Tries one again, whatever became of it. Errors: `webhook.delivery_not_found`, `webhook.not_active`.
    pub async fn resend(&self, caller: &Caller, id: WebhookId, position: StreamSeq) -> Result<(), Error> {
        must_be_countable(position)?;
        self.must_be_active(caller, id).await?;
        match self.reads.resend(caller.space(), id, position, self.clock.now()).await? {
            true => Ok(()),
            false => Err(no_delivery()),
        }
    }

    /// Tries everything again that has failed since then; answers how many. Errors: `webhook.not_active`.
    pub async fn recover(&self, caller: &Caller, id: WebhookId, since: Timestamp) -> Result<u64, Error> {
        self.must_be_active(caller, id).await?;
        Ok(self.reads.recover(caller.space(), id, since, self.clock.now()).await?)
    }

    /// Delivers what the endpoint has missed after a position, as far as its types and filter want it now; answers up to where.
    /// Errors: `read.position_beyond_log`, `webhook.not_active`.
    pub async fn redeliver(&self, caller: &Caller, id: WebhookId, after: StreamSeq) -> Result<StreamSeq, Error> {
        let upto = freshness::within(after, &*self.log).await?;
        self.must_be_active(caller, id).await?;
        self.reads.redeliver(caller.space(), id, after, upto).await?;
        Ok(upto)
    }

    async fn must_be_active(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        match self.get(caller, id, None).await?.webhook.is_active() {
            true => Ok(()),
            false => Err(Error::new("webhook.not_active", "the webhook is switched off; enable it first")),
        }
    }
}

/// No event has a position that Postgres cannot count.
fn must_be_countable(position: StreamSeq) -> Result<(), Error> {
    if i64::try_from(position.0).is_ok() { Ok(()) } else { Err(no_delivery()) }
}

fn no_delivery() -> Error {
    Error::new("webhook.delivery_not_found", "this endpoint has no delivery of this position")
}
