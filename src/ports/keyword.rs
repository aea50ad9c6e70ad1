//! The keyword index: true BM25 over title, own text and tags, a projection of the log that keeps its own checkpoint.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use xxhash_rust::xxh3::xxh3_64;

use super::{Hit, QueryError};
use crate::domain::{
    ids::{MemoryId, SpaceId, StreamSeq},
    memory::Body,
};

/// What the index reads of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct KeywordText {
    pub title: Option<String>,
    pub content: String,
    pub tags: Vec<String>,
}

impl KeywordText {
    pub fn of(body: &Body) -> Self {
        Self { title: body.title.clone(), content: body.content.clone(), tags: body.tags.clone() }
    }

    /// What a memory's document amounts to: the same for the same space, id, title, content and tags.
    pub fn fingerprint(&self, space: &SpaceId, id: MemoryId) -> u64 {
        let title = self.title.as_deref().unwrap_or_default();
        let mut text = format!("{space}\u{1f}{id}\u{1f}{title}\u{1f}{}", self.content);
        for tag in &self.tags {
            text.push('\u{1f}');
            text.push_str(tag);
        }
        xxh3_64(text.as_bytes())
    }
}

/// A text as the index has it: its words with how often they occur, and how many there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    pub title: HashMap<String, u32>,
    pub content: HashMap<String, u32>,
    pub tags: HashMap<String, u32>,
    /// Lengths as the index remembers them: rounded down where they are long.
    pub title_len: u32,
    pub content_len: u32,
    pub tags_len: u32,
    /// What the memory is called, each as one word.
    pub names: Vec<Box<str>>,
}

/// What the words of a query are worth by the statistics of the index at one moment; scores any text as the index did then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeywordWeights {
    pub words: Vec<WordWeight>,
    pub phrases: Vec<PhraseWeight>,
    /// The whole question as a name, and what a memory that is called so has beside its words.
    pub name: Option<(Box<str>, f32)>,
    pub title_len_mean: f32,
    pub content_len_mean: f32,
    pub tags_len_mean: f32,
    /// Documents of the whole index.
    pub documents: u64,
    /// Whether the question has words that say something, whatever the index holds: it is not of articles and the like alone.
    pub tells: bool,
}

/// What a ranking depends on beside the memories themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Documents of the whole index.
    pub documents: u64,
    /// How many more until what its words are worth has moved by 1 %.
    pub documents_to_drift: u64,
}

/// A word and what it is worth in the title, the text and the tags: its inverse document frequency × (k1 + 1).
#[derive(Clone, Debug, PartialEq)]
pub struct WordWeight {
    pub word: Box<str>,
    pub in_title: f32,
    pub in_content: f32,
    pub in_tags: f32,
}

/// Words that stand one after the other, and what that is worth beside the words themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct PhraseWeight {
    pub words: Vec<Box<str>>,
    pub worth: f32,
    /// Whether they are looked for in the title, else in the text.
    pub is_of_title: bool,
}

const K1: f32 = 1.2;
const B: f32 = 0.75;
/// The share by which the worth of words may move until nobody ranks by it any more.
const DRIFT_MAX: f64 = 0.01;

impl KeywordWeights {
    /// What a ranking by these words depends on. An inverse document frequency grows by ln(1 + added / documents) while no more
    /// documents hold the word, and by less when some do.
    ///
    /// Decision 2026-11-26: no longer one document in a hundred. By that count everything that was kept in a space ended at the same
    /// moment, with 40 new memories a second at 100,000 every 25 s, and was asked again: nearly all misses of 50 clients. Words that
    /// tell texts apart are worth 4 to 7, so that an answer about them lasts that many times as long, each its own time.
    pub fn statistics(&self) -> Statistics {
        let mean = f64::from(self.score_of_all()) / self.words.len().max(1) as f64;
        let more = (self.documents as f64 * (DRIFT_MAX * mean).exp_m1()) as u64;
        Statistics { documents: self.documents, documents_to_drift: more.max(1) }
    }

    /// BM25 of a text; 0 when it holds none of the words. A phrase counts as often as its rarest word: never less than it is worth.
    /// Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009.
    pub fn score(&self, text: &Words) -> f32 {
        let [in_title, in_content, in_tags] = [
            (&text.title, text.title_len, self.title_len_mean),
            (&text.content, text.content_len, self.content_len_mean),
            (&text.tags, text.tags_len, self.tags_len_mean),
        ]
        .map(|(words, len, len_mean)| Place { words, norm: norm(len, len_mean) });
        let word = |word: &WordWeight| {
            let worth = |place: &Place, weight: f32| place.worth(weight, place.times(&word.word));
            worth(&in_title, word.in_title) + worth(&in_content, word.in_content) + worth(&in_tags, word.in_tags)
        };
        let phrase = |phrase: &PhraseWeight| {
            let place = if phrase.is_of_title { &in_title } else { &in_content };
            place.worth(phrase.worth, phrase.words.iter().map(|word| place.times(word)).fold(f32::INFINITY, f32::min))
        };
        let name = self.name.as_ref().filter(|(name, _)| text.names.contains(name)).map_or(0.0, |(_, worth)| *worth);
        self.words.iter().map(word).sum::<f32>() + self.phrases.iter().map(phrase).sum::<f32>() + name
    }

    /// BM25 of a text by those words of it alone that `counts` lets count; phrases and names do not.
    pub fn score_of(&self, text: &Words, counts: &dyn Fn(&str) -> bool) -> f32 {
        let place = Place { words: &text.content, norm: norm(text.content_len, self.content_len_mean) };
        let words = self.words.iter().filter(|it| counts(&it.word));
        words.map(|it| place.worth(it.in_content, place.times(&it.word))).sum()
    }

