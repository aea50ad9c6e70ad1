//! JetStream as the event log and as the store of derived facts. Built by wiring. The only place that knows NATS error codes.

mod appends;
mod data_keys;
mod delegations;
mod derived;
mod eraser;
mod key_ring;
mod log;
mod marks;
mod outcome;
mod reader;
mod sessions;
mod stream;
mod wrapped_keys;

use std::{sync::Arc, time::Duration};

use async_nats::jetstream;
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::watch;

pub use self::appends::Appends;
use self::{
    data_keys::NatsDataKeys, delegations::NatsDelegations, derived::NatsDerived, eraser::NatsEraser, key_ring::NatsKeyRing,
    log::NatsLog, marks::NatsMarks, sessions::NatsSessions, stream::NatsStream, wrapped_keys::NatsWrappedKeys,
};
use crate::{
    domain::ids::StreamSeq,
    journal::subject::Prefix,
    ports::{
        DerivedLog, EventAppender, EventLog, FactAppender,
        data_keys::DataKeyStore,
        delegations::DelegationStore,
        erasure::LogEraser,
        marks::Marks,
        master_keys::{KeyRingStore, SealedThings},
        sessions::SessionStore,
        webhooks::Vault,
    },
};

/// The streams' definitions; name, subjects and replicas are added at start.
///
/// Decision 2026-11-26: events are not compressed either. The server keeps blocks of 8 MB; the newest event of a memory that nobody has
/// touched lately, which each change of one asks for, made it unpack a whole one: 15.8 ms in the median and 43 ms at p95 among 300,000,
/// against 1.3 and 12.5 ms, with two thirds of the memory. The log takes 0.7 KB an event on disk instead of 0.33.
const EVENTS_DEFINITION: &str = include_str!("../../../nats/events.json");
/// Decision 2026-11-26: not compressed. A vector's half floats hardly can be (1.3 GB of a million took 1.3 GB), and each look at an old
/// one made the server unpack the block that it lies in: with the garbage of it a tenth of two processors under 50 clients.
const DERIVED_DEFINITION: &str = include_str!("../../../nats/derived.json");
const KEYS_DEFINITION: &str = include_str!("../../../nats/keys.json");
const SESSIONS_DEFINITION: &str = include_str!("../../../nats/sessions.json");
const VAULT_DEFINITION: &str = include_str!("../../../nats/vault.json");
/// How long an append waits for its acknowledgement before the log is asked.
const ACK_WAIT_S: u64 = 5;
/// Most appends in flight from one process; more wait.
const ACKS_IN_FLIGHT_MAX: usize = 4_096;

