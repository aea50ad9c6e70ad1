//! `/oauth/device`: where a person types the code of a device and says what it may. Called by the routes.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::{
    page::{self, Request},
    visit::Visit,
};
use crate::{
    api::http::{auth::address, error::Problem, limits::Limits, query},
    app::{access::Access, login::Login, oauth::Oauth},
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// As the device shows it.
    user_code: Option<String>,
}

fn too_many() -> Problem {
    Problem::new("auth.too_many_failures", "too many wrong codes have come from this address; come again in ten minutes")
}

fn unknown() -> Problem {
    Problem::new("oauth.unknown_code", "no device waits by this code: look at it again, or begin again on the device")
}

/// `GET /oauth/device`.
pub async fn show(
    request: HttpRequest,
    (login, access): (web::Data<Login>, web::Data<Access>),
    oauth: web::Data<Oauth>,
    limits: web::Data<Limits>,
) -> HttpResponse {
    let visit = match Visit::of(&request, &login, &access) {
        Ok(visit) => visit,
        Err(answer) => return answer,
    };
    let asked: Result<Shown, Problem> = query::parse(&request);
    let user_code = match asked {
        Ok(Shown { user_code: Some(code) }) if !code.trim().is_empty() => code,
        Ok(_) => return page::type_code(None),
        Err(problem) => return page::refused(&problem),
    };
    let (from, now) = (address(&request), Instant::now());
    if !limits.guesses.may_guess(from, now) {
        return page::type_code(Some(&too_many()));
    }
    let Some(device) = oauth.waiting_device(&user_code) else {
        limits.guesses.was_wrong(from, now);
        return page::type_code(Some(&unknown()));
    };
    let code = user_code.to_ascii_uppercase();
    let asked_at = device.asked_at.format("%Y-%m-%d %H:%M UTC").to_string();
    let known = [
        ("Code", code.as_str()),
        ("Device", device.agent.as_str()),
        ("Address", device.address.as_str()),
        ("Asked at", asked_at.as_str()),
    ];
    page::ask(
        &visit,
        &Request {
            client: &device.client_name,
            known: &known,
            scopes: &device.scopes,
            action: "/oauth/device",
            hidden: &[("user_code", &user_code)],
            leads_to: None,
        },
    )
}

/// `POST /oauth/device`.
pub async fn decide(
    request: HttpRequest,
    payload: web::Payload,
    (login, access): (web::Data<Login>, web::Data<Access>),
    oauth: web::Data<Oauth>,
    limits: web::Data<Limits>,
) -> HttpResponse {
    let visit = match Visit::of(&request, &login, &access) {
        Ok(visit) => visit,
        Err(answer) => return answer,
    };
    let said = match visit.hear(&request, payload).await {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    let (from, now) = (address(&request), Instant::now());
    if !limits.guesses.may_guess(from, now) {
        return page::type_code(Some(&too_many()));
    }
    let decided = async {
        let allowed = said.allowed()?;
        let is_allowed = allowed.is_some();
        let code = said.get("user_code").unwrap_or_default();
        oauth.decide_device(code, visit.shown.session.principal, allowed).await?;
        Ok(is_allowed)
    };
    match decided.await {
        Ok(is_allowed) => page::done(is_allowed),
        Err(problem) => {
            let problem: Problem = problem;
            if problem.code == "oauth.unknown_code" {
                limits.guesses.was_wrong(from, now);
                return page::type_code(Some(&unknown()));
            }
            page::refused(&problem)
        }
    }
}
