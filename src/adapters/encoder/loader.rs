//! Models that are loaded when they are needed and go when nobody has needed them for a while: one loading however many ask, nobody's
//! thread held up by it, and an account of the memory that is taken. For every kind of model; knows none of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::Cause;

/// How long a model that could not be loaded is left alone.
const RETRY: Duration = Duration::from_secs(10);
/// How often it is looked whether a model has become idle, at most.
const LOOK: Duration = Duration::from_secs(5);

/// What can be loaded.
pub trait Loaded: Send + Sync + 'static {
    /// As metrics name it.
    const KIND: &'static str;

    /// Bytes of memory that it takes, those of mapped files among them.
    fn bytes(&self) -> usize;
}

/// Finds the model and loads it: may fetch it first, so it may take long. Blocks.
pub type Load<M> = Arc<dyn Fn() -> Result<M, Cause> + Send + Sync>;

enum State<M> {
    Unloaded,
    Loading,
    Loaded(Arc<M>),
    Failed { at: Instant, cause: String },
}

/// A model and the way to it.
pub struct Loader<M> {
    load: Load<M>,
    state: Arc<watch::Sender<State<M>>>,
    used_at: Mutex<Instant>,
}

impl<M: Loaded> Loader<M> {
    pub fn new(load: Load<M>) -> Self {
        Self { load, state: Arc::new(watch::channel(State::Unloaded).0), used_at: Mutex::new(Instant::now()) }
    }

    /// The model, loaded by the first who asks; others wait with them, none for longer than `patience`. Who gives up ends nothing.
    /// Errors: why it cannot be loaded, which is remembered for a while; that it is not there yet.
    pub async fn get(&self, patience: Option<Duration>) -> Result<Arc<M>, Cause> {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut told = self.state.subscribe();
        if let Some(known) = known(&self.state.borrow()) {
            return known;
        }
        if self.state.send_if_modified(|state| {
            let is_first = !matches!(state, State::Loading) && known(state).is_none();
            if is_first {
                *state = State::Loading;
            }
            is_first
        }) {
            self.begin();
        }
        let settled = told.wait_for(|state| !matches!(state, State::Loading));
        let settled = match patience {
            Some(patience) => match tokio::time::timeout(patience, settled).await {
                Ok(settled) => settled,
                Err(_) => return Err("the model is still being loaded".into()),
            },
            None => settled.await,
        };
        let state = settled.expect("the sender lives as long as this");
        known(&state).unwrap_or_else(|| Err("the model has gone again".into()))
    }

    fn begin(&self) {
        let (load, state) = (self.load.clone(), self.state.clone());
        let started = Instant::now();
        // Nobody waits for the thread but by the state, which it always settles.
        drop(spawn_blocking(move || {
            let done = catch_unwind(AssertUnwindSafe(|| load())).unwrap_or_else(|_| Err("loading the model panicked".into()));
            metrics::histogram!("brain_model_load_seconds", "kind" => M::KIND).record(started.elapsed());
            state.send_replace(match done {
                Ok(model) => {
                    metrics::gauge!("brain_model_bytes", "kind" => M::KIND).set(model.bytes() as f64);
                    State::Loaded(Arc::new(model))
                }
                Err(cause) => State::Failed { at: Instant::now(), cause: cause.to_string() },
            });
        }));
    }

    /// Until told to stop: lets the model go when nobody has asked for it for so long and nobody computes with it.
    pub async fn unload_idle(&self, idle: Duration, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(LOOK.min(idle))).await.is_some() {
            self.unload_if(|used_at| used_at.elapsed() >= idle);
        }
    }

    fn unload_if(&self, is_idle: impl Fn(Instant) -> bool) {
        let used_at = *self.used_at.lock().unwrap_or_else(PoisonError::into_inner);
        let has_gone = self.state.send_if_modified(|state| {
            let goes = matches!(state, State::Loaded(model) if Arc::strong_count(model) == 1) && is_idle(used_at);
            if goes {
                *state = State::Unloaded;
            }
            goes
        });
        if has_gone {
            metrics::gauge!("brain_model_bytes", "kind" => M::KIND).set(0.0);
            tracing::debug!(kind = M::KIND, "a model that nobody needed has gone");
        }
    }

    /// Bytes that the model takes now; 0 when it is not loaded.
    pub fn bytes(&self) -> usize {
        if let State::Loaded(model) = &*self.state.borrow() { model.bytes() } else { 0 }
    }
}

/// What is known of the model without loading it.
fn known<M>(state: &State<M>) -> Option<Result<Arc<M>, Cause>> {
    match state {
        State::Loaded(model) => Some(Ok(model.clone())),
        State::Failed { at, cause } if at.elapsed() < RETRY => Some(Err(cause.clone().into())),
        State::Failed { .. } | State::Unloaded | State::Loading => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    struct Small;

    impl Loaded for Small {
        const KIND: &'static str = "test";

        fn bytes(&self) -> usize {
            7
        }
    }

    /// A loader that waits for a word before each loading, and how often it has loaded.
    fn slow() -> (Arc<Loader<Small>>, mpsc::Sender<()>, Arc<AtomicUsize>) {
        let (go, waiting) = mpsc::channel();
        let (waiting, loads) = (Mutex::new(waiting), Arc::new(AtomicUsize::new(0)));
        let count = loads.clone();
        let load = move || {
            let _ = waiting.lock().unwrap().recv();
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Small)
        };
        (Arc::new(Loader::new(Arc::new(load))), go, loads)
    }

    #[tokio::test]
    async fn many_who_ask_wait_for_one_loading_and_who_gives_up_ends_nothing() {
        let (loader, go, loads) = slow();
        let impatient = loader.get(Some(Duration::from_millis(1))).await;
        assert_eq!(impatient.err().map(|cause| cause.to_string()).as_deref(), Some("the model is still being loaded"));
        let (one, other) = futures::join!(loader.get(None), async {
            go.send(()).unwrap();
            loader.get(None).await
        });
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert_eq!((loads.load(Ordering::Relaxed), loader.bytes()), (1, 7));
    }

    #[tokio::test]
    async fn an_idle_model_goes_unless_it_is_used_and_comes_again() {
        let (loader, go, loads) = slow();
        go.send(()).unwrap();
        let held = loader.get(None).await.unwrap();
        loader.unload_if(|_| true);
        assert_eq!(loader.bytes(), 7, "somebody computes with it");
        drop(held);
        loader.unload_if(|_| false);
        assert_eq!(loader.bytes(), 7, "it was used a moment ago");
        loader.unload_if(|_| true);
        assert_eq!(loader.bytes(), 0);
        go.send(()).unwrap();
        assert!(loader.get(None).await.is_ok());
        assert_eq!(loads.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_failure_is_said_at_once_and_for_a_while() {
        let loads = Arc::new(AtomicUsize::new(0));
        let count = loads.clone();
        let load = move || -> Result<Small, Cause> {
            if count.fetch_add(1, Ordering::Relaxed) == 0 { panic!("of the test") } else { Err("it is not there".into()) }
        };
        let loader = Loader::new(Arc::new(load));
        for _ in 0..2 {
            let said = loader.get(None).await.err().map(|cause| cause.to_string());
            assert_eq!(said.as_deref(), Some("loading the model panicked"));
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }
}
