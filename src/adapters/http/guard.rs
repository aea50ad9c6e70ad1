//! Where a request may go: to public addresses only, so that nobody can make brain knock at doors of its own network (SSRF).
//! Used by the sender, for the text of an address and for what a name resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::ports::webhooks::SendError;

/// Networks that are not the public internet (IANA special-purpose registries): first address and length of the prefix.
const CLOSED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];
const CLOSED_V6: &[([u16; 8], u32)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 8),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    // Site-local: deprecated (RFC 3879), and still routed in some networks.
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];
/// Ports below 1024 other than these belong to services that are no web server.
const LOW_PORTS: [u16; 2] = [80, 443];

/// What may be sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// For development: http and addresses of this machine are let through as well.
    pub allow_loopback: bool,
}

impl Guard {
    pub fn admits_address(self, address: IpAddr) -> bool {
        if self.allow_loopback && address.is_loopback() {
            return true;
        }
        match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(_) => false,
                None => is_public_v6(address),
            },
        }
    }

    /// What the text of an address tells; names are looked up when they are sent to.
    pub fn admits_url(self, url: &Url) -> Result<(), SendError> {
        let blocked = |why: String| Err(SendError::Blocked(why));
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return blocked("the address names no host".into()),
        };
        if loopback && self.allow_loopback {
            return Ok(());
        }
        if url.scheme() != "https" {
            return blocked("only https is sent to; http is for this machine, where that is allowed".into());
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if loopback || literal.is_some_and(|address| !self.admits_address(address)) {
            return blocked("the address is not on the public internet".into());
        }
        match url.port_or_known_default() {
            Some(port) if port < 1_024 && !LOW_PORTS.contains(&port) => {
                blocked(format!("port {port} is not a web server's: 80, 443 and those from 1024 are sent to"))
            }
            _ => Ok(()),
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !CLOSED_V4.iter().any(|(network, length)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    !CLOSED_V6.iter().any(|(network, length)| (bits ^ Ipv6Addr::from(*network).to_bits()) >> (128 - length) == 0)
}

/// Refuses a name if any of its addresses is closed; what is connected to is what was looked at.
pub struct Vetted<R> {
    pub guard: Guard,
    pub names: R,
}

impl<R: Resolve> Resolve for Vetted<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, asked) = (self.guard, name.as_str().to_owned());
        let found = self.names.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            match found.iter().find(|address| !guard.admits_address(address.ip())) {
                Some(closed) => {
                    let why = format!("{asked} leads to {}, which is not on the public internet", closed.ip());
                    Err(SendError::Blocked(why).into())
                }
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// Names as the machine knows them.
pub struct Machine;

impl Resolve for Machine {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_networks_are_refused_and_their_neighbours_are_not() {
        let guard = Guard::default();
        let closed = [
            "0.1.2.3",
            "10.1.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001:db8::1",
            "2002:808:808::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in closed {
            assert!(!guard.admits_address(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2003::1"] {
            assert!(guard.admits_address(address.parse().unwrap()), "{address}");
        }
        let open = Guard { allow_loopback: true };
        assert!(open.admits_address("127.0.0.1".parse().unwrap()) && !open.admits_address("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_address_is_judged_by_scheme_host_and_port() {
        let admits = |text: &str, allow_loopback| Guard { allow_loopback }.admits_url(&Url::parse(text).unwrap()).is_ok();
        for text in ["https://example.org/", "https://example.org:8443/", "https://8.8.8.8/"] {
            assert!(admits(text, false), "{text}");
        }
        for text in [
            "http://example.org/",
            "https://localhost/",
            "https://a.localhost/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://example.org:22/",
        ] {
            assert!(!admits(text, false), "{text}");
        }
        assert!(admits("http://127.0.0.1:9/", true) && admits("http://localhost:9/", true));
        assert!(!admits("http://10.0.0.1/", true) && !admits("http://example.org/", true));
    }
}
