//! Sessions in memory against a store that can be told what to tell.

use std::sync::{Mutex, atomic::AtomicI64, atomic::Ordering};

use async_trait::async_trait;
use chrono::DateTime;
use futures::stream;

use super::*;
use crate::ports::sessions::{Tellings, Told};

/// What the stream holds: position, secret, session.
#[derive(Default)]
struct Shelf(Mutex<Vec<(u64, String, Option<Session>)>>);

#[async_trait]
impl SessionStore for Shelf {
    async fn put(
        &self,
        secret: &str,
        session: &Session,
        expected: Option<StreamSeq>,
        _: Duration,
    ) -> Result<Option<StreamSeq>, SessionsAway> {
        let mut shelf = self.0.lock().unwrap();
        let newest = shelf.iter().rfind(|one| one.1 == secret).map_or(0, |one| one.0);
        if expected.is_some_and(|expected| expected.0 != newest) {
            return Ok(None);
        }
        let seq = shelf.len() as u64 + 1;
        shelf.push((seq, secret.into(), Some(session.clone())));
        Ok(Some(StreamSeq(seq)))
    }

    async fn end(&self, secret: &str, _: Duration) -> Result<StreamSeq, SessionsAway> {
        let mut shelf = self.0.lock().unwrap();
        let seq = shelf.len() as u64 + 1;
        shelf.push((seq, secret.into(), None));
        Ok(StreamSeq(seq))
    }

    async fn first_use(&self, _: &str, _: Duration) -> Result<bool, SessionsAway> {
        Ok(true)
    }

    async fn is_empty(&self) -> Result<bool, SessionsAway> {
        Ok(self.0.lock().unwrap().is_empty())
    }

    async fn tell(&self) -> Result<Tellings, SessionsAway> {
        let shelf = self.0.lock().unwrap().clone();
        let last = shelf.len();
        let told = shelf.into_iter().enumerate().map(move |(index, (seq, secret_sha256, session))| {
            Ok(Told { seq: StreamSeq(seq), secret_sha256, session, more: index + 1 < last })
        });
        Ok(stream::iter(told).boxed())
    }
}

#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap()
    }
}

struct Counting(AtomicI64);

impl Vault for Counting {
    fn seal(&self, _: &str, _: &[u8]) -> Result<String, VaultError> {
        Err(VaultError::NoKey)
    }

    fn unseal(&self, _: &str, _: &str) -> Result<Vec<u8>, VaultError> {
        Err(VaultError::NoKey)
    }

    fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError> {
        Ok(Sha256::digest(purpose).into())
    }

    fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
        ([0; 32], [0; 32])
    }

    fn random(&self, bytes: usize) -> Vec<u8> {
        vec![self.0.fetch_add(1, Ordering::Relaxed) as u8; bytes]
    }
}

fn sessions(store: &Arc<Shelf>, clock: &Arc<Hand>) -> Sessions {
    let limits = Limits { idle_s: 1_000, max_s: 5_000 };
    Sessions::new(store.clone(), Arc::new(Counting(AtomicI64::new(1))), clock.clone(), limits)
}

fn ann() -> Newcomer {
    Newcomer { principal: PrincipalId(Uuid::nil()), origin: Origin::Link, agent: "Fox\n".into(), address: String::new() }
}

#[tokio::test]
async fn a_session_is_found_by_its_secret_until_it_ends() {
    let (store, clock) = (Arc::new(Shelf::default()), Arc::new(Hand::default()));
    let here = sessions(&store, &clock);
    let ((secret, session), (other, _)) = (here.open(ann()).await.unwrap(), here.open(ann()).await.unwrap());
    let shown = here.find(secret.as_bytes()).unwrap();
    assert_eq!((shown.session.agent.as_str(), shown.session.id), ("Fox", session.id));
    assert!(here.find(b"other").is_none() && secret != other && here.of(session.principal).len() == 2);
    assert!(!format!("{:?}", store.0.lock().unwrap()).contains(&secret), "only its hash is kept");
    let tokens = [here.forgery_token(&shown.secret_sha256).unwrap(), here.forgery_token(&sha256_hex(other.as_bytes())).unwrap()];
    assert!(tokens[0] != tokens[1] && tokens[0] == here.forgery_token(&shown.secret_sha256).unwrap());
    let mut changes = here.changes();
    assert_eq!(here.end(|it| it.id == session.id).await.unwrap(), 1);
    assert!(changes.has_changed().unwrap() && here.find(secret.as_bytes()).is_none() && here.find(other.as_bytes()).is_some());
    changes.borrow_and_update();
    // Whoever is late does not bring it back.
    here.see(&shown).await;
    assert!(here.find(secret.as_bytes()).is_none());
}

#[tokio::test]
async fn requests_keep_a_session_and_silence_ends_it() {
    let (store, clock) = (Arc::new(Shelf::default()), Arc::new(Hand::default()));
    let here = sessions(&store, &clock);
    let (secret, _) = here.open(ann()).await.unwrap();
    for now in (900..=4_500).step_by(900) {
        clock.0.store(now, Ordering::Relaxed);
        here.see(&here.find(secret.as_bytes()).unwrap()).await;
    }
    clock.0.store(4_999, Ordering::Relaxed);
    assert!(here.find(secret.as_bytes()).is_some());
    clock.0.store(5_000, Ordering::Relaxed);
    assert!(here.find(secret.as_bytes()).is_none() && here.of(PrincipalId(Uuid::nil())).is_empty());
    here.open(ann()).await.unwrap();
    assert_eq!(here.read(|known| (known.sessions.len(), known.by_id.len())), (1, 1), "what is over goes");
}

#[tokio::test]
async fn another_process_hears_of_all_and_of_what_ended_unheard() {
    let (store, clock) = (Arc::new(Shelf::default()), Arc::new(Hand::default()));
    let (here, there) = (sessions(&store, &clock), sessions(&store, &clock));
    let ((one, _), (two, second)) = (here.open(ann()).await.unwrap(), here.open(ann()).await.unwrap());
    assert!(there.follow_once().await.is_err());
    there.ready().await;
    assert!(there.find(one.as_bytes()).is_some() && there.find(two.as_bytes()).is_some());
    here.end(|it| it.id == second.id).await.unwrap();
    // The telling of the end has gone by itself before anybody heard it.
    store.0.lock().unwrap().retain(|told| told.1 == sha256_hex(one.as_bytes()));
    let changes = there.changes();
    assert!(there.follow_once().await.is_err());
    assert!(there.find(one.as_bytes()).is_some() && there.find(two.as_bytes()).is_none());
    assert!(changes.has_changed().unwrap());
    let empty = sessions(&Arc::default(), &clock);
    assert!(empty.follow_once().await.is_err());
    empty.ready().await;
}
