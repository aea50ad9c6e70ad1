//! The programs that may ask for tokens: public clients, which keep no secret, known by an id and by where they are sent back to.

/// The command line of this program, which every server knows.
pub const CLI: &str = "brain-cli";

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: String,
    /// For people.
    pub name: String,
    /// Addresses to come back to. One of a loopback address (`http://127.0.0.1/…`, `http://[::1]/…`) stands for itself with any port.
    pub redirect_uris: Vec<String>,
}

impl Client {
    /// The one that is built in.
    pub fn cli() -> Self {
        let redirect_uris = ["http://127.0.0.1/callback", "http://[::1]/callback"].map(str::to_owned).to_vec();
        Self { id: CLI.into(), name: "brain on the command line".into(), redirect_uris }
    }

    /// Whether it may be sent back there: letter by letter one of its addresses, but for the port of loopback.
    pub fn comes_back_to(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|known| known == uri || of_loopback(known).zip(of_loopback(uri)).is_some_and(|(a, b)| a == b))
    }
}

/// The host and what follows the port of a loopback address by its number. `None` for all others: a name may be led elsewhere.
fn of_loopback(uri: &str) -> Option<(&str, &str)> {
    let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let end = port.find('/').unwrap_or(port.len());
            let is_port = port[..end].parse::<u16>().is_ok() && port[..end].bytes().all(|byte| byte.is_ascii_digit());
            is_port.then(|| &port[end..])?
        }
        None => rest,
    };
    rest.starts_with('/').then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_comes_back_to_its_own_address_with_any_port_of_loopback() {
        let cli = Client::cli();
        for good in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:1/callback",
            "http://127.0.0.1:65535/callback",
            "http://[::1]:80/callback",
        ] {
            assert!(cli.comes_back_to(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:1/callback/",
            "http://127.0.0.1:1/callback?x=1",
            "http://127.0.0.1:1/callback#x",
            "http://127.0.0.1:1",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:+1/callback",
            "http://127.0.0.1:1@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://localhost:1/callback",
            "https://127.0.0.1:1/callback",
            "http://127.0.0.2:1/callback",
            "HTTP://127.0.0.1:1/callback",
            "",
        ] {
            assert!(!cli.comes_back_to(bad), "{bad}");
        }
        let web = Client { redirect_uris: vec!["https://app.example/cb".into()], ..cli };
        assert!(web.comes_back_to("https://app.example/cb") && !web.comes_back_to("https://app.example:1/cb"));
    }
}
