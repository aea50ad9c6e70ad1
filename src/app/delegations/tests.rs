//! Delegations and keys in memory against a store that can be told what to tell, by a clock that is moved by hand.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use futures::stream;

use super::*;
use crate::{
    app::{
        login::Base,
        oauth::{TOKEN_S, Tokens},
    },
    domain::{
        access::{Scope, ScopeSet},
        session::{Limits, Session},
    },
    ports::{
        delegations::Tellings,
        sessions::{self, SessionStore},
        webhooks::VaultError,
    },
    projectors::directory::Directory,
};

const DAY_S: i64 = 86_400;

/// What the stream holds: kind, name, and what is kept; the position is the place.
#[derive(Default)]
struct Store(Mutex<Vec<(Kind, String, Option<Kept>)>>);

impl Store {
    fn append(&self, kind: Kind, name: &str, kept: Option<Kept>, expected: Option<StreamSeq>) -> Option<StreamSeq> {
        let mut all = self.0.lock().unwrap();
        let newest = all.iter().rposition(|one| (one.0, one.1.as_str()) == (kind, name)).map_or(0, |at| at as u64 + 1);
        if expected.is_some_and(|expected| expected.0 != newest) {
            return None;
        }
        all.push((kind, name.into(), kept));
        Some(StreamSeq(all.len() as u64))
    }
}

#[async_trait]
impl DelegationStore for Store {
    async fn put(&self, name: &str, kept: &Kept, expected: StreamSeq, _: Duration) -> Result<Option<StreamSeq>, SessionsAway> {
        Ok(self.append(kept.kind(), name, Some(kept.clone()), Some(expected)))
    }

    async fn end(&self, kind: Kind, name: &str, _: Duration) -> Result<StreamSeq, SessionsAway> {
        Ok(self.append(kind, name, None, None).expect("nothing was expected"))
    }

    async fn is_empty(&self) -> Result<bool, SessionsAway> {
        Ok(self.0.lock().unwrap().is_empty())
    }

    async fn tell(&self) -> Result<Tellings, SessionsAway> {
        let all = self.0.lock().unwrap().clone();
        let last = all.len();
        let told = all.into_iter().enumerate().map(move |(index, (kind, name, kept))| {
            Ok(Told { seq: StreamSeq(index as u64 + 1), kind, name, kept, more: index + 1 < last })
        });
        Ok(stream::iter(told).boxed())
    }
}

/// Nobody has a session.
struct Nobody;

#[async_trait]
impl SessionStore for Nobody {
    async fn put(&self, _: &str, _: &Session, _: Option<StreamSeq>, _: Duration) -> Result<Option<StreamSeq>, SessionsAway> {
        Ok(None)
    }

    async fn end(&self, _: &str, _: Duration) -> Result<StreamSeq, SessionsAway> {
        Ok(StreamSeq(0))
    }

    async fn first_use(&self, _: &str, _: Duration) -> Result<bool, SessionsAway> {
        Ok(true)
    }

    async fn is_empty(&self) -> Result<bool, SessionsAway> {
        Ok(true)
    }

    async fn tell(&self) -> Result<sessions::Tellings, SessionsAway> {
        Ok(stream::pending().boxed())
    }
}

#[derive(Default)]
struct Hand(AtomicI64);

impl Hand {
    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap()
    }
}

/// Makes another key each time, and seals by turning around.
#[derive(Default)]
struct Turning(AtomicU8);

impl Vault for Turning {
    fn seal(&self, place: &str, text: &[u8]) -> Result<String, VaultError> {
        Ok(format!("{place} {}", URL_SAFE_NO_PAD.encode(text)))
    }

    fn unseal(&self, place: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let text = sealed.strip_prefix(place).ok_or(VaultError::Unsealable)?;
        URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| VaultError::Unsealable)
    }

    fn derive(&self, _: &str) -> Result<[u8; 32], VaultError> {
        Ok([1; 32])
    }

    fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
        let seed = [self.0.fetch_add(1, Ordering::Relaxed); 32];
        (seed, ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes())
    }

    fn random(&self, bytes: usize) -> Vec<u8> {
        vec![self.0.fetch_add(1, Ordering::Relaxed); bytes]
    }
}

