//! `/api/v1/ws`, `/api/v1/stream` and `/ws/{user_id}`: being told at once. Called by the routes; what is told is `fanout::live`'s to say.

pub mod door;
pub mod socket;
pub mod stream;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
};
use serde::Deserialize;

use super::{body::short, error::Problem};
use crate::fanout::live::channel::{Narrowing, Wish};

/// Channels of one stream.
const CHANNELS_MAX: usize = 32;

/// What a stream without commands of its own is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Names with commas; everything when absent.
    channels: Option<String>,
    #[serde(default)]
    types: String,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    memory_types: String,
    importance_min: Option<f64>,
    after: Option<u64>,
}

impl Asked {
    /// The channels, each narrowed to what is wanted of it.
    fn wishes(&self) -> Result<Vec<Wish>, Problem> {
        let bad = |field: &str, detail: String| Problem::new("live.bad_parameter", detail).at(field, None, None);
        let names: Vec<&str> = self.channels.as_deref().unwrap_or("space").split(',').map(str::trim).collect();
        if names.len() > CHANNELS_MAX {
            return Err(bad("channels", format!("channels has {}; {CHANNELS_MAX} are allowed", names.len())));
        }
        let narrowing = Narrowing {
            types: self.types.clone(),
            tags: self.tags.clone(),
            memory_types: self.memory_types.clone(),
            importance_min: self.importance_min,
        };
        names.into_iter().map(|name| narrowing.of(name).map_err(|misfit| bad(misfit.field(), misfit.to_string()))).collect()
    }
}

/// A page of another site must not open a socket in its visitor's name: a browser says whose page it is.
/// Programs that are no browser say nothing and are let in.
fn check_origin(request: &HttpRequest, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = header_text(request.headers(), header::ORIGIN) else { return Ok(()) };
    let host = header_text(request.headers(), header::HOST).unwrap_or_default();
    let is_own = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
    if is_own || allowed.iter().any(|one| one == origin) {
        return Ok(());
    }
    let detail = format!("pages of {} may not connect; BRAIN_ALLOWED_ORIGINS names those that may", short(origin));
    Err(Problem::new("live.origin_forbidden", detail))
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
