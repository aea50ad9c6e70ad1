//! Weights as whole numbers, in the order in which kernels read them. Pure.
//!
//! Int4 is an int8 matrix that can be told in half the room: a weight is one of sixteen levels times its group's multiplier, rounded to
//! a whole number of the column's scale. So it is computed by the same kernels, and unpacking it loses nothing.

use super::plan::{GROUP, Matrix};
use crate::kernels::PANEL;

/// What the four bits of a weight stand for, in parts of its group's largest.
///
/// Decision 2026-11-28: fitted by Lloyd's iteration to groups of all-MiniLM-L6-v2 that were divided by their largest weight with its
/// sign; the squared error is a third below that of even steps. Names are on disk: another list is another version of the form.
pub struct Levels;

impl Levels {
    const ALL: [i32; 16] = [-113, -91, -72, -56, -41, -28, -16, -3, 9, 21, 34, 48, 63, 80, 101, 126];

    /// The weight in units of its column's scale: -127 to 127.
    #[inline]
    pub fn weight(nibble: u8, multiplier: i8) -> i8 {
        ((Self::ALL[usize::from(nibble & 15)] * i32::from(multiplier) + 64) >> 7) as i8
    }
}

/// Tries of a group's multiplier on each side, in steps of a 24th of the one that meets its largest weight.
const TRIES: i32 = 5;

/// The multiplier and nibbles of a group whose weights come nearest to `targets`, in units of the column's scale.
fn group(targets: &[f32; GROUP]) -> (i8, [u8; GROUP]) {
    let largest = targets.iter().fold(0.0_f32, |most, target| if target.abs() > most.abs() { *target } else { most });
    let mut best = (f32::INFINITY, 0_i8, [0; GROUP]);
    for end in [Levels::ALL[15], Levels::ALL[0]] {
        let exact = largest * 128.0 / end as f32;
        for step in -TRIES..=TRIES {
            let multiplier = (exact * (1.0 + step as f32 / 24.0)).round().clamp(-127.0, 127.0) as i8;
            let (error, nibbles) = fit(targets, multiplier);
            if error < best.0 {
                best = (error, multiplier, nibbles);
            }
        }
    }
    (best.1, best.2)
}

/// The squared error of a multiplier, and the nibbles it is had with. Every target climbs the sorted weights at once, without a branch:
/// a model has a million groups, and each is tried twenty times.
fn fit(targets: &[f32; GROUP], multiplier: i8) -> (f32, [u8; GROUP]) {
    let is_falling = multiplier < 0;
    let nibble = |place: u8| if is_falling { 15 - place } else { place };
    let sorted: [f32; 16] = std::array::from_fn(|place| f32::from(Levels::weight(nibble(place as u8), multiplier)));
    let (mut weights, mut places) = ([sorted[0]; GROUP], [0_u32; GROUP]);
    for pair in sorted.windows(2) {
        let (middle, rise) = ((pair[0] + pair[1]) / 2.0, pair[1] - pair[0]);
        for ((target, weight), place) in targets.iter().zip(&mut weights).zip(&mut places) {
            let is_above = u32::from(*target > middle);
            *weight += is_above as f32 * rise;
            *place += is_above;
        }
    }
    let error = weights.iter().zip(targets).map(|(weight, target)| (weight - target).powi(2)).sum();
    (error, places.map(|place| nibble(place as u8)))
}

/// The scale that brings a row into -127 to 127.
fn scale(row: &[f32]) -> f32 {
    (row.iter().fold(0.0_f32, |most, weight| most.max(weight.abs())) / 127.0).max(f32::MIN_POSITIVE)
}

fn byte(weight: f32, scale: f32) -> i8 {
    (weight / scale).round().clamp(-127.0, 127.0) as i8
}

/// Where an output's weight for an input lies.
fn place(matrix: &Matrix, output: usize, input: usize) -> usize {
    output / PANEL * PANEL * matrix.inputs_padded() + input / 4 * 4 * PANEL + output % PANEL * 4 + input % 4
}

