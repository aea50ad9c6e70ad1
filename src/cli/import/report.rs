//! What an import did: counts, and every refused item with its reason.
//!
//! Called by `brain import` as answers come in. Prints nothing itself.

use std::{fmt::Write, process::ExitCode};

use serde::Serialize;
use serde_json::{Value, json};

use super::gone::Gone;
use crate::{api::dto::Written, cli::client::REFUSED};

/// How many vanished memories are named to a person.
const GONE_LINES_MAX: usize = 20;

/// One reason why one item was not stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// Path below the import root.
    pub file: String,
    /// Order within the file: the section, or the line from 0.
    pub position: u64,
    /// The headings above the section, or the line; empty for the whole file.
    pub place: String,
    /// Empty where no single field is at fault.
    pub field: String,
    pub reason: String,
}

/// The sums of an import.
#[derive(Debug, Default)]
pub struct Report {
    pub files: u64,
    pub skipped: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Accepted, but the server did not tell where its log ended, so new and old cannot be told apart.
    pub stored: u64,
    pub refused: Vec<Refusal>,
    /// Links between notes: relationships made, those that stood already, those whose link has vanished and that were deleted.
    pub linked: u64,
    pub links_unchanged: u64,
    pub unlinked: u64,
    /// Links to notes that are not there.
    pub links_open: u64,
    /// What an earlier import wrote and this one did not find again.
    pub gone: Vec<Gone>,
    /// Whether what is gone was deleted.
    pub pruned: bool,
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
            Some(end) if position <= end => self.links_unchanged += 1,
            _ => self.linked += 1,
        }
    }

    /// Answers come in any order; the report does not.
    pub fn sort(&mut self) {
        self.refused.sort();
    }

    /// How many items are refused; one item may have several reasons.
    fn refused_items(&self) -> usize {
        let same = |a: &&Refusal, b: &&Refusal| a.file == b.file && a.position == b.position && a.place == b.place;
        let neighbours = self.refused.iter().zip(self.refused.iter().skip(1));
        self.refused.len() - neighbours.filter(|(a, b)| same(a, b)).count()
    }

    /// The one JSON document; `complete` is false if the server was lost on the way.
    pub fn json(&self, complete: bool) -> Value {
        json!({
            "complete": complete, "files": self.files, "skipped_files": self.skipped,
            "created": self.created, "changed": self.changed, "unchanged": self.unchanged, "stored": self.stored,
            "refused": self.refused_items(), "refusals": self.refused, "gone": self.gone, "pruned": self.pruned,
            "linked": self.linked, "links_unchanged": self.links_unchanged, "unlinked": self.unlinked, "links_open": self.links_open,
        })
    }

    /// For people: a line of sums, then the refused items.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} files read, {} skipped: {} created, {} changed, {} unchanged, {} refused",
            self.files,
            self.skipped,
            self.created,
            self.changed,
            self.unchanged,
            self.refused_items()
        );
        if self.stored > 0 {
            let _ = write!(text, ", {} stored (the server did not tell which of them are new)", self.stored);
        }
        if self.linked + self.links_unchanged + self.unlinked + self.links_open > 0 {
            let Self { linked, links_unchanged, unlinked, links_open, .. } = self;
            let _ = write!(
                text,
                "\nlinks: {linked} made, {links_unchanged} unchanged, {unlinked} removed, {links_open} lead nowhere"
            );
        }
        for refusal in &self.refused {
            let _ = write!(text, "\n  {}", refusal.file);
            for part in [&refusal.place, &refusal.field].into_iter().filter(|part| !part.is_empty()) {
                let _ = write!(text, " | {part}");
            }
            let _ = write!(text, ": {}", refusal.reason);
        }
        self.tell_gone(&mut text);
        text
    }

    fn tell_gone(&self, text: &mut String) {
        if self.gone.is_empty() {
            return;
        }
        let fate = if self.pruned { "deleted" } else { "kept; --prune deletes them" };
        let _ = write!(text, "\n{} gone from the files ({fate})", self.gone.len());
        for gone in self.gone.iter().take(GONE_LINES_MAX) {
            let _ = write!(text, "\n  {} | {} | {}", gone.file, gone.id, gone.excerpt);
        }
        if self.gone.len() > GONE_LINES_MAX {
            let _ = write!(text, "\n  and {} more", self.gone.len() - GONE_LINES_MAX);
        }
    }

    pub fn exit_code(&self) -> ExitCode {
        if self.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) }
    }
}
