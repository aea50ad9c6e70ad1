//! The parameters of a route: those of its query as the type has them that is parsed, those of its path and headers by name.
//! Called by [`super`].

use serde_json::{Value, json};

use super::Route;

/// `*`, or tags with commas; a bare number is taken for the tag that it means.
const TAGS: &str = r##"^(\*|((W/)?"[!#-~]*"|0|[1-9][0-9]{0,17})( *, *((W/)?"[!#-~]*"|0|[1-9][0-9]{0,17}))*)$"##;

/// All parameters of a route.
pub(super) fn of(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)}));
    let query = (route.query)().into_iter().map(|parameter| {
        let mut parameter = serde_json::to_value(parameter).expect("a parameter is plain JSON");
        without_null(&mut parameter["schema"]);
        parameter
    });
    let headers = route.headers.iter();
    let headers = headers.map(|name| json!({"name": name, "in": "header", "required": false, "schema": header_schema(name)}));
    in_path.chain(query).chain(headers).collect()
}

/// An address cannot say null: what may be absent is absent.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [only] = &types[..] {
            schema["type"] = only.clone();
        }
    }
}

fn path_schema(name: &str) -> Value {
    match name {
        "id" => json!({"type": "string", "format": "uuid"}),
        "position" => position(),
        _ => json!({"type": "string"}),
    }
}

fn header_schema(name: &str) -> Value {
    match name {
        "Last-Event-ID" => position(),
        "Idempotency-Key" => json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}),
        "If-Match" => json!({"type": "string", "pattern": TAGS}),
        _ => json!({"type": "string"}),
    }
}

/// Greater ones than Postgres can count are no position of anything.
fn position() -> Value {
    json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX})
}
