//! Depthwise convolution: a window for each channel by itself.
//!
//! Vectors run over channels. Windows of 3, 5 or 7 columns with a stride of 1 or 2 have a fast path: where all columns of a
//! window meet the image, several pixels are computed at once that share the inputs they read. Every output is one chain of
//! fused multiply-adds over the taps that meet the image, in row-major order, from zero, whatever the path.

use std::ops::Range;

use super::epilogue::{Operands, finish};
use super::window::Axis;
use crate::abi::DepthwiseShape;
use crate::simd::{Simd, for_each_vector};

/// An output row: which rows of taps meet the image, and where.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    shape: &'a DepthwiseShape,
    columns: Axis,
    /// The row of the image that the first of these rows of taps meets.
    image: *const f32,
    /// The weights of that row of taps.
    weights: *const f32,
    /// How many rows of taps meet the image.
    taps: usize,
    /// Elements of the image between rows of taps.
    image_stride: usize,
    /// Elements of the weights between rows of taps.
    weight_stride: usize,
    out: *mut f32,
    operands: Operands,
}

/// See [`Kernel::Depthwise`](crate::abi::Kernel::Depthwise).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn depthwise<S: Simd>(
    s: S,
    image: *const f32,
    weights: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const DepthwiseShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the shape is valid for reads. The first row of taps that meets the image lies in it, and so do its weights; if
    // none does, the pointers stay where they are. The loops below run over the output's pixels.
    unsafe {
        let shape = &*shape;
        let window = &shape.window;
        let rows = Axis::rows(window);
        let columns = Axis::columns(window);
        let taps = rows.taps(row);
        let weight_stride = window.kernel_width * shape.weight_stride;
        let (image, weights) = if taps.is_empty() {
            (image, weights)
        } else {
            (image.add(rows.position(row, taps.start) * window.row_stride), weights.add(taps.start * weight_stride))
        };
        let row = Row {
            shape,
            columns,
            image,
            weights,
            taps: taps.len(),
            image_stride: window.dilation_height * window.row_stride,
            weight_stride,
            out,
            operands: Operands { bias, gate, residual, sums },
        };
        if window.dilation_width != 1 {
            return clipped(s, &row, 0..window.out_width);
        }
        match (window.kernel_width, window.stride_width) {
            (3, 1) => fast::<S, 3, 1>(s, &row),
            (3, 2) => fast::<S, 3, 2>(s, &row),
            (5, 1) => fast::<S, 5, 1>(s, &row),
            (5, 2) => fast::<S, 5, 2>(s, &row),
            (7, 1) => fast::<S, 7, 1>(s, &row),
            (7, 2) => fast::<S, 7, 2>(s, &row),
            _ => clipped(s, &row, 0..window.out_width),
        }
    }
}

/// All pixels of a row, where the width of the window and its stride are known.
///
/// # Safety
///
/// As for [`depthwise`]; the window has that width and stride, and no dilation along the row.
#[inline(always)]
unsafe fn fast<S: Simd, const WIDTH: usize, const STRIDE: usize>(s: S, row: &Row<'_>) {
    let out_width = row.shape.window.out_width;
    let interior = row.columns.interior(out_width);
    let channels = row.shape.channels;
    let mut pixel = interior.start;
    // SAFETY: tiles lie in the interior, where all columns of a window meet the image.
    unsafe {
        clipped(s, row, 0..interior.start);
        while pixel + 8 <= interior.end {
            for_each_vector!(s: S, channels, tile[WIDTH, STRIDE, 8], (row, pixel));
            pixel += 8;
        }
        while pixel + 4 <= interior.end {
            for_each_vector!(s: S, channels, tile[WIDTH, STRIDE, 4], (row, pixel));
            pixel += 4;
        }
        while pixel < interior.end {
            for_each_vector!(s: S, channels, tile[WIDTH, STRIDE, 1], (row, pixel));
            pixel += 1;
        }
        clipped(s, row, interior.end..out_width);
    }
}

