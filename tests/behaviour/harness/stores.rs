//! What lies below a brain: its log, its keys and its tables, seen and changed past all that a brain checks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use second_brain::{
    adapters::{
        nats::{Access, Nats},
        system::SystemClock,
        vault::{self, MasterKey},
    },
    domain::ids::{MemoryId, Revision, SpaceId},
    journal::{
        delegation::Kept,
        derived::{self, FactKey},
        subject::Prefix,
    },
    ports::{Clock, EventAppender, EventLog, webhooks::Vault},
};
use sqlx::{AssertSqlSafe, Connection};

use super::{World, done};

impl World {
    /// The newest message of every data key, by its subject; empty where the key was destroyed.
    pub async fn data_keys(&self) -> BTreeMap<String, Vec<u8>> {
        let (_, stream) = self.stream_of("KEYS_1").await;
        let config = async_nats::jetstream::consumer::pull::OrderedConfig {
            filter_subject: format!("{}.key.1.*.*", self.name),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let (mut found, mut pending) = (BTreeMap::new(), consumer.cached_info().num_pending);
        let mut messages = consumer.messages().await.expect("messages");
        while pending > 0 {
            let message = messages.try_next().await.expect("read").expect("more");
            pending = message.info().expect("of a stream").pending;
            found.insert(message.subject.to_string(), message.payload.to_vec());
        }
        found
    }

    /// Forgets what the log knows of master keys, as if an earlier version had written it.
    pub async fn forget_key_ring(&self) {
        let (context, stream) = self.stream_of("VAULT").await;
        let name = stream.cached_info().config.name.clone();
        context.delete_stream(name).await.expect("deleted");
    }

    /// Runs statements in the read models' database, as its owner.
    pub async fn sql(&self, statements: &str) {
        let url = self.servers.as_ref().expect("held").postgres().owner_url(&self.name);
        let mut owner = sqlx::PgConnection::connect(&url).await.expect("connects");
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut owner).await.expect("the statements run");
    }

    /// A connection to the read models' database as the role of those who answer questions.
    pub async fn as_reader(&self) -> sqlx::PgConnection {
        let url = self.servers.as_ref().expect("held").postgres().app_url(&self.name);
        sqlx::PgConnection::connect(&url).await.expect("connects")
    }

    pub(super) async fn nats(&self) -> Nats {
        let access = self.servers.as_ref().expect("held").nats();
        let access =
            Access { url: access.url.clone(), user: access.user.clone(), password: access.password.clone(), replicas: 1 };
        Nats::connect(&access, Prefix::parse(&self.name).expect("a good prefix")).await.expect("connects")
    }

    /// The name and the seed of the key that signs access tokens.
    pub async fn signing_key(&self) -> (String, [u8; 32]) {
        let mut told = self.nats().await.delegations().tell().await.expect("tells");
        let place = vault::place::Place { path: self.folder.path().join("master.key"), source: vault::place::Source::File };
        let vault = MasterKey::open(place).await.expect("the master key").expect("is there");
        loop {
            let next = done("a key is told of", told.next()).await.expect("goes on").expect("told");
            if let Some(Kept::Key(key)) = next.kept {
                let seed = vault.unseal(&format!("signing key {}", key.id), &key.sealed_seed).expect("sealed here");
                return (key.id, seed.try_into().expect("32 bytes"));
            }
        }
    }

    /// Where nats-server tells how it is.
    pub fn monitor_url(&self) -> String {
        self.servers.as_ref().expect("held").nats().monitor_url.clone()
    }

    /// A number that is kept beside the sessions.
    pub async fn mark(&self, name: &str) -> Option<u64> {
        self.nats().await.marks().read(name).await.expect("the stream answers").map(|(_, number)| number)
    }

    /// The log itself, beside the brain.
    pub async fn log(&self) -> Arc<dyn EventLog> {
        self.nats().await.log()
    }

    /// A way into the log, past all that a brain checks.
    pub async fn appender(&self) -> Arc<dyn EventAppender> {
        self.nats().await.appender()
    }

