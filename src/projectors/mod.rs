//! The generic engine that turns the log into read models: definitions, batches, the loop, and the port it stores through.
//!
//! Started by `wiring`, one task per projection. Knows no SQL dialect and no network; the projections stand in `/projections`.

pub mod batch;
pub mod column;
pub mod definition;
pub mod directory;
pub mod engine;
pub mod keeper;
pub mod keyword;
pub mod mend;
pub mod semantic;
pub mod store;
mod throttle;

pub use definition::Definition;
pub use engine::run;
pub use store::Store;
