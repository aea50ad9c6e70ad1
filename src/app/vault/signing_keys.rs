//! The keys that sign access tokens as things that are sealed under the master key: without their seeds no token could be given out until
//! the next key is made.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;

use crate::{
    app::delegations::place_of_key,
    domain::{delegation::SigningKey, ids::StreamSeq},
    journal::delegation::Kept,
    ports::{
        Clock,
        delegations::DelegationStore,
        master_keys::{Progress, Sealed, SealedAway, SealedThings, version_of},
        webhooks::Vault,
    },
};

/// How long nothing may come of a store that has more.
const NEXT_WAIT: Duration = Duration::from_secs(10);

/// What signs, and keeps its seed sealed.
pub struct SigningKeys {
    pub store: Arc<dyn DelegationStore>,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
}

fn away(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SealedAway {
    SealedAway(cause.into())
}

impl SigningKeys {
    async fn all(&self) -> Result<Vec<(StreamSeq, SigningKey)>, SealedAway> {
        let mut found = vec![];
        if self.store.is_empty().await.map_err(away)? {
            return Ok(found);
        }
        let mut tellings = self.store.tell().await.map_err(away)?;
        loop {
            let told = match tokio::time::timeout(NEXT_WAIT, tellings.next()).await {
                Ok(Some(told)) => told.map_err(away)?,
                Ok(None) => return Err(away("the keys that sign are not told")),
                // What came last is of a kind that only a newer brain knows.
                Err(_) => return Ok(found),
            };
            if let Some(Kept::Key(key)) = told.kept {
                found.retain(|(_, known): &(StreamSeq, SigningKey)| known.id != key.id);
                found.push((told.seq, key));
            }
            if !told.more {
                return Ok(found);
            }
        }
    }

    fn seed(&self, key: &SigningKey) -> Option<Vec<u8>> {
        self.vault.unseal(&place_of_key(&key.id), &key.sealed_seed).ok()
    }
}

#[async_trait]
impl SealedThings for SigningKeys {
    fn name(&self) -> &'static str {
        "signing keys"
    }

    async fn count(&self) -> Result<Sealed, SealedAway> {
        let mut counted = Sealed::default();
        for (_, key) in self.all().await? {
            counted.note(version_of(&key.sealed_seed));
        }
        Ok(counted)
    }

    async fn opens(&self) -> Result<Option<bool>, SealedAway> {
        let all = self.all().await?;
        Ok((!all.is_empty()).then(|| all.iter().any(|(_, key)| self.seed(key).is_some())))
    }

    async fn reseal(&self, active: u32, progress: &Progress) -> Result<u64, SealedAway> {
        let all = self.all().await?;
        let old = all.into_iter().filter(|(_, key)| version_of(&key.sealed_seed).is_some_and(|version| version != active));
        let old: Vec<_> = old.collect();
        progress.begin(old.len() as u64);
        let mut resealed = 0;
        for (at, key) in old {
            let Some(seed) = self.seed(&key) else {
                tracing::error!(key = key.id, "a key that signs access tokens does not open and is kept as it is");
                continue;
            };
            let sealed_seed = self.vault.seal(&place_of_key(&key.id), &seed).map_err(away)?;
            let (id, ends_at) = (key.id.clone(), key.ends_at());
            let kept = Kept::Key(SigningKey { sealed_seed, ..key });
            let keep = (ends_at - self.clock.now()).to_std().unwrap_or_default();
            resealed += u64::from(self.store.put(&id, &kept, at, keep).await.map_err(away)?.is_some());
            progress.advance(1);
        }
        Ok(resealed)
    }
}
