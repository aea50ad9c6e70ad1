//! Writes down what became of attempts, those of all endpoints together: one transaction for whatever is waiting. Used by the lanes.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{
    ports::webhooks::{DeliveryError, DeliveryStore, Outcome},
    retry::Backoff,
};

/// Outcomes written in one transaction at most.
const TOGETHER_MAX: usize = 512;
const PAUSE_MS_MAX: u64 = 2_000;

type Waiting = (Outcome, oneshot::Sender<()>);

/// Where lanes hand in their outcomes.
#[derive(Clone)]
pub struct Recorder(mpsc::Sender<Waiting>);

impl Recorder {
    /// The recorder, and the work that it does until the last lane is gone or somebody else has taken over.
    pub fn new(store: Arc<dyn DeliveryStore>) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(TOGETHER_MAX);
        (Self(sender), work(store, receiver))
    }

    /// Waits until the outcome is written down; `false` when nobody writes any more, and the attempt counts as not made.
    pub async fn record(&self, outcome: Outcome) -> bool {
        let (done, written) = oneshot::channel();
        self.0.send((outcome, done)).await.is_ok() && written.await.is_ok()
    }
}

async fn work(store: Arc<dyn DeliveryStore>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut taken: Vec<Waiting> = Vec::with_capacity(TOGETHER_MAX);
    let mut pause = Backoff::new(PAUSE_MS_MAX);
    while waiting.recv_many(&mut taken, TOGETHER_MAX).await > 0 {
        let (outcomes, done): (Vec<_>, Vec<_>) = taken.drain(..).unzip();
        loop {
            match store.record(&outcomes).await {
                Ok(()) => break,
                Err(DeliveryError::Unavailable(cause)) => {
                    tracing::warn!(%cause, outcomes = outcomes.len(), "outcomes of deliveries wait to be written down");
                    tokio::time::sleep(pause.next_pause()).await;
                }
                Err(_) => return,
            }
        }
        pause.reset();
        // A lane that has ended does not wait for the answer.
        for done in done {
            let _ = done.send(());
        }
    }
}
