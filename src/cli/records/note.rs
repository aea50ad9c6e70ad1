//! A memory as a Markdown note: everything but the content in one line of front matter, the content as it is. Called by export and import.

use crate::api::dto::MemoryInput;

const BEGIN: &str = "---\nsecond_brain: ";
const END: &str = "\n---\n";

/// The note. Its tags are repeated for programs that know front matter only as YAML.
pub fn write(memory: &MemoryInput) -> String {
    let head = MemoryInput { content: String::new(), ..memory.clone() };
    let head = serde_json::to_string(&head).expect("a memory is plain JSON");
    let tags = serde_json::to_string(&memory.tags).expect("texts are plain JSON");
    format!("{BEGIN}{head}\ntags: {tags}{END}{}\n", memory.content)
}

/// The memory in a note that [`write()`] has made; `None` for any other note.
pub fn read(text: &str) -> Option<Result<MemoryInput, String>> {
    let (head, rest) = text.strip_prefix(BEGIN)?.split_once('\n')?;
    // Between the head and the end stand only lines of ours, none of which begins with the rule.
    let (_, body) = if let Some(body) = rest.strip_prefix("---\n") { ("", body) } else { rest.split_once(END)? };
    let content = body.strip_suffix('\n').unwrap_or(body).to_owned();
    let head: Result<MemoryInput, _> = serde_json::from_str(head);
    Some(head.map(|head| MemoryInput { content, ..head }).map_err(|cause| format!("second_brain: {cause}")))
}
