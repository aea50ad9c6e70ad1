//! Notes taken apart: front matter, sections at headings, long text at paragraphs. Pure.
//!
//! Called by `import::source`. Never changes a word of a note, except that a title only in the front matter is put above it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::{Map, Value};

use crate::{
    api::dto::MemoryInput,
    domain::{limits, memory::draft::CONTENT_CHARS_MAX},
};

/// A note up to this length is one memory; a longer one is split at its headings.
const NOTE_CHARS_MAX: usize = 2_000;

/// A part of a note that becomes one memory.
#[derive(Debug, PartialEq)]
pub struct Section {
    /// The headings that the text is under, outermost first; empty for a note left whole.
    pub headings: Vec<String>,
    /// Counts the sections of the same heading path, from 0.
    pub ordinal: u64,
    pub input: MemoryInput,
}

/// Takes a Markdown note apart. Errors: the front matter is no YAML.
pub fn read(note: &str) -> Result<Vec<Section>, yaml_serde::Error> {
    let (front, body) = match front_matter(note) {
        Some((yaml, body)) => match yaml_serde::from_str::<Value>(yaml)? {
            Value::Object(keys) => (keys, body),
            Value::Null => (Map::new(), body),
            // Two rules with words between them are text.
            _ => (Map::new(), note),
        },
        None => (Map::new(), note),
    };
    let template = template(front);
    let body = match template.metadata.get("title").and_then(Value::as_str) {
        Some(title) if !body.contains(title) => format!("# {title}\n\n{}", body.trim_start()),
        _ => body.to_owned(),
    };
    let parts = if body.chars().count() <= NOTE_CHARS_MAX { vec![(Vec::new(), body)] } else { sections(&body) };
    Ok(number(parts, &template))
}

/// Takes plain text apart, at paragraphs if it is long.
pub fn plain(text: &str) -> Vec<Section> {
    number(vec![(Vec::new(), text.to_owned())], &MemoryInput::default())
}

/// The YAML between the rules at the very start, and what follows.
fn front_matter(note: &str) -> Option<(&str, &str)> {
    let rest = note.strip_prefix("---\n")?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// What every section of the note has in common. A key that cannot be understood stays in `metadata.front_matter`.
fn template(mut front: Map<String, Value>) -> MemoryInput {
    let mut input = MemoryInput::default();
    if let Some(title) = front.get("title").and_then(Value::as_str).map(str::to_owned) {
        front.remove("title");
        input.metadata.insert("title".into(), title.into());
    }
    if let Some(tags) = front.get("tags").and_then(tags) {
        front.remove("tags");
        input.tags = tags;
    }
    for key in ["date", "created"] {
        if input.occurred_at.is_none()
            && let Some(time) = front.get(key).and_then(Value::as_str).and_then(time)
        {
            front.remove(key);
            input.occurred_at = Some(time);
        }
    }
    if !front.is_empty() {
        input.metadata.insert("front_matter".into(), front.into());
    }
    input
}

fn tags(value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        Value::String(words) => words.split(',').map(str::to_owned).collect(),
        Value::Array(words) => words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect(),
        Value::Null => Vec::new(),
        _ => return None,
    };
    let clean = words.iter().map(|word| word.trim().trim_start_matches('#').to_owned());
    Some(clean.filter(|word| !word.is_empty()).collect())
}

/// The tags in a text as Obsidian has them: `#word` after a space, not a number alone, not in code.
pub fn inline_tags(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let mut in_code = false;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) if !in_code => {
                for word in text.split_whitespace().filter_map(|word| word.strip_prefix('#')) {
                    let part_of_tag = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/');
                    let tag: String = word.chars().take_while(|letter| part_of_tag(*letter)).collect();
                    if tag.chars().any(|letter| !letter.is_numeric()) && !tags.contains(&tag) {
                        tags.push(tag);
                    }
                }
            }
            _ => {}
        }
    }
    tags
}

/// A time as people write it, if it can be kept; without a zone it is taken as UTC. The year of a birthday that nobody knows is none.
fn time(text: &str) -> Option<DateTime<Utc>> {
    limits::time(written(text.trim())?).ok()
}

fn written(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return Some(exact.to_utc());
    }
    let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let moment = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    moment.or_else(day).map(|time| time.and_utc())
}

struct Heading {
    start: usize,
    end: usize,
    level: HeadingLevel,
    text: String,
}

