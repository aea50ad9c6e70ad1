//! The bounds of a JSON object that a client attaches: metadata of memories, properties of relationships. Called by the deciders.
//!
//! Numbers come back as they went in: Postgres keeps them as decimals of any length, so each is written the one way in which it survives.

use serde_json::{Map, Number, Value};

use super::violation::Violation;

/// Deepest nesting; the object itself is depth 0, and every value counts, a plain one included.
pub const DEPTH_MAX: usize = 5;
/// Largest object, in bytes of compact JSON with every number written out: so it is stored and so it is read, 1e308 with 309 digits.
pub const BYTES_MAX: usize = 64 * 1024;

/// The codes of an aggregate for what may be wrong with its object.
pub struct Codes {
    pub too_deep: &'static str,
    pub too_large: &'static str,
    pub nul: &'static str,
}

/// Where JSON writers change from digits to an exponent: whole numbers from here on are written as such.
const EXPONENT_FROM: f64 = 1e16;

/// The object with every number as it comes back: no zero below zero, and whole numbers that fit 64 bits as whole numbers.
pub fn clean(object: Map<String, Value>) -> Map<String, Value> {
    object.into_iter().map(|(name, value)| (name, cleaned(value))).collect()
}

fn cleaned(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Number(held(number)),
        Value::Array(items) => items.into_iter().map(cleaned).collect(),
        Value::Object(fields) => Value::Object(clean(fields)),
        other => other,
    }
}

/// The number as it is read again.
fn held(number: Number) -> Number {
    let float = number.as_f64().unwrap_or_default();
    let is_written_out = float.abs() >= EXPONENT_FROM;
    if float == 0.0 {
        Number::from_f64(0.0).unwrap_or(number)
    } else if is_written_out && float > 0.0 && float < u64::MAX as f64 {
        (float as u64).into()
    } else if is_written_out && float < 0.0 && float >= i64::MIN as f64 {
        (float as i64).into()
    } else {
        number
    }
}

/// The bytes of a number's text beyond those that JSON writes with an exponent.
fn written_out_beyond(number: &Number) -> usize {
    let float = number.as_f64().filter(|_| number.is_f64()).unwrap_or_default().abs();
    if float == 0.0 || (1e-5..EXPONENT_FROM).contains(&float) { 0 } else { float.log10().abs() as usize }
}

fn written_out(value: &Value) -> usize {
    match value {
        Value::Number(number) => written_out_beyond(number),
        Value::Array(items) => items.iter().map(written_out).sum(),
        Value::Object(fields) => fields.values().map(written_out).sum(),
        _ => 0,
    }
}

/// Checks depth, size, and that no text holds U+0000, which jsonb cannot store.
pub fn check(field: &str, object: &Map<String, Value>, codes: &Codes, broken: &mut Vec<Violation>) {
    let depth = object.values().map(|value| 1 + depth_of(value)).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        let detail = format!("{field} is nested {depth} deep; the limit is {DEPTH_MAX}");
        broken.push(Violation::new(codes.too_deep, field, detail).limit(DEPTH_MAX).value(depth));
        return;
    }
    let text = serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    let bytes = text.saturating_add(object.values().map(written_out).sum());
    if bytes > BYTES_MAX {
        let detail = format!("{field} has {bytes} bytes of JSON, with its numbers written out; the limit is {BYTES_MAX}");
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_the_way_they_come_back() {
        let object = json!({"a": [-0.0, 1e16, -1e18, 1.8e19, 1e20, 1.5, 5e-324, 9007199254740993u64, -3], "b": {"c": -0.0}});
        let cleaned = Value::Object(clean(object.as_object().expect("an object").clone()));
        let text = r#"{"a":[0.0,10000000000000000,-1000000000000000000,18000000000000000000,1e+20,1.5,5e-324,9007199254740993,-3],"b":{"c":0.0}}"#;
        assert_eq!(cleaned.to_string(), text);
    }

    #[test]
    fn a_number_weighs_what_it_has_digits() {
        let codes = Codes { too_deep: "deep", too_large: "large", nul: "nul" };
        let with = |number: f64, count: usize| {
            let mut broken = vec![];
            let object = Map::from_iter([("n".to_owned(), vec![number; count].into())]);
            check("metadata", &object, &codes, &mut broken);
            broken.first().map(|one| one.code)
        };
        assert_eq!((with(1.5, 10_000), with(1e308, 10_000), with(1e-300, 10_000)), (None, Some("large"), Some("large")));
        assert_eq!(with(1e308, 100), None);
    }
}
