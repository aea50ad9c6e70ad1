//! Which server a verb talks to, and with which key: from the command line, the environment or a data folder, each checked when it is
//! read, so that what is wrong is named by its place.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use reqwest::Url;

use super::{
    Usage,
    client::{ANSWER_WAIT, By, CONNECT_WAIT, Connection},
    login::held::{Held, Logins},
    settings::{Flags, OfClient},
};
use crate::{
    adapters::http::install_tls,
    config::{client, folders},
    wiring::credentials::{self, Credentials},
};

/// Which server and how to answer; the same for every verb.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Server and output")]
pub struct ConnectionArgs {
    #[command(flatten)]
    pub settings: Flags<OfClient>,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
}

impl ConnectionArgs {
    /// The connection; credentials.json is read only where a setting is missing.
    /// Errors: a usage error that names what is wrong and where it stands.
    pub fn open(self) -> anyhow::Result<Connection> {
        self.open_by(None)
    }

    /// The same by a secret that somebody was given, in place of a key.
    pub fn open_by(self, given: Option<&str>) -> anyhow::Result<Connection> {
        let settings = self.settings.settle()?;
        let said = |setting| settings.maybe::<String>(setting).map(|text| (text, settings.row(setting).origin.to_string()));
        let url = said(&client::URL).map(|(url, place)| address(&url, &place)).transpose()?;
        let given = given.map(|text| (text.to_owned(), "the secret".to_owned()));
        let key = given.or_else(|| said(&client::KEY)).map(|(key, place)| secret(&key, &place)).transpose()?;
        let data_dir: PathBuf = settings.of(&folders::DATA_DIR);
        let logins = Logins::of(&data_dir);
        let named = url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
        // A key that was said counts more than a login, and a login more than what `brain up` has left in the folder.
        let login = if key.is_none() { logins.server(named)? } else { None };
        if let Some(url) = login {
            let space = logins.get(&url)?.and_then(|tokens| tokens.space);
            let http = http(&address(&url, "logins.json")?)?;
            let by = By::Login(Box::new(Held { logins, url: url.clone(), space }));
            return Ok(Connection { http, url, by, retries_for: Duration::ZERO, json: self.json });
        }
        let (url, key) = match (url, key) {
            (Some(url), Some(key)) => (url, key),
            (url, key) => {
                let path = credentials::path(&data_dir);
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(&path).map_err(|cause| {
                    let ways = "give --url and --key, or --data-dir with the folder of a brain";
                    Usage(format!("{shown} cannot be read ({cause}): {ways}"))
                })?;
                let found: Credentials =
                    serde_json::from_str(&text).with_context(|| format!("{shown} is no credentials file"))?;
                let url = url.map_or_else(|| address(&found.url, &shown), Ok)?;
                (url, key.map_or_else(|| secret(&found.api_key, &shown), Ok)?)
            }
        };
        let (http, url) = (http(&url)?, url.as_str().trim_end_matches('/').to_owned());
        Ok(Connection { http, url, by: By::Key(key), retries_for: Duration::ZERO, json: self.json })
    }

    /// The server that is named, if one is, without a slash at its end, and the data folder. Errors: a usage error.
    pub fn named_server(&self) -> anyhow::Result<(Option<String>, PathBuf)> {
        let settings = self.settings.settle()?;
        let place = settings.row(&client::URL).origin.to_string();
        let url = settings.maybe::<String>(&client::URL).map(|url| address(&url, &place)).transpose()?;
        Ok((url.map(|url| url.as_str().trim_end_matches('/').to_owned()), settings.of(&folders::DATA_DIR)))
    }