    /// The stream of events, and the way to it.
    async fn stream(&self) -> (async_nats::jetstream::Context, async_nats::jetstream::stream::Stream) {
        self.stream_of("EVENTS").await
    }

    pub(super) async fn stream_of(&self, stem: &str) -> (async_nats::jetstream::Context, async_nats::jetstream::stream::Stream) {
        let access = self.servers.as_ref().expect("held").nats();
        let options = async_nats::ConnectOptions::with_user_and_password(access.user.clone(), access.password.clone());
        let context = async_nats::jetstream::new(options.connect(&access.url).await.expect("connects"));
        let stream = context.get_stream(format!("{}_{stem}", self.name)).await.expect("the stream");
        (context, stream)
    }

    /// Deletes everybody's places in the log, as nats-server does of those that are silent for long.
    pub async fn forget_readers(&self) {
        let (_, stream) = self.stream().await;
        let names: Vec<String> = stream.consumer_names().try_collect().await.expect("the names");
        assert!(!names.is_empty(), "somebody reads");
        for name in names {
            stream.delete_consumer(&name).await.expect("deleted");
        }
    }

    /// Lets the log forget message ids after this long.
    pub async fn forget_duplicates_after(&self, window: Duration) {
        let (context, stream) = self.stream().await;
        let mut config = stream.cached_info().config.clone();
        config.duplicate_window = window;
        context.update_stream(config).await.expect("updated");
    }

    /// Defines the stream of vectors as the first releases had it.
    pub async fn define_vectors_as_before(&self) {
        let (context, stream) = self.stream_of("DERIVED").await;
        let mut config = stream.cached_info().config.clone();
        (config.max_messages_per_subject, config.allow_rollup) = (1, false);
        context.update_stream(config).await.expect("updated");
    }

    /// How many vectors of a memory the stream holds.
    pub async fn vectors_of(&self, id: &str) -> usize {
        let derived = self.nats().await.derived();
        derived.of_aggregate(&SpaceId::default_space(), ("embedding", id)).await.expect("the log answers").len()
    }

    /// How many messages with a data key of this memory there are.
    pub async fn keys_of(&self, id: &str) -> usize {
        let (_, stream) = self.stream_of("KEYS_1").await;
        let (mut keys, state) = (0, stream.cached_info().state.clone());
        for seq in state.first_sequence..=state.last_sequence {
            let Ok(message) = stream.get_raw_message(seq).await else { continue };
            keys += usize::from(message.subject.ends_with(id) && !message.payload.is_empty());
        }
        keys
    }

    /// Destroys the data key of a memory and nothing else.
    pub async fn lose_key_of(&self, id: &str) {
        self.nats().await.data_keys().destroy(&SpaceId::default_space(), id).await.expect("destroyed");
    }

    /// Up to where the log was told that webhooks have had everything.
    pub async fn settled(&self) -> u64 {
        let recorded = self.nats().await.derived().newest(&FactKey::Dispatcher).await.expect("the log answers");
        recorded.map_or(0, |recorded| derived::dispatcher(&recorded.event).expect("its shape").position)
    }

    /// Records a vector of a text that a memory had before, as an embedder does that comes too late; answers its place among vectors.
    pub async fn embed_late(&self, id: &str, text: &str) -> u64 {
        let (nats, space, id) = (self.nats().await, SpaceId::default_space(), MemoryId(id.parse().expect("an id")));
        let key = FactKey::embedding("minilm-l6-v2", &space, id);
        let newest = nats.derived().newest(&key).await.expect("the log answers").expect("it has a vector");
        let mut data = derived::embedding(&newest.event).expect("its shape");
        data.content_hash = derived::content_hash(text);
        // Two vectors for one position would be the same wish.
        data.memory_position -= 1;
        let event = derived::embedding_event(&space, id, &data, Revision(1), SystemClock.now());
        nats.fact_appender().append(&key, &event, Some(newest.seq)).await.expect("recorded").0
    }
}
