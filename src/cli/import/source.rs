//! Which files an import takes, and the memories in each: Markdown, plain text, JSON lines, JSON, tables.
//!
//! Called by `brain import`. Never judges a memory's content: that is the server's to refuse.

use std::{collections::HashSet, io, path::Path, path::PathBuf};

use uuid::Uuid;
use walkdir::WalkDir;

use super::{markdown, report::Refusal};
use crate::{
    api::dto::{MemoryInput, SourceDto, graph::RelationshipInput},
    cli::records::{self, Record, csv, note},
};

/// Where import ids come from. Decision: never to change, or every second import would duplicate every note.
const IDS: Uuid = Uuid::from_u128(0x3b1f_6a52_9d0e_4c77_a1c4_5e8e_20d7_94b6);
/// Import writes to the default space; the name is part of each id.
const SPACE: &str = "default";
/// Between the parts of an id's name; no path or heading holds it.
const UNIT_SEPARATOR: &str = "\u{1f}";

/// One memory to be put, and where to find it in the user's files.
#[derive(Debug, PartialEq)]
pub struct Item {
    pub id: Uuid,
    pub input: MemoryInput,
    /// Whether it is a part of a note, whose links mean something; a record's relationships are records themselves.
    pub is_note: bool,
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    pub file: String,
    position: u64,
    place: String,
}

impl Item {
    pub fn refusal(&self, field: &str, reason: &str) -> Refusal {
        let (file, place) = (self.file.clone(), self.place.clone());
        Refusal { file, position: self.position, place, field: field.to_owned(), reason: reason.to_owned() }
    }
}

/// The folder imported from; its name is part of each id, so the folder may move but not be renamed.
pub struct Root {
    path: PathBuf,
    name: String,
    /// Whether it is an Obsidian vault, in which `#word` in a text is a tag.
    vault: bool,
}

/// Which memories of the server an import answers for: those that it, or an earlier one like it, wrote.
pub struct Scope {
    /// What the origin of all of them begins with.
    mark: String,
    /// The one file of an import of a single file.
    only: Option<String>,
    /// Files that could not be read: nobody knows what they hold now.
    unknown: HashSet<String>,
}

impl Scope {
    /// The path below the root of a memory that the import answers for.
    pub fn file_of<'a>(&self, uri: &'a str) -> Option<&'a str> {
        let file = uri.strip_prefix(&self.mark)?;
        let is_ours = self.only.as_ref().is_none_or(|only| only == file) && !self.unknown.contains(file);
        is_ours.then_some(file)
    }
}

/// The files of an import, in the order of their paths.
pub struct Found {
    pub root: Root,
    pub files: Vec<PathBuf>,
    pub skipped: u64,
    pub unreadable: Vec<Refusal>,
}

impl Found {
    /// The files' paths below the root.
    pub fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| relative(&self.root, file)).collect()
    }

    /// What this import answers for; `unread` are the files that turned out to be unreadable.
    pub fn scope(&self, path: &Path, unread: impl IntoIterator<Item = String>) -> Scope {
        let only = self.files.first().filter(|_| path.is_file()).map(|file| relative(&self.root, file));
        let unknown = self.unreadable.iter().map(|refusal| refusal.file.clone()).chain(unread).collect();
        Scope { mark: mark(&self.root, ""), only, unknown }
    }
}

/// Finds the files below `path`, or `path` itself; hidden ones are passed over, links are not followed.
/// A single file has its folder as root, so that it keeps the ids it has when the folder is imported.
pub fn find(path: &Path) -> io::Result<Found> {
    let path = path.canonicalize()?;
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let vault = folder.join(".obsidian").is_dir();
    let root = Root { path: folder.to_owned(), name, vault };
    let mut found = Found { root, files: Vec::new(), skipped: 0, unreadable: Vec::new() };
    let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    for entry in WalkDir::new(&path).into_iter().filter_entry(visible) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if entry.file_type().is_file() && kind(entry.path()).is_some() => found.files.push(entry.into_path()),
            Ok(_) => found.skipped += 1,
            Err(cause) => {
                let file = cause.path().map(|path| relative(&found.root, path)).unwrap_or_default();
                found.unreadable.push(whole_file(&file, "", cause.to_string()));
            }
        }
    }
    found.files.sort();
    Ok(found)
}

