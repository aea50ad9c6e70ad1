//! `GET /auth`: the page where people come in, and, once they are in, see and change by what they do. Called by the routes.
//!
//! The page is whole without its script but for passkeys and changes, which need one. Script and style are files of this server, and the page
//! may use nothing else.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use url::form_urlencoded;

use super::wanted;
use crate::{
    api::http::{
        auth::host,
        error::Problem,
        html::{self, escaped, quiet},
        session,
    },
    app::login::Login,
};

const STYLE: &str = include_str!("files/auth.css");
const SCRIPT: &str = include_str!("files/auth.js");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// `GET /auth/page.js`.
pub async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(SCRIPT)
}

/// `GET /auth/page.css`.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

/// `GET /auth`.
pub async fn page(request: HttpRequest, login: web::Data<Login>) -> Result<HttpResponse, Problem> {
    let asked = wanted(&request)?;
    if let Some(there) = elsewhere(&request, &login) {
        return Ok(html::away(&there));
    }
    let return_to = asked.return_to.as_deref().unwrap_or_default();
    let person = session::of_cookie(request.headers(), &login)
        .flatten()
        .and_then(|shown| login.directory.principal(shown.session.principal));
    let (title, main) = match person {
        Some(person) => ("Your ways in", within(&login, &person.name)),
        None => ("Log in", before(&login, return_to)),
    };
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} – Second Brain</title><link rel=\"stylesheet\" href=\"/auth/page.css\">\
         <script src=\"/auth/page.js\" defer></script><main data-return-to=\"{}\"><h1>{title}</h1>{main}\
         <p id=\"said\" role=\"status\" aria-live=\"polite\"></p></main></html>",
        escaped(return_to)
    );
    Ok(quiet(StatusCode::OK)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .content_type("text/html; charset=utf-8")
        .body(text))
}

/// The same page under this machine's name, for a browser that has come by its number: cookies and passkeys of the two are not the same.
pub(super) fn elsewhere(request: &HttpRequest, login: &Login) -> Option<String> {
    let base = login.base.as_ref().filter(|base| base.is_named_here())?;
    let is_number = host(request).is_some_and(|host| base.is_number_of(host));
    is_number.then(|| base.at(&request.uri().to_string()))
}

fn before(login: &Login, return_to: &str) -> String {
    let query = match return_to {
        "" => String::new(),
        path => format!("?{}", form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish()),
    };
    let mut text = String::new();
    if login.has_passkeys() {
        text += "<button id=\"passkey\" type=\"button\" disabled>Log in with a passkey</button>\
                 <noscript><p>Passkeys need JavaScript.</p></noscript>";
    }
    if !login.providers.is_empty() {
        text += "<ul class=\"providers\">";
        for provider in &login.providers {
            text += &format!(
                "<li><a href=\"/auth/{}{}\">Log in with {}</a></li>",
                escaped(&provider.id),
                escaped(&query),
                escaped(&provider.name)
            );
        }
        text += "</ul>";
    }
    text += "<p>On the machine itself, <code>brain login-link</code> prints a link that lets its owner in.</p>";
    text
}

fn within(login: &Login, name: &str) -> String {
    let mut text = format!(
        "<p>You are logged in as <strong>{}</strong>. <a href=\"/docs\">The API</a></p>\
         <noscript><p>To change anything here, this page needs JavaScript.</p></noscript>",
        escaped(name)
    );
    if login.has_passkeys() {
        text += "<section aria-labelledby=\"of-passkeys\"><h2 id=\"of-passkeys\">Passkeys</h2><ul id=\"passkeys\"></ul>\
                 <form id=\"add\"><label for=\"label\">Name of a new passkey</label>\
                 <input id=\"label\" required maxlength=\"200\" autocomplete=\"off\" placeholder=\"this laptop\">\
                 <button>Add a passkey</button></form></section>";
    }
    if !login.providers.is_empty() {
        text += "<section aria-labelledby=\"of-identities\"><h2 id=\"of-identities\">Login providers</h2><ul id=\"identities\"></ul><p>";
        for provider in &login.providers {
            text += &format!(
                "<button type=\"button\" class=\"link\" data-provider=\"{}\">Add {}</button> ",
                escaped(&provider.id),
                escaped(&provider.name)
            );
        }
        text += "</p></section>";
    }
    text += "<section id=\"invitation\" hidden aria-labelledby=\"of-invitation\"><h2 id=\"of-invitation\">An invitation</h2>\
             <p>You were invited to a space.</p><button id=\"join\" type=\"button\">Join as yourself</button></section>\
             <p><button id=\"logout\" type=\"button\">Log out</button></p>";
    text
}
