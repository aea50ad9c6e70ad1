//! The pure centre: what may happen and what it means, without I/O, clock or randomness.
//!
//! Called by [`crate::commands`] (decide) and by everything that reads the log (evolve). Never touches NATS, SQL, HTTP,
//! time or chance: ids and instants arrive in the command.

pub mod access;
pub mod decider;
pub mod delegation;
pub mod erasure;
pub mod groups;
pub mod ids;
pub mod json_number;
pub mod json_object;
pub mod key_ring;
pub mod limits;
pub mod memory;
pub mod relationship;
pub mod session;
pub mod violation;
pub mod webhook;
