//! Which files an import takes and which it passes over, each with its reason. Called by `brain import`.
//!
//! Hidden files are passed over, links are not followed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use walkdir::WalkDir;

use super::{names::Habits, report::Refusal};

/// How many files of a class are named.
const NAMED_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Markdown,
    Text,
    JsonLines,
    Json,
    Csv,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "txt" => Some(Self::Text),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "json" => Some(Self::Json),
            "csv" | "tsv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// What a memory says of the file that it comes from.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::JsonLines => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// A file that an import reads.
#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
    /// Path below the root, as the file system has it.
    pub raw: String,
    /// The same with every byte that is no text written as `%E9`.
    pub escaped: String,
    /// The same in the normal form in which names are compared: a copy of the folder by another system has the same names.
    pub name: String,
    pub kind: Kind,
    /// Whether it is to be imported, and not only known to links.
    pub is_wanted: bool,
    /// Whether it is the very file that was asked for.
    pub is_asked: bool,
}

/// Files of one class that are passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Class {
    pub count: u64,
    pub first: Vec<String>,
}

impl Class {
    pub fn add(&mut self, file: &str) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(file.to_owned());
        }
    }
}

/// What is passed over, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Skipped {
    /// Names that begin with a point, folders with all that is in them; what programs keep there for themselves.
    pub hidden: Class,
    /// Symbolic links.
    pub links: Class,
    /// Files of a kind that holds no notes.
    pub attachments: Class,
    /// Neither file nor folder.
    pub other: Class,
    /// JSON of other programs, in which are no records.
    pub foreign: Class,
    /// Notes without a word.
    pub empty: Class,
}

impl Skipped {
    /// The classes by name, in the order in which they are told.
    pub fn classes(&self) -> [(&'static str, &Class); 6] {
        [
            ("hidden", &self.hidden),
            ("links", &self.links),
            ("attachments", &self.attachments),
            ("other", &self.other),
            ("without records", &self.foreign),
            ("empty", &self.empty),
        ]
    }

    pub fn count(&self) -> u64 {
        self.classes().iter().map(|(_, class)| class.count).sum()
    }
}

/// The files below a root, in the order of their paths.
#[derive(Debug, Default)]
pub struct Found {
    pub files: Vec<File>,
    /// Files that are no notes, by their paths below the root.
    pub others: Vec<String>,
    pub skipped: Skipped,
    pub unreadable: Vec<Refusal>,
}

/// Finds the files below `root`, of which those at or below `wanted` are to be imported. If `root` holds much else (a single file of an
/// ordinary folder is imported), only `wanted` is looked at.
pub fn find(root: &Path, wanted: &Path, is_whole: bool, habits: Habits) -> Found {
    let mut found = Found::default();
    let mut walk = WalkDir::new(if is_whole { root } else { wanted }).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(cause) => {
                let file = cause.path().map(|path| relative(root, path)).unwrap_or_default();
                found.unreadable.push(Refusal::of_file(&file, "", cause.to_string()));
                continue;
            }
        };
        let (path, kind) = (entry.path(), entry.file_type());
        let raw = relative(root, path);
        let name: String = raw.nfc().collect();
        let is_wanted = path.starts_with(wanted);
        let is_own = (habits.logseq && raw == "logseq") || (kind.is_dir() && entry.file_name() == "node_modules");
        if !wanted.starts_with(path) && path != root && (entry.file_name().as_encoded_bytes().starts_with(b".") || is_own) {
            if is_wanted {
                found.skipped.hidden.add(&name);
            }
            if kind.is_dir() {
                walk.skip_current_dir();
            }
        } else if kind.is_dir() {
        } else if !kind.is_file() {
            let class = if kind.is_symlink() { &mut found.skipped.links } else { &mut found.skipped.other };
            if is_wanted {
                class.add(&name);
            }
            found.others.push(name);
        } else if let Some(kind) = Kind::of(path) {
            found.files.push(File {
                path: path.to_owned(),
                escaped: escaped(root, path),
                raw,
                name,
                kind,
                is_wanted,
                is_asked: path == wanted,
            });
        } else {
            if is_wanted {
                found.skipped.attachments.add(&name);
            }
            found.others.push(name);
        }
    }
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn escaped(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes();
    let chunk = |chunk: std::str::Utf8Chunk| {
        let odd: String = chunk.invalid().iter().map(|byte| format!("%{byte:02X}")).collect();
        format!("{}{odd}", chunk.valid())
    };
    below.utf8_chunks().map(chunk).collect()
}

/// The path below a root, with `/` between its parts.
pub fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_is_taken_or_named_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            ".obsidian/app.json",
            ".hidden.md",
            "a.md",
            "deep/b.TXT",
            "deep/c.ndjson",
            "pics/d.png",
            "logseq/bak/e.md",
            "node_modules/x/f.md",
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(root.join("a.md"), root.join("link.md")).unwrap();
        let names = |found: &Found| found.files.iter().filter(|it| it.is_wanted).map(|it| it.name.clone()).collect::<Vec<_>>();
        let habits = Habits { obsidian: false, logseq: true };
        let found = find(root, root, true, habits);
        assert_eq!(names(&found), ["a.md", "deep/b.TXT", "deep/c.ndjson"]);
        assert_eq!(found.skipped.hidden.first, [".hidden.md", ".obsidian", "logseq", "node_modules"]);
        assert_eq!(
            (&found.skipped.links.first[0], &found.skipped.attachments.first[0]),
            (&"link.md".to_owned(), &"pics/d.png".to_owned())
        );
        assert_eq!(found.skipped.count(), 6);
        let part = find(root, &root.join("deep"), true, habits);
        assert_eq!((names(&part).len(), part.files.len(), part.skipped.count()), (2, 3, 0));
        assert_eq!(find(root, &root.join("a.md"), false, habits).files.len(), 1);
        assert_eq!(names(&find(root, root, true, Habits::default())).len(), 4);
    }
}