fn process(store: &Arc<Store>, clock: &Arc<Hand>) -> Arc<Delegations> {
    let vault = Arc::new(Turning::default());
    let sessions = Sessions::new(Arc::new(Nobody), vault.clone(), clock.clone(), Limits::default());
    Arc::new(Delegations::new(store.clone(), Arc::new(sessions), vault, clock.clone()))
}

fn delegation(clock: &Hand) -> Delegation {
    Delegation {
        id: Uuid::from_u128(7),
        principal: PrincipalId(Uuid::nil()),
        client: "c".into(),
        client_name: "C".into(),
        scopes: vec![Scope::MemoryRead],
        space: None,
        created_at: clock.now(),
        refreshed_at: clock.now(),
        agent: String::new(),
        address: String::new(),
        refresh_sha256: "a".into(),
        replaced_sha256: None,
    }
}

#[tokio::test]
async fn a_month_later_another_key_signs_and_the_old_one_verifies_what_it_has_signed() {
    let (store, clock) = (Arc::new(Store::default()), Arc::new(Hand::default()));
    let here = process(&store, &clock);
    let (first, _) = here.signing_key().await.unwrap();
    clock.set(30 * DAY_S - 1);
    assert_eq!(here.signing_key().await.unwrap().0.id, first.id);
    assert_eq!(here.keys().len(), 1);
    clock.set(30 * DAY_S);
    let (second, _) = here.signing_key().await.unwrap();
    assert!(second.id != first.id && here.keys().len() == 2 && here.key(&first.id).is_some());
    clock.set(30 * DAY_S + 3_600);
    assert!(here.key(&first.id).is_none() && here.keys().len() == 1);
    assert!(!format!("{:?}", here.keys()).contains("[0, 0, 0"), "the seed is sealed");
}

#[tokio::test]
async fn a_token_is_over_by_its_clock_and_with_its_delegation() {
    let (store, clock) = (Arc::new(Store::default()), Arc::new(Hand::default()));
    let here = process(&store, &clock);
    let base = Base::of("https://brain.example");
    let vault = Arc::new(Turning::default());
    let tokens =
        Tokens { delegations: here.clone(), directory: Arc::new(Directory::default()), clock: clock.clone(), vault, base };
    let it = delegation(&clock);
    assert!(here.put(it.clone(), StreamSeq(0)).await.unwrap() && !here.put(it.clone(), StreamSeq(0)).await.unwrap());
    let token = tokens.issue(&it, ScopeSet::of(&it.scopes)).await.unwrap();
    for (now, holds) in [(0, true), (TOKEN_S + 59, true), (TOKEN_S + 60, false), (-60, true), (-61, false), (0, true)] {
        clock.set(now);
        assert_eq!(tokens.open(&token).is_ok(), holds, "{now}");
    }
    let mut changes = here.sessions.changes();
    assert_eq!(here.end(|other| other.id == it.id).await.unwrap(), 1);
    assert!(tokens.open(&token).is_err() && changes.has_changed().unwrap());
    changes.borrow_and_update();
    // The stream tells late of what it was before, which brings nothing back.
    assert!(here.follow_once().await.is_err());
    assert!(tokens.open(&token).is_err() && !here.put(it, StreamSeq(1)).await.unwrap());
}

#[tokio::test]
async fn another_process_hears_of_all_and_of_what_ended_unheard() {
    let (store, clock) = (Arc::new(Store::default()), Arc::new(Hand::default()));
    let (here, there) = (process(&store, &clock), process(&store, &clock));
    let it = delegation(&clock);
    here.put(it.clone(), StreamSeq(0)).await.unwrap();
    let key = here.signing_key().await.unwrap().0;
    assert!(there.follow_once().await.is_err());
    there.ready().await;
    assert_eq!((there.of(it.principal).len(), there.signing_key().await.unwrap().0.id.clone()), (1, key.id.clone()));
    store.0.lock().unwrap().remove(0);
    let changes = there.sessions.changes();
    assert!(there.follow_once().await.is_err());
    assert!(there.get(it.id).is_none() && there.key(&key.id).is_some() && changes.has_changed().unwrap());
    clock.set(30 * DAY_S);
    assert!(here.get(it.id).is_none(), "silence has ended it");
}
