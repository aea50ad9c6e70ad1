//! Followers that join anywhere, dawdle, and outlast cuts get every event once and in order.

use futures::{StreamExt, stream};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        ids::{CommandId, EventId, PrincipalId, Revision, SpaceId},
        memory::Before,
    },
    journal::Envelope,
    ports::EventLog,
};

/// A log in memory whose readers are cut every few events.
pub struct Log {
    events: Mutex<u64>,
    grown: watch::Sender<u64>,
    cut_every: usize,
}

pub fn recorded(seq: u64) -> Recorded {
    let event = Envelope {
        id: EventId(Uuid::nil()),
        kind: if seq.is_multiple_of(3) { "memory.updated" } else { "memory.created" }.into(),
        version: 1,
        space: SpaceId::default_space(),
        aggregate: "memory".into(),
        aggregate_id: Uuid::nil().to_string(),
        revision: Revision(1),
        actor: PrincipalId(Uuid::nil()),
        via: None,
        command_id: CommandId(Uuid::nil()),
        command_hash: 0,
        correlation_id: Uuid::nil(),
        causation_id: None,
        at: "2026-01-01T00:00:00Z".parse().expect("valid"),
        changed: vec![],
        before: Before::default(),
        data: serde_json::json!({}),
    };
    Recorded { seq: StreamSeq(seq), event }
}

impl Log {
    pub fn new(cut_every: usize) -> Arc<Self> {
        Arc::new(Self { events: Mutex::new(0), grown: watch::channel(0).0, cut_every })
    }

    pub fn grow(&self, by: u64) {
        let mut events = self.events.lock().unwrap();
        *events += by;
        self.grown.send_replace(*events);
    }
}

#[async_trait]
impl EventReader for Log {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        Ok(StreamSeq(*self.events.lock().unwrap()))
    }

    async fn read(&self, after: StreamSeq, _: Option<&SpaceId>) -> Result<Events, ReadError> {
        let (grown, cut_every) = (self.grown.subscribe(), self.cut_every);
        let next = move |(at, given, mut grown): (u64, usize, watch::Receiver<u64>)| async move {
            if given >= cut_every {
                return (given == cut_every).then(|| (Err(ReadError::Unavailable("cut".into())), (at, given + 1, grown)));
            }
            grown.wait_for(|end| *end > at).await.ok()?;
            Some((Ok(recorded(at + 1)), (at + 1, given + 1, grown)))
        };
        Ok(stream::unfold((after.0, 0, grown), next).boxed())
    }
}

#[async_trait]
impl EventLog for Log {
    async fn last(&self, _: &SpaceId, _: &str, _: &str) -> Result<Option<Recorded>, ReadError> {
        unimplemented!("followers read streams")
    }

    async fn next(&self, _: &SpaceId, _: &str, _: &str, _: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        unimplemented!("followers read streams")
    }

    async fn last_of(&self, _: &SpaceId) -> Result<StreamSeq, ReadError> {
        self.last_seq().await
    }
}

#[derive(Clone, Debug)]
enum Step {
    Grow(u64),
    Join(u64),
    /// The follower of this number reads so many times.
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1u64..40).prop_map(Step::Grow),
        (0u64..60).prop_map(Step::Join),
        (0usize..4, 1usize..12).prop_map(|(who, times)| Step::Read(who, times)),
    ];
    prop::collection::vec(step, 1..40)
}

/// Reads until the follower has everything up to `end`; answers the sequences in the order in which they came.
async fn drain(follower: &mut Subscription, end: u64, times: usize) -> Vec<u64> {
    let mut seen = vec![];
    for _ in 0..times {
        if follower.position().0 >= end {
            break;
        }
        match follower.next().await {
            Ok(Next::Events(events)) => seen.extend(events.iter().map(|event| event.seq.0)),
            Ok(Next::Reset(_)) => panic!("the log is the same all the time"),
            Err(ReadError::Unavailable(_)) => {}
            Err(poison) => panic!("{poison}"),
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_gap_and_no_repeat(steps in steps(), ring in 1usize..20, cut_every in 1usize..15) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let log = Log::new(cut_every);
            let tail = Tail::with_ring(log.clone(), ring);
            let stop = CancellationToken::new();
            let following = tail.clone().follow(stop.clone());
            let scenario = async {
                let mut followers: Vec<(u64, Subscription, Vec<u64>)> = vec![];
                for step in steps {
                    let end = log.last_seq().await.unwrap().0;
                    match step {
                        Step::Grow(by) => log.grow(by),
                        Step::Join(at) => followers.push((at.min(end), tail.subscribe(StreamSeq(at.min(end))), vec![])),
                        Step::Read(who, times) => if let Some((_, follower, seen)) = followers.get_mut(who) {
                            seen.extend(drain(follower, end, times).await);
                        },
                    }
                    tokio::task::yield_now().await;
                }
                let end = log.last_seq().await.unwrap().0;
                for (from, mut follower, mut seen) in followers {
                    seen.extend(drain(&mut follower, end, usize::MAX).await);
                    assert_eq!(seen, (from + 1..=end).collect::<Vec<_>>());
                }
                stop.cancel();
            };
            tokio::join!(following, scenario);
        });
    }
}

#[tokio::test]
async fn a_log_that_went_back_is_said() {
    let log = Log::new(3);
    let tail = Tail::with_ring(log.clone(), 10);
    log.grow(5);
    tail.begin_at(StreamSeq(5));
    let mut follower = tail.subscribe(StreamSeq(5));
    tail.push(StreamSeq(6), Some(Arc::new(recorded(6))));
    assert!(matches!(follower.next().await, Ok(Next::Events(events)) if events.len() == 1));
    tail.begin_at(StreamSeq(2));
    assert!(matches!(follower.next().await, Ok(Next::Reset(StreamSeq(2)))));
    assert_eq!(tail.recent(StreamSeq(2), 5).map(|recent| recent.upto), Some(StreamSeq(2)));
}

#[tokio::test]
async fn what_is_erased_is_in_memory_no_more() {
    let tail = Tail::with_ring(Log::new(100), 100);
    tail.begin_at(StreamSeq(0));
    let of = |seq: u64, number: u128, kind: &str| {
        let mut recorded = recorded(seq);
        (recorded.event.aggregate_id, recorded.event.kind) = (Uuid::from_u128(number).to_string(), kind.to_owned());
        Some(Arc::new(recorded))
    };
    for (seq, number, kind) in
        [(1, 1, "memory.created"), (2, 2, "memory.created"), (3, 1, "memory.updated"), (4, 1, "memory.erased")]
    {
        tail.push(StreamSeq(seq), of(seq, number, kind));
    }
    let recent = tail.recent(StreamSeq(0), 10).expect("in memory");
    assert_eq!(recent.events.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(recent.upto, StreamSeq(4));
}
