//! Attention of one text: every token looks at every other. No text sees another, so nothing is masked and nothing padded but a register.

use super::{super::lanes::Lanes, curves::exp, in_lanes};
use crate::kernels::Kernel;

/// Queries that are answered together, so that a key that was loaded serves all.
const QUERIES: usize = 4;
/// Tokens are rounded up to the widest register.
const STEP: usize = 16;

/// How a row's width is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub count: usize,
    /// Floats of one head; a multiple of 16.
    pub width: usize,
}

/// Floats of scratch for a text: one head's keys turned on their side, and the weights of some queries.
pub fn scratch_len(heads: Heads, tokens: usize) -> usize {
    (heads.width + QUERIES) * tokens.next_multiple_of(STEP)
}

/// What the rows are made of, for the functions below.
struct Text<'a> {
    rows: &'a [f32],
    heads: Heads,
    tokens: usize,
    /// Tokens, rounded up.
    padded: usize,
}

impl Text<'_> {
    /// Width of a token: all heads.
    fn whole(&self) -> usize {
        self.heads.count * self.heads.width
    }

    /// Where a token's query (0), key (1) or value (2) of a head begins.
    fn place(&self, token: usize, part: usize, head: usize) -> usize {
        token * 3 * self.whole() + part * self.whole() + head * self.heads.width
    }
}

