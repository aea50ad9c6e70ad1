//! What stands in a note's text besides words: links, tags, and the names by which other notes point into it. Pure.
//!
//! Called by `import::note` with the whole text, so that a reference defined at its end and a fence around a part of it are understood;
//! each mark has its place in the text, by which it goes to the piece that holds it. Nothing in code is a mark.

use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::tags;

/// A link as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// By the note's name, wherever it lies: `[[Note]]`, `[[folder/Note#Heading|shown]]`.
    Wiki(String),
    /// By the path from the note that holds the link: `[shown](../other.md#heading)`.
    Path(String),
    /// By the id of a block in any note: `((64a0…))`.
    Block(String),
}

impl Link {
    /// What a person finds in the text.
    pub fn target(&self) -> &str {
        let (Self::Wiki(target) | Self::Path(target) | Self::Block(target)) = self;
        target
    }
}

/// A thing and the byte of the text at which it begins.
pub type At<T> = (usize, T);

/// All marks of a text, each kind in order.
#[derive(Debug, Default)]
pub struct Marks {
    pub links: Vec<At<Link>>,
    pub tags: Vec<At<String>>,
    /// Names of blocks (`^name`, `id:: name`), and of places in HTML (`id="name"`) and headings (`{#name}`).
    pub anchors: Vec<At<String>>,
}

/// Finds them all.
pub fn of(body: &str) -> Marks {
    let mut marks = Marks::default();
    let mut code: Vec<Range<usize>> = Vec::new();
    let (mut in_code, mut in_link) = (0usize, 0usize);
    let options = Options::ENABLE_WIKILINKS | Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
    let source = source_blocks(body);
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        let is_source = source.iter().any(|block| block.contains(&range.start));
        match event {
            Event::Start(Tag::CodeBlock(_)) => {
                in_code += 1;
                code.push(range);
            }
            Event::End(TagEnd::CodeBlock) => in_code -= 1,
            Event::Code(_) => code.push(range),
            Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. }) => {
                in_link += 1;
                if !is_source {
                    marks.link(body, range, link_type, &dest_url);
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => in_link -= 1,
            Event::Text(_) if in_code == 0 && in_link == 0 && !is_source => marks.text(body, range),
            Event::Html(_) | Event::InlineHtml(_) => marks.html(body, range),
            _ => {}
        }
    }
    marks.block_names(body, &code);
    marks.anchors.sort();
    marks
}

/// The links in a property's text, where Markdown is only what is asked for: `[[Note]]` and `[shown](note.md)`.
pub fn in_property(text: &str) -> Vec<Link> {
    of(text).links.into_iter().map(|(_, link)| link).collect()
}

/// Whether the text before a byte ends a word, so that a tag may begin there.
fn after_space(body: &str, at: usize) -> bool {
    body[..at].chars().next_back().is_none_or(char::is_whitespace)
}

impl Marks {
    fn link(&mut self, body: &str, range: Range<usize>, kind: LinkType, dest: &str) {
        let target = dest.trim();
        match kind {
            LinkType::WikiLink { .. } => {
                // In a table the bar before the shown name is written `\|`.
                let target = target.strip_suffix('\\').unwrap_or(target).trim();
                let hash = body[..range.start].ends_with('#').then(|| range.start - 1);
                match hash.filter(|at| after_space(body, *at)) {
                    Some(at) => self.tags.extend(tags::of_text(&format!("[[{target}]]")).into_iter().map(|tag| (at, tag))),
                    None if target.is_empty() => {}
                    None => self.links.push((range.start, Link::Wiki(target.to_owned()))),
                }
            }
            LinkType::Autolink | LinkType::Email => {}
            _ if target.is_empty() || leads_outside(target) => {}
            // As Logseq writes them: `[shown]([[Note]])`, `[shown](((id)))`.
            _ if between(target, "[[", "]]").is_some() => {
                self.links.extend(between(target, "[[", "]]").map(|name| (range.start, Link::Wiki(name.to_owned()))));
            }
            _ if between(target, "((", "))").is_some() => {
                self.links.extend(between(target, "((", "))").map(|name| (range.start, Link::Block(name.to_lowercase()))));
            }
            _ => self.links.push((range.start, Link::Path(target.to_owned()))),
        }
    }

