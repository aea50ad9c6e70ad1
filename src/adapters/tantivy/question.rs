//! A person's words as a query. Never a query language: whatever is typed is words, and quotes make a phrase count more.

use std::collections::HashMap;

use tantivy::{
    Searcher, TantivyError, Term,
    fieldnorm::FieldNormReader,
    query::{Bm25StatisticsProvider, BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use super::{
    analysis::{self, Token},
    fields::Fields,
};
use crate::{
    domain::ids::SpaceId,
    ports::{KeywordText, KeywordWeights, PhraseWeight, WordWeight, Words},
};

/// Words of a query beyond this many are not looked for.
const WORDS_MAX: usize = 64;
/// BM25's k1, as the index has it.
const K1: f32 = 1.2;
/// How many times as long texts count as they are on the mean. The index has b = 0.75; seen so, it is BM25 with k1 = 0.53 and b = 0.43.
///
/// Decision 2026-11-28: a short text that holds a word is not as much better than a long one as b = 0.75 has it. On 997 questions about
/// conversations, whose turns have 5 to 100 words, MRR rose from .47 to .51 and R@5 from 55.2 to 58.4.
const CONTENT_LENGTHENED: u64 = 4;
/// A word among the tags says more than one in the text, and one in the title more than both.
const TAG_BOOST: f32 = 1.5;
const TITLE_BOOST: f32 = 2.0;
/// Whoever asks by a name wants what is called so: as much again as a rare word in it.
const NAME_BOOST: f32 = 2.0;
/// And this in any case: among a few memories no word is rare, and meaning would outweigh the name.
const NAME_WORTH_MIN: f32 = 12.0;

/// What is looked for: each word once, and phrases of words with their places.
pub struct Asked {
    pub words: Vec<String>,
    pub phrases: Vec<Phrase>,
    /// The whole question as one word.
    pub line: String,
    /// All its words in a row, if these are several.
    pub row: Option<Phrase>,
    /// Whether some of its words say something.
    pub tells: bool,
}

/// Words with their places.
type Phrase = Vec<(usize, String)>;

/// The words of `text`; `None` when there is nothing in it. Stop words are left out while there are others.
pub fn asked(text: &str) -> Option<Asked> {
    let tokens = analysis::of_question(text);
    let tells = tokens.iter().any(|token| !token.is_common);
    let mut known: Vec<String> = Vec::new();
    for token in tokens.iter().filter(|token| !(tells && token.is_common)) {
        if known.len() < WORDS_MAX && !known.contains(&token.text) {
            known.push(token.text.clone());
        }
    }
    let is_phrase = |phrase: &Phrase| (2..=WORDS_MAX).contains(&phrase.len());
    let quoted = phrases(text).into_iter().map(|phrase| row(&analysis::of_question(phrase)));
    let phrases = quoted.chain(stretches(&tokens)).filter(is_phrase).collect();
    let (line, row) = (analysis::line(text), Some(row(&tokens)).filter(is_phrase));
    (!line.is_empty()).then_some(Asked { words: known, phrases, line, row, tells })
}

/// The words in their places, one in each.
fn row(tokens: &[Token]) -> Phrase {
    tokens.iter().filter(|token| token.is_in_row).map(|token| (token.position, token.text.clone())).collect()
}

/// What is written without a space stands together: its pairs of characters are worth more as they follow each other.
fn stretches(tokens: &[Token]) -> impl Iterator<Item = Phrase> {
    tokens.chunk_by(|a, b| a.run == b.run).filter(|run| run[0].run.is_some()).map(row)
}

/// The question within one space; `weights` are its own.
pub fn within(fields: &Fields, space: &SpaceId, asked: &Asked, weights: &KeywordWeights) -> BooleanQuery {
    let mut any: Vec<Box<dyn Query>> = Vec::new();
    for word in &asked.words {
        any.push(Box::new(BoostQuery::new(term(fields.title, word), TITLE_BOOST)));
        any.push(term(fields.content, word));
        any.push(Box::new(BoostQuery::new(term(fields.tags, word), TAG_BOOST)));
    }
    any.extend(asked.phrases.iter().map(|phrase| together(fields.content, phrase)));
    any.extend(asked.row.iter().map(|row| Box::new(BoostQuery::new(together(fields.title, row), TITLE_BOOST)) as Box<dyn Query>));
    if let Some((name, worth)) = &weights.name {
        let called = TermQuery::new(Term::from_field_text(fields.names, name), IndexRecordOption::Basic);
        any.push(Box::new(ConstScoreQuery::new(Box::new(called), *worth)));
    }
    // The space decides who is asked, not how well they answer.
    let here = TermQuery::new(Term::from_field_text(fields.space, space.as_str()), IndexRecordOption::Basic);
    let here: Box<dyn Query> = Box::new(ConstScoreQuery::new(Box::new(here), 0.0));
    let any = any.into_iter().map(|one| (Occur::Should, one)).collect();
    BooleanQuery::new(vec![(Occur::Must, here), (Occur::Must, Box::new(BooleanQuery::new(any)))])
}

/// The statistics of all documents, where texts are told to be longer on the mean.
pub struct Lengthened<'a> {
    pub searcher: &'a Searcher,
    pub content: Field,
}

impl Bm25StatisticsProvider for Lengthened<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let tokens = self.searcher.total_num_tokens(field)?;
        Ok(if field == self.content { tokens * CONTENT_LENGTHENED } else { tokens })
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.searcher.total_num_docs()
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        Bm25StatisticsProvider::doc_freq(self.searcher, term)
    }
}

