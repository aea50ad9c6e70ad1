//! Kept answers against the truth, in a small space whose read models and tails run apart at random: what `cargo bench --bench caches`
//! does for forty million steps, for a moment. The decisions are those of the product, see `caches/changes.rs`.

#[path = "../../benches/ground/dice.rs"]
mod dice;
#[path = "../../benches/ground/read_model.rs"]
mod read_model;
#[path = "../../benches/ground/simulation.rs"]
mod simulation;

use simulation::{Findings, Simulation};

const SEEDS: [u64; 2] = [1, 2];
const STEPS: u64 = 100_000;

#[test]
fn no_kept_answer_is_ever_stale() {
    for seed in SEEDS {
        let Findings { steps, hits, misses, refused, stale } = Simulation::new(seed).run(STEPS);
        assert_eq!((steps, stale), (STEPS, 0), "seed {seed}");
        // That much is kept, and that much is held against what happens meanwhile: else there would be nothing to be stale.
        assert!(
            hits > STEPS / 4 && misses > STEPS / 100 && refused > STEPS / 1_000,
            "{hits} hits, {misses} misses, {refused} refused"
        );
    }
}
