//! Where HTTP is served, and to which pages of other sites.

use std::net::SocketAddr;

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::{Kind, Value},
};

pub static LISTEN: Setting = Setting {
    name: "http.listen",
    variables: &["BRAIN_LISTEN"],
    flag: Some("listen"),
    fallback: Fallback::Is("127.0.0.1:7700"),
    check: is_address,
    about: "Address and port to serve HTTP on; port 0 takes a free one",
    ..Setting::BASE
};

pub static ALLOWED_ORIGINS: Setting = Setting {
    name: "http.allowed_origins",
    variables: &["BRAIN_ALLOWED_ORIGINS"],
    flag: Some("allowed-origins"),
    kind: Kind::List,
    fallback: Fallback::Is(""),
    about: "Sites whose pages may call the API and open live connections, beside this server's own, separated by commas",
    ..Setting::BASE
};

pub static ALLOWED_HOSTS: Setting = Setting {
    name: "http.allowed_hosts",
    variables: &["BRAIN_ALLOWED_HOSTS"],
    flag: Some("allowed-hosts"),
    kind: Kind::List,
    fallback: Fallback::Is(""),
    about: "Names by which clients call this server, for instance that of a proxy before it, without ports, separated by commas; loopback \
            and addresses need no naming",
    ..Setting::BASE
};

pub static REQUESTS_PER_S: Setting = Setting {
    name: "http.requests_per_s",
    variables: &["BRAIN_REQUESTS_PER_S"],
    kind: Kind::Integer { min: 0, max: 1_000_000 },
    fallback: Fallback::Is("0"),
    about: "Requests that each principal may make in a second, twice as many at once; 0 is without limit",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 4] = [&LISTEN, &ALLOWED_ORIGINS, &ALLOWED_HOSTS, &REQUESTS_PER_S];

/// How HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    pub allowed_origins: Vec<String>,
    pub allowed_hosts: Vec<String>,
    pub requests_per_s: u32,
}

impl Http {
    pub fn of(effective: &Effective) -> Self {
        let listen: String = effective.of(&LISTEN);
        Self {
            listen: listen.parse().expect("it was checked"),
            allowed_origins: effective.of(&ALLOWED_ORIGINS),
            allowed_hosts: effective.of(&ALLOWED_HOSTS),
            requests_per_s: u32::try_from(effective.of::<u64>(&REQUESTS_PER_S)).expect("it was checked"),
        }
    }
}

fn is_address(value: &Value) -> Result<(), String> {
    let is = value.to_string().parse::<SocketAddr>().is_ok();
    if is { Ok(()) } else { Err("it takes an address and a port, such as 127.0.0.1:7700".to_owned()) }
}
