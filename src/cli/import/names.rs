//! Which memory a link means, among the files below an import's root. Pure; filled by `import::source`, asked by `import::relate`.
//!
//! Names are compared in one normal form and without regard to case. Of several notes of a name the one whose case fits comes first, then
//! the one in the same folder, then the one nearest the root.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::{marks::Link, note::page_name};
use crate::cli::records::dates;

/// The names of the file that speaks for its folder.
const INDEX_NAMES: [&str; 4] = ["index", "_index", "readme", "00_index"];
/// Shortest number by which a note is found whose name goes on with words, as `202303041405 Tea.md`.
const NUMBER_DIGITS_MIN: usize = 8;

/// A memory of a note and what in it can be pointed at.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub id: Uuid,
    /// Every heading in it or right above it.
    pub headings: Vec<String>,
    /// Names of blocks and places.
    pub anchors: Vec<String>,
}

/// A note that links may mean.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Path below the root.
    pub file: String,
    pub title: String,
    pub aliases: Vec<String>,
    /// Its memories in order; none for an empty note.
    pub sections: Vec<Section>,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    Memory(Uuid),
    /// The note that holds the link.
    Own,
    /// A note without words.
    Empty,
    /// A file or folder that is no note.
    File,
    Nothing,
}

/// How the notes below a root are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Habits {
    /// In an Obsidian vault a path that is not there is a name.
    pub obsidian: bool,
    pub logseq: bool,
}

/// All files below a root by their names.
#[derive(Debug, Default)]
pub struct Index {
    habits: Habits,
    entries: Vec<Entry>,
    /// Entries by the last part of their path, without the ending of a note.
    by_name: HashMap<String, Vec<usize>>,
    /// Entries by whole paths, with and without the ending of a note.
    by_path: HashMap<String, Vec<usize>>,
    /// Entries by other names: aliases, titles, names of pages.
    by_alias: HashMap<String, Vec<usize>>,
    by_block: HashMap<String, (usize, usize)>,
    by_day: HashMap<NaiveDate, usize>,
    /// Paths of files that are no notes, and of folders.
    others: HashSet<String>,
    other_names: HashSet<String>,
}

impl Index {
    pub fn new(habits: Habits) -> Self {
        Self { habits, ..Self::default() }
    }

    /// Adds a file that is no note; its folders with it.
    pub fn add_other(&mut self, file: &str) {
        let folded = fold(file);
        self.add_folders(&folded);
        self.other_names.insert(last(&folded).to_owned());
        self.others.insert(folded);
    }

    fn add_folders(&mut self, folded: &str) {
        let mut folder = folded;
        while let Some((above, _)) = folder.rsplit_once('/') {
            if !self.others.insert(above.to_owned()) {
                break;
            }
            folder = above;
        }
    }

    pub fn add(&mut self, entry: Entry) {
        let number = self.entries.len();
        let (path, stem) = (fold(&entry.file), fold(stem(&entry.file)));
        self.add_folders(&path);
        self.by_name.entry(last(&stem).to_owned()).or_default().push(number);
        for path in HashSet::from([path, stem]) {
            self.by_path.entry(path).or_default().push(number);
        }
        for name in other_names(&entry, self.habits) {
            self.by_alias.entry(fold(&name)).or_default().push(number);
        }
        for (place, section) in entry.sections.iter().enumerate() {
            for anchor in &section.anchors {
                self.by_block.entry(fold(anchor)).or_insert((number, place));
            }
        }
        if let Some(day) = dates::day(last(super::names::stem(&entry.file))) {
            self.by_day.entry(day).or_insert(number);
        }
        self.entries.push(entry);
    }

    /// What the link in a note means.
    pub fn meaning(&self, from: &str, link: &Link) -> Meaning {
        match link {
            Link::Block(name) => match self.by_block.get(&fold(name)) {
                Some((entry, place)) => self.memory(from, *entry, Some(*place)),
                None => Meaning::Nothing,
            },
            Link::Wiki(target) => self.wiki(from, target),
            Link::Path(target) => self.path(from, target),
        }
    }

