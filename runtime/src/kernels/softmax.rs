//! Softmax of rows.

use super::activation::exp;
use crate::abi::SoftmaxShape;
use crate::simd::{Simd, for_each_vector};

/// Rows that are computed together: what is found of a row, over all of its lanes, is waited for longest.
const AT_ONCE: usize = 4;

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
        let mut row = 0;
        while row < rows {
            let count = (rows - row).min(AT_ONCE);
            let (source, out) = (source.add(row * shape.source_stride), out.add(row * shape.out_stride));
            row += count;
            let mut largest = [s.splat(f32::NEG_INFINITY); AT_ONCE];
            for (index, largest) in largest.iter_mut().take(count).enumerate() {
                let source = source.add(index * shape.source_stride);
                for_each_vector!(s: S, shape.columns, largest_of, (source, factor, &mut *largest));
            }
            let mut sums = [s.zero(); AT_ONCE];
            for (index, (largest, sum)) in largest.into_iter().zip(&mut sums).take(count).enumerate() {
                let (source, out) = (source.add(index * shape.source_stride), out.add(index * shape.out_stride));
                let negative_largest = s.splat(-s.max_of_lanes(largest));
                for_each_vector!(s: S, shape.columns, exponential, (source, out, factor, negative_largest, &mut *sum));
            }
            for (index, sum) in sums.into_iter().take(count).enumerate() {
                let out = out.add(index * shape.out_stride);
                let share = s.splat(1.0 / s.sum_of_lanes(sum));
                for_each_vector!(s: S, shape.columns, multiply, (out, share));
            }
        }
    }
}

/// Keeps the largest of a vector of the input times a factor. A NaN may be lost here; its own exponential
/// is NaN all the same, and so is their sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of the row.
#[inline(always)]
unsafe fn largest_of<S: Simd, const FULL: bool>(
    s: S,
    source: *const f32,
    factor: S::Vector,
    largest: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = s.mul(s.read::<FULL>(source.add(column), lanes), factor);
        let candidate = if FULL { value } else { s.blend(lanes, value, *largest) };
        *largest = s.max(candidate, *largest);
    }
}

/// Writes the exponential of a vector of the input times a factor, after subtracting the largest, and adds that to the sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of both rows.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a vector, and what is known of its row")]
unsafe fn exponential<S: Simd, const FULL: bool>(
    s: S,
    source: *const f32,
    out: *mut f32,
    factor: S::Vector,
    negative_largest: S::Vector,
    sum: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = exp(s, s.mul_add(s.read::<FULL>(source.add(column), lanes), factor, negative_largest));
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
