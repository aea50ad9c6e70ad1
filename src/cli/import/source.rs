//! The memories in the files of an import: notes, plain text, JSON lines, JSON, tables; and what links in them can mean.
//!
//! Called by `brain import`. Never judges a memory's content: that is the server's to refuse.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{
    existing::{self, Existing, as_stored},
    fit::fit,
    marks::Link,
    names::{Entry, Index, Section},
    note::{self, Note, Place},
    report::{Refusal, Warning},
    root::Root,
    text::{Text, decode, unified},
    walk::{Class, File, Found, Kind},
};
use crate::{
    api::v1::dto::{MemoryInput, SourceDto, graph::RelationshipInput},
    cli::records::{self, Read, Record, csv, note as exported},
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
    /// Whether its id and source are the import's, and not written in the file.
    pub is_ours: bool,
    /// Path below the import root.
    pub file: String,
    position: u64,
    line: Option<u64>,
    place: String,
}

impl Item {
    pub fn refusal(&self, field: &str, reason: &str) -> Refusal {
        let (file, place) = (self.file.clone(), self.place.clone());
        Refusal { file, position: self.position, line: self.line, place, field: field.to_owned(), reason: reason.to_owned() }
    }
}

/// A link with the memory that holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spotted {
    pub from: Uuid,
    pub file: String,
    pub line: u64,
    pub link: Link,
}

/// A relationship that stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    pub file: String,
    pub number: u64,
    pub line: Option<u64>,
    pub input: RelationshipInput,
}

/// Everything in the files.
#[derive(Debug, Default)]
pub struct Collected {
    pub items: Vec<Item>,
    pub related: Vec<Related>,
    pub links: Vec<Spotted>,
    pub index: Index,
    pub refused: Vec<Refusal>,
    pub warnings: Vec<Warning>,
    /// Notes without a word.
    pub empty: Class,
    /// JSON of other programs.
    pub foreign: Class,
    /// Files that could not be read: nobody knows what they hold now.
    pub unread: HashSet<String>,
    /// Records that a later one of the same id replaces.
    pub superseded: u64,
}

/// Reads all files. What is not wanted is read for the names that links need. `tick` is called once for each file.
pub fn collect(root: &Root, found: &Found, existing: &Existing, tick: impl Fn()) -> Collected {
    let mut it = Collected { index: Index::new(root.habits), refused: found.unreadable.clone(), ..Collected::default() };
    it.unread.extend(found.unreadable.iter().map(|refusal| refusal.file.clone()));
    found.others.iter().for_each(|file| it.index.add_other(file));
    let mut taken: HashSet<&String> = HashSet::new();
    let exact: HashSet<&String> = found.files.iter().filter(|file| file.raw == file.name).map(|file| &file.raw).collect();
    let known: HashSet<&str> = existing.memories.values().filter_map(|it| Some(it.source.as_ref()?.1.as_str())).collect();
    for file in &found.files {
        tick();
        // Of a time when names were taken as the file system had them.
        let is_raw =
            file.raw != file.name && known.contains(root.owner(&file.raw).2) && !known.contains(root.owner(&file.name).2);
        // Two names may differ in what is no text, or in their normal form: each file has one for itself.
        let ways = if is_raw { [&file.raw, &file.escaped, &file.escaped] } else { [&file.name, &file.raw, &file.escaped] };
        let below = ways
            .into_iter()
            .find(|way| !taken.contains(*way) && (**way == file.raw || !exact.contains(*way)))
            .unwrap_or(&file.escaped);
        taken.insert(below);
        Reader { root, file, below, it: &mut it }.read();
    }
    it.settle();
    it
}

impl Collected {
    /// Of records of one id the last that can be stored is written, and once.
    fn settle(&mut self) {
        let mut last: HashMap<Uuid, usize> = HashMap::new();
        let is_good = |item: &Item| as_stored(&item.input).is_some();
        let counts = self.items.iter().fold(HashMap::<Uuid, usize>::new(), |mut counts, item| {
            *counts.entry(item.id).or_default() += 1;
            counts
        });
        let is_twice = |item: &Item| counts[&item.id] > 1 && is_good(item);
        for (place, item) in self.items.iter().enumerate().filter(|(_, item)| is_twice(item)) {
            last.insert(item.id, place);
        }
        let before = self.items.len();
        let mut place = 0;
        self.items.retain(|item| {
            place += 1;
            last.get(&item.id).is_none_or(|last| *last == place - 1 || !is_good(item))
        });
        self.superseded = (before - self.items.len()) as u64;
    }
}

/// One file being read.
struct Reader<'a> {
    root: &'a Root,
    file: &'a File,
    /// Its path below the root by which its memories are known.
    below: &'a str,
    it: &'a mut Collected,
}

