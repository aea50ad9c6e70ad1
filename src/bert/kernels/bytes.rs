//! Memory as kernels want it: begun at a cache line's border, of a file or of our own, and seen as numbers.
//!
//! # Invariant of a mapped file
//! Nobody changes or shortens it while it is mapped: the form's files are written aside, renamed into place and never touched again
//! (`form::Sealed::save`). A model's own folder is mapped for the seconds in which it is made small. Whoever cuts such a file by hand meanwhile
//! ends the program, as with every mapped file. What is *in* the file is trusted by nobody.

use std::{fs::File, io, ops::Range};

use memmap2::Mmap;

/// A cache line, and a register of the widest kernel.
pub const LINE: usize = 64;

// The form is little-endian, and is read where it lies.
const _: () = assert!(cfg!(target_endian = "little"), "the encoder's files are read in place by little-endian machines only");

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; LINE]);

/// Zeroed memory of our own.
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    pub fn zeroed(len: usize) -> Self {
        Self { lines: vec![Line([0; LINE]); len.div_ceil(LINE)], len }
    }

    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `lines` are at least `len` initialised bytes without gaps; bytes may lie anywhere.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed for nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// A number that may have any bits.
///
/// # Safety
/// Every pattern of `size_of::<Self>()` bytes is a value, and the type has no gaps.
pub unsafe trait Number: Copy {}
// SAFETY: any bits are an integer.
unsafe impl Number for i8 {}
// SAFETY: any bits are an integer.
unsafe impl Number for i32 {}
// SAFETY: any bits are a float, if perhaps not a number.
unsafe impl Number for f32 {}

/// Bytes that do not change: of a file, or made here.
pub enum Bytes {
    Mapped(Mmap),
    Owned(Aligned),
}

impl Bytes {
    /// Errors: when the file cannot be mapped.
    pub fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the invariant of this file's head.
        Ok(Self::Mapped(unsafe { Mmap::map(file)? }))
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(aligned) => aligned.as_slice(),
        }
    }

    /// The numbers at a place. Panics: outside of the bytes, or where no such number can begin or end; both are bugs of the caller's.
    pub fn numbers<T: Number>(&self, place: Range<usize>) -> &[T] {
        let bytes = &self.as_slice()[place];
        // SAFETY: any bits are a value of `T`.
        let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
        assert!(before.is_empty() && after.is_empty(), "numbers at a crooked place");
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_at_a_line_and_is_seen_as_numbers() {
        let mut aligned = Aligned::zeroed(130);
        assert_eq!(aligned.as_slice().as_ptr().addr() % LINE, 0);
        assert_eq!(aligned.as_slice().len(), 130);
        aligned.as_mut_slice()[64..68].copy_from_slice(&1.5_f32.to_le_bytes());
        let bytes = Bytes::Owned(aligned);
        assert_eq!(bytes.numbers::<f32>(64..72), [1.5, 0.0]);
        assert_eq!(bytes.numbers::<i8>(127..130), [0; 3]);
        assert!(bytes.numbers::<i32>(128..128).is_empty());
        assert!(Aligned::zeroed(0).as_slice().is_empty());
    }

    #[test]
    #[should_panic(expected = "crooked")]
    fn half_a_number_is_none() {
        Bytes::Owned(Aligned::zeroed(64)).numbers::<f32>(0..6);
    }

    #[test]
    #[should_panic]
    fn nothing_lies_beyond_the_end() {
        Bytes::Owned(Aligned::zeroed(64)).numbers::<f32>(60..68);
    }
}
