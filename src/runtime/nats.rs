//! The embedded nats-server: its configuration, how it is started, whether it is ready.
//! Called by the supervisor; it never opens a NATS client connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};

use super::Durability;
use super::account::{self, Account};
use super::error::Error;
use super::folders::{DataDir, Secrets, hex, write_private};
use super::locate::NatsProgram;
use super::process::Launch;

const TEMPLATE: &str = include_str!("../../nats/server.conf");
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
const HEALTH_BYTES_MAX: u64 = 8 << 10;

/// What a client needs to reach the embedded nats-server.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsAccess {
    /// `nats://127.0.0.1:PORT`, without the secret.
    pub url: String,
    pub user: String,
    pub password: String,
    /// `http://127.0.0.1:PORT/PATH`, below which are `/varz`, `/healthz` and `/jsz`. The path is a secret.
    pub monitor_url: String,
    pub version: String,
    /// The process at the first start; `Part::pid` has the present one.
    pub pid: u32,
}

impl std::fmt::Debug for NatsAccess {
    /// Without the secret: this ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAccess")
            .field("url", &self.url)
            .field("version", &self.version)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// The two ports of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub client: u16,
    pub monitor: u16,
}

/// Writes the configuration and says how to start the server with it.
pub(super) fn launch(
    program: &NatsProgram,
    data: &DataDir,
    secrets: &Secrets,
    ports: Ports,
    durability: Durability,
    account: Option<&Account>,
) -> Result<Launch, Error> {
    let folder = data.nats();
    account::own_folder(&folder, 0o700, account)?;
    let log = data.log("nats", account)?;
    let configuration = folder.join("server.conf");
    let text = configuration_text(&folder, &log, secrets, ports, durability);
    write_private(&configuration, text.as_bytes())?;
    account::hand_over(&configuration, account)?;
    Ok(Launch {
        name: "nats-server",
        version: program.version.clone(),
        executable: program.path.clone(),
        arguments: vec!["-c".into(), configuration.clone().into()],
        mark: configuration,
        folder,
        log,
        port: ports.client,
        account: account.cloned(),
        on_parent_death: Signal::SIGTERM,
        on_stop: Signal::SIGTERM,
    })
}

fn configuration_text(store: &Path, log: &Path, secrets: &Secrets, ports: Ports, durability: Durability) -> String {
    let sync_interval = match durability {
        Durability::Power => "always",
        Durability::Os => "\"2m\"",
    };
    TEMPLATE
        .replace("{port}", &ports.client.to_string())
        .replace("{monitor_port}", &ports.monitor.to_string())
        .replace("{monitor_path}", &monitor_path(secrets))
        .replace("{user}", &secrets.nats_user)
        .replace("{password}", &secrets.nats_password)
        .replace("{sync_interval}", sync_interval)
        .replace("{log_file}", &quoted(log))
        .replace("{store_dir}", &quoted(store))
}

/// The path below which the monitoring port answers. That port knows no password and tells names, counts and subjects to whoever asks,
/// so it is asked by a path that only those know who may read the password.
fn monitor_path(secrets: &Secrets) -> String {
    let digest = Sha256::digest(format!("monitor {}", secrets.nats_password));
    hex(&digest[..16])
}

fn health_request(secrets: &Secrets) -> String {
    format!("GET /{}/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", monitor_path(secrets))
}

/// A path inside a double-quoted string of the configuration language.
fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"")
}

/// Ready = the client port greets and JetStream says it is healthy.
pub(super) fn is_ready(ports: Ports, secrets: &Secrets) -> bool {
    let greeting = exchange(ports.client, b"", 5);
    if greeting.as_deref() != Some(b"INFO ") {
        return false;
    }
    exchange(ports.monitor, health_request(secrets).as_bytes(), 12).as_deref() == Some(b"HTTP/1.1 200")
}

