//! Clients get tokens for what a person allows them, keep them fresh, and lose them by every door that there is.

mod client;
mod code;
mod command_line;
mod device;
mod ends;
mod hostile;
mod independent;
mod refresh;
mod rotation;
mod spaces;

use reqwest::{Method, StatusCode};
use second_brain::config::Auth;
use serde_json::{Value, json};

use crate::{
    harness::{Reply, World, reply},
    login::{
        browser::{Browser, Page},
        free_port,
    },
};

pub const CLI: &str = "brain-cli";
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A brain that keeps its address over restarts, which is its name as an issuer.
async fn world() -> World {
    world_with(Auth::default()).await
}

/// The same with these settings.
async fn world_with(auth: Auth) -> World {
    let port = free_port();
    World::that_people_log_in_to(Auth { base_url: Some(format!("http://127.0.0.1:{port}")), ..auth }, port).await
}

/// The owner, in a browser.
async fn owner(world: &World) -> Browser {
    let link = world.send(Method::POST, "/api/v1/login-link", json!(null)).await;
    let browser = Browser::of("owner");
    let entered = browser.get(link.body["url"].as_str().expect("a link")).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{entered:?}");
    browser
}

/// A form to an endpoint for programs.
async fn ask(world: &World, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = world.anonymous(Method::POST, path).header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer = reply(request).await;
    assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
    answer
}

/// What the token endpoint refuses with.
fn error(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.body["error"].as_str().unwrap_or_default())
}

async fn begin(world: &World, scope: &str) -> Value {
    let begun = ask(world, "/oauth/device_authorization", &[("client_id", CLI), ("scope", scope)]).await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    begun.body
}

async fn poll(world: &World, begun: &Value) -> Reply {
    let code = begun["device_code"].as_str().expect("a code");
    ask(world, "/oauth/token", &[("grant_type", DEVICE_GRANT), ("device_code", code), ("client_id", CLI)]).await
}

async fn refresh(world: &World, token: &str) -> Reply {
    ask(world, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLI)]).await
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

/// The value of an attribute.
fn attribute(text: &str, name: &str) -> Option<String> {
    let rest = text.split(&format!("{name}=\"")).nth(1)?;
    rest.split('"').next().map(|value| value.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&"))
}

/// The form of a page of consent: where it goes, and the fields that come with it.
fn form_of(page: &Page) -> (String, Vec<(String, String)>) {
    let form = page.text.split("<form").nth(1).unwrap_or_else(|| panic!("a form: {page:?}"));
    let action = page.url.join(&attribute(form, "action").expect("an action")).expect("a URL");
    let inputs = form.split("<input").skip(1).filter(|input| input.contains("type=\"hidden\""));
    let fields = inputs.map(|input| (attribute(input, "name").expect("a name"), attribute(input, "value").expect("a value")));
    (action.to_string(), fields.collect())
}

/// Says yes or no on a page of consent, as a browser does.
async fn say(browser: &Browser, page: &Page, decision: &str, space: &str) -> Page {
    let (action, mut fields) = form_of(page);
    fields.push(("space".into(), space.into()));
    fields.push(("decision".into(), decision.into()));
    browser.send(Method::POST, &action, &[("sec-fetch-site", "same-origin")], Some(&fields)).await
}

/// Lets a waiting device in.
async fn allow(browser: &Browser, begun: &Value, space: &str) {
    let page = browser.get(text(begun, "verification_uri_complete")).await;
    assert!(page.text.contains(text(begun, "user_code")), "{page:?}");
    let said = say(browser, &page, "allow", space).await;
    assert!(said.status == 200 && said.text.contains("go back to it"), "{said:?}");
}

/// Tokens for the owner.
async fn tokens(world: &World, scope: &str, space: &str) -> Value {
    let browser = owner(world).await;
    let begun = begin(world, scope).await;
    allow(&browser, &begun, space).await;
    let given = poll(world, &begun).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    given.body
}

async fn by(world: &World, token: &str, method: Method, path: &str, body: Value) -> Reply {
    let request = world.anonymous(method, path).bearer_auth(token);
    reply(if body.is_null() { request } else { request.json(&body) }).await
}

async fn me(world: &World, token: &str) -> Reply {
    by(world, token, Method::GET, "/api/v1/me", json!(null)).await
}
