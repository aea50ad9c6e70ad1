//! The properties at the head of a note: YAML between `---`, TOML between `+++`, JSON between `;;;` or bare. Pure; called by import.
//!
//! No property costs the note: what cannot be read as its format says is read line by line, and a line that cannot is a text, and said.
//! What stands between two rules and is no list of properties is the note's text.

mod grammar;

use serde_json::{Map, Value};

use grammar::Lines;

/// One property.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    pub key: String,
    pub value: Value,
    /// Line of the note, from 1.
    pub line: u64,
    /// Its first line behind the key, as written: a reader of YAML takes `#tag` for a comment.
    pub raw: String,
}

impl Property {
    pub fn is_blank(&self) -> bool {
        let is_blank = self.value.is_null() || self.value.as_str().is_some_and(|text| text.trim().is_empty());
        is_blank && !self.raw.starts_with('#')
    }
}

/// What could be read only as a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Odd {
    pub line: u64,
    pub key: String,
    pub reason: String,
}

/// The head of a note.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontMatter {
    pub properties: Vec<Property>,
    pub odd: Vec<Odd>,
    /// What stands between the rules.
    pub text: String,
    /// The byte of the note at which its own text begins.
    pub body_at: usize,
}

/// Properties by which a block is known as one, however odd its lines are.
const USUAL: [&str; 12] =
    ["title", "tags", "tag", "date", "created", "aliases", "alias", "id", "layout", "permalink", "description", "second_brain"];

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Yaml,
    Toml,
    Json,
}

/// A block at the head of a note.
struct Block<'a> {
    format: Format,
    text: &'a str,
    /// Line of the note at which the text begins, from 1.
    line: u64,
    body_at: usize,
}

/// The properties of a note and where its text begins; `None` for a note without. Blank lines and a byte order mark may come before them.
pub fn read(note: &str) -> Option<FrontMatter> {
    let block = block(note)?;
    let (properties, odd) = match block.format {
        Format::Yaml => yaml(&block),
        Format::Toml => toml(&block),
        Format::Json => json(&block),
    }?;
    Some(FrontMatter { properties, odd, text: block.text.to_owned(), body_at: block.body_at })
}

fn block(note: &str) -> Option<Block<'_>> {
    let head = note.trim_start_matches(|letter: char| letter == '\u{feff}' || letter.is_whitespace());
    let start = note.len() - head.len();
    // What is indented is code.
    if !(note[..start].trim_matches('\u{feff}').is_empty() || note[..start].ends_with(['\n', '\u{feff}'])) {
        return None;
    }
    let line = note[..start].matches('\n').count() as u64 + 1;
    if head.starts_with('{') {
        return bare_json(note, start, line);
    }
    let first = head.split_inclusive('\n').next()?;
    let (format, ends): (_, &[&str]) = match first.trim_end() {
        "---" | "---yaml" => (Format::Yaml, &["---", "..."]),
        "+++" => (Format::Toml, &["+++"]),
        "---toml" => (Format::Toml, &["---"]),
        ";;;" => (Format::Json, &[";;;"]),
        "---json" => (Format::Json, &["---"]),
        _ => return None,
    };
    let from = start + first.len();
    let mut at = from;
    for text in note[from..].split_inclusive('\n') {
        if ends.contains(&text.trim_end()) {
            return Some(Block { format, text: &note[from..at], line: line + 1, body_at: at + text.len() });
        }
        at += text.len();
    }
    None
}

/// An object that ends its line and has words below it; a note that is nothing but an object is that text.
fn bare_json(note: &str, start: usize, line: u64) -> Option<Block<'_>> {
    let mut values = serde_json::Deserializer::from_str(&note[start..]).into_iter::<Map<String, Value>>();
    values.next()?.ok()?;
    let end = start + values.byte_offset();
    let rest = note[end..].split_inclusive('\n').next()?;
    let has_more = rest.trim().is_empty() && !note[end..].trim().is_empty();
    has_more.then(|| Block { format: Format::Json, text: &note[start..end], line, body_at: end + rest.len() })
}

type Found = (Vec<Property>, Vec<Odd>);

fn yaml(block: &Block) -> Option<Found> {
    let lines = Lines::of(block.text, block.line, ':');
    match yaml_serde::from_str::<yaml_serde::Value>(block.text) {
        Ok(yaml_serde::Value::Null) => Some(Found::default()),
        Ok(yaml_serde::Value::Mapping(mapping)) => {
            let keys: Vec<String> = mapping.keys().map(|key| grammar::key_of(key).unwrap_or_default()).collect();
            if is_padded(block.text) && !keys.iter().any(|key| is_usual(key)) {
                return None;
            }
            let mut found = Found::default();
            for (key, (_, value)) in keys.into_iter().zip(mapping) {
                lines.add(&mut found, key, grammar::from_yaml(value));
            }
            Some(found)
        }
        Ok(_) => None,
        Err(_) if is_padded(block.text) || !lines.are_properties(is_usual) => None,
        Err(_) => Some(lines.one_by_one(grammar::yaml_line)),
    }
}

fn toml(block: &Block) -> Option<Found> {
    let lines = Lines::of(block.text, block.line, '=');
    match toml::from_str::<toml::Table>(block.text) {
        Ok(table) => {
            let mut found = Found::default();
            for (key, value) in table {
                lines.add(&mut found, key, Ok(grammar::from_toml(value)));
            }
            found.0.sort_by_key(|property| property.line);
            Some(found)
        }
        Err(_) if !lines.are_properties(is_usual) => None,
        Err(_) => Some(lines.one_by_one(grammar::toml_line)),
    }
}

