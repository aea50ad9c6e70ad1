//! A login by the browser of this machine (RFC 8252): it brings a code to a socket that listens on loopback for as long as that takes.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::{Url, form_urlencoded};

use super::{ask, refused};
use crate::{
    adapters::vault::MasterKey,
    api::oauth::{ServerMetadata, TokenAnswer},
    app::{
        access::secret::fresh,
        oauth::{CLI, challenge_of},
    },
    cli::{client::Error, output},
};

/// How long somebody has to say yes or no.
const WAIT: Duration = Duration::from_secs(600);
/// How long a connection has to say what it wants, and how much it may say.
const HEAD_WAIT: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// Whether a browser can be shown here.
pub fn has_screen() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    !is_remote && (cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
}

/// Sends the browser to the server, and waits for what it brings back.
pub async fn run(http: &reqwest::Client, server: &ServerMetadata, scope: &str) -> Result<TokenAnswer, Error> {
    let broken = |why: String| Error::Login { url: server.issuer.clone(), why };
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.map_err(|cause| broken(format!("nothing can listen here: {cause}")))?;
    let port = listener.local_addr().map_err(|cause| broken(cause.to_string()))?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let random = MasterKey::absent();
    let (verifier, state) = (fresh(&random), fresh(&random));
    let mut url: Url = server.authorization_endpoint.parse().map_err(|cause: url::ParseError| broken(cause.to_string()))?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", CLI)
        .append_pair("redirect_uri", &redirect_uri)
        .append_pair("scope", scope)
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge_of(&verifier))
        .append_pair("code_challenge_method", "S256");
    output::say(format_args!("Say yes in the browser; if none opens, open {url}"));
    show(url.as_str());
    let code = timeout(WAIT, wait(&listener, (&state, &server.issuer))).await;
    let code = code.map_err(|_| broken("nobody has said anything".into()))?.map_err(broken)?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect_uri.as_str()),
        ("client_id", CLI),
        ("code_verifier", verifier.as_str()),
    ];
    ask::form(http, &server.token_endpoint, &form).await?.map_err(|problem| refused(&server.issuer, &problem))
}

/// Opens a browser, if there is one. That it does not open is no failure: the address stands on the screen.
fn show(url: &str) {
    let named = std::env::var_os("BROWSER").filter(|name| !name.is_empty());
    let usual = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = std::process::Command::new(named.unwrap_or_else(|| usual.into()));
    let _ = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

/// The code that the browser brings. Whoever else comes by is sent away. Errors: the person or the server has said no.
async fn wait(listener: &TcpListener, expected: (&str, &str)) -> Result<String, String> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let Ok(Some(target)) = timeout(HEAD_WAIT, target(&mut stream)).await else { continue };
        let Some(brought) = brought(&target, expected) else {
            answer(&mut stream, "404 Not Found", "There is nothing here.").await;
            continue;
        };
        let word = if brought.is_ok() { "You are logged in; this page can be closed." } else { "You are not logged in." };
        answer(&mut stream, "200 OK", word).await;
        return brought;
    }
}

/// The path and query of a request.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = vec![];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut more = [0; 2_048];
        let count = stream.read(&mut more).await.ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&more[..count]);
        if head.len() > HEAD_BYTES_MAX {
            return None;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok())?;
    let mut words = line.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

/// What a callback says; `None` for everything that is not the one that is waited for.
fn brought(target: &str, (state, issuer): (&str, &str)) -> Option<Result<String, String>> {
    let query = target.strip_prefix("/callback?")?;
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if said.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    let says = |name: &str| said.get(name).map(String::as_str);
    if says("state") != Some(state) || says("iss") != Some(issuer) {
        return None;
    }
    match (says("code"), says("error")) {
        (Some(code), None) => Some(Ok(code.to_owned())),
        (None, Some(error)) => Some(Err(format!("{} ({error})", says("error_description").unwrap_or("the server has said no")))),
        _ => None,
    }
}

async fn answer(stream: &mut TcpStream, status: &str, word: &str) {
    let page = format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>brain</title><p>{word}</p>");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n",
        page.len()
    );
    let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_that_is_waited_for_counts() {
        let expected = ("s", "http://brain.example");
        let of = |target: &str| brought(target, expected);
        assert_eq!(of("/callback?code=1.a-b&state=s&iss=http%3A%2F%2Fbrain.example"), Some(Ok("1.a-b".into())));
        let denied = of("/callback?error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fbrain.example");
        assert_eq!(denied, Some(Err("no (access_denied)".into())));
        for other in [
            "/",
            "/callback",
            "/callback?code=a&state=s",
            "/callback?code=a&state=t&iss=http%3A%2F%2Fbrain.example",
            "/callback?code=a&state=s&iss=http%3A%2F%2Fevil.example",
            "/callback?code=a&code=b&state=s&iss=http%3A%2F%2Fbrain.example",
            "/favicon.ico?code=a&state=s&iss=http%3A%2F%2Fbrain.example",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
