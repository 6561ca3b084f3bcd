//! Depthwise convolution: a window for each channel by itself.
//!
//! Vectors run over channels. Windows of 3, 5 or 7 columns with a stride of 1 or 2 have a fast path: where all columns of a
//! window meet the image, several pixels are computed at once that share the inputs they read. Every output is one chain of
//! fused multiply-adds over the taps that meet the image, in row-major order, from zero, whatever the path.

use core::ops::Range;

use super::epilogue::{Direct, Operands};
use super::window::Axis;
use crate::abi::DepthwiseShape;
use crate::simd::{Simd, for_each_vector};

/// An output row: which rows of taps meet the image, and where.
struct Row<'a, S: Simd> {
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
    /// The epilogue, if it is simple.
    direct: Option<Direct<S>>,
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
        let operands = Operands { bias, gate, residual, sums };
        let row = Row {
            shape,
            columns,
            image,
            weights,
            taps: taps.len(),
            image_stride: window.dilation_height * window.row_stride,
            weight_stride,
            out,
            operands,
            direct: Direct::new(s, &shape.epilogue, operands),
        };
        let (width, stride) = (window.kernel_width, window.stride_width);
        // Tiles from the first pixel whose window has all columns in the image; the others one after the other.
        let mut tiles = columns.interior(window.out_width);
        clipped(s, &row, 0..tiles.start);
        if S::TILED_WINDOWS && window.dilation_width == 1 {
            tiles.start = match (width, stride) {
                (3, 1) => tiled::<S, 3, 1>(s, &row, tiles.clone()),
                (3, 2) => tiled::<S, 3, 2>(s, &row, tiles.clone()),
                (5, 1) => tiled::<S, 5, 1>(s, &row, tiles.clone()),
                (5, 2) => tiled::<S, 5, 2>(s, &row, tiles.clone()),
                (7, 1) => tiled::<S, 7, 1>(s, &row, tiles.clone()),
                (7, 2) => tiled::<S, 7, 2>(s, &row, tiles.clone()),
                _ => tiles.start,
            };
        }
        clipped(s, &row, tiles.start..window.out_width);
    }
}

/// As many of the pixels as fill tiles, where the width of the window and its stride are known. Returns the first pixel that
/// is left.
///
/// # Safety
///
/// As for [`depthwise`]; the window has that width and stride, and no dilation along the row; the windows of the pixels have
/// all columns in the image.
#[inline(always)]
unsafe fn tiled<S: Simd, const WIDTH: usize, const STRIDE: usize>(
    s: S,
    row: &Row<'_, S>,
    pixels: Range<usize>,
) -> usize {
    let channels = row.shape.channels;
    let mut pixel = pixels.start;
    // SAFETY: tiles lie within the pixels, vectors within the channels.
    unsafe {
        while pixel + 8 <= pixels.end {
            for_each_vector!(s: S, channels, tile[WIDTH, STRIDE, 8], (row, pixel));
            pixel += 8;
        }
        while pixel + 4 <= pixels.end {
            for_each_vector!(s: S, channels, tile[WIDTH, STRIDE, 4], (row, pixel));
            pixel += 4;
        }
    }
    pixel
}

/// Neighbouring pixels, one vector of channels.
///
/// # Safety
///
/// As for [`tiled`]; and the lanes are channels from `channel` on.
#[inline(always)]
unsafe fn tile<S: Simd, const FULL: bool, const WIDTH: usize, const STRIDE: usize, const PIXELS: usize>(
    s: S,
    row: &Row<'_, S>,
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
            // Pointers advance step by step: offsets of all columns at once would not fit into registers.
            let mut image = image.add(tap * row.image_stride);
            let mut weights = weights.add(tap * row.weight_stride);
            let mut taps = [s.zero(); WIDTH];
            for (column, weight) in taps.iter_mut().enumerate() {
                if column > 0 {
                    weights = weights.add(row.shape.weight_stride);
                }
                *weight = s.read::<FULL>(weights, lanes);
            }
            // Spelled out, so that each step knows its column while it is compiled.
            macro_rules! steps {
                ($($column:literal)*) => {
                    $(
                        if $column < (PIXELS - 1) * STRIDE + WIDTH {
                            if $column > 0 {
                                image = image.add(pixel_stride);
                            }
                            let value = s.read::<FULL>(image, lanes);
                            step::<S, WIDTH, STRIDE, PIXELS>(s, $column, value, &taps, &mut sums);
                        }
                    )*
                };
            }
            const { assert!((PIXELS - 1) * STRIDE + WIDTH <= 21, "as many columns as are spelled out") };
            steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
        }
        finish_pixels::<S, FULL, PIXELS>(s, row, pixel, channel, lanes, sums);
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