/// The headings that stand at the top of the document, not in a quotation, a list or a code block.
fn headings(body: &str) -> Vec<Heading> {
    let mut found: Vec<Heading> = Vec::new();
    let (mut depth, mut inside) = (0usize, false);
    for (event, range) in Parser::new_ext(body, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if let (0, Tag::Heading { level, .. }) = (depth, tag) {
                    inside = true;
                    found.push(Heading { start: range.start, end: range.end, level, text: String::new() });
                }
                depth += 1;
            }
            Event::End(tag) => {
                depth -= 1;
                inside &= !matches!(tag, TagEnd::Heading(_));
            }
            Event::Text(text) | Event::Code(text) if inside => {
                if let Some(heading) = found.last_mut() {
                    heading.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    found
}

/// The body cut before each heading; a heading with nothing below it goes to the section after it.
fn sections(body: &str) -> Vec<(Vec<String>, String)> {
    let headings = headings(body);
    let first = headings.first().map_or(body.len(), |heading| heading.start);
    let mut parts = vec![(Vec::new(), body[..first].to_owned())];
    let mut path: Vec<(HeadingLevel, String)> = Vec::new();
    let mut from = None;
    for (index, heading) in headings.iter().enumerate() {
        path.retain(|(level, _)| *level < heading.level);
        path.push((heading.level, heading.text.trim().to_owned()));
        let end = headings.get(index + 1).map_or(body.len(), |next| next.start);
        let start = *from.get_or_insert(heading.start);
        if body[heading.end..end].trim().is_empty() && index + 1 < headings.len() {
            continue;
        }
        parts.push((path.iter().map(|(_, text)| text.clone()).collect(), body[start..end].to_owned()));
        from = None;
    }
    parts
}

/// Makes memories of the parts, none longer than the server takes and none empty unless the whole note is.
fn number(parts: Vec<(Vec<String>, String)>, template: &MemoryInput) -> Vec<Section> {
    let all_empty = parts.iter().all(|(_, text)| text.trim().is_empty());
    let mut counts: HashMap<Vec<String>, u64> = HashMap::new();
    let mut sections = Vec::new();
    for (headings, text) in parts {
        for content in paragraphs(&text, CONTENT_CHARS_MAX) {
            let next = counts.entry(headings.clone()).or_default();
            let mut input = MemoryInput { content, ..template.clone() };
            if !headings.is_empty() {
                input.metadata.insert("headings".into(), headings.clone().into());
            }
            sections.push(Section { headings: headings.clone(), ordinal: *next, input });
            *next += 1;
        }
    }
    if all_empty {
        // The server refuses it, and so the report names the empty file.
        sections.push(Section { headings: Vec::new(), ordinal: 0, input: template.clone() });
    }
    sections
}

/// Text in pieces of at most `chars_max`, cut at the last blank line that fits, else line end, else space, else anywhere.
fn paragraphs(text: &str, chars_max: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((limit, _)) = rest.char_indices().nth(chars_max) {
        let head = &rest[..limit];
        let cut = ["\n\n", "\n", " "].iter().find_map(|mark| head.rfind(mark).filter(|at| *at > 0)).unwrap_or(limit);
        pieces.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_becomes_fields() {
        let note = "---\ntitle: Tea\ntags: drink, '#hot'\ndate: 2024-05-01\nmood: 3\n---\nTea is at four.\n";
        let note = note.replace("drink, '#hot'", "\"drink, #hot\"");
        let sections = read(&note).unwrap();
        let input = &sections[0].input;
        assert_eq!(sections.len(), 1);
        assert_eq!(input.tags, ["drink", "hot"]);
        assert_eq!(input.occurred_at.unwrap().to_rfc3339(), "2024-05-01T00:00:00+00:00");
        assert_eq!(input.metadata["front_matter"]["mood"], 3);
        assert_eq!(input.content, "Tea is at four.");
    }

    #[test]
    fn tags_stand_in_text_and_not_in_code() {
        let text = "# Title\n#tea and #drinks/hot, not a#b, #460 or `#code`\n\n    #include\n\n#tea";
        assert_eq!(inline_tags(text), ["tea", "drinks/hot"]);
    }

    #[test]
    fn broken_front_matter_is_refused() {
        assert!(read("---\ntags: [a\n---\nx\n").is_err());
    }

    #[test]
    fn a_hash_in_a_code_block_is_no_heading() {
        let fill = "word ".repeat(500);
        let note = format!("# One\n{fill}\n```sh\n# not a heading\n```\n## Two\n{fill}\n> # quoted\n");
        let paths: Vec<_> = read(&note).unwrap().into_iter().map(|section| section.headings).collect();
        assert_eq!(paths, [vec!["One".to_owned()], vec!["One".to_owned(), "Two".to_owned()]]);
    }

    #[test]
    fn a_long_section_is_cut_at_paragraphs_and_loses_nothing() {
        let paragraph = "wörter ".repeat(400).trim_end().to_owned();
        let note = format!("# Long\n\n{}", [paragraph.as_str(); 10].join("\n\n"));
        let sections = read(&note).unwrap();
        assert!(sections.len() > 1);
        assert!(sections.iter().all(|section| section.input.content.chars().count() <= CONTENT_CHARS_MAX));
        assert_eq!(
            sections.iter().map(|section| section.ordinal).collect::<Vec<_>>(),
            (0..sections.len() as u64).collect::<Vec<_>>()
        );
        let joined: Vec<_> = sections.iter().map(|section| section.input.content.as_str()).collect();
        assert_eq!(joined.join("\n\n"), note);
    }

    #[test]
    fn a_section_put_in_above_moves_no_other() {
        let fill = "word ".repeat(500);
        let before = read(&format!("# A\n{fill}\n# B\n{fill}")).unwrap();
        let after = read(&format!("# New\n{fill}\n# A\n{fill}\n# B\n{fill}")).unwrap();
        let key = |section: &Section| (section.headings.clone(), section.ordinal);
        assert_eq!(before.iter().map(key).collect::<Vec<_>>(), after[1..].iter().map(key).collect::<Vec<_>>());
    }
}
