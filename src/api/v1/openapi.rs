//! The API's description: an OpenAPI 3.1 document from the routes and the wire types, and a page made of it for people.
//!
//! Called by the routes. The page asks no other host for anything.

mod answers;
mod parameters;

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::{Method, header},
    web,
};
use serde_json::{Map, Value, json};

use crate::api::{
    self,
    http::{
        error::Problem,
        html::{append, escaped},
        route::{Route, Shape, Who, shape},
    },
    live::auth::TOKEN,
    oauth::OauthProblem,
};

const DESCRIPTION: &str = concat!(
    env!("CARGO_PKG_DESCRIPTION"),
    " HEAD is answered wherever GET is, except by streams, by sockets and by addresses that are good once. Whatever is refused is a problem (RFC 9457)."
);
/// What the page may do in a browser: show itself, and nothing else; no other page shows it.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A document of ours, made when it is first asked for.
type Once = LazyLock<web::Bytes>;

fn json_of(document: &Value) -> web::Bytes {
    document.to_string().into()
}

/// The routes of the description.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/openapi.json", || web::to(handle), "This description as OpenAPI"),
        Route::new(Method::GET, "/api/v1/asyncapi.json", || web::to(events), "The events as AsyncAPI"),
        Route::new(Method::GET, "/docs", || web::to(docs), "This description for people"),
    ]
}

async fn handle() -> HttpResponse {
    static JSON: Once = Once::new(|| json_of(&document()));
    HttpResponse::Ok().content_type("application/json").body(JSON.clone())
}

/// The description of the events, as AsyncAPI.
async fn events() -> HttpResponse {
    static JSON: Once = Once::new(|| json_of(&crate::journal::asyncapi::document()));
    HttpResponse::Ok().content_type("application/json").body(JSON.clone())
}

async fn docs() -> HttpResponse {
    static HTML: Once = Once::new(|| page(&document()).into());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY));
    answer.content_type("text/html; charset=utf-8").body(HTML.clone())
}

/// The OpenAPI document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in api::routes() {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Second Brain", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "live_token": {"type": "apiKey", "in": "query", "name": TOKEN},
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters::of(route),
        "responses": answers::of(route),
    });
    if let Some(shape) = route.takes {
        operation["requestBody"] = json!({"required": true, "content": content("application/json", &(shape.name)())});
    }
    if let Some(shape) = route.form {
        let content = content("application/x-www-form-urlencoded", &(shape.name)());
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    if route.who != Who::Anybody {
        let needs = match route.who {
            Who::May(scope) => format!("Needs a key with the scope `{}`.", scope.as_str()),
            _ => "Needs a key.".to_owned(),
        };
        operation["description"] = needs.into();
        let mut ways = vec![json!({"bearer": []}), json!({"api_key": []})];
        if route.by_token {
            ways.push(json!({"live_token": []}));
        }
        operation["security"] = ways.into();
    }
    operation
}

fn content(media: &str, schema: &str) -> Value {
    json!({media: {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

/// The schemas of all that routes take and give.
fn schemas() -> Map<String, Value> {
    let mut found = Map::new();
    for route in api::routes() {
        route.takes.into_iter().chain(route.form).chain(route.gives.1).for_each(|shape| add(&mut found, shape));
    }
    add(&mut found, shape::<Problem>());
    add(&mut found, shape::<OauthProblem>());
    found
}

/// Adds the schema of a shape and of every type that it refers to.
fn add(found: &mut Map<String, Value>, shape: Shape) {
    for (name, schema) in (shape.schemas)() {
        let mut schema = serde_json::to_value(schema).expect("a schema is plain JSON");
        // What is absent is absent: in a PATCH that is something else than null, and an empty text is refused where one is needed.
        for field in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Some(field) = field.as_object_mut()
                && field.get("default").is_some_and(|default| default.is_null() || default == "")
            {
                field.remove("default");
            }
        }
        found.insert(name, schema);
    }
}

/// The document as HTML, without script and without anything from elsewhere.
fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Second Brain API</title><style>\
         body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}code,pre{background:#f4f4f4}\
         pre{padding:.5rem;overflow:auto}</style><h1>Second Brain API</h1>\
         <p>The same as <a href=\"/api/v1/openapi.json\">OpenAPI</a>.</p><h2>Routes</h2>",
    );
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            section(&mut html, path, method, operation);
        }
    }
    html.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        append(&mut html, format_args!("<h3 id=\"{name}\">{name}</h3><pre>{}</pre>", escaped(&text)));
    }
    html
}

fn section(html: &mut String, path: &str, method: &str, operation: &Value) {
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    append(html, format_args!("<h3><code>{} {}</code></h3>", method.to_uppercase(), escaped(path)));
    append(html, format_args!("<p>{}. {}</p><ul>", text(&operation["summary"]), text(&operation["description"])));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        append(html, format_args!("<li>{}: <code>{}</code></li>", text(&parameter["in"]), text(&parameter["name"])));
    }
    link(html, "body", &operation["requestBody"]["content"]);
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        link(html, status, &answer["content"]);
    }
    html.push_str("</ul>");
}

fn link(html: &mut String, label: &str, content: &Value) {
    for media in content.as_object().into_iter().flat_map(Map::values) {
        let name = media["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        append(html, format_args!("<li>{label}: <a href=\"#{name}\">{name}</a></li>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_resolves_and_the_page_names_every_path() {
        let document = document();
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} is missing");
        }
        for (path, methods) in document["paths"].as_object().unwrap() {
            let operations = methods.as_object().unwrap().values();
            let mut parameters = operations.flat_map(|operation| operation["parameters"].as_array().unwrap());
            assert!(parameters.all(|one| one["schema"].is_object() && one["name"] != ""), "{path}");
        }
        let html = page(&document);
        assert!(api::routes().iter().all(|route| html.contains(route.path)));
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
    }
}
