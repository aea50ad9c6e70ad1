//! A vector that is asked with, in the two forms in which rows are held against it: as it is, and in whole numbers of four bits, bit by bit.

use super::kernels::{Line, STRIDE};

/// Bits of a number.
pub const PLANES: usize = 4;
/// The numbers go from minus to plus this.
const NUMBER_MAX: f32 = 7.0;

/// What is asked with.
#[derive(Clone, Debug)]
pub struct Question {
    /// As long as rows are, the last numbers 0.
    pub vector: Vec<f32>,
    /// For every 64 numbers, and every bit of them from the lowest to the sign, a word.
    pub planes: Vec<[u64; PLANES]>,
    pub gain: f32,
    pub base: f32,
}

impl Question {
    /// `doubts` says how many standard deviations of what the whole numbers leave out are allowed for.
    pub fn new(vector: &[f32], doubts: usize) -> Self {
        let largest = vector.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
        let step = if largest > 0.0 { largest / NUMBER_MAX } else { 1.0 };
        let mut planes = vec![[0; PLANES]; vector.len().div_ceil(u64::BITS as usize)];
        let (mut sum, mut left_out) = (0i32, 0.0f32);
        for (place, number) in vector.iter().enumerate() {
            let whole = (number / step).round() as i32;
            left_out += (number - whole as f32 * step).powi(2);
            sum += whole;
            for (bit, plane) in planes[place / 64].iter_mut().enumerate() {
                *plane |= u64::from((whole >> bit) & 1 == 1) << (place % 64);
            }
        }
        let mut padded = vector.to_vec();
        padded.resize(vector.len().next_multiple_of(STRIDE), 0.0);
        // A code stands for plus or minus one in each place: its product with the numbers is twice what they share, less all of them.
        // What the numbers leave out adds to the doubt of the code like something independent of it: at most by half of itself.
        let base = doubts as f32 * left_out.sqrt() / 2.0 - step * sum as f32;
        Self { vector: padded, planes, gain: 2.0 * step, base }
    }

    /// What codes around a centre are to be multiplied with.
    pub fn line(&self, offset: f32) -> Line {
        Line { offset, gain: self.gain, base: self.base }
    }
}
