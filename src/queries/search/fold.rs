//! What says the same is shown once: walks a ranking from its best and folds what is a copy of somebody before. Called by the search.
//!
//! Two memories are copies if their titles, the time of what they tell and whose they are, are the same, and their texts are, but for
//! case, blanks and the signs that set sentences off.
//! Texts of eight words and more are so too if three words in a row are mostly the same, and all that tells one fact from another is:
//! numbers, names, whatever holds a sign, and "not". A change of what a memory says is never folded away.
//!
//! Decision 2026-11-28: no meaning is asked. "The rent is 900" and "the rent is 950" lie nearer together than many a copy and its original.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::memory::Body;

/// The share of rows of three words that two texts have in common, of all that either has, to be copies.
const COMMON_MIN: f64 = 0.8;
/// Words in a row that are compared as one.
const ROW: usize = 3;
/// A shorter text is a copy only if all its words are the same.
const WORDS_MIN: usize = 8;
/// Most that a text is compared with, word by word: those that came first of the ones with the same telling words.
const COMPARED_MAX: usize = 32;

/// What tells facts apart without being a number or a name by its look.
const TELLING: &[&str] = &[
    "not",
    "no",
    "never",
    "none",
    "nobody",
    "nothing",
    "without",
    "cannot",
    "neither",
    "nor",
    "nicht",
    "kein",
    "keine",
    "keinen",
    "nie",
    "ohne",
    "pas",
    "jamais",
    "sans",
    "ne",
    "sin",
    "nunca",
    "não",
    "nao",
    "sem",
    "non",
    "mai",
    "senza",
    "не",
    "нет",
    "ни",
    "без",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "first",
    "second",
    "third",
    "half",
    "twice",
    "once",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
    "yesterday",
    "tonight",
];
/// Words that are written with a capital letter where a sentence begins, and are no names.
const BEGINNINGS: &[&str] = &[
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "he", "she", "they", "we", "i", "you", "my", "your", "our",
    "his", "her", "their", "there", "here", "and", "but", "or", "so", "if", "when", "while", "as", "at", "in", "on", "by", "for",
    "from", "to", "with", "of", "is", "are", "was", "were", "also", "then", "what", "how", "please", "see",
];

/// What of a memory is compared.
struct Print {
    /// What must be the same beside the text: the title, when it happened, whose it is.
    about: u64,
    /// All words in their order.
    words: u64,
    /// Those that tell facts apart, in their order.
    telling: u64,
    /// Three words in a row, each row once, in the order of their hashes; none of a text that is too short.
    rows: Vec<u64>,
}

impl Print {
    fn of(body: &Body) -> Self {
        let mut words = words(&body.content);
        if words.is_empty() {
            // Nothing but signs: these are what it says.
            words.push(Word { plain: body.content.clone(), tells: true });
        }
        let hash = |words: &mut dyn Iterator<Item = &Word>| {
            let text: Vec<&str> = words.map(|word| word.plain.as_str()).collect();
            xxh3_64(text.join("\u{1f}").as_bytes())
        };
        let is_long = words.len() >= WORDS_MIN;
        let mut rows: Vec<u64> = if is_long { words.windows(ROW).map(|row| hash(&mut row.iter())).collect() } else { vec![] };
        rows.sort_unstable();
        rows.dedup();
        let title = hash(&mut self::words(body.title.as_deref().unwrap_or_default()).iter());
        Self {
            about: xxh3_64(format!("{:?}", (title, body.occurred_at, &body.scope.user_id, &body.scope.agent_id)).as_bytes()),
            words: hash(&mut words.iter()),
            telling: hash(&mut words.iter().filter(|word| word.tells)),
            rows,
        }
    }

    /// Whether most rows are those of the other one, too.
    fn is_near(&self, other: &Self) -> bool {
        let (less, more) = (self.rows.len().min(other.rows.len()), self.rows.len().max(other.rows.len()));
        if less == 0 || (less as f64) < COMMON_MIN * more as f64 {
            return false;
        }
        let (mut a, mut b, mut common) = (0, 0, 0_usize);
        while let (Some(one), Some(two)) = (self.rows.get(a), other.rows.get(b)) {
            common += usize::from(one == two);
            a += usize::from(one <= two);
            b += usize::from(two <= one);
        }
        common as f64 >= COMMON_MIN * (less + more - common) as f64
    }
}

struct Word {
    /// Without case and the signs at its ends.
    plain: String,
    tells: bool,
}

fn words(text: &str) -> Vec<Word> {
    let mut words = vec![];
    let mut is_beginning = true;
    for line in text.lines() {
        is_beginning |= line.trim().is_empty();
        for (place, written) in line.split_whitespace().enumerate() {
            // What lists and headings begin with.
            let is_mark = written.chars().all(|c| matches!(c, '-' | '*' | '+' | '#' | '>' | '•'));
            if place == 0 && is_mark {
                is_beginning = true;
                continue;
            }
            let bare = written.trim_matches(is_light);
            if !bare.is_empty() {
                words.push(word(bare, is_beginning));
            }
            is_beginning = written.ends_with(['.', '!', '?', ':', '。']);
        }
    }
    words
}

/// Signs that set words off and say nothing else.
fn is_light(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '"'
            | '\''
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '*'
            | '_'
            | '`'
            | '…'
            | '。'
            | '、'
            | '，'
            | '！'
            | '？'
            | '「'
            | '」'
            | '«'
            | '»'
            | '\u{2018}'..='\u{201F}'
    )
}

