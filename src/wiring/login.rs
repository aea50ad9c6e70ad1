//! How people log in: the providers of the settings as those that are asked, and the sessions that this process follows.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use url::Url;

use super::{core::Core, credentials};
use crate::{
    adapters::{
        oidc::{GitHub, Oidc, Registration, Way},
        webauthn::SitePasskeys,
    },
    app::{
        Writing,
        delegations::Delegations,
        login::{Base, Login, PasskeyUse, Provider},
        oauth::{Client, Oauth, Tokens},
        sessions::Sessions,
    },
    config::{
        self,
        auth::{self, Preset, Secret},
    },
    ports::{AccessDirectory, identity::IdentityProvider, webhooks::Vault},
    queries::status::Part,
};

/// How long a start waits for the sessions that hold; those that come later are known when they come.
const SESSIONS_WAIT: Duration = Duration::from_secs(10);

/// The way to login providers. Errors: TLS cannot be set up.
pub(super) fn way(core: &Core) -> anyhow::Result<Way> {
    Way::new(core.clock.clone()).context("cannot set up TLS for login providers")
}

/// Login providers whose clocks are wrong, as the status shows them.
pub(super) fn wrong_clocks(way: &Way) -> impl Fn() -> Vec<Part> + Send + Sync + use<> {
    let way = way.clone();
    move || {
        let told = |(host, ahead): (String, i64)| {
            let which = if ahead > 0 { "ahead of" } else { "behind" };
            let state = format!("its clock is {} s {which} this machine's: logins may fail", ahead.abs());
            Part { name: format!("login provider {host}"), version: String::new(), state }
        };
        way.wrong_clocks().into_iter().map(told).collect()
    }
}

/// What a login opens doors in.
pub(super) struct Opened {
    pub sessions: Arc<Sessions>,
    pub directory: Arc<dyn AccessDirectory>,
    pub writing: Arc<Writing>,
}

/// The sessions of this instance, once those that hold are known.
pub(super) async fn sessions(core: &Core, auth: &config::Auth, vault: Arc<dyn Vault>) -> Arc<Sessions> {
    let sessions = Arc::new(Sessions::new(core.nats.sessions(), vault, core.clock.clone(), auth.sessions));
    let (followed, stop) = (sessions.clone(), core.stop.clone());
    core.tasks.spawn(async move { stop.run_until_cancelled(followed.follow()).await.is_some() });
    if tokio::time::timeout(SESSIONS_WAIT, sessions.ready()).await.is_err() {
        tracing::warn!("the sessions of browsers are not known yet");
    }
    sessions
}

/// What people let clients do, once that is known.
pub(super) async fn delegations(core: &Core, sessions: &Arc<Sessions>, vault: Arc<dyn Vault>) -> Arc<Delegations> {
    let delegations = Arc::new(Delegations::new(core.nats.delegations(), sessions.clone(), vault, core.clock.clone()));
    let (followed, stop) = (delegations.clone(), core.stop.clone());
    core.tasks.spawn(async move { stop.run_until_cancelled(followed.follow()).await.is_some() });
    if tokio::time::timeout(SESSIONS_WAIT, delegations.ready()).await.is_err() {
        tracing::warn!("what people let clients do is not known yet");
    }
    delegations
}

/// The use cases of clients that act for people.
pub(super) fn oauth(login: &Login, declared: Vec<auth::Client>, delegations: Arc<Delegations>) -> Arc<Oauth> {
    let Login { base, directory, writing, vault, clock, .. } = login;
    let (base, vault, clock, directory) = (base.clone(), vault.clone(), clock.clone(), directory.clone());
    let tokens = Tokens {
        delegations: delegations.clone(),
        directory: directory.clone(),
        clock: clock.clone(),
        vault: vault.clone(),
        base,
    };
    let declared = declared.into_iter().map(|auth::Client { id, name, redirect_uris }| Client { id, name, redirect_uris });
    let clients = std::iter::once(Client::cli()).chain(declared).collect();
    let (polls, writing) = (Mutex::default(), writing.clone());
    Arc::new(Oauth { tokens: Arc::new(tokens), delegations, directory, writing, vault, clock, clients, polls })
}

