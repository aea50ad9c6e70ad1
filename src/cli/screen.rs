//! What answers are laid out for: a terminal of some width, or a program that reads them line by line. Also how much room a text takes.

use std::io::IsTerminal;

use chrono::Local;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::domain::ids::Timestamp;

/// Columns of a terminal that does not say how wide it is.
const WIDTH_DEFAULT: usize = 80;
/// What is narrower is laid out as if it were this wide.
const WIDTH_MIN: usize = 20;

/// Where an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Somebody looks at it: texts are cut to the width, and times are those of the clock on the wall.
    Terminal { width: usize },
    /// A program or a file takes it: rows are lines with tabs between their columns, nothing is cut, and times are in UTC.
    Pipe,
}

impl Screen {
    /// What standard output is. `COLUMNS` has the last word about the width of a terminal.
    pub fn of_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Pipe;
        }
        let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|width| *width > 0);
        let asked = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        let width = told.or_else(asked).filter(|width| *width > 0).unwrap_or(WIDTH_DEFAULT);
        Self::Terminal { width: width.max(WIDTH_MIN) }
    }

    /// An instant in a row.
    pub fn time(self, at: Timestamp) -> String {
        match self {
            Self::Terminal { .. } => at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string(),
            Self::Pipe => utc(at),
        }
    }

    /// An instant to the second, with its zone.
    pub fn exact_time(self, at: Timestamp) -> String {
        match self {
            Self::Terminal { .. } => at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S %:z").to_string(),
            Self::Pipe => utc(at),
        }
    }
}

fn utc(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// How many columns of a terminal a text takes: letters of East Asia and emoji take two, accents none.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The text in at most so many columns. What is cut ends with an ellipsis, and no letter loses its accents.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = beside_ellipsis(text.graphemes(true), columns);
    format!("{}…", kept.concat().trim_end())
}

/// The end of the text in at most so many columns, with the ellipsis before it: of a path the end says most.
pub fn cut_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = beside_ellipsis(text.graphemes(true).rev(), columns);
    kept.reverse();
    format!("…{}", kept.concat().trim_start())
}

/// The first letters that leave room for an ellipsis in so many columns.
fn beside_ellipsis<'a>(letters: impl Iterator<Item = &'a str>, columns: usize) -> Vec<&'a str> {
    let mut left = columns.saturating_sub(1);
    let fits = |letter: &&str| {
        let room = left.checked_sub(UnicodeWidthStr::width(*letter));
        left = room.unwrap_or(0);
        room.is_some()
    };
    letters.take_while(fits).collect()
}

/// Text of others without what a terminal would obey; line ends and tabs stay. What turns the direction of writing around goes as well:
/// it would reach beyond its cell.
pub fn printable(text: &str) -> String {
    text.chars().filter(|one| shows(*one) || matches!(one, '\n' | '\t')).collect()
}

/// Whether a terminal shows a character, and does not obey it.
pub fn shows(one: char) -> bool {
    !one.is_control() && !matches!(one, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether colours are wanted where somebody looks on. Source: <https://no-color.org>.
pub fn has_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// Text of others in one line.
pub fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_the_room_that_they_take_on_a_screen() {
        for (text, columns) in
            [("tea", 3), ("", 0), ("会議", 4), ("e\u{301}te\u{301}", 3), ("🎉", 2), ("👩‍👩‍👧", 2), ("🇩🇪", 2), ("ต้ม", 2)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_letters_and_says_so() {
        for (text, columns, shown) in [
            ("tea", 3, "tea"),
            ("teas", 3, "te…"),
            ("tea at four", 5, "tea…"),
            ("会議は毎週", 5, "会議…"),
            ("会議は毎週", 6, "会議…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("👩‍👩‍👧👩‍👩‍👧", 3, "👩‍👩‍👧…"),
            ("tea", 0, "…"),
        ] {
            assert_eq!(cut(text, columns), shown, "{text} in {columns}");
        }
    }

    #[test]
    fn of_a_path_the_end_is_kept() {
        for (text, columns, shown) in
            [("a/b.md", 6, "a/b.md"), ("vault/b.md", 6, "…/b.md"), ("日記/会議.md", 8, "…会議.md"), ("ab", 1, "…")]
        {
            assert_eq!(cut_start(text, columns), shown, "{text} in {columns}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(one_line("a\u{1b}[31m\n\u{202E}b\tc\u{7}"), "a[31m b c");
        assert_eq!(printable("سلام\u{200F} a\u{9b}"), "سلام\u{200F} a");
    }

    #[test]
    fn programs_get_times_in_utc() {
        let at = "2026-11-27T21:48:05.25Z".parse().expect("a time");
        assert_eq!(
            (Screen::Pipe.time(at), Screen::Pipe.exact_time(at)),
            ("2026-11-27T21:48:05.250Z".into(), "2026-11-27T21:48:05.250Z".into())
        );
        assert_eq!(Screen::Terminal { width: 80 }.time(at).len(), 16);
    }
}
