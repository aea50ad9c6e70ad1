//! Script tags in a content (specification §2.2): what is one, and whether an instance keeps them. Called by the rules of a draft.
//!
//! Contents are Markdown, and what Markdown shows as code is no markup: a note may say how a script is loaded. In doubt it is prose.

use std::{ops::Range, str::FromStr};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

/// What an instance does with script tags; its operator says so, no client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptTags {
    /// Refuses them in prose, as the specification has it.
    #[default]
    Refuse,
    /// Keeps them: for those who show contents as text, or clean them where they are shown.
    Allow,
}

/// The setting is none of the two.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("script tags can be refused or allowed: write refuse or allow")]
pub struct UnknownScriptTags;

impl FromStr for ScriptTags {
    type Err = UnknownScriptTags;

    fn from_str(text: &str) -> Result<Self, UnknownScriptTags> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "allow" => Ok(Self::Allow),
            _ => Err(UnknownScriptTags),
        }
    }
}

const OPENS: &str = "<script";
const CLOSES: &str = "</script>";

/// The byte where the first `<script…>…</script>` outside of code begins, in any case of letters.
///
/// A tag that opens in prose may be closed in a code span: whoever does not know about code spans would run it. One that is closed in a
/// block of code only is none, so that a note may explain the tag in a sentence and show it below.
pub fn tag(content: &str) -> Option<usize> {
    let lower = content.to_ascii_lowercase();
    pair(&lower, &lower)?;
    let (mut blocks, mut all) = (vec![], vec![]);
    for (is_block, place) in code(content) {
        if is_block {
            blocks.push(place.clone());
        }
        all.push(place);
    }
    pair(&without(&lower, &all), &without(&lower, &blocks))
}

/// Where a tag opens in `opened`, if it ends and is closed in `closed`.
fn pair(opened: &str, closed: &str) -> Option<usize> {
    let open = opened.find(OPENS)?;
    let body = open + closed[open..].find('>')?;
    closed[body..].contains(CLOSES).then_some(open)
}

/// The code of a Markdown text, in order: whether it is a block, and the bytes that it takes up. A fence that nobody closes is none: what
/// the text is put before or cut from decides how far such a fence reaches.
fn code(content: &str) -> impl Iterator<Item = (bool, Range<usize>)> {
    Parser::new_ext(content, Options::ENABLE_TABLES).into_offset_iter().filter_map(|(event, place)| match event {
        Event::Code(_) => Some((false, place)),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => Some((true, place)),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) if is_closed(&content[place.clone()]) => Some((true, place)),
        _ => None,
    })
}

/// Whether a fenced block ends with a fence of its own; before it may stand what makes it part of a quote or a list.
fn is_closed(block: &str) -> bool {
    let mark = if block.starts_with('~') { '~' } else { '`' };
    let length = block.chars().take_while(|letter| *letter == mark).count();
    let Some((_, last)) = block.trim_end().rsplit_once('\n') else { return false };
    let fence = last.trim_start_matches([' ', '\t', '>']);
    length >= 3 && fence.len() >= length && fence.chars().all(|letter| letter == mark)
}

/// The text with blanks in these places, so that everything else stays where it is.
fn without(text: &str, places: &[Range<usize>]) -> String {
    let (mut rest, mut at) = (String::with_capacity(text.len()), 0);
    for place in places {
        rest.push_str(&text[at..place.start.max(at)]);
        rest.extend(std::iter::repeat_n(' ', place.end.saturating_sub(place.start.max(at))));
        at = place.end.max(at);
    }
    rest.push_str(&text[at..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::draft::CONTENT_CHARS_MAX;

    #[test]
    fn code_is_no_markup() {
        for kept in [
            "Load it with `<script src=x></script>` at the end",
            "``a ` <script></script> ``",
            "# Snippets\n\n```html\n<script src=\"x.js\"></script>\n```",
            "~~~\n<SCRIPT>\n</SCRIPT>\n~~~~\nmore",
            "Text:\n\n    <script>alert(1)</script>\n\nmore",
            "- point\n\n  ```\n  <script></script>\n  ```\n",
            "> ```\n> <script></script>\n> ```\n",
            "````\n```\n<script></script>\n````",
            "The <script> tag is written so:\n\n```\n<script></script>\n```",
            "| tag | use |\n|---|---|\n| `<script></script>` | code |",
            "`<script>` opens and `</script>` closes",
            "<scripting> never ends",
            "two ```` ```<script></script> ```` fences in a span",
        ] {
            assert_eq!(tag(kept), None, "{kept}");
        }
    }

    #[test]
    fn prose_and_whatever_is_in_doubt_is_not() {
        for (refused, at) in [
            ("a <SCRIPT src=x>\nalert()</Script>", 2),
            ("```\n<script>alert(1)</script>", 4),
            ("```\n<script>alert(1)</script>\n``", 4),
            ("~~~\n<script>alert(1)</script>\n```", 4),
            ("````\n<script>alert(1)</script>\n```", 5),
            ("> ```\n> <script>alert(1)</script>\n\nend", 8),
            ("`<script>alert(1)</script>", 1),
            ("\\`<script>alert(1)</script>`", 2),
            ("<script>`</script>`", 0),
            ("<script `x`>alert(1)</script>", 0),
            ("<div>\n`<script>alert(1)</script>`\n</div>", 7),
            ("| `a | b |\n|---|---|\n| `x | <script></script>` |", 28),
            ("`code` and <script>alert(1)</script>", 11),
            ("`<script></script>` and <script>alert(1)</script>", 24),
            ("text\n    <script>alert(1)</script>", 9),
            ("<b title='`'><script>alert(1)</script><b title='`'>", 13),
        ] {
            assert_eq!(tag(refused), Some(at), "{refused}");
        }
    }

    #[test]
    fn hostile_texts_take_no_time() {
        let parts = [
            "`",
            "``` ",
            "> ",
            "- ",
            "[",
            "![a](",
            "*a_ ",
            "<script>`",
            "<!--",
            "|`",
            "a`b``c```",
            "\n> ```",
            "&#1;",
            "\t-",
            "[a]: <b>\n",
            "[a][",
            "<a b=`",
            "***a",
            "1. ",
            "> - `",
            "\n\n    ",
            "~~~\n",
            "|\n|-\n",
            "\\`",
            "会`",
        ];
        let table = format!("{}\n{}\n{}", "a|".repeat(1_600), "-|".repeat(1_600), "a\n".repeat(1_600));
        let repeated = parts.iter().map(|part| part.repeat(CONTENT_CHARS_MAX / part.chars().count() - 5));
        for mut text in repeated.chain([table]) {
            text.push_str("\n<script></script>");
            let (started, begins) = (std::time::Instant::now(), text.chars().take(8).collect::<String>());
            let _ = tag(&text);
            assert!(started.elapsed().as_secs() < 2, "{begins:?} took {:?}", started.elapsed());
        }
    }

    #[test]
    fn a_setting_is_one_of_two_words() {
        assert_eq!(["refuse", "allow"].map(str::parse), [Ok(ScriptTags::Refuse), Ok(ScriptTags::Allow)]);
        assert_eq!("Allow ".parse::<ScriptTags>(), Err(UnknownScriptTags));
    }
}
