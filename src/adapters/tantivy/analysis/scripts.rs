//! What a character is to the search for words. Pure; used by the analysis alone.
//!
//! Tables hold what no general category tells: which scripts are written without spaces, and which marks are accents.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// What a character does to the word that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Part of a word of a script that puts spaces between words: letters and numbers.
    Word,
    /// A letter of a script that is written without spaces.
    Spaceless,
    /// A Korean syllable: words have spaces between them, and their endings grow onto them.
    Hangul,
    /// A mark on what stands before it.
    Mark,
    /// A word of its own: an emoji, a sign.
    Symbol,
    /// Not there: joiners, direction marks, variation selectors, the colour of a hand.
    Ignored,
    /// An end of a word.
    Gap,
}

/// Scripts that are written without spaces between words, with the signs that belong to them: Han, Kana, Bopomofo, Yi; Thai, Lao, Khmer,
/// Burmese and its neighbours, Javanese, Balinese. Tibetan is not among them: it has a point between syllables.
const SPACELESS: &[(char, char)] = &[
    ('\u{0E01}', '\u{0E3A}'),
    ('\u{0E40}', '\u{0E4E}'),
    ('\u{0E80}', '\u{0EFF}'),
    ('\u{1000}', '\u{109F}'),
    ('\u{1780}', '\u{17DD}'),
    ('\u{1950}', '\u{19DF}'),
    ('\u{1A20}', '\u{1AAD}'),
    ('\u{1B00}', '\u{1B4C}'),
    ('\u{2E80}', '\u{2FDF}'),
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{3029}'),
    ('\u{3031}', '\u{3035}'),
    ('\u{3041}', '\u{30FF}'),
    ('\u{3105}', '\u{312F}'),
    ('\u{31A0}', '\u{31BF}'),
    ('\u{31F0}', '\u{31FF}'),
    ('\u{3400}', '\u{4DBF}'),
    ('\u{4E00}', '\u{A48F}'),
    ('\u{A980}', '\u{A9C0}'),
    ('\u{A9E0}', '\u{A9FE}'),
    ('\u{AA60}', '\u{AADF}'),
    ('\u{F900}', '\u{FAFF}'),
    ('\u{1AFF0}', '\u{1B16F}'),
    ('\u{20000}', '\u{3FFFD}'),
];

const HANGUL: &[(char, char)] =
    &[('\u{1100}', '\u{11FF}'), ('\u{3131}', '\u{318E}'), ('\u{A960}', '\u{A97C}'), ('\u{AC00}', '\u{D7FB}')];

/// Marks that a reader may leave out and a writer may not know: accents of Latin, Greek and Cyrillic, points of Hebrew, vowels of Arabic
/// and Syriac. Vowel signs of Indic scripts and of those of South East Asia are none: without them it is another word.
const ACCENTS: &[(char, char)] = &[
    ('\u{0300}', '\u{036F}'),
    ('\u{0483}', '\u{0489}'),
    ('\u{0591}', '\u{05BD}'),
    ('\u{05BF}', '\u{05BF}'),
    ('\u{05C1}', '\u{05C2}'),
    ('\u{05C4}', '\u{05C5}'),
    ('\u{05C7}', '\u{05C7}'),
    ('\u{0610}', '\u{061A}'),
    ('\u{064B}', '\u{065F}'),
    ('\u{0670}', '\u{0670}'),
    ('\u{06D6}', '\u{06DC}'),
    ('\u{06DF}', '\u{06E4}'),
    ('\u{06E7}', '\u{06E8}'),
    ('\u{06EA}', '\u{06ED}'),
    ('\u{0711}', '\u{0711}'),
    ('\u{0730}', '\u{074A}'),
    ('\u{08D3}', '\u{08FF}'),
    // The point below, by which Hindi writes the sounds of other languages: most leave it out.
    ('\u{093C}', '\u{093C}'),
    ('\u{135D}', '\u{135F}'),
    ('\u{1AB0}', '\u{1AFF}'),
    ('\u{1DC0}', '\u{1DFF}'),
    ('\u{20D0}', '\u{20F0}'),
    ('\u{2DE0}', '\u{2DFF}'),
    ('\u{FE20}', '\u{FE2F}'),
];

/// Zeros of the decimal digits of other scripts; the nine others follow each.
const ZEROS: &[char] = &[
    '\u{0660}', '\u{06F0}', '\u{07C0}', '\u{0966}', '\u{09E6}', '\u{0A66}', '\u{0AE6}', '\u{0B66}', '\u{0BE6}', '\u{0C66}',
    '\u{0CE6}', '\u{0D66}', '\u{0DE6}', '\u{0E50}', '\u{0ED0}', '\u{0F20}', '\u{1040}', '\u{1090}', '\u{17E0}', '\u{1810}',
    '\u{1946}', '\u{19D0}', '\u{1A80}', '\u{1A90}', '\u{1B50}', '\u{1BB0}', '\u{1C40}', '\u{1C50}', '\u{A620}', '\u{A8D0}',
    '\u{A900}', '\u{A9D0}', '\u{A9F0}', '\u{AA50}', '\u{ABF0}',
];

fn is_in(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether the mark is an accent: a word with it and one without it are the same.
pub fn is_accent(c: char) -> bool {
    is_in(ACCENTS, c)
}

/// A decimal digit of another script as the one that everybody types.
pub fn plain_digit(c: char) -> char {
    let digit = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|digit| *digit < 10));
    digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
}

pub fn is_arabic(c: char) -> bool {
    matches!(c, '\u{0600}'..='\u{06FF}' | '\u{0750}'..='\u{077F}' | '\u{08A0}'..='\u{08FF}')
}

pub fn class_of(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Word } else { Class::Gap };
    }
    let category = c.general_category();
    match category {
        // The modifier that is an apostrophe, and its neighbours: written as one, they end a word like the ASCII one.
        GeneralCategory::ModifierLetter if matches!(c, '\u{02B9}'..='\u{02BF}') => Class::Gap,
        GeneralCategory::ModifierLetter if c == '\u{0640}' => Class::Ignored,
        GeneralCategory::DecimalNumber => Class::Word,
        GeneralCategory::UppercaseLetter
        | GeneralCategory::LowercaseLetter
        | GeneralCategory::TitlecaseLetter
        | GeneralCategory::ModifierLetter
        | GeneralCategory::OtherLetter
        | GeneralCategory::LetterNumber
        | GeneralCategory::OtherNumber => written(c),
        GeneralCategory::NonspacingMark if matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}') => Class::Ignored,
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark => Class::Mark,
        // A space without width is where a line may break: between words of scripts that have no other.
        GeneralCategory::Format if c == '\u{200B}' => Class::Gap,
        GeneralCategory::Format => Class::Ignored,
        // What tables and progress bars are drawn of says nothing.
        GeneralCategory::OtherSymbol if matches!(c, '\u{2500}'..='\u{259F}' | '\u{2800}'..='\u{28FF}') => Class::Gap,
        GeneralCategory::ModifierSymbol if matches!(c, '\u{1F3FB}'..='\u{1F3FF}') => Class::Ignored,
        GeneralCategory::OtherSymbol | GeneralCategory::CurrencySymbol | GeneralCategory::MathSymbol => Class::Symbol,
        _ => Class::Gap,
    }
}

/// A letter or a number by how its script puts words together.
fn written(c: char) -> Class {
    if is_in(HANGUL, c) {
        Class::Hangul
    } else if is_in(SPACELESS, c) {
        Class::Spaceless
    } else {
        Class::Word
    }
}
