//! Numbers of panels that have fewer bytes than an `f32`, as kernels read them.

use crate::dtype::Dtype;
use crate::simd::Simd;

/// How many bytes ahead numbers are asked for, over all places that are read in turn: most weights are read once a run, and what the
/// machine reads ahead by itself ends with the page. Of several distances, the best one where the memory was not shared.
pub(super) const AHEAD: usize = 12 * 1024;

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Numbers of fewer bytes than an `f32` has.
pub(super) trait Numbers {
    /// What they are stored as.
    type Number;
    /// The same, as a value.
    const DTYPE: Dtype;
    /// Whether a panel begins with a scale per column.
    const HAS_SCALES: bool;

    /// A vector of them.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of `LANES` numbers.
    unsafe fn load<S: Simd>(s: S, source: *const Self::Number) -> S::Vector;

    /// Asks for what lies `ahead` bytes behind the `count` numbers from the one at `at` on: each cache line of it once, if
    /// this is called for one such piece after the other.
    #[inline(always)]
    fn prefetch<S: Simd>(s: S, numbers: *const Self::Number, at: usize, count: usize, ahead: usize) {
        let start = numbers.cast::<u8>().wrapping_add(ahead);
        let mut byte = (at * size_of::<Self::Number>()).next_multiple_of(CACHE_LINE);
        while byte < (at + count) * size_of::<Self::Number>() {
            s.prefetch(start.wrapping_add(byte).cast());
            byte += CACHE_LINE;
        }
    }
}

/// See [`Dtype::Bf16`].
pub(super) struct Bf16;

impl Numbers for Bf16 {
    type Number = u16;
    const DTYPE: Dtype = Dtype::Bf16;
    const HAS_SCALES: bool = false;

    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, source: *const u16) -> S::Vector {
        // SAFETY: as the caller vouches.
        unsafe { s.load_bf16(source) }
    }
}

/// See [`Dtype::Int8`].
pub(super) struct Int8;

impl Numbers for Int8 {
    type Number = i8;
    const DTYPE: Dtype = Dtype::Int8;
    const HAS_SCALES: bool = true;

    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, source: *const i8) -> S::Vector {
        // SAFETY: as the caller vouches.
        unsafe { s.load_int8(source) }
    }
}
