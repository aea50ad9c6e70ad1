//! The report of an import for people and for programs. Called by `brain import` at its end.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Report;
use crate::cli::screen::one_line;

/// How many lines of one kind a person is shown; a program gets all.
const LINES_MAX: usize = 20;

impl Report {
    /// The one JSON document; `complete` is false if the server was lost on the way.
    pub fn json(&self, complete: bool) -> Value {
        let mut document = json!({
            "complete": complete, "dry_run": self.is_dry, "name": self.name, "files": self.files,
            "skipped_files": self.skipped.count(), "skipped": self.skipped,
            "created": self.created, "changed": self.changed, "unchanged": self.unchanged, "moved": self.moved, "stored": self.stored,
            "superseded": self.superseded, "refused": self.refused_items(), "refusals": self.refused, "warnings": self.warnings,
            "gone": self.gone, "pruned": self.pruned, "prune_refused": self.prune_refused, "broken_links": self.broken,
        });
        let links = serde_json::to_value(&self.links).expect("numbers are plain JSON");
        if let (Some(document), Value::Object(links)) = (document.as_object_mut(), links) {
            document.extend(links);
        }
        document
    }

    /// For people: lines of sums, then what is to be known, by file and line.
    pub fn text(&self) -> String {
        let mut text = if self.is_dry { "dry run, nothing is written\n".to_owned() } else { String::new() };
        let _ = write!(
            text,
            "{} files read, {} skipped: {} created, {} changed, {} unchanged, {} refused",
            self.files,
            self.skipped.count(),
            self.created,
            self.changed,
            self.unchanged,
            self.refused_items()
        );
        let more = [(self.moved, "moved"), (self.superseded, "replaced by a later record of the same id")];
        for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, ", {count} {what}");
        }
        if self.stored > 0 {
            let _ = write!(text, ", {} stored (the server did not tell which of them are new)", self.stored);
        }
        self.tell_skipped(&mut text);
        self.tell_links(&mut text);
        self.tell_refused(&mut text);
        self.tell_warnings(&mut text);
        self.tell_gone(&mut text);
        text
    }

    fn tell_skipped(&self, text: &mut String) {
        let classes = self.skipped.classes().into_iter().filter(|(_, class)| class.count > 0);
        let told = classes.map(|(name, class)| {
            let more = if class.count > class.first.len() as u64 { ", …" } else { "" };
            format!("{} {name} ({}{more})", class.count, class.first.join(", "))
        });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            let _ = write!(text, "\nskipped: {}", told.join("; "));
        }
    }

    fn tell_links(&self, text: &mut String) {
        let it = &self.links;
        let asides = [
            (it.links_empty, "to empty notes"),
            (it.links_own, "within their note"),
            (it.links_files, "to files that are no notes"),
        ];
        if it.linked + it.links_unchanged + it.unlinked + it.links_open + asides.iter().map(|(count, _)| count).sum::<u64>() == 0
        {
            return;
        }
        let _ = write!(
            text,
            "\nlinks: {} made, {} unchanged, {} removed, {} lead nowhere",
            it.linked, it.links_unchanged, it.unlinked, it.links_open
        );
        for (count, what) in asides.into_iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, ", {count} {what}");
        }
        lines(text, &self.broken, |broken| {
            let reason = if broken.reason.is_empty() { String::new() } else { format!(" ({})", broken.reason) };
            format!("{}, line {} → {}{reason}", broken.file, broken.line, broken.target)
        });
    }

    fn tell_refused(&self, text: &mut String) {
        for refusal in &self.refused {
            let _ = write!(text, "\n  {}", at(&refusal.file, refusal.line));
            for part in [&refusal.place, &refusal.field].into_iter().filter(|part| !part.is_empty()) {
                let _ = write!(text, " | {}", one_line(part));
            }
            let _ = write!(text, ": {}", one_line(&refusal.reason));
        }
    }

    fn tell_warnings(&self, text: &mut String) {
        if self.warnings.is_empty() {
            return;
        }
        let _ = write!(text, "\nwarnings: {}, what they name was stored nevertheless", self.warnings.len());
        lines(text, &self.warnings, |it| format!("{} | {}: {}", at(&it.file, it.line), it.field, it.reason));
    }

    fn tell_gone(&self, text: &mut String) {
        if self.gone.is_empty() {
            return;
        }
        let fate = match (&self.prune_refused, self.pruned) {
            (Some(reason), _) => reason,
            (None, true) if self.is_dry => "would be deleted",
            (None, true) => "deleted",
            (None, false) => "kept; --prune deletes them",
        };
        let _ = write!(text, "\n{} gone from the files ({fate})", self.gone.len());
        lines(text, &self.gone, |gone| format!("{} | {} | {}", gone.file, gone.id, gone.excerpt));
    }
}

fn at(file: &str, line: Option<u64>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}, line {line}"))
}

/// The first of many, each on a line, and how many more there are.
fn lines<T>(text: &mut String, all: &[T], line: impl Fn(&T) -> String) {
    for one in all.iter().take(LINES_MAX) {
        let _ = write!(text, "\n  {}", one_line(&line(one)));
    }
    if all.len() > LINES_MAX {
        let _ = write!(text, "\n  and {} more, all with --json", all.len() - LINES_MAX);
    }
}