/// Neighbouring pixels, one vector of channels.
///
/// # Safety
///
/// As for [`fast`]; the pixels are in the interior, and the lanes are channels from `channel` on.
#[inline(always)]
unsafe fn tile<S: Simd, const FULL: bool, const WIDTH: usize, const STRIDE: usize, const PIXELS: usize>(
    s: S,
    row: &Row<'_>,
    pixel: usize,
    channel: usize,
    lanes: S::Lanes,
) {
    let pixel_stride = row.shape.window.pixel_stride;
    let mut sums = [s.zero(); PIXELS];
    // SAFETY: in the interior, all columns of the pixels' windows meet the image; together they are `(PIXELS - 1) * STRIDE +
    // WIDTH` columns. All counted rows of taps meet it.
    unsafe {
        let image = row.image.add(row.columns.position(pixel, 0) * pixel_stride + channel);
        let weights = row.weights.add(channel);
        for tap in 0..row.taps {
            let image = image.add(tap * row.image_stride);
            let weights = weights.add(tap * row.weight_stride);
            let mut taps = [s.zero(); WIDTH];
            for (column, weight) in taps.iter_mut().enumerate() {
                *weight = s.read::<FULL>(weights.add(column * row.shape.weight_stride), lanes);
            }
            // Spelled out, so that each step knows its column while it is compiled.
            macro_rules! steps {
                ($($column:literal)*) => {
                    $(
                        if $column < (PIXELS - 1) * STRIDE + WIDTH {
                            let value = s.read::<FULL>(image.add($column * pixel_stride), lanes);
                            step::<S, WIDTH, STRIDE, PIXELS>(s, $column, value, &taps, &mut sums);
                        }
                    )*
                };
            }
            const { assert!((PIXELS - 1) * STRIDE + WIDTH <= 21, "as many columns as are spelled out") };
            steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
        }
        finish_pixels::<S, FULL>(s, row, pixel, channel, lanes, &mut sums);
    }
}

/// Adds an input to each pixel whose window covers it, `column` columns from the left of the first window.
#[inline(always)]
fn step<S: Simd, const WIDTH: usize, const STRIDE: usize, const PIXELS: usize>(
    s: S,
    column: usize,
    value: S::Vector,
    taps: &[S::Vector; WIDTH],
    sums: &mut [S::Vector; PIXELS],
) {
    for (pixel, sum) in sums.iter_mut().enumerate() {
        if let Some(weight) = taps.get(column.wrapping_sub(pixel * STRIDE)) {
            *sum = s.mul_add(value, *weight, *sum);
        }
    }
}

/// Pixels of any window, one after the other, each with the columns of its window that meet the image.
///
/// # Safety
///
/// As for [`depthwise`]; the pixels are in the row.
#[inline(always)]
unsafe fn clipped<S: Simd>(s: S, row: &Row<'_>, pixels: Range<usize>) {
    for pixel in pixels {
        let columns = row.columns.taps(pixel);
        // SAFETY: vectors run over the channels, taps over those that meet the image.
        unsafe { for_each_vector!(s: S, row.shape.channels, single, (row, pixel, columns.start, columns.end)) }
    }
}

/// A pixel, one vector of channels, the columns of the window from `first` to before `end`.
///
/// # Safety
///
/// As for [`clipped`]; these columns meet the image, and the lanes are channels from `channel` on.
#[inline(always)]
unsafe fn single<S: Simd, const FULL: bool>(
    s: S,
    row: &Row<'_>,
    pixel: usize,
    first: usize,
    end: usize,
    channel: usize,
    lanes: S::Lanes,
) {
    let window = &row.shape.window;
    let step = window.dilation_width * window.pixel_stride;
    let mut sum = s.zero();
    // SAFETY: all of these taps meet the image. (The offset is only used if there is one.)
    unsafe {
        let start = row.columns.position(pixel, first).wrapping_mul(window.pixel_stride);
        for tap in 0..row.taps {
            for column in first..end {
                let offset = tap * row.image_stride + start + (column - first) * step + channel;
                let value = s.read::<FULL>(row.image.add(offset), lanes);
                let offset = tap * row.weight_stride + column * row.shape.weight_stride + channel;
                let weight = s.read::<FULL>(row.weights.add(offset), lanes);
                sum = s.mul_add(value, weight, sum);
            }
        }
        finish_pixels::<S, FULL>(s, row, pixel, channel, lanes, &mut [sum]);
    }
}

/// Finishes and writes neighbouring pixels.
///
/// # Safety
///
/// The pixels are in the row, and the lanes are channels from `channel` on.
#[inline(always)]
unsafe fn finish_pixels<S: Simd, const FULL: bool>(
    s: S,
    row: &Row<'_>,
    pixel: usize,
    channel: usize,
    lanes: S::Lanes,
    values: &mut [S::Vector],
) {
    let epilogue = &row.shape.epilogue;
    let out_stride = row.shape.out_stride;
    // SAFETY: the operands and the output have these pixels and channels.
    unsafe {
        let operands = row.operands.at(channel, pixel * epilogue.residual_stride + channel);
        let out = row.out.add(pixel * out_stride + channel);
        finish::<S, FULL>(s, epilogue, operands, values, out, out_stride, lanes);
    }
}