#[derive(Clone, Copy)]
enum Kind {
    Markdown,
    Text,
    JsonLines,
    Json,
    Csv,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Some(Kind::Markdown),
        "txt" => Some(Kind::Text),
        "jsonl" => Some(Kind::JsonLines),
        "json" => Some(Kind::Json),
        "csv" => Some(Kind::Csv),
        _ => None,
    }
}

fn relative(root: &Root, path: &Path) -> String {
    let below = path.strip_prefix(&root.path).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn whole_file(file: &str, field: &str, reason: String) -> Refusal {
    Refusal { file: file.to_owned(), position: 0, place: String::new(), field: field.to_owned(), reason }
}

/// The headings and ids of the memories in a note; none when it cannot be read.
pub fn sections(root: &Root, file: &str) -> Vec<(Vec<String>, Uuid)> {
    let items = items(root, &root.path.join(file)).into_iter().flatten();
    items.map(|item| (item.headings, item.id)).collect()
}

/// The memories in a file, in order; a file that cannot be read is one refusal.
pub fn items(root: &Root, path: &Path) -> Vec<Result<Item, Refusal>> {
    let file = relative(root, path);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) => return vec![Err(whole_file(&file, "", cause.to_string()))],
    };
    match kind(path) {
        Some(Kind::Markdown) => markdown_items(root, &file, &text),
        Some(Kind::Text) => sections_of(root, &file, "text", markdown::plain(&unified(&text))),
        Some(Kind::Csv) => records_of(root, &file, "csv", csv::read(text.as_bytes()).into_iter().map(Some)),
        Some(kind @ (Kind::JsonLines | Kind::Json)) => {
            let name = if matches!(kind, Kind::Json) { "json" } else { "jsonl" };
            let memory = |record| match record {
                Ok(Record::Memory(memory)) => Some(Ok(*memory)),
                Ok(Record::Relationship(_)) => None,
                Err(reason) => Some(Err(reason)),
            };
            records_of(root, &file, name, json_records(kind, &text).into_iter().map(memory))
        }
        None => Vec::new(),
    }
}

/// The relationships in a file of records; what is wrong with the others is said where memories are read.
pub fn relationships(path: &Path) -> Vec<RelationshipInput> {
    let Some(kind @ (Kind::JsonLines | Kind::Json)) = kind(path) else { return vec![] };
    let Ok(text) = std::fs::read_to_string(path) else { return vec![] };
    let relationship = |record| match record {
        Ok(Record::Relationship(relationship)) => Some(relationship),
        _ => None,
    };
    json_records(kind, &text).into_iter().filter_map(relationship).collect()
}

fn json_records(kind: Kind, text: &str) -> Vec<Result<Record, String>> {
    let text = text.trim_start_matches('\u{feff}');
    let read = |value| Record::read(value).map_err(|cause| cause.to_string());
    if matches!(kind, Kind::Json) {
        return match records::read_json(text) {
            Ok(values) => values.into_iter().map(read).collect(),
            Err(reason) => vec![Err(reason)],
        };
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            records::exact(line).and_then(|line| serde_json::from_str(line).map_err(|cause| cause.to_string())).and_then(read)
        })
        .collect()
}

