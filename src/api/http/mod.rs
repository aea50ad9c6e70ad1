//! The mechanics of HTTP that all surfaces share: who asks, what was sent, what an answer looks like on the wire.
//!
//! Called by the surfaces beside it. Knows no noun.

pub mod admission;
pub mod auth;
pub mod body;
pub mod challenge;
pub mod compression;
pub mod connections;
pub mod cookies;
pub mod cors;
pub mod edge;
pub mod error;
pub mod headers;
pub mod hosts;
pub mod html;
pub mod kept;
pub mod limits;
pub mod precondition;
pub mod query;
pub mod route;
pub mod session;
