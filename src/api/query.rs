//! Query parameters: parsed strictly, with the one at fault named, and the moments that `as_of` means. Called by the handlers that read.

use actix_web::{HttpRequest, web};
use serde::{Deserialize, de::DeserializeOwned};

use super::{ApiState, auth::Identity, body::short, error::Problem, freshness};
use crate::{
    domain::ids::StreamSeq,
    queries::{POSITIONS, VECTORS, as_of::AsOf},
};

/// The query as `T`; every field of `T` is optional, which is how the parameter at fault is found.
pub fn parse<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let text = request.query_string();
    web::Query::<T>::from_query(text).map(web::Query::into_inner).map_err(|whole| {
        let alone = |pair: &str| web::Query::<T>::from_query(pair).err().map(|error| misfit(pair, &error.to_string()));
        text.split('&').find_map(alone).unwrap_or_else(|| Problem::new("request.invalid_query", short(&whole.to_string())))
    })
}

/// As [`parse`], where several questions share a type and each takes only some of its parameters.
pub fn parse_only<T: DeserializeOwned>(request: &HttpRequest, names: &[&str]) -> Result<T, Problem> {
    let stranger = |pair: &&str| !names.contains(&pair.split('=').next().unwrap_or_default());
    match request.query_string().split('&').filter(|pair| !pair.is_empty()).find(stranger) {
        Some(pair) => Err(misfit(pair, "unknown field")),
        None => parse(request),
    }
}

fn misfit(pair: &str, message: &str) -> Problem {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    // The rest of the sentence lists the parameters that there are.
    let reason = if message.contains("unknown field") { "there is no such parameter" } else { message };
    let detail = format!("{}: {}", short(name), short(reason));
    Problem::new("request.invalid_query", detail).at(short(name), None, Some(short(value).into()))
}

/// A value that must be there. Errors: `request.missing_field`.
pub fn named<T>(field: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::new("request.missing_field", format!("{field} is missing")).at(field, None, None))
}

/// The parameters of a read that shows one moment and nothing else is asked of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    min_position: Option<u64>,
    as_of: Option<String>,
}

impl Moment {
    pub fn when(&self) -> (Option<&str>, Option<u64>) {
        (self.as_of.as_deref(), self.min_position)
    }
}

/// A limit within its bounds, or its default.
pub fn limit(given: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    let limit = given.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit is {limit}; it goes from 1 to {max}");
    Err(Problem::new("read.bad_limit", detail).at("limit", Some(max.into()), Some(limit.into())))
}

/// What a read is to show, once it may be asked: in every one of `present` projections the present as fresh as the caller may expect,
/// or in every one of `past` the position that `as_of` means. Errors: `read.bad_as_of` and those of waiting.
pub async fn moment(
    state: &ApiState,
    identity: &Identity,
    (as_of, min_position): (Option<&str>, Option<u64>),
    present: &[&str],
    past: &[&str],
) -> Result<Option<StreamSeq>, Problem> {
    let Some(text) = as_of else {
        // Vectors follow when they can; who wants to wait for them says so.
        for projection in present.iter().filter(|projection| **projection != VECTORS) {
            freshness::wait_for(state, identity, projection, min_position).await?;
        }
        return Ok(None);
    };
    let bad = |invalid: crate::queries::as_of::Invalid| {
        Problem::new("read.bad_as_of", invalid.to_string()).at("as_of", None, Some(short(text).into()))
    };
    let as_of: AsOf = text.parse().map_err(bad)?;
    freshness::wait_for(state, identity, POSITIONS, min_position).await?;
    let at = as_of.resolve(&*state.history).await?;
    for projection in past {
        freshness::wait_for(state, identity, projection, Some(at.0.max(min_position.unwrap_or(0)))).await?;
    }
    Ok(Some(at))
}