/// Shapes: `rows` `[tokens, query | key | value]`, `context` `[tokens, heads]`, `scratch` as [`scratch_len`] says. Panics: on other lengths.
pub fn attend(kernel: Kernel, rows: &[f32], heads: Heads, context: &mut [f32], scratch: &mut [f32]) {
    let whole = heads.count * heads.width;
    assert!(heads.count > 0 && heads.width > 0 && heads.width.is_multiple_of(16), "heads of {}", heads.width);
    let tokens = rows.len() / (3 * whole);
    assert!(rows.len() == tokens * 3 * whole && context.len() == tokens * whole, "{tokens} tokens");
    assert!(scratch.len() >= scratch_len(heads, tokens), "scratch for {tokens} tokens");
    let text = &Text { rows, heads, tokens, padded: tokens.next_multiple_of(STEP) };
    in_lanes!(kernel, each_head(text: &Text<'_>, context: &mut [f32], scratch: &mut [f32]));
}

/// # Safety
/// The processor has the lanes; lengths as [`attend`] checks them.
#[inline(always)]
unsafe fn each_head<L: Lanes>(text: &Text<'_>, context: &mut [f32], scratch: &mut [f32]) {
    let (keys, rest) = scratch.split_at_mut(text.heads.width * text.padded);
    let weights = &mut rest[..QUERIES * text.padded];
    for head in 0..text.heads.count {
        turn(text, head, keys);
        for from in (0..text.tokens).step_by(QUERIES) {
            let count = QUERIES.min(text.tokens - from);
            // A missing query is the last one again: it costs no more than nothing, and is not written.
            let queries: [usize; QUERIES] = std::array::from_fn(|query| text.place(from + query.min(count - 1), 0, head));
            // SAFETY: places of this text's tokens; keys and weights have the length that is read.
            unsafe {
                compare::<L>(text, queries, keys, weights);
                let shares = spread::<L>(text, weights);
                let context = &mut context[from * text.whole()..];
                mix::<L>(text, Mixed { head, weights, shares, context, count });
            }
        }
    }
}

/// One head's keys by number, then by token.
#[inline(always)]
fn turn(text: &Text<'_>, head: usize, keys: &mut [f32]) {
    keys.fill(0.0);
    for token in 0..text.tokens {
        let key = &text.rows[text.place(token, 1, head)..][..text.heads.width];
        for (number, value) in key.iter().enumerate() {
            keys[number * text.padded + token] = *value;
        }
    }
}

/// How much each query has of each key.
///
/// # Safety
/// The processor has the lanes; `queries` are places of `heads.width` floats in the rows.
#[inline(always)]
unsafe fn compare<L: Lanes>(text: &Text<'_>, queries: [usize; QUERIES], keys: &[f32], weights: &mut [f32]) {
    let mut token = 0;
    while token < text.padded {
        // SAFETY: tokens below `padded`; two registers where there is so much left, since one would wait for its own sums.
        unsafe {
            if token + 2 * L::COUNT <= text.padded {
                compare_some::<L, 2>(text, queries, keys, weights, token);
                token += 2 * L::COUNT;
            } else {
                compare_some::<L, 1>(text, queries, keys, weights, token);
                token += L::COUNT;
            }
        }
    }
    for weights in weights.chunks_exact_mut(text.padded) {
        // Where no token is, nobody looks.
        weights[text.tokens..].fill(f32::MIN);
    }
}

/// # Safety
/// As above; `N` registers of tokens from `token` on are below `padded`.
#[inline(always)]
unsafe fn compare_some<L: Lanes, const N: usize>(
    text: &Text<'_>,
    queries: [usize; QUERIES],
    keys: &[f32],
    weights: &mut [f32],
    token: usize,
) {
    let (padded, width) = (text.padded, text.heads.width);
    // SAFETY: tokens below `padded`, numbers below the head's width.
    unsafe {
        let queries = queries.map(|query| text.rows.as_ptr().add(query));
        let keys = keys.as_ptr().add(token);
        let mut totals = [[L::splat(0.0); N]; QUERIES];
        for number in 0..width {
            let mut key = [L::splat(0.0); N];
            for (place, key) in key.iter_mut().enumerate() {
                *key = L::load(keys.add(number * padded + place * L::COUNT));
            }
            for (totals, query) in totals.iter_mut().zip(queries) {
                let query = L::splat(*query.add(number));
                for (total, key) in totals.iter_mut().zip(key) {
                    *total = key.times_plus(query, *total);
                }
            }
        }
        let scale = L::splat(1.0 / (width as f32).sqrt());
        for (query, totals) in totals.iter().enumerate() {
            for (place, total) in totals.iter().enumerate() {
                total.times(scale).store(weights.as_mut_ptr().add(query * padded + token + place * L::COUNT));
            }
        }
    }
}

/// Softmax without the division: powers in place of the weights, and what each query's must be multiplied with.
///
/// # Safety
/// The processor has the lanes.
#[inline(always)]
unsafe fn spread<L: Lanes>(text: &Text<'_>, weights: &mut [f32]) -> [f32; QUERIES] {
    let mut shares = [0.0; QUERIES];
    for (weights, share) in weights.chunks_exact_mut(text.padded).zip(&mut shares) {
        let weights = weights.as_mut_ptr();
        // SAFETY: tokens below `padded`.
        unsafe {
            let mut most = L::splat(f32::MIN);
            for token in (0..text.padded).step_by(L::COUNT) {
                most = most.most(L::load(weights.add(token)));
            }
            let most = L::splat(most.largest());
            let mut sum = L::splat(0.0);
            for token in (0..text.padded).step_by(L::COUNT) {
                let power = exp(L::load(weights.add(token)).minus(most));
                sum = sum.plus(power);
                power.store(weights.add(token));
            }
            *share = 1.0 / sum.sum();
        }
    }
    shares
}

/// What is mixed for some queries of one head, and where it goes.
struct Mixed<'a> {
    head: usize,
    weights: &'a [f32],
    shares: [f32; QUERIES],
    /// The rows of the queries, the first of them first.
    context: &'a mut [f32],
    count: usize,
}

/// The values, each as much as its weight says.
///
/// # Safety
/// The processor has the lanes; the context holds `count` rows.
#[inline(always)]
unsafe fn mix<L: Lanes>(text: &Text<'_>, mut mixed: Mixed<'_>) {
    let mut number = 0;
    while number < text.heads.width {
        // SAFETY: numbers below the head's width; two registers where there is so much left.
        unsafe {
            if number + 2 * L::COUNT <= text.heads.width {
                mix_some::<L, 2>(text, &mut mixed, number);
                number += 2 * L::COUNT;
            } else {
                mix_some::<L, 1>(text, &mut mixed, number);
                number += L::COUNT;
            }
        }
    }
}

/// # Safety
/// As above; `N` registers of numbers from `number` on are the head's.
#[inline(always)]
unsafe fn mix_some<L: Lanes, const N: usize>(text: &Text<'_>, mixed: &mut Mixed<'_>, number: usize) {
    let (padded, whole) = (text.padded, text.whole());
    // SAFETY: tokens of the text, queries below `QUERIES`.
    unsafe {
        let weights = mixed.weights.as_ptr();
        let values = text.rows.as_ptr().add(text.place(0, 2, mixed.head) + number);
        let mut totals = [[L::splat(0.0); N]; QUERIES];
        for token in 0..text.tokens {
            let mut value = [L::splat(0.0); N];
            for (place, value) in value.iter_mut().enumerate() {
                *value = L::load(values.add(token * 3 * whole + place * L::COUNT));
            }
            for (query, totals) in totals.iter_mut().enumerate() {
                let weight = L::splat(*weights.add(query * padded + token));
                for (total, value) in totals.iter_mut().zip(value) {
                    *total = value.times_plus(weight, *total);
                }
            }
        }
        for (query, totals) in totals.iter().enumerate().take(mixed.count) {
            let to = mixed.context.as_mut_ptr().add(query * whole + mixed.head * text.heads.width + number);
            for (place, total) in totals.iter().enumerate() {
                total.times(L::splat(mixed.shares[query])).store(to.add(place * L::COUNT));
            }
        }
    }
}
