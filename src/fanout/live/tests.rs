//! Clients that come, are cut off, come again and outlast restarts get every event of their channel once and in order.

use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    session::{AuthError, Authority, Session, Subscriber},
    *,
};
use crate::{
    domain::{
        access::Credential,
        ids::{KeyId, Timestamp},
    },
    fanout::feed::tests::Log,
    ports::EventReader,
};

/// Lets everybody in.
struct Open;

impl Authority for Open {
    fn admit(&self, _: &str) -> Result<Subscriber, AuthError> {
        let (space, key) = (SpaceId::default_space(), KeyId(Uuid::nil()));
        Ok(Subscriber { space, user: "ann".into(), by: Credential::Key(key), expires_at: None })
    }

    fn still_admits(&self, _: &Subscriber) -> bool {
        true
    }

    fn ttl_s(&self, _: Timestamp) -> Option<u64> {
        None
    }
}

/// A node of this process: its tail runs until it is dropped.
struct Node {
    hub: Arc<Hub>,
    _following: JoinSet<()>,
}

impl Node {
    fn start(log: &Arc<Log>, ring: usize) -> Self {
        let tail = Tail::with_ring(log.clone(), ring);
        let mut following = JoinSet::new();
        following.spawn(tail.clone().follow(CancellationToken::new()));
        Self { hub: Hub::new(tail, log.clone(), "one".into()), _following: following }
    }
}

/// A client of the protocol, with what it remembers between its connections.
struct Client {
    channel: &'static str,
    connection: Option<(Session, Follower)>,
    first: Option<u64>,
    offset: u64,
    seen: Vec<u64>,
}

impl Client {
    fn new(channel: &'static str) -> Self {
        Self { channel, connection: None, first: None, offset: 0, seen: vec![] }
    }

    async fn connect(&mut self, hub: &Arc<Hub>) {
        let mut session = Session::new(hub.clone(), Arc::new(Open), "a client".into());
        let follower = hub.follow(None).await;
        let mut ask = async |command: serde_json::Value| loop {
            let answer = session.answer(&command.to_string(), follower.position()).await.expect("stays connected");
            let answer: serde_json::Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
            // A client asks again where the log could not be read.
            if answer["error"]["code"] != 100 {
                return answer;
            }
        };
        ask(serde_json::json!({"id": 1, "connect": {}})).await;
        let recover = self.first.is_some();
        let wish = serde_json::json!({"channel": self.channel, "recover": recover, "epoch": "one", "offset": self.offset});
        let subscribed = ask(serde_json::json!({"id": 2, "subscribe": wish})).await["subscribe"].clone();
        assert_eq!(subscribed["recovered"].as_bool(), recover.then_some(true), "{subscribed}");
        let offset = |value: &serde_json::Value| value["offset"].as_u64().expect("an offset");
        self.offset = offset(&subscribed);
        self.first.get_or_insert(self.offset);
        for publication in subscribed["publications"].as_array().into_iter().flatten() {
            self.take(offset(publication));
        }
        self.connection = Some((session, follower));
    }

    fn take(&mut self, offset: u64) {
        self.seen.push(offset);
        self.offset = offset;
    }

    /// Takes what comes, up to `end` and no more than `times` frames.
    async fn read(&mut self, end: u64, times: usize) {
        for _ in 0..times {
            let Some((session, follower)) = self.connection.as_mut().filter(|(_, follower)| follower.position().0 < end) else {
                return;
            };
            let events = match follower.next().await {
                Ok(events) => events.expect("the log is the same all the time"),
                Err(_) => continue,
            };
            let frames: Vec<String> = events.iter().flat_map(|event| session.frames(event)).collect();
            for frame in frames {
                let frame: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
                self.take(frame["push"]["pub"]["offset"].as_u64().expect("an offset"));
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Grow(u64),
    Come(usize),
    Cut(usize),
    Read(usize, usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u64..40).prop_map(Step::Grow),
        4 => (0usize..3).prop_map(Step::Come),
        2 => (0usize..3).prop_map(Step::Cut),
        4 => (0usize..3, 1usize..8).prop_map(|(who, times)| Step::Read(who, times)),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..50)
}

async fn play(steps: Vec<Step>, ring: usize, cut_every: usize) {
    let log = Log::new(cut_every);
    let mut node = Node::start(&log, ring);
    let mut clients = ["space", "type:memory.updated", "tag:never"].map(Client::new);
    for step in steps {
        let end = log.last_seq().await.expect("readable").0;
        match step {
            Step::Grow(by) => log.grow(by),
            Step::Come(who) if clients[who].connection.is_none() => clients[who].connect(&node.hub).await,
            Step::Come(_) => {}
            Step::Cut(who) => clients[who].connection = None,
            Step::Read(who, times) => clients[who].read(end, times).await,
            Step::Restart => {
                clients.iter_mut().for_each(|client| client.connection = None);
                node = Node::start(&log, ring);
            }
        }
        tokio::task::yield_now().await;
    }
    let end = log.last_seq().await.expect("readable").0;
    for client in clients.iter_mut().filter(|client| client.first.is_some()) {
        if client.connection.is_none() {
            client.connect(&node.hub).await;
        }
        client.read(end, usize::MAX).await;
        let carried = |seq: &u64| match client.channel {
            "space" => true,
            "type:memory.updated" => seq.is_multiple_of(3),
            _ => false,
        };
        let expected: Vec<u64> = (client.first.expect("was there") + 1..=end).filter(carried).collect();
        assert_eq!(client.seen, expected, "{}", client.channel);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_gap_and_no_repeat_over_drops_and_restarts(steps in steps(), ring in 1usize..20, cut_every in 1usize..15) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("builds");
        runtime.block_on(play(steps, ring, cut_every));
    }
}