    /// Tags and references to blocks. The source is read and not the events' text, which ends at every bracket and escape.
    fn text(&mut self, body: &str, range: Range<usize>) {
        let text = &body[range.clone()];
        for (at, _) in text.match_indices('#').map(|(at, mark)| (range.start + at, mark)) {
            if after_space(body, at)
                && let Some(tag) = tags::at(&body[at..])
            {
                self.tags.push((at, tag));
            }
        }
        for (at, _) in text.match_indices("((") {
            let rest = &text[at + 2..];
            if let Some(name) = rest.find("))").map(|end| &rest[..end]).filter(|name| uuid::Uuid::try_parse(name).is_ok()) {
                self.links.push((range.start + at, Link::Block(name.to_lowercase())));
            }
        }
        if let Some((before, rest)) = text.split_once("{#")
            && let Some((name, _)) = rest.split_once('}')
        {
            self.anchors.push((range.start + before.len(), name.trim().to_owned()));
        }
    }

    fn html(&mut self, body: &str, range: Range<usize>) {
        let text = &body[range.clone()];
        for attribute in [" id=", " name="] {
            for (at, found) in text.match_indices(attribute) {
                let value = text[at + found.len()..].trim_start_matches(['"', '\'']);
                let name = &value[..value.find(['"', '\'', ' ', '>', '\n']).unwrap_or(value.len())];
                self.anchors.push((range.start + at, name.to_owned()));
            }
        }
    }

