//! The way of a browser: away to a provider, back with its answer, in. Called by the routes. Every answer is a redirect or a page.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use url::form_urlencoded;

use super::{door, visitor, wanted};
use crate::{
    api::http::{cookies, error::Problem, html, query},
    app::login::{ATTEMPT_S, Begun, Entered, Finished, Login, Returned},
};

type Data = web::Data<Login>;

/// What a page is called that lets nobody in.
const NOT_IN: &str = "Not logged in";

/// `GET /auth/{provider}`: the browser keeps its attempt and goes to the provider.
pub async fn begin(request: HttpRequest, provider: web::Path<String>, login: Data) -> HttpResponse {
    // The cookie of a number would not come along to the name that the provider sends the browser back to.
    if let Some(there) = door::elsewhere(&request, &login) {
        return html::away(&there);
    }
    let begun = async {
        let asked = wanted(&request)?;
        login.begin(&provider, asked.return_to.as_deref()).await.map_err(Problem::from)
    };
    let begun = match begun.await {
        Ok(begun) => begun,
        Err(problem) => return html::refused(NOT_IN, &problem),
    };
    let mut answer = html::away(begun.url.as_str());
    answer.headers_mut().append(header::SET_COOKIE, attempt_cookie(&login, &begun));
    answer
}

/// What the browser keeps until it comes back.
pub(super) fn attempt_cookie(login: &Data, begun: &Begun) -> HeaderValue {
    let is_secure = login.is_secure();
    let name = cookies::attempt_name(&begun.state, is_secure).expect("a state of ours");
    cookies::set((&name, &begun.sealed), ATTEMPT_S, is_secure)
}

/// `GET /auth/{provider}/callback`: the browser is in, or is told why not.
pub async fn finish(request: HttpRequest, provider: web::Path<String>, login: Data) -> HttpResponse {
    let Ok(returned) = returned(request.query_string()) else {
        return html::refused(NOT_IN, &Problem::new("login.refused", "the provider's answer says something twice"));
    };
    let is_secure = login.is_secure();
    let name = returned.state.as_deref().and_then(|state| cookies::attempt_name(state, is_secure));
    let sealed = name.as_ref().and_then(|name| cookies::find(request.headers(), name));
    let secret = cookies::find(request.headers(), &cookies::session_name(is_secure));
    let here = secret.and_then(|secret| login.sessions.find(secret.as_bytes())).map(|shown| shown.session);
    let finished = login.finish(&provider, &returned, (sealed, here.as_ref()), visitor(&request)).await;
    let mut answer = match finished {
        Ok(Finished::Entered(entered)) => enter(&login, &entered),
        Ok(Finished::Linked { return_to }) => html::away(&return_to),
        Err(refused) => html::refused(NOT_IN, &Problem::from(refused)),
    };
    // Of no more use, whatever came of it.
    if let Some(name) = name.filter(|_| sealed.is_some()) {
        answer.headers_mut().append(header::SET_COOKIE, cookies::set((&name, ""), 0, is_secure));
    }
    answer
}

/// `GET /auth/link`: whoever has a link of the machine itself is in as its owner.
pub async fn link(request: HttpRequest, login: Data) -> HttpResponse {
    let entered = async {
        let asked: super::Linked = query::parse(&request)?;
        let code = asked.code.ok_or_else(|| Problem::new("login.bad_link", "this is no whole link"))?;
        login.enter_by_link(&code, visitor(&request)).await.map_err(Problem::from)
    };
    match entered.await {
        Ok(entered) => enter(&login, &entered),
        Err(problem) => html::refused(NOT_IN, &problem),
    }
}

fn enter(login: &Data, entered: &Entered) -> HttpResponse {
    let mut answer = html::away(&entered.return_to);
    answer.headers_mut().append(header::SET_COOKIE, session_cookie(login, entered));
    answer
}

/// What the browser shows from now on.
pub(super) fn session_cookie(login: &Data, entered: &Entered) -> HeaderValue {
    let is_secure = login.is_secure();
    let name = cookies::session_name(is_secure);
    cookies::set((&name, &entered.secret), login.sessions.limits().max_s, is_secure)
}

/// The parameters that mean something; providers add others. Errors: one of them stands twice.
fn returned(text: &str) -> Result<Returned, ()> {
    let mut returned = Returned::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let place = match &*name {
            "state" => &mut returned.state,
            "code" => &mut returned.code,
            "iss" => &mut returned.issuer,
            "error" => &mut returned.error,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(());
        }
    }
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_adds_is_passed_over_and_what_stands_twice_refused() {
        let it = returned("code=a%2Fb&state=s&session_state=x&iss=https%3A%2F%2Fid.example").unwrap();
        assert_eq!((it.code.as_deref(), it.issuer.as_deref(), it.error), (Some("a/b"), Some("https://id.example"), None));
        assert!(returned("code=a&code=b").is_err() && returned("state=a&state=a").is_err() && returned("x=1&x=2").is_ok());
    }
}
