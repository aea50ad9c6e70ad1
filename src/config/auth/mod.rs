//! How people log in: where this server is reached, how long sessions hold, and the providers whose word counts.

pub mod client;
pub mod provider;
pub mod simple;

use url::{Host, Url};

pub use self::{
    client::Client,
    provider::{Preset, Provider, Secret},
};
use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::{Kind, Value},
};
use crate::domain::session::Limits;

pub static BASE_URL: Setting = Setting {
    name: "auth.base_url",
    variables: &["BRAIN_BASE_URL"],
    flag: Some("base-url"),
    fallback: Fallback::Absent("http:// and the address that is listened on"),
    check: is_base,
    about: "Where browsers reach this server, such as https://brain.example.org: addresses to come back to, names of cookies and links \
            follow from it, never from what a proxy says",
    ..Setting::BASE
};

pub static SESSION_IDLE_S: Setting = Setting {
    name: "auth.session_idle_s",
    aliases: &["auth.session_idle"],
    variables: &["BRAIN_SESSION_IDLE_S"],
    flag: Some("session-idle-s"),
    kind: Kind::Integer { min: 60, max: 2_592_000 },
    unit: Some("seconds"),
    fallback: Fallback::Is("28800"),
    about: "How long a session of a browser holds without a request, in seconds",
    ..Setting::BASE
};

pub static SESSION_MAX_S: Setting = Setting {
    name: "auth.session_max_s",
    aliases: &["auth.session_max"],
    variables: &["BRAIN_SESSION_MAX_S"],
    flag: Some("session-max-s"),
    kind: Kind::Integer { min: 60, max: 31_536_000 },
    unit: Some("seconds"),
    fallback: Fallback::Is("2592000"),
    about: "How long a session of a browser holds in all, in seconds",
    ..Setting::BASE
};

pub static PASSKEYS: Setting = Setting {
    name: "auth.passkeys",
    variables: &["BRAIN_PASSKEYS"],
    flag: Some("passkeys"),
    kind: Kind::Switch,
    fallback: Fallback::Is("true"),
    about: "Whether people may log in by passkeys; they belong to the name in auth.base_url",
    ..Setting::BASE
};

pub static LINK_BY_VERIFIED_EMAIL: Setting = Setting {
    name: "auth.link_by_verified_email",
    variables: &["BRAIN_LINK_BY_VERIFIED_EMAIL"],
    flag: Some("link-by-verified-email"),
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    about: "Whether somebody new at one provider is taken for the one whom another provider vouches for with the same address of mail; whoever \
            runs any of the providers can then become anybody",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 5] = [&BASE_URL, &SESSION_IDLE_S, &SESSION_MAX_S, &PASSKEYS, &LINK_BY_VERIFIED_EMAIL];

/// How people log in.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Without a slash at its end.
    pub base_url: Option<String>,
    pub sessions: Limits,
    pub passkeys: bool,
    pub link_by_verified_email: bool,
    pub providers: Vec<Provider>,
    /// API clients that people can let in, beside the one that is built in.
    pub clients: Vec<Client>,
}

impl Default for Auth {
    fn default() -> Self {
        let (base_url, sessions, providers) = (None, Limits::default(), vec![]);
        Self { base_url, sessions, passkeys: true, link_by_verified_email: false, providers, clients: vec![] }
    }
}

impl Auth {
    pub fn of(effective: &Effective) -> Self {
        let seconds = |setting: &Setting| u32::try_from(effective.of::<u64>(setting)).expect("its bounds are smaller");
        let base_url: Option<String> = effective.maybe(&BASE_URL);
        Self {
            base_url: base_url.map(|text| text.trim_end_matches('/').to_owned()),
            sessions: Limits { idle_s: seconds(&SESSION_IDLE_S), max_s: seconds(&SESSION_MAX_S) },
            passkeys: effective.of(&PASSKEYS),
            link_by_verified_email: effective.of(&LINK_BY_VERIFIED_EMAIL),
            providers: effective.providers.clone(),
            clients: effective.clients.clone(),
        }
    }
}

impl Auth {
    /// The name by which browsers call this server, if the settings say one.
    pub fn host(&self) -> Option<String> {
        Url::parse(self.base_url.as_deref()?).ok()?.host_str().map(str::to_owned)
    }
}

/// Whether a host is this machine by its text.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn is_base(value: &Value) -> Result<(), String> {
    let wrong = || Err("it takes https:// and a host, with a port if need be, and nothing after it".to_owned());
    let Ok(url) = Url::parse(&value.to_string()) else { return wrong() };
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        _ if !is_bare || !is_anonymous || !url.has_host() => wrong(),
        "https" => Ok(()),
        "http" if is_here(&url) => Ok(()),
        "http" => {
            Err("browsers keep a login to themselves over https only; http is for this machine (localhost, 127.0.0.1)".to_owned())
        }
        _ => wrong(),
    }
}
