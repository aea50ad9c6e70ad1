//! Query parameters: parsed strictly, with the one at fault named. Called by the handlers that read.

use actix_web::{HttpRequest, web};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type, schema::AnyOfBuilder};

use super::error::Problem;
use crate::app::{When, error::short};

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
pub fn must_be_known(text: &str, names: &[impl AsRef<str>]) -> Result<(), Problem> {
    let mut seen = vec![];
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let wrong = if !names.iter().any(|known| known.as_ref() == name) {
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
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// The answer shows everything up to this position.
    #[param(schema_with = position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = as_of)]
    as_of: Option<String>,
}

impl Moment {
    pub fn when(&self) -> When<'_> {
        When { min_position: self.min_position, as_of: self.as_of.as_deref() }
    }
}

/// How the description shows a whole number within bounds.
pub fn whole(minimum: u64, maximum: u64) -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    number.minimum(Some(minimum)).maximum(Some(maximum)).build()
}

/// A position or a revision. Greater ones than Postgres can count are none of anything.
pub fn position() -> Object {
    whole(0, i64::MAX as u64)
}

/// A moment of the past.
pub fn as_of() -> Schema {
    let time = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Schema::AnyOf(AnyOfBuilder::new().item(position()).item(time).build())
}

/// One of some words.
pub fn one_of<const N: usize>(words: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_named() {
        let names = ["limit", "tag"];
        for good in ["", "&", "limit=1&tag=a%26b", "l%69mit=1"] {
            assert_eq!(must_be_known(good, &names), Ok(()), "{good}");
        }
        for (bad, name) in [
            ("limit=1&erase=true", "erase"),
            ("er%61se", "erase"),
            ("Limit=1", "Limit"),
            ("=1", ""),
            ("limit=1&limit=1", "limit"),
            ("tag=a%00", "tag"),
        ] {
            let problem = must_be_known(bad, &names).unwrap_err();
            assert_eq!((&*problem.code, &*problem.errors[0].field), ("request.invalid_query", name), "{bad}");
        }
    }
}
