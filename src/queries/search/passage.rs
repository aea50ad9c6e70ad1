//! What a person is shown of a memory that was found: the stretch of its text that answers best, and where the words of the query stand.
//! Pure; called by the search for each result. It looks at the memory's own text alone, so that what was kept of it stays true.
//!
//! A passage is made of whole sentences, as Unicode Standard Annex #29 tells them and where lines end, as far as they have room.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::ports::{KeywordText, KeywordWeights, Places, WordPlace};

/// Longest passage, in characters, without the ellipses.
pub const PASSAGE_CHARS_MAX: usize = 300;
/// Most highlights in the content of one result; those of the passage come first.
pub const HIGHLIGHTS_MAX: usize = 100;
/// Of two stretches with the same words, one that is shorter by this many characters is better than the earlier one.
const NEARER_CHARS: usize = 30;
/// A passage is cut between words if one ends so near to where it must be cut; what is longer is no word.
const WORD_CHARS_MAX: usize = 40;
/// A line with fewer characters was not ended for want of room.
const FULL_LINE_CHARS_MIN: usize = 40;
/// Marks where text is left out.
const ELLIPSIS: &str = "…";

/// Which text of a memory a highlight is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Title,
    Content,
    /// The tag at this place of the list.
    Tag(usize),
}

/// A word of the query, or several side by side, in characters (Unicode code points) of its part; `end` is the first behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Highlight {
    pub part: Part,
    pub start: usize,
    pub end: usize,
}

/// A stretch of the content: its characters `start..end`, in `text` with an ellipsis where something is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    pub text: String,
    pub start: usize,
    pub end: usize,
}

/// What is shown of one memory. Highlights are in the order of their parts and do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub passage: Passage,
    pub highlights: Vec<Highlight>,
}

/// The best passage of a text and its highlights. Words count by what they are worth, all the same without `weights`.
/// Where no word stands in the content the passage is its beginning. Time: linear in the text.
pub fn of(text: &KeywordText, places: &Places, weights: Option<&KeywordWeights>) -> Shown {
    let chars = Chars::of(&text.content);
    let worth = |word: usize| weights.and_then(|weights| weights.words.get(word)).map_or(1.0, |word| word.in_content);
    let start = chars.after_blanks(0);
    let nearest = nearest(&places.content, worth).unwrap_or(start..start);
    let span = chars.around(&nearest);
    let mut highlights = merged(Part::Title, &places.title);
    highlights.extend(fewer(merged(Part::Content, &places.content), &span));
    highlights.extend(places.tags.iter().enumerate().flat_map(|(number, tag)| merged(Part::Tag(number), tag)));
    Shown { passage: chars.passage(span), highlights }
}

/// The stretch, no longer than a passage, whose words are worth most together; of equal ones a shorter or the earliest.
fn nearest(places: &[WordPlace], worth: impl Fn(usize) -> f32) -> Option<Range<usize>> {
    let mut times = vec![0_u32; places.iter().map(|place| place.word + 1).max()?];
    let mut best: Option<(f32, Range<usize>)> = None;
    let mut first = 0;
    for (last, place) in places.iter().enumerate() {
        times[place.word] += 1;
        // What is too far off goes, and what comes again nearer.
        while first < last && (place.end.saturating_sub(places[first].start) > PASSAGE_CHARS_MAX || times[places[first].word] > 1)
        {
            times[places[first].word] -= 1;
            first += 1;
        }
        let start = places[first].start;
        let end = place.end.clamp(start, start + PASSAGE_CHARS_MAX);
        // Summed anew and in one order, so that equal sets are equal; a question has few words.
        let sum: f32 = times.iter().enumerate().filter(|(_, times)| **times > 0).map(|(word, _)| worth(word)).sum();
        let is_better =
            best.as_ref().is_none_or(|(most, span)| sum > *most || (sum == *most && end - start + NEARER_CHARS < span.len()));
        if is_better {
            best = Some((sum, start..end));
        }
    }
    best.map(|(_, span)| span)
}

/// The places as highlights, those that touch as one.
fn merged(part: Part, places: &[WordPlace]) -> Vec<Highlight> {
    let mut highlights: Vec<Highlight> = vec![];
    for place in places {
        match highlights.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => highlights.push(Highlight { part, start: place.start, end: place.end }),
        }
    }
    highlights
}

/// No more than [`HIGHLIGHTS_MAX`]: those of the passage, then the first of the others.
fn fewer(mut highlights: Vec<Highlight>, passage: &Range<usize>) -> Vec<Highlight> {
    if highlights.len() > HIGHLIGHTS_MAX {
        let is_shown = |it: &Highlight| it.start < passage.end && it.end > passage.start;
        highlights.sort_by_key(|it| (!is_shown(it), it.start));
        highlights.truncate(HIGHLIGHTS_MAX);
        highlights.sort();
    }
    highlights
}

/// A text by its characters.
struct Chars<'a> {
    text: &'a str,
    /// Where each begins, in bytes, and the end.
    starts: Vec<usize>,
}

