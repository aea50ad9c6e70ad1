//! The results of a search as somebody reads them: score and id, title and path, and the passage with the words that were looked for set
//! off. Made by [`super::table`], laid out by [`super::layout`]; prints nothing itself.
//!
//! For a program a result is a line with tabs and the whole content, and nothing is set off.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::screen::{Screen, cut, cut_start, one_line, shows, width};

/// Between two values of a line, and before the lines of a passage.
const GAP: &str = "  ";
/// How words are set off on a terminal that has colours, and how that ends: bold and red, as `grep` does it.
const SET_OFF: &str = "\u{1b}[1;31m";
const PLAIN: &str = "\u{1b}[0m";

/// A text with the stretches of it that are set off, in characters.
#[derive(Clone, Debug, Default)]
pub struct Marked {
    pub text: String,
    pub marks: Vec<Range<usize>>,
}

/// One result.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub score: f32,
    pub id: String,
    /// By which arms it was found, and as which.
    pub found_by: String,
    pub title: Marked,
    pub path: String,
    pub passage: Marked,
    pub content: String,
    /// How many copies of it are not shown.
    pub similar: usize,
}

/// Results, the best first.
#[derive(Clone, Debug, Default)]
pub struct Found(pub Vec<Entry>);

impl Found {
    /// The lines; words are set off if they can be.
    pub fn render(&self, screen: Screen, has_colours: bool) -> String {
        let lines = |entry: &Entry| match screen {
            Screen::Pipe => entry.row(),
            Screen::Terminal { width } => entry.lines(width, has_colours).join("\n"),
        };
        self.0.iter().map(lines).collect::<Vec<_>>().join("\n")
    }
}

impl Entry {
    fn score(&self) -> String {
        format!("{:.2}", self.score)
    }

    fn row(&self) -> String {
        let values = [&self.score(), &self.id, &self.found_by, &self.title.text, &self.path, &self.content];
        values.map(|value| one_line(value)).join("\t")
    }

    fn lines(&self, columns: usize, has_colours: bool) -> Vec<String> {
        let copies = if self.similar > 0 { format!("{} similar", self.similar) } else { String::new() };
        let mut lines = filled(&[self.score(), one_line(&self.id), one_line(&self.found_by), copies], columns);
        let room = columns.saturating_sub(GAP.len());
        let (title, path) = (letters(&self.title), one_line(&self.path));
        let title_width: usize = title.iter().map(|it| it.width).sum();
        let is_one = title_width + GAP.len() + width(&path) <= room;
        let title = if title_width <= room { painted(&title, has_colours) } else { cut(&one_line(&self.title.text), room) };
        if is_one {
            lines.push([title, path].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(GAP));
        } else {
            lines.push(title);
            lines.push(cut_start(&path, room));
        }
        lines.extend(wrapped(&letters(&self.passage), room).map(|line| painted(line, has_colours)));
        lines.retain(|line| !line.is_empty());
        for line in lines.iter_mut().skip(1).filter(|line| !line.starts_with(GAP)) {
            line.insert_str(0, GAP);
        }
        lines
    }
}

/// Values side by side, on as many lines as it takes; those after the first are set in.
fn filled(values: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for value in values.iter().filter(|value| !value.is_empty()) {
        match lines.last_mut() {
            Some(last) if width(last) + GAP.len() + width(value) <= columns => {
                last.push_str(GAP);
                last.push_str(value);
            }
            Some(_) => lines.push(format!("{GAP}{value}")),
            None => lines.push(value.clone()),
        }
    }
    lines
}

/// A letter with its accents, and how much room it takes.
#[derive(Debug)]
struct Letter {
    text: String,
    width: usize,
    is_marked: bool,
}

/// The letters in one line, without what a terminal would obey.
fn letters(marked: &Marked) -> Vec<Letter> {
    let mut marks = marked.marks.iter().peekable();
    let (mut line, mut is_marked) = (String::new(), vec![]);
    for (at, c) in marked.text.chars().enumerate() {
        while marks.next_if(|mark| mark.end <= at).is_some() {}
        let c = if c.is_whitespace() { ' ' } else { c };
        if !shows(c) || (c == ' ' && (line.is_empty() || line.ends_with(' '))) {
            continue;
        }
        line.push(c);
        is_marked.push(marks.peek().is_some_and(|mark| mark.contains(&at)));
    }
    let mut at = 0;
    let letter = |text: &str| {
        let is_marked = is_marked[at];
        at += text.chars().count();
        Letter { text: text.to_owned(), width: width(text), is_marked }
    };
    line.trim_end().graphemes(true).map(letter).collect()
}