/// What the words are worth by the statistics that the searcher shows, as the index itself scores them.
pub fn weights(fields: &Fields, asked: &Asked, searcher: &Searcher) -> tantivy::Result<KeywordWeights> {
    let documents = searcher.total_num_docs()?;
    let mean = |field| Ok::<_, TantivyError>(searcher.total_num_tokens(field)? as f32 / documents as f32);
    let weight = |field, word: &str| {
        let holding = Bm25StatisticsProvider::doc_freq(searcher, &Term::from_field_text(field, word))? as f32;
        Ok::<_, TantivyError>((1.0 + (documents as f32 - holding + 0.5) / (holding + 0.5)).ln() * (K1 + 1.0))
    };
    let word = |word: &String| {
        let in_title = weight(fields.title, word)? * TITLE_BOOST;
        let (in_content, in_tags) = (weight(fields.content, word)?, weight(fields.tags, word)? * TAG_BOOST);
        Ok(WordWeight { word: word.as_str().into(), in_title, in_content, in_tags })
    };
    let words: Vec<WordWeight> = asked.words.iter().map(word).collect::<tantivy::Result<_>>()?;
    let phrase = |phrase: &Phrase, field, boost: f32| {
        let words: Vec<Box<str>> = phrase.iter().map(|(_, word)| word.as_str().into()).collect();
        let worth = words.iter().map(|word| weight(field, word)).sum::<tantivy::Result<f32>>()? * boost;
        Ok(PhraseWeight { words, worth, is_of_title: field == fields.title })
    };
    let in_text = asked.phrases.iter().map(|it| phrase(it, fields.content, 1.0));
    let in_title = asked.row.iter().map(|it| phrase(it, fields.title, TITLE_BOOST));
    Ok(KeywordWeights {
        words,
        phrases: in_text.chain(in_title).collect::<tantivy::Result<_>>()?,
        name: Some((asked.line.as_str().into(), weight(fields.names, &asked.line)? * NAME_BOOST + NAME_WORTH_MIN)),
        title_len_mean: mean(fields.title)?,
        content_len_mean: mean(fields.content)? * CONTENT_LENGTHENED as f32,
        tags_len_mean: mean(fields.tags)?,
        documents,
        tells: asked.tells,
    })
}

/// The words of a text with how often they occur, as the index counts them.
pub fn words_of(text: &KeywordText) -> Words {
    let counted = |texts: &mut dyn Iterator<Item = &String>| {
        let (mut count, mut times) = (0, HashMap::new());
        for token in texts.flat_map(|text| analysis::of_text(text)) {
            *times.entry(token.text).or_default() += 1;
            count += 1;
        }
        // The index remembers lengths in one byte.
        (times, FieldNormReader::id_to_fieldnorm(FieldNormReader::fieldnorm_to_id(count)))
    };
    let (title, title_len) = counted(&mut text.title.iter());
    let (content, content_len) = counted(&mut std::iter::once(&text.content));
    let (tags, tags_len) = counted(&mut text.tags.iter());
    let names = text.title.as_deref().map(analysis::names).unwrap_or_default().into_iter().map(Into::into).collect();
    Words { title, content, tags, title_len, content_len, tags_len, names }
}

fn together(field: Field, phrase: &Phrase) -> Box<dyn Query> {
    let terms = phrase.iter().map(|(place, word)| (*place, Term::from_field_text(field, word)));
    Box::new(PhraseQuery::new_with_offset(terms.collect()))
}

fn term(field: Field, word: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs))
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
    fn stop_words_are_looked_for_when_there_is_nothing_else() {
        let words = |text: &str| asked(text).expect("words").words;
        assert_eq!(words("The kettles of the house"), ["kettl", "hous"]);
        assert_eq!(words("to be or not to be"), ["to", "be", "or", "not"]);
        assert_eq!(words("the IT office"), ["it", "offic"]);
    }

    #[test]
    fn a_phrase_is_what_is_quoted_and_what_is_written_without_a_space() {
        let of = |text: &str| -> Vec<Vec<String>> {
            let phrases = asked(text).expect("words").phrases.into_iter();
            phrases.map(|phrase| phrase.into_iter().map(|(place, word)| format!("{place} {word}")).collect()).collect()
        };
        assert_eq!(of("\"the black tea\" now"), [["0 the", "1 black", "2 tea"]]);
        assert_eq!(of("in 東京駅前 there"), [["1 東京", "2 京駅", "3 駅前"]]);
        assert_eq!(of("東京 駅"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn what_holds_no_word_can_only_be_a_title() {
        assert!(asked("").is_none() && asked("  ").is_none());
        let signs = asked("!?").expect("a title may be like this");
        assert_eq!((signs.words, &*signs.line), (vec![], "!?"));
    }
}