impl Reader<'_> {
    fn read(&mut self) {
        let text = std::fs::read(&self.file.path).map_err(|cause| cause.to_string()).and_then(decode);
        let Text { text, guess } = match text {
            Ok(text) => text,
            Err(reason) => {
                if self.file.is_wanted {
                    self.it.refused.push(Refusal::of_file(&self.file.name, "", reason));
                }
                self.it.unread.insert(self.file.name.clone());
                return;
            }
        };
        if let Some(reason) = guess.filter(|_| self.file.is_wanted) {
            let file = self.file.name.clone();
            self.it.warnings.push(Warning { file, line: None, field: "encoding".into(), reason });
        }
        match self.file.kind {
            Kind::Markdown => match exported::read(&text) {
                Some(memory) => self.records([(0, None, Some(memory))]),
                None => self.note(note::read(&unified(&text), self.place())),
            },
            Kind::Text => self.note(note::plain(&unified(&text), self.place())),
            Kind::Csv => {
                let rows = csv::read(&text).into_iter().map(|row| (row.number, Some(row.line), Some(row.memory)));
                self.records(rows.collect::<Vec<_>>());
            }
            Kind::JsonLines => self.json(records::read_lines(text.trim_start_matches('\u{feff}'))),
            Kind::Json => {
                let text = text.trim_start_matches('\u{feff}');
                if !self.file.is_asked && records::is_foreign(text) {
                    return self.foreign();
                }
                self.json(records::read_document(text));
            }
        }
    }

    fn place(&self) -> Place<'_> {
        Place { file: &self.file.name, logseq: self.root.habits.logseq }
    }

    fn note(&mut self, note: Note) {
        let (name, origin, below) = self.root.owner(self.below);
        let (mut sections, file) = (Vec::new(), self.file.name.clone());
        let (is_wanted, is_markdown) = (self.file.is_wanted, self.file.kind == Kind::Markdown);
        if note.pieces.is_empty() && is_wanted {
            self.it.empty.add(&file);
        }
        for (position, piece) in note.pieces.into_iter().enumerate() {
            let id = id(name, below, &piece.headings, piece.ordinal);
            let above = piece.headings.last().cloned();
            sections.push(Section {
                id,
                headings: piece.inner_headings.into_iter().chain(above).collect(),
                anchors: piece.anchors,
            });
            if !is_wanted {
                continue;
            }
            let mut input = piece.input;
            input.source = Some(source(self.file.kind, name, below, position as u64));
            origin.put(&mut input);
            // Its properties fitted before; the place it comes from is what may be too long now.
            fit(&mut input);
            let spotted = |(line, link)| Spotted { from: id, file: file.clone(), line, link };
            self.it.links.extend(piece.links.into_iter().map(spotted).filter(|_| is_markdown));
            let (place, line) = (piece.headings.join(" > "), Some(piece.line));
            self.it.items.push(Item { id, input, is_ours: true, file: file.clone(), position: position as u64, line, place });
        }
        if is_wanted {
            self.it.warnings.extend(note.warnings);
        }
        self.it.index.add(Entry { file, title: note.title, aliases: note.aliases, sections });
    }

    /// What it held before, if anything, is left alone.
    fn foreign(&mut self) {
        self.it.index.add_other(&self.file.name);
        self.it.unread.insert(self.file.name.clone());
        if self.file.is_wanted {
            self.it.foreign.add(&self.file.name);
        }
    }

    fn json(&mut self, read: Vec<Read>) {
        let mut memories = Vec::new();
        for Read { number, line, record } in read {
            match record {
                Ok(Record::Memory(memory)) => memories.push((number, line, Some(Ok(*memory)))),
                Err(reason) => memories.push((number, line, Some(Err(reason)))),
                Ok(Record::Relationship(input)) if self.file.is_wanted => {
                    self.it.related.push(Related { file: self.file.name.clone(), number, line, input });
                }
                Ok(Record::Relationship(_)) => {}
            }
        }
        self.records(memories);
    }

    /// Memories that say all of themselves.
    fn records(&mut self, records: impl IntoIterator<Item = (u64, Option<u64>, Option<Result<MemoryInput, String>>)>) {
        self.it.index.add_other(&self.file.name);
        if !self.file.is_wanted {
            return;
        }
        let (name, origin, below) = self.root.owner(self.below);
        let file = &self.file.name;
        for (position, line, record) in records {
            let place = format!("record {}", position + 1);
            match record {
                None => {}
                Some(Err(reason)) => {
                    if position == 0 && line.is_none_or(|line| line <= 1) {
                        // Nothing of the file may have been understood.
                        self.it.unread.insert(file.clone());
                    }
                    let file = file.clone();
                    self.it.refused.push(Refusal { file, position, line, place, field: String::new(), reason });
                }
                Some(Ok(mut input)) => {
                    let own = input.id.take();
                    let is_ours = input.source.is_none();
                    if is_ours {
                        input.source = Some(source(self.file.kind, name, below, position));
                        let metadata = input.metadata.clone();
                        origin.put(&mut input);
                        if as_stored(&input).is_none() {
                            input.metadata = metadata;
                        }
                    }
                    let id = own.unwrap_or_else(|| id(name, below, &[], position));
                    self.it.items.push(Item { id, input, is_ours, file: file.clone(), position, line, place });
                }
            }
        }
    }
}