    /// Names at the ends of lines; one that has a line for itself names the block above it.
    fn block_names(&mut self, body: &str, code: &[Range<usize>]) {
        let (mut at, mut above) = (0, 0);
        for line in body.split_inclusive('\n') {
            let (start, text) = (at, line.trim_end());
            at += line.len();
            if text.trim().is_empty() {
                continue;
            }
            if let Some((before, name)) = block_name(text)
                && !code.iter().any(|code| code.contains(&(start + text.len() - 1)))
            {
                self.anchors.push((if before.trim().is_empty() { above } else { start }, name.to_owned()));
            }
            above = start;
        }
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// The blocks `#+BEGIN_SRC … #+END_SRC`, and their kin that hold no prose.
fn source_blocks(body: &str) -> Vec<Range<usize>> {
    let (mut blocks, mut open, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive('\n') {
        let word = line.trim_start().trim_start_matches("- ").split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match &open {
            None => {
                let kind = word.strip_prefix("#+BEGIN_").filter(|kind| matches!(*kind, "SRC" | "QUERY" | "EXAMPLE" | "EXPORT"));
                open = kind.map(|kind| (at, format!("#+END_{kind}")));
            }
            Some((start, end)) if word == *end => {
                blocks.push(*start..at);
                open = None;
            }
            Some(_) => {}
        }
        at += line.len();
    }
    blocks
}

/// The name that a line gives to its block, and what stands before it.
fn block_name(line: &str) -> Option<(&str, &str)> {
    if let Some((before, name)) = line.split_once("id:: ").filter(|(before, _)| matches!(before.trim(), "" | "-" | "*")) {
        return Some((before, name.trim()));
    }
    let (before, name) = line.rsplit_once('^')?;
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    (is_name && before.chars().next_back().is_none_or(char::is_whitespace)).then_some((before, name))
}

/// Whether a link names a scheme or a host: nothing below any folder.
fn leads_outside(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| scheme.len() > 1);
    let is_scheme = |scheme: &str| {
        let mut letters = scheme.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
    };
    target.starts_with("//") || scheme.is_some_and(is_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<Link> {
        of(text).links.into_iter().map(|(_, link)| link).collect()
    }

    fn tags(text: &str) -> Vec<String> {
        of(text).tags.into_iter().map(|(_, tag)| tag).collect()
    }

    fn wiki(name: &str) -> Link {
        Link::Wiki(name.into())
    }

    #[test]
    fn only_links_to_notes_are_found() {
        let text = "[[Tea]] and [[drinks/Coffee#Milk|white]], ![[plan]], [x](../a%20b.md), [y](https://a.b/c.md), [z](#here)\n\n\
                    `[[code]]` and [mail](mailto:a@b.c), <me@example.org>, [host](//a.b/c), [t](</Ferry: winter.md>), [e]()";
        let path = |path: &str| Link::Path(path.into());
        let expected = [
            wiki("Tea"),
            wiki("drinks/Coffee#Milk"),
            wiki("plan"),
            path("../a%20b.md"),
            path("#here"),
            path("/Ferry: winter.md"),
        ];
        assert_eq!(links(text), expected);
    }

    #[test]
    fn links_in_tables_references_and_footnotes_are_links() {
        let table = "| a | b |\n|---|---|\n| [[Harbour\\|the port]] | ![[crane.png\\|100]] |";
        assert_eq!(links(table), [wiki("Harbour"), wiki("crane.png")]);
        assert_eq!(links("See [the target][t].\n\n# Far\n\n[t]: Target.md"), [Link::Path("Target.md".into())]);
        assert_eq!(links("Word[^1].\n\n[^1]: See [[Note]]."), [wiki("Note")]);
        assert_eq!(links("[a]([[Page/b]]) [c](((64a0)))"), [wiki("Page/b"), Link::Block("64a0".into())]);
        assert_eq!(links("[^1] is open.\n\n[^1]: Word"), []);
    }

    #[test]
    fn code_holds_no_marks_however_long_it_is() {
        let text = "```c\nx = a[[Target]] ;\n\n#include <stdio>\n((64a0b0c0-0000-4000-8000-000000000001)) ^name\n```\n    #indented [[x]]\n";
        let marks = of(text);
        assert!(marks.links.is_empty() && marks.tags.is_empty() && marks.anchors.is_empty(), "{marks:?}");
        let org = "#+BEGIN_SRC clojure\n#+BEGIN_QUERY\n[[x]] #tag\n#+END_QUERY\n#+END_SRC\n#+BEGIN_NOTE\n[[y]]\n#+END_NOTE";
        assert_eq!((links(org), tags(org)), (vec![wiki("y")], vec![]));
    }

    #[test]
    fn tags_begin_after_white_space_of_the_source() {
        let text = "# Title\n#tea and #drinks/hot, not a#b, #460 or `#code`\n\n    #include\n\n#tea";
        assert_eq!(tags(text), ["tea", "drinks/hot", "tea"]);
        assert_eq!(tags("See [[#Below]], [x](#part) [#shown](a.md), a[#b, \\#escaped and https://a.b/#top"), [""; 0]);
        assert_eq!(
            tags("#snake_case_tag and #a\\*b - [ ] #todo\n> #quoted\n\n| #cell |\n|---|"),
            ["snake_case_tag", "a", "todo", "quoted", "cell"]
        );
        assert_eq!(tags("- #docs #[[two words]] and #[[one]]."), ["docs", "two words", "one"]);
        assert_eq!(tags("#ต้ม #हिन्दी"), ["ต้ม", "हिन्दी"]);
    }

    #[test]
    fn blocks_have_names() {
        let names = |text: &str| of(text).anchors;
        assert_eq!(
            names("One ^first\n\n- two ^second-2\n\n| t |\n|---|\n\n^table"),
            [(0, "first".into()), (12, "second-2".into()), (35, "table".into())]
        );
        assert_eq!(names("- id:: 64a0\n")[0], (0, "64a0".into()));
        assert_eq!(names("- block\n  id:: 64a0b0c0-0000-4000-8000-000000000001")[0].1, "64a0b0c0-0000-4000-8000-000000000001");
        assert_eq!(
            names("## Part {#own}\n\n<a name=\"old\"></a> x^2 and a ^ b")
                .iter()
                .map(|(_, name)| name.as_str())
                .collect::<Vec<_>>(),
            ["own", "old"]
        );
        assert_eq!(
            links("See ((64A0B0C0-0000-4000-8000-000000000001)) and ((not one))."),
            [Link::Block("64a0b0c0-0000-4000-8000-000000000001".into())]
        );
    }
}
