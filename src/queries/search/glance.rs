//! The words of a text as far as a question asks for them: all others are only counted. Called by [`super::second`], which reads a
//! hundred texts for one question; to cut every word of them to its stem would take longer than the rest of the search. Pure.

use std::collections::HashSet;

use crate::{
    domain::memory::Body,
    ports::{KeywordIndex, KeywordText, KeywordWeights, Words},
};

/// How much of a text is looked at, in bytes, cut at a character.
const BYTES_MAX: usize = 1_200;
/// Letters by which words are told apart before they are cut: the third may be another one in the stem (dry, dri).
const BEGINNING: usize = 2;

/// What to look for.
pub struct Glance {
    /// How the words begin.
    beginnings: HashSet<[u8; BEGINNING]>,
    /// Words in other scripts are found by the index alone.
    is_ascii: bool,
}

fn beginning(word: &[u8]) -> [u8; BEGINNING] {
    std::array::from_fn(|place| word.get(place).map_or(0, u8::to_ascii_lowercase))
}

impl Glance {
    pub fn new(weights: &KeywordWeights) -> Self {
        let beginnings = weights.words.iter().map(|it| beginning(it.word.as_bytes())).collect();
        Self { beginnings, is_ascii: weights.words.iter().all(|it| it.word.is_ascii()) }
    }

    /// What the index would find of the question in the text, and how long the text is.
    pub fn words(&self, body: &Body, index: &dyn KeywordIndex) -> Words {
        let text = cut(&body.content);
        let of = |content: String| index.words(&KeywordText { title: body.title.clone(), content, tags: body.tags.clone() });
        if !self.is_ascii || !text.is_ascii() {
            return of(text.to_owned());
        }
        let (mut kept, mut count) = (String::new(), 0);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            count += 1;
            if self.beginnings.contains(&beginning(word.as_bytes())) {
                kept.push_str(word);
                kept.push(' ');
            }
        }
        Words { content_len: count, ..of(kept) }
    }
}

/// How the index has the words of a name.
pub fn stems(name: &str, index: &dyn KeywordIndex) -> impl Iterator<Item = String> {
    index.words(&KeywordText { title: None, content: name.to_owned(), tags: vec![] }).content.into_keys()
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
