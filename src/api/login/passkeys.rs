//! `/auth/passkey/…` and `/api/v1/me/passkeys`: what a page of ours asks to add a passkey, to log in by one, to list and to remove them.
//! Called by the routes. Between a question and its answer the browser keeps a sealed cookie.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{flow, visitor};
use crate::{
    api::http::{
        auth::address,
        body, cookies,
        error::Problem,
        limits::Limits,
        query::named,
        route::{Route, Who, shape},
        session::{must_be_from_here, shown},
    },
    app::{
        Caller,
        login::{CEREMONY_S, Login, Question},
        sessions::Shown,
    },
    domain::access::Passkey,
};

/// Largest answer of an authenticator, in bytes: ids, signatures and attestations are small.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// Refusals that count against an address.
const COUNTED: [&str; 3] = ["passkey.refused", "passkey.unknown", "passkey.cloned"];

type Data = web::Data<Login>;

/// What to give to `navigator.credentials`.
#[derive(Serialize, utoipa::ToSchema)]
struct PasskeyQuestion {
    /// `publicKey`, with bytes as base64url.
    #[serde(rename = "publicKey")]
    public_key: Value,
}

/// A passkey that a browser has made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    /// For its owner to recognise, 1 to 200 characters.
    label: Option<String>,
    /// The credential as `toJSON()` writes it.
    credential: Option<Value>,
}

/// What a passkey has signed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyAnswer {
    /// The credential as `toJSON()` writes it.
    credential: Option<Value>,
    /// The path of this server to go to; `/docs` when absent.
    return_to: Option<String>,
}

/// Where somebody who is in goes now.
#[derive(Serialize, utoipa::ToSchema)]
struct PasskeyLogin {
    return_to: String,
}

/// A passkey.
#[derive(Serialize, utoipa::ToSchema)]
struct PasskeyView {
    /// The credential id in base64url.
    id: String,
    label: String,
    /// Whether it may be on several devices.
    synced: bool,
    added_at: DateTime<Utc>,
}

/// The caller's passkeys, the oldest first.
#[derive(Serialize, utoipa::ToSchema)]
struct PasskeyList {
    passkeys: Vec<PasskeyView>,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, label, is_synced: synced, added_at, .. } = passkey;
        Self { id, label, synced, added_at }
    }
}

/// The routes of passkeys.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            gives: (200, Some(shape::<PasskeyQuestion>())),
            ..Route::new(Method::POST, "/auth/passkey/begin", || web::to(begin), "Ask a browser for a passkey to log in by")
        },
        Route {
            takes: Some(shape::<PasskeyAnswer>()),
            gives: (200, Some(shape::<PasskeyLogin>())),
            ..Route::new(Method::POST, "/auth/passkey/finish", || web::to(finish), "Log in by a passkey")
        },
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<PasskeyQuestion>())),
            ..Route::new(
                Method::POST,
                "/auth/passkey/register/begin",
                || web::to(begin_adding),
                "Ask the browser of somebody who is logged in for a new passkey",
            )
        },
        Route {
            who: Who::Known,
            takes: Some(shape::<NewPasskey>()),
            gives: (201, Some(shape::<PasskeyView>())),
            ..Route::new(
                Method::POST,
                "/auth/passkey/register/finish",
                || web::to(add),
                "Add the passkey that a browser has made",
            )
        },
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<PasskeyList>())),
            ..Route::new(Method::GET, "/api/v1/me/passkeys", || web::to(list), "The caller's passkeys")
        },
        Route {
            who: Who::Known,
            gives: (204, None),
            ..Route::new(
                Method::DELETE,
                "/api/v1/me/passkeys/{id}",
                || web::to(remove),
                "Remove one of the caller's passkeys, and end the sessions that it has opened",
            )
        },
    ]
}

/// The question, with the cookie that must come back with its answer.
fn asked(login: &Data, question: Question) -> HttpResponse {
    let is_secure = login.is_secure();
    let name = cookies::ceremony_name(is_secure);
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .append_header((header::SET_COOKIE, cookies::set((&name, &question.sealed), CEREMONY_S, is_secure)))
        .json(PasskeyQuestion { public_key: question.options })
}

fn sealed<'a>(request: &'a HttpRequest, login: &Data) -> Option<&'a str> {
    cookies::find(request.headers(), &cookies::ceremony_name(login.is_secure()))
}

/// Takes the ceremony's cookie away: it is of no more use.
fn over(answer: &mut HttpResponse, login: &Data) {
    let is_secure = login.is_secure();
    let gone = cookies::set((&cookies::ceremony_name(is_secure), ""), 0, is_secure);
    answer.headers_mut().append(header::SET_COOKIE, gone);
}

async fn begin(request: HttpRequest, login: Data) -> Result<HttpResponse, Problem> {
    must_be_from_here(request.headers())?;
    Ok(asked(&login, login.ask_for_passkey()?))
}

async fn finish(request: HttpRequest, payload: web::Payload, login: Data) -> Result<HttpResponse, Problem> {
    must_be_from_here(request.headers())?;
    let input: PasskeyAnswer = body::of(&request, payload, ANSWER_BYTES_MAX).await?;
    let answer = (named("credential", input.credential)?, input.return_to.as_deref());
    let entered = login.enter_by_passkey(sealed(&request, &login), answer, visitor(&request)).await;
    let entered = entered.map_err(|refused| counted(&request, refused.into()))?;
    let mut answer = HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(PasskeyLogin { return_to: entered.return_to.clone() });
    answer.headers_mut().append(header::SET_COOKIE, flow::session_cookie(&login, &entered));
    over(&mut answer, &login);
    Ok(answer)
}

/// An address from which many answers come that are not accepted is told to wait.
fn counted(request: &HttpRequest, refused: Problem) -> Problem {
    let limits = request.app_data::<web::Data<Limits>>().filter(|_| COUNTED.contains(&&*refused.code));
    limits.and_then(|limits| limits.failure(address(request)).err()).unwrap_or(refused)
}

async fn begin_adding(session: Option<web::ReqData<Shown>>, login: Data) -> Result<HttpResponse, Problem> {
    Ok(asked(&login, login.ask_for_new_passkey(&shown(session)?)?))
}

async fn add(
    request: HttpRequest,
    payload: web::Payload,
    session: Option<web::ReqData<Shown>>,
    login: Data,
) -> Result<HttpResponse, Problem> {
    let session = shown(session)?;
    let input: NewPasskey = body::of(&request, payload, ANSWER_BYTES_MAX).await?;
    let new = (named("label", input.label)?, named("credential", input.credential)?);
    let passkey = login.add_passkey(&session, sealed(&request, &login), new, &visitor(&request).within(&session)).await?;
    let mut answer = HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(PasskeyView::from(passkey));
    over(&mut answer, &login);
    Ok(answer)
}

async fn list(caller: web::ReqData<Caller>, login: Data) -> Result<HttpResponse, Problem> {
    let passkeys = login.passkeys_of(caller.principal())?.into_iter().map(PasskeyView::from).collect();
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(PasskeyList { passkeys }))
}

async fn remove(
    request: HttpRequest,
    session: Option<web::ReqData<Shown>>,
    id: web::Path<String>,
    login: Data,
) -> Result<HttpResponse, Problem> {
    let session = shown(session)?;
    login.remove_passkey(session.session.principal, &id, &visitor(&request).within(&session)).await?;
    Ok(HttpResponse::NoContent().finish())
}
