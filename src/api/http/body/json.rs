//! Turns the bytes of a body into values, none of which is built before it is known how many there will be: a byte can make some
//! thirty. Called by [`super`].

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{misfit, typed};
use crate::{api::http::error::Problem, app::error::short, domain::json_number};

/// `T` by way of a document, so that the field at fault is found.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], values_max: usize) -> Result<T, Problem> {
    let text = checked(bytes, values_max)?;
    typed(serde_json::from_str(text).map_err(|error| not_json(&error))?)
}

/// `T` straight from the text, for types that do not build everything that they are sent.
pub(super) fn read_straight<T: DeserializeOwned>(bytes: &[u8], values_max: usize) -> Result<T, Problem> {
    let text = checked(bytes, values_max)?;
    // A derived type would take a list for an object.
    if !text.trim_start().starts_with('{') {
        return Err(serde_json::from_str::<serde::de::IgnoredAny>(text).map_or_else(|error| not_json(&error), |_| no_object()));
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => misfit("body", &error.to_string()),
        _ => not_json(&error),
    })
}

fn checked(bytes: &[u8], values_max: usize) -> Result<&str, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new("request.invalid_json", format!("the body is not UTF-8: byte {} is wrong", error.valid_up_to()))
    })?;
    let count = values(bytes);
    if count > values_max {
        let detail = format!("the body holds {count} JSON values; the limit is {values_max}");
        return Err(Problem::new("request.too_many_values", detail).at("body", Some(values_max.into()), Some(count.into())));
    }
    if let Some(number) = json_number::first_inexact(text) {
        let shown = short(number);
        let detail = format!("{shown} has more than 64 bits and would come back as another number; send it as a text");
        return Err(Problem::new("request.number_not_exact", detail).at("body", None, Some(shown.into())));
    }
    Ok(text)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new("request.invalid_json", format!("the body is not JSON: {error}"))
}

pub(super) fn no_object() -> Problem {
    Problem::new("request.invalid_json", "a JSON object is expected")
}

/// How many values a JSON text holds, lists and objects included; names of fields are none. Of other texts it is some number.
fn values(text: &[u8]) -> usize {
    let (mut count, mut names, mut in_word) = (0, 0, false);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let starts_word = match byte {
            b'"' => {
                count += 1;
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
                false
            }
            b'[' | b'{' => {
                count += 1;
                false
            }
            b':' => {
                names += 1;
                false
            }
            b']' | b'}' | b',' | b' ' | b'\t' | b'\r' | b'\n' => false,
            _ => true,
        };
        count += usize::from(starts_word && !in_word);
        in_word = starts_word;
    }
    count.saturating_sub(names)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn counted(value: &Value) -> usize {
        1 + match value {
            Value::Array(list) => list.iter().map(counted).sum::<usize>(),
            Value::Object(fields) => fields.values().map(counted).sum(),
            _ => 0,
        }
    }

    #[test]
    fn values_are_counted_before_they_are_built() {
        for text in [
            "1",
            "[]",
            "[[],[],{}]",
            r#"{"a":1,"b":[true,null,-1.5e3,"x:,[{\"\\"],"c:":{"d":""}}"#,
            " { \"a\" : [ 1 , 2 ] }\n",
            "\"\\\\\"",
        ] {
            assert_eq!(values(text.as_bytes()), counted(&serde_json::from_str(text).unwrap()), "{text}");
        }
        let many = format!("[{}1]", "1,".repeat(99));
        assert_eq!(checked(many.as_bytes(), 100).unwrap_err().code, "request.too_many_values");
        assert!(checked(many.as_bytes(), 101).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_counted(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            proptest::prop_assert!(values(&bytes) <= bytes.len());
        }
    }
}
