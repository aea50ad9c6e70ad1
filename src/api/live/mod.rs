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
use crate::{
    fanout::live::channel::{Channel, Wish},
    journal::public::Types,
};

/// Channels of one stream.
const CHANNELS_MAX: usize = 32;

/// What a stream without commands of its own is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Names with commas; everything when absent.
    channels: Option<String>,
    types: Option<String>,
    after: Option<u64>,
}

impl Asked {
    /// The channels, each narrowed to the types.
    fn wishes(&self) -> Result<Vec<Wish>, Problem> {
        let bad = |field: &str, detail: String| Problem::new("live.bad_parameter", detail).at(field, None, None);
        let types = Types::parse(self.types.as_deref().unwrap_or_default()).map_err(|why| bad("types", why.to_string()))?;
        let names: Vec<&str> = self.channels.as_deref().unwrap_or("space").split(',').map(str::trim).collect();
        if names.len() > CHANNELS_MAX {
            return Err(bad("channels", format!("channels has {}; {CHANNELS_MAX} are allowed", names.len())));
        }
        let wish = |name: &str| {
            let channel = Channel::parse(name).map_err(|why| bad("channels", why.to_string()))?;
            Ok(Wish { channel, types: types.clone() })
        };
        names.into_iter().map(wish).collect()
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
