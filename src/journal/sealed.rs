//! What is sealed of a sensitive memory, and the form in which it is: title, content, metadata and `source.uri` as one JSON object, in
//! bytes that are filled up to a multiple of [`PAD_BYTES`] so that their number tells little. Called by the write path, which seals, and
//! by whoever opens; knows no key.
//!
//! In the clear stay times, who acted, type, tags, importance, the ids of users, agents and runs, and to what a memory is related.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Envelope, events::SEALED};
use crate::domain::memory::Body;

/// To a multiple of so many bytes the contents are filled up.
pub const PAD_BYTES: usize = 256;
const SENSITIVE: &str = "sensitive";
/// The field of an event's data in which the sealed contents stand.
const FIELD: &str = "sealed";

/// The bytes are no contents: they were sealed by a program that knows more, or are damaged.
#[derive(Debug, thiserror::Error)]
#[error("what was sealed does not have its form")]
pub struct NoContents;

/// What is sealed of a memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    title: Option<String>,
    content: String,
    metadata: Map<String, Value>,
    uri: Option<String>,
}

impl Contents {
    /// The form that is sealed: the length of the JSON text in four bytes, the text, and zeros.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("contents have string keys and finite numbers only");
        let mut bytes = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        bytes.extend(text);
        bytes.resize(bytes.len().next_multiple_of(PAD_BYTES), 0);
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoContents> {
        let (len, rest) = bytes.split_first_chunk::<4>().ok_or(NoContents)?;
        let text = rest.get(..u32::from_be_bytes(*len) as usize).ok_or(NoContents)?;
        serde_json::from_slice(text).map_err(|_| NoContents)
    }

    /// Puts them where they belong.
    pub fn fill(self, body: &mut Body) {
        let Self { title, content, metadata, uri } = self;
        (body.title, body.content, body.metadata, body.source.uri) = (title, content, metadata, uri);
    }
}

/// Whether the event leaves a sensitive memory.
pub fn is_sensitive(event: &Envelope) -> bool {
    event.is_of_memory() && event.data.get(SENSITIVE) == Some(&Value::Bool(true))
}

/// Whether the event tells that a memory has become sensitive.
pub fn has_become_sensitive(event: &Envelope) -> bool {
    event.kind == SEALED
}

/// The sealed contents of an event.
pub fn of(event: &Envelope) -> Option<&str> {
    event.data.get(FIELD).and_then(Value::as_str).filter(|_| is_sensitive(event))
}

/// Takes the contents out of an event that is about to be written. What it tells of old values is none of these.
pub fn take(event: &mut Envelope) -> Contents {
    let data = &mut event.data;
    let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
    Contents {
        title: text(data["title"].take()),
        content: text(std::mem::replace(&mut data["content"], "".into())).unwrap_or_default(),
        metadata: match std::mem::replace(&mut data["metadata"], Map::new().into()) {
            Value::Object(metadata) => metadata,
            _ => Map::new(),
        },
        uri: data.get_mut("source").and_then(|source| text(source["uri"].take())),
    }
}

/// Writes into the event what [`take`] has taken, sealed.
pub fn put(event: &mut Envelope, sealed: String) {
    event.data[FIELD] = sealed.into();
}

/// Gives an event that was read its contents back.
pub fn put_back(event: &mut Envelope, contents: Contents) {
    let Contents { title, content, metadata, uri } = contents;
    let Some(data) = event.data.as_object_mut() else { return };
    if let Some(Value::Object(source)) = data.get_mut("source") {
        source.insert("uri".into(), uri.into());
    }
    let fields = [("title", title.into()), ("content", content.into()), ("metadata", metadata.into()), (FIELD, Value::Null)];
    data.extend(fields.map(|(field, value)| (field.to_owned(), value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_filled_up_and_come_back() {
        let metadata = Map::from_iter([("a".to_owned(), Value::from(1))]);
        for chars in [0, 1, 200, 251, 252, 10_000] {
            let content = "é".repeat(chars);
            let contents = Contents { title: Some("t".into()), content, metadata: metadata.clone(), uri: None };
            let bytes = contents.to_bytes();
            assert_eq!(bytes.len() % PAD_BYTES, 0);
            assert_eq!(Contents::from_bytes(&bytes).unwrap(), contents);
        }
        for damaged in [&[][..], &[0, 0, 0], &[0, 0, 0, 9, b'{'], &[0, 0, 0, 1, b'{']] {
            assert!(Contents::from_bytes(damaged).is_err());
        }
    }
}
