//! What may be done with a brain, whatever is spoken: who may, how new an answer is, kept or asked, how many at a time. A file per noun.
//!
//! Called by the surfaces: [`crate::api`], and whatever speaks another language later. A surface reads what came in, asks here, and writes
//! what came out. Absent here: HTTP, JSON of any surface, adapters.
//!
//! - [`caller`]: who asks and what that allows. [`admission`]: how many at a time. [`freshness`]: how new. [`cached`]: kept or asked.
//! - [`error`]: everything that can be refused, by one table of codes.
//! - [`login`], [`sessions`]: how people come in by a browser, and for how long. [`oauth`], [`delegations`]: how clients act for them.
//! - [`memories`], [`relationships`], [`search`], [`graph`], [`webhooks`], [`events`], [`erasures`]: what clients do.
//! - [`projections`], [`caches`], [`status`], [`vault`]: what operators do.

pub mod access;
pub mod admission;
pub mod audit;
pub mod cached;
pub mod caches;
pub mod caller;
pub mod delegations;
pub mod erasures;
pub mod error;
pub mod events;
pub mod freshness;
pub mod graph;
mod hearing;
pub mod login;
pub mod memories;
pub mod oauth;
pub mod paging;
pub mod projections;
pub mod relationships;
mod sealed;
pub mod search;
pub mod sessions;
pub mod status;
pub mod vault;
pub mod webhooks;
mod writing;

use std::sync::Arc;

pub use self::{
    cached::{Kept, Reading, Render, Surface},
    caller::Caller,
    error::{Error, Kind},
    freshness::When,
    writing::{WriteOptions, Writing},
};

/// The use cases of a process, a part for each noun. A surface is handed those that it speaks of.
#[derive(Clone)]
pub struct App {
    pub access: Arc<access::Access>,
    pub memories: Arc<memories::Memories>,
    pub relationships: Arc<relationships::Relationships>,
    pub search: Arc<search::Search>,
    pub graph: Arc<graph::Graph>,
    pub webhooks: Arc<webhooks::Webhooks>,
    pub erasures: Arc<erasures::Erasures>,
    pub events: Arc<events::Events>,
    pub audit: Arc<audit::Audit>,
    pub projections: Arc<projections::Projections>,
    pub caches: Arc<caches::KeptAnswers>,
    pub login: Arc<login::Login>,
    pub oauth: Arc<oauth::Oauth>,
    pub vault: Arc<vault::MasterKeyRing>,
    pub status: Arc<status::Overview>,
}
