//! Where in a text the words of a question stand, found by the same analysis as the index. Pure; called by the index for answers that show it.

use std::collections::HashMap;

use super::{analysis, question};
use crate::ports::{KeywordText, Places, WordPlace};

/// The places in each text.
pub fn of(query: &str, texts: &[KeywordText]) -> Vec<Places> {
    let words = question::asked(query).map(|asked| asked.words).unwrap_or_default();
    let words: HashMap<&str, usize> = words.iter().enumerate().map(|(number, word)| (word.as_str(), number)).collect();
    let places = |text: &KeywordText| Places {
        title: text.title.as_deref().map(|title| within(title, &words)).unwrap_or_default(),
        content: within(&text.content, &words),
        tags: text.tags.iter().map(|tag| within(tag, &words)).collect(),
    };
    texts.iter().map(places).collect()
}

fn within(text: &str, words: &HashMap<&str, usize>) -> Vec<WordPlace> {
    if words.is_empty() {
        return vec![];
    }
    let found = analysis::in_places(text).into_iter();
    let mut found: Vec<_> = found.filter_map(|token| Some((token.span, *words.get(&*token.text)?))).collect();
    found.sort_by_key(|(span, _)| (span.start, span.end));
    let (mut at, mut chars) = (0, 0);
    let place = |(span, word): (std::ops::Range<usize>, usize)| {
        chars += text[at..span.start].chars().count();
        at = span.start;
        WordPlace { word, start: chars, end: chars + text[span].chars().count() }
    };
    found.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_characters_and_name_the_word() {
        let text = KeywordText {
            title: Some("Tea 🍵".into()),
            content: "Schöne grüße: green teas at four, 🍵🍵".into(),
            tags: vec!["x".into(), "green-tea".into()],
        };
        let [found] = &of("the green tea 🍵", &[text])[..] else { panic!("one text") };
        let of = |places: &[WordPlace]| places.iter().map(|it| (it.word, it.start, it.end)).collect::<Vec<_>>();
        assert_eq!(of(&found.title), [(1, 0, 3), (2, 4, 5)]);
        assert_eq!(of(&found.content), [(0, 14, 19), (1, 20, 24), (2, 34, 35), (2, 35, 36)]);
        assert_eq!(found.tags.iter().map(|tag| of(tag)).collect::<Vec<_>>(), [vec![], vec![(0, 0, 5), (1, 6, 9)]]);
    }
}