/// Text as notes have it: no mark at its beginning, one kind of line ends.
fn unified(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

fn markdown_items(root: &Root, file: &str, text: &str) -> Vec<Result<Item, Refusal>> {
    if let Some(exported) = note::read(text) {
        return records_of(root, file, "markdown", [Some(exported)]);
    }
    match markdown::read(&unified(text)) {
        Ok(sections) => sections_of(root, file, "markdown", sections),
        Err(cause) => vec![Err(whole_file(file, "front_matter", cause.to_string()))],
    }
}

/// Memories that say all of themselves; `None` keeps the place of a record that is no memory.
fn records_of(
    root: &Root,
    file: &str,
    kind: &str,
    records: impl IntoIterator<Item = Option<Result<MemoryInput, String>>>,
) -> Vec<Result<Item, Refusal>> {
    let item = |(number, record): (usize, Option<Result<MemoryInput, String>>)| {
        let (number, place) = (number as u64, format!("record {}", number + 1));
        let refusal =
            |reason| Refusal { file: file.to_owned(), position: number, place: place.clone(), field: String::new(), reason };
        Some(record?.map_err(refusal).map(|mut input| {
            let id = input.id.take().unwrap_or_else(|| id(&root.name, file, &[], number));
            input.source.get_or_insert_with(|| origin(root, kind, file, number));
            Item { id, input, is_note: false, headings: vec![], file: file.to_owned(), position: number, place: place.clone() }
        }))
    };
    records.into_iter().enumerate().filter_map(item).collect()
}

fn sections_of(root: &Root, file: &str, kind: &str, sections: Vec<markdown::Section>) -> Vec<Result<Item, Refusal>> {
    let item = |(position, section): (usize, markdown::Section)| {
        let mut input = section.input;
        if root.vault {
            let inline =
                markdown::inline_tags(&input.content).into_iter().filter(|tag| !input.tags.contains(tag)).collect::<Vec<_>>();
            input.tags.extend(inline);
        }
        input.source = Some(origin(root, kind, file, position as u64));
        let id = id(&root.name, file, &section.headings, section.ordinal);
        let place = section.headings.join(" > ");
        let is_note = kind == "markdown";
        Ok(Item { id, input, is_note, headings: section.headings, file: file.to_owned(), position: position as u64, place })
    };
    sections.into_iter().enumerate().map(item).collect()
}

/// Where an imported memory says that it comes from. Decision: the next import knows by it what has vanished.
pub fn mark(root: &Root, file: &str) -> String {
    format!("import:{}/{file}", root.name)
}

fn origin(root: &Root, kind: &str, file: &str, position: u64) -> SourceDto {
    let (uri, id) = (Some(mark(root, file)), Some(file.to_owned()));
    SourceDto { kind: Some(kind.to_owned()), uri, id, position: Some(position) }
}

/// The id of a section: the same place in the same folder gives the same memory. `ordinal` counts within the heading path,
/// so a section that is put in above does not move the others.
fn id(root: &str, file: &str, headings: &[String], ordinal: u64) -> Uuid {
    let mut parts = vec![SPACE, root, file];
    parts.extend(headings.iter().map(String::as_str));
    let ordinal = ordinal.to_string();
    parts.push(&ordinal);
    Uuid::new_v5(&IDS, parts.join(UNIT_SEPARATOR).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_apart() {
        let one = id("notes", "a.md", &["Tea".into()], 0);
        assert_eq!(one, id("notes", "a.md", &["Tea".into()], 0));
        assert_ne!(one, id("notes", "a.md", &["Tea".into()], 1));
        assert_ne!(one, id("notes", "b.md", &["Tea".into()], 0));
        assert_ne!(one, id("other", "a.md", &["Tea".into()], 0));
    }

    #[test]
    fn a_record_keeps_its_id_and_names_its_fault() {
        let root = Root { path: PathBuf::new(), name: "notes".into(), vault: false };
        let text = "{\"id\":\"7f2c1e58-0000-4000-8000-000000000001\",\"content\":\"tea\"}\n\n{\"contents\":\"tea\"}";
        let records = json_records(Kind::JsonLines, text).into_iter().map(|record| match record {
            Ok(Record::Memory(memory)) => Some(Ok(*memory)),
            Ok(Record::Relationship(_)) => None,
            Err(reason) => Some(Err(reason)),
        });
        let items = records_of(&root, "a.jsonl", "jsonl", records);
        assert!(items[0].as_ref().unwrap().id.to_string().starts_with("7f2c1e58"));
        let refused = items[1].as_ref().unwrap_err();
        assert_eq!(refused.place, "record 2");
        assert!(refused.reason.contains("contents"));
    }
}