    fn wiki(&self, from: &str, target: &str) -> Meaning {
        // A name may hold the marks that otherwise end it.
        let cuts = std::iter::once((target, "")).chain(target.split_once('#')).chain(target.split_once('^'));
        for (name, place) in cuts {
            let name = name.trim();
            if name.is_empty() {
                return Meaning::Own;
            }
            if let Some(entry) = self.entry_named(from, name) {
                return self.memory(from, entry, self.place(entry, place));
            }
            if self.is_other(from, name) {
                return Meaning::File;
            }
        }
        Meaning::Nothing
    }

    fn path(&self, from: &str, target: &str) -> Meaning {
        let (path, place) = target.split_once('#').unwrap_or((target, ""));
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path.is_empty() {
            return Meaning::Own;
        }
        let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let ways = self.ways(from, &decoded);
        if let Some(entry) = ways.iter().find_map(|way| self.entry_at(way)).or_else(|| self.entry_below(from, &decoded)) {
            let place = percent_encoding::percent_decode_str(place).decode_utf8_lossy();
            return self.memory(from, entry, self.place(entry, &place));
        }
        let is_there = ways.iter().any(|way| way.is_empty() || self.others.contains(&fold(way)));
        let named = !decoded.contains('/') && self.is_other(from, &decoded);
        if is_there || named { Meaning::File } else { Meaning::Nothing }
    }

    /// The paths below the root that a path may mean: from the note's folder, from the page that a site makes of the note, from the root.
    fn ways(&self, from: &str, path: &str) -> Vec<String> {
        if let Some(rooted) = path.strip_prefix('/') {
            return joined("", rooted).into_iter().collect();
        }
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        [joined(folder, path), joined(stem(from), path)].into_iter().flatten().collect()
    }

    /// The note at a path: itself, what a site writes for it, or the one that speaks for the folder.
    fn entry_at(&self, path: &str) -> Option<usize> {
        let page = path.strip_suffix(".html").or_else(|| path.strip_suffix(".htm"));
        let direct = std::iter::once(path).chain(page).find_map(|path| self.best("", path, self.by_path.get(&fold(path))?));
        let index = |name: &&str| {
            let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") };
            self.best("", &path, self.by_path.get(&fold(&path))?)
        };
        direct.or_else(|| INDEX_NAMES.iter().find_map(index))
    }

    /// The note that a path from the root of a site means, whose notes lie further down; or, in a vault, one that is only named.
    fn entry_below(&self, from: &str, path: &str) -> Option<usize> {
        if let Some(rooted) = path.strip_prefix('/') {
            let wanted = rooted.trim_end_matches('/');
            let wanted = wanted.strip_suffix(".html").unwrap_or(wanted);
            return (!wanted.is_empty()).then(|| self.entry_by_file_name(from, wanted)).flatten();
        }
        (self.habits.obsidian && !path.contains("..")).then(|| self.entry_by_file_name(from, path)).flatten()
    }

    fn entry_named(&self, from: &str, name: &str) -> Option<usize> {
        if let Some(rooted) = name.strip_prefix('/') {
            return self.entry_at(&joined("", rooted)?);
        }
        if name.starts_with("./") || name.starts_with("../") {
            return self.ways(from, name).iter().find_map(|way| self.entry_at(way));
        }
        let by_file = self.entry_by_file_name(from, name);
        let by_alias = || self.best(from, name, self.by_alias.get(&fold(name))?);
        let by_day = || self.habits.logseq.then(|| dates::day(name)).flatten().and_then(|day| self.by_day.get(&day).copied());
        by_file.or_else(by_alias).or_else(by_day).or_else(|| self.entry_numbered(name))
    }

    /// By the name of the file, with or without some of its folders and its ending.
    fn entry_by_file_name(&self, from: &str, name: &str) -> Option<usize> {
        let wanted = fold(stem(name));
        let fits = |number: &&usize| {
            let known = fold(stem(&self.entries[**number].file));
            known == wanted || known.strip_suffix(wanted.as_str()).is_some_and(|rest| rest.ends_with('/'))
        };
        let fitting: Vec<usize> = self.by_name.get(last(&wanted))?.iter().filter(fits).copied().collect();
        self.best(from, name, &fitting)
    }

