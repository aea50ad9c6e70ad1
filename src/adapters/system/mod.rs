//! The clock and the source of ids: the only places that read the time or draw a random number for the core. And the [`ledger`].

mod ledger;

pub use self::ledger::LedgerFile;

use chrono::Utc;
use uuid::Uuid;

use crate::{
    domain::ids::{CommandId, Timestamp},
    ports::{Clock, IdSource},
};

pub struct SystemClock;

impl Clock for SystemClock {
    /// Microseconds, because that is what the read model keeps.
    fn now(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "this is the one clock")]
        let now = Utc::now();
        chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).expect("the present is in range")
    }
}

pub struct SystemIds;

impl IdSource for SystemIds {
    fn command_id(&self) -> CommandId {
        #[allow(clippy::disallowed_methods, reason = "this is the one source of ids")]
        let id = Uuid::now_v7();
        CommandId(id)
    }
}
