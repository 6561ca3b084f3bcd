//! Copies of contiguous values, and zeros, in vectors: shorter than a call for the few values that a pixel has.

use crate::simd::{Simd, for_each_vector};

/// Copies values.
///
/// # Safety
///
/// `source` is valid for reads and `out` for writes of `count` values, and they do not overlap.
#[inline(always)]
pub(super) unsafe fn copy<S: Simd>(s: S, source: *const f32, out: *mut f32, count: usize) {
    // SAFETY: vectors run over the `count` values.
    unsafe { for_each_vector!(s: S, count, copy_vector, (source, out)) }
}

/// # Safety
///
/// Both are valid for the lanes from `offset` on.
#[inline(always)]
unsafe fn copy_vector<S: Simd, const FULL: bool>(
    s: S,
    source: *const f32,
    out: *mut f32,
    offset: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe { s.write::<FULL>(out.add(offset), s.read::<FULL>(source.add(offset), lanes), lanes) }
}

/// Writes zeros.
///
/// # Safety
///
/// `out` is valid for writes of `count` values.
#[inline(always)]
pub(super) unsafe fn clear<S: Simd>(s: S, out: *mut f32, count: usize) {
    // SAFETY: vectors run over the `count` values.
    unsafe { for_each_vector!(s: S, count, clear_vector, (out)) }
}

/// # Safety
///
/// `out` is valid for the lanes from `offset` on.
#[inline(always)]
unsafe fn clear_vector<S: Simd, const FULL: bool>(s: S, out: *mut f32, offset: usize, lanes: S::Lanes) {
    // SAFETY: as the caller vouches.
    unsafe { s.write::<FULL>(out.add(offset), s.zero(), lanes) }
}
