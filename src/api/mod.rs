//! The HTTP edge: who asks, what they sent, and what the answer looks like on the wire. What is asked for is done by [`crate::app`].
//!
//! - [`http`]: the mechanics that all surfaces share.
//! - [`v1`]: the native API. Another surface is a folder beside it.
//! - [`login`]: how browsers come in and go. [`oauth`]: how API clients get tokens. [`live`]: sockets and streams. [`health`]: what supervisors and scrapers ask.
//!
//! Called by wiring, which hands over [`Edge`] and runs the server. Absent here: NATS, SQL, use cases.

pub mod health;
pub mod http;
pub mod live;
pub mod login;
pub mod oauth;
pub mod v1;

use std::sync::Arc;

use actix_web::web;

use self::http::{
    admission::Intake,
    auth::Authenticator,
    route::{self, Route},
};
use crate::{
    app::{App, admission::Queues, status::Overview},
    ports::{AccessDirectory, Clock},
};

/// What the edge is made of; each handler is given the part that it speaks of.
pub struct Edge {
    pub app: App,
    pub live: live::Live,
    pub queues: Arc<Queues>,
    pub directory: Arc<dyn AccessDirectory>,
    pub clock: Arc<dyn Clock>,
    pub metrics: health::MetricsText,
    pub limits: Arc<http::limits::Limits>,
}

/// Every route of a process that serves clients.
pub fn routes() -> Vec<Route> {
    [v1::routes(), login::routes(), oauth::routes(), live::routes(), health::routes()].into_iter().flatten().collect()
}

/// Registers every route; give the result to `actix_web::App::configure`. Clone it for each worker.
pub fn configure(edge: Edge) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let authenticator =
        Authenticator { directory: edge.directory, clock: edge.clock, tokens: Some(edge.app.oauth.tokens.clone()) };
    let (live, scrapes) = (web::Data::new(edge.live), web::Data::new(health::Scrapes::new(edge.metrics)));
    let intake = web::Data::new(Intake { queues: edge.queues, bodies: Default::default() });
    let (app, limits) = (edge.app, edge.limits);
    move |config| {
        let app = app.clone();
        config
            .app_data(web::Data::from(limits.clone()))
            .app_data(web::Data::from(app.access))
            .app_data(web::Data::from(app.login))
            .app_data(web::Data::from(app.oauth))
            .app_data(web::Data::from(app.memories))
            .app_data(web::Data::from(app.relationships))
            .app_data(web::Data::from(app.search))
            .app_data(web::Data::from(app.graph))
            .app_data(web::Data::from(app.webhooks))
            .app_data(web::Data::from(app.erasures))
            .app_data(web::Data::from(app.events))
            .app_data(web::Data::from(app.audit))
            .app_data(web::Data::from(app.projections))
            .app_data(web::Data::from(app.caches))
            .app_data(web::Data::from(app.vault))
            .app_data(web::Data::from(app.status))
            .app_data(live.clone())
            .app_data(scrapes.clone())
            .app_data(intake.clone());
        route::register(config, routes(), &authenticator);
    }
}

/// As [`configure`], for a process that serves no clients: how it stands, for supervisors and scrapers.
pub fn configure_health(
    overview: Arc<Overview>,
    metrics: health::MetricsText,
) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let authenticator = Authenticator { directory: overview.directory.clone(), clock: overview.clock.clone(), tokens: None };
    let scrapes = web::Data::new(health::Scrapes::new(metrics));
    move |config| {
        config.app_data(web::Data::from(overview.clone())).app_data(scrapes.clone());
        route::register(config, health::routes(), &authenticator);
    }
}

#[cfg(test)]
mod tests;
