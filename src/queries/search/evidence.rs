//! How likely a result is what was asked for, from 0 to 1, by itself: two searches can be compared by it, and a least score can be asked
//! for. Pure.
//!
//! The order of results is the rankings'. They compare the candidates of one search with each other, so that the best of nothing but
//! noise is as far above the rest as the best of a good search is; the score is therefore made of what the arms measured, on scales that
//! belong to the model and to the index.
//!
//! - Meaning: how far the cosine is above the model's floor ([`Cosines`]).
//! - Words: which share of what the question tells (the sum of its inverse document frequencies) stands in the text, and how much that is;
//!   a word that stands nowhere counts as well, so that half a question by common words is not half an answer.
//! - Both at once say more than one (noisy-or); and who is far behind the best is less likely.
//!
//! Decision 2026-11-28, fitted on the ten best of 997 questions about conversations (of which 982 in all were expected) and of 102 that
//! nothing there answers: of the best results .44 were expected and .48 is their mean score, of those with .5 or more half were (a turn that
//! says the same as the expected one counts as wrong there); of the 102 none is above .1.

use crate::ports::{Cosines, KeywordWeights};

/// What meaning alone says at most, and words alone.
const MEANING_MOST: f32 = 0.5;
const WORDS_MOST: f32 = 0.85;
/// The share of the question that speaks for a result as much as against it, and how fast that changes.
const SHARE_EVEN: f32 = 0.8;
const SHARE_STEEPNESS: f32 = 10.0;
/// How much has to be found for half of what words can say, in what the rarest word tells.
const TOLD_HALF: f32 = 0.35;
/// What is left of what words say when the meaning is another one.
const WORDS_ALONE: f32 = 0.7;
/// What a word scores that stands once in a text of mean length, in its inverse document frequency.
const ONCE: f32 = 1.44;
/// So many documents say of a word only half how rare it is: of two notes that both speak of kettles, each is what is asked for.
const FEW: f32 = 20.0;
/// How fast a result becomes unlikely behind the best: by the share of its words that is missing, and by cosine.
const BEHIND_WORDS: f32 = 6.0;
const BEHIND_MEANING: f32 = 2.0;

/// What the arms' scores are measured by.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The inverse document frequencies of all words; 0 without a keyword arm.
    words_all: f32,
    /// That of a word that stands nowhere.
    rarest: f32,
    /// How little the index can say of what is rare: from 1 for an empty one to 0.
    few: f32,
    /// `None` without a meaning arm, or where the model cannot read the query: then a cosine says nothing.
    cosines: Option<Cosines>,
    /// The best of this search, by each arm; nobody is compared before it is known.
    best: (f32, f32),
}

impl Evidence {
    pub fn new(weights: Option<&KeywordWeights>, cosines: Option<Cosines>) -> Self {
        let words_all = weights.map_or(0.0, KeywordWeights::score_of_all);
        let rarest = weights.map_or(0.0, |weights| (1.0 + (weights.documents as f32 + 0.5) / 0.5).ln());
        let few = weights.filter(|weights| weights.tells).map_or(0.0, |weights| FEW / (FEW + weights.documents as f32));
        Self { words_all, rarest, few, cosines, best: (0.0, 0.0) }
    }

    /// The same, where the best of the search have these scores.
    pub fn behind(self, scores: impl Iterator<Item = (Option<f32>, Option<f32>)>) -> Self {
        let most = |best: (f32, f32), (cosine, words): (Option<f32>, Option<f32>)| {
            (best.0.max(cosine.unwrap_or_default()), best.1.max(words.unwrap_or_default()))
        };
        Self { best: scores.fold((0.0, 0.0), most), ..self }
    }

    /// How likely a memory is that the arms scored so; `None` where an arm does not name it.
    pub fn of(&self, cosine: Option<f32>, words: Option<f32>) -> f32 {
        self.alone(cosine, words) * self.beside_the_best(cosine, words)
    }

