//! A route in one line of a surface's list: method, path, who may, what it takes and gives. The description of the API is made from the
//! same list, and from the very types that handlers parse.
//!
//! Called by the surfaces, which make the list, and by [`super::super::configure`], which registers it.

use std::borrow::Cow;

use actix_web::{
    ResponseError, guard,
    http::{Method, header},
    middleware::from_fn,
    web,
};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        RefOr, Schema,
        path::{Parameter, ParameterIn},
    },
};

use super::{
    auth::Authenticator,
    edge::{self, Rules},
    error::Problem,
};
use crate::domain::access::Scope;

/// Who may come by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Anybody,
    /// Whoever asks from this machine itself; from elsewhere whoever is known.
    Local,
    /// Whoever shows a credential that opens anything.
    Known,
    /// Whoever has the scope.
    May(Scope),
}

pub const READ: Who = Who::May(Scope::MemoryRead);
pub const WRITE: Who = Who::May(Scope::MemoryWrite);
pub const GRAPH_READ: Who = Who::May(Scope::GraphRead);
pub const GRAPH_WRITE: Who = Who::May(Scope::GraphWrite);
/// The headers of a write that may be repeated, and of one that is also conditional.
pub const REPEATABLE: &[&str] = &["Idempotency-Key"];
pub const CONDITIONAL: &[&str] = &["Idempotency-Key", "If-Match"];

/// The type of a body, by which the description names it.
#[derive(Clone, Copy)]
pub struct Shape {
    pub name: fn() -> Cow<'static, str>,
    /// Its schema, and those of all types that it refers to.
    pub schemas: fn() -> Vec<(String, RefOr<Schema>)>,
}

/// The shape of `T`.
pub const fn shape<T: ToSchema>() -> Shape {
    fn schemas<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        all
    }
    Shape { name: T::name, schemas: schemas::<T> }
}

/// The query parameters that `T` is parsed from.
pub fn query<T: IntoParams>() -> Vec<Parameter> {
    T::into_params(|| Some(ParameterIn::Query))
}

/// One route.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub who: Who,
    pub summary: &'static str,
    pub query: fn() -> Vec<Parameter>,
    /// Whether parameters that nobody reads are passed over: others write this address, and add what they like.
    pub any_query: bool,
    /// Names of the request headers that it looks at.
    pub headers: &'static [&'static str],
    pub takes: Option<Shape>,
    /// The fields of a form that it reads by itself; its refusals then have the shape of RFC 6749.
    pub form: Option<Shape>,
    pub gives: (u16, Option<Shape>),
    /// Whether the answer has no end: a stream or a socket.
    pub stays_open: bool,
    /// Whether a GET uses something up, as a link that is good once: HEAD, by which mail and chat look at links, must not.
    pub good_once: bool,
    /// Whether a live token opens it as well, also one that stands in the address.
    pub by_token: bool,
    pub handler: fn() -> actix_web::Route,
}

impl Route {
    /// A public route without parameters that gives some JSON.
    pub fn new(method: Method, path: &'static str, handler: fn() -> actix_web::Route, summary: &'static str) -> Self {
        Self {
            method,
            path,
            who: Who::Anybody,
            summary,
            query: Vec::new,
            any_query: false,
            headers: &[],
            takes: None,
            form: None,
            gives: (200, None),
            stays_open: false,
            good_once: false,
            by_token: false,
            handler,
        }
    }

    /// Whether HEAD is answered as GET is, without the body. What stays open has no end to tell of.
    pub fn answers_head(&self) -> bool {
        self.method == Method::GET && !self.stays_open && !self.good_once
    }
}

/// Registers the routes, 405 for other methods on their paths, and 404 for everything else.
pub fn register(config: &mut web::ServiceConfig, mut routes: Vec<Route>, authenticator: &Authenticator) {
    // The first path that fits is taken, and `{` comes after every letter: what is spelled out goes before what may be anything.
    routes.sort_by_key(|route| route.path);
    while let Some(first) = routes.first() {
        let path = first.path;
        let (here, rest): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| route.path == path);
        let head = here.iter().any(Route::answers_head).then_some("HEAD");
        let allowed = here.iter().map(|route| route.method.as_str()).chain(head).collect::<Vec<_>>().join(", ");
        let mut resource = web::resource(path).default_service(web::to(move || wrong_method(allowed.clone())));
        for route in here {
            resource = resource.route(guarded(&route, authenticator));
        }
        config.service(resource);
        routes = rest;
    }
    config.default_service(web::to(unknown));
}

fn guarded(route: &Route, authenticator: &Authenticator) -> actix_web::Route {
    let edge = (Rules::of(route), authenticator.clone());
    let handler = (route.handler)().wrap(from_fn(move |request, next| edge::pass(edge.clone(), request, next)));
    if route.answers_head() {
        handler.guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        handler.method(route.method.clone())
    }
}

async fn wrong_method(allowed: String) -> actix_web::HttpResponse {
    let mut answer = Problem::new("request.wrong_method", format!("this path answers {allowed}")).error_response();
    if let Ok(value) = header::HeaderValue::from_str(&allowed) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

/// What every path outside the list answers.
pub async fn unknown() -> actix_web::HttpResponse {
    Problem::new("request.unknown_route", "there is nothing at this path; see /docs").error_response()
}
