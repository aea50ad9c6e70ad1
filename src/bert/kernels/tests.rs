//! Every kernel of this machine against plain Rust.

use super::{
    COLUMNS, INNER_STEP, Kernel, PANEL, ROWS_MAX, Sums,
    floats::{self, After, Heads, Outcome, Step},
    scalar,
};

/// Numbers without a clock: xorshift64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn float(&mut self) -> f32 {
        (self.next() % 2_000_001) as f32 / 1e6 - 1.0
    }

    fn floats(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| self.float() * size).collect()
    }
}

fn same_sums(weights: &[i8], bytes: &[u8], inner: usize, rows: usize, what: &str) {
    let mut expected: Sums = [0; ROWS_MAX * COLUMNS];
    scalar::accumulate(weights, bytes, inner, rows, &mut expected);
    for kernel in Kernel::all() {
        let mut sums: Sums = [77; ROWS_MAX * COLUMNS];
        kernel.ready().accumulate(weights, bytes, inner, rows, &mut sums);
        assert!(sums[..rows * COLUMNS] == expected[..rows * COLUMNS], "{}: {what}, {rows} rows of {inner}", kernel.name());
    }
}

/// The scalar kernel against a sum that knows nothing of panels and quads.
#[test]
fn the_scalar_kernel_multiplies_matrices() {
    let (inner, rows, mut dice) = (INNER_STEP, 3, Dice(1));
    let weight: Vec<Vec<i8>> = (0..COLUMNS).map(|_| (0..inner).map(|_| dice.next() as i8).collect()).collect();
    let bytes: Vec<u8> = (0..inner * 16).map(|_| dice.next() as u8).collect();
    let mut packed = vec![0; inner * COLUMNS];
    for (column, weights) in weight.iter().enumerate() {
        for (input, weight) in weights.iter().enumerate() {
            packed[column / PANEL * PANEL * inner + input / 4 * 64 + column % PANEL * 4 + input % 4] = *weight;
        }
    }
    let mut sums: Sums = [0; ROWS_MAX * COLUMNS];
    scalar::accumulate(&packed, &bytes, inner, rows, &mut sums);
    for row in 0..rows {
        for column in 0..COLUMNS {
            let pairs = bytes[row * inner..][..inner].iter().zip(&weight[column]);
            let sum: i32 = pairs.map(|(byte, weight)| i32::from(*byte) * i32::from(*weight)).sum();
            assert_eq!(sums[row * COLUMNS + column], sum);
        }
    }
}

#[test]
fn all_kernels_give_the_same_sums_for_every_number_of_rows() {
    let mut dice = Dice(2);
    for inner in [64, 128, 192, 384] {
        for rows in 1..=ROWS_MAX {
            let weights: Vec<i8> = (0..inner * COLUMNS).map(|_| dice.next() as i8).collect();
            let bytes: Vec<u8> = (0..inner * rows.next_multiple_of(16)).map(|_| dice.next() as u8).collect();
            same_sums(&weights, &bytes, inner, rows, "random");
        }
    }
}

/// Bytes and weights at their ends: pairs that saturate 16 bits, and the longest rows, which must not overflow 32.
#[test]
fn all_kernels_give_the_same_sums_at_the_ends() {
    for inner in [64, 1_536, super::INNER_MAX] {
        for rows in [1_usize, 2, 16, 17, 48] {
            let all = |byte: u8| vec![byte; inner * rows.next_multiple_of(16)];
            for weight in [i8::MIN, -127, -1, 0, 1, i8::MAX] {
                for byte in [0, 1, 127, 128, 255] {
                    same_sums(&vec![weight; inner * COLUMNS], &all(byte), inner, rows, "ends");
                }
            }
            let swinging: Vec<i8> = (0..inner * COLUMNS).map(|place| [i8::MIN, i8::MAX][place % 2]).collect();
            same_sums(&swinging, &all(255), inner, rows, "swinging");
        }
        if cfg!(miri) {
            return;
        }
    }
}

/// Memory that ends with the last row: whoever reads on is found by miri, or by the guard that the next page is.
#[test]
fn other_lengths_are_a_panic() {
    let wrong =
        [(64, 1, 64 * 64 - 1, 1_024), (64, 17, 4_096, 31 * 64), (63, 1, 63 * 64, 1_008), (0, 1, 0, 0), (64, 49, 4_096, 4_096)];
    for (inner, rows, weights, bytes) in wrong {
        for kernel in Kernel::all() {
            let (weights, bytes) = (vec![0; weights], vec![0; bytes]);
            let run = || kernel.ready().accumulate(&weights, &bytes, inner, rows, &mut [0; ROWS_MAX * COLUMNS]);
            assert!(std::panic::catch_unwind(run).is_err(), "{inner} {rows}");
        }
    }
}

