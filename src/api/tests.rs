//! Every route that is not public refuses a caller without a key, and with one that nobody issued.

use std::sync::Arc;

use actix_web::{
    App,
    http::{Method, StatusCode, header},
    test,
};
use chrono::DateTime;

use super::*;
use crate::{domain::ids::Timestamp, ports::Clock, projectors::directory::Directory};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        DateTime::UNIX_EPOCH
    }
}

fn authenticator() -> Authenticator {
    Authenticator { directory: Arc::new(Directory::default()), clock: Arc::new(Still), tokens: None }
}

#[actix_web::test]
async fn no_route_but_the_public_ones_answers_without_a_key() {
    let app = test::init_service(App::new().configure(|config| route::register(config, routes(), &authenticator()))).await;
    for route in routes().into_iter().filter(|route| route.who != route::Who::Anybody) {
        let path = route.path.replace("{id}", "00000000-0000-0000-0000-000000000000").replace("{projection}", "memories");
        for (key, code) in [(None, "auth.missing_key"), (Some("wrong"), "auth.invalid_key")] {
            let request = test::TestRequest::with_uri(&path).method(route.method.clone());
            let request = key.into_iter().fold(request, |request, key| request.insert_header(("X-API-Key", key)));
            let answer = match test::try_call_service(&app, request.to_request()).await {
                Ok(answer) => answer.into_parts().1,
                Err(error) => error.error_response(),
            };
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{} {path}", route.method);
            let body = actix_web::body::to_bytes(answer.into_body()).await.ok().unwrap();
            assert!(String::from_utf8_lossy(&body).contains(code), "{} {path}", route.method);
        }
    }
}

#[actix_web::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = test::init_service(App::new().configure(|config| route::register(config, routes(), &authenticator()))).await;
    for (method, path, status) in [(Method::GET, "/nothing", 404), (Method::TRACE, "/api/v1/memories", 405)] {
        let request = test::TestRequest::with_uri(path).method(method).to_request();
        let answer = test::call_service(&app, request).await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
    }
}
