//! The bounds of a JSON object that a client attaches: metadata of memories, properties of relationships. Called by the deciders.

use serde_json::{Map, Value};

use super::violation::Violation;

/// Deepest nesting; the object itself is depth 0, and every value counts, a plain one included.
pub const DEPTH_MAX: usize = 5;
/// Largest object, in bytes of compact JSON.
pub const BYTES_MAX: usize = 64 * 1024;

/// The codes of an aggregate for what may be wrong with its object.
pub struct Codes {
    pub too_deep: &'static str,
    pub too_large: &'static str,
    pub nul: &'static str,
}

/// Checks depth, size, and that no text holds U+0000, which jsonb cannot store.
pub fn check(field: &str, object: &Map<String, Value>, codes: &Codes, broken: &mut Vec<Violation>) {
    let depth = object.values().map(|value| 1 + depth_of(value)).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        let detail = format!("{field} is nested {depth} deep; the limit is {DEPTH_MAX}");
        broken.push(Violation::new(codes.too_deep, field, detail).limit(DEPTH_MAX).value(depth));
        return;
    }
    let bytes = serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    if bytes > BYTES_MAX {
        let detail = format!("{field} has {bytes} bytes of JSON; the limit is {BYTES_MAX}");
        broken.push(Violation::new(codes.too_large, field, detail).limit(BYTES_MAX).value(bytes));
    }
    for (key, value) in object {
        if key.contains('\0') || holds_nul(value) {
            broken.push(nul(format!("{field}.{}", key.replace('\0', "\u{2400}")), codes.nul));
        }
    }
}

/// The violation of a text that holds U+0000.
pub fn nul(field: impl Into<String>, code: &'static str) -> Violation {
    let field = field.into();
    let detail = format!("{field} holds a U+0000 character, which cannot be stored");
    Violation::new(code, field, detail).value("\u{2400}")
}

/// How far values nest below this one: 0 for a plain value. The parser bounds the recursion at 128.
fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| 1 + depth_of(item)).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(|field| 1 + depth_of(field)).max().unwrap_or(0),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, field)| key.contains('\0') || holds_nul(field)),
        _ => false,
    }
}
