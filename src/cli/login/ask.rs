//! Questions to an authorization server, which are forms, and its own description. Used by `brain login` and by whoever renews a token.

use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::{
    api::oauth::{OauthProblem, ServerMetadata},
    cli::client::Error,
};

/// Sends a form. The inner error is the server's refusal.
pub async fn form<T: DeserializeOwned>(
    http: &reqwest::Client,
    url: &str,
    fields: &[(&str, &str)],
) -> Result<Result<T, OauthProblem>, Error> {
    let unreachable = |cause| Error::Unreachable { url: url.to_owned(), cause };
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(unreachable)?;
    if status.is_success() {
        return serde_json::from_slice(&bytes).map(Ok).map_err(|_| Error::Strange { status });
    }
    serde_json::from_slice(&bytes).map(Err).map_err(|_| Error::Strange { status })
}

/// Whether a server calls itself as it was asked for: on this machine it may say its name where somebody has written its number.
fn is_same(issuer: &str, url: &str) -> bool {
    const NAME: &str = "http://localhost";
    let by_name = ["http://127.0.0.1", "http://[::1]"].iter().find_map(|number| url.strip_prefix(number));
    issuer == url || by_name.is_some_and(|port| issuer.strip_prefix(NAME) == Some(port))
}

/// Where a server gives tokens. Errors: it does not, or calls itself something else: whoever asked might be sent astray.
pub async fn metadata(http: &reqwest::Client, url: &str) -> Result<ServerMetadata, Error> {
    let unreachable = |cause| Error::Unreachable { url: url.to_owned(), cause };
    let answer = http.get(format!("{url}/.well-known/oauth-authorization-server")).send().await.map_err(unreachable)?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(unreachable)?;
    if !status.is_success() {
        return Err(serde_json::from_slice(&bytes).map_or(Error::Strange { status }, |problem| Error::Refused(Box::new(problem))));
    }
    let found: ServerMetadata = serde_json::from_slice(&bytes).map_err(|_| Error::Strange { status })?;
    let ours =
        [&found.authorization_endpoint, &found.token_endpoint, &found.device_authorization_endpoint, &found.revocation_endpoint];
    let is_astray = |place: &&String| !place.starts_with(&format!("{}/", found.issuer));
    if !is_same(&found.issuer, url) || ours.into_iter().any(|place| is_astray(&place)) {
        let why = format!("the server there calls itself {}: say --url {}", found.issuer, found.issuer);
        return Err(Error::Login { url: url.to_owned(), why });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_calls_itself_as_it_was_asked_for() {
        for (issuer, url, same) in [
            ("https://a.example", "https://a.example", true),
            ("http://localhost:7700", "http://127.0.0.1:7700", true),
            ("http://localhost:7700", "http://[::1]:7700", true),
            ("http://localhost:7700", "http://127.0.0.1:77", false),
            ("http://localhost.evil.example:7700", "http://127.0.0.1:7700", false),
            ("http://localhost:7700", "http://127.0.0.11:7700", false),
            ("https://b.example", "https://a.example", false),
        ] {
            assert_eq!(is_same(issuer, url), same, "{issuer} {url}");
        }
    }
}
