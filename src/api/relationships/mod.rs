//! The handlers of `/api/v1/relationships`. Called by the routes; each turns a request into one wish or one question.

pub mod read;
pub mod write;
