//! The index against brute force: what it names, what edits and removals leave, and how much room it takes.

use std::collections::HashMap;

use half::f16;
use uuid::Uuid;

use super::*;
use crate::ports::TextHash;

/// Numbers that look random and are the same in every run. Source: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// -1 to 1.
    fn number(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn direction(&mut self, dimensions: usize) -> Vec<f32> {
        unit((0..dimensions).map(|_| self.number()).collect())
    }
}

fn unit(raw: Vec<f32>) -> Vec<f32> {
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt();
    raw.into_iter().map(|number| number / length).collect()
}

/// A vector around one of some topics, which all lie to one side, as those of models do.
fn vector(dice: &mut Dice, dimensions: usize) -> Vec<f16> {
    let topic = dice.next() % 20;
    let centre = Dice(topic).direction(dimensions);
    let own = dice.direction(dimensions);
    let all = Dice(99).direction(dimensions);
    let mixed = (0..dimensions).map(|place| 0.8 * centre[place] + 0.8 * own[place] + 0.6 * all[place]).collect();
    unit(mixed).into_iter().map(f16::from_f32).collect()
}

fn space(name: &str) -> SpaceId {
    name.parse().expect("a space")
}

fn id(number: u64) -> MemoryId {
    MemoryId(Uuid::from_u128(number.into()))
}

fn change(of: &SpaceId, number: u64, vector: Option<Vec<f16>>) -> VectorChange {
    VectorChange { space: of.clone(), id: id(number), newest: vector.map(|vector| (TextHash(number), vector)) }
}

fn index(bytes_max: u64) -> MemoryIndex {
    MemoryIndex::new(Crew::start().expect("threads"), bytes_max)
}

fn cosine(query: &[f32], vector: &[f16]) -> f32 {
    let length = vector.iter().map(|number| number.to_f32().powi(2)).sum::<f32>().sqrt();
    query.iter().zip(vector).map(|(a, b)| a * b.to_f32()).sum::<f32>() / length
}