fn source(kind: Kind, name: &str, below: &str, position: u64) -> SourceDto {
    let (uri, id) = (Some(existing::uri(name, below)), Some(below.to_owned()));
    SourceDto { kind: Some(kind.as_str().to_owned()), uri, id, position: Some(position) }
}

/// The id of a section: the same place in the same folder gives the same memory. `ordinal` counts within the heading path,
/// so a section that is put in above does not move the others.
fn id(name: &str, file: &str, headings: &[String], ordinal: u64) -> Uuid {
    let mut parts = vec![SPACE, name, file];
    parts.extend(headings.iter().map(String::as_str));
    let ordinal = ordinal.to_string();
    parts.push(&ordinal);
    Uuid::new_v5(&IDS, parts.join(UNIT_SEPARATOR).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{
        super::{names::Meaning, walk},
        *,
    };

    fn read(files: &[(&str, &str)]) -> Collected {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("notes");
        for (name, text) in files {
            fs::create_dir_all(path.join(name).parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path.join(name), text).unwrap();
        }
        let existing = Existing::default();
        let root = Root::find(&path, None, "host", &existing).unwrap();
        collect(&root, &walk::find(&root.path, &path, true, root.habits), &existing, || {})
    }

    #[test]
    fn ids_are_those_of_every_release() {
        let it = read(&[("a.md", "Tea")]);
        assert_eq!(it.items[0].id, id("notes", "a.md", &[], 0));
        assert_eq!(it.items[0].id.to_string(), "e5e7482f-474a-55cc-82a6-66e47a8ccb64");
        let one = id("notes", "a.md", &["Tea".into()], 0);
        assert_ne!(one, id("notes", "a.md", &["Tea".into()], 1));
        assert_ne!(one, id("notes", "b.md", &["Tea".into()], 0));
        assert_ne!(one, id("other", "a.md", &["Tea".into()], 0));
    }

    #[test]
    fn a_copy_of_the_folder_by_another_system_has_the_same_ids() {
        assert_eq!(read(&[("Cafe\u{301}.md", "x")]).items[0].id, read(&[("Caf\u{e9}.md", "x")]).items[0].id);
    }

    #[test]
    fn names_that_look_the_same_are_two() {
        let it = read(&[("Cafe\u{301}.md", "one"), ("Caf\u{e9}.md", "two")]);
        assert_eq!((it.items.len(), it.superseded), (2, 0));
        assert_ne!(it.items[0].id, it.items[1].id);
    }

    #[test]
    fn of_records_of_one_id_the_last_good_one_is_written() {
        let line = |n: u32, importance: f32| {
            format!(
                "{{\"id\":\"7f2c1e58-0000-4000-8000-000000000001\",\"content\":\"version {n}\",\"importance\":{importance}}}\n"
            )
        };
        let it = read(&[("a.jsonl", &(line(0, 0.1) + &line(1, 0.2))), ("b.jsonl", &(line(2, 0.3) + &line(3, 7.0)))]);
        let contents: Vec<&str> = it.items.iter().map(|item| item.input.content.as_str()).collect();
        assert_eq!(
            (contents, it.superseded),
            (vec!["version 2", "version 3"], 2),
            "the server refuses the last one, and says why"
        );
    }

    #[test]
    fn a_record_keeps_its_id_and_names_its_fault() {
        let it = read(&[(
            "a.jsonl",
            "{\"id\":\"7f2c1e58-0000-4000-8000-000000000001\",\"content\":\"tea\"}\n\n{\"contents\":\"tea\"}",
        )]);
        assert!(it.items[0].id.to_string().starts_with("7f2c1e58"));
        assert_eq!((it.refused[0].place.as_str(), it.refused[0].line), ("record 2", Some(3)));
        assert!(it.refused[0].reason.contains("contents") && it.unread.is_empty());
        assert!(read(&[("a.csv", "text\nx\n")]).unread.contains("a.csv"));
    }

    #[test]
    fn notes_give_memories_with_their_origin_and_links() {
        let it = read(&[("a.md", "See [[b]]."), ("b.md", ""), ("deep/c.txt", "Plain [[a]]"), ("pics/d.png", "x")]);
        assert_eq!((it.items.len(), it.links.len(), it.empty.first.clone()), (2, 1, vec!["b.md".to_owned()]));
        assert_eq!(it.items[0].input.source.as_ref().unwrap().uri.as_deref(), Some("import:notes/a.md"));
        assert_eq!(it.items[0].input.metadata["import"]["host"], "host");
        assert_eq!(it.index.meaning("a.md", &it.links[0].link), Meaning::Empty);
        assert_eq!(it.index.meaning("a.md", &Link::Path("pics/d.png".into())), Meaning::File);
    }
}
