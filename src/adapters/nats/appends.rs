//! What came of the newest append, for readiness. Noted by the streams of one connection, asked by wiring.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::ports::log::AppendError;

/// How long a failure counts: then somebody has to try again for it to be known.
const FAILURE_COUNTS: Duration = Duration::from_secs(10);

/// The newest outcome of an append, of whichever stream.
#[derive(Clone, Default)]
pub struct Appends(Arc<Mutex<Option<Failure>>>);

struct Failure {
    at: Instant,
    reason: String,
}

impl Appends {
    /// A conflict and a duplicate say nothing: they are answered before anything is written.
    pub(super) fn note<T>(&self, outcome: &Result<T, AppendError>) {
        let failure = match outcome {
            Ok(_) => None,
            Err(AppendError::Conflict | AppendError::Duplicate) => return,
            Err(failed @ (AppendError::Unknown(cause) | AppendError::Refused(cause))) => {
                Some(Failure { at: Instant::now(), reason: format!("{failed}: {cause}") })
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Why the newest append failed, while it is not long ago.
    pub fn failing(&self) -> Option<String> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().filter(|failure| failure.at.elapsed() < FAILURE_COUNTS).map(|failure| failure.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_append_counts_and_a_conflict_says_nothing() {
        let appends = Appends::default();
        assert_eq!(appends.failing(), None);
        appends.note::<()>(&Err(AppendError::Unknown("no answer".into())));
        assert_eq!(appends.failing().as_deref(), Some("the log did not confirm the append: no answer"));
        appends.note::<()>(&Err(AppendError::Conflict));
        assert!(appends.failing().is_some());
        appends.note(&Ok(1));
        assert_eq!(appends.failing(), None);
        appends.note::<()>(&Err(AppendError::Duplicate));
        assert_eq!(appends.failing(), None);
        appends.0.lock().unwrap().replace(Failure { at: Instant::now() - FAILURE_COUNTS, reason: String::new() });
        assert_eq!(appends.failing(), None);
    }
}
