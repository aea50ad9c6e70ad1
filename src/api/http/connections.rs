//! The places for connections: who has shown no key may not hold the door. Wiring counts those that are open and wraps the middleware
//! around all routes; the limit itself is the server's.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, StatusCode},
    middleware::Next,
};

use super::auth;

/// The connections that are open, and how many there may be.
pub struct Places {
    open: AtomicUsize,
    max: usize,
}

/// A connection's place, for as long as it is open.
pub struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), max })
    }

    pub fn take(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// More than half of the places are taken.
    fn are_scarce(&self) -> bool {
        self.open() > self.max / 2
    }
}

/// The middleware: while places are scarce, the answer to a request that shows no credential is its connection's last. A connection may
/// else be kept for minutes for one question that anybody may ask; who shows a key keeps it, and so does who opens a socket.
pub async fn spare<B: MessageBody>(
    places: Arc<Places>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let is_last = !auth::shows_credential(request.headers()) && places.are_scarce();
    let mut response = next.call(request).await?;
    if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
