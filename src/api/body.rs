//! Reads a request's body up to its limit and turns it into a typed value, naming the field that does not fit.
//!
//! Called by the handlers that take a body; those that keep their answers have them written here. Never keeps
//! more than the limit in memory and never echoes what was sent at length.

use std::time::Duration;

use actix_web::{HttpRequest, http::header, web};
use futures::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::error::Problem;

/// Largest body that holds one memory.
pub const MEMORY_BODY_BYTES_MAX: usize = 2 << 20;
/// Largest body of a batch.
pub const BATCH_BODY_BYTES_MAX: usize = 16 << 20;
/// What is read and thrown away of a body that is too large, so that the client hears the answer instead of a reset.
const DRAINED_BYTES_MAX: usize = 64 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// How much of a client's own words a problem repeats.
const ECHO_CHARS_MAX: usize = 64;

/// The body as `T`, see [`json`] and [`typed`].
pub async fn of<T: DeserializeOwned>(request: &HttpRequest, payload: web::Payload, bytes_max: usize) -> Result<T, Problem> {
    typed(json(request, payload, bytes_max).await?)
}

/// The JSON document of a body of at most `bytes_max` bytes.
pub async fn json(request: &HttpRequest, payload: web::Payload, bytes_max: usize) -> Result<Value, Problem> {
    let bytes = read(request, payload, bytes_max).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        Problem::new("request.invalid_json", format!("the body is not UTF-8: byte {} is wrong", error.valid_up_to()))
    })?;
    serde_json::from_str(text).map_err(|error| Problem::new("request.invalid_json", format!("the body is not JSON: {error}")))
}

/// The JSON of an answer.
pub fn written(view: &impl Serialize) -> Result<web::Bytes, Problem> {
    let json =
        serde_json::to_vec(view).map_err(|cause| Problem::new("internal", "the answer cannot be written").logged(&cause))?;
    Ok(json.into())
}

async fn read(request: &HttpRequest, mut payload: web::Payload, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        drain(&mut payload).await;
        return Err(too_large(bytes_max, announced));
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new("request.unreadable", "the body broke off before its end"))?;
        if bytes.len() + chunk.len() > bytes_max {
            drain(&mut payload).await;
            return Err(too_large(bytes_max, None));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn drain(payload: &mut web::Payload) {
    let all = async {
        let mut seen = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            seen += chunk.len();
            if seen > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // Whether it ended in time changes nothing: the answer is the same.
    let _ = tokio::time::timeout(DRAIN_WAIT, all).await;
}

fn too_large(bytes_max: usize, announced: Option<usize>) -> Problem {
    Problem::new("request.too_large", format!("the body is larger than {bytes_max} bytes")).at(
        "body",
        Some(bytes_max.into()),
        announced.map(Value::from),
    )
}

/// The value as `T`; every field of `T` must have a default, which is how the field at fault is found.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    let Value::Object(fields) = &value else {
        return Err(Problem::new("request.invalid_json", "a JSON object is expected"));
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
    let field = if unknown == name { name } else { format!("{name}.{unknown}") };
    Problem::new("request.unknown_field", format!("there is no field {field:?}")).at(field, None, None)
}

/// The text's first characters, without control characters.
pub fn short(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(ECHO_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::dto::{MemoryInput, MemoryPatch};

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, code, field) in [
            (json!({"content": "a", "colour": 1}), "request.unknown_field", "colour"),
            (json!({"source": {"page": 1}}), "request.unknown_field", "source.page"),
            (json!({"content": "a", "tags": "b"}), "request.invalid_field", "tags"),
            (json!({"id": "7"}), "request.invalid_field", "id"),
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
