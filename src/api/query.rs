//! Query parameters: parsed strictly, with the one at fault named, and the moments that `as_of` means. Called by the handlers that read.

use actix_web::{HttpRequest, web};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded;

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

/// Refuses a parameter that the route does not take, one that is given twice, and U+0000, which no stored text holds and the read model
/// cannot even be asked for. Called for every route, before its handler. Errors: `request.invalid_query` with the name.
pub fn must_be_known(text: &str, names: &[&str]) -> Result<(), Problem> {
    let mut seen = vec![];
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let wrong = if !names.contains(&&*name) {
            "there is no such parameter"
        } else if seen.contains(&name) {
            "it is given twice"
        } else if value.contains('\0') {
            "it holds a U+0000 character"
        } else {
            seen.push(name);
            continue;
        };
        return Err(refused(&name, &value, wrong));
    }
    Ok(())
}

/// Which parameter of a pair as it stands in the address does not fit.
fn misfit(pair: &str, message: &str) -> Problem {
    match form_urlencoded::parse(pair.as_bytes()).next() {
        Some((name, value)) => refused(&name, &value, message),
        None => Problem::new("request.invalid_query", short(message)),
    }
}

fn refused(name: &str, value: &str, reason: &str) -> Problem {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_named() {
        let names = &["limit", "tag"];
        for good in ["", "&", "limit=1&tag=a%26b", "l%69mit=1"] {
            assert_eq!(must_be_known(good, names), Ok(()), "{good}");
        }
        for (bad, name) in [
            ("limit=1&erase=true", "erase"),
            ("er%61se", "erase"),
            ("Limit=1", "Limit"),
            ("=1", ""),
            ("limit=1&limit=1", "limit"),
            ("tag=a%00", "tag"),
        ] {
            let problem = must_be_known(bad, names).unwrap_err();
            assert_eq!((&*problem.code, &*problem.errors[0].field), ("request.invalid_query", name), "{bad}");
        }
    }
}
