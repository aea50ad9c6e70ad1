//! Where browsers reach this server, which is an answer to one question only: the setting. What a proxy says of it is not looked at.

use url::{Host, Url};

/// The address under which browsers reach this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Without a slash at its end.
    url: String,
    is_secure: bool,
}

impl Base {
    /// `None` for an address under which browsers would send a session in clear over a network.
    pub fn of(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_here = match url.host()? {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let is_secure = url.scheme() == "https";
        (is_secure || (url.scheme() == "http" && is_here)).then(|| Self { url: text.trim_end_matches('/').to_owned(), is_secure })
    }

    /// A path of this server as a whole address; it begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Whether cookies are kept from all but https.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_safe() {
        let secure = |text: &str| Base::of(text).map(|base| base.is_secure());
        assert_eq!(secure("https://brain.example.org/"), Some(true));
        for here in ["http://127.0.0.1:7700", "http://localhost:7700/", "http://[::1]:1"] {
            assert_eq!(secure(here), Some(false), "{here}");
        }
        for open in ["http://192.168.1.2:7700", "http://brain.example.org", "ftp://localhost", "brain"] {
            assert_eq!(secure(open), None, "{open}");
        }
        assert_eq!(Base::of("https://a.example/").map(|base| base.at("/x")), Some("https://a.example/x".into()));
    }
}
