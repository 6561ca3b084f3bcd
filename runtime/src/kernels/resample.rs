//! Images in another size: averages over a grid, nearest pixels, and bilinear interpolation.
//!
//! Positions are computed in `f64`, as the definition has them; values are interpolated in `f32`.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions of pixels are positive and far below 2^53"
)]

use super::copy::copy;
use crate::abi::ResampleShape;
use crate::simd::{Simd, for_each_vector};

/// See [`Kernel::AdaptiveAveragePool`](crate::abi::Kernel::AdaptiveAveragePool).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn adaptive_average_pool<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const ResampleShape,
) {
    // SAFETY: the shape is valid for reads; cells lie in the image, vectors run over the channels.
    unsafe {
        let shape = &*shape;
        let (first_row, end_row) = cell(row, shape.out_height, shape.height);
        for column in 0..shape.out_width {
            let (first_column, end_column) = cell(column, shape.out_width, shape.width);
            let first = image.add(first_row * shape.row_stride + first_column * shape.pixel_stride);
            let size = (end_row - first_row, end_column - first_column);
            let out = out.add(column * shape.out_stride);
            for_each_vector!(s: S, shape.channels, average, (first, size, shape, out));
        }
    }
}

/// Where the cell `index` of `count` over `size` starts and ends.
#[inline(always)]
fn cell(index: usize, count: usize, size: usize) -> (usize, usize) {
    (index * size / count, ((index + 1) * size).div_ceil(count))
}

/// The average of a vector of channels over a cell.
///
/// # Safety
///
/// The cell, of `rows` by `columns` pixels from `first` on, lies in the image; the lanes from `channel` on are channels.
#[inline(always)]
unsafe fn average<S: Simd, const FULL: bool>(
    s: S,
    first: *const f32,
    (rows, columns): (usize, usize),
    shape: &ResampleShape,
    out: *mut f32,
    channel: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut sum = s.zero();
        for row in 0..rows {
            for column in 0..columns {
                let pixel = first.add(row * shape.row_stride + column * shape.pixel_stride);
                sum = s.add(sum, s.read::<FULL>(pixel.add(channel), lanes));
            }
        }
        let count = s.splat((rows * columns) as f32);
        s.write::<FULL>(out.add(channel), s.div(sum, count), lanes);
    }
}

/// See [`Kernel::ResampleNearest`](crate::abi::Kernel::ResampleNearest).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn nearest<S: Simd>(s: S, image: *const f32, out: *mut f32, row: usize, shape: *const ResampleShape) {
    // SAFETY: the shape is valid for reads; `i * size / n` is below `size`, as `i` is below `n`.
    unsafe {
        let shape = &*shape;
        let source = image.add(row * shape.height / shape.out_height * shape.row_stride);
        for column in 0..shape.out_width {
            let pixel = source.add(column * shape.width / shape.out_width * shape.pixel_stride);
            copy(s, pixel, out.add(column * shape.out_stride), shape.channels);
        }
    }
}

/// The two rows or columns of the input between which one of the output lies; the same twice at the border.
#[derive(Debug, Clone, Copy)]
struct Neighbours {
    first: usize,
    second: usize,
    /// The share of the second.
    share: f32,
}

/// Where row or column `index` of `output` lies among `input`.
#[inline(always)]
fn neighbours(index: usize, input: usize, output: usize, align_corners: bool) -> Neighbours {
    let position = if !align_corners {
        ((index as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0)
    } else if output == 1 {
        0.0
    } else {
        index as f64 * (input - 1) as f64 / (output - 1) as f64
    };
    let first = (position as usize).min(input - 1);
    Neighbours { first, second: (first + 1).min(input - 1), share: (position - first as f64).min(1.0) as f32 }
}

/// See [`Kernel::ResampleBilinear`](crate::abi::Kernel::ResampleBilinear).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn bilinear<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const ResampleShape,
) {
    // SAFETY: the shape is valid for reads; neighbours lie in the image, vectors run over the channels.
    unsafe {
        let shape = &*shape;
        let align_corners = shape.align_corners != 0;
        let rows = neighbours(row, shape.height, shape.out_height, align_corners);
        let upper = image.add(rows.first * shape.row_stride);
        let lower = image.add(rows.second * shape.row_stride);
        for column in 0..shape.out_width {
            let columns = neighbours(column, shape.width, shape.out_width, align_corners);
            let (left, right) = (columns.first * shape.pixel_stride, columns.second * shape.pixel_stride);
            let corners = Corners {
                upper_left: upper.add(left),
                upper_right: upper.add(right),
                lower_left: lower.add(left),
                lower_right: lower.add(right),
            };
            let out = out.add(column * shape.out_stride);
            for_each_vector!(s: S, shape.channels, interpolate, (&corners, rows.share, columns.share, out));
        }
    }
}

/// The four pixels around a position.
#[derive(Debug, Clone, Copy)]
struct Corners {
    upper_left: *const f32,
    upper_right: *const f32,
    lower_left: *const f32,
    lower_right: *const f32,
}

/// Interpolates a vector of channels.
///
/// # Safety
///
/// The lanes from `channel` on are channels of the four pixels and of the output.
#[inline(always)]
unsafe fn interpolate<S: Simd, const FULL: bool>(
    s: S,
    corners: &Corners,
    down: f32,
    right: f32,
    out: *mut f32,
    channel: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let upper_left = s.read::<FULL>(corners.upper_left.add(channel), lanes);
        let upper_right = s.read::<FULL>(corners.upper_right.add(channel), lanes);
        let lower_left = s.read::<FULL>(corners.lower_left.add(channel), lanes);
        let lower_right = s.read::<FULL>(corners.lower_right.add(channel), lanes);
        let upper = between(s, upper_left, upper_right, right);
        let lower = between(s, lower_left, lower_right, right);
        s.write::<FULL>(out.add(channel), between(s, upper, lower, down), lanes);
    }
}

/// `(1 - share) * first + share * second`
#[inline(always)]
fn between<S: Simd>(s: S, first: S::Vector, second: S::Vector, share: f32) -> S::Vector {
    s.mul_add(s.splat(share), second, s.mul(s.splat(1.0 - share), first))
}