/// The log cannot be reached or set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot connect to NATS at {url}")]
    Connect {
        url: String,
        #[source]
        cause: async_nats::ConnectError,
    },
    #[error("the definition of the stream {stream} in nats/ is not one")]
    Definition {
        stream: String,
        #[source]
        cause: serde_json::Error,
    },
    #[error("cannot create or update the stream {stream}")]
    Stream {
        stream: String,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How to reach NATS.
pub struct Access {
    pub url: String,
    pub user: String,
    pub password: String,
    pub replicas: usize,
}

/// One connection with all streams on it.
#[derive(Clone)]
pub struct Nats {
    client: async_nats::Client,
    events: NatsStream,
    derived: NatsStream,
    sessions: NatsStream,
    keys: NatsStream,
    vault: NatsStream,
    prefix: Prefix,
    replicas: usize,
    appends: Appends,
}

impl Nats {
    /// Connects and applies the streams' definitions.
    pub async fn connect(access: &Access, prefix: Prefix) -> Result<Self, Error> {
        let connections = Arc::new(watch::channel(0u64).0);
        let counted = connections.clone();
        let client = async_nats::ConnectOptions::with_user_and_password(access.user.clone(), access.password.clone())
            .name("brain")
            .event_callback(move |event| {
                if matches!(event, async_nats::Event::Connected) {
                    counted.send_modify(|count| *count += 1);
                }
                std::future::ready(())
            })
            .connect(&access.url)
            .await
            .map_err(|cause| Error::Connect { url: access.url.clone(), cause })?;
        let context = jetstream::ContextBuilder::new()
            .ack_timeout(Duration::from_secs(ACK_WAIT_S))
            .max_ack_inflight(ACKS_IN_FLIGHT_MAX)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let events = (prefix.stream("EVENTS"), prefix.all_events(), EVENTS_DEFINITION);
        let derived = (prefix.stream("DERIVED"), prefix.all_derived(), DERIVED_DEFINITION);
        let sessions = (prefix.stream("SESSIONS"), prefix.all_sessions(), SESSIONS_DEFINITION);
        let keys = (prefix.stream("KEYS_1"), prefix.all_data_keys(), KEYS_DEFINITION);
        let vault = (prefix.stream("VAULT"), prefix.all_of_vault(), VAULT_DEFINITION);
        let watched = stream::Watched { connections, appends: Appends::default() };
        let events = NatsStream::open((&client, &context, &watched), events, access.replicas).await?;
        let derived = NatsStream::open((&client, &context, &watched), derived, access.replicas).await?;
        let sessions = NatsStream::open((&client, &context, &watched), sessions, access.replicas).await?;
        let keys = NatsStream::open((&client, &context, &watched), keys, access.replicas).await?;
        let vault = NatsStream::open((&client, &context, &watched), vault, access.replicas).await?;
        let (replicas, appends) = (access.replicas, watched.appends);
        Ok(Self { client, events, derived, sessions, keys, vault, prefix, replicas, appends })
    }

    pub fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(NatsLog { stream: self.events.clone(), prefix: self.prefix.clone() })
    }

    /// The way into the log, for `commands` alone.
    pub fn appender(&self) -> Arc<dyn EventAppender> {
        Arc::new(NatsLog { stream: self.events.clone(), prefix: self.prefix.clone() })
    }

    /// What overwrites messages, for the eraser alone.
    pub fn eraser(&self) -> Arc<dyn LogEraser> {
        let (events, derived, prefix) = (self.events.clone(), self.derived.clone(), self.prefix.clone());
        Arc::new(NatsEraser { events, derived, prefix, replicas: self.replicas })
    }

    /// A name of this very log, which another one of the same name does not have.
    pub async fn epoch(&self) -> Result<String, Error> {
        self.events.epoch().await
    }

    /// What came of the newest append.
    pub fn appends(&self) -> Appends {
        self.appends.clone()
    }

    pub fn derived(&self) -> Arc<dyn DerivedLog> {
        Arc::new(NatsDerived { stream: self.derived.clone(), prefix: self.prefix.clone() })
    }

    /// The way into the stream of derived facts, for those who find them.
    pub fn fact_appender(&self) -> Arc<dyn FactAppender> {
        Arc::new(NatsDerived { stream: self.derived.clone(), prefix: self.prefix.clone() })
    }

    /// Where small numbers are kept that are no events.
    pub fn marks(&self) -> Arc<dyn Marks> {
        Arc::new(NatsMarks { stream: self.sessions.clone(), prefix: self.prefix.clone() })
    }

    /// Where sessions of browsers are kept.
    pub fn sessions(&self) -> Arc<dyn SessionStore> {
        Arc::new(NatsSessions { stream: self.sessions.clone(), prefix: self.prefix.clone() })
    }

    /// Where the data keys of sensitive memories are kept.
    pub fn data_keys(&self) -> Arc<dyn DataKeyStore> {
        Arc::new(NatsDataKeys { stream: self.keys.clone(), prefix: self.prefix.clone() })
    }

    /// Where delegations to API clients are kept.
    pub fn delegations(&self) -> Arc<dyn DelegationStore> {
        Arc::new(NatsDelegations(NatsSessions { stream: self.sessions.clone(), prefix: self.prefix.clone() }))
    }

    /// The same keys as what the master key wraps.
    pub fn wrapped_keys(&self, vault: Arc<dyn Vault>) -> Arc<dyn SealedThings> {
        Arc::new(NatsWrappedKeys { stream: self.keys.clone(), prefix: self.prefix.clone(), vault })
    }

    /// Where processes agree on the versions of the master key.
    pub fn key_ring(&self) -> Arc<dyn KeyRingStore> {
        Arc::new(NatsKeyRing { client: self.client.clone(), stream: self.vault.clone(), prefix: self.prefix.clone() })
    }

    /// What other processes tell of their commits: projection and position.
    pub async fn commits(&self) -> Result<BoxStream<'static, (String, StreamSeq)>, async_nats::SubscribeError> {
        let told = self.client.subscribe(self.prefix.applied("*")).await?;
        let read = |message: async_nats::Message| {
            let projection = message.subject.rsplit('.').next()?.to_owned();
            let seq = std::str::from_utf8(&message.payload).ok()?.parse().ok()?;
            Some((projection, StreamSeq(seq)))
        };
        Ok(told.filter_map(move |message| std::future::ready(read(message))).boxed())
    }

    /// Tells other processes that a projection has applied everything up to `seq`. Best effort: waiters poll as well.
    pub async fn announce(&self, projection: &str, seq: StreamSeq) {
        let told = self.client.publish(self.prefix.applied(projection), seq.to_string().into()).await;
        if let Err(cause) = told {
            tracing::debug!(projection, %seq, %cause, "commit not announced");
        }
    }
}
