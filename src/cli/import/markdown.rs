//! A text taken apart: at its headings, and long parts at paragraphs. Pure; called by `import::note`. Changes no word.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A heading at the top of the document, not in a quotation, a list or a code block.
#[derive(Clone, Debug)]
pub struct Heading {
    pub range: Range<usize>,
    pub level: HeadingLevel,
    pub text: String,
}

/// A stretch of the text under one heading.
#[derive(Debug, PartialEq)]
pub struct Part {
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    pub range: Range<usize>,
}

/// The headings of a text, in order.
pub fn headings(body: &str) -> Vec<Heading> {
    let mut found: Vec<Heading> = Vec::new();
    let (mut depth, mut inside) = (0usize, false);
    // Decision: no more of Markdown than this; what a heading is decides over ids, and those must stay.
    for (event, range) in Parser::new_ext(body, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if let (0, Tag::Heading { level, .. }) = (depth, tag) {
                    inside = true;
                    found.push(Heading { range, level, text: String::new() });
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
    for heading in &mut found {
        heading.text = heading.text.trim().to_owned();
    }
    found
}

/// The text cut before each heading; a heading with nothing below it goes to the part after it. `above` is a heading of the first level
/// that stands nowhere in the text but counts as its first.
pub fn parts(body: &str, headings: &[Heading], above: Option<&str>) -> Vec<Part> {
    let mut path: Vec<(HeadingLevel, &str)> = above.map(|title| (HeadingLevel::H1, title)).into_iter().collect();
    let texts = |path: &[(HeadingLevel, &str)]| path.iter().map(|(_, text)| (*text).to_owned()).collect::<Vec<_>>();
    let first = headings.first().map_or(body.len(), |heading| heading.range.start);
    let mut parts = vec![Part { headings: texts(&path), range: 0..first }];
    let mut from = None;
    for (index, heading) in headings.iter().enumerate() {
        path.retain(|(level, _)| *level < heading.level);
        path.push((heading.level, &heading.text));
        let end = headings.get(index + 1).map_or(body.len(), |next| next.range.start);
        let start = *from.get_or_insert(heading.range.start);
        if body[heading.range.end..end].trim().is_empty() && index + 1 < headings.len() {
            continue;
        }
        parts.push(Part { headings: texts(&path), range: start..end });
        from = None;
    }
    parts
}

/// A stretch of text in pieces of at most `chars_max` characters without white space around them: cut at the last blank line that fits,
/// else line end, else space, else anywhere. None for a stretch without words.
pub fn pieces(body: &str, range: Range<usize>, chars_max: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let end = range.start + body[range.clone()].trim_end().len();
    let mut start = end - body[range.start..end].trim_start().len();
    while let Some((limit, _)) = body[start..end].char_indices().nth(chars_max) {
        let head = &body[start..start + limit];
        let cut = ["\n\n", "\n", " "].iter().find_map(|mark| head.rfind(mark).filter(|at| *at > 0)).unwrap_or(limit);
        pieces.push(start..start + head[..cut].trim_end().len());
        start += cut;
        start = end - body[start..end].trim_start().len();
    }
    if start < end {
        pieces.push(start..end);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(body: &str, above: Option<&str>) -> Vec<String> {
        let parts = parts(body, &headings(body), above);
        parts.iter().filter(|part| !body[part.range.clone()].trim().is_empty()).map(|part| part.headings.join("/")).collect()
    }

    #[test]
    fn a_hash_in_a_code_block_is_no_heading() {
        assert_eq!(paths("# One\nx\n```sh\n# not a heading\n```\n## Two\ny\n> # quoted\n", None), ["One", "One/Two"]);
        assert_eq!(paths("intro\n# One\n## Two\nx\n# Three", None), ["", "One/Two", "Three"]);
    }

    #[test]
    fn a_title_that_stands_elsewhere_counts_as_the_first_heading() {
        assert_eq!(paths("intro\n## Two\nx", Some("T")), ["T", "T/Two"]);
        assert_eq!(paths("## Two\nx\n# One\ny", Some("T")), ["T/Two", "One"]);
    }

    #[test]
    fn pieces_lose_nothing_but_the_space_between_them() {
        let text = "  wörter wörter\n\nwörter\nwörter wörterwörterwörter  ";
        let cut: Vec<&str> = pieces(text, 0..text.len(), 14).into_iter().map(|range| &text[range]).collect();
        assert_eq!(cut, ["wörter wörter", "wörter", "wörter", "wörterwörterwö", "rter"]);
        assert!(pieces(" \n ", 0..3, 5).is_empty());
    }
}