#[test]
fn kernels_are_known_by_name_and_scalar_is_always_there() {
    for kernel in Kernel::all() {
        assert_eq!(Kernel::named(kernel.name()), Some(*kernel));
    }
    assert_eq!(Kernel::all().last(), Some(&Kernel::SCALAR));
    assert_eq!(Kernel::named("abacus"), None);
}

/// Rows become the same bytes everywhere, so that kernels differ in nothing but floats.
#[test]
fn all_kernels_quantise_alike_and_near() {
    let mut dice = Dice(3);
    for (width, inner) in [(16, 64), (80, 128), (384, 384)] {
        let mut rows = dice.floats(5 * width, 3.0);
        rows[..width].fill(0.0);
        rows[width] = 1e30;
        rows[2 * width..3 * width].iter_mut().for_each(|value| *value = value.abs());
        let factors: Vec<f32> = dice.floats(width, 1.0).iter().map(|factor| factor.abs() + 0.1).collect();
        let quantise = |kernel| {
            let (mut bytes, mut steps) = (vec![9; 5 * inner], vec![Step::default(); 5]);
            floats::quantise(kernel, &rows, &factors, inner, &mut bytes, &mut steps);
            (bytes, steps)
        };
        let (bytes, steps) = quantise(Kernel::SCALAR);
        for kernel in Kernel::all() {
            assert!(quantise(*kernel) == (bytes.clone(), steps.clone()), "{} {width}", kernel.name());
        }
        for row in 2..5 {
            for place in 0..width {
                let back = (i32::from(bytes[row * inner + place]) - steps[row].zero) as f32 * steps[row].scale;
                assert!((back - rows[row * width + place] * factors[place]).abs() <= steps[row].scale * 1.01);
            }
            assert!(bytes[row * inner + width..(row + 1) * inner].iter().all(|byte| *byte == 0));
        }
    }
}

fn near(found: &[f32], expected: &[f32], what: &str) {
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{what}: {found} for {expected} at {place}");
    }
}

