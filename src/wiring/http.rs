//! The HTTP server, and its side of connections: how many there may be, how long a peer may leave its answer untaken, and where they come in.
//! Used by the composition root.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::{
    App, HttpServer,
    dev::{Extensions, ServerHandle},
    middleware::{Compress, Condition, from_fn},
    web,
};
use anyhow::Context;
use tokio::task::JoinHandle;

use crate::{
    api::http::{self, connections::Places, hosts::Hosts},
    runtime,
};

/// How long open requests may take once brain is told to stop, in seconds.
const DRAIN_S: u64 = 20;
/// How long a connection may be idle: longer than clients leave theirs open (90 s with hyper), so that it is they who close. A request
/// that meets a closing connection fails, and who sent it does not know what became of it.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(100);
/// Descriptors that are not for connections: the servers', the index's, the log's, those of outgoing requests.
const DESCRIPTORS_KEPT: usize = 200;
/// Few enough to be had anywhere, enough for a small brain.
const CONNECTIONS_MIN: usize = 64;
/// How long what was sent may stay untaken by a peer before the connection is given up, in milliseconds. A peer that does not read
/// holds megabytes of ours and of the kernel's, and nothing else ends it: its machine goes on saying that it is there.
#[cfg(target_os = "linux")]
const UNTAKEN_MS_MAX: u32 = 15_000;

/// Places for connections, as many as this process has descriptors for.
fn places() -> (Arc<Places>, usize) {
    let max = runtime::descriptors().saturating_sub(DESCRIPTORS_KEPT).max(CONNECTIONS_MIN);
    (Places::new(max), max)
}

/// What is done to each connection when it is accepted: it takes a place, and is given up if nobody reads it.
fn on_connect(places: Arc<Places>) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
    move |connection, extensions| {
        extensions.insert(places.take());
        #[cfg(target_os = "linux")]
        if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
            && let Err(cause) = nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::TcpUserTimeout, &UNTAKEN_MS_MAX)
        {
            tracing::debug!(%cause, "a connection has no limit for what stays untaken");
        }
    }
}

/// Serves what `configure` registers, also to pages of the sites in `origins`, under the names in `hosts`. Errors: the socket cannot be served on.
pub(super) fn serve<F>(
    socket: TcpListener,
    configure: F,
    (origins, hosts): (Vec<String>, Hosts),
) -> anyhow::Result<(ServerHandle, JoinHandle<std::io::Result<()>>)>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let (places, connections_max) = places();
    let (counted, hosts) = (places.clone(), web::Data::new(hosts));
    let app = move || {
        let (plain, places) = (from_fn(http::compression::short_stay_plain), places.clone());
        let spare = from_fn(move |request, next| http::connections::spare(places.clone(), request, next));
        let cors = Condition::new(!origins.is_empty(), http::cors::of(&origins));
        let (sealed, hosts) = (from_fn(http::headers::seal), hosts.clone());
        let called = from_fn(move |request, next| http::hosts::check(hosts.clone(), request, next));
        App::new()
            .wrap(plain)
            .wrap(Compress::default())
            .wrap(cors)
            .wrap(called)
            .wrap(sealed)
            .wrap(spare)
            .configure(configure.clone())
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = HttpServer::new(app)
        .workers(workers)
        .max_connections(connections_max / workers)
        .on_connect(on_connect(counted))
        .disable_signals()
        .shutdown_timeout(DRAIN_S)
        .keep_alive(KEEP_ALIVE)
        .listen(socket)
        .context("cannot serve on the listening socket")?
        .run();
    let handle = server.handle();
    #[allow(clippy::disallowed_methods, reason = "wiring owns this task and awaits it when it stops")]
    let serving = tokio::spawn(server);
    Ok((handle, serving))
}

/// Binds the address. Errors: it is taken, or not ours.
pub fn bind(listen: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let address = socket.local_addr().context("the listening socket has no address")?;
    Ok((socket, address))
}

/// What is said when others than this machine can connect.
pub fn exposure(listen: SocketAddr) -> Option<String> {
    (!listen.ip().is_loopback()).then(|| {
        format!(
            "WARNING: {listen} is open to the network, and keys and memories go over it in clear: put a proxy with TLS before it, or listen \
             on 127.0.0.1"
        )
    })
}

/// Where clients on this machine find it: "any address" is none to connect to.
pub(super) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_is_said_to_be_so() {
        let said = |text: &str| exposure(text.parse().unwrap());
        assert!(said("127.0.0.1:7700").is_none() && said("[::1]:7700").is_none());
        assert!(said("0.0.0.0:7700").is_some_and(|text| text.contains("in clear")) && said("192.168.1.2:80").is_some());
        let urls = ["0.0.0.0:7700", "[::]:1", "10.0.0.1:2"].map(|text| url(text.parse().unwrap()));
        assert_eq!(urls, ["http://127.0.0.1:7700", "http://[::1]:1", "http://10.0.0.1:2"]);
    }
}
