//! What a projection takes from an event's data: columns of `staged`, as texts that Postgres casts. Pure; used by batches and the staging.
//!
//! Decision 2026-11-27: columns, not the data as one JSON document that the statement takes apart. Postgres spent 1.3 s a processor on
//! 50,000 memories as documents and 0.8 s as columns, of which a bare COPY of the rows takes 0.43 s.

use serde::Deserialize;
use serde_json::Value;

/// A column of `staged` beside those that every event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Names of the fields that lead to the value; none for the data as a whole.
    pub path: Vec<String>,
    pub kind: Kind,
}

/// The types that a column may have; Postgres casts the texts, so that a value that does not fit is its event's fault alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Kind {
    #[serde(rename = "text")]
    Text,
    #[serde(rename = "text[]")]
    Texts,
    #[serde(rename = "jsonb")]
    Json,
    #[serde(rename = "bigint")]
    Integer,
    #[serde(rename = "double precision")]
    Float,
    #[serde(rename = "timestamptz")]
    Time,
}

/// How `projection.toml` says it: the type of the field of the same name, or where the value stands and its type.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Spec {
    Named(Kind),
    Of {
        of: String,
        #[serde(rename = "type")]
        kind: Kind,
    },
}

impl Column {
    pub(super) fn new(name: String, spec: Spec) -> Self {
        match spec {
            Spec::Named(kind) => Self { path: vec![name.clone()], name, kind },
            Spec::Of { of, kind } => Self { name, path: of.split('.').map(str::to_owned).collect(), kind },
        }
    }

    /// `data`, the whole document: what a projection has that names no columns.
    pub(super) fn whole() -> Self {
        Self { name: "data".into(), path: vec![], kind: Kind::Json }
    }

    /// The name of its type in SQL.
    pub fn sql_type(&self) -> &'static str {
        match self.kind {
            Kind::Text => "text",
            Kind::Texts => "text[]",
            Kind::Json => "jsonb",
            Kind::Integer => "bigint",
            Kind::Float => "double precision",
            Kind::Time => "timestamptz",
        }
    }

    /// Takes the value out of the data, as the text that Postgres casts; `None` is NULL.
    pub fn take(&self, data: &mut Value) -> Option<String> {
        let mut at = data;
        for name in &self.path {
            at = at.get_mut(name)?;
        }
        match (at.take(), self.kind) {
            (Value::Null, _) => None,
            (Value::Array(items), Kind::Texts) => Some(array(items)),
            (document, Kind::Json) => Some(document.to_string()),
            (Value::String(text), _) => Some(text),
            (other, _) => Some(other.to_string()),
        }
    }
}

/// An array of texts as Postgres reads it: `{"a","b \" c",NULL}`.
fn array(items: Vec<Value>) -> String {
    let mut text = String::from("{");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match item {
            Value::Null => text.push_str("NULL"),
            Value::String(item) => quote(&item, &mut text),
            other => quote(&other.to_string(), &mut text),
        }
    }
    text.push('}');
    text
}

fn quote(item: &str, text: &mut String) {
    text.push('"');
    for letter in item.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_the_text_that_postgres_casts() {
        let of = |path: &str, kind| Column::new("c".into(), Spec::Of { of: path.into(), kind });
        let mut data = json!({
            "text": "a\"b", "none": null, "tags": ["a", "b\"\\c", "", "NULL", null, 1, "{,}"], "number": 0.5,
            "source": {"position": 7}, "metadata": {"k": [1]},
        });
        for (path, kind, expected) in [
            ("text", Kind::Text, Some("a\"b")),
            ("none", Kind::Text, None),
            ("absent", Kind::Text, None),
            ("text.deeper", Kind::Text, None),
            ("source.position", Kind::Integer, Some("7")),
            ("source.absent", Kind::Text, None),
            ("tags", Kind::Texts, Some(r#"{"a","b\"\\c","","NULL",NULL,"1","{,}"}"#)),
            ("number", Kind::Float, Some("0.5")),
            ("metadata", Kind::Json, Some(r#"{"k":[1]}"#)),
        ] {
            assert_eq!(of(path, kind).take(&mut data).as_deref(), expected, "{path}");
        }
        assert_eq!(of("a", Kind::Json).take(&mut json!({"a": "text"})).as_deref(), Some("\"text\""));
        assert_eq!(Column::whole().take(&mut json!({"a": 1})).as_deref(), Some(r#"{"a":1}"#));
    }
}
