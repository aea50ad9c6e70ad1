//! What is written down for ever: the envelope, the stored shape of each event, how they become bytes and where they go.
//!
//! Called by the write path (encode) and by every reader of the log (decode, upcast). Never talks to NATS itself.

pub mod asyncapi;
pub mod catalog;
pub mod codec;
pub mod delegation;
pub mod derived;
pub mod envelope;
pub mod events;
pub mod key_ring;
pub mod public;
pub mod sealed;
pub mod session;
pub mod subject;
pub mod upcast;

pub use envelope::{Envelope, Recorded};
