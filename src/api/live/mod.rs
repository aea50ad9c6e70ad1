//! `/api/v1/ws`, `/api/v1/stream` and `/ws/{user_id}`: being told at once. Called by the routes; what is told is `fanout::live`'s to say.

pub mod door;
pub mod socket;
pub mod stream;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{body::short, error::Problem};
use crate::{
    domain::ids::Timestamp,
    fanout::live::channel::{Narrowing, Wish},
    ports::Clock,
};

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
    /// Was looked at before; see [`door::admit_to_stream`].
    #[serde(rename = "token")]
    _token: Option<String>,
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
    let host = header_text(request.headers(), header::HOST).unwrap_or_default();
    let is_known = |origin: &str| {
        let is_own = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
        is_own || allowed.iter().any(|one| one == origin)
    };
    // What cannot be read is the name of some other site.
    let is_foreign = |origin: &&HeaderValue| !origin.to_str().is_ok_and(is_known);
    let Some(origin) = request.headers().get_all(header::ORIGIN).find(is_foreign) else { return Ok(()) };
    let origin = short(&String::from_utf8_lossy(origin.as_bytes()));
    let detail = format!("pages of {origin} may not connect; BRAIN_ALLOWED_ORIGINS names those that may");
    Err(Problem::new("live.origin_forbidden", detail))
}

/// The instant that the clock of this process will show as `at`; now when that is past.
fn until(at: Timestamp, clock: &dyn Clock) -> Instant {
    Instant::now() + (at - clock.now()).to_std().unwrap_or_default()
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
