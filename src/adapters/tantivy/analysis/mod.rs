//! How text becomes words: for a memory, which keeps all of them, and for a question, which keeps those that tell. Pure.
//!
//! - [`scripts`]: what each character is.
//! - [`fold`]: what is the same though it is written differently.
//! - [`parts`]: the words within names of programs.
//! - [`common`]: words of a question that say little.
//! - [`origins`]: where in a text its words stand.
//!
//! A word of a script with spaces is one, folded and cut to its stem, with its parts beside it. A script without spaces has no words that
//! could be found without a dictionary: its text is kept as pairs of neighbouring characters, and as single ones for who asks for one.
//! Korean is kept both ways, so that no ending hides a word. An emoji or a sign is a word.
//!
//! Whatever changes here changes the index: raise `FORMAT` with it, the test below says when.

mod common;
mod fold;
mod origins;
mod parts;
mod scripts;

use std::{borrow::Cow, collections::HashSet, ops::Range};

use frostem::{Algorithm, Stemmer};
use unicode_normalization::char::is_combining_mark;

use self::{
    origins::Origins,
    scripts::{Class, class_of},
};

/// The beginning of a word that counts, in characters: whoever asks for a longer one has it cut likewise.
const WORD_CHARS_MAX: usize = 64;

/// Stands between the title of a note and those of its parts, as imports write them.
const PART: &str = " › ";

/// A word with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub position: usize,
    /// Whether the text is a row of these: one for each place.
    pub is_in_row: bool,
    /// Whether it says little in a question, and is not written in capitals among others that are not.
    pub is_common: bool,
    /// The stretch of a script without spaces that it belongs to, numbered through the text.
    pub run: Option<usize>,
    /// Where it stands, in bytes: of the plain form while it is made, of the text where that was asked for by [`in_places`].
    pub span: Range<usize>,
}

/// Who wants to know.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Text,
    /// The same words, with where each of a script without spaces stands: that is dear to find out.
    Place,
    Question,
}

/// Every word under which a text may be looked for.
pub fn of_text(text: &str) -> Vec<Token> {
    analysed(&fold::plain(text), Side::Text)
}

/// Every word of [`of_text`], each with its span in the text.
pub fn in_places(text: &str) -> Vec<Token> {
    let (plain, origins) = Origins::of(text);
    let mut tokens = analysed(&plain, Side::Place);
    for token in &mut tokens {
        token.span = origins.span(&token.span);
    }
    tokens
}

/// The words that a question looks for.
pub fn of_question(text: &str) -> Vec<Token> {
    analysed(&fold::plain(text), Side::Question)
}

/// A whole text as one word: two lines that differ in nothing but case, accents and signs are equal. Empty when there is nothing in it.
pub fn line(text: &str) -> String {
    let plain = fold::plain(text);
    let words: Vec<String> = runs(&plain).into_iter().map(|run| fold::word(run.text)).collect();
    if words.is_empty() { plain.split_whitespace().collect::<Vec<_>>().join(" ") } else { words.join(" ") }
}

/// What a memory of this title is called: the whole of it and, if it is a part of a note, `note › part`, the note.
pub fn names(title: &str) -> Vec<String> {
    let mut names = vec![line(title)];
    if let Some((note, _)) = title.split_once(PART) {
        names.push(line(note));
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A stretch of characters of one class.
struct Run<'a> {
    class: Class,
    text: &'a str,
    /// Where it begins.
    at: usize,
    /// What follows it makes a name of it that its letters alone are not: C++, C#.
    suffix: &'a str,
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let mut runs: Vec<Run> = vec![];
    // Where the open run begins, and of what class it is.
    let mut open: Option<(usize, Class)> = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let class = class_of(c);
        let goes_on = match (open, class) {
            // A flag is two letters.
            (Some((from, Class::Symbol)), Class::Symbol) => {
                is_regional(c) && text[from..at].chars().filter(|c| is_regional(*c)).count() == 1
            }
            (Some(_), Class::Ignored | Class::Mark) => true,
            (Some((_, class_before)), _) => class_before == class,
            (None, _) => false,
        };
        if goes_on {
            continue;
        }
        if let Some((from, class)) = open.take() {
            runs.push(Run { class, text: &text[from..at], at: from, suffix: suffix(&text[at..], class) });
        }
        if matches!(class, Class::Word | Class::Spaceless | Class::Hangul | Class::Symbol) {
            open = Some((at, class));
        }
    }
    runs
}

