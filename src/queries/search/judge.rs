//! Whether a memory could enter a search that was answered before, by the statistics that it was answered with. Pure.
//!
//! Called by the caches for every change. Errs on one side only: what it says cannot enter, does not.

use std::sync::Arc;

use super::{
    evidence::Evidence,
    fits::{may_pass, tests_any},
    fusion::Scale,
    second::Reaches,
};
use crate::ports::{
    Filter, KeywordWeights, PhraseWeight, WordWeight,
    cache::{Candidate, Membership},
};

/// Closest that log-odds may come for a candidate to be told from the last that is shown, beside what the arms' scores round.
///
/// Decision 2026-11-26: log-odds, not scores. The best ten of 100,000 score 0.99 and more, all within a thousandth, so that a margin
/// on scores let seven times as many changes end a search as do enter it.
const MARGIN: f32 = 1e-3;

/// How one arm saw the candidates.
#[derive(Clone, Debug)]
pub struct ArmJudge<T> {
    /// What it scores with.
    pub by: T,
    /// `None` when it found nothing.
    pub scale: Option<Scale>,
}

/// The least score that was asked for, and what scores are made of.
#[derive(Clone, Debug)]
pub struct Least {
    pub score: f32,
    pub evidence: Evidence,
    /// The log-odds of the last that is shown; whoever comes before it has no less a score.
    pub last: Option<f32>,
}

/// What was looked at again, and where somebody new would be.
///
/// Decision 2026-11-28: whoever would be among the seeds ends the answer, wherever they come to stand by the second look, and so does every
/// change within reach of a seed; what was looked at is the answer's dependency. To tell more exactly would be to keep the hundred texts.
#[derive(Clone, Debug)]
pub struct Beside {
    pub reaches: Reaches,
    /// The log-odds of the last seed; `None` when there was room for more.
    pub bar: Option<f32>,
    /// Whether the second look made the order. Without, only who stands somewhere can bring it about.
    pub is_second: bool,
}

/// What a change could mean for one search.
#[derive(Clone, Debug)]
pub struct Judge {
    pub filter: Filter,
    pub keyword: Option<ArmJudge<KeywordWeights>>,
    /// The query's vector, as [`crate::ports::unit`] makes it.
    pub semantic: Option<ArmJudge<Arc<[f32]>>>,
    /// The cosine below which nobody is found by meaning alone.
    pub floor: f32,
    /// The log-odds of the last that is shown; `None` when there was room for more.
    pub bar: Option<f32>,
    /// `None` when every score will do.
    pub least: Option<Least>,
    /// `None` where only one arm was wanted.
    pub beside: Option<Beside>,
}

impl Judge {
    /// What each arm says of a memory: of its words, if there are any of the query's, and of its vector.
    fn seen(&self, candidate: &Candidate) -> (Option<f32>, Option<f32>) {
        let words = self.keyword.as_ref().map(|arm| arm.by.score(candidate.words())).filter(|score| *score > 0.0);
        let cosine = |by: &Arc<[f32]>, vector: &Arc<[f32]>| by.iter().zip(&**vector).map(|(a, b)| a * b).sum();
        let near = self.semantic.as_ref().zip(candidate.vector.as_ref()).map(|(arm, vector)| cosine(&arm.by, vector));
        (words, near)
    }

    /// Whether an arm finds it; `side` says for whom doubt speaks.
    fn is_named(&self, (words, near): (Option<f32>, Option<f32>), side: f32) -> bool {
        words.is_some() || near.is_some_and(|cosine| cosine >= self.floor + side * MARGIN)
    }