/// The use cases of logging in. Errors: a secret cannot be read, browsers would send sessions in clear, or TLS cannot be set up.
pub(super) fn login(
    core: &Core,
    auth: config::Auth,
    credentials: &credentials::Credentials,
    (opened, vault): (Opened, Arc<dyn Vault>),
    way: &Way,
) -> anyhow::Result<Arc<Login>> {
    let base = base(&auth, &credentials.url);
    let passkeys = passkeys(&auth, base.as_ref());
    if base.is_none() && !auth.providers.is_empty() {
        anyhow::bail!(
            "people cannot log in at {}: set auth.base_url to the https address at which browsers reach brain",
            credentials.url
        );
    }
    if !auth.providers.is_empty() {
        // Every process that a browser may come back to opens what another has sealed.
        vault.derive("login").context("people cannot log in without a key that all processes share")?;
    }
    let providers = auth.providers.into_iter().map(|provider| provided(core, provider, way)).collect::<anyhow::Result<_>>()?;
    let Opened { sessions, directory, writing } = opened;
    Ok(Arc::new(Login {
        providers,
        base,
        sessions,
        directory,
        writing,
        vault,
        clock: core.clock.clone(),
        owner: credentials::owner(),
        machine_key: credentials::key_id(&credentials.api_key),
        passkeys,
        marks: core.nats.marks(),
        link_by_verified_email: auth.link_by_verified_email,
    }))
}

/// Where browsers reach this server: what the settings say, or else where it listens. On this machine that has a name, by which passkeys
/// know it; to a browser `127.0.0.1` is another site.
fn base(auth: &config::Auth, listens: &str) -> Option<Base> {
    let said = auth.base_url.as_deref().unwrap_or(listens);
    let mut url = Url::parse(said).ok()?;
    let is_number = url.domain().is_none();
    if auth.base_url.is_none() && is_number && Base::of(said).is_some() {
        url.set_host(Some("localhost")).ok()?;
    }
    Base::of(url.as_str())
}

fn passkeys(auth: &config::Auth, base: Option<&Base>) -> PasskeyUse {
    if !auth.passkeys {
        return PasskeyUse::Off;
    }
    let url = base.and_then(|base| Url::parse(&base.at("/")).ok());
    match url.as_ref().and_then(SitePasskeys::at) {
        Some(site) => PasskeyUse::Ready(Arc::new(site)),
        None => {
            let port = url.as_ref().and_then(Url::port).map(|port| format!(":{port}")).unwrap_or_default();
            let is_here = base.is_some_and(|base| !base.is_secure());
            let instead = if is_here { format!("http://localhost{port}") } else { "a name, in auth.base_url".to_owned() };
            PasskeyUse::Nameless { instead }
        }
    }
}

fn provided(core: &Core, provider: auth::Provider, way: &Way) -> anyhow::Result<Provider> {
    let auth::Provider { id, name, preset, issuer, client_id, client_secret, scopes, groups_claim, auto_create, rules } =
        provider;
    let client_secret =
        client_secret.map(secret).transpose().with_context(|| format!("the login provider {id} has no secret"))?;
    let written = issuer.clone();
    let registration = Registration { issuer, client_id, client_secret, scopes, groups_claim };
    let identity: Arc<dyn IdentityProvider> = match preset {
        Preset::GitHub => Arc::new(GitHub::new(registration, way.clone())),
        Preset::Oidc | Preset::Google => Arc::new(Oidc::new(registration, way.clone(), core.clock.clone())),
    };
    Ok(Provider { id, name, issuer: written, identity, auto_create, rules })
}

/// A secret that stands in a file ends with its last letter, not with the line.
fn secret(secret: Secret) -> anyhow::Result<String> {
    match secret {
        Secret::Here(text) => Ok(text),
        Secret::In(path) => {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(text.trim_end().to_owned())
        }
    }
}