/// A row of a matrix as f32 among its panel's: `numbers` are the whole matrix's.
pub fn pack_floats(matrix: &Matrix, output: usize, row: &[f32], numbers: &mut [f32]) {
    let panel = &mut numbers[output / PANEL * PANEL * matrix.inputs..][..PANEL * matrix.inputs];
    for (input, weight) in row.iter().enumerate() {
        panel[input * PANEL + output % PANEL] = *weight;
    }
}

/// A row of a matrix as bytes. Answers its scale and the sum of its bytes.
pub fn pack_bytes(matrix: &Matrix, output: usize, row: &[f32], numbers: &mut [u8]) -> (f32, i32) {
    let scale = scale(row);
    let mut sum = 0;
    for (input, weight) in row.iter().enumerate() {
        let byte = byte(*weight, scale);
        numbers[place(matrix, output, input)] = byte.cast_unsigned();
        sum += i32::from(byte);
    }
    (scale, sum)
}

/// A row of a matrix as nibbles. Answers its scale and the sum of what they unpack to.
pub fn pack_nibbles(matrix: &Matrix, output: usize, row: &[f32], numbers: &mut [u8], multipliers: &mut [u8]) -> (f32, i32) {
    let scale = scale(row);
    let groups = matrix.inputs_padded() / GROUP;
    let mut sum = 0;
    for (number, weights) in row.chunks_exact(GROUP).enumerate() {
        let (multiplier, nibbles) = group(&std::array::from_fn(|input| weights[input] / scale));
        multipliers[(output / PANEL * groups + number) * PANEL + output % PANEL] = multiplier.cast_unsigned();
        for (input, nibble) in nibbles.into_iter().enumerate() {
            let place = place(matrix, output, number * GROUP + input);
            numbers[place / 2] |= nibble << (4 * (place % 2));
            sum += i32::from(Levels::weight(nibble, multiplier));
        }
    }
    (scale, sum)
}

/// The bytes of a whole matrix of nibbles. What pads it has a multiplier of 0, and so becomes 0.
pub fn unpack_nibbles(matrix: &Matrix, numbers: &[i8], multipliers: &[i8], to: &mut [u8]) {
    let groups = matrix.inputs_padded() / GROUP;
    let quads = numbers.chunks_exact(2 * PANEL).zip(to.chunks_exact_mut(4 * PANEL)).enumerate();
    for (quad, (numbers, to)) in quads {
        let (panel, quad) = (quad / (matrix.inputs_padded() / 4), quad % (matrix.inputs_padded() / 4));
        let multipliers = &multipliers[(panel * groups + quad * 4 / GROUP) * PANEL..][..PANEL];
        for ((numbers, to), multiplier) in numbers.chunks_exact(2).zip(to.chunks_exact_mut(4)).zip(multipliers) {
            for (number, to) in numbers.iter().zip(to.chunks_exact_mut(2)) {
                let number = number.cast_unsigned();
                to[0] = Levels::weight(number & 15, *multiplier).cast_unsigned();
                to[1] = Levels::weight(number >> 4, *multiplier).cast_unsigned();
            }
        }
    }
}

/// A row of a table as bytes. Answers its scale.
pub fn row_bytes(row: &[f32], numbers: &mut [u8]) -> f32 {
    let scale = scale(row);
    for (weight, number) in row.iter().zip(numbers) {
        *number = byte(*weight, scale).cast_unsigned();
    }
    scale
}

/// A row of a table as nibbles. Answers its scale.
pub fn row_nibbles(row: &[f32], numbers: &mut [u8], multipliers: &mut [u8]) -> f32 {
    let scale = scale(row);
    for ((weights, numbers), to) in row.chunks_exact(GROUP).zip(numbers.chunks_exact_mut(GROUP / 2)).zip(multipliers) {
        let (multiplier, nibbles) = group(&std::array::from_fn(|place| weights[place] / scale));
        *to = multiplier.cast_unsigned();
        for (pair, number) in nibbles.chunks_exact(2).zip(numbers) {
            *number = pair[0] | pair[1] << 4;
        }
    }
    scale
}