/// The letters in lines of so many columns: broken at blanks, and within what has none.
fn wrapped(letters: &[Letter], columns: usize) -> impl Iterator<Item = &[Letter]> {
    let mut rest = letters;
    std::iter::from_fn(move || {
        while let [Letter { text, .. }, others @ ..] = rest
            && text == " "
        {
            rest = others;
        }
        let mut room = columns;
        let fits = |letter: &&Letter| room.checked_sub(letter.width).map(|left| room = left).is_some();
        // One letter at least, so that it comes to an end.
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let is_whole = rest.len() == count || rest[count].text == " ";
        let blank = rest[..count].iter().rposition(|letter| letter.text == " ").filter(|_| !is_whole);
        let (line, others) = rest.split_at(blank.unwrap_or(count));
        rest = others;
        (!line.is_empty()).then_some(line)
    })
}

fn painted(letters: &[Letter], has_colours: bool) -> String {
    let runs = letters.chunk_by(|a, b| a.is_marked == b.is_marked).map(|run| {
        let text: String = run.iter().map(|letter| letter.text.as_str()).collect();
        if has_colours && run[0].is_marked { format!("{SET_OFF}{text}{PLAIN}") } else { text }
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let text = "…The crane was built in 1890 and moved\r\nto the \u{1b}[31meast quay.\u{7} 会議は東京駅の近くで行われます。";
        Entry {
            score: 0.931,
            id: "01900000-0000-7000-8000-000000000001".into(),
            found_by: "words 1, meaning 2".into(),
            title: Marked { text: "Harbour crane".into(), marks: std::iter::once(8..13).collect() },
            path: "vault/harbour/crane.md".into(),
            passage: Marked { text: text.into(), marks: vec![5..10, 52..61, 67..70] },
            content: "The crane was built\nin 1890".into(),
            similar: 2,
        }
    }

    #[test]
    fn a_result_is_its_name_and_its_passage_in_the_width_of_the_terminal() {
        let found = Found(vec![entry()]);
        insta::assert_snapshot!(found.render(Screen::Terminal { width: 90 }, false), @r"
        0.93  01900000-0000-7000-8000-000000000001  words 1, meaning 2  2 similar
          Harbour crane  vault/harbour/crane.md
          …The crane was built in 1890 and moved to the [31meast quay.
          会議は東京駅の近くで行われます。
        ");
        insta::assert_snapshot!(found.render(Screen::Terminal { width: 40 }, false), @r"
        0.93
          01900000-0000-7000-8000-000000000001
          words 1, meaning 2  2 similar
          Harbour crane  vault/harbour/crane.md
          …The crane was built in 1890 and moved
          to the [31meast quay.
          会議は東京駅の近くで行われます。
        ");
        for columns in [20, 33, 40, 77] {
            let text = found.render(Screen::Terminal { width: columns }, false);
            assert!(text.lines().all(|line| width(line) <= columns.max(38)), "{text}");
        }
    }

    #[test]
    fn words_are_set_off_and_nothing_else_reaches_the_terminal() {
        let found = Found(vec![entry()]);
        let text = found.render(Screen::Terminal { width: 90 }, true);
        let set_off: Vec<&str> = text.split(SET_OFF).skip(1).map(|part| part.split(PLAIN).next().expect("it ends")).collect();
        assert_eq!(set_off, ["crane", "crane", "east quay", "東京駅"]);
        let rest = text.replace(SET_OFF, "").replace(PLAIN, "");
        assert!(rest.contains("[31meast") && !rest.contains(|c: char| c.is_control() && c != '\n'), "{rest:?}");
        assert!(!found.render(Screen::Pipe, true).contains('\u{1b}'));
    }

    #[test]
    fn programs_get_a_line_for_each_result() {
        let row = Found(vec![entry(), entry()]).render(Screen::Pipe, false);
        let rows: Vec<Vec<&str>> = row.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6]);
        assert_eq!((rows[0][0], rows[0][5]), ("0.93", "The crane was built in 1890"));
    }

    #[test]
    fn any_text_is_broken_into_lines() {
        for text in ["", " ", "a", "👩‍👩‍👧👩‍👩‍👧", "e\u{301}e\u{301}e\u{301}", "会議は", "a  b", "\u{301}", "\u{200B}\u{200D}"]
        {
            for columns in [1, 2, 5] {
                let letters = letters(&Marked { text: text.into(), marks: std::iter::once(0..1).collect() });
                let lines: Vec<&[Letter]> = wrapped(&letters, columns).collect();
                assert!(lines.len() <= text.chars().count(), "{text}");
            }
        }
    }
}
