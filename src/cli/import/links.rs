//! Links between notes: which ones a text holds, and which memory each of them means. Called by the import after the memories are written.
//!
//! Wiki links (`[[Note]]`, `[[folder/Note#Heading|shown]]`) and relative ones (`[shown](../other.md#heading)`); links elsewhere are none.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};
use uuid::Uuid;

use super::source::{self, Root};

/// A link as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// By the note's name, wherever it lies.
    Wiki(String),
    /// By the path from the note that holds the link.
    Relative(String),
}

/// A link with the memory that holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub from: Uuid,
    /// Path below the import root.
    pub file: String,
    pub link: Link,
}

/// The links in a text, each once, in order.
pub fn of(content: &str) -> Vec<Link> {
    let mut seen = HashSet::new();
    let options = Options::ENABLE_WIKILINKS | Options::ENABLE_TABLES;
    let link = |event| match event {
        Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. }) => {
            let target = dest_url.trim().to_owned();
            match link_type {
                LinkType::WikiLink { .. } => Some(Link::Wiki(target)),
                // A scheme, a host, a place in the same note, or the root of a site: nothing below the import root.
                _ if target.contains(':') || target.starts_with(['/', '#']) || target.is_empty() => None,
                _ => Some(Link::Relative(target)),
            }
        }
        _ => None,
    };
    Parser::new_ext(content, options).filter_map(link).filter(|link| seen.insert(link.clone())).collect()
}

/// Finds the memories that links mean, among the notes below a root.
pub struct Resolver<'a> {
    root: &'a Root,
    /// Paths below the root, in order.
    files: &'a [String],
    /// Memories of the files that were looked into: their headings and ids, in order.
    memories: HashMap<String, Vec<(Vec<String>, Uuid)>>,
}

impl<'a> Resolver<'a> {
    pub fn new(root: &'a Root, files: &'a [String]) -> Self {
        Self { root, files, memories: HashMap::new() }
    }

    /// The memory that the link means: the section of its heading, else the note's first. `None` when there is no such note.
    pub fn resolve(&mut self, found: &Found) -> Option<Uuid> {
        let (Link::Wiki(target) | Link::Relative(target)) = &found.link;
        let (path, heading) = target.split_once('#').map_or((target.as_str(), None), |(path, heading)| (path, Some(heading)));
        let file = match &found.link {
            Link::Wiki(_) if path.is_empty() => found.file.clone(),
            Link::Wiki(_) => by_name(self.files, path)?,
            Link::Relative(_) => by_path(self.files, &found.file, path)?,
        };
        let root = self.root;
        let memories = self.memories.entry(file).or_insert_with_key(|file| source::sections(root, file));
        let under = |heading: &str| {
            let wanted = slug(heading.rsplit('#').next().unwrap_or(heading));
            memories.iter().find(|(headings, _)| headings.last().is_some_and(|last| slug(last) == wanted))
        };
        let memory = heading.and_then(under).or(memories.first())?;
        Some(memory.1).filter(|to| *to != found.from)
    }
}

/// The note of this name, with or without its folder and ending; the one nearest to the root when there are several.
fn by_name(files: &[String], name: &str) -> Option<String> {
    let wanted = stem(name).to_lowercase();
    let fits = |file: &&String| {
        let known = stem(file).to_lowercase();
        known == wanted || known.strip_suffix(&wanted).is_some_and(|rest| rest.ends_with('/'))
    };
    files.iter().filter(fits).min_by_key(|file| (file.matches('/').count(), file.len())).cloned()
}

fn by_path(files: &[String], from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    let wanted = parts.join("/");
    files.iter().find(|file| **file == wanted || stem(file) == wanted).cloned()
}

/// The path without the ending of a note.
fn stem(path: &str) -> &str {
    [".md", ".markdown"].iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// A heading as links write it: lower case, words joined by hyphens.
fn slug(heading: &str) -> String {
    let words = heading.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_notes_are_found() {
        let text = "[[Tea]] and [[drinks/Coffee#Milk|white]], ![[plan]], [x](../a%20b.md), [y](https://a.b/c.md), [z](#here)\n\n\
                    `[[code]]` and [[Tea]] again, [mail](mailto:a@b.c)";
        let wiki = |name: &str| Link::Wiki(name.into());
        assert_eq!(of(text), [wiki("Tea"), wiki("drinks/Coffee#Milk"), wiki("plan"), Link::Relative("../a%20b.md".into())]);
    }

    #[test]
    fn notes_are_found_by_name_and_by_path() {
        let files = ["a b.md", "deep/Tea.md", "deep/er/tea.md", "deep/plan.markdown"].map(str::to_owned);
        let name = |name: &str| by_name(&files, name);
        assert_eq!(name("tea").as_deref(), Some("deep/Tea.md"));
        assert_eq!(name("er/Tea").as_deref(), Some("deep/er/tea.md"));
        assert_eq!(name("Tea.md").as_deref(), Some("deep/Tea.md"));
        assert_eq!(name("ea"), None);
        let path = |path: &str| by_path(&files, "deep/er/tea.md", path);
        assert_eq!(path("../../a%20b.md").as_deref(), Some("a b.md"));
        assert_eq!(path("../plan").as_deref(), Some("deep/plan.markdown"));
        assert_eq!((path("../../../x.md"), path("plan.md")), (None, None));
        assert_eq!(slug("Milk & Sugar"), slug("milk-sugar"));
    }
}