/// A row of a table of nibbles as floats.
pub fn unpack_row(numbers: &[i8], multipliers: &[i8], scale: f32, to: &mut [f32]) {
    let groups = numbers.chunks_exact(GROUP / 2).zip(multipliers).zip(to.chunks_exact_mut(GROUP));
    for ((numbers, multiplier), to) in groups {
        for (number, to) in numbers.iter().zip(to.chunks_exact_mut(2)) {
            let number = number.cast_unsigned();
            to[0] = f32::from(Levels::weight(number & 15, *multiplier)) * scale;
            to[1] = f32::from(Levels::weight(number >> 4, *multiplier)) * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_times_a_multiplier_is_a_byte_without_its_least() {
        for multiplier in i8::MIN..=i8::MAX {
            for nibble in 0..16 {
                let exact = Levels::ALL[usize::from(nibble)] * i32::from(multiplier);
                assert_eq!(i32::from(Levels::weight(nibble, multiplier)), (exact + 64).div_euclid(128), "{nibble} {multiplier}");
            }
        }
    }

    #[test]
    fn a_group_comes_near_to_its_targets() {
        let wave: [f32; GROUP] = std::array::from_fn(|place| 100.0 * (place as f32 * 1.3).sin());
        for targets in [wave, wave.map(|target| -target), wave.map(|target| target / 50.0), [0.0; GROUP], [127.0; GROUP]] {
            let (multiplier, nibbles) = group(&targets);
            let most = targets.iter().fold(0.0_f32, |most, target| most.max(target.abs()));
            for (nibble, target) in nibbles.into_iter().zip(targets) {
                let off = (f32::from(Levels::weight(nibble, multiplier)) - target).abs();
                assert!(off <= most * 0.09 + 1.0, "{target} by {nibble} times {multiplier}");
            }
        }
    }

    /// Nibbles unpack to the bytes whose sum was noted, wherever panels and pads are.
    #[test]
    fn a_matrix_of_nibbles_unpacks_to_its_weights() {
        use crate::{
            form::plan::Plan,
            shape::{Precision, tests::small},
        };
        let plan = Plan::new(&small(), Precision::Int4);
        for matrix in plan.layers[0].matrices() {
            let padded = matrix.outputs_padded() * matrix.inputs_padded();
            let (mut numbers, mut multipliers) = (vec![0; padded / 2], vec![0; padded / GROUP]);
            let row = |output: usize| (0..matrix.inputs).map(move |input| ((output * 31 + input * 17) % 101) as f32 - 50.0);
            let mut made = vec![];
            for output in 0..matrix.outputs {
                let row: Vec<f32> = row(output).collect();
                made.push(pack_nibbles(matrix, output, &row, &mut numbers, &mut multipliers));
            }
            let signed = |bytes: Vec<u8>| -> Vec<i8> { bytes.into_iter().map(u8::cast_signed).collect() };
            let mut bytes = vec![99; padded];
            unpack_nibbles(matrix, &signed(numbers), &signed(multipliers), &mut bytes);
            let at = |output, input| bytes[place(matrix, output, input)].cast_signed();
            for output in 0..matrix.outputs_padded() {
                let sum: i32 = (0..matrix.inputs_padded()).map(|input| i32::from(at(output, input))).sum();
                let Some((scale, noted)) = made.get(output) else {
                    assert_eq!(sum, 0);
                    continue;
                };
                assert_eq!(sum, *noted, "output {output}");
                for (input, weight) in row(output).enumerate() {
                    assert!((f32::from(at(output, input)) * scale - weight).abs() < 6.0, "{output} {input}: {weight}");
                }
            }
        }
    }

    #[test]
    fn a_row_of_nibbles_unpacks_near_to_itself() {
        let row: Vec<f32> = (0..64).map(|place| ((place * 37 % 64) as f32 - 32.0) / 500.0).collect();
        let (mut numbers, mut multipliers, mut back) = (vec![0; 32], vec![0; 4], vec![0.0; 64]);
        let scale = row_nibbles(&row, &mut numbers, &mut multipliers);
        let signed = |bytes: Vec<u8>| -> Vec<i8> { bytes.into_iter().map(u8::cast_signed).collect() };
        unpack_row(&signed(numbers), &signed(multipliers), scale, &mut back);
        for (back, exact) in back.iter().zip(&row) {
            assert!((back - exact).abs() < 0.008, "{back} for {exact}");
        }
    }
}
