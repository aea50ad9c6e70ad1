//! `/api/v1/vault`: the versions of the master key, and turning them. Called by the routes. Never shows a key.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Payload, ReqData},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::OPERATE;
use crate::{
    api::http::{
        body,
        error::Problem,
        route::{Route, shape},
    },
    app::{
        Caller,
        vault::{MasterKeyRing, Standing, Version},
    },
    domain::key_ring::Peer,
};

const VAULT: &str = "/api/v1/vault";
const BODY_BYTES_MAX: usize = 1_024;

/// The routes of the master key.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: OPERATE,
            gives: (200, Some(shape::<VaultAnswer>())),
            ..Route::new(Method::GET, VAULT, || web::to(show), "The versions of the master key, and what is sealed under each")
        },
        Route {
            who: OPERATE,
            gives: (200, Some(shape::<RotatedAnswer>())),
            ..Route::new(
                Method::POST,
                "/api/v1/vault/rotate",
                || web::to(rotate),
                "Let a new version of the master key seal, once all processes hold it",
            )
        },
        Route {
            who: OPERATE,
            gives: (200, Some(shape::<RewrappedAnswer>())),
            ..Route::new(
                Method::POST,
                "/api/v1/vault/rewrap",
                || web::to(rewrap),
                "Seal under the active version what lies under older ones; it answers when that is done, and may be asked for again",
            )
        },
        Route {
            who: OPERATE,
            takes: Some(shape::<DestroyInput>()),
            gives: (200, Some(shape::<DestroyedAnswer>())),
            ..Route::new(
                Method::POST,
                "/api/v1/vault/destroy",
                || web::to(destroy),
                "End a version of the master key for ever; refused while anything is sealed under it",
            )
        },
    ]
}

/// How the master key stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VaultAnswer {
    /// Where the process that answers has it from, in words.
    pub source: String,
    /// The version that seals.
    pub active: u32,
    pub versions: Vec<VersionView>,
    /// Things of which nobody can say under which version they are sealed, by their sort; empty when all is well.
    pub unreadable: BTreeMap<String, u64>,
    /// The processes that answered, each with the versions that it holds.
    pub processes: Vec<ProcessView>,
    pub rewrap: RewrapView,
}

/// One version of the master key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionView {
    pub version: u32,
    /// `active` seals and opens, `kept` opens, `announced` seals nothing yet, `destroyed` is gone.
    pub state: String,
    pub known_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<DateTime<Utc>>,
    /// How many things are sealed under it, by their sort.
    pub sealed: BTreeMap<String, u64>,
}

/// One process of the instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProcessView {
    /// Its machine and its number there.
    pub name: String,
    pub versions: Vec<u32>,
    pub active: Option<u32>,
}

/// How far the last rewrap of this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RewrapView {
    pub done: u64,
    pub total: u64,
    pub runs: bool,
}

/// Another version seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RotatedAnswer {
    pub version: u32,
    /// The version that sealed before; it still opens.
    pub before: u32,
    /// How many processes have shown that they hold the new one.
    pub processes: usize,
}

/// What was sealed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RewrappedAnswer {
    pub active: u32,
    /// How many things, by their sort.
    pub rewrapped: BTreeMap<String, u64>,
    /// Versions of the master key itself that a key management service has wrapped anew under its own newest key.
    pub wrapped_versions: usize,
}

/// Which version is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyInput {
    #[schema(minimum = 1)]
    pub version: u32,
}

/// A version is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DestroyedAnswer {
    pub version: u32,
    /// What is left for the operator to do, where this process cannot write to the place that keys come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_to_do: Option<String>,
}

async fn show(caller: ReqData<Caller>, ring: Data<MasterKeyRing>) -> Result<HttpResponse, Problem> {
    let Standing { source, active, versions, unreadable, processes, progress: (done, total, runs) } =
        ring.standing(&caller).await?;
    Ok(HttpResponse::Ok().json(VaultAnswer {
        source,
        active,
        versions: versions.into_iter().map(view).collect(),
        unreadable: named(unreadable),
        processes: processes.into_iter().map(process).collect(),
        rewrap: RewrapView { done, total, runs },
    }))
}

async fn rotate(caller: ReqData<Caller>, ring: Data<MasterKeyRing>) -> Result<HttpResponse, Problem> {
    let rotated = ring.rotate(&caller).await?;
    let answer = RotatedAnswer { version: rotated.version, before: rotated.before, processes: rotated.processes };
    Ok(HttpResponse::Ok().json(answer))
}

async fn rewrap(caller: ReqData<Caller>, ring: Data<MasterKeyRing>) -> Result<HttpResponse, Problem> {
    let done = ring.reseal(&caller).await?;
    let answer = RewrappedAnswer { active: done.active, rewrapped: named(done.resealed), wrapped_versions: done.wrapped };
    Ok(HttpResponse::Ok().json(answer))
}

async fn destroy(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    ring: Data<MasterKeyRing>,
) -> Result<HttpResponse, Problem> {
    let DestroyInput { version } = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let destroyed = ring.destroy(&caller, version).await?;
    Ok(HttpResponse::Ok().json(DestroyedAnswer { version: destroyed.version, left_to_do: destroyed.left }))
}

fn view(version: Version) -> VersionView {
    let Version { version, state, known_at, destroyed_at, sealed } = version;
    VersionView { version, state: state.as_str().to_owned(), known_at, destroyed_at, sealed: named(sealed) }
}

fn process(peer: Peer) -> ProcessView {
    ProcessView { name: peer.name, versions: peer.held.into_keys().collect(), active: peer.active }
}

fn named(counts: BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
