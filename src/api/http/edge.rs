//! What happens to every request before its handler, made from the route's line in the list: who asks, and whether everything that was
//! said is understood. Called by the routes; so no handler can forget any of it.

use std::sync::Arc;

use actix_web::{
    HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{
    admission,
    auth::{Authenticator, address},
    body,
    error::Problem,
    headers, query,
    route::{Route, Who},
};
use crate::{api::live::auth, domain::access::Scope};

/// The part of a route's line that is looked at with every request.
#[derive(Clone)]
pub(super) struct Rules {
    who: Who,
    /// Names of the parameters that it takes.
    query: Arc<[String]>,
    by_token: bool,
    /// Whether it waits for a seat among those who write.
    writes: bool,
    takes_body: bool,
}

impl Rules {
    pub(super) fn of(route: &Route) -> Self {
        let writes = matches!(route.who, Who::May(Scope::MemoryWrite | Scope::GraphWrite | Scope::WebhookAdmin));
        let query = (route.query)().into_iter().map(|parameter| parameter.name).collect();
        Self { who: route.who, query, by_token: route.by_token, writes, takes_body: route.takes.is_some() }
    }

    /// Who has no key learns nothing else, so that is looked at first.
    fn check(&self, authenticator: &Authenticator, request: &ServiceRequest) -> Result<(), Problem> {
        if self.by_token {
            auth::authenticate_stream(authenticator, request, self.who)?;
        } else if self.who != Who::Anybody {
            let caller = authenticator.authenticate(request.headers(), self.who)?;
            request.extensions_mut().insert(caller.from(address(request.request())));
        }
        query::must_be_known(request.query_string(), &self.query)?;
        if self.takes_body { body::must_be_readable(request.headers()) } else { Ok(()) }
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
    let mut response = match checked {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request.into_response(problem.error_response()).map_into_right_body(),
    };
    headers::keep_private(response.headers_mut());
    Ok(response)
}