    /// A memory's log-odds by the stored statistics, and how exact they are; `None` when no arm names it, infinite when nobody can
    /// tell.
    pub fn logit(&self, candidate: &Candidate) -> Option<(f32, f32)> {
        let (words, near) = self.seen(candidate);
        if !self.is_named((words, near), -1.0) {
            return None;
        }
        let keyword = self.keyword.as_ref().map(|arm| (arm.scale, words));
        let semantic = self.semantic.as_ref().map(|arm| (arm.scale, near));
        let seen: Vec<(Option<Scale>, Option<f32>)> = [keyword, semantic].into_iter().flatten().collect();
        let part = |(scale, score): &(Option<Scale>, Option<f32>)| match (scale, score) {
            // It would be the first that this arm finds, or the first that differs: nobody knows what that would count for.
            (None, Some(_)) => (f32::INFINITY, 0.0),
            (Some(scale), Some(_)) if !scale.tells_apart() => (f32::INFINITY, 0.0),
            (None, None) => (0.0, 0.0),
            // Who is named counts for no less than who is not.
            (Some(scale), Some(score)) => (scale.part(Some(*score)).max(scale.part(None)), scale.rounding(*score)),
            (Some(scale), None) => (scale.part(None), 0.0),
        };
        Some(seen.iter().map(part).fold((0.0, MARGIN), |sum, part| (sum.0 + part.0, sum.1 + part.1)))
    }

    /// Whether it comes to stand among those that are shown; `side` says for whom doubt speaks.
    fn is_entered(&self, candidate: &Candidate, side: f32) -> bool {
        if candidate.memory.deleted_at.is_some() || !may_pass(&self.filter, candidate.id, &candidate.memory) {
            return false;
        }
        if self.beside.as_ref().is_some_and(|beside| !beside.reaches.is_empty() && beside.reaches.reach(candidate.place())) {
            return true;
        }
        if let Some(changed) = &candidate.changed {
            // Who was outside by its score is so still; whether the filter kept it out is not known.
            return side < 0.0 && tests_any(&self.filter, changed);
        }
        let Some((logit, margin)) = self.logit(candidate) else { return false };
        let again = self.beside.as_ref().filter(|beside| beside.is_second || candidate.place().is_some());
        match again {
            // Where it comes to stand, and with what score, is the second look's to say.
            Some(beside) => beside.bar.is_none_or(|bar| logit >= bar + side * margin) && (side < 0.0 || beside.is_second),
            None => self.bar.is_none_or(|bar| logit >= bar + side * margin) && self.has_least(candidate, (logit, margin), side),
        }
    }

    /// Whether its score will do: its own, or that of somebody whom it comes before.
    fn has_least(&self, candidate: &Candidate, (logit, margin): (f32, f32), side: f32) -> bool {
        let Some(Least { score, evidence, last }) = &self.least else { return true };
        let (words, near) = self.seen(candidate);
        let near = near.filter(|cosine| *cosine >= self.floor + side * MARGIN);
        let own = if side < 0.0 { evidence.alone(near, words) } else { evidence.of(near, words) };
        own >= score + side * MARGIN || (side < 0.0 && last.is_some_and(|last| logit >= last - margin))
    }
}

impl Membership for Judge {
    fn may_admit(&self, candidate: &Candidate) -> bool {
        self.is_entered(candidate, -1.0)
    }

    fn must_admit(&self, candidate: &Candidate) -> bool {
        self.is_entered(candidate, 1.0)
            && self.is_named(self.seen(candidate), 1.0)
            && self.logit(candidate).is_some_and(|(logit, _)| logit.is_finite())
    }

    fn heeds_vectors(&self) -> bool {
        self.semantic.is_some()
    }

    /// The vector is that of the kept query embeddings, and counted there.
    fn bytes(&self) -> usize {
        let words = self.keyword.as_ref().map_or(0, |arm| {
            let word = |it: &WordWeight| size_of_val(it) + it.word.len();
            let phrase =
                |it: &PhraseWeight| size_of_val(it) + it.words.iter().map(|word| size_of_val(word) + word.len()).sum::<usize>();
            arm.by.words.iter().map(word).sum::<usize>() + arm.by.phrases.iter().map(phrase).sum::<usize>()
        });
        size_of::<Self>() + words + self.beside.as_ref().map_or(0, |beside| beside.reaches.bytes())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{
            ids::MemoryId,
            memory::{Draft, Memory},
        },
        ports::{Bound, Cosines, Hit, Test},
        queries::search::fusion::{Arm, fuse},
    };

