//! Softmax of rows.

use super::activation::exp;
use crate::abi::SoftmaxShape;
use crate::simd::{Simd, for_each_vector};

/// Rows that are computed together: what is found of a row, over all of its lanes, is waited for longest.
const AT_ONCE: usize = 4;

/// A row of what is exponentiated: `source * factor + bias + mask`.
#[derive(Clone, Copy)]
struct Row<V> {
    source: *const f32,
    factor: V,
    /// Null if there is none.
    bias: *const f32,
    /// Null if there is none.
    mask: *const f32,
}

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
    bias: *const f32,
    mask: *const f32,
) {
    // SAFETY: the shape is valid for reads; each row has `columns` values, over which the vectors run. An addend that is null is
    // neither moved nor read.
    unsafe {
        let shape = &*shape;
        let factor = s.splat(1.0 / shape.temperature);
        let moved = |addend: *const f32, by: usize| if addend.is_null() { addend } else { addend.add(by) };
        let mut first = 0;
        while first < rows {
            let count = (rows - first).min(AT_ONCE);
            let row = |index: usize| {
                let row = first + index;
                let source = source.add(row * shape.source_stride);
                let [bias, mask] = [(bias, shape.bias_stride), (mask, shape.mask_stride)]
                    .map(|(addend, stride)| moved(addend, row * stride));
                Row { source, factor, bias, mask }
            };
            let out = |index: usize| out.add((first + index) * shape.out_stride);
            let mut largest = [s.splat(f32::NEG_INFINITY); AT_ONCE];
            for (index, largest) in largest.iter_mut().take(count).enumerate() {
                for_each_vector!(s: S, shape.columns, largest_of, (row(index), &mut *largest));
            }
            let mut sums = [s.zero(); AT_ONCE];
            for (index, (largest, sum)) in largest.into_iter().zip(&mut sums).take(count).enumerate() {
                let negative_largest = s.splat(-s.max_of_lanes(largest));
                for_each_vector!(s: S, shape.columns, exponential, (row(index), out(index), negative_largest, &mut *sum));
            }
            for (index, sum) in sums.into_iter().take(count).enumerate() {
                let share = s.splat(1.0 / s.sum_of_lanes(sum));
                for_each_vector!(s: S, shape.columns, multiply, (out(index), share));
            }
            first += count;
        }
    }
}

impl<V: Copy> Row<V> {
    /// A vector of the row.
    ///
    /// # Safety
    ///
    /// The lanes from `column` on are columns of the row.
    #[inline(always)]
    unsafe fn vector<S: Simd<Vector = V>, const FULL: bool>(self, s: S, column: usize, lanes: S::Lanes) -> V {
        // SAFETY: as the caller vouches; an addend that is not null has as many columns as the input.
        unsafe {
            let mut value = s.mul(s.read::<FULL>(self.source.add(column), lanes), self.factor);
            for addend in [self.bias, self.mask] {
                if !addend.is_null() {
                    value = s.add(value, s.read::<FULL>(addend.add(column), lanes));
                }
            }
            value
        }
    }

    /// The same plus a summand, at once where nothing else is added. (Where something is, it may be so large that the product vanishes beside it: then it
    /// has to vanish here too.)
    ///
    /// # Safety
    ///
    /// As for [`Row::vector`].
    #[inline(always)]
    unsafe fn plus<S: Simd<Vector = V>, const FULL: bool>(self, s: S, summand: V, column: usize, lanes: S::Lanes) -> V {
        // SAFETY: as the caller vouches.
        unsafe {
            if self.bias.is_null() && self.mask.is_null() {
                s.mul_add(s.read::<FULL>(self.source.add(column), lanes), self.factor, summand)
            } else {
                s.add(self.vector::<S, FULL>(s, column, lanes), summand)
            }
        }
    }
}

/// Keeps the largest of a vector of the row. A NaN may be lost here; its own exponential is NaN all the same, and so is their
/// sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of the row.
#[inline(always)]
unsafe fn largest_of<S: Simd, const FULL: bool>(
    s: S,
    row: Row<S::Vector>,
    largest: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = row.vector::<S, FULL>(s, column, lanes);
        let candidate = if FULL { value } else { s.blend(lanes, value, *largest) };
        *largest = s.max(candidate, *largest);
    }
}

/// Writes the exponential of a vector of the row, after subtracting the largest, and adds that to the sum.
///
/// # Safety
///
/// The lanes from `column` on are columns of the row, and of the output.
#[inline(always)]
unsafe fn exponential<S: Simd, const FULL: bool>(
    s: S,
    row: Row<S::Vector>,
    out: *mut f32,
    negative_largest: S::Vector,
    sum: &mut S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let value = exp(s, row.plus::<S, FULL>(s, negative_largest, column, lanes));
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