impl<'a> Chars<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, starts: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn slice(&self, span: Range<usize>) -> &'a str {
        &self.text[self.starts[span.start]..self.starts[span.end]]
    }

    fn is_blank(&self, at: usize) -> bool {
        self.slice(at..at + 1).chars().all(char::is_whitespace)
    }

    /// The first place from here on where something stands.
    fn after_blanks(&self, from: usize) -> usize {
        (from..self.len()).find(|at| !self.is_blank(*at)).unwrap_or(self.len())
    }

    /// The span with the blanks at its ends left out.
    fn trimmed(&self, span: Range<usize>) -> Range<usize> {
        let start = self.after_blanks(span.start).min(span.end);
        let end = (start..span.end).rfind(|at| !self.is_blank(*at)).map_or(start, |last| last + 1);
        start..end
    }

    /// The sentences of the text about a span, each without the blanks around it. The first and the last may be cut.
    fn sentences(&self, about: &Range<usize>) -> Vec<Range<usize>> {
        let from = about.start.saturating_sub(PASSAGE_CHARS_MAX + 1);
        let to = (about.end + PASSAGE_CHARS_MAX + 1).min(self.len());
        let mut at = from;
        let mut sentences: Vec<Range<usize>> = vec![];
        for sentence in self.slice(from..to).split_sentence_bounds() {
            let span = self.trimmed(at..at + sentence.chars().count());
            at += sentence.chars().count();
            match sentences.last_mut() {
                _ if span.is_empty() => {}
                Some(last) if self.goes_on(last, &span) => last.end = span.end,
                _ => sentences.push(span),
            }
        }
        sentences
    }

    /// Whether a line was ended for want of room only: in the middle of a sentence, and the next goes on in small letters.
    fn goes_on(&self, lines: &Range<usize>, next: &Range<usize>) -> bool {
        let is_full =
            lines.len() >= FULL_LINE_CHARS_MIN && !self.slice(lines.end - FULL_LINE_CHARS_MIN..lines.end).contains('\n');
        let ends = self.slice(lines.end - 1..lines.end).chars().all(|c| c.is_alphanumeric() || c == ',');
        let begins = self.slice(next.start..next.start + 1).chars().all(char::is_lowercase);
        let between = self.slice(lines.end..next.start);
        is_full && ends && begins && between.matches('\n').count() <= 1
    }

    /// The passage that shows this stretch: its sentences and, while there is room, those that follow and then those before.
    fn around(&self, stretch: &Range<usize>) -> Range<usize> {
        let sentences = self.sentences(stretch);
        let first = sentences.partition_point(|it| it.end <= stretch.start).min(sentences.len().saturating_sub(1));
        let last =
            sentences.partition_point(|it| it.end < stretch.end).clamp(first, sentences.len().saturating_sub(1).max(first));
        let (Some(begin), Some(end)) = (sentences.get(first), sentences.get(last)) else { return stretch.clone() };
        let mut span = begin.start.min(stretch.start)..end.end.max(stretch.end);
        if span.len() > PASSAGE_CHARS_MAX {
            return self.cut(&span, stretch);
        }
        for next in &sentences[last + 1..] {
            if next.end - span.start > PASSAGE_CHARS_MAX {
                break;
            }
            span.end = next.end;
        }
        for before in sentences[..first].iter().rev() {
            if span.end - before.start > PASSAGE_CHARS_MAX {
                break;
            }
            span.start = before.start;
        }
        span
    }

    /// A part of what has no room, with the stretch in it: from its beginning if that is near, and between words if there are any.
    fn cut(&self, whole: &Range<usize>, stretch: &Range<usize>) -> Range<usize> {
        let start = if stretch.end - whole.start <= PASSAGE_CHARS_MAX {
            whole.start
        } else {
            let from = whole.start.max(stretch.start - (PASSAGE_CHARS_MAX - stretch.len()) / 3);
            let word = (from..stretch.start.min(from + WORD_CHARS_MAX))
                .find(|at| self.is_blank(*at))
                .map(|blank| self.after_blanks(blank));
            word.unwrap_or_else(|| (from..=stretch.start).find(|at| self.is_between_letters(*at)).unwrap_or(stretch.start))
        };
        let to = whole.end.min(start + PASSAGE_CHARS_MAX);
        if to == whole.end {
            return start..to;
        }
        // A word that ends here is whole.
        let blank = (stretch.end.max(to - WORD_CHARS_MAX)..=to).rfind(|at| self.is_blank(*at));
        let end = blank.or_else(|| (stretch.end.max(start + 1)..=to).rfind(|at| self.is_between_letters(*at))).unwrap_or(to);
        self.trimmed(start..end)
    }

    /// Whether a letter ends here, with all its marks.
    fn is_between_letters(&self, at: usize) -> bool {
        let mut cursor = GraphemeCursor::new(self.starts[at], self.text.len(), true);
        cursor.is_boundary(self.text, 0).unwrap_or(true)
    }

    fn passage(&self, span: Range<usize>) -> Passage {
        let ellipsis = |left_out: &str| if left_out.trim().is_empty() { "" } else { ELLIPSIS };
        let (before, after) = (ellipsis(self.slice(0..span.start)), ellipsis(self.slice(span.end..self.len())));
        Passage { text: format!("{before}{}{after}", self.slice(span.clone())), start: span.start, end: span.end }
    }
}

#[cfg(test)]
mod tests;