    fn candidate(cosine: f32) -> Candidate {
        let body = Draft { content: "tea".into(), ..Draft::default() }.validate().expect("valid");
        let (created_at, updated_at, deleted_at) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH, None);
        let memory = Memory { body, created_at, updated_at, deleted_at, erased_at: None };
        let vector = Some([cosine, (1.0 - cosine * cosine).sqrt()].into());
        Candidate::new(MemoryId(Uuid::nil()), memory, vector, Arc::new(|_| Default::default()))
    }

    #[test]
    fn a_change_that_leaves_the_text_alone_lets_in_only_whom_the_filter_may_have_kept_out() {
        let judge = |filter| Judge { filter, keyword: None, semantic: None, floor: -1.0, bar: None, least: None, beside: None };
        let important = Filter::Is(Test::Importance(Bound { gte: Some(0.0), ..Bound::default() }));
        let old =
            Filter::Not(Box::new(Filter::Is(Test::CreatedAt(Bound { gt: Some(DateTime::UNIX_EPOCH), ..Bound::default() }))));
        let changed = |fields: &[&str]| candidate(1.0).changed_only(fields.iter().map(ToString::to_string).collect());
        assert!(!judge(Filter::none()).may_admit(&changed(&["importance"])));
        assert!(judge(important.clone()).may_admit(&changed(&["metadata", "importance"])));
        assert!(!judge(important).may_admit(&changed(&["metadata"])));
        assert!(judge(old.clone()).may_admit(&changed(&[])), "nothing says that it was created at the same time before");
        assert!(!judge(old).must_admit(&changed(&[])));
    }

    #[test]
    fn what_scores_less_than_the_last_does_not_enter_however_near_to_one_both_are() {
        // Two hundred lie far away, and ten near together: all ten score more than 0.98.
        let score = |place: u32| if place < 10 { 0.9 - place as f32 * 0.001 } else { 0.1 + place as f32 * 1e-6 };
        let hits = (0..210).map(|place| Hit { id: MemoryId(Uuid::from_u128(place.into())), score: score(place) }).collect();
        let ranking = fuse(&[Arm::semantic(hits, -1.0)]);
        let bar = ranking.best[9].clone();
        assert!(bar.logit > 4.0, "{}", bar.logit);
        let semantic = Some(ArmJudge { by: [1.0, 0.0].into(), scale: ranking.scales[0] });
        let judge = Judge {
            filter: Filter::none(),
            keyword: None,
            semantic,
            floor: -1.0,
            bar: Some(bar.logit),
            least: None,
            beside: None,
        };
        assert!(judge.must_admit(&candidate(0.892)));
        assert!(judge.may_admit(&candidate(0.891)) && !judge.must_admit(&candidate(0.891)), "a tie enters, perhaps");
        assert!(!judge.may_admit(&candidate(0.889)) && !judge.may_admit(&candidate(0.5)));
    }

    #[test]
    fn who_lies_below_the_floor_or_the_least_score_does_not_enter_where_there_is_room() {
        let hits = (0..5).map(|place| Hit { id: MemoryId(Uuid::from_u128(place)), score: 0.9 - place as f32 * 0.1 }).collect();
        let ranking = fuse(&[Arm::semantic(hits, 0.2)]);
        let semantic = || Some(ArmJudge { by: [1.0, 0.0].into(), scale: ranking.scales[0] });
        let judge = |least| Judge {
            filter: Filter::none(),
            keyword: None,
            semantic: semantic(),
            floor: 0.2,
            bar: None,
            least,
            beside: None,
        };
        assert!(judge(None).must_admit(&candidate(0.21)) && !judge(None).may_admit(&candidate(0.19)));
        assert!(judge(None).may_admit(&candidate(0.2)) && !judge(None).must_admit(&candidate(0.2)), "perhaps");
        let least = |last| {
            Some(Least {
                score: 0.3,
                evidence: Evidence::new(None, Some(Cosines { floor: 0.2, even: 0.42, steepness: 12.0 })),
                last,
            })
        };
        assert!(judge(least(None)).must_admit(&candidate(0.5)) && !judge(least(None)).may_admit(&candidate(0.3)));
        let last = least(Some(ranking.best[4].logit - 1.0));
        assert!(judge(last).may_admit(&candidate(0.41)), "it comes before one whose score does");
    }
}
