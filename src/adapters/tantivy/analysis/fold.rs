//! Makes words equal that people take for the same: case, accents, digits, forms of a letter. Pure; used by the analysis alone.
//!
//! Decision 2026-11-27: marks are dropped where they are accents (`scripts`), and kept where they are letters: vowel signs of Indic
//! scripts, and й, ї, ў, without which "мой" would be "мои". ё is written as е by most, so it is е.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::scripts::{Class, class_of, is_accent, plain_digit};

/// Compatibility forms as plain ones: full width, ligatures, ① and ², half-width kana. What would grow onto the word before stays apart.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || (is_nfkc_quick(text.chars()) == IsNormalized::Yes && !text.chars().any(is_apart)) {
        return Cow::Borrowed(text);
    }
    let apart = |c: char| if is_apart(c) { [Some(' '), Some(c)] } else { [Some(c), None] };
    Cow::Owned(text.chars().flat_map(apart).flatten().nfkc().collect())
}

/// Signs whose plain form is letters or digits that belong to no word: ™, ℠, ½.
fn is_apart(c: char) -> bool {
    matches!(c, '\u{2120}' | '\u{2122}' | '\u{00BC}'..='\u{00BE}' | '\u{2150}'..='\u{215F}' | '\u{2189}')
}

/// The word without case and accents. `word` is [`plain`].
pub fn word(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let lower = word.to_lowercase();
    let mut folded = String::with_capacity(lower.len());
    let mut base = '\0';
    for c in lower.nfd() {
        if class_of(c) == Class::Ignored {
            continue;
        }
        if !is_accent(c) {
            base = c;
            push(&mut folded, c);
        } else if is_letter_of_its_own(base, c) {
            folded.push(c);
        }
    }
    folded.nfc().collect()
}

/// Whether a Cyrillic letter and its mark are another letter.
fn is_letter_of_its_own(base: char, mark: char) -> bool {
    matches!((base, mark), ('и' | 'у', '\u{0306}') | ('і', '\u{0308}'))
}

/// Letters that are forms of others, or that no mark can be taken from.
fn push(folded: &mut String, c: char) {
    match c {
        'ß' => folded.push_str("ss"),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        'ø' => folded.push('o'),
        'ł' | 'ƚ' => folded.push('l'),
        'đ' | 'ð' | 'ɖ' | 'ɗ' => folded.push('d'),
        'ħ' => folded.push('h'),
        'ı' => folded.push('i'),
        'ŧ' => folded.push('t'),
        'ŋ' | 'ɲ' => folded.push('n'),
        'ƀ' | 'ɓ' => folded.push('b'),
        'ƙ' => folded.push('k'),
        'ƴ' => folded.push('y'),
        // The end form of sigma.
        'ς' => folded.push('σ'),
        // Forms that keyboards of Arabic, Persian and Urdu differ in, and those that are often written without their points.
        'ٱ' => folded.push('ا'),
        'ى' | 'ی' => folded.push('ي'),
        'ک' => folded.push('ك'),
        'ة' | 'ہ' => folded.push('ه'),
        // A vowel in the nose, with the moon above or without.
        'ँ' => folded.push('ं'),
        other => folded.push(plain_digit(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_take_for_the_same_is_the_same() {
        for (written, asked) in [
            ("Résumé", "resume"),
            ("Re\u{301}sume\u{301}", "RESUME"),
            ("Straße", "STRASSE"),
            ("ﬁnal", "final"),
            ("ＡＢＣ１２", "abc12"),
            ("Ёлка", "елка"),
            ("за\u{301}мок", "замок"),
            ("ΟΔΟΣ", "οδός"),
            ("Μαΐου", "μαιου"),
            ("Tiếng", "tieng"),
            ("Đường", "duong"),
            ("İstanbul", "istanbul"),
            ("Łódź", "lodz"),
            ("Ærø", "aero"),
            ("مُحَمَّد", "محمد"),
            ("كتـــاب", "كتاب"),
            ("أحمد", "احمد"),
            ("کتابی", "كتابي"),
            ("שָׁלוֹם", "שלום"),
            ("ज़रूर", "जरूर"),
            ("१२", "12"),
            ("ｶﾞｷﾞ", "ガギ"),
            ("\u{1112}\u{1161}\u{11AB}", "한"),
            ("co\u{AD}operate", "cooperate"),
        ] {
            assert_eq!(word(&plain(written)), word(&plain(asked)), "{written} {asked}");
        }
    }

    #[test]
    fn what_is_another_word_stays_one() {
        for (one, other) in [("мой", "мои"), ("їх", "іх"), ("कि", "की"), ("กา", "กำ"), ("が", "か"), ("पल", "पाल")]
        {
            assert_ne!(word(&plain(one)), word(&plain(other)), "{one} {other}");
        }
    }

    #[test]
    fn signs_do_not_grow_onto_words() {
        assert_eq!((&*plain("Brand™ 3½"), &*plain("plain")), ("Brand TM 3 1\u{2044}2", "plain"));
    }
}
