//! Where a text's plain form comes from, so that a word that was found can be shown in the text itself. Pure; used by the analysis alone,
//! and never where words are made for the index: they do not need it.

use std::{borrow::Cow, ops::Range};

use unicode_normalization::{IsNormalized, UnicodeNormalization, char::canonical_combining_class, is_nfkc_quick};

use super::fold;

/// The beginnings, in bytes, of the pieces that become plain each by itself: in the plain form, and in the text. Both rise.
pub struct Origins {
    /// Empty where the plain form is the text.
    pieces: Vec<(usize, usize)>,
    text_len: usize,
}

impl Origins {
    /// The plain form, as [`fold::plain`] makes it, and where it comes from.
    pub fn of(text: &str) -> (Cow<'_, str>, Self) {
        if let Cow::Borrowed(plain) = fold::plain(text) {
            return (Cow::Borrowed(plain), Self { pieces: vec![], text_len: text.len() });
        }
        let (mut plain, mut pieces) = (String::with_capacity(text.len()), vec![]);
        let mut from = 0;
        let begins = text.char_indices().skip(1).filter(|(_, c)| stands_alone(*c)).map(|(at, _)| at);
        for to in begins.chain([text.len()]) {
            pieces.push((plain.len(), from));
            plain.push_str(&fold::plain(&text[from..to]));
            from = to;
        }
        (Cow::Owned(plain), Self { pieces, text_len: text.len() })
    }

    /// Where in the text a span of the plain form comes from: whole pieces.
    pub fn span(&self, plain: &Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return plain.clone();
        }
        // The piece that an offset lies in is the last that begins at it or before.
        let first = self.pieces.partition_point(|(at, _)| *at <= plain.start).saturating_sub(1);
        let after = self.pieces.partition_point(|(at, _)| *at < plain.end);
        self.pieces[first].1..self.pieces.get(after).map_or(self.text_len, |(_, at)| *at)
    }
}

/// Whether normalisation never joins a character to what stands before it.
/// Source: Unicode Standard Annex #15, section 9.1, stable code points as boundaries.
fn stands_alone(c: char) -> bool {
    let first = [c].into_iter().nfkd().next().unwrap_or(c);
    canonical_combining_class(first) == 0 && is_nfkc_quick([first].into_iter()) != IsNormalized::Maybe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_form_is_traced_to_the_text() {
        let text = "ﬁn e\u{301}™ ｶﾞx";
        let (plain, origins) = Origins::of(text);
        assert_eq!(plain, fold::plain(text));
        for (found, source) in [("fi", "ﬁ"), ("n", "n"), ("é", "e\u{301}"), ("TM", "™"), ("ガ", "ｶﾞ"), ("x", "x")] {
            let at = plain.find(found).expect("it is there");
            assert_eq!(&text[origins.span(&(at..at + found.len()))], source, "{found}");
        }
    }
}
