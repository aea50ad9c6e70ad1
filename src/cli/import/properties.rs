//! What the properties of a note say of it: title, tags, time, other names, links. Pure; called by `import::note`.
//!
//! What is not understood stays in `metadata.front_matter`, and a time that is not understood is said.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    marks::{self, Link},
    report::Warning,
    tags,
};
use crate::cli::records::{
    dates,
    front_matter::{FrontMatter, Property},
};

/// What the properties of a note say.
#[derive(Debug, Default)]
pub struct Properties {
    pub title: Option<String>,
    /// The title, if it is a text: then it counts as the heading of all that the note says.
    pub heading: Option<String>,
    pub tags: Vec<String>,
    pub occurred_at: Option<DateTime<Utc>>,
    /// Other names by which links mean the note.
    pub aliases: Vec<String>,
    /// Links and the lines they stand on.
    pub links: Vec<(u64, Link)>,
    /// All that is not said by another field.
    pub rest: Map<String, Value>,
    /// The lines that they stand on.
    pub lines: HashMap<String, u64>,
    pub warnings: Vec<Warning>,
}

/// Understands the properties of a note in `file`.
pub fn of(front: &FrontMatter, file: &str) -> Properties {
    let mut it = Properties::default();
    let warning =
        |line, field: &str, reason: String| Warning { file: file.to_owned(), line: Some(line), field: field.to_owned(), reason };
    it.warnings.extend(front.odd.iter().map(|odd| warning(odd.line, &odd.key, odd.reason.clone())));
    let mut times: Vec<(usize, &Property)> = Vec::new();
    for property in &front.properties {
        let key = dates::plain_key(&property.key);
        it.lines.insert(property.key.clone(), property.line);
        if !matches!(key.as_str(), "tags" | "tag" | "aliases" | "alias") {
            add_links(&property.value, property.line, &mut it.links);
        }
        let is_kept = match key.as_str() {
            "title" => it.title(&property.value),
            "tags" | "tag" => it.tags(property),
            "aliases" | "alias" => {
                it.aliases.extend(names(&property.value));
                true
            }
            other => {
                times.extend(dates::KEYS.iter().position(|known| *known == other).map(|place| (place, property)));
                true
            }
        };
        if is_kept {
            it.rest.insert(property.key.clone(), property.value.clone());
        }
    }
    times.sort_by_key(|(place, _)| *place);
    for (_, property) in times {
        match dates::of_value(&property.value) {
            Some(time) if it.occurred_at.is_none() => {
                it.occurred_at = Some(time);
                it.rest.remove(&property.key);
            }
            Some(_) => {}
            None if property.is_blank() || front.odd.iter().any(|odd| odd.line == property.line) => {}
            None => {
                let reason = format!("{} is no time that can be told for certain; kept as a text", shown(&property.value));
                it.warnings.push(warning(property.line, &property.key, reason));
            }
        }
    }
    it
}

impl Properties {
    /// Takes the title; answers whether the property has to be kept as well.
    fn title(&mut self, value: &Value) -> bool {
        self.heading = value.as_str().map(str::to_owned);
        self.title = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        self.title.is_none() && !value.is_null()
    }

    fn tags(&mut self, property: &Property) -> bool {
        // What a reader of YAML takes for a comment is a tag here.
        let commented = property.raw.starts_with('#') || property.raw.contains(" #");
        let understood = match &property.value {
            Value::Null | Value::String(_) if commented => Some(tags::of_text(&property.raw)),
            value => tags::of_value(value),
        };
        let is_understood = understood.is_some();
        self.tags.extend(understood.unwrap_or_default());
        self.tags = tags::unique(std::mem::take(&mut self.tags));
        !is_understood
    }
}

/// The properties in the first lines of a page as Logseq writes them: `key:: value`, with a bullet or without.
pub fn of_page(text: &str) -> Option<FrontMatter> {
    let mut front = FrontMatter::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches("- ");
        let Some((key, value)) = line.split_once("::").filter(|(_, value)| value.is_empty() || value.starts_with(' ')) else {
            break;
        };
        if key.is_empty() || !key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_')) {
            break;
        }
        let value = Value::from(value.trim());
        front.properties.push(Property { key: key.to_owned(), value, line: number as u64 + 1, raw: String::new() });
    }
    (!front.properties.is_empty()).then_some(front)
}

/// The names in a property: a list, or one text with commas.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(name_of_item).collect(),
        Value::String(text) => {
            let text = text.trim();
            let text = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'))
                .filter(|_| !text.starts_with("[["))
                .unwrap_or(text);
            text.split([',', '，', '、']).map(name).filter(|name| !name.is_empty()).collect()
        }
        Value::Number(_) | Value::Bool(_) => vec![value.to_string()],
        _ => vec![],
    }
}

