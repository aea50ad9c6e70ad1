//! Everything that happens, on its way to whoever asked for it. Started by `wiring`; never writes an event or a read model.

pub mod feed;
pub mod filter;
pub mod live;
pub mod webhooks;
