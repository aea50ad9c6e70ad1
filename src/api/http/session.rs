//! Who a browser is, by the cookie of its session. Called by the edge for requests that show no key. What writes must come from a page of
//! this server, and say so twice: by what the browser tells of it, and by a token that no other page can read.

use actix_web::{
    dev::ServiceRequest,
    http::{Method, header::HeaderMap},
    web,
};

use super::{auth::SPACE_HEADER, cookies, error::Problem, route::Who};
use crate::app::{
    Caller,
    login::Login,
    sessions::{Sessions, Shown},
};

/// The header in which a page says the token that [`Sessions::forgery_token`] gives.
pub const FORGERY_HEADER: &str = "X-CSRF-Token";
const SITE_HEADER: &str = "Sec-Fetch-Site";

/// The caller that a session makes, and the session. `None` if the request shows none.
/// Errors: `auth.invalid_session`, `auth.forged_request`, `auth.space_forbidden`, `auth.scope_missing`.
pub(in crate::api) fn authenticate(request: &ServiceRequest, who: Who) -> Result<Option<(Caller, Shown)>, Problem> {
    let Some(login) = request.app_data::<web::Data<Login>>() else { return Ok(None) };
    let headers = request.headers();
    let Some(found) = of_cookie(headers, login) else { return Ok(None) };
    let invalid = || Problem::new("auth.invalid_session", "this session is over; log in again");
    let shown = found.ok_or_else(invalid)?;
    if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        must_be_of_this_site(headers, &login.sessions, &shown)?;
    }
    let caller = caller(login, headers, &shown)?.ok_or_else(invalid)?;
    if let Who::May(scope) = who {
        caller.require(scope)?;
    }
    Ok(Some((caller, shown)))
}

/// The session that a browser's cookie names: `None` without a cookie, `Some(None)` where it opens none.
pub(in crate::api) fn of_cookie(headers: &HeaderMap, login: &Login) -> Option<Option<Shown>> {
    let secret = cookies::find(headers, &cookies::session_name(login.is_secure()))?;
    Some(login.sessions.find(secret.as_bytes()))
}

/// In the space that the headers name, or in the first one. `None` for somebody who belongs nowhere any more.
fn caller(login: &Login, headers: &HeaderMap, shown: &Shown) -> Result<Option<Caller>, Problem> {
    let mut named = headers.get_all(SPACE_HEADER);
    let directory = &*login.directory;
    let Some(named_first) = named.next() else {
        let space = directory.spaces_of(shown.session.principal).into_iter().next().map(|(space, _)| space.id.clone());
        return Ok(space.and_then(|space| Caller::of_session(&shown.session, &space, directory)));
    };
    let forbidden = || Problem::new("auth.space_forbidden", "you do not belong to the space that Brain-Space names");
    let space = named_first.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(forbidden)?;
    if named.next().is_some() {
        return Err(forbidden());
    }
    Caller::of_session(&shown.session, &space, directory).map(Some).ok_or_else(forbidden)
}

/// The session that a route of sessions was asked in. Errors: `auth.session_needed` for one who has come by a key.
pub(in crate::api) fn shown(shown: Option<web::ReqData<Shown>>) -> Result<Shown, Problem> {
    let needed = || Problem::new("auth.session_needed", "this is done in a browser, by somebody who is logged in there");
    shown.map(web::ReqData::into_inner).ok_or_else(needed)
}

/// Refuses a browser that was led here by a page of another site, also where nobody is in yet. Errors: `auth.forged_request`.
pub(in crate::api) fn must_be_from_here(headers: &HeaderMap) -> Result<(), Problem> {
    if is_of_this_site(headers, false) {
        Ok(())
    } else {
        Err(Problem::new("auth.forged_request", "this is asked by a page of this site"))
    }
}

fn must_be_of_this_site(headers: &HeaderMap, sessions: &Sessions, shown: &Shown) -> Result<(), Problem> {
    let forged = || {
        let detail = format!("a page that writes sends {FORGERY_HEADER} with the token of GET /api/v1/sessions, from this site");
        Problem::new("auth.forged_request", detail)
    };
    if !is_of_this_site(headers, false) {
        return Err(forged());
    }
    let given = one(headers, FORGERY_HEADER).and_then(|given| std::str::from_utf8(given).ok()).ok_or_else(forged)?;
    let is_good = sessions.is_forgery_token(&shown.secret_sha256, given).map_err(crate::app::Error::from)?;
    if is_good { Ok(()) } else { Err(forged()) }
}

/// Whether the browser says that a request came from a page of ours, or from its person; `or_silent` lets old browsers say nothing.
pub(in crate::api) fn is_of_this_site(headers: &HeaderMap, or_silent: bool) -> bool {
    if !headers.contains_key(SITE_HEADER) {
        return or_silent;
    }
    one(headers, SITE_HEADER).is_some_and(|site| site == b"same-origin" || site == b"none")
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none()).map(|value| value.as_bytes())
}
