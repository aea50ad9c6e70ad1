//! Pages of webhooks and of their deliveries. Called by `/api/v1/webhooks`.

use super::cut;
use crate::{
    domain::ids::{SpaceId, StreamSeq, WebhookId},
    ports::{
        QueryError,
        webhooks::{DeliveryQuery, DeliveryRecord, WebhookReads, WebhookRecord},
    },
};

/// Most rows of one page.
pub const LIMIT_MAX: u32 = 200;
/// Rows of a page whose size nobody named.
pub const LIMIT_DEFAULT: u32 = 50;

/// At most `limit` living webhooks in the order of their ids, and the id after which there are more.
pub async fn list(
    space: &SpaceId,
    limit: u32,
    after: Option<WebhookId>,
    reads: &dyn WebhookReads,
) -> Result<(Vec<WebhookRecord>, Option<WebhookId>), QueryError> {
    let mut rows = reads.list(space, limit + 1, after).await?;
    let next = cut(&mut rows, limit).map(|last| last.id);
    Ok((rows, next))
}

/// At most `query.limit` deliveries, newest first, and the position below which there are more.
pub async fn deliveries(
    space: &SpaceId,
    id: WebhookId,
    query: &DeliveryQuery,
    reads: &dyn WebhookReads,
) -> Result<(Vec<DeliveryRecord>, Option<StreamSeq>), QueryError> {
    let mut rows = reads.deliveries(space, id, &DeliveryQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let next = cut(&mut rows, query.limit).map(|last| last.delivery.seq);
    Ok((rows, next))
}
