//! A person's words as a query. Never a query language: whatever is typed is words, and quotes make a phrase count more.

use tantivy::{
    Term,
    query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use super::fields::{self, Fields};
use crate::domain::ids::SpaceId;

/// Words of a query beyond this many are not looked for.
const WORDS_MAX: usize = 64;
/// A word among the tags says more than one in the text.
const TAG_BOOST: f32 = 1.5;

/// The words of `text` within one space; `None` when there is no word in it.
pub fn within(fields: &Fields, space: &SpaceId, text: &str) -> Option<BooleanQuery> {
    let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    let mut known = Vec::new();
    for (_, word) in words(text) {
        if known.len() == WORDS_MAX {
            break;
        }
        if known.contains(&word) {
            continue;
        }
        any.push((Occur::Should, term(fields.content, &word)));
        any.push((Occur::Should, Box::new(BoostQuery::new(term(fields.tags, &word), TAG_BOOST))));
        known.push(word);
    }
    if any.is_empty() {
        return None;
    }
    for phrase in phrases(text) {
        let terms: Vec<(usize, Term)> =
            words(phrase).into_iter().map(|(place, word)| (place, Term::from_field_text(fields.content, &word))).collect();
        if (2..=WORDS_MAX).contains(&terms.len()) {
            any.push((Occur::Should, Box::new(PhraseQuery::new_with_offset(terms))));
        }
    }
    // The space decides who is asked, not how well they answer.
    let here = TermQuery::new(Term::from_field_text(fields.space, space.as_str()), IndexRecordOption::Basic);
    let here: Box<dyn Query> = Box::new(ConstScoreQuery::new(Box::new(here), 0.0));
    Some(BooleanQuery::new(vec![(Occur::Must, here), (Occur::Must, Box::new(BooleanQuery::new(any)))]))
}

fn term(field: Field, word: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs))
}

/// The words with their places, as the index has them.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut analyzer = fields::analyzer();
    analyzer.token_stream(text).process(&mut |token| found.push((token.position, token.text.clone())));
    found
}

/// What stands between double quotes; an open quote at the end quotes nothing.
fn phrases(text: &str) -> Vec<&str> {
    let parts: Vec<&str> = text.split('"').collect();
    let closed = if parts.len() % 2 == 1 { parts.len() } else { parts.len() - 1 };
    parts[..closed].iter().skip(1).step_by(2).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_quotes_make_a_phrase() {
        assert_eq!(phrases(r#"a "b c" d "e""#), ["b c", "e"]);
        assert_eq!(phrases(r#"a "b c"#), Vec::<&str>::new());
        assert_eq!(phrases(""), Vec::<&str>::new());
    }

    #[test]
    fn words_are_stems_with_places() {
        assert_eq!(words("The Kettles' café, boiling!"), [(1, "kettl".into()), (2, "cafe".into()), (3, "boil".into())]);
    }

    #[test]
    fn what_holds_no_word_asks_nothing() {
        let fields = Fields::new();
        for nothing in ["", "  ", "!?", "the of and", "🫖"] {
            assert!(within(&fields, &SpaceId::default_space(), nothing).is_none(), "{nothing}");
        }
    }
}
