//! `/api/v1/sessions` and the end of one's own: what a person sees and ends of their sessions. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LoggedOut;
use crate::{
    api::http::{
        cookies,
        error::Problem,
        route::{Route, Who, shape},
    },
    app::{Caller, login::Login, sessions::Shown},
    domain::session::{Origin, Session},
};

/// One session.
#[derive(Serialize, utoipa::ToSchema)]
struct SessionView {
    id: Uuid,
    /// By which provider it was opened; absent for one that a passkey or a link of the machine itself has opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// The id of the passkey that has opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<String>,
    created_at: DateTime<Utc>,
    /// The newest request in it, to within some minutes.
    seen_at: DateTime<Utc>,
    /// When it is over if nothing more is asked in it.
    ends_at: DateTime<Utc>,
    /// The browser as it calls itself.
    agent: String,
    /// The address that it was opened from.
    address: String,
    /// Whether this very request came in it.
    current: bool,
}

/// The caller's sessions, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
struct SessionList {
    sessions: Vec<SessionView>,
    /// What this session's pages send as `X-CSRF-Token` when they write; absent for a caller with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// A link that lets the owner in once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoginLink {
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<SessionList>())),
            ..Route::new(Method::GET, "/api/v1/sessions", || web::to(list), "The caller's sessions in browsers")
        },
        Route {
            who: Who::Known,
            gives: (204, None),
            ..Route::new(Method::DELETE, "/api/v1/sessions/{id}", || web::to(end), "End one of the caller's sessions")
        },
        Route {
            who: Who::Known,
            gives: (201, Some(shape::<LoginLink>())),
            ..Route::new(
                Method::POST,
                "/api/v1/login-link",
                || web::to(link),
                "Make a link that lets the owner in once; for the machine's own key",
            )
        },
    ]
}

async fn list(
    caller: web::ReqData<Caller>,
    shown: Option<web::ReqData<Shown>>,
    login: web::Data<Login>,
) -> Result<HttpResponse, Problem> {
    let shown = shown.map(web::ReqData::into_inner);
    let current = shown.as_ref().map(|shown| shown.session.id);
    let view = |(session, ends_at): (Session, DateTime<Utc>)| SessionView {
        id: session.id,
        provider: match &session.origin {
            Origin::Provider { provider, .. } => Some(provider.clone()),
            Origin::Passkey { .. } | Origin::Link => None,
        },
        passkey: match session.origin {
            Origin::Passkey { id } => Some(id),
            Origin::Provider { .. } | Origin::Link => None,
        },
        created_at: session.created_at,
        seen_at: session.seen_at,
        ends_at,
        agent: session.agent,
        address: session.address,
        current: current == Some(session.id),
    };
    let csrf_token = shown.map(|shown| login.sessions.forgery_token(&shown.secret_sha256)).transpose();
    let csrf_token = csrf_token.map_err(crate::app::Error::from)?;
    let sessions = login.sessions.of(caller.principal()).into_iter().map(view).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(SessionList { sessions, csrf_token }))
}

async fn end(caller: web::ReqData<Caller>, id: web::Path<String>, login: web::Data<Login>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new("login.unknown_session", "you have no such session");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let principal = caller.principal();
    let ended = login.sessions.end(|session| session.id == id && session.principal == principal).await?;
    if ended == 0 { Err(unknown()) } else { Ok(HttpResponse::NoContent().finish()) }
}

/// `POST /auth/logout`: ends the session that the request came in, and takes its cookie away.
pub async fn log_out(shown: Option<web::ReqData<Shown>>, login: web::Data<Login>) -> Result<HttpResponse, Problem> {
    let mut provider_logout = None;
    if let Some(Shown { session, .. }) = shown.map(web::ReqData::into_inner) {
        login.sessions.end(|other| other.id == session.id).await?;
        provider_logout = login.log_out_at(&session).await.map(String::from);
    }
    let is_secure = login.is_secure();
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("Cache-Control", "no-store"));
    answer.append_header((header::SET_COOKIE, cookies::set((&cookies::session_name(is_secure), ""), 0, is_secure)));
    Ok(answer.json(LoggedOut { provider_logout }))
}

async fn link(_: HttpRequest, caller: web::ReqData<Caller>, login: web::Data<Login>) -> Result<HttpResponse, Problem> {
    let (url, expires_at) = login.link(&caller)?;
    Ok(HttpResponse::Created().insert_header(("Cache-Control", "no-store")).json(LoginLink { url, expires_at }))
}
