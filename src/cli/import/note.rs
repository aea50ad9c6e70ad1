//! A note taken apart: the properties at its head, its name, and the pieces that become memories, each with the links, tags and names of
//! blocks that stand in it. Pure; called by `import::source`. Never changes a word of a note's own text.

use std::collections::{HashMap, HashSet};

use super::{
    fit::{first_chars, fit},
    markdown::{self, Heading, Part},
    marks::{self, Link},
    properties::{self, Properties},
    report::Warning,
    tags,
};
use crate::{
    api::v1::dto::MemoryInput,
    cli::records::{
        dates,
        front_matter::{self, FrontMatter},
    },
    domain::memory::draft::{CONTENT_CHARS_MAX, TITLE_CHARS_MAX},
};

/// A note up to this length is one memory; a longer one is split at its headings.
const NOTE_CHARS_MAX: usize = 2_000;
/// Between the names of a note, its headings and theirs.
const BELOW: &str = " › ";

/// A part of a note that becomes one memory.
#[derive(Debug, Default, PartialEq)]
pub struct Piece {
    /// The headings that the text is under, outermost first; empty for a note left whole. They are a part of its id.
    pub headings: Vec<String>,
    /// Counts the pieces of the same heading path, from 0.
    pub ordinal: u64,
    /// Line of the note at which it begins, from 1.
    pub line: u64,
    pub input: MemoryInput,
    /// The links in it, each once, with the line of the first.
    pub links: Vec<(u64, Link)>,
    /// Every heading in it, also those with nothing below.
    pub inner_headings: Vec<String>,
    /// Names of blocks and places in it.
    pub anchors: Vec<String>,
}

/// A note taken apart; without pieces if it has neither words nor properties.
#[derive(Debug, Default)]
pub struct Note {
    pub title: String,
    pub aliases: Vec<String>,
    pub pieces: Vec<Piece>,
    pub warnings: Vec<Warning>,
}

/// What a note is besides its text: where it lies, and how its folder is kept.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Path below the import root.
    pub file: &'a str,
    /// Whether pages have their properties in their first lines, and names that are written for file systems.
    pub logseq: bool,
}

impl<'a> Place<'a> {
    /// The name without folder and ending.
    pub fn stem(&self) -> &'a str {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
    }

    /// The name that people know.
    pub fn name(&self) -> String {
        if self.logseq { page_name(self.stem()) } else { self.stem().to_owned() }
    }
}

/// The name of a page whose file is called `a___b%3F`.
pub fn page_name(stem: &str) -> String {
    percent_encoding::percent_decode_str(&stem.replace("___", "/"))
        .decode_utf8()
        .map_or_else(|_| stem.to_owned(), |name| name.into_owned())
}

/// Takes a Markdown note apart.
pub fn read(text: &str, place: Place) -> Note {
    let front = front_matter::read(text);
    let body_at = front.as_ref().map_or(0, |front| front.body_at);
    let mut said = front.as_ref().map(|front| properties::of(front, place.file)).unwrap_or_default();
    if place.logseq
        && front.is_none()
        && let Some(page) = properties::of_page(text)
    {
        said = properties::of(&page, place.file);
        // They stand in the text, which has their links and is split as it always was.
        said.links.clear();
        said.heading = None;
    }
    let body = &text[body_at..];
    if body.replace('\0', "").trim().is_empty() {
        let is_said = |front: &FrontMatter| front.properties.iter().any(|property| !property.is_blank());
        return only_properties(front.filter(is_said).map(|front| front.text).unwrap_or_default(), said, place);
    }
    let headings = markdown::headings(body);
    let first = headings.first().filter(|first| body[..first.range.start].trim().is_empty() && first.level as usize == 1);
    let title = said.title.as_deref().and_then(one_line).or_else(|| first.and_then(|first| one_line(&first.text)));
    let title = title.unwrap_or_else(|| place.name());
    let parts = parts(body, &headings, said.heading.as_deref());
    let cut = Cut { text, body_at, title: &title, place };
    let (pieces, warnings) = cut.pieces(parts, &headings, &said);
    Note { title, aliases: said.aliases, pieces, warnings: [said.warnings, warnings].concat() }
}

/// Takes plain text apart, at paragraphs if it is long.
pub fn plain(text: &str, place: Place) -> Note {
    let title = place.stem().to_owned();
    let cut = Cut { text, body_at: 0, title: &title, place };
    let whole = vec![Part { headings: vec![], range: 0..text.len() }];
    let pieces = if text.replace('\0', "").trim().is_empty() { vec![] } else { cut.stretches(whole).1 };
    Note { title, pieces, ..Note::default() }
}