    /// What a text has more when the words of others are lent to it, each for a share of once; of the words that `counts` lets count.
    /// Source: Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields", 2004.
    pub fn lent(&self, text: &Words, others: &[(&Words, f32)], counts: &dyn Fn(&str) -> bool) -> f32 {
        let place = Place { words: &text.content, norm: norm(text.content_len, self.content_len_mean) };
        let more = |it: &WordWeight| {
            let own = place.times(&it.word);
            let lent = |(other, share): &(&Words, f32)| share * other.content.get(&*it.word).copied().unwrap_or(0) as f32;
            let all = own + others.iter().map(lent).sum::<f32>();
            place.worth(it.in_content, all) - place.worth(it.in_content, own)
        };
        self.words.iter().filter(|it| counts(&it.word)).map(more).sum()
    }

    /// What a text of mean length scores in which every word stands once: as good as words alone can say.
    pub fn score_of_all(&self) -> f32 {
        self.words.iter().map(|word| word.in_content / (K1 + 1.0)).sum()
    }
}

/// A part of a text, and how much its length takes from each word.
struct Place<'a> {
    words: &'a HashMap<String, u32>,
    norm: f32,
}

impl Place<'_> {
    fn times(&self, word: &str) -> f32 {
        self.words.get(word).copied().unwrap_or(0) as f32
    }

    fn worth(&self, weight: f32, times: f32) -> f32 {
        if times > 0.0 { weight * times / (times + self.norm) } else { 0.0 }
    }
}

/// Where no text had such a part, the first one counts for the most that it might.
fn norm(len: u32, len_mean: f32) -> f32 {
    K1 * (1.0 - B + if len_mean > 0.0 { B * len as f32 / len_mean } else { 0.0 })
}

/// The best of a search, and what they were measured by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeywordHits {
    pub hits: Vec<Hit>,
    pub weights: KeywordWeights,
}

/// A word of a question in a text, in characters: Unicode code points, of which `end` is the first behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordPlace {
    /// Which of the question's words, in the order of [`KeywordWeights::words`].
    pub word: usize,
    pub start: usize,
    pub end: usize,
}

/// Where the words of a question stand in a memory, in the order of the text; they may overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub title: Vec<WordPlace>,
    pub content: Vec<WordPlace>,
    /// Of each tag.
    pub tags: Vec<Vec<WordPlace>>,
}

/// What an event means for the index: the memory's text as it is now, or that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct KeywordChange {
    pub space: SpaceId,
    pub id: MemoryId,
    pub text: Option<KeywordText>,
}

/// One index per process; filled by one writer, asked by many.
/// Errors of each method: `Unavailable` while the index cannot be opened, read or written.
#[async_trait]
pub trait KeywordIndex: Send + Sync {
    /// The position that searches show: the last commit's.
    fn applied_seq(&self) -> StreamSeq;

    /// Takes changes in log order; they show after the next commit. A memory that comes twice keeps the later text.
    async fn stage(&self, changes: Vec<KeywordChange>) -> Result<(), QueryError>;

    /// Makes what was staged searchable, with `upto` as its checkpoint in the same commit.
    async fn commit(&self, upto: StreamSeq) -> Result<(), QueryError>;

    /// Begins anew without showing it: what is staged from now on replaces everything at the next commit.
    async fn start_over(&self) -> Result<(), QueryError>;

    /// The position that searches show, and each document's memory with its [`KeywordText::fingerprint`].
    async fn documents(&self) -> Result<(StreamSeq, Vec<(MemoryId, u64)>), QueryError>;

    /// Whether damage is not out of the question: it was not examined since it was opened, or something of it has failed since then.
    fn is_suspect(&self) -> bool;

    /// Waits until it is suspect. Cancel-safe.
    async fn suspected(&self);

    /// Holds everything that is stored against its checksums; answers what is damaged, file by file. While anything is, searches are
    /// refused, until [`KeywordIndex::start_over`] and a commit have replaced it.
    async fn examine(&self) -> Result<Vec<String>, QueryError>;

    /// Forgets everything: the index stands before the first event again.
    async fn clear(&self) -> Result<(), QueryError>;

    /// Writes what holds deleted documents anew, so that nothing of them is left on the disk; what is staged stays so. `false` when some are
    /// left because others keep changing it.
    async fn scrub(&self) -> Result<bool, QueryError>;

    /// The best `limit` memories of a space for the words of `query`, best first; only those in `among`, if given.
    /// Scores are BM25 with the statistics of the whole index. A query without a word finds nothing.
    async fn search(
        &self,
        space: &SpaceId,
        query: &str,
        among: Option<HashSet<MemoryId>>,
        limit: usize,
    ) -> Result<KeywordHits, QueryError>;

    /// Where the words of `query`, those that [`KeywordIndex::search`] looks for, stand in each of the texts, whether or not they are indexed.
    async fn places(&self, query: &str, texts: Vec<KeywordText>) -> Result<Vec<Places>, QueryError>;

    /// The words of a text, as they would be indexed.
    fn words(&self, text: &KeywordText) -> Words;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ranking_by_words_lasts_the_longer_the_more_its_words_tell() {
        let by = |idfs: &[f32]| {
            let word = |idf: &f32| WordWeight { word: "tea".into(), in_title: 0.0, in_content: idf * (K1 + 1.0), in_tags: 0.0 };
            let weights = KeywordWeights { words: idfs.iter().map(word).collect(), documents: 100_000, ..Default::default() };
            weights.statistics().documents_to_drift
        };
        // ln(1.0513) is one hundredth of five.
        assert_eq!(by(&[4.0, 6.0]), 5_127);
        assert_eq!((by(&[1.0]), by(&[])), (1_005, 1));
    }
}
