//! By which names this server may be called. A page of another site whose name is made to lead here (DNS rebinding) would else read what
//! needs no key, in the browser of somebody who can reach us. Wrapped around all routes by wiring.

use std::net::IpAddr;

use actix_web::{
    ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    middleware::Next,
    web,
};

use super::error::Problem;
use crate::app::error::short;

/// The names of this server, without ports. `None` where it serves a network and nobody has said what it is called there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Option<Vec<String>>);

impl Hosts {
    /// For a server that listens on `address`: on loopback it is called what loopback is called, and what `named` says; elsewhere what
    /// `named` says, if that says anything, and by its addresses.
    pub fn of(address: IpAddr, named: &[String]) -> Self {
        let is_open = !address.is_loopback() && named.is_empty();
        Self((!is_open).then(|| named.iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    fn include(&self, host: &str) -> bool {
        let Some(named) = &self.0 else { return true };
        let name = without_port(host).to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        // Whoever says an address has asked no name server.
        bare.parse::<IpAddr>().is_ok()
            || bare == "localhost"
            || bare.ends_with(".localhost")
            || named.iter().any(|one| one == bare)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Errors: `request.wrong_host`.
pub async fn check<B: MessageBody + 'static>(
    hosts: web::Data<Hosts>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let mut said = request.headers().get_all(header::HOST).map(|value| String::from_utf8_lossy(value.as_bytes()));
    // HTTP/1.0 need not say one, and no browser speaks it.
    if let Some(stranger) = said.find(|host| !hosts.include(host)) {
        let detail = format!("this server is not called {:?}; BRAIN_ALLOWED_HOSTS names what it is called", short(&stranger));
        let problem = Problem::new("request.wrong_host", detail).at("Host", None, Some(short(&stranger).into()));
        drop(said);
        return Ok(request.into_response(problem.error_response()).map_into_right_body());
    }
    drop(said);
    Ok(next.call(request).await?.map_into_left_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_addresses_and_by_what_it_was_named() {
        let names = ["Brain.example".to_owned()];
        let local = Hosts::of([127, 0, 0, 1].into(), &[]);
        let named = Hosts::of([127, 0, 0, 1].into(), &names);
        let network = Hosts::of([0, 0, 0, 0].into(), &names);
        for host in
            ["localhost", "LOCALHOST:7700", "127.0.0.1:7700", "[::1]:7700", "::1", "192.168.1.2", "localhost.", "a.localhost:1"]
        {
            assert!(local.include(host) && named.include(host) && network.include(host), "{host}");
        }
        for host in ["evil.example", "evil.example:7700", "127.0.0.1.evil.example", "localhost.evil.example", "", ":7700", "[x]"]
        {
            assert!(!local.include(host) && !named.include(host) && !network.include(host), "{host}");
        }
        assert!(!local.include("brain.example") && named.include("brain.EXAMPLE:443") && network.include("brain.example"));
        assert!(Hosts::of([0, 0, 0, 0].into(), &[]).include("anything"), "nobody has said what it is called there");
    }
}
