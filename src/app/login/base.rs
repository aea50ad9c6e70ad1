//! Where browsers reach this server, which is an answer to one question only: the setting. What a proxy says of it is not looked at.

use url::{Host, Url};

/// This machine by its name, and the numbers that a browser may write in its place.
const NAME: &str = "http://localhost";
const NUMBERS: [&str; 2] = ["127.0.0.1", "[::1]"];

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

    /// Whether it is this machine by its name, which also has a number.
    pub fn is_named_here(&self) -> bool {
        self.url.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// Whether a host, with its port, is this machine by a number where [`Self::is_named_here`] says its name.
    pub fn is_number_of(&self, host: &str) -> bool {
        let port = self.url.strip_prefix(NAME).unwrap_or_default();
        NUMBERS.iter().any(|number| host.strip_prefix(number).is_some_and(|rest| rest == port))
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
        let (here, there) = (Base::of("http://localhost:7700").expect("here"), Base::of("https://a.example").expect("there"));
        assert!(here.is_named_here() && !there.is_named_here());
        assert!(here.is_number_of("127.0.0.1:7700") && here.is_number_of("[::1]:7700"));
        assert!(
            !here.is_number_of("localhost:7700") && !here.is_number_of("127.0.0.1:77") && !here.is_number_of("127.0.0.11:7700")
        );
        assert_eq!(Base::of("https://a.example/").map(|base| base.at("/x")), Some("https://a.example/x".into()));
    }
}
