//! What happens to every request before its handler, made from the route's line in the list: who asks, and whether everything that was
//! said is understood. Called by the routes; so no handler can forget any of it.

use std::sync::Arc;

use actix_web::{
    HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};

use super::{
    admission,
    auth::{self, Authenticator, address, is_local},
    body, challenge,
    error::Problem,
    headers,
    limits::Limits,
    query,
    route::{Route, Who},
    session,
};
use crate::{
    api::live::auth as live,
    app::{Caller, access::Access, login::Login, sessions::Shown},
    domain::access::{Credential, Scope},
};

/// The part of a route's line that is looked at with every request.
#[derive(Clone)]
pub(super) struct Rules {
    who: Who,
    /// Names of the parameters that it takes.
    query: Arc<[String]>,
    any_query: bool,
    by_token: bool,
    /// Whether it waits for a seat among those who write.
    writes: bool,
    takes_body: bool,
}

impl Rules {
    pub(super) fn of(route: &Route) -> Self {
        let writes = matches!(route.who, Who::May(Scope::MemoryWrite | Scope::GraphWrite | Scope::WebhookAdmin));
        let query = (route.query)().into_iter().map(|parameter| parameter.name).collect();
        let (any_query, by_token, takes_body) = (route.any_query, route.by_token, route.takes.is_some());
        Self { who: route.who, query, any_query, by_token, writes, takes_body }
    }

    /// Who has no key learns nothing else, so that is looked at first.
    fn check(&self, authenticator: &Authenticator, request: &ServiceRequest) -> Result<(), Problem> {
        self.admit(authenticator, request).map_err(|refused| counted(request, refused))?;
        if !self.any_query {
            query::must_be_known(request.query_string(), &self.query)?;
        }
        if self.takes_body { body::must_be_readable(request.headers()) } else { Ok(()) }
    }

    fn is_open_to(&self, request: &ServiceRequest) -> bool {
        match self.who {
            Who::Anybody => true,
            Who::Local => is_local(request.request()),
            Who::Known | Who::May(_) => false,
        }
    }

    /// Notes who comes, if the route asks for anybody.
    fn admit(&self, authenticator: &Authenticator, request: &ServiceRequest) -> Result<(), Problem> {
        if self.by_token {
            live::authenticate_stream(authenticator, request, self.who)?;
        } else if !self.is_open_to(request) {
            let by_session =
                if auth::shows_credential(request.headers()) { None } else { session::authenticate(request, self.who)? };
            let caller = match by_session {
                Some((caller, shown)) => {
                    request.extensions_mut().insert(shown);
                    caller
                }
                None => authenticator.authenticate(request.headers(), self.who)?,
            };
            if let (Credential::Key(key), Some(access)) = (caller.credential(), request.app_data::<Data<Access>>()) {
                access.last_use.note(key);
            }
            request.extensions_mut().insert(caller.from(address(request.request())));
        }
        match (request.app_data::<Data<Limits>>(), request.extensions().get::<Caller>()) {
            (Some(limits), Some(caller)) => limits.request(caller.principal()),
            _ => Ok(()),
        }
    }
}

/// What is answered to a credential that opens nothing: from an address that shows too many of them, that it does.
fn counted(request: &ServiceRequest, refused: Problem) -> Problem {
    let limits = request
        .app_data::<Data<Limits>>()
        .filter(|_| ["auth.invalid_key", "auth.invalid_session", "auth.invalid_token"].contains(&&*refused.code));
    let too_many = limits.and_then(|limits| limits.failure(address(request.request())).err());
    too_many.unwrap_or(refused)
}

/// Writes down, now and then, that a session is in use.
async fn see(request: &ServiceRequest) {
    let shown = request.extensions().get::<Shown>().cloned();
    if let Some((shown, login)) = shown.zip(request.app_data::<Data<Login>>()) {
        login.sessions.see(&shown).await;
    }
}

/// The middleware of every route. What it refuses is an answer, no error, so that what is wrapped around it sees every answer alike.
pub(super) async fn pass<B: MessageBody + 'static>(
    (rules, authenticator): (Rules, Authenticator),
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let checked = match rules.check(&authenticator, &request) {
        Ok(()) if rules.writes => admission::enter_to_write(request.request(), rules.takes_body).await,
        other => other,
    };
    see(&request).await;
    let mut response = match checked {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => {
            let mut answer = problem.error_response();
            challenge::add(answer.headers_mut(), &problem, rules.who, &request);
            request.into_response(answer).map_into_right_body()
        }
    };
    headers::keep_private(response.headers_mut());
    Ok(response)
}
