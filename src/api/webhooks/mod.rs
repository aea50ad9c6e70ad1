//! `/api/v1/webhooks/…`: who wants to be told, and what became of it. Called by the routes.

pub mod deliveries;
pub mod read;
pub mod write;
