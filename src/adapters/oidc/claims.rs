//! What a token or an answer claims, as a map in which no name stands twice. Used by the files of this adapter; trusts nothing by itself.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::ports::identity::GROUPS_MAX;

/// Longest name of a group that is looked at, in bytes.
const GROUP_BYTES_MAX: usize = 512;

/// Claims by their names. A name that stands twice makes the whole unreadable: of two readers each might take another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Map<String, Value>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Claims;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Claims, A::Error> {
                let mut found = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if found.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a claim stands twice"));
                    }
                }
                Ok(Claims(found))
            }
        }
        from.deserialize_map(Once)
    }
}

impl Claims {
    /// The part of a token in compact form: 0 is its header, 1 its claims. Says nothing of its signature.
    pub fn of_part(token: &str, index: usize) -> Result<Self, String> {
        let parts: Vec<&str> = token.split('.').collect();
        if parts.len() != 3 {
            return Err("a signed token has three parts".into());
        }
        let bytes = URL_SAFE_NO_PAD.decode(parts[index]).map_err(|_| "a part of the token is no base64url".to_owned())?;
        serde_json::from_slice(&bytes).map_err(|cause| format!("a part of the token is not readable: {cause}"))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether a claim says yes; some providers write it as a text.
    pub fn is_true(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| *value == true || *value == "true")
    }

    /// A time in seconds since 1970. `Ok(None)` when absent. Errors: it is something else.
    pub fn time(&self, name: &str) -> Result<Option<i64>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
        seconds.map(Some).ok_or_else(|| format!("{name} is no number"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What stands at a path: `groups`, `realm_access.roles`; a claim whose name has dots itself is found by its whole name.
    pub fn at(&self, path: &str) -> Option<&Value> {
        self.0.get(path).or_else(|| {
            let mut steps = path.split('.');
            let first = self.0.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step))
        })
    }

    /// The names of groups at a path: a list of texts, or one text. `None` when nothing stands there.
    pub fn groups(&self, path: &str) -> Option<Vec<String>> {
        let fits = |text: &&str| text.len() <= GROUP_BYTES_MAX;
        match self.at(path)? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(all) => {
                let names = all.iter().filter_map(Value::as_str).filter(fits).take(GROUPS_MAX);
                Some(names.map(str::to_owned).collect())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Claims {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn groups_are_found_by_path_or_by_a_name_with_dots() {
        let claims = read(
            r#"{"groups": ["a", 1, "b"], "realm_access": {"roles": ["c"]}, "https://x.example/groups": "d", "n": 1, "empty": []}"#,
        );
        for (path, found) in [
            ("groups", Some(vec!["a", "b"])),
            ("realm_access.roles", Some(vec!["c"])),
            ("https://x.example/groups", Some(vec!["d"])),
            ("empty", Some(vec![])),
            ("n", None),
            ("absent.roles", None),
        ] {
            assert_eq!(claims.groups(path), found.map(|names| names.into_iter().map(str::to_owned).collect()), "{path}");
        }
    }

    #[test]
    fn a_claim_stands_once_and_a_time_is_a_number() {
        assert!(serde_json::from_str::<Claims>(r#"{"sub": "a", "sub": "b"}"#).is_err());
        assert!(serde_json::from_str::<Claims>("[]").is_err());
        assert_eq!(read(r#"{"exp": 7}"#).time("exp"), Ok(Some(7)));
        assert_eq!(read("{}").time("exp"), Ok(None));
        assert!(read(r#"{"exp": "7"}"#).time("exp").is_err());
    }
}
