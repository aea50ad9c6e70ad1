//! Whether there is room for what is to be written. Implemented by who runs the servers; asked by the write path and by readiness.

/// Why nothing may be appended now. It ends by itself once there is room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    #[error(
        "the disk of {folder} is nearly full: {free_bytes} bytes are free and writes need {limit_bytes}; reads go on, and writes will \
         once there is room"
    )]
    Full { free_bytes: u64, limit_bytes: u64, folder: String },
    /// There is room again, but the log's server does not see it by itself.
    #[error("the log could not write to the disk of {folder} and is being restarted; reads go on, and writes will in a moment")]
    Restarting { folder: String },
}

/// The disk that the log and the read models are on.
pub trait Storage: Send + Sync {
    /// Errors: nothing may be appended now.
    fn room(&self) -> Result<(), NoRoom>;
}

/// A disk that somebody else looks after.
pub struct Unwatched;

impl Storage for Unwatched {
    fn room(&self) -> Result<(), NoRoom> {
        Ok(())
    }
}