/// The best by looking at all of them.
fn brute(known: &HashMap<u64, Vec<f16>>, query: &[f32], limit: usize) -> Vec<(MemoryId, f32)> {
    let mut all: Vec<_> = known.iter().map(|(number, vector)| (id(*number), cosine(query, vector))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(limit);
    all
}

/// Whether it names the same as brute force, each with its exact cosine, but for a few of the last that its codes kept out.
async fn is_exact(index: &MemoryIndex, of: &SpaceId, known: &HashMap<u64, Vec<f16>>, query: &[f32], limit: usize) {
    let found = index.nearest(of, query.into(), None, limit).await.expect("kept");
    let wanted = brute(known, query, limit);
    assert_eq!(found.len(), wanted.len());
    assert!(found.is_sorted_by(|a, b| a.cosine >= b.cosine));
    for one in &found {
        let number = u64::try_from(one.id.0.as_u128()).expect("small");
        assert!((cosine(query, &known[&number]) - one.cosine).abs() < 1e-5 && one.text == TextHash(number));
    }
    let missing = wanted.iter().filter(|(_, cosine)| !found.iter().any(|it| (it.cosine - cosine).abs() < 1e-5)).count();
    assert!(missing <= limit.div_ceil(100), "{missing} of {limit} among {}", known.len());
    assert!((found[0].cosine - wanted[0].1).abs() < 1e-5, "the best of all is named");
}

#[tokio::test]
async fn what_is_nearest_is_named_whatever_was_edited_and_removed() {
    for (dimensions, number) in [(384, 9_000), (100, 5_000), (7, 300)] {
        let (index, of, mut dice) = (index(u64::MAX), space("default"), Dice(dimensions as u64));
        let mut known = HashMap::new();
        let mut all = vec![];
        for number in 0..number {
            let vector = vector(&mut dice, dimensions);
            known.insert(number, vector.clone());
            all.push(change(&of, number, Some(vector)));
        }
        index.apply(all).await.expect("taken");
        for _ in 0..5 {
            is_exact(&index, &of, &known, &dice.direction(dimensions), 200).await;
        }
        // Edited, taken away and put back in no order, in full chunks and in the last one.
        let mut changes = vec![];
        for _ in 0..number / 2 {
            let one = dice.next() % (number + 10);
            let newest = (!dice.next().is_multiple_of(3)).then(|| vector(&mut dice, dimensions));
            match &newest {
                Some(vector) => drop(known.insert(one, vector.clone())),
                None => drop(known.remove(&one)),
            }
            changes.push(change(&of, one, newest));
        }
        index.apply(changes).await.expect("taken");
        assert_eq!(index.holding().vectors, known.len() as u64);
        for limit in [1, 10, 200, 100_000] {
            is_exact(&index, &of, &known, &dice.direction(dimensions), limit).await;
        }
        let gone = known.keys().copied().collect::<Vec<_>>().into_iter().map(|one| change(&of, one, None)).collect();
        index.apply(gone).await.expect("taken");
        assert_eq!((index.holding().vectors, index.nearest(&of, vec![1.0; dimensions].into(), None, 9).await), (0, Some(vec![])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn questions_that_come_together_get_their_own_answers() {
    let (index, of, mut dice) = (Arc::new(index(u64::MAX)), space("default"), Dice(5));
    let known: HashMap<u64, Vec<f16>> = (0..6_000).map(|number| (number, vector(&mut dice, 64))).collect();
    let other = space("other");
    let mut all: Vec<_> = known.iter().map(|(number, vector)| change(&of, *number, Some(vector.clone()))).collect();
    all.push(change(&other, 1, Some(vector(&mut dice, 64))));
    index.apply(all).await.expect("taken");
    let known = Arc::new(known);
    let asked = (0..60u64).map(|number| {
        let (index, known) = (index.clone(), known.clone());
        let (of, other) = (of.clone(), other.clone());
        async move {
            let query = Dice(1_000 + number).direction(64);
            match number % 3 {
                0 => is_exact(&index, &of, &known, &query, 1 + number as usize).await,
                1 => {
                    let few: HashMap<u64, Vec<f16>> =
                        known.iter().filter(|(one, _)| *one % 7 == number % 7).map(|(one, it)| (*one, it.clone())).collect();
                    // Also one that there is not.
                    let among: Vec<MemoryId> = few.keys().map(|one| id(*one)).chain([id(1_000_000)]).collect();
                    let found = index.nearest(&of, query.clone().into(), Some(among.into()), 5).await.expect("kept");
                    let wanted: Vec<_> = brute(&few, &query, 5).into_iter().map(|(id, _)| id).collect();
                    assert_eq!(found.into_iter().map(|it| it.id).collect::<Vec<_>>(), wanted);
                }
                _ => {
                    let found = index.nearest(&other, query.into(), None, 5).await.expect("kept");
                    assert_eq!(found.into_iter().map(|it| it.id).collect::<Vec<_>>(), [id(1)]);
                }
            }
        }
    });
    futures::future::join_all(asked).await;
}

#[tokio::test]
async fn where_there_is_no_room_the_largest_space_is_left_out() {
    let (index, mut dice) = (index(3_000_000), Dice(7));
    let (small, large) = (space("small"), space("large"));
    let mut all: Vec<_> = (0..1_000).map(|number| change(&small, number, Some(vector(&mut dice, 384)))).collect();
    all.extend((0..4_000).map(|number| change(&large, number, Some(vector(&mut dice, 384)))));
    index.apply(all).await.expect("taken");
    let holding = index.holding();
    assert_eq!((holding.vectors, holding.spaces_left_out), (1_000, 1));
    assert!(holding.bytes < 3_000_000 && holding.bytes > 1_000 * 768, "{holding:?}");
    let query: Arc<[f32]> = dice.direction(384).into();
    assert_eq!(index.nearest(&large, query.clone(), None, 3).await, None);
    assert_eq!(index.nearest(&small, query.clone(), None, 3).await.map(|found| found.len()), Some(3));
    assert_eq!(index.nearest(&space("nobody"), query, None, 3).await, Some(vec![]));
    assert_eq!(index.nearest(&small, vec![1.0; 100].into(), None, 3).await, None, "of another width");
}

#[tokio::test]
async fn what_is_no_vector_of_a_space_takes_away_what_there_was() {
    let (index, of) = (index(u64::MAX), space("default"));
    let good = vec![f16::ONE; 8];
    let found = async || index.nearest(&of, vec![0.3; 8].into(), None, 9).await.expect("kept").len();
    index.apply(vec![change(&of, 1, Some(good.clone())), change(&of, 2, Some(good.clone()))]).await.expect("taken");
    index.apply(vec![change(&of, 1, Some(vec![f16::ONE; 9]))]).await.expect("taken");
    assert_eq!(found().await, 1);
    index.apply(vec![change(&of, 2, Some(vec![f16::INFINITY; 8]))]).await.expect("taken");
    assert_eq!(found().await, 0);
    // A vector without a direction is as far from everything.
    index.apply(vec![change(&of, 3, Some(vec![f16::ZERO; 8])), change(&of, 4, Some(good))]).await.expect("taken");
    let all = index.nearest(&of, vec![0.3; 8].into(), None, 9).await.expect("kept");
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [id(4), id(3)]);
    assert_eq!(all[1].cosine, 0.0);
}
