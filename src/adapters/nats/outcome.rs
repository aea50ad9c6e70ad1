//! What an answer of JetStream, or its absence, means for the caller. Used by the log adapter only.

use async_nats::jetstream::{
    self,
    context::{PublishError, PublishErrorKind},
    stream::LastRawMessageError,
};

use crate::{
    journal::Recorded,
    ports::log::{AppendError, ReadError},
};

/// Another write on this subject is in flight (replicated streams).
const SUBJECT_WRITE_IN_FLIGHT: u64 = 10_164;
/// The same message id is in flight.
const MESSAGE_ID_IN_FLIGHT: u64 = 10_158;
/// A message id of this batch is already stored.
const BATCH_DUPLICATE: u64 = 10_201;

/// Sorts a failed publish. Conflicts, rival writes in flight and duplicates all mean "ask the log for the command id";
/// no answer means the same with less known; everything else that the server says is a refusal.
pub fn of_publish(failed: PublishError) -> AppendError {
    match failed.kind() {
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => AppendError::Conflict,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::StreamNotFound => {
            AppendError::Unknown(Box::new(failed))
        }
        PublishErrorKind::MaxAckPending => AppendError::Unknown(Box::new(failed)),
        PublishErrorKind::MaxPayloadExceeded => AppendError::Refused(Box::new(failed)),
        PublishErrorKind::Other => match server_code(&failed) {
            Some(SUBJECT_WRITE_IN_FLIGHT | MESSAGE_ID_IN_FLIGHT | BATCH_DUPLICATE) => AppendError::Conflict,
            Some(_) => AppendError::Refused(Box::new(failed)),
            None => AppendError::Unknown(Box::new(failed)),
        },
    }
}

fn server_code(failed: &PublishError) -> Option<u64> {
    let source = std::error::Error::source(failed)?;
    source.downcast_ref::<jetstream::Error>().map(|error| error.error_code().0)
}

/// A read that found nothing is an answer; any other failure is not.
pub fn absent_or_unavailable(failed: LastRawMessageError) -> Result<Option<Recorded>, ReadError> {
    if super::stream::found_nothing(&failed.kind()) { Ok(None) } else { Err(ReadError::Unavailable(Box::new(failed))) }
}