/// Vectors of channels that are computed at once of a single pixel.
const BLOCK: usize = 4;

/// Pixels of any window, one after the other, each with the columns of its window that meet the image.
///
/// # Safety
///
/// As for [`depthwise`]; the pixels are in the row.
#[inline(always)]
unsafe fn clipped<S: Simd>(s: S, row: &Row<'_, S>, pixels: Range<usize>) {
    let channels = row.shape.channels;
    for pixel in pixels {
        let columns = row.columns.taps(pixel);
        let mut channel = 0;
        // SAFETY: blocks and vectors run over the channels, taps over those that meet the image.
        unsafe {
            while channel + BLOCK * S::LANES <= channels {
                single::<S, true, BLOCK>(s, row, pixel, columns.start, columns.end, channel, s.lanes(S::LANES));
                channel += BLOCK * S::LANES;
            }
            while channel + S::LANES <= channels {
                single::<S, true, 1>(s, row, pixel, columns.start, columns.end, channel, s.lanes(S::LANES));
                channel += S::LANES;
            }
            if channel < channels {
                single::<S, false, 1>(s, row, pixel, columns.start, columns.end, channel, s.lanes(channels - channel));
            }
        }
    }
}

/// A pixel, a few vectors of channels, the columns of the window from `first` to before `end`.
///
/// # Safety
///
/// As for [`clipped`]; these columns meet the image, and the lanes of all the vectors are channels from `channel` on.
#[inline(always)]
unsafe fn single<S: Simd, const FULL: bool, const VECTORS: usize>(
    s: S,
    row: &Row<'_, S>,
    pixel: usize,
    first: usize,
    end: usize,
    channel: usize,
    lanes: S::Lanes,
) {
    let window = &row.shape.window;
    let step = window.dilation_width * window.pixel_stride;
    let mut sums = [s.zero(); VECTORS];
    // SAFETY: all of these taps meet the image. (The offset is only used if there is one.)
    unsafe {
        let start = row.columns.position(pixel, first).wrapping_mul(window.pixel_stride);
        for tap in 0..row.taps {
            for column in first..end {
                let image = row.image.add(tap * row.image_stride + start + (column - first) * step + channel);
                let weights = row.weights.add(tap * row.weight_stride + column * row.shape.weight_stride + channel);
                for (vector, sum) in sums.iter_mut().enumerate() {
                    let value = s.read::<FULL>(image.add(vector * S::LANES), lanes);
                    let weight = s.read::<FULL>(weights.add(vector * S::LANES), lanes);
                    *sum = s.mul_add(value, weight, *sum);
                }
            }
        }
        for (vector, sum) in sums.into_iter().enumerate() {
            finish_pixels::<S, FULL, 1>(s, row, pixel, channel + vector * S::LANES, lanes, [sum]);
        }
    }
}

/// Finishes and writes neighbouring pixels.
///
/// # Safety
///
/// The pixels are in the row, and the lanes are channels from `channel` on.
#[inline(always)]
unsafe fn finish_pixels<S: Simd, const FULL: bool, const PIXELS: usize>(
    s: S,
    row: &Row<'_, S>,
    pixel: usize,
    channel: usize,
    lanes: S::Lanes,
    values: [S::Vector; PIXELS],
) {
    let epilogue = &row.shape.epilogue;
    let out_stride = row.shape.out_stride;
    // SAFETY: the operands and the output have these pixels and channels.
    unsafe {
        let out = row.out.add(pixel * out_stride + channel);
        match &row.direct {
            Some(direct) if FULL || S::MASKS_ARE_FREE => {
                let mut tile = [[s.zero()]; PIXELS];
                for (row, value) in tile.iter_mut().zip(values) {
                    *row = [value];
                }
                direct.finish(s, tile, [pixel, channel], out, out_stride, lanes);
            }
            _ => {
                let mut values = values;
                let operands = row.operands.at(channel, pixel * epilogue.residual_stride + channel);
                s.finish::<FULL>(epilogue, operands, &mut values, out, out_stride, lanes);
            }
        }
    }
}