fn suffix(rest: &str, class: Class) -> &str {
    let sign = ["++", "#"].into_iter().find(|sign| rest.starts_with(sign)).filter(|_| class == Class::Word).unwrap_or_default();
    let ends = rest[sign.len()..].chars().next().is_none_or(|next| !next.is_alphanumeric());
    if ends { sign } else { "" }
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// `plain` as [`fold::plain`] makes it.
fn analysed(plain: &str, side: Side) -> Vec<Token> {
    let runs = runs(plain);
    let common = match side {
        Side::Text | Side::Place => HashSet::new(),
        Side::Question => common::common(
            &runs.iter().filter(|run| run.class == Class::Word).map(|run| fold::word(run.text)).collect::<Vec<_>>(),
        ),
    };
    let capitals_tell = plain.contains(char::is_lowercase);
    let mut writing = Writing { side, stems: Stems::default(), tokens: vec![], position: 0, capitals_tell, common };
    for (number, run) in runs.into_iter().enumerate() {
        match run.class {
            Class::Word => writing.word(&run),
            Class::Symbol => writing.symbol(&run),
            _ => writing.spaceless(&run, number),
        }
    }
    writing.tokens
}

struct Writing {
    side: Side,
    stems: Stems,
    tokens: Vec<Token>,
    position: usize,
    /// Whether the text has small letters, so that a word in capitals stands out.
    capitals_tell: bool,
    /// Words of a question that say little.
    common: HashSet<&'static str>,
}

impl Writing {
    fn push(&mut self, text: String, offset: usize, is_in_row: bool, span: Range<usize>) {
        let position = self.position + offset;
        self.tokens.push(Token { text, position, is_in_row, is_common: false, run: None, span });
    }

    /// A word, folded and cut, as it is and as its stem.
    fn stem(&mut self, word: &str, offset: usize, is_in_row: bool, at: usize) {
        let folded: String = fold::word(word).chars().take(WORD_CHARS_MAX).collect();
        if folded.is_empty() {
            return;
        }
        let is_loud = self.capitals_tell && word.len() > 1 && word.chars().all(char::is_uppercase);
        let is_common = !is_loud && self.common.contains(&*folded);
        self.push(self.stems.of(&folded).into_owned(), offset, is_in_row, at..at + word.len());
        if let Some(token) = self.tokens.last_mut() {
            token.is_common = is_common;
        }
    }

    fn word(&mut self, run: &Run) {
        let parts = if run.text.chars().count() > WORD_CHARS_MAX { vec![] } else { parts::of(run.text) };
        self.stem(run.text, 0, parts.is_empty(), run.at);
        let mut ahead = 0;
        for (place, part) in parts.iter().enumerate() {
            // Parts follow each other, with nothing between them but what joins them.
            let within = run.text[ahead..].find(part).map_or(ahead, |found| ahead + found);
            ahead = within + part.len();
            // A single letter is found as part of the whole.
            if part.chars().nth(1).is_some() || part.chars().all(char::is_numeric) {
                self.stem(part, place, true, run.at + within);
            }
        }
        if !run.suffix.is_empty() && run.text.chars().count() < WORD_CHARS_MAX {
            let span = run.at..run.at + run.text.len() + run.suffix.len();
            self.push(fold::word(run.text) + run.suffix, 0, false, span);
        }
        self.position += parts.len().max(1);
    }

    /// An emoji with what belongs to it: each figure of it is a word.
    fn symbol(&mut self, run: &Run) {
        let shown: String = run.text.chars().filter(|c| class_of(*c) == Class::Symbol).collect();
        self.push(shown, 0, true, run.span());
        self.position += 1;
    }

    fn spaceless(&mut self, run: &Run, number: usize) {
        let folded = fold::word(run.text);
        let units = units(&folded);
        let spans = if self.side == Side::Place { spans(run, units.len()) } else { vec![run.span(); units.len()] };
        if self.side != Side::Question || units.len() == 1 {
            for (place, unit) in units.iter().enumerate() {
                self.push((*unit).to_owned(), place, units.len() == 1, spans[place].clone());
            }
        }
        for (place, pair) in units.windows(2).enumerate() {
            self.push(pair.concat(), place, true, spans[place].start..spans[place + 1].end);
            if let Some(token) = self.tokens.last_mut() {
                token.run = Some(number);
            }
        }
        if run.class == Class::Hangul && (3..=WORD_CHARS_MAX).contains(&units.len()) {
            self.push(folded.clone(), 0, false, run.span());
        }
        self.position += units.len();
    }
}

impl Run<'_> {
    fn span(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// Where each of so many characters of a run stands before it is folded; the whole run for each where they cannot be told apart.
fn spans(run: &Run, count: usize) -> Vec<Range<usize>> {
    let mut spans = Vec::with_capacity(count);
    let mut from = run.at;
    for unit in units(run.text) {
        let span = from..from + unit.len();
        from = span.end;
        // What is folded into several characters has one place, and what is folded away none.
        spans.extend(units(&fold::word(unit)).iter().map(|_| span.clone()));
    }
    if spans.len() == count { spans } else { vec![run.span(); count] }
}

/// The characters of a text, each with the marks on it.
fn units(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.char_indices().filter(|(_, c)| !is_combining_mark(*c)).map(|(at, _)| at).collect();
    if starts.first() != Some(&0) && !text.is_empty() {
        starts.insert(0, 0);
    }
    starts.iter().enumerate().map(|(place, from)| &text[*from..starts.get(place + 1).copied().unwrap_or(text.len())]).collect()
}

/// Cuts words to their stems, by the language that is most written in their script. A word of another language in it keeps a stem of its
/// own all the same: one word has one stem.
struct Stems {
    english: Stemmer,
    others: [(char, char, Stemmer); 3],
}

impl Default for Stems {
    fn default() -> Self {
        let of = |first, last, algorithm| (first, last, Stemmer::new(algorithm));
        Self {
            english: Stemmer::new(Algorithm::English),
            others: [
                of('\u{0370}', '\u{03FF}', Algorithm::Greek),
                of('\u{0400}', '\u{052F}', Algorithm::Russian),
                of('\u{0600}', '\u{06FF}', Algorithm::Arabic),
            ],
        }
    }
}

impl Stems {
    fn of<'a>(&self, word: &'a str) -> Cow<'a, str> {
        if word.is_ascii() {
            return self.english.stem(word);
        }
        let stemmer = word.chars().next().and_then(|c| self.others.iter().find(|(first, last, _)| (*first..=*last).contains(&c)));
        let stem = stemmer.map_or(Cow::Borrowed(word), |(_, _, stemmer)| stemmer.stem(word));
        // What is all ending is kept whole.
        if stem.is_empty() { Cow::Borrowed(word) } else { stem }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::adapters::tantivy::FORMAT;

    fn texts(tokens: &[Token]) -> Vec<&str> {
        tokens.iter().map(|token| &*token.text).collect()
    }

    fn row(text: &str) -> Vec<(usize, String)> {
        of_text(text).into_iter().filter(|token| token.is_in_row).map(|token| (token.position, token.text)).collect()
    }

    /// Whether all that the question is a row of stands in the text.
    fn finds(question: &str, text: &str) -> bool {
        let (asked, kept) = (of_question(question), of_text(text));
        let asked: Vec<Token> = asked.into_iter().filter(|token| token.is_in_row).collect();
        !asked.is_empty() && asked.iter().all(|token| kept.iter().any(|other| other.text == token.text))
    }

    #[test]
    fn words_are_stems_with_places() {
        let of = |text| row(text).into_iter().map(|(place, word)| format!("{place} {word}")).collect::<Vec<_>>();
        assert_eq!(of("The Kettles' café, boiling!"), ["0 the", "1 kettl", "2 cafe", "3 boil"]);
        assert_eq!(of("callHTTPServer now"), ["0 call", "1 http", "2 server", "3 now"]);
        assert_eq!(of("東京駅 3月"), ["0 東京", "1 京駅", "3 3", "4 月"]);
        assert_eq!(of("ok 🎉🎉"), ["0 ok", "1 🎉", "2 🎉"]);
    }

    #[test]
    fn a_word_is_found_in_every_script() {
        for (question, text) in [
            ("東京", "会議は毎週火曜日の午後三時に東京駅の近くで行われます。"),
            ("猫", "我家的猫很懒"),
            ("コントリビューター", "新しいコントリビューターを歓迎"),
            ("ﾄｳｷｮｳ", "トウキョウへ行く"),
            ("ต้มยำ", "วันนี้เรากินต้มยำกุ้งที่ตลาด"),
            ("ភាសា", "ខ្ញុំរៀនភាសាខ្មែរ"),
            ("ພາສາ", "ຂ້ອຍເວົ້າພາສາລາວ"),
            ("မြန်မာ", "ကျွန်တော်မြန်မာစာသင်တယ်"),
            ("བཀྲ་ཤིས", "བཀྲ་ཤིས་བདེ་ལེགས།"),
            ("학교", "학교에서 만나요"),
            ("집", "집에서 쉬어요"),
            ("데이터베이스", "데이터베이스를 고쳤다"),
            ("книга", "Я читаю книги"),
            ("елка", "Ёлка стоит в углу."),
            ("كتاب", "قرأت الكتاب أمس"),
            ("שלום", "שָׁלוֹם לכולם"),
            ("किताब", "यह मेरी किताब है"),
            ("οδος", "Η ΟΔΟΣ είναι μεγάλη"),
            ("tieng viet", "Tôi nói tiếng Việt"),
            ("resume", "Le re\u{301}sume\u{301} de Thérèse"),
            ("🎉", "Release party 🎉🎉 on the roof"),
            ("👍", "ok 👍🏽"),
            ("💻", "at work 👩‍💻"),
            ("🇩🇪", "from 🇫🇷🇩🇪"),
            ("☎️", "call ☎ us"),
            ("user profile", "Call getUserProfileById before."),
            ("getUserProfileById", "Call getUserProfileById before."),
            ("getuserprofilebyid", "Call getUserProfileById before."),
            ("userProfile", "the profile of a user"),
            ("parse header", "parse_http_header"),
            ("utf-8", "utf8"),
            ("IT", "IT will not be in the office."),
            ("to be or not to be", "To be, or not to be: that is the question"),
            ("خواهم", "من می\u{200C}خواهم بروم"),
            ("٢٠٢٤", "in 2024"),
        ] {
            assert!(
                finds(question, text),
                "{question} in {text}: {:?} {:?}",
                texts(&of_question(question)),
                texts(&of_text(text))
            );
        }
        assert!(!finds("京都", "東京駅"));
        for (name, text) in [("c++", "I write C++."), ("c#", "some C#, some F#"), ("getuserprofilebyid", "getUserProfileById")] {
            assert!(texts(&of_question(name)).contains(&name) && texts(&of_text(text)).contains(&name), "{name}");
        }
        assert!(!texts(&of_text("I write C. A issue#12")).iter().any(|word| word.contains(['+', '#'])));
    }

    #[test]
    fn a_long_word_is_cut_and_not_lost() {
        let long = "xyz".repeat(40);
        assert!(finds(&long, &format!("a {long} b")) && finds(&"ж".repeat(200), &"ж".repeat(200)));
        assert_eq!(of_text(&long)[0].text.chars().count(), WORD_CHARS_MAX);
    }

    #[test]
    fn stop_words_are_told_from_names_in_capitals() {
        let common = |text: &str| of_question(text).iter().map(|token| token.is_common).collect::<Vec<_>>();
        assert_eq!(common("the IT office"), [true, false, false]);
        assert_eq!(common("it"), [true]);
        assert_eq!(common("THE IT OFFICE"), [true, true, false], "capitals say nothing where all are");
    }

    #[test]
    fn a_line_is_equal_to_itself_however_it_is_typed() {
        for (one, other) in
            [("Zanzibar itinerary", "zanzibar   ITINERARY!"), ("Café", "cafe"), ("getUserById", "getuserbyid"), ("???", "???")]
        {
            assert_eq!(line(one), line(other));
        }
        assert_ne!(line("Go"), line("Good"));
        assert_ne!(line("Notes"), line("Note"), "the stem is not the title");
        assert_eq!(line(" "), "");
        assert_eq!(names("Tea › Green › Hot"), ["tea green hot", "tea"]);
        assert_eq!((names("Tea"), names(" › x")), (vec!["tea".to_owned()], vec!["x".to_owned()]));
    }

    #[test]
    fn nothing_comes_of_nothing_and_anything_is_read() {
        for nothing in ["", "  ", "!?", "\u{FE0F}", "\u{200D}", "—…", "│──│"] {
            assert_eq!(of_text(nothing), [], "{nothing:?}");
        }
        for odd in ["\u{301}", "a\u{301}\u{301}", "\u{200D}🎉\u{200D}", "\u{E33}", "🇩", "#", "++", "C+++", "\u{1F3FB}"] {
            of_text(odd);
            of_question(odd);
        }
    }

    /// What is marked in a text for a question, word by word.
    fn marked(question: &str, text: &str) -> Vec<String> {
        let asked = of_question(question);
        let found = in_places(text).into_iter().filter(|token| asked.iter().any(|other| other.text == token.text));
        found.map(|token| text[token.span].to_owned()).collect()
    }

    #[test]
    fn a_word_is_told_with_its_place_however_it_is_written() {
        for (question, text, places) in [
            ("kettle", "Two kettles boil", vec!["kettles"]),
            ("resume", "Le re\u{301}sume\u{301} final", vec!["re\u{301}sume\u{301}"]),
            ("final 12", "ﬁnal １２ ok", vec!["ﬁnal", "１２"]),
            ("user", "getUserProfile", vec!["User"]),
            ("http", "parseHTTP2Stream", vec!["HTTP"]),
            ("c++", "some C++ code", vec!["C", "C++"]),
            ("東京駅", "会議は東京駅の近く", vec!["東京", "京駅"]),
            ("ガギ", "この ｶﾞｷﾞ だ", vec!["ｶﾞｷﾞ"]),
            ("ต้มยำ", "กินต้มยำกุ้ง", vec!["ต้ม", "มยำ", "ยำ"]),
            ("학교", "우리 학교에서", vec!["학교"]),
            ("\u{1112}\u{1161}\u{11AB}국", "in 한국", vec!["한국"]),
            ("👍", "ok 👍🏽!", vec!["👍🏽"]),
            ("🇩🇪", "🇫🇷🇩🇪", vec!["🇩🇪"]),
            ("שלום", "אמר שָׁלוֹם לכולם", vec!["שָׁלוֹם"]),
            ("محمد", "قال مُحَمَّد", vec!["مُحَمَّد"]),
            ("خواهم", "من می\u{200C}خواهم", vec!["خواهم"]),
            ("tm", "½ Brand™ x", vec!["™"]),
            ("b", "a\r\nb\r\n", vec!["b"]),
        ] {
            assert_eq!(marked(question, text), places, "{question} in {text}");
        }
        let long = "x".repeat(10_000);
        assert_eq!(marked(&long, &format!("a {long}")), [long]);
    }

    proptest::proptest! {
        #[test]
        fn places_change_no_word_and_lie_in_the_text(text in r"(\PC|[ -~]|[ぁ-んァ-ヶｦ-ﾟ]|[가-힣\u{1100}-\u{11FF}]|[\u{300}-\u{36F}]|[กขต้ำ]|[ﬁ™½²]|[\r\n\u{200D}]){0,40}") {
            let (plain, placed) = (of_text(&text), in_places(&text));
            let words = |tokens: &[Token]| tokens.iter().map(|it| (it.text.clone(), it.position, it.is_in_row)).collect::<Vec<_>>();
            proptest::prop_assert_eq!(words(&plain), words(&placed));
            proptest::prop_assert!(placed.iter().all(|it| it.span.start < it.span.end && text.get(it.span.clone()).is_some()));
        }
    }

    /// The index on disk holds these words: where they change, an index of before must be filled again.
    #[test]
    fn these_are_the_words_of_this_format() {
        let sample = "The Kettles' café, getUserById HTTPServer utf8 C++ naïve Straße Ёлка книги οδός الكتاب שלום किताबें \
            東京駅の近く ต้มยำกุ้ง 학교에서 🎉👍🏽 x² ½ ™ 2024 ٢٠٢٤ don't parse_http_header";
        let words: Vec<String> = of_text(sample).into_iter().map(|token| format!("{} {}", token.position, token.text)).collect();
        assert_eq!(
            (FORMAT, xxh3_64(words.join("\n").as_bytes())),
            (3, 16_181_327_822_416_850_516),
            "raise FORMAT with a change of words"
        );
    }
}
