//! What is known of the index's soundness: unknown at first, sound or damaged once its files were held against their checksums, in doubt
//! again after a failure. Used by the index only; it never repairs anything.

use std::{
    any::Any,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tantivy::{Index, TantivyError, directory::error::OpenReadError};
use tokio::sync::watch;

/// A failure sooner after an examination than this brings about no other one: what was sound then has failed for another reason, and
/// reading everything again for each of many failures would be a burden of its own.
const EXAMINED_FOR: Duration = Duration::from_secs(60);
/// The system's words for too many open files: no sign of damage.
const TOO_MANY_OPEN: [i32; 2] = [nix::libc::EMFILE, nix::libc::ENFILE];

/// How often a file may be missing until it is.
const TRIES_MAX: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Suspect,
    Sound,
    Damaged,
}

pub struct Soundness {
    state: watch::Sender<State>,
    examined_at: Mutex<Option<Instant>>,
}

impl Soundness {
    /// Of an index that was just opened.
    pub fn unknown() -> Self {
        Self { state: watch::channel(State::Suspect).0, examined_at: Mutex::new(None) }
    }

    pub fn is_suspect(&self) -> bool {
        *self.state.borrow() == State::Suspect
    }

    pub async fn suspected(&self) {
        // The sender lives as long as this does, so the wait cannot fail.
        let _ = self.state.subscribe().wait_for(|state| *state == State::Suspect).await;
    }

    /// Errors: the index is damaged, and no answer of it can be believed.
    pub fn ensure_not_damaged(&self) -> tantivy::Result<()> {
        if *self.state.borrow() != State::Damaged {
            return Ok(());
        }
        Err(TantivyError::InternalError("the keyword index is damaged and is being filled again".into()))
    }

    /// Something failed that does not fail in a sound index.
    pub fn doubt(&self) {
        let examined_at = *self.examined_at.lock().unwrap_or_else(PoisonError::into_inner);
        if examined_at.is_some_and(|at| at.elapsed() < EXAMINED_FOR) {
            return;
        }
        self.state.send_if_modified(|state| {
            let was_sound = *state == State::Sound;
            if was_sound {
                *state = State::Suspect;
            }
            was_sound
        });
    }

    /// Everything was replaced.
    pub fn is_new(&self) {
        self.state.send_replace(State::Sound);
    }

    /// Reads all files of the index; the names of those that are damaged.
    pub fn examine(&self, index: &Index) -> tantivy::Result<Vec<String>> {
        let found = match without_those_just_merged(index) {
            Ok(names) => names.into_iter().map(|name| name.display().to_string()).collect(),
            Err(TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })) => match io_error.raw_os_error() {
                Some(number) if TOO_MANY_OPEN.contains(&number) => {
                    return Err(TantivyError::IoError(io_error));
                }
                _ => vec![format!("{}: {io_error}", filepath.display())],
            },
            Err(cause) => vec![cause.to_string()],
        };
        *self.examined_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.state.send_replace(if found.is_empty() { State::Sound } else { State::Damaged });
        Ok(found)
    }
}

/// The names of damaged files. A merge may take away a file between the look at the list and the look into it; one that stays away is
/// missing.
fn without_those_just_merged(index: &Index) -> tantivy::Result<HashSet<PathBuf>> {
    let mut tries = TRIES_MAX;
    loop {
        tries -= 1;
        match caught(|| index.validate_checksum()) {
            Err(TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))) if tries > 0 => {}
            done => return done,
        }
    }
}

/// Runs what may meet a damaged file: the library answers some damage by a panic.
pub fn caught<T>(work: impl FnOnce() -> tantivy::Result<T>) -> tantivy::Result<T> {
    // What `work` leaves half done is either dropped by the caller or thrown away with the index.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(TantivyError::InternalError(words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the index library gave up: {}", text.unwrap_or_default())
}
