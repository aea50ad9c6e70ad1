//! The body of a kept answer: packed once (gzip, RFC 1952) where that pays, since most clients take it as it is then. Packs and unpacks;
//! knows nothing of HTTP.
//!
//! Decision 2026-11-26: answers are kept packed. What a kept answer needs beside its content (moka's places, dependencies, judges) is some
//! hundreds of bytes whatever its length, which no counting makes a tenth of 3 KB; packing takes more than that off again, so that
//! answers are held in less memory than they are long. It also spares each hit the compressor, which cost a client that takes gzip more
//! than all the rest of its answer.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};

/// Shortest body that is packed, in bytes. Setting the compressor up costs more than sending less.
pub const PACKED_MIN: usize = 1_024;
/// Longest body that is packed, in bytes: whoever packs it keeps a worker of the API for as long, some milliseconds.
const PACKED_MAX: usize = 512 * 1_024;
const LEVEL: Compression = Compression::new(3);

/// What a client gets.
#[derive(Clone)]
pub enum Body {
    Plain(Bytes),
    Gzip {
        packed: Bytes,
        /// How long it is unpacked.
        bytes: u32,
    },
}

impl Body {
    /// Packed, where that is worth it; else in no more room than it needs.
    pub fn packed(plain: &[u8]) -> Self {
        if (PACKED_MIN..=PACKED_MAX).contains(&plain.len()) {
            let packed = pack(plain);
            if packed.len() < plain.len() {
                return Self::Gzip { packed: exactly(&packed), bytes: plain.len() as u32 };
            }
        }
        Self::Plain(exactly(plain))
    }

    /// How long it is unpacked, in bytes.
    pub fn plain_len(&self) -> usize {
        match self {
            Self::Plain(plain) => plain.len(),
            Self::Gzip { bytes, .. } => *bytes as usize,
        }
    }

    /// How long it is as it is held, in bytes.
    pub fn held_len(&self) -> usize {
        match self {
            Self::Plain(plain) => plain.len(),
            Self::Gzip { packed, .. } => packed.len(),
        }
    }

    pub fn plain(&self) -> Bytes {
        match self {
            Self::Plain(plain) => plain.clone(),
            Self::Gzip { packed, bytes } => unpack(packed, *bytes as usize),
        }
    }
}

fn exactly(bytes: &[u8]) -> Bytes {
    Bytes::from(Box::<[u8]>::from(bytes))
}

fn pack(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), LEVEL);
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

fn unpack(packed: &[u8], bytes: usize) -> Bytes {
    let mut plain = Vec::with_capacity(bytes);
    GzDecoder::new(packed).read_to_end(&mut plain).expect("was packed here");
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_and_says_little_is_packed_and_all_comes_back() {
        let prose = |bytes| b"{\"content\":\"tea is at four\"},".repeat(bytes / 28 + 1)[..bytes].to_vec();
        // SplitMix64's first numbers: nothing that could be said shorter.
        let noise: Vec<u8> = (1..=1_000u64)
            .flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9).swap_bytes().to_le_bytes())
            .collect();
        for (plain, is_packed) in [
            (prose(PACKED_MIN - 1), false),
            (prose(PACKED_MIN), true),
            (prose(PACKED_MAX), true),
            (prose(PACKED_MAX + 1), false),
            (vec![], false),
        ] {
            let body = Body::packed(&plain);
            assert_eq!((body.plain().as_ref(), body.plain_len()), (&plain[..], plain.len()));
            assert_eq!(matches!(body, Body::Gzip { .. }), is_packed, "{} bytes", plain.len());
            assert!(!is_packed || body.held_len() * 10 < plain.len());
        }
        let body = Body::packed(&noise);
        assert!(body.held_len() <= noise.len() && body.plain() == noise);
    }
}