    /// By the number with which its name begins.
    fn entry_numbered(&self, name: &str) -> Option<usize> {
        let is_number = name.len() >= NUMBER_DIGITS_MIN && name.bytes().all(|byte| byte.is_ascii_digit());
        let fits =
            |entry: &Entry| last(stem(&entry.file)).strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '-', '_']));
        is_number.then(|| self.entries.iter().position(fits)).flatten()
    }

    /// The one that a name written so in that note means first.
    fn best(&self, from: &str, name: &str, among: &[usize]) -> Option<usize> {
        let folder = |file: &str| fold(file.rsplit_once('/').map_or("", |(folder, _)| folder));
        let (home, exact) = (folder(from), nfc(stem(name)));
        let rank = |number: &&usize| {
            let file = self.entries[**number].file.as_str();
            let is_exact = nfc(stem(file)).ends_with(&exact);
            (!is_exact, folder(file) != home, file.matches('/').count(), file.len(), file)
        };
        among.iter().min_by_key(rank).copied()
    }

    /// The section of a note that the part of a link behind `#` means.
    fn place(&self, entry: usize, place: &str) -> Option<usize> {
        let place = place.rsplit('#').next().unwrap_or(place).trim();
        let sections = &self.entries[entry].sections;
        let anchor = fold(place.trim_start_matches('^'));
        let wanted = slug(place);
        let is_heading = |section: &Section| section.headings.iter().any(|heading| slug(heading) == wanted);
        let is_anchor = |section: &Section| section.anchors.iter().any(|name| fold(name) == anchor);
        let headed = (!place.is_empty() && !place.starts_with('^')).then(|| sections.iter().position(is_heading)).flatten();
        headed.or_else(|| (!place.is_empty()).then(|| sections.iter().position(is_anchor)).flatten())
    }

    fn memory(&self, from: &str, entry: usize, place: Option<usize>) -> Meaning {
        let entry = &self.entries[entry];
        if entry.file == from {
            return Meaning::Own;
        }
        entry.sections.get(place.unwrap_or(0)).map_or(Meaning::Empty, |section| Meaning::Memory(section.id))
    }

    /// Whether a name is that of a file that is no note, with or without some of its folders.
    fn is_other(&self, from: &str, name: &str) -> bool {
        let wanted = fold(name);
        let relative = || self.ways(from, name).iter().any(|way| self.others.contains(&fold(way)));
        let below =
            |known: &String| known.strip_suffix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        self.other_names.contains(&wanted)
            || (wanted.contains('.') && (relative() || (wanted.contains('/') && self.others.iter().any(below))))
    }
}

/// The names of a note that are not its path: aliases, its title, and what a page's file name stands for.
fn other_names(entry: &Entry, habits: Habits) -> Vec<String> {
    let stem = last(stem(&entry.file));
    let mut names = entry.aliases.clone();
    names.push(entry.title.clone());
    names.push(page_name(stem));
    if habits.logseq {
        names.push(page_name(&stem.replace('.', "/")));
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

/// A path from a folder, without `.` and `..`; `None` if it leaves the root.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The path without the ending of a note.
fn stem(path: &str) -> &str {
    let cut = |ending: &str| {
        let at = path.len().checked_sub(ending.len())?;
        path.get(at..).filter(|end| end.eq_ignore_ascii_case(ending)).map(|_| &path[..at])
    };
    [".md", ".markdown"].into_iter().find_map(cut).unwrap_or(path)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// A name as names are compared: one normal form, no case. Through upper case, so that `ß` is `ss` and `ς` is `σ`.
fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// A heading as links write it: words joined by hyphens; one without any word is itself.
fn slug(heading: &str) -> String {
    let folded = fold(heading);
    let words = folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-");
    if slug.is_empty() { folded.trim().to_owned() } else { slug }
}

#[cfg(test)]
mod tests;