/// A note that has nothing but properties says them; one without any says nothing.
fn only_properties(text: String, said: Properties, place: Place) -> Note {
    let title = said.title.as_deref().and_then(one_line).unwrap_or_else(|| place.name());
    if text.trim().is_empty() {
        return Note { title, aliases: said.aliases, ..Note::default() };
    }
    let cut = Cut { text: &text, body_at: 0, title: &title, place };
    let whole = vec![Part { headings: vec![], range: 0..text.len() }];
    let (pieces, warnings) = cut.pieces(whole, &[], &said);
    Note { title, aliases: said.aliases, pieces, warnings: [said.warnings, warnings].concat() }
}

/// The whole note, or its parts under headings. A title that stands only in the properties counts as the heading of all.
/// Decision: what is split, and under which headings, decides over ids, and those must stay.
fn parts(body: &str, headings: &[Heading], title: Option<&str>) -> Vec<Part> {
    let above = title.filter(|title| !body.contains(title)).map(|title| {
        let heading = format!("# {title}");
        let text = markdown::headings(&heading).into_iter().next().map(|heading| heading.text).unwrap_or_default();
        (heading.chars().count() + 2, text)
    });
    let chars = match &above {
        Some((more, _)) => body.trim_start().chars().count() + more,
        None => body.chars().count(),
    };
    if chars <= NOTE_CHARS_MAX {
        return vec![Part { headings: vec![], range: 0..body.len() }];
    }
    markdown::parts(body, headings, above.as_ref().map(|(_, text)| text.as_str()))
}

/// A note being cut into pieces.
struct Cut<'a> {
    text: &'a str,
    /// The byte at which its own text begins.
    body_at: usize,
    title: &'a str,
    place: Place<'a>,
}

impl Cut<'_> {
    /// Line of the note, from 1, of a byte of its own text.
    fn line_of(&self, at: usize) -> u64 {
        self.text.as_bytes()[..self.body_at + at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1
    }

    /// The pieces with everything that stands in them or is said of the note, and what had to be left out.
    fn pieces(&self, parts: Vec<Part>, headings: &[Heading], said: &Properties) -> (Vec<Piece>, Vec<Warning>) {
        let marks = marks::of(&self.text[self.body_at..]);
        let (starts, mut pieces) = self.stretches(parts);
        // A mark belongs to the last piece that begins before it.
        let holder = |offset: usize| starts.partition_point(|start| *start <= offset).saturating_sub(1);
        for piece in &mut pieces {
            piece.input.tags.clone_from(&said.tags);
            if !said.rest.is_empty() {
                piece.input.metadata.insert("front_matter".into(), said.rest.clone().into());
            }
            piece.input.occurred_at = said.occurred_at.or(piece.input.occurred_at);
        }
        if let Some(first) = pieces.first_mut() {
            first.links.clone_from(&said.links);
        }
        for (offset, tag) in marks.tags {
            pieces[holder(offset)].input.tags.push(tag);
        }
        for (offset, link) in marks.links {
            pieces[holder(offset)].links.push((self.line_of(offset), link));
        }
        for (offset, name) in marks.anchors {
            pieces[holder(offset)].anchors.push(name);
        }
        for heading in headings {
            pieces[holder(heading.range.start)].inner_headings.push(heading.text.clone());
        }
        let warnings = pieces.iter_mut().flat_map(|piece| self.settle(piece, said)).collect::<Vec<_>>();
        (pieces, once(warnings))
    }

    /// Each link and tag once, and every side field within its limits; answers what was left out.
    fn settle(&self, piece: &mut Piece, said: &Properties) -> Vec<Warning> {
        let mut seen = HashSet::new();
        piece.links.retain(|(_, link)| seen.insert(link.clone()));
        piece.input.tags = tags::unique(std::mem::take(&mut piece.input.tags));
        let cuts = fit(&mut piece.input).into_iter();
        let line_of = |field: &str| Some(said.lines.get(field).copied().unwrap_or(piece.line));
        cuts.map(|(field, reason)| Warning { file: self.place.file.to_owned(), line: line_of(&field), field, reason }).collect()
    }

    /// The stretches of text that become pieces, none longer than the server takes and none empty, and the bytes at which they begin.
    fn stretches(&self, parts: Vec<Part>) -> (Vec<usize>, Vec<Piece>) {
        let body = &self.text[self.body_at..];
        let occurred_at = dates::in_name(self.place.stem());
        let mut counts: HashMap<Vec<String>, u64> = HashMap::new();
        let (mut starts, mut pieces) = (Vec::new(), Vec::new());
        for Part { headings, range } in parts {
            for stretch in markdown::pieces(body, range, CONTENT_CHARS_MAX) {
                let next = counts.entry(headings.clone()).or_default();
                let (title, content) = (Some(self.title_under(&headings)), body[stretch.clone()].to_owned());
                let mut input = MemoryInput { title, content, occurred_at, ..MemoryInput::default() };
                if !headings.is_empty() {
                    input.metadata.insert("headings".into(), headings.clone().into());
                }
                let (ordinal, line) = (*next, self.line_of(stretch.start));
                *next += 1;
                starts.push(stretch.start);
                pieces.push(Piece { headings: headings.clone(), ordinal, line, input, ..Piece::default() });
            }
        }
        (starts, pieces)
    }

    /// The note's name and the headings below it.
    fn title_under(&self, headings: &[String]) -> String {
        let below = headings.iter().filter_map(|heading| one_line(heading));
        let names = std::iter::once(self.title.to_owned()).chain(below.skip_while(|heading| heading == self.title));
        first_chars(&names.collect::<Vec<_>>().join(BELOW), TITLE_CHARS_MAX)
    }
}

