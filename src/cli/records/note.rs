//! A memory as a Markdown note: everything but the content in one line of front matter, the content as it is. Called by export and import.
//!
//! A note may pass through editors and version control: other line ends, a mark at the beginning, a line break at the end, properties in
//! another order change nothing. A content that such handling would change stands in the head as well.

use serde::Deserialize;
use serde_json::Value;

use super::front_matter::{self, FrontMatter};
use crate::api::v1::dto::MemoryInput;

/// The property that holds the memory.
const KEY: &str = "second_brain";

/// The note. Its tags are repeated for programs that know front matter only as YAML.
pub fn write(memory: &MemoryInput) -> String {
    let content = if unified(&memory.content) == memory.content { String::new() } else { memory.content.clone() };
    let head = escaped(&serde_json::to_string(&MemoryInput { content, ..memory.clone() }).expect("a memory is plain JSON"));
    let tags = escaped(&serde_json::to_string(&memory.tags).expect("texts are plain JSON"));
    format!("---\n{KEY}: {head}\ntags: {tags}\n---\n{}\n", memory.content)
}

/// The memory in a note that [`write()`] has made; `None` for any other note.
pub fn read(text: &str) -> Option<Result<MemoryInput, String>> {
    let front = front_matter::read(text)?;
    let head = head(text, &front)?;
    let below = &text[front.body_at..];
    let is_converted = text[..front.body_at].contains("\r\n");
    let memory = MemoryInput::deserialize(head).map(|head| {
        let is_kept = !head.content.is_empty() && body(&head.content) == body(below);
        // Where the head's own line ends are as they were written, so are the content's.
        let as_it_stands = if is_converted { body(below) } else { below.trim().to_owned() };
        let content = if is_kept { head.content.clone() } else { as_it_stands };
        MemoryInput { content, ..head }
    });
    Some(memory.map_err(|cause| format!("{KEY}: {cause}")))
}

/// The head as JSON: the line that was written, else what another program has made of it.
fn head(text: &str, front: &FrontMatter) -> Option<Value> {
    let line = text[..front.body_at].lines().find_map(|line| line.strip_prefix(KEY)?.trim_start().strip_prefix(':'));
    let written = line.and_then(|line| serde_json::from_str::<Value>(line.trim()).ok());
    let found = || front.properties.iter().find(|property| property.key == KEY).map(|property| property.value.clone());
    written.or_else(found).filter(Value::is_object)
}

/// The content of a note without what editors put around it: a memory's content has no white space at its ends.
fn body(text: &str) -> String {
    unified(text).trim().to_owned()
}

/// One kind of line ends.
fn unified(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// JSON without characters that are line breaks or nothing at all to readers of YAML; they stand in texts only.
fn escaped(json: &str) -> String {
    let is_odd = |letter: char| matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    json.chars().fold(String::with_capacity(json.len()), |mut text, letter| {
        if is_odd(letter) {
            text.push_str(&format!("\\u{:04x}", letter as u32))
        } else {
            text.push(letter)
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(content: &str) -> MemoryInput {
        let id = Some(uuid::Uuid::from_u128(7));
        MemoryInput { id, content: content.into(), tags: vec!["a\u{85}b".into()], ..MemoryInput::default() }
    }

    #[test]
    fn editors_and_version_control_change_nothing() {
        for content in ["Tea", "a\n\n---\n\nb", "one\r\ntwo\rthree\n", "---\ntitle: x\n---\ny", "\u{feff}x\u{2028}y"] {
            let memory = memory(content.trim());
            let note = write(&memory);
            for note in [
                note.clone(),
                note.replace("\r\n", "\n").replace('\n', "\r\n"),
                note.replace("\r\n", "\n"),
                format!("\u{feff}{note}"),
                format!("\n{note}\n\n"),
                note.trim_end().to_owned(),
                note.replacen("---\n", "---\ncolour: red\n", 1),
                note.replacen("---\n", "--- \n", 1),
            ] {
                assert_eq!(read(&note), Some(Ok(memory.clone())), "{note:?}");
            }
        }
    }

    #[test]
    fn a_head_that_was_written_anew_as_yaml_is_read() {
        let id = uuid::Uuid::from_u128(7);
        let note = format!(
            "---\ntags:\n  - x\nsecond_brain:\n  id: {id}\n  content: \"\"\n  tags:\n    - x\n  importance: 0.5\n---\nTea"
        );
        let read = read(&note).expect("a head").expect("a memory");
        assert_eq!(
            (read.id, read.content.as_str(), read.importance, read.tags),
            (Some(id), "Tea", Some(0.5), vec!["x".to_owned()])
        );
    }

    #[test]
    fn an_edited_content_wins_over_the_one_in_the_head() {
        let note = write(&memory("one\r\ntwo")).replace("\ntwo\n", "\nthree\n");
        assert_eq!(read(&note).unwrap().unwrap().content, "one\r\nthree");
    }

    #[test]
    fn other_notes_are_none() {
        for note in
            ["Tea", "---\ntitle: x\n---\ny", "---\nsecond_brain: yes\n---\ny", "second_brain: {}", "---\nsecond_brain: {}\n"]
        {
            assert_eq!(read(note), None, "{note}");
        }
        assert!(read("---\nsecond_brain: {\"contents\": 1}\n---\n").unwrap().is_err());
    }
}
