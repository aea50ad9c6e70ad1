//! What an import did: counts, and everything that a person has to know or do, by file and line.
//!
//! Called by `brain import` as answers come in. Prints nothing itself; how it is told stands in [`tell`].

mod tell;

use std::process::ExitCode;

use serde::Serialize;

use super::{gone::Gone, walk::Skipped};
use crate::{api::v1::dto::Written, cli::client::REFUSED};

/// One reason why one item was not stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// Path below the import root.
    pub file: String,
    /// Order within the file, from 0.
    pub position: u64,
    /// Line of the file, from 1, where it is known.
    pub line: Option<u64>,
    /// The headings above the section, or the number of the record; empty for the whole file.
    pub place: String,
    /// Empty where no single field is at fault.
    pub field: String,
    pub reason: String,
}

impl Refusal {
    pub fn of_file(file: &str, field: &str, reason: String) -> Self {
        Self { file: file.to_owned(), position: 0, line: None, place: String::new(), field: field.to_owned(), reason }
    }
}

/// What was cut, or kept as a text, of something that was stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    pub file: String,
    pub line: Option<u64>,
    pub field: String,
    pub reason: String,
}

/// A link that leads to no memory though it should.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    pub file: String,
    pub line: u64,
    pub target: String,
    pub reason: &'static str,
}

/// Links by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Links {
    /// Relationships made, those that stood already, those whose link has vanished and that were deleted.
    pub linked: u64,
    pub links_unchanged: u64,
    pub unlinked: u64,
    /// To notes that are not there, or were refused.
    pub links_open: u64,
    /// To notes without a word.
    pub links_empty: u64,
    /// To a place in the same note.
    pub links_own: u64,
    /// To files that are no notes.
    pub links_files: u64,
}

/// The sums of an import.
#[derive(Debug, Default)]
pub struct Report {
    pub name: String,
    pub is_dry: bool,
    pub files: u64,
    pub skipped: Skipped,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Unchanged but for the folder that they come from.
    pub moved: u64,
    /// Accepted, but the server did not tell where its log ended, so new and old cannot be told apart.
    pub stored: u64,
    /// Records that a later one of the same id replaces.
    pub superseded: u64,
    pub refused: Vec<Refusal>,
    pub warnings: Vec<Warning>,
    pub links: Links,
    pub broken: Vec<Broken>,
    /// What an earlier import wrote and this one did not find again.
    pub gone: Vec<Gone>,
    /// Whether what is gone was deleted.
    pub pruned: bool,
    /// Why it was not, though that was asked for.
    pub prune_refused: Option<String>,
}

impl Report {
    /// Counts an answer: a position beyond `log_end` was appended since the import began.
    pub fn accept(&mut self, written: &Written, log_end: Option<u64>) {
        let count = match log_end {
            None => &mut self.stored,
            Some(end) if written.position <= end => &mut self.unchanged,
            Some(_) if written.memory.revision == 1 => &mut self.created,
            Some(_) => &mut self.changed,
        };
        *count += 1;
    }

    /// Counts a relationship: at a position beyond `log_end` it was made or changed now.
    pub fn link(&mut self, position: u64, log_end: Option<u64>) {
        match log_end {
            Some(end) if position <= end => self.links.links_unchanged += 1,
            _ => self.links.linked += 1,
        }
    }

    /// Answers come in any order; the report does not.
    pub fn sort(&mut self) {
        self.refused.sort();
        self.warnings.sort();
        self.broken.sort();
    }

    /// How many items are refused; one item may have several reasons.
    fn refused_items(&self) -> usize {
        let same = |a: &&Refusal, b: &&Refusal| a.file == b.file && a.position == b.position && a.place == b.place;
        let neighbours = self.refused.iter().zip(self.refused.iter().skip(1));
        self.refused.len() - neighbours.filter(|(a, b)| same(a, b)).count()
    }

    pub fn exit_code(&self) -> ExitCode {
        let is_done = self.refused.is_empty() && self.prune_refused.is_none();
        if is_done { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) }
    }
}