/// The same said of every piece of a note is said once.
fn once(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut seen = HashSet::new();
    warnings.into_iter().filter(|it| seen.insert((it.field.clone(), it.reason.clone()))).collect()
}

/// A name without line breaks and control characters; `None` if nothing is left.
fn one_line(text: &str) -> Option<String> {
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.chars().filter(|letter| !letter.is_control()).collect()).collect();
    Some(words.join(" ").trim().to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(text: &str) -> Note {
        read(text, Place { file: "deep/2024-05-01 Tea.md", logseq: false })
    }

    fn page(file: &str, text: &str) -> Note {
        read(text, Place { file, logseq: true })
    }

    fn titles(note: &Note) -> Vec<&str> {
        note.pieces.iter().map(|piece| piece.input.title.as_deref().unwrap()).collect()
    }

    #[test]
    fn front_matter_becomes_fields_and_the_text_stays_as_it_is() {
        let note = note("---\ntitle: Tea\ntags: \"drink, #hot\"\ndate: 2024-05-02\nmood: 3\n---\nIt is at four. #daily\n");
        let input = &note.pieces[0].input;
        assert_eq!((note.pieces.len(), input.content.as_str()), (1, "It is at four. #daily"));
        assert_eq!(input.tags, ["drink", "hot", "daily"]);
        assert_eq!(input.occurred_at, dates::time("2024-05-02"));
        assert_eq!(input.metadata["front_matter"], json!({"mood": 3}));
        assert_eq!(titles(&note), ["Tea"]);
    }

    #[test]
    fn a_note_is_called_by_its_title_its_first_heading_or_its_file() {
        assert_eq!(titles(&note("text\n# Later\n")), ["2024-05-01 Tea"]);
        assert_eq!(titles(&note("\n# Green  `tea`\ntext")), ["Green tea"]);
        assert_eq!(titles(&note("## Second level\ntext")), ["2024-05-01 Tea"]);
        assert_eq!(titles(&note("---\ntitle: 1984\n---\n# Other\ntext")), ["1984"]);
        assert_eq!(titles(&page("pages/Boats___Why%3F.md", "- text")), ["Boats/Why?"]);
        assert_eq!(titles(&page("pages/x.md", "title:: Ships\n\n- text")), ["Ships"]);
        assert_eq!(note("x").pieces[0].input.occurred_at, dates::time("2024-05-01"));
    }

    #[test]
    fn pieces_of_a_long_note_are_called_by_their_headings() {
        let fill = "word ".repeat(500);
        let long = note(&format!("# Tea\n{fill}\n## Green\n{fill}\n### Hot\n{fill}"));
        assert_eq!(titles(&long), ["Tea", "Tea › Green", "Tea › Green › Hot"]);
        let long = note(&format!("---\ntitle: Drinks\n---\nintro\n## Green\n{fill}\n"));
        assert_eq!(titles(&long), ["Drinks", "Drinks › Green"]);
        assert_eq!(long.pieces[1].headings, ["Drinks", "Green"], "as it was when the title stood above the text");
        assert!(long.pieces[1].input.content.starts_with("## Green"));
    }

    #[test]
    fn marks_belong_to_the_piece_that_holds_them() {
        let fill = "word ".repeat(500);
        let text = format!(
            "---\nup: \"[[Home]]\"\n---\n# One\nSee [t][ref] #one\n{fill}\n# Two\n{fill} ^hint\n# Empty\n## Three\n[[x]] and [[x]]\n\n[ref]: Target.md\n"
        );
        let note = note(&text);
        let links: Vec<Vec<(u64, &str)>> =
            note.pieces.iter().map(|piece| piece.links.iter().map(|(line, link)| (*line, link.target())).collect()).collect();
        assert_eq!(links, [vec![(2, "Home"), (5, "Target.md")], vec![], vec![(11, "x")]]);
        assert_eq!((&note.pieces[0].input.tags, &note.pieces[1].anchors), (&vec!["one".to_owned()], &vec!["hint".to_owned()]));
        assert_eq!(note.pieces[2].inner_headings, ["Empty", "Three"]);
        assert_eq!(note.pieces[2].line, 9);
    }

    #[test]
    fn a_long_piece_is_cut_at_paragraphs_and_loses_nothing() {
        let paragraph = "wörter ".repeat(400).trim_end().to_owned();
        let text = format!("# Long\n\n{}", [paragraph.as_str(); 10].join("\n\n"));
        let pieces = note(&text).pieces;
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.input.content.chars().count() <= CONTENT_CHARS_MAX));
        assert_eq!(pieces.iter().map(|piece| piece.ordinal).collect::<Vec<_>>(), (0..pieces.len() as u64).collect::<Vec<_>>());
        assert_eq!(pieces.iter().map(|piece| piece.input.content.as_str()).collect::<Vec<_>>().join("\n\n"), text);
    }

    #[test]
    fn a_section_put_in_above_moves_no_other() {
        let fill = "word ".repeat(500);
        let before = note(&format!("# A\n{fill}\n# B\n{fill}")).pieces;
        let after = note(&format!("# New\n{fill}\n# A\n{fill}\n# B\n{fill}")).pieces;
        let key = |piece: &Piece| (piece.headings.clone(), piece.ordinal);
        assert_eq!(before.iter().map(key).collect::<Vec<_>>(), after[1..].iter().map(key).collect::<Vec<_>>());
    }

    #[test]
    fn no_side_field_costs_the_note() {
        for front in
            ["title: Ferry: winter", "owner: @marta", "a: {b: {c: {d: {e: {f: {g: 1}}}}}}", "date: 0000-12-24", "date: {{date}}"]
        {
            let note = note(&format!("---\n{front}\n---\nText."));
            assert_eq!((note.pieces.len(), note.warnings.len()), (1, 1), "{front}");
            assert_eq!(note.pieces[0].input.clone().into_parts().1.validate().err(), None, "{front}");
        }
        let tags: String = (0..70).map(|n| format!("#topic{n} ")).collect();
        let note = note(&tags);
        assert_eq!((note.pieces[0].input.tags.len(), note.warnings[0].field.as_str()), (64, "tags"));
    }

    #[test]
    fn a_note_without_words_says_its_properties_or_nothing() {
        assert!(note("---\ntags:\ntitle: \"\"\n---\n").pieces.is_empty());
        assert!(note("").pieces.is_empty() && note(" \n\0").pieces.is_empty() && note("---\n---\n").pieces.is_empty());
        let card = note("---\nphone: 123\ntags: [person]\n---\n");
        assert_eq!(
            (card.pieces[0].input.content.as_str(), &card.pieces[0].input.tags),
            ("phone: 123\ntags: [person]", &vec!["person".to_owned()])
        );
        assert!(plain("\n", Place { file: "a.txt", logseq: false }).pieces.is_empty());
    }

    #[test]
    fn pages_of_logseq_have_tags_and_other_names() {
        let it = page("journals/2024_05_01.md", "tags:: a, b\nalias:: Day\n\n- text #docs #[[two words]]");
        assert_eq!(
            (&it.pieces[0].input.tags, &it.aliases),
            (&["a", "b", "docs", "two words"].map(str::to_owned).to_vec(), &vec!["Day".to_owned()])
        );
        assert_eq!(it.pieces[0].input.occurred_at, dates::time("2024-05-01"));
        assert!(it.pieces[0].input.content.starts_with("tags:: a, b"), "the page stays as it is");
    }
}
