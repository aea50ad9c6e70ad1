//! What rankings are worth: recall, first hits, reciprocal ranks, and how sure these are. Pure; called by `brain eval`.

/// Where recall is looked at.
pub const CUTS: [usize; 5] = [1, 5, 10, 20, 50];
/// How often groups are drawn anew for an interval.
const DRAWS: usize = 1_000;

/// How one question was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was drawn together: a conversation, or the question itself.
    pub group: usize,
    pub category: String,
    /// The ranks, from 1, at which what was expected came; what did not come is not among them.
    pub ranks: Vec<usize>,
    /// How many were expected; 1 at least.
    pub expected: usize,
}

impl Outcome {
    /// The share of what was expected among the first `cut`.
    fn recall(&self, cut: usize) -> f64 {
        self.ranks.iter().filter(|rank| **rank <= cut).count() as f64 / self.expected as f64
    }

    fn first(&self) -> Option<usize> {
        self.ranks.iter().min().copied()
    }
}

/// Means over questions: shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worth {
    pub questions: usize,
    pub recall: [f64; CUTS.len()],
    /// How often the first result was one that was expected.
    pub hit_at_1: f64,
    /// Mean of 1 / rank of the first that was expected; 0 where none came.
    pub reciprocal_rank: f64,
}

impl Worth {
    pub fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let mut worth = Self::default();
        for outcome in outcomes {
            worth.questions += 1;
            for (sum, cut) in worth.recall.iter_mut().zip(CUTS) {
                *sum += outcome.recall(cut);
            }
            if let Some(first) = outcome.first() {
                worth.hit_at_1 += f64::from(u8::from(first == 1));
                worth.reciprocal_rank += 1.0 / first as f64;
            }
        }
        let count = worth.questions.max(1) as f64;
        let [hit_at_1, reciprocal_rank] = [worth.hit_at_1, worth.reciprocal_rank].map(|sum| sum / count);
        Self { questions: worth.questions, recall: worth.recall.map(|sum| sum / count), hit_at_1, reciprocal_rank }
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.recall.into_iter().chain([self.hit_at_1, self.reciprocal_rank])
    }
}

/// Half the width of the 95 % interval of each number, by drawing whole groups with replacement: questions about one conversation are
/// alike, and conversations are few. In the order of recall at [`CUTS`], first hit, reciprocal rank.
/// Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, the percentile interval.
pub fn uncertainty(outcomes: &[Outcome]) -> Vec<f64> {
    let groups = outcomes.iter().map(|it| it.group + 1).max().unwrap_or_default();
    let mut members: Vec<Vec<&Outcome>> = vec![vec![]; groups];
    for outcome in outcomes {
        members[outcome.group].push(outcome);
    }
    members.retain(|group| !group.is_empty());
    if members.len() < 2 {
        return vec![f64::NAN; CUTS.len() + 2];
    }
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let draw = |dice: &mut Dice| Worth::of((0..members.len()).flat_map(|_| &members[dice.below(members.len())]).copied());
    let draws: Vec<Vec<f64>> = (0..DRAWS).map(|_| draw(&mut dice).numbers().collect()).collect();
    let half = |place: usize| {
        let mut values: Vec<f64> = draws.iter().map(|draw| draw[place]).collect();
        values.sort_by(f64::total_cmp);
        (values[DRAWS * 39 / 40 - 1] - values[DRAWS / 40]) / 2.0
    };
    (0..CUTS.len() + 2).map(half).collect()
}

/// The same numbers at every run (xorshift64*): an interval is compared with that of the day before.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}

/// Results of one range of scores: whether a score means what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    pub results: usize,
    pub score_sum: f64,
    pub right: usize,
}

pub const BINS: usize = 10;

/// Sorts results by their score into tenths.
pub fn bins(results: impl Iterator<Item = (f64, bool)>) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (score, is_right) in results {
        let bin = &mut bins[((score * BINS as f64) as usize).min(BINS - 1)];
        bin.results += 1;
        bin.score_sum += score;
        bin.right += usize::from(is_right);
    }
    bins
}

/// The mean distance between what scores say and what comes true, weighted by results.
/// Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015: expected calibration error.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let results: usize = bins.iter().map(|bin| bin.results).sum();
    bins.iter().map(|bin| (bin.score_sum - bin.right as f64).abs()).sum::<f64>() / results.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(group: usize, ranks: &[usize], expected: usize) -> Outcome {
        Outcome { group, category: "1".into(), ranks: ranks.to_vec(), expected }
    }

    #[test]
    fn recall_is_the_share_of_what_was_expected() {
        let worth = Worth::of([outcome(0, &[1, 7], 2), outcome(0, &[], 1), outcome(1, &[4], 1)].iter());
        let third = 1.0 / 3.0;
        assert_eq!(worth.recall, [0.5 * third, 1.5 * third, 2.0 * third, 2.0 * third, 2.0 * third]);
        assert!((worth.hit_at_1 - third).abs() < 1e-9 && (worth.reciprocal_rank - 1.25 * third).abs() < 1e-9);
        assert_eq!(Worth::of([].iter()), Worth::default());
    }

    #[test]
    fn groups_that_agree_are_sure_and_one_group_tells_nothing() {
        let alike: Vec<Outcome> = (0..6).map(|group| outcome(group, &[1], 1)).collect();
        assert_eq!(uncertainty(&alike), vec![0.0; 7]);
        let unlike: Vec<Outcome> = (0..6).map(|group| outcome(group, &[1 + group * 9], 1)).collect();
        assert!(uncertainty(&unlike)[0] > 0.1);
        assert_eq!(uncertainty(&unlike), uncertainty(&unlike));
        assert!(uncertainty(&alike[..1])[0].is_nan() && uncertainty(&[])[0].is_nan());
    }

    #[test]
    fn a_score_that_says_what_comes_true_has_no_error() {
        let told = (0..10).map(|place| (0.5, place % 2 == 0)).chain([(1.0, true), (0.0, false)]);
        let bins = bins(told);
        assert_eq!((bins[5].results, bins[5].right, bins[9].results, bins[0].results), (10, 5, 1, 1));
        assert!(calibration_error(&bins) < 1e-9 && calibration_error(&[]) < 1e-9);
    }
}
