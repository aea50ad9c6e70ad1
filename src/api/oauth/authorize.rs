//! `/oauth/authorize`: where a browser comes from a client, and its person says what that may. Called by the routes. The form brings the whole
//! address back, which is read again: nothing is kept between the two.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::{Host, Url, form_urlencoded};

use super::{
    page::{self, Request},
    visit::Visit,
};
use crate::{
    api::http::{error::Problem, html},
    app::{
        access::Access,
        login::Login,
        oauth::{Asked, NoWish, Oauth, Wish},
    },
};

/// The parameters that mean something; clients may add others.
#[derive(Deserialize, utoipa::IntoParams)]
#[allow(dead_code, reason = "it describes what is read by hand: others are passed over, and none may stand twice")]
pub struct Parameters {
    /// `code`.
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    /// Scopes with blanks in between; those of a reader when absent.
    scope: Option<String>,
    /// Is handed back.
    state: Option<String>,
    /// SHA-256 of a secret of the client's, as base64url.
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
    /// The address of this server.
    resource: Option<String>,
}

/// Errors: one of them stands twice.
fn asked(text: &str) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let place = match &*name {
            "response_type" => &mut asked.response_type,
            "client_id" => &mut asked.client_id,
            "redirect_uri" => &mut asked.redirect_uri,
            "scope" => &mut asked.scope,
            "state" => &mut asked.state,
            "code_challenge" => &mut asked.code_challenge,
            "code_challenge_method" => &mut asked.code_challenge_method,
            "resource" => &mut asked.resource,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Problem::new("oauth.bad_request", "the program that sent you here says something twice"));
        }
    }
    Ok(asked)
}

fn wish(request: &HttpRequest, oauth: &Oauth) -> Result<Wish, HttpResponse> {
    let asked = asked(request.query_string()).map_err(|problem| page::refused(&problem))?;
    oauth.wish(asked).map_err(|no| match no {
        NoWish::Stay(error) => page::refused(&Problem::from(error)),
        NoWish::Back(url) => html::away(url.as_str()),
    })
}

/// Who has come, and with what wish of a client's. Errors: the answer in place of both.
fn came(request: &HttpRequest, (login, access): (&Login, &Access), oauth: &Oauth) -> Result<(Visit, Wish), HttpResponse> {
    let wish = wish(request, oauth)?;
    Ok((Visit::of(request, login, access)?, wish))
}

/// `GET /oauth/authorize`.
pub async fn show(
    request: HttpRequest,
    (login, access): (web::Data<Login>, web::Data<Access>),
    oauth: web::Data<Oauth>,
) -> HttpResponse {
    let (visit, wish) = match came(&request, (&login, &access), &oauth) {
        Ok(came) => came,
        Err(answer) => return answer,
    };
    let action = format!("/oauth/authorize?{}", request.query_string());
    page::ask(
        &visit,
        &Request {
            client: &wish.client.name,
            known: &[("Comes back to", &wish.redirect_uri)],
            scopes: &wish.scopes,
            action: &action,
            hidden: &[],
            leads_to: source_of(&wish.redirect_uri).as_deref(),
        },
    )
}

/// `POST /oauth/authorize`.
pub async fn decide(
    request: HttpRequest,
    payload: web::Payload,
    (login, access): (web::Data<Login>, web::Data<Access>),
    oauth: web::Data<Oauth>,
) -> HttpResponse {
    let (visit, wish) = match came(&request, (&login, &access), &oauth) {
        Ok(came) => came,
        Err(answer) => return answer,
    };
    let said = match visit.hear(&request, payload).await {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    let back = said.allowed().and_then(|allowed| {
        let back = match allowed {
            Some(space) => oauth.allow(&wish, visit.shown.session.principal, space),
            None => oauth.deny(&wish),
        };
        back.map_err(Problem::from)
    });
    match back {
        // As a question of its own (303): what was sent here is not sent there.
        Ok(url) => html::away(url.as_str()),
        Err(problem) => page::refused(&problem),
    }
}

/// A place as Content-Security-Policy names it: browsers hold the answer to a form against that. It knows no address of the sixth version.
fn source_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    match url.host()? {
        Host::Ipv6(_) => Some(format!("{}:", url.scheme())),
        _ => Some(url.origin().ascii_serialization()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_twice_is_refused_and_a_place_is_named_as_browsers_know_it() {
        assert!(asked("client_id=a&x=1&x=2&scope=b").is_ok() && asked("client_id=a&client_id=a").is_err());
        let source = |uri: &str| source_of(uri).unwrap_or_default();
        assert_eq!(source("http://127.0.0.1:5/callback"), "http://127.0.0.1:5");
        assert_eq!(
            (source("http://[::1]:5/callback"), source("https://app.example/cb?x")),
            ("http:".into(), "https://app.example".into())
        );
    }
}