    /// The server to log in to: the one that is named, or the one whose credentials stand in the data folder, which comes beside it.
    /// Errors: a usage error.
    pub fn server(&self) -> anyhow::Result<(Url, PathBuf)> {
        let (named, data_dir) = self.named_server()?;
        if let Some(url) = named {
            return Ok((address(&url, "--url")?, data_dir));
        }
        let path = credentials::path(&data_dir);
        let text = std::fs::read_to_string(&path).map_err(|_| Usage("give --url with the address of a brain".to_owned()))?;
        let shown = path.display().to_string();
        let found: Credentials = serde_json::from_str(&text).with_context(|| format!("{shown} is no credentials file"))?;
        Ok((address(&found.url, &shown)?, data_dir))
    }
}

/// What asks a server.
pub fn http(url: &Url) -> anyhow::Result<reqwest::Client> {
    install_tls();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|one| one.is_ascii_graphic()).collect();
    let agent = if host.is_empty() { String::new() } else { format!(" ({host})") };
    let http = reqwest::Client::builder().connect_timeout(CONNECT_WAIT).timeout(ANSWER_WAIT);
    let mut http = http.user_agent(format!("brain/{}{agent}", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        // A proxy elsewhere cannot reach this machine's own addresses.
        http = http.no_proxy();
    }
    Ok(http.build()?)
}

/// A server's address; `place` says where it was given.
fn address(text: &str, place: &str) -> anyhow::Result<Url> {
    const WANTED: &str = "an address begins with http:// or https://, for instance http://127.0.0.1:7700";
    if text.trim().is_empty() {
        bail!(Usage(format!("{place} is empty; {WANTED}")));
    }
    let wrong = |why: &str| Usage(format!("{place}: {text:?} is no address of a server{why}; {WANTED}"));
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => bail!(wrong("")),
        Err(cause) => bail!(wrong(&format!(" ({cause})"))),
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        bail!(wrong(""));
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!(wrong(": nothing can follow a ? or a #"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!(Usage(format!("{place} holds a user name or a password, which no brain asks for; its key is given by --key")));
    }
    Ok(url)
}

/// A key as it can stand in a request. It is never repeated in what is said.
fn secret(text: &str, place: &str) -> anyhow::Result<String> {
    if text.is_empty() {
        bail!(Usage(format!("{place} is empty; a key is what brain up wrote to credentials.json")));
    }
    if text.contains(['\n', '\r']) {
        bail!(Usage(format!("{place} holds a line end; a key is one line and ends without one")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!(Usage(format!("{place} holds a character that no key has, such as a blank")));
    }
    Ok(text.to_owned())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_server_or_is_refused_by_its_place() {
        for good in ["http://127.0.0.1:7811", "https://brain.example/notes/", " http://h ", "HTTP://[::1]:1"] {
            assert!(address(good, "--url").is_ok(), "{good}");
        }
        for (bad, word) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("127.0.0.1:7811", "begins with http://"),
            ("localhost:7700", "begins with http://"),
            ("localhost", "begins with http://"),
            ("ftp://h", "begins with http://"),
            ("http://", "begins with http://"),
            ("http://h:99999", "port"),
            ("http://h?a=b", "nothing can follow"),
            ("http://ann:pass@h", "user name"),
            ("http://a b", "begins with http://"),
            ("unix:/tmp/x", "begins with http://"),
        ] {
            let said = address(bad, "BRAIN_URL").expect_err(bad);
            assert!(said.is::<Usage>() && said.to_string().starts_with("BRAIN_URL"), "{said}");
            assert!(said.to_string().contains(word), "{bad}: {said}");
        }
    }

    #[test]
    fn a_key_is_one_line_and_is_never_repeated() {
        assert!(secret("brain_abc", "--key").is_ok());
        for (bad, word) in
            [("", "empty"), ("abc\n", "line end"), ("a\rb", "line end"), ("a bc", "blank"), ("\u{e9}bc", "no key has")]
        {
            let said = secret(bad, "BRAIN_API_KEY").expect_err(bad).to_string();
            assert!(said.starts_with("BRAIN_API_KEY") && said.contains(word) && !said.contains("bc"), "{said}");
        }
    }
}
