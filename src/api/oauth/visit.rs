//! Who looks at a page of ours, by the session of their browser, and whether a form comes from such a page. Called by the pages of consent.
//! Who is not logged in is sent to do that, and comes back.

use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::page;
use crate::{
    api::http::{body, error::Problem, html, session},
    app::{
        Error,
        access::{Access, Belonging, secret},
        login::Login,
        sessions::Shown,
    },
    domain::ids::SpaceId,
};

/// Largest form of a page, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1_024;
/// In place of a space: all of them.
const ALL: &str = "*";

/// Somebody who is logged in.
pub struct Visit {
    pub shown: Shown,
    pub name: String,
    pub spaces: Vec<Belonging>,
    /// What a form of ours brings back.
    pub token: String,
}

/// What somebody has said on a page.
pub struct Said {
    fields: Vec<(String, String)>,
}

impl Visit {
    /// Errors: the answer, which sends the browser to log in, or says why nobody can.
    pub fn of(request: &HttpRequest, login: &Login, access: &Access) -> Result<Self, HttpResponse> {
        let Some(shown) = session::of_cookie(request.headers(), login).flatten() else {
            return Err(log_in(request, login));
        };
        let principal = shown.session.principal;
        let spaces: Vec<Belonging> = access.belongings(principal);
        if spaces.is_empty() {
            let none = Problem::new("login.no_role", "you have no place here; ask the owner for one");
            return Err(page::refused(&none));
        }
        let token = login.sessions.forgery_token(&shown.secret_sha256);
        let token = token.map_err(|cause| page::refused(&Problem::from(Error::from(cause))))?;
        let name = login.directory.principal(principal).map_or_else(|| "somebody".to_owned(), |it| it.name.clone());
        Ok(Self { shown, name, spaces, token })
    }

    /// What a page of ours has sent. Errors: `auth.forged_request`, as a page.
    pub async fn hear(&self, request: &HttpRequest, payload: web::Payload) -> Result<Said, HttpResponse> {
        let refused = |problem: Problem| page::refused(&problem);
        let fields = body::form(request, payload, FORM_BYTES_MAX).await.map_err(refused)?;
        let said = Said { fields };
        let is_ours = session::is_of_this_site(request.headers(), true);
        if !is_ours || !secret::is_same(said.get("csrf").unwrap_or_default().as_bytes(), self.token.as_bytes()) {
            let detail = "this did not come from the page that it should have come from; begin again";
            return Err(refused(Problem::new("auth.forged_request", detail)));
        }
        Ok(said)
    }
}

impl Said {
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name);
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_str())
    }

    /// The space that was chosen (`Some(None)` is all of them); `None` for a no. What is neither is a no.
    /// Errors: `auth.space_forbidden`.
    pub fn allowed(&self) -> Result<Option<Option<SpaceId>>, Problem> {
        if self.get("decision") != Some("allow") {
            return Ok(None);
        }
        match self.get("space") {
            Some(ALL) => Ok(Some(None)),
            space => {
                let space = space.and_then(|space| space.parse().ok());
                space.map(|space| Some(Some(space))).ok_or_else(|| Problem::new("auth.space_forbidden", "there is no such space"))
            }
        }
    }
}

/// To the one provider, or to a page that names all ways in.
fn log_in(request: &HttpRequest, login: &Login) -> HttpResponse {
    let here = request.uri().path_and_query().map_or("/oauth/device", |path| path.as_str());
    let back: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
    let way = |id: &str| format!("/auth/{id}?return_to={back}");
    match &login.providers[..] {
        [only] => html::away(&way(&only.id)),
        several => page::ways_in(several.iter().map(|provider| (way(&provider.id), provider.name.as_str()))),
    }
}