fn word(written: &str, is_beginning: bool) -> Word {
    let plain: String =
        written.nfkc().flat_map(char::to_lowercase).nfkc().map(|c| if c == '\u{2019}' { '\'' } else { c }).collect();
    let is_sign = |c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '-') || is_mark(c));
    let is_name = written.chars().any(char::is_uppercase) && !(is_beginning && BEGINNINGS.contains(&&*plain));
    let tells = is_name
        || plain.chars().any(|c| c.is_numeric() || is_sign(c))
        || TELLING.contains(&&*plain)
        || plain.ends_with("n't")
        || !plain.chars().any(char::is_alphanumeric);
    Word { plain, tells }
}

/// Marks on letters, and what joins letters.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) || matches!(c, '\u{200C}' | '\u{200D}')
}

/// Those that are shown, by what they say.
#[derive(Default)]
pub struct Shown {
    prints: Vec<Print>,
    same: HashMap<(u64, u64), usize>,
    /// By what it is about and its telling words: who may be nearly the same.
    alike: HashMap<(u64, u64), Vec<usize>>,
}

impl Shown {
    /// The place, counted from 0, of the one before that this is a copy of; `None` if it is none and is shown itself, at the next place.
    pub fn copied(&mut self, body: &Body) -> Option<usize> {
        let print = Print::of(body);
        if let Some(place) = self.same.get(&(print.about, print.words)) {
            return Some(*place);
        }
        let alike = self.alike.entry((print.about, print.telling)).or_default();
        let near = alike.iter().find(|place| self.prints[**place].is_near(&print)).copied();
        if near.is_none() {
            let place = self.prints.len();
            if alike.len() < COMPARED_MAX && !print.rows.is_empty() {
                alike.push(place);
            }
            self.same.insert((print.about, print.words), place);
            self.prints.push(print);
        }
        near
    }
}

/// Whether one is a copy of the other.
pub fn is_copy(one: &Body, other: &Body) -> bool {
    let mut shown = Shown::default();
    shown.copied(one).is_none() && shown.copied(other).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Draft;

    fn body(title: Option<&str>, content: &str) -> Body {
        Draft { title: title.map(Into::into), content: content.into(), ..Draft::default() }.validate().expect("valid")
    }

    fn same(one: &str, other: &str) -> bool {
        is_copy(&body(None, one), &body(None, other))
    }

    const LONG: &str = "The harbour crane was built long ago by the town and moved to the quay in the east, where it still stands and is \
        painted red by the pupils of the school each spring, before the fair begins and the boats come in with Ann.";

    #[test]
    fn copies_are_told_however_they_are_typed() {
        for (one, other) in [
            ("Tea is at four.", "tea is  at four"),
            ("# Tea\r\n\r\n- at four", "Tea\n* at four"),
            ("“Tea” isn’t cold", "\"Tea\" isn't cold"),
            ("Ｔｅａ is at ４", "tea is at 4"),
            ("会議は東京駅で。", "会議は東京駅で"),
            (LONG, &LONG.replace("each spring", "every spring")),
            (LONG, &LONG.replace("by the pupils", "by all the pupils")),
        ] {
            assert!(same(one, other) && same(other, one), "{one} / {other}");
        }
    }

    #[test]
    fn what_says_something_else_is_no_copy() {
        for (one, other) in [
            ("The rent is 900.", "The rent is 950."),
            ("Tea is at four.", "Tea is at five."),
            ("I like green tea", "I like black tea"),
            ("-5 degrees", "5 degrees"),
            ("I write C", "I write C++"),
            ("a < b", "a > b"),
            ("会議は東京駅で。", "会議は京都駅で。"),
            ("🎉", "🙁"),
            ("...", "!!"),
            (LONG, &LONG.replace("with Ann", "with Bob")),
            (LONG, &LONG.replace("and is", "and is not")),
            (LONG, &LONG.replace("and is", "and isn't")),
            (LONG, &LONG.replace("each spring", "each spring since 1960")),
            (LONG, &LONG.replace("each spring", "three times each spring")),
            (LONG, &format!("Otto says: {LONG}")),
            (LONG, &LONG.replace("each spring", "at 10.30")),
            (LONG, &LONG.replace("painted red by the pupils", "repaired with money from the lottery")),
        ] {
            assert!(!same(one, other) && !same(other, one), "{one} / {other}");
        }
        let swapped =
            |a: &str, b: &str| format!("{LONG} In the end it was {a} who paid the debts of {b} and of all the others there.");
        assert!(!same(&swapped("Ann", "Bob"), &swapped("Bob", "Ann")), "who did what to whom");
        assert!(!is_copy(&body(Some("Alpha"), "See the wiki."), &body(Some("Beta"), "See the wiki.")));
        assert!(is_copy(&body(Some("Alpha"), "See the wiki."), &body(Some("alpha"), "See the wiki")));
    }

    #[test]
    fn each_is_compared_with_those_that_are_shown_and_not_with_their_copies() {
        // Each differs from the one before in one word more: a chain would end far away from where it began.
        let chain: Vec<String> = (0..6)
            .map(|n| {
                LONG.split(' ')
                    .enumerate()
                    .map(|(at, word)| if at > 0 && at % 6 == 0 && at / 6 <= n { "thus" } else { word })
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let mut shown = Shown::default();
        let places: Vec<Option<usize>> = chain.iter().map(|text| shown.copied(&body(None, text))).collect();
        assert_eq!((places[0], places[1]), (None, Some(0)));
        assert!(places[2..].contains(&None), "{places:?}");
        assert_eq!(shown.copied(&body(None, "Something else.")), None);
    }
}
