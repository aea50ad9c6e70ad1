//! Past moments: a position of the log or a time, and the position that it means. Used by the reads that take `as_of`.

use crate::{
    domain::ids::{StreamSeq, Timestamp},
    ports::{HistoryReads, QueryError},
};

/// A past moment as a client names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AsOf {
    Position(StreamSeq),
    /// What had happened by then: up to the last position before the first event later than the time.
    Time(Timestamp),
}

/// The text is neither a position nor a time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("as_of is a position of the log (a whole number) or an RFC 3339 time, for instance 2026-01-31T12:00:00Z")]
pub struct Invalid;

impl std::str::FromStr for AsOf {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // A plus that was not escaped in a URL arrives as a space.
        let as_time = || chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map(|time| Self::Time(time.to_utc()));
        match text.parse() {
            Ok(position) if i64::try_from(position).is_ok() => Ok(Self::Position(StreamSeq(position))),
            Ok(_) => Err(Invalid),
            Err(_) => as_time().map_err(|_| Invalid),
        }
    }
}

impl AsOf {
    /// The position that is meant.
    /// Errors: see [`QueryError`].
    pub async fn resolve(self, history: &dyn HistoryReads) -> Result<StreamSeq, QueryError> {
        match self {
            Self::Position(position) => Ok(position),
            Self::Time(time) => history.position_at(time).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_times_are_told_apart() {
        assert_eq!("17".parse(), Ok(AsOf::Position(StreamSeq(17))));
        let noon = "2026-01-31T12:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!("2026-01-31T13:00:00 01:00".parse(), Ok(AsOf::Time(noon)));
        for bad in ["", "-1", "18446744073709551615", "yesterday", "2026-01-31"] {
            assert_eq!(bad.parse::<AsOf>(), Err(Invalid), "{bad}");
        }
    }
}