fn json(block: &Block) -> Option<Found> {
    let lines = Lines::of(block.text, block.line, ':');
    let whole = serde_json::from_str::<Map<String, Value>>(block.text);
    let object = whole.or_else(|_| serde_json::from_str(&format!("{{{}}}", block.text.trim().trim_end_matches(',')))).ok()?;
    let mut found = Found::default();
    for (key, value) in object {
        lines.add(&mut found, key, Ok(value));
    }
    Some(found)
}

/// Words between two rules with blank lines around them, as people write them.
fn is_padded(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim().is_empty()) && lines.next_back().is_some_and(|line| line.trim().is_empty())
}

fn is_usual(key: &str) -> bool {
    USUAL.contains(&key.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(note: &str) -> Value {
        let found = read(note).unwrap_or_else(|| panic!("no properties: {note}"));
        Value::Object(found.properties.into_iter().map(|it| (it.key, it.value)).collect())
    }

    fn body(note: &str) -> &str {
        read(note).map_or(note, |found| &note[found.body_at..])
    }

    #[test]
    fn every_format_is_read() {
        let expected = json!({"title": "Bread", "tags": ["a", "b"]});
        for note in [
            "---\ntitle: Bread\ntags: [a, b]\n---\nRye",
            "--- \ntitle: Bread\ntags:\n- a\n- b\n...  \nRye",
            "\u{feff}\n \n---\ntitle: Bread\ntags: [a, b]\n---\nRye",
            "---\r\ntitle: Bread\r\ntags: [a, b]\r\n---\r\nRye",
            "+++\ntitle = \"Bread\"\ntags = [\"a\", \"b\"]\n+++\nRye",
            "---toml\ntitle = 'Bread'\ntags = ['a', 'b']\n---\nRye",
            "{\n\"title\": \"Bread\",\n\"tags\": [\"a\", \"b\"]}\nRye",
            ";;;\n\"title\": \"Bread\",\n\"tags\": [\"a\", \"b\"],\n;;;\nRye",
        ] {
            assert_eq!((keys(note), body(note)), (expected.clone(), "Rye"), "{note}");
        }
        assert_eq!(
            keys("+++\ndate = 2020-01-05T08:00:00Z\n[params]\na = 1\n+++\n"),
            json!({"date": "2020-01-05T08:00:00Z", "params": {"a": 1}})
        );
        assert_eq!((keys("---\n---\nx"), body("---\n# only\n---\nx")), (json!({}), "x"));
    }

    #[test]
    fn a_line_that_is_no_yaml_is_a_text() {
        for (line, value) in [
            ("title: Ferry: winter timetable", "Ferry: winter timetable"),
            ("owner: @marta", "@marta"),
            ("alias: *Harbour*", "*Harbour*"),
            ("title: {{title}}", "{{title}}"),
            ("title: `code`", "`code`"),
            ("title: %d", "%d"),
            ("up: [[x]] y", "[[x]] y"),
            ("title: \"C:\\quay\"", "C:\\quay"),
            ("title: - dash: dash", "- dash: dash"),
            ("tags: [#a, #b]", "[#a, #b]"),
            ("title: Tea\tand: cake", "Tea\tand: cake"),
            ("title: \"Tea\" and cake", "\"Tea\" and cake"),
            ("title: [open", "[open"),
            ("Erstellt am: 4. März: früh", "4. März: früh"),
        ] {
            let note = format!("---\n{line}\nnumber: 3\nlist:\n  - a\n  - b\n---\nText");
            let found = read(&note).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(found.properties[0].value, json!(value), "{line}");
            assert_eq!((&found.properties[1].value, &found.properties[2].value), (&json!(3), &json!(["a", "b"])), "{line}");
            assert_eq!((found.odd[0].line, found.odd.len(), &note[found.body_at..]), (2, 1, "Text"), "{line}");
        }
        assert_eq!(keys("---\n\ttitle: Tea\ntags: x\n---\n"), json!({"title": "Tea", "tags": "x"}));
        assert_eq!(keys("+++\ntitle = Bread\nn = 3\n+++\n"), json!({"title": "Bread", "n": 3}));
    }

    #[test]
    fn a_key_that_stands_twice_has_both_values() {
        assert_eq!(keys("---\ntags: a\nx: 1\ntags: [b, c]\n---\n"), json!({"tags": ["a", "b", "c"], "x": 1}));
    }

    #[test]
    fn keys_and_numbers_are_what_they_are_written_as() {
        let note = "---\n2024: a\ntrue: b\nbig: 123456789012345678901234567890\nnot: .nan\nid: 0012\ntags: #a #b\n---\n";
        assert_eq!(
            keys(note),
            json!({"2024": "a", "true": "b", "big": "123456789012345678901234567890", "not": ".nan", "id": "0012", "tags": null})
        );
        assert_eq!(read(note).unwrap().properties[5].raw, "#a #b");
    }

    #[test]
    fn what_is_no_list_of_properties_is_text() {
        for note in [
            "---\n\nToday: we met: the plumber\n\n---\n\nHe comes on Friday.\n",
            "---\n\nToday: we met the plumber\n\n---\n\nHe comes on Friday.\n",
            "---\nwords\n---\nmore",
            "---\nTwo rules: with: words\nbetween them\n---\nmore",
            "---\n- a list\n- of two\n---\nmore",
            "---\nnever: closed\n",
            "    ---\n    a: b\n    ---\n",
            "{\"only\": \"an object\"}\n",
            "{curly} words\n",
            "+++\nplus\n+++\n",
            "",
        ] {
            assert_eq!(read(note), None, "{note}");
        }
    }
}
