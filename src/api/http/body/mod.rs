//! Reads a request's body up to its limit and turns it into a typed value, naming the field that does not fit.
//!
//! Called by the handlers that take a body. Never keeps more than the limit in memory and never echoes what was sent at length.

mod json;
pub mod receive;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    web,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{admission, error::Problem};
use crate::app::{self, error::short};

/// Largest body that holds one memory.
pub const MEMORY_BODY_BYTES_MAX: usize = 2 << 20;
/// Largest body of a batch.
pub const BATCH_BODY_BYTES_MAX: usize = 16 << 20;
/// Most JSON values of a body, and of a batch's.
const VALUES_MAX: usize = 100_000;
const BATCH_VALUES_MAX: usize = 1_000_000;
/// A longer body is read apart from the threads that answer others.
const READ_HERE_BYTES_MAX: usize = 256 * 1_024;

/// Refuses a body that says of itself that it is no plain JSON. One that says nothing is looked at.
pub fn must_be_readable(headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = |value: &HeaderValue, is_known: fn(&str) -> bool| {
        let text = String::from_utf8_lossy(value.as_bytes());
        (!is_known(&text.trim().to_ascii_lowercase())).then(|| short(&text))
    };
    let refused = |code: &str, name: HeaderName, detail: &str, value: String| {
        Err(Problem::new(code, detail).at(name.as_str(), None, Some(value.into())))
    };
    let is_plain = |text: &str| text.split(',').all(|coding| matches!(coding.trim(), "" | "identity"));
    if let Some(value) = headers.get_all(header::CONTENT_ENCODING).find_map(|value| foreign(value, is_plain)) {
        let detail = "bodies are not decompressed: send it as it is";
        return refused("request.unsupported_encoding", header::CONTENT_ENCODING, detail, value);
    }
    let is_json = |text: &str| {
        let essence = text.split(';').next().unwrap_or_default().trim_end();
        // The last is what command lines say of everything that nobody told them the type of.
        matches!(essence, "application/json" | "application/x-www-form-urlencoded")
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    };
    if let Some(value) = headers.get_all(header::CONTENT_TYPE).find_map(|value| foreign(value, is_json)) {
        return refused("request.unsupported_media_type", header::CONTENT_TYPE, "send application/json", value);
    }
    Ok(())
}

/// The body as `T`: of at most `bytes_max` bytes; see [`typed`].
pub async fn of<T>(request: &HttpRequest, payload: web::Payload, bytes_max: usize) -> Result<T, Problem>
where
    T: DeserializeOwned + Send + 'static,
{
    understood(request, payload, bytes_max, |bytes| json::read(bytes, VALUES_MAX)).await
}

/// As [`of`], for a type that bounds by itself how much of a list it builds.
pub async fn of_batch<T>(request: &HttpRequest, payload: web::Payload) -> Result<T, Problem>
where
    T: DeserializeOwned + Send + 'static,
{
    understood(request, payload, BATCH_BODY_BYTES_MAX, |bytes| json::read_straight(bytes, BATCH_VALUES_MAX)).await
}

async fn understood<T: Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    bytes_max: usize,
    read: impl FnOnce(&[u8]) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let received = receive::whole(request, payload, bytes_max).await?;
    admission::enter_after_body(request).await?;
    if received.bytes.len() <= READ_HERE_BYTES_MAX {
        return read(&received.bytes);
    }
    let apart = web::block(move || read(&received.bytes)).await;
    apart.unwrap_or_else(|cause| Err(app::Error::new("internal", "the body cannot be read now").logged(&cause).into()))
}

/// The fields of a form (`application/x-www-form-urlencoded`) of at most `bytes_max` bytes, in their order.
pub async fn form(request: &HttpRequest, payload: web::Payload, bytes_max: usize) -> Result<Vec<(String, String)>, Problem> {
    let received = receive::whole(request, payload, bytes_max).await?;
    Ok(form_urlencoded::parse(&received.bytes).into_owned().collect())
}

/// The value as `T`; every field of `T` must have a default, which is how the field at fault is found.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    let Value::Object(fields) = &value else {
        return Err(json::no_object());
    };
    T::deserialize(&value).map_err(|whole| {
        let alone = |(name, field): (&String, &Value)| {
            let one = Value::Object(Map::from_iter([(name.clone(), field.clone())]));
            T::deserialize(&one).err().map(|error| misfit(name, &error.to_string()))
        };
        fields.iter().find_map(alone).unwrap_or_else(|| misfit("body", &whole.to_string()))
    })
}

fn misfit(name: &str, message: &str) -> Problem {
    let name = short(name);
    let Some(unknown) =
        message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected")).map(|it| short(it.0))
    else {
        // The first words of serde's sentence name the types; what follows may repeat the value.
        return Problem::new("request.invalid_field", format!("{name} does not fit: {}", short(message))).at(name, None, None);
    };
    let field = if unknown == name || name == "body" { unknown } else { format!("{name}.{unknown}") };
    Problem::new("request.unknown_field", format!("there is no field {field:?}")).at(field, None, None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::v1::dto::{MemoryInput, MemoryPatch};

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, code, field) in [
            (json!({"content": "a", "colour": 1}), "request.unknown_field", "colour"),
            (json!({"source": {"page": 1}}), "request.unknown_field", "source.page"),
            (json!({"content": "a", "tags": "b"}), "request.invalid_field", "tags"),
            (json!({"id": "7"}), "request.invalid_field", "id"),
            (json!({"source": ["a kind"]}), "request.invalid_field", "source"),
        ] {
            let problem = typed::<MemoryInput>(body).unwrap_err();
            assert_eq!((&*problem.code, &*problem.errors[0].field), (code, field));
        }
        assert_eq!(typed::<MemoryInput>(json!([])).unwrap_err().code, "request.invalid_json");
    }

    #[test]
    fn null_empties_and_absence_keeps() {
        let patch: MemoryPatch = typed(json!({"user_id": null})).unwrap();
        assert_eq!((patch.user_id, patch.agent_id), (Some(None), None));
    }
}
