//! A place in the queue of those who write, kept for as long as the request lasts. Called by the edge of every route and by [`super::body`].

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, web};

use super::{body::receive::Held, error::Problem};
use crate::app::admission::Queues;

/// What a process lets in at a time.
pub struct Intake {
    pub queues: Arc<Queues>,
    /// Bodies that are being received.
    pub bodies: Held,
}

/// Stands in a request that writes what its body says: it waits for its place once the body is there, so that a client that sends
/// slowly keeps nobody out.
struct AfterTheBody;

/// The place of a request that writes, kept until the request is over.
pub(super) async fn enter_to_write(request: &HttpRequest, body_follows: bool) -> Result<(), Problem> {
    if body_follows {
        request.extensions_mut().insert(AfterTheBody);
        return Ok(());
    }
    let Some(intake) = request.app_data::<web::Data<Intake>>() else { return Ok(()) };
    let permit = intake.queues.writes.enter().await?;
    request.extensions_mut().insert(permit);
    Ok(())
}

/// Called when the whole body has come.
pub(super) async fn enter_after_body(request: &HttpRequest) -> Result<(), Problem> {
    let waits = request.extensions_mut().remove::<AfterTheBody>().is_some();
    if waits { enter_to_write(request, false).await } else { Ok(()) }
}