/// Whether the server says that it will never write again before it is started again. One that says nothing may only be slow.
///
/// Source: nats-server 2.15.1 on a full disk. `/healthz` answers 503 with "JetStream stream '$G > brain_EVENTS' write error: …: no space
/// left on device", and goes on doing so when there is room; appends are not answered at all; `js-enabled-only` stays "ok". Where it
/// cannot write what it knows of streams it disables JetStream, and says that.
pub(super) fn has_given_up_writing(ports: Ports, secrets: &Secrets) -> bool {
    ask_health(ports, secrets).is_some_and(|answer| means_given_up(&answer))
}

fn means_given_up(answer: &str) -> bool {
    let reasons = ["write error", "not enabled", "disabled"];
    answer.starts_with("HTTP/1.1 503") && reasons.iter().any(|reason| answer.contains(reason))
}

fn ask_health(ports: Ports, secrets: &Secrets) -> Option<String> {
    let mut answer = Vec::new();
    send(ports.monitor, health_request(secrets).as_bytes())?.take(HEALTH_BYTES_MAX).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends a request and reads the first bytes of the answer.
fn exchange(port: u16, request: &[u8], answer_bytes: usize) -> Option<Vec<u8>> {
    let mut answer = vec![0; answer_bytes];
    send(port, request)?.read_exact(&mut answer).ok()?;
    Some(answer)
}

fn send(port: u16, request: &[u8]) -> Option<TcpStream> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT)).ok()?;
    stream.write_all(request).ok()?;
    Some(stream)
}

/// Shapes the access of a running server.
pub(super) fn access(secrets: &Secrets, ports: Ports, version: &str, pid: u32) -> NatsAccess {
    NatsAccess {
        url: format!("nats://127.0.0.1:{}", ports.client),
        user: secrets.nats_user.clone(),
        password: secrets.nats_password.clone(),
        monitor_url: format!("http://127.0.0.1:{}/{}", ports.monitor, monitor_path(secrets)),
        version: version.into(),
        pid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets {
            nats_user: "brain".into(),
            nats_password: "abc".into(),
            postgres_password: String::new(),
            owner_password: String::new(),
            app_password: String::new(),
        }
    }

    #[test]
    fn only_a_server_that_says_so_has_given_up() {
        let answer =
            |status: u16, error: &str| format!("HTTP/1.1 {status} x\r\n\r\n{{\"status\":\"unavailable\",\"error\":\"{error}\"}}");
        assert!(means_given_up(&answer(503, "JetStream stream '$G > brain_EVENTS' write error: 1.blk: no space left on device")));
        assert!(means_given_up(&answer(503, "jetstream not enabled")));
        assert!(!means_given_up(&answer(503, "JetStream is still recovering meta layer")));
        assert!(!means_given_up(&answer(200, "write error")));
        // Stopped or slow: it takes the connection and says nothing.
        let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let monitor = mute.local_addr().unwrap().port();
        assert!(!has_given_up_writing(Ports { client: 0, monitor }, &secrets()));
    }

    #[test]
    fn the_configuration_is_filled_in_whole_and_says_how_durable_it_is() {
        let ports = Ports { client: 4222, monitor: 8222 };
        let text = |durability| {
            configuration_text(Path::new("/d/a \"b\"/nats"), Path::new("/d/nats.log"), &secrets(), ports, durability)
        };
        let power = text(Durability::Power);
        assert!(power.contains("sync_interval: always") && power.contains(r#"store_dir: "/d/a \"b\"/nats""#), "{power}");
        assert!(power.contains(r#"listen: "127.0.0.1:4222""#) && power.contains(r#"password: "abc""#));
        let settings = power.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(power.contains(&format!("http_base_path: \"/{}\"", monitor_path(&secrets()))));
        assert!(
            !settings.clone().collect::<String>().contains("{p")
                && !settings.collect::<String>().contains("{m")
                && !text(Durability::Os).contains("always\n")
        );
    }
}
