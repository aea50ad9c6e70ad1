//! Where the master key comes from, as the settings have it; whether it is the right one, before anything else happens; and what operators do
//! with it. A process that seals and opens nothing, such as a projector, asks for none.

use std::{path::Path, sync::Arc};

use anyhow::Context;

use super::core::Core;
use crate::{
    adapters::{
        nats::Nats,
        system::SystemClock,
        transit::{self, Transit},
        vault::{
            MasterKey,
            key_file::private_text,
            place::{Hidden, Place, Source},
        },
    },
    app::vault::{MasterKeyRing, opening, signing_keys::SigningKeys, webhooks::WebhookSecrets},
    commands::Commands,
    config::{
        Role, Roles, Security,
        security::{self, MasterSource},
    },
    ports::{
        Clock,
        master_keys::{KeyRingStore, MasterKeys, SealedThings},
    },
};

/// Shortest passphrase that a file may hold, in characters.
const PASSPHRASE_CHARS_MIN: usize = 12;

/// The master key of a process, proven, and what the instance knows of it.
pub(super) struct ProvenKeys {
    pub keys: Arc<MasterKey>,
    store: Arc<dyn KeyRingStore>,
}

impl ProvenKeys {
    /// Lets the keys follow what the instance agrees on, and tells others what is held here, for as long as the process runs.
    pub fn follow(&self, core: &Core) {
        if self.keys.held().is_empty() {
            return;
        }
        let follow = opening::follow(self.keys.clone(), self.store.clone());
        let answer = opening::answer(own_name(), self.keys.clone(), self.store.clone());
        let stop = core.stop.clone();
        core.tasks.spawn(async move { stop.run_until_cancelled(follow).await.is_some() });
        let stop = core.stop.clone();
        core.tasks.spawn(async move { stop.run_until_cancelled(answer).await.is_some() });
    }

    /// What operators do with it.
    pub fn use_cases(self, core: &Core) -> MasterKeyRing {
        MasterKeyRing {
            things: things(&core.nats, core.commands.clone(), &self.keys),
            keys: self.keys,
            store: self.store,
            clock: core.clock.clone(),
            progress: Default::default(),
            work: Default::default(),
        }
    }
}

/// The place that settings name. `data_dir` is where the file lies that none names. Errors: a passphrase cannot be read, or TLS not be set up.
pub fn place(security: &Security, data_dir: &Path) -> anyhow::Result<Place> {
    let path = security.master_key_file.clone().unwrap_or_else(|| data_dir.join("master.key"));
    let source = match &security.source {
        MasterSource::File => Source::File,
        MasterSource::Here(security::Secret(text)) => Source::Variable(Hidden::new(text.clone())),
        MasterSource::Passphrase(security::Secret(text)) => Source::Passphrase(Hidden::new(text.trim().to_owned())),
        MasterSource::PassphraseFile(path) => Source::Passphrase(passphrase(path)?),
        MasterSource::Kms(kms) => source_of_service(kms.clone())?,
    };
    Ok(Place { path, source })
}

/// A passphrase that stands in a file: it ends with its last letter, not with the line.
pub fn passphrase(path: &Path) -> anyhow::Result<Hidden> {
    let text = private_text(path)?.with_context(|| format!("there is no passphrase in {}", path.display()))?;
    let text = text.trim();
    anyhow::ensure!(
        text.chars().count() >= PASSPHRASE_CHARS_MIN,
        "the passphrase in {} is shorter than {PASSPHRASE_CHARS_MIN} characters",
        path.display()
    );
    Ok(Hidden::new(text.to_owned()))
}

/// A key management service.
pub fn source_of_service(kms: security::Kms) -> anyhow::Result<Source> {
    let security::Kms { url, key, mount, namespace, token_file } = kms;
    let settings = transit::Settings { url, mount, key, token_file, namespace };
    let service = Transit::new(settings).context("cannot set up TLS for the key management service")?;
    Ok(Source::Kms(Arc::new(service)))
}

/// Opens the master key and proves it. Errors: it is missing where something was sealed under one, or it is another one; then nothing was
/// written. A process that neither serves nor sends goes on without.
pub(super) async fn open(
    nats: &Nats,
    security: &Security,
    (data_dir, roles): (&Path, &Roles),
    is_alone: bool,
) -> anyhow::Result<ProvenKeys> {
    let is_needed = roles.include(Role::Api) || roles.include(Role::Fanout);
    // Alone, a brain makes its own key; one of several must be told which it is.
    let may_make = is_alone || security.master_key_file.is_some() || security.source != MasterSource::File;
    match proven(nats, place(security, data_dir)?, is_needed && may_make).await {
        Err(cause) if !is_needed => {
            tracing::warn!(cause = format!("{cause:#}"), "this process goes on without the master key");
            Ok(ProvenKeys { keys: Arc::new(MasterKey::absent()), store: nats.key_ring() })
        }
        opened => opened,
    }
}

async fn proven(nats: &Nats, place: Place, may_make: bool) -> anyhow::Result<ProvenKeys> {
    let store = nats.key_ring();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Nothing is said by it before the key is proven.
    let commands = Arc::new(Commands::new(nats.log(), nats.appender(), clock.clone()));
    let opened = MasterKey::open(place.clone()).await.context("the master key cannot be opened")?;
    let (keys, is_made) = match opened {
        Some(keys) => (Arc::new(keys), false),
        None => {
            let absent = Arc::new(MasterKey::absent());
            opening::may_be_without(&place.describe(), &*store, &things(nats, commands.clone(), &absent)).await?;
            if !may_make {
                return Ok(ProvenKeys { keys: absent, store });
            }
            let is_made = place.make().await.context("the master key cannot be made")?;
            // Whoever was faster has made the one that counts.
            let made = MasterKey::open(place.clone()).await?.context("the master key that was made is gone")?;
            (Arc::new(made), is_made)
        }
    };
    if let Err(refusal) = opening::admit(&*keys, &*store, &things(nats, commands, &keys), clock.now()).await {
        if is_made {
            // Another process has made its own at the same time; this one has sealed nothing.
            std::fs::remove_file(&place.path).with_context(|| format!("cannot remove {}", place.path.display()))?;
        }
        return Err(refusal.into());
    }
    Ok(ProvenKeys { keys, store })
}

/// Every sort of things that are sealed under the master key and stay.
fn things(nats: &Nats, commands: Arc<Commands>, keys: &Arc<MasterKey>) -> Vec<Arc<dyn SealedThings>> {
    let webhooks = WebhookSecrets { log: nats.log(), commands, vault: keys.clone() };
    let signing = SigningKeys { store: nats.delegations(), vault: keys.clone(), clock: Arc::new(SystemClock) };
    vec![Arc::new(webhooks), Arc::new(signing), nats.wrapped_keys(keys.clone())]
}

/// The machine and the process, as others are told of them.
fn own_name() -> String {
    let machine = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{}/{}", machine.unwrap_or_else(|| "unnamed".into()), std::process::id())
}
