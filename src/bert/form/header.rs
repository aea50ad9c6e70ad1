//! The first bytes of a model's file: what it is, and whether it is whole.

use std::mem::size_of;

use xxhash_rust::xxh3::xxh3_64;

use super::plan::{Plan, VERSION};
use crate::shape::{Pooling, Precision, Shape, Unfit};

/// Bytes of a header; the first section follows.
pub const LEN: usize = 192;
const MAGIC: [u8; 8] = *b"BRAINENC";

/// SHA-256 of the weights that a file was made from.
pub type SourceHash = [u8; 32];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    pub shape: Shape,
    pub precision: Precision,
    pub source: SourceHash,
    /// xxh3 of everything after the header.
    pub content: u64,
}

/// Why a file is none that can be used; another one can be made from the source.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("it is shorter than a header")]
    Short,
    #[error("it is no model of ours")]
    Magic,
    #[error("it is of version {0}, not {ours}", ours = VERSION)]
    Version(u32),
    #[error("its header is damaged")]
    Header,
    #[error("its header names {what} {found}, which there is not")]
    Unknown { what: &'static str, found: u32 },
    #[error("its shape is none that can be computed")]
    Shape(#[from] Unfit),
    #[error("it has {found} bytes where its shape asks for {expected}")]
    Length { found: u64, expected: u64 },
    #[error("its content is damaged")]
    Content,
}

impl Header {
    /// The order of the fields is the form: see the version in plan.rs.
    pub fn encode(&self) -> [u8; LEN] {
        let shape = &self.shape;
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        let precision = match self.precision {
            Precision::F32 => 32,
            Precision::Int8 => 8,
            Precision::Int4 => 4,
        };
        let pooling = match shape.pooling {
            Pooling::Mean => 0,
            Pooling::First => 1,
        };
        let sizes = [shape.layers, shape.width, shape.heads, shape.inner, shape.words, shape.positions];
        let numbers = [VERSION, precision].into_iter().chain(sizes.map(|size| size as u32));
        let rest = [shape.epsilon.to_bits(), pooling, shape.scores_pairs.into()];
        for (place, number) in numbers.chain(rest).enumerate() {
            bytes[8 + place * 4..][..4].copy_from_slice(&number.to_le_bytes());
        }
        bytes[64..96].copy_from_slice(&self.source);
        bytes[96..104].copy_from_slice(&self.content.to_le_bytes());
        let whole = xxh3_64(&bytes[..LEN - 8]);
        bytes[LEN - 8..].copy_from_slice(&whole.to_le_bytes());
        bytes
    }

    /// Reads the head of `file` and holds the rest against it.
    /// Errors: [`Refused`], for whatever bytes.
    pub fn of(file: &[u8]) -> Result<(Self, Plan), Refused> {
        let header = Self::decode(file.first_chunk().ok_or(Refused::Short)?)?;
        let plan = Plan::new(&header.shape, header.precision);
        if file.len() != plan.len {
            return Err(Refused::Length { found: file.len() as u64, expected: plan.len as u64 });
        }
        if xxh3_64(&file[LEN..]) != header.content {
            return Err(Refused::Content);
        }
        Ok((header, plan))
    }

    fn decode(bytes: &[u8; LEN]) -> Result<Self, Refused> {
        if bytes[..8] != MAGIC {
            return Err(Refused::Magic);
        }
        let number = |place: usize| u32::from_le_bytes(four(bytes, 8 + place * size_of::<u32>()));
        if number(0) != VERSION {
            return Err(Refused::Version(number(0)));
        }
        if xxh3_64(&bytes[..LEN - 8]).to_le_bytes() != bytes[LEN - 8..] {
            return Err(Refused::Header);
        }
        let precision = match number(1) {
            32 => Precision::F32,
            8 => Precision::Int8,
            4 => Precision::Int4,
            found => return Err(Refused::Unknown { what: "precision", found }),
        };
        let pooling = match number(9) {
            0 => Pooling::Mean,
            1 => Pooling::First,
            found => return Err(Refused::Unknown { what: "pooling", found }),
        };
        let scores_pairs = match number(10) {
            0 => false,
            1 => true,
            found => return Err(Refused::Unknown { what: "end", found }),
        };
        let size = |place| number(place) as usize;
        let [layers, width, heads, inner, words, positions] = [2, 3, 4, 5, 6, 7].map(size);
        let epsilon = f32::from_bits(number(8));
        let shape = Shape { layers, width, heads, inner, words, positions, epsilon, pooling, scores_pairs };
        shape.check()?;
        let mut source = [0; 32];
        source.copy_from_slice(&bytes[64..96]);
        let mut content = [0; 8];
        content.copy_from_slice(&bytes[96..104]);
        Ok(Self { shape, precision, source, content: u64::from_le_bytes(content) })
    }
}

fn four(bytes: &[u8], from: usize) -> [u8; 4] {
    std::array::from_fn(|place| bytes[from + place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::tests::small;

    fn file(shape: Shape, precision: Precision) -> Vec<u8> {
        let rest = vec![7; Plan::new(&shape, precision).len - LEN];
        let header = Header { shape, precision, source: [3; 32], content: xxh3_64(&rest) };
        [header.encode().as_slice(), &rest].concat()
    }

    /// Changes a number of the header and makes the header's own hash true again, as a liar would.
    fn lie(file: &mut [u8], place: usize, number: u32) {
        file[8 + place * 4..][..4].copy_from_slice(&number.to_le_bytes());
        let whole = xxh3_64(&file[..LEN - 8]);
        file[LEN - 8..LEN].copy_from_slice(&whole.to_le_bytes());
    }

    #[test]
    fn what_was_written_is_read() {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
            let file = file(small(), precision);
            let (header, plan) = Header::of(&file).expect("a good file");
            assert_eq!((header.shape, header.precision, header.source), (small(), precision, [3; 32]));
            assert_eq!(plan, Plan::new(&small(), precision));
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let good = file(small(), Precision::Int8);
        let sparse = (0..good.len()).filter(|place| *place < LEN || place % 997 == 0);
        for place in sparse {
            assert!(Header::of(&good[..place]).is_err(), "cut at {place}");
            let mut bad = good.clone();
            bad[place] ^= 0x40;
            assert!(Header::of(&bad).is_err(), "changed at {place}");
        }
        assert!(Header::of(&[good.as_slice(), &[0]].concat()).is_err(), "a byte too many");
        assert_eq!(Header::of(&[]).unwrap_err(), Refused::Short);
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        for place in 1..11 {
            for number in [0, 1, 2, 3, 5, 17, 48, 64, 4_095, 65_536, 1 << 31, u32::MAX] {
                let mut bad = file(small(), Precision::Int8);
                let before = bad.clone();
                lie(&mut bad, place, number);
                let is_what_it_was = bad == before;
                // Two things may be said otherwise and still be true of the bytes: the epsilon, and how vectors are pooled.
                let is_harmless = (place == 8 && f32::from_bits(number) > 0.0 && f32::from_bits(number) < 1.0)
                    || (place == 9 && number < 2)
                    || (place == 4 && small().width.is_multiple_of(number as usize * 16));
                assert_eq!(Header::of(&bad).is_ok(), is_what_it_was || is_harmless, "{number} at {place}");
            }
        }
    }

    proptest::proptest! {
        /// A header of any numbers, made true by its hash, before any bytes: an answer, never a panic or a huge length that wraps.
        #[test]
        fn any_header_is_read_or_refused(numbers in proptest::collection::vec(proptest::num::u32::ANY, 9), small_ones in 0_u32..512, len in 0_usize..4_000) {
            let mut file = file(small(), Precision::Int8);
            file.resize(LEN.max(len), 0);
            for (place, number) in numbers.into_iter().enumerate() {
                let number = if small_ones >> place & 1 == 1 { number % 3_000 } else { number };
                lie(&mut file, place + 1, number);
            }
            let _ = Header::of(&file);
        }

        /// A file whose weights are anything is used like any other: what is wrong are its numbers.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            proptest::prop_assert!(Header::of(&bytes).is_err());
        }
    }
}
