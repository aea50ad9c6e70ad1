//! The handlers of `/api/v1/memories`. Called by the routes; each turns a request into one wish or one question.

pub mod batch;
mod cursor;
pub mod delete;
pub mod history;
pub mod read;
pub mod write;
