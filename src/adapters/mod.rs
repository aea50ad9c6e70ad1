//! The outbound edge: one folder per foreign system, each behind a port. No adapter knows another.

pub mod encoder;
pub mod http;
pub mod nats;
pub mod oidc;
pub mod postgres;
pub mod system;
pub mod tantivy;
pub mod transit;
pub mod vault;
pub mod vectors;
pub mod webauthn;
