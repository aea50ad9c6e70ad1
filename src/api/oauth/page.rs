//! The pages on which a person lets a client in. Used by the handlers beside it. No page holds a token or a code of a client.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};

use super::visit::Visit;
use crate::{
    api::http::{
        error::Problem,
        html::{self, append, escaped, page},
    },
    domain::access::Scope,
};

/// Who asks, and for what.
pub struct Request<'a> {
    pub client: &'a str,
    /// What is known of where it is: pairs of a word and a text.
    pub known: &'a [(&'a str, &'a str)],
    pub scopes: &'a [Scope],
    /// Where the form goes.
    pub action: &'a str,
    /// Fields that come back with it.
    pub hidden: &'a [(&'a str, &'a str)],
    /// Where the answer to the form may send the browser, as a source of Content-Security-Policy.
    pub leads_to: Option<&'a str>,
}

/// The page that asks.
pub fn ask(visit: &Visit, request: &Request<'_>) -> HttpResponse {
    let mut text =
        format!("<p><strong>{}</strong> asks to act for you, {}.</p><dl>", escaped(request.client), escaped(&visit.name));
    for (word, said) in request.known {
        let class = if *word == "Code" { " class=\"code\"" } else { "" };
        append(&mut text, format_args!("<dt>{}</dt><dd{class}>{}</dd>", escaped(word), escaped(said)));
    }
    text.push_str("</dl><p>It could, as far as you may yourself:</p><ul>");
    for scope in request.scopes {
        append(&mut text, format_args!("<li>{} <code>{}</code></li>", meaning(*scope), scope.as_str()));
    }
    append(&mut text, format_args!("</ul><form method=\"post\" action=\"{}\">", escaped(request.action)));
    for (name, value) in request.hidden.iter().chain(&[("csrf", visit.token.as_str())]) {
        append(&mut text, format_args!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value)));
    }
    text.push_str("<label>In the space <select name=\"space\">");
    for belonging in &visit.spaces {
        let (id, name) = (belonging.space.id.to_string(), escaped(&belonging.space.name));
        append(
            &mut text,
            format_args!("<option value=\"{}\">{name} (you are {} there)</option>", escaped(&id), belonging.role.as_str()),
        );
    }
    text.push_str("<option value=\"*\">all of yours, also those to come</option></select></label>");
    text.push_str("<p>Allow it only if you have started it yourself, just now.</p>");
    text.push_str(
        "<button name=\"decision\" value=\"deny\">Deny</button><button name=\"decision\" value=\"allow\">Allow</button></form>",
    );
    let leads_to = request.leads_to.map(|place| format!("'self' {place}"));
    page(StatusCode::OK, "Let a client in?", &text, leads_to.as_deref().unwrap_or("'self'"))
}

/// The page on which a code is typed in; `wrong` says that the last one was.
pub fn type_code(wrong: Option<&Problem>) -> HttpResponse {
    let status = wrong.map_or(StatusCode::OK, |problem| problem.status_code());
    let why = wrong.map(html::why);
    let text = format!(
        "{}<form method=\"get\" action=\"/oauth/device\"><label>The code that your device shows<br><input name=\"user_code\" \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" placeholder=\"XXXX-XXXX\" required autofocus></label>\
         <button>Go on</button></form>",
        why.unwrap_or_default()
    );
    page(status, "Let a device in", &text, "'self'")
}

/// What has come of it.
pub fn done(is_allowed: bool) -> HttpResponse {
    let text = if is_allowed {
        "<p>The device is in: go back to it. This page can be closed.</p>"
    } else {
        "<p>The device gets nothing. This page can be closed.</p>"
    };
    page(StatusCode::OK, if is_allowed { "Allowed" } else { "Denied" }, text, html::NOWHERE)
}

/// The ways to log in: addresses and names.
pub fn ways_in<'a>(ways: impl Iterator<Item = (String, &'a str)>) -> HttpResponse {
    let mut text = String::from("<p>A client asks to act for you. Say first who you are:</p><ul>");
    for (address, name) in ways {
        append(&mut text, format_args!("<li><a href=\"{}\">{}</a></li>", escaped(&address), escaped(name)));
    }
    text.push_str("</ul><p>The owner can also open the link that <code>brain login-link</code> prints on the machine itself, and then load this page again.</p>");
    page(StatusCode::UNAUTHORIZED, "Log in", &text, html::NOWHERE)
}

/// Why nothing is asked.
pub fn refused(problem: &Problem) -> HttpResponse {
    html::refused("This cannot be done", problem)
}

/// What a scope lets somebody do, for people.
fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::MemoryRead => "read and search memories",
        Scope::MemoryWrite => "write, change and delete memories",
        Scope::MemoryImport => "say when memories were made",
        Scope::GraphRead => "read how memories are related",
        Scope::GraphWrite => "relate memories",
        Scope::WebhookAdmin => "have events sent to other places",
        Scope::TaskRun => "start analyses and exports",
        Scope::AuditRead => "read who did what",
        Scope::SpaceAdmin => "manage the space: members, invitations, keys",
        Scope::ReplayAdmin => "rebuild and repair read models",
    }
}