    /// The same, whatever else was found: never less.
    pub fn alone(&self, cosine: Option<f32>, words: Option<f32>) -> f32 {
        let nearness = self.cosines.map(|cosines| cosine.map_or(0.0, |cosine| cosines.nearness(cosine)));
        let words = words.unwrap_or_default() / ONCE;
        let by_words = if words > 0.0 && self.words_all > 0.0 {
            let share = (words / self.words_all).min(1.0);
            let told = (words.min(self.words_all) / self.rarest).max(share * self.few);
            WORDS_MOST * logistic(SHARE_STEEPNESS * (share - SHARE_EVEN)) * told / (told + TOLD_HALF)
        } else {
            0.0
        };
        let by_words = by_words * nearness.map_or(1.0, |nearness| WORDS_ALONE + (1.0 - WORDS_ALONE) * nearness);
        1.0 - (1.0 - MEANING_MOST * nearness.unwrap_or_default()) * (1.0 - by_words)
    }

    fn beside_the_best(&self, cosine: Option<f32>, words: Option<f32>) -> f32 {
        let (near, told) = self.best;
        let missing = if told > 0.0 { (1.0 - words.unwrap_or_default() / told).max(0.0) } else { 0.0 };
        let farther = if self.cosines.is_some() { (near - cosine.unwrap_or_default()).max(0.0) } else { 0.0 };
        1.0 / (1.0 + BEHIND_WORDS * missing + BEHIND_MEANING * farther)
    }
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::WordWeight;

    const COSINES: Option<Cosines> = Some(Cosines { floor: 0.2, even: 0.47, steepness: 12.0 });

    fn weights(idfs: &[f32]) -> KeywordWeights {
        let word = |idf: &f32| WordWeight { word: "w".into(), in_title: 0.0, in_content: idf * 2.2, in_tags: 0.0 };
        KeywordWeights { words: idfs.iter().map(word).collect(), documents: 2_760, ..KeywordWeights::default() }
    }

    #[test]
    fn a_rare_word_that_is_found_says_more_than_noise() {
        let weights = weights(&[7.0]);
        let evidence = Evidence::new(Some(&weights), COSINES);
        let (exact, noise, near) =
            (evidence.of(Some(0.45), Some(7.0 * ONCE)), evidence.of(Some(0.3), None), evidence.of(Some(0.7), None));
        assert!(exact > 0.5 && noise < 0.1 && (0.4..0.5).contains(&near), "{exact} {noise} {near}");
        assert!(evidence.of(Some(0.7), Some(7.0 * ONCE)) > exact.max(near));
        assert_eq!(Evidence::new(None, None).of(Some(0.9), None), 0.0, "nobody could read the query");
        let alone = Evidence::new(Some(&weights), None);
        assert!(alone.of(None, Some(7.0 * ONCE)) > 0.5, "there is no other arm to doubt it");
    }

    #[test]
    fn a_word_that_all_of_a_few_notes_hold_is_what_is_asked_for() {
        let of = |documents, tells| {
            let weights = KeywordWeights { documents, tells, ..weights(&[0.18]) };
            Evidence::new(Some(&weights), None).of(None, Some(0.18 * ONCE))
        };
        assert!(of(2, true) > 0.5 && of(2, false) < 0.2 && of(2_760, true) < 0.2, "{} {}", of(2, true), of(2, false));
    }

    #[test]
    fn half_a_question_by_its_common_words_is_no_answer() {
        let weights = weights(&[8.6, 8.6, 3.0, 2.0]);
        let evidence = Evidence::new(Some(&weights), COSINES);
        let score = evidence.of(Some(0.28), Some(5.0 * ONCE));
        assert!(score < 0.1, "{score}");
    }

    #[test]
    fn who_is_far_behind_the_best_is_less_likely_and_equals_are_equal() {
        let weights = weights(&[5.0, 5.0]);
        let evidence = Evidence::new(Some(&weights), COSINES);
        let best = (Some(0.6), Some(14.0));
        let compared = evidence.clone().behind([best, (Some(0.4), Some(7.0))].into_iter());
        assert_eq!(compared.of(best.0, best.1), evidence.of(best.0, best.1));
        assert!(compared.of(Some(0.4), Some(7.0)) < 0.5 * evidence.of(Some(0.4), Some(7.0)));
        assert!(compared.of(None, None) <= compared.alone(None, None));
    }
}