fn name_of_item(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![name(text)],
        other => names(other),
    }
}

fn name(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).trim_start_matches("[[").trim_end_matches("]]").trim().to_owned()
}

/// The links in a value: in its texts, and `[[Note]]` without quotation marks, which is a list in a list to a reader of YAML.
fn add_links(value: &Value, line: u64, links: &mut Vec<(u64, Link)>) {
    match value {
        Value::String(text) if text.contains("](") || text.contains("[[") => {
            links.extend(marks::in_property(text).into_iter().map(|link| (line, link)));
        }
        Value::Array(values) => match values.as_slice() {
            [Value::Array(inner)] if matches!(inner.as_slice(), [Value::String(_)]) => {
                let target = inner[0].as_str().unwrap_or_default();
                let target = target.split_once('|').map_or(target, |(target, _)| target).trim();
                links.push((line, Link::Wiki(target.to_owned())));
            }
            values => values.iter().for_each(|value| add_links(value, line, links)),
        },
        Value::Object(fields) => fields.values().for_each(|value| add_links(value, line, links)),
        _ => {}
    }
}

/// A value as a person wrote it, short.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let short: String = text.chars().take(60).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::records::front_matter;

    fn read(lines: &str) -> Properties {
        of(&front_matter::read(&format!("---\n{lines}\n---\nText")).expect("front matter"), "a.md")
    }

    #[test]
    fn usual_properties_are_understood_and_the_rest_is_kept() {
        let it = read(
            "title: 1984\ntags: garden tools\nTag: [x]\ndate: soon\nCreation Date: 2023/03/04\nlastmod: 2024-01-01\naliases: [Old Mill, \"[[Mill]]\"]\nmood: 3",
        );
        assert_eq!((it.title.as_deref(), it.tags), (Some("1984"), vec!["garden".to_owned(), "tools".to_owned(), "x".to_owned()]));
        assert_eq!(it.occurred_at.unwrap().to_rfc3339(), "2023-03-04T00:00:00+00:00");
        assert_eq!(it.aliases, ["Old Mill", "Mill"]);
        assert_eq!(it.rest.keys().collect::<Vec<_>>(), ["aliases", "date", "lastmod", "mood"]);
        assert_eq!((it.warnings.len(), it.warnings[0].line, it.warnings[0].field.as_str()), (1, Some(5), "date"));
    }

    #[test]
    fn the_first_time_of_the_list_that_is_understood_wins() {
        assert_eq!(read("published: 2020-01-01\ncreated: 2021-01-01").occurred_at, dates::time("2021-01-01"));
        assert_eq!(read("date: {{date}}\npublishDate: 2020-01-01").occurred_at, dates::time("2020-01-01"));
        assert!(read("date:\ncreated: ''").warnings.is_empty());
        assert_eq!(read("updated: 2020-01-01").occurred_at, None);
    }

    #[test]
    fn comments_that_are_tags_are_tags() {
        assert_eq!(read("tags: #a #b").tags, ["a", "b"]);
        assert_eq!(read("tags: a #b").tags, ["a", "b"]);
        assert_eq!(read("tags: [#a, #b]").tags, ["a", "b"]);
    }

    #[test]
    fn links_in_properties_are_links() {
        let wiki = |name: &str| Link::Wiki(name.into());
        let links = |lines: &str| read(lines).links.into_iter().map(|(_, link)| link).collect::<Vec<_>>();
        assert_eq!(links("up: \"[[Harbour]]\""), [wiki("Harbour")]);
        assert_eq!(links("up: [[Harbour|the port]]"), [wiki("Harbour")]);
        assert_eq!(links("up: [[x]] and [[y]]"), [wiki("x"), wiki("y")]);
        assert_eq!(
            links("see:\n  - \"[[A#b]]\"\n  - [[B]]\n  - [shown](c.md)"),
            [wiki("A#b"), wiki("B"), Link::Path("c.md".into())]
        );
        assert_eq!(read("x: 1\nup: \"[[A]]\"").links[0].0, 3);
    }

    #[test]
    fn pages_of_logseq_have_properties_in_their_first_lines() {
        let front =
            of_page("- title:: Boats\n  tags:: a, [[two words]]\n  alias:: Ships, Vessels\n- Text x:: y").expect("properties");
        let it = of(&front, "a.md");
        assert_eq!(
            (it.title.as_deref(), it.aliases, it.tags),
            (Some("Boats"), vec!["Ships".to_owned(), "Vessels".to_owned()], vec!["a".to_owned(), "two words".to_owned()])
        );
        assert!(of_page("std::vec is a type\n").is_none() && of_page("Text\na:: b").is_none());
    }
}
