//! People log in by a real provider, stay in by a session, and go out by every door that there is.

mod attacks;
pub mod browser;
mod chromium;
mod flow;
mod linking;
mod links;
mod op;
mod out;
mod passkeys;
mod real;

use std::{collections::BTreeMap, net::TcpListener};

use second_brain::{
    config::{
        Auth,
        auth::{Preset, Provider, Secret},
    },
    domain::{
        access::Role,
        groups::{GroupRules, RoleAt},
        ids::SpaceId,
    },
};

use self::{browser::Browser, op::Op};
use crate::harness::World;

/// A brain, and the provider by which people log in there.
pub struct Scene {
    pub world: World,
    op: Op,
    /// Where browsers reach it.
    base: String,
}

/// A port that is free now. Nothing else on this machine asks for that very one meanwhile.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The provider under one of the names that it knows this client by.
fn provider(id: &str, issuer: &str) -> Provider {
    let at = |role| RoleAt { role, space: Some(SpaceId::default_space()) };
    let map = [("family", at(Role::Editor)), ("boss", at(Role::Owner)), ("guests", at(Role::Reader))];
    let map: BTreeMap<String, RoleAt> = map.into_iter().map(|(group, role)| (group.to_owned(), role)).collect();
    Provider {
        id: id.into(),
        name: "Home".into(),
        preset: Preset::Oidc,
        issuer: issuer.into(),
        client_id: format!("brain-{id}"),
        client_secret: Some(Secret::Here("a secret of forty-four characters, for tests".into())),
        scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).to_vec(),
        groups_claim: "groups".into(),
        auto_create: id != "closed",
        rules: GroupRules { map, default: None },
    }
}

impl Scene {
    /// `None` where there is no node to run a provider; that was said.
    pub async fn new(is_plain: bool) -> Option<Self> {
        Self::of("127.0.0.1", is_plain).await
    }

    /// One that browsers reach by this name. `None` as for the others.
    async fn at(name: &str) -> Option<Self> {
        Self::of(name, false).await
    }

    async fn of(name: &str, is_plain: bool) -> Option<Self> {
        let port = free_port();
        let base = format!("http://{name}:{port}");
        let op = Op::start(&base, is_plain).await?;
        let ids = ["home", "pss", "curve", "larger", "edwards", "weak", "closed"];
        // The settings may leave out or add the slash that the provider does not write.
        let providers = ids.map(|id| provider(id, &if id == "curve" { format!("{}/", op.issuer) } else { op.issuer.clone() }));
        let auth = Auth { base_url: Some(base.clone()), providers: providers.to_vec(), ..Auth::default() };
        Some(Self { world: World::that_people_log_in_to(auth, port).await, op, base })
    }

    fn brain(&self) -> &str {
        &self.base
    }

    /// Somebody who is in by the provider.
    pub async fn visitor(&self, person: &'static str) -> Browser {
        let browser = Browser::of(person);
        let page = browser.log_in(self.brain(), "home").await;
        assert_eq!(page.status.as_u16(), 303, "{page:?}");
        browser
    }

    pub async fn end(self) {
        self.world.end().await;
    }
}
