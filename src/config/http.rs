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

pub static SETTINGS: [&Setting; 2] = [&LISTEN, &ALLOWED_ORIGINS];

/// How HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    pub allowed_origins: Vec<String>,
}

impl Http {
    pub fn of(effective: &Effective) -> Self {
        let listen: String = effective.of(&LISTEN);
        Self { listen: listen.parse().expect("it was checked"), allowed_origins: effective.of(&ALLOWED_ORIGINS) }
    }
}

fn is_address(value: &Value) -> Result<(), String> {
    let is = value.to_string().parse::<SocketAddr>().is_ok();
    if is { Ok(()) } else { Err("it takes an address and a port, such as 127.0.0.1:7700".to_owned()) }
}