/// The error function by its series, in f64.
pub fn exact_gelu(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    if z.abs() > 4.0 {
        return x.max(0.0);
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    0.5 * x * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
}

#[test]
fn what_comes_after_a_block_is_the_same_everywhere() {
    let (mut dice, rows, columns, stride) = (Dice(4), 5, 48, 50);
    let mut sums: Sums = [0; ROWS_MAX * COLUMNS];
    sums.iter_mut().for_each(|sum| *sum = (dice.next() % 400_000) as i32 - 200_000);
    let steps: Vec<Step> = (0..rows).map(|row| Step { scale: 0.001 * (row + 1) as f32, zero: row as i32 * 50 }).collect();
    let scales: Vec<f32> = dice.floats(64, 0.01).iter().map(|scale| scale.abs()).collect();
    let weight_sums: Vec<i32> = (0..64).map(|_| (dice.next() % 10_000) as i32 - 5_000).collect();
    let (bias, before) = (dice.floats(columns, 2.0), dice.floats(rows * stride, 2.0));
    for after in [After::Nothing, After::Gelu, After::Add] {
        let mut expected = before.clone();
        for row in 0..rows {
            for column in 0..columns {
                let whole = sums[row * COLUMNS + column] - steps[row].zero * weight_sums[column];
                let value = f64::from(whole) * f64::from(steps[row].scale * scales[column]) + f64::from(bias[column]);
                let to = &mut expected[row * stride + column];
                *to = match after {
                    After::Nothing => value as f32,
                    After::Gelu => exact_gelu(value) as f32,
                    After::Add => *to + value as f32,
                };
            }
        }
        for kernel in Kernel::all() {
            let mut to = before.clone();
            let outcome = &mut Outcome { to: &mut to, stride, bias: &bias, after };
            floats::after_bytes(*kernel, &sums, &steps, &scales, &weight_sums, outcome);
            near(&to, &expected, kernel.name());
        }
    }
}

#[test]
fn products_of_floats_are_the_same_everywhere() {
    let mut dice = Dice(5);
    for (inner, rows) in [(16, 1), (80, 7), (33, 9), (384, 48)] {
        let (weights, input) = (dice.floats(inner * COLUMNS, 1.0), dice.floats(rows * inner, 1.0));
        for kernel in Kernel::all() {
            let mut sums = [0.0; ROWS_MAX * COLUMNS];
            floats::multiply(*kernel, &weights, &input, inner, &mut sums);
            for row in 0..rows {
                for column in 0..COLUMNS {
                    let at = |place: usize| weights[column / PANEL * PANEL * inner + place * PANEL + column % PANEL];
                    let exact: f64 = (0..inner).map(|place| f64::from(input[row * inner + place]) * f64::from(at(place))).sum();
                    near(&[sums[row * COLUMNS + column]], &[exact as f32], kernel.name());
                }
            }
        }
    }
}

#[test]
fn rows_are_normalised_everywhere() {
    let (mut dice, width) = (Dice(6), 80);
    let (rows, gain, shift) = (dice.floats(3 * width, 5.0), dice.floats(width, 1.0), dice.floats(width, 1.0));
    let mut expected = rows.clone();
    for row in expected.chunks_exact_mut(width) {
        let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / width as f64;
        let variance = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / width as f64;
        for (place, value) in row.iter_mut().enumerate() {
            *value = ((f64::from(*value) - mean) / (variance + 1e-6).sqrt()) as f32 * gain[place] + shift[place];
        }
    }
    for kernel in Kernel::all() {
        let mut found = rows.clone();
        floats::normalise(*kernel, &mut found, &gain, &shift, 1e-6);
        near(&found, &expected, kernel.name());
    }
}

#[test]
fn attention_is_the_same_everywhere() {
    let mut dice = Dice(7);
    for (count, width) in [(1, 16), (2, 32), (2, 48), (1, 64)] {
        for tokens in [1, 2, 5, 16, 17, 33] {
            let (heads, whole) = (Heads { count, width }, count * width);
            let rows = dice.floats(tokens * 3 * whole, 2.0);
            let expected = exact_attention(&rows, heads, tokens);
            for kernel in Kernel::all() {
                // What was there before must not show.
                let (mut context, mut scratch) =
                    (vec![f32::NAN; tokens * whole], vec![f32::NAN; floats::scratch_len(heads, tokens)]);
                floats::attend(*kernel, &rows, heads, &mut context, &mut scratch);
                near(&context, &expected, kernel.name());
            }
        }
    }
}

fn exact_attention(rows: &[f32], heads: Heads, tokens: usize) -> Vec<f32> {
    let whole = heads.count * heads.width;
    let at = |token: usize, part: usize, head: usize, number: usize| {
        f64::from(rows[token * 3 * whole + part * whole + head * heads.width + number])
    };
    let mut context = vec![0.0; tokens * whole];
    for head in 0..heads.count {
        for query in 0..tokens {
            let score = |key| (0..heads.width).map(|number| at(query, 0, head, number) * at(key, 1, head, number)).sum::<f64>();
            let powers: Vec<f64> = (0..tokens).map(|key| (score(key) / (heads.width as f64).sqrt()).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for number in 0..heads.width {
                let mixed: f64 = (0..tokens).map(|token| powers[token] / sum * at(token, 2, head, number)).sum();
                context[query * whole + head * heads.width + number] = mixed as f32;
            }
        }
    }
    context
}

proptest::proptest! {
    /// Any block of any bytes: the integers are those of the scalar kernel.
    #[test]
    fn all_kernels_give_the_same_sums_of_anything(tiles in 1_usize..7, rows in 1..=ROWS_MAX, seed in 1_u64.., ends in 0_u8..4) {
        let (inner, mut dice) = (tiles * INNER_STEP, Dice(seed));
        // Some blocks have nothing but ends in their weights, their bytes or both.
        let weights: Vec<i8> = (0..inner * COLUMNS)
            .map(|_| if ends & 1 == 1 { [i8::MIN, i8::MAX][dice.next() as usize % 2] } else { dice.next() as i8 })
            .collect();
        let bytes: Vec<u8> = (0..inner * rows.next_multiple_of(16))
            .map(|_| if ends & 2 == 2 { [0, 255][dice.next() as usize % 2] } else { dice.next() as u8 })
            .collect();
        same_sums(&weights, &bytes, inner, rows, "anything");
    }
}
