//! Softmax of rows.

use super::activation::exp;
use crate::abi::SoftmaxShape;
use crate::simd::{Simd, for_each_vector};

/// See [`Kernel::Softmax`](crate::abi::Kernel::Softmax).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn softmax<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const SoftmaxShape,
) {
    // SAFETY: the shape is valid for reads; each row has `columns` values, over which the vectors run.
    unsafe {
        let shape = &*shape;
        let factor = s.splat(1.0 / shape.temperature);
        for row in 0..rows {
            let (source, out) = (source.add(row * shape.source_stride), out.add(row * shape.out_stride));
            let mut largest = s.splat(f32::NEG_INFINITY);
            for_each_vector!(s: S, shape.columns, scale, (source, out, factor, &mut largest));
            let largest = s.splat(s.max_of_lanes(largest));
            let mut sum = s.zero();
            for_each_vector!(s: S, shape.columns, exponential, (out, largest, &mut sum));
            let share = s.splat(1.0 / s.sum_of_lanes(sum));
            for_each_vector!(s: S, shape.columns, multiply, (out, share));
        }
    }
}

/// Writes a vector of the input times a factor, and keeps the largest. A NaN may be lost here; its own exponential
/// is NaN all the same, and so is their sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of both rows.
#[inline(always)]
unsafe fn scale<S: Simd, const FULL: bool>(
    s: S,
    source: *const f32,
    out: *mut f32,
    factor: S::Vector,
    largest: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = s.mul(s.read::<FULL>(source.add(column), lanes), factor);
        s.write::<FULL>(out.add(column), value, lanes);
        let candidate = if FULL { value } else { s.blend(lanes, value, *largest) };
        *largest = s.max(candidate, *largest);
    }
}

/// Replaces a vector by its exponential, after subtracting the largest, and adds that to the sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of the row.
#[inline(always)]
unsafe fn exponential<S: Simd, const FULL: bool>(
    s: S,
    out: *mut f32,
    largest: S::Vector,
    sum: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = exp(s, s.sub(s.read::<FULL>(out.add(column), lanes), largest));
        s.write::<FULL>(out.add(column), value, lanes);
        *sum = s.add(*sum, if FULL { value } else { s.blend(lanes, value, s.zero()) });
    }
}

/// Multiplies a vector by a factor.
///
/// # Safety
///
/// The lanes from `column` on are columns of the row.
#[inline(always)]
unsafe fn multiply<S: Simd, const FULL: bool>(s: S, out: *mut f32, factor: S::Vector, column: usize, lanes: S::Lanes) {
    // SAFETY: as the caller vouches.
    unsafe { s.write::<FULL>(out.add(column), s.mul(s.read::<FULL>(out.add(column), lanes), factor), lanes) }
}
