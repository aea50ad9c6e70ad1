//! Event → effect → derived fact or command. Started by wiring; never writes a read model, never runs during a replay.

pub mod embedder;
