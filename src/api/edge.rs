//! What happens to every request before its handler, made from the route's line in the list: who asks, and whether everything that was
//! said is understood. Called by the routes; so no handler can forget any of it.

use actix_web::{
    HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{admission, auth::Gate, body, error::Problem, headers, live::door, query, routes::Route};
use crate::domain::access::KeyScope;

/// The part of a route's line that is looked at with every request.
#[derive(Clone)]
pub(super) struct Rules {
    scope: Option<KeyScope>,
    query: &'static [&'static str],
    /// Whether it waits for a seat among those who write.
    writes: bool,
    takes_body: bool,
}

impl Rules {
    pub(super) fn of(route: &Route) -> Self {
        let writes = matches!(route.scope, Some(KeyScope::MemoryWrite | KeyScope::WebhookAdmin));
        Self { scope: route.scope, query: route.query, writes, takes_body: route.takes.is_some() }
    }

    /// Who has no key learns nothing else, so that is looked at first.
    fn admit(&self, gate: &Gate, request: &ServiceRequest) -> Result<(), Problem> {
        if let Some(scope) = self.scope {
            if self.query.contains(&door::TOKEN) {
                door::admit_to_stream(gate, request, scope)?;
            } else {
                let identity = gate.identify(request.headers(), scope)?;
                request.extensions_mut().insert(identity);
            }
        }
        query::must_be_known(request.query_string(), self.query)?;
        if self.takes_body { body::must_be_readable(request.headers()) } else { Ok(()) }
    }
}

/// The middleware of every route. What it refuses is an answer, no error, so that what is wrapped around it sees every answer alike.
pub(super) async fn pass<B: MessageBody + 'static>(
    (rules, gate): (Rules, Gate),
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let admitted = match rules.admit(&gate, &request) {
        Ok(()) if rules.writes => admission::seat_of_writer(request.request(), rules.takes_body).await,
        other => other,
    };
    let mut response = match admitted {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request.into_response(problem.error_response()).map_into_right_body(),
    };
    headers::keep_private(response.headers_mut());
    Ok(response)
}
