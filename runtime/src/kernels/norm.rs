//! Normalisation of rows, and of groups of channels over the pixels of an image.
//!
//! The mean comes first, then the variance around it: two passes lose no digits.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts are rounded like any number, and means to what the vectors hold"
)]

use super::mean::{sum, sum_of_squares};
use crate::abi::NormShape;
use crate::arithmetic::sqrt;
use crate::simd::{Simd, for_each_vector};

/// See [`Kernel::LayerNorm`](crate::abi::Kernel::LayerNorm).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn layer_norm<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const NormShape,
    weight: *const f32,
    bias: *const f32,
) {
    // SAFETY: the shape is valid for reads; each row is an image of one pixel and one group.
    unsafe {
        let shape = &*shape;
        for row in 0..rows {
            let (source, out) = (source.add(row * shape.source_stride), out.add(row * shape.out_stride));
            group(s, source, out, 1, shape, weight, bias);
        }
    }
}

/// See [`Kernel::GroupNorm`](crate::abi::Kernel::GroupNorm).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn group_norm<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const NormShape,
    weight: *const f32,
    bias: *const f32,
) {
    // SAFETY: the shape is valid for reads; groups stand side by side in pixels, weights and biases.
    unsafe {
        let shape = &*shape;
        for index in 0..shape.groups {
            let first = index * shape.columns;
            let weight = if weight.is_null() { weight } else { weight.add(first) };
            let bias = if bias.is_null() { bias } else { bias.add(first) };
            group(s, source.add(first), out.add(first), rows, shape, weight, bias);
        }
    }
}

/// Normalises `columns` values of each of `rows` pixels together.
///
/// # Safety
///
/// The pixels have that many values, and so have `weight` and `bias` unless they are null.
#[inline(always)]
unsafe fn group<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &NormShape,
    weight: *const f32,
    bias: *const f32,
) {
    let count = rows as f64 * shape.columns as f64;
    // SAFETY: rows are below `rows`, columns below `columns`.
    unsafe {
        // Sums of many pixels need more digits than those of one.
        let mut total = 0.0;
        for row in 0..rows {
            total += f64::from(sum(s, source.add(row * shape.source_stride), shape.columns));
        }
        let mean = (total / count) as f32;
        let mut total = 0.0;
        for row in 0..rows {
            total += f64::from(sum_of_squares(s, source.add(row * shape.source_stride), shape.columns, mean));
        }
        let scale = (1.0 / sqrt(total / count + f64::from(shape.eps))) as f32;
        let (mean, scale) = (s.splat(mean), s.splat(scale));
        for row in 0..rows {
            let (source, out) = (source.add(row * shape.source_stride), out.add(row * shape.out_stride));
            for_each_vector!(s: S, shape.columns, normalise, (source, out, mean, scale, weight, bias));
        }
    }
}

/// Normalises one vector.
///
/// # Safety
///
/// The lanes from `column` on are values of the pixel, and of `weight` and `bias` unless they are null.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of the kernel and the place")]
unsafe fn normalise<S: Simd, const FULL: bool>(
    s: S,
    source: *const f32,
    out: *mut f32,
    mean: S::Vector,
    scale: S::Vector,
    weight: *const f32,
    bias: *const f32,
    column: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut value = s.mul(s.sub(s.read::<FULL>(source.add(column), lanes), mean), scale);
        if !weight.is_null() {
            value = s.mul(value, s.read::<FULL>(weight.add(column), lanes));
        }
        if !bias.is_null() {
            value = s.add(value, s.read::<FULL>(bias.add(column), lanes));
        }
        s.write::<FULL>(out.add(column), value, lanes);
    }
}
