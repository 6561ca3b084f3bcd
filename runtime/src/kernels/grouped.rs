//! Depthwise convolution: a window for each channel by itself.
//!
//! Vectors run over channels. Windows of 3, 5 or 7 columns with a stride of 1 or 2 have a fast path, on which several pixels are
//! computed at once that share the inputs they read. Every output is one chain of fused multiply-adds over the taps that meet the
//! image, in row-major order, from zero, whatever the path.

use super::epilogue::{Direct, Operands, advance};
use super::window::Axis;
use crate::abi::DepthwiseShape;
use crate::simd::{Simd, opaque};

/// The rows of a call.
struct Rows<'a, S: Simd> {
    shape: &'a DepthwiseShape,
    first: usize,
    count: usize,
    channels: usize,
    /// The row of the image that `image` points at.
    above: usize,
    image: *const f32,
    weights: *const f32,
    out: *mut f32,
    operands: Operands,
    /// The epilogue, if it is simple.
    direct: Option<Direct<S>>,
}

/// An output row: which rows of taps meet the image, and where.
struct Row {
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
    /// The row of the residual; null if there is none.
    residual: *const f32,
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
    first: usize,
    count: usize,
    channels: usize,
    above: usize,
    shape: *const DepthwiseShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the shape is valid for reads. Vectors run over the channels, and the paths over the rows and pixels of the output.
    unsafe {
        let shape = &*shape;
        let operands = Operands { bias, gate, residual, sums };
        let direct = Direct::new(s, &shape.epilogue, operands);
        let rows = Rows { shape, first, count, channels, above, image, weights, out, operands, direct };
        let window = &shape.window;
        let is_known = matches!(window.kernel_width, 3 | 5 | 7) && matches!(window.stride_width, 1 | 2);
        if S::TILED_WINDOWS && window.dilation_width == 1 && is_known {
            tiled(s, &rows);
        } else {
            clipped(s, &rows);
        }
    }
}

impl<S: Simd> Rows<'_, S> {
    /// A row, counted from the first of the call.
    ///
    /// # Safety
    ///
    /// As for [`depthwise`]; `index` is below the number of rows.
    #[inline(always)]
    unsafe fn row(&self, index: usize) -> Row {
        let window = &self.shape.window;
        let rows = Axis::rows(window);
        let row = self.first + index;
        let taps = rows.taps(row);
        let weight_stride = window.kernel_width * self.shape.weight_stride;
        // SAFETY: the first row of taps that meets the image lies in it, behind those that are missing, and so do its weights; if none does, the pointers stay
        // where they are. The output and the residual have that row.
        unsafe {
            let (image, weights) = if taps.is_empty() {
                (self.image, self.weights)
            } else {
                let image = self.image.add((rows.position(row, taps.start) - self.above) * window.row_stride);
                (image, self.weights.add(taps.start * weight_stride))
            };
            Row {
                columns: Axis::columns(window),
                image,
                weights,
                taps: taps.len(),
                image_stride: window.dilation_height * window.row_stride,
                weight_stride,
                out: self.out.add(index * self.shape.out_row_stride),
                residual: advance(self.operands.residual, index * self.shape.residual_row_stride),
            }
        }
    }
}

/// All pixels, several at once; the width of the window and its stride are among those that [`accumulate`] knows.
///
/// # Safety
///
/// As for [`depthwise`].
#[inline(always)]
unsafe fn tiled<S: Simd>(s: S, rows: &Rows<'_, S>) {
    let window = &rows.shape.window;
    for index in 0..rows.count {
        // SAFETY: tiles lie within the pixels of the row.
        unsafe {
            let row = rows.row(index);
            let mut pixel = 0;
            while pixel < window.out_width {
                // Images are mostly 7, 14, 28, 56 or 112 wide: rather two tiles of seven than one of eight and rests.
                pixel += match window.out_width - pixel {
                    7 | 14 => tile::<S, 7>(s, rows, &row, pixel),
                    8.. => tile::<S, 8>(s, rows, &row, pixel),
                    4.. => tile::<S, 4>(s, rows, &row, pixel),
                    _ => tile::<S, 1>(s, rows, &row, pixel),
                };
            }
        }
    }
}

/// How many pixels ahead outputs are fetched, where they are: a few tiles, since one is done before memory answers.
const AHEAD: usize = 16;

/// Neighbouring pixels, all channels; returns how many pixels they are.
///
/// # Safety
///
/// As for [`tiled`]; the pixels are in the row.
#[inline(always)]
unsafe fn tile<S: Simd, const PIXELS: usize>(s: S, rows: &Rows<'_, S>, row: &Row, pixel: usize) -> usize {
    let window = &rows.shape.window;
    let columns = (PIXELS - 1) * window.stride_width + window.kernel_width;
    let first = row.columns.position(pixel, 0);
    let is_inside = first < window.width && columns <= window.width - first;
    let mut channel = 0;
    // SAFETY: vectors run over the channels, and the arms are of the window's width and stride.
    unsafe {
        while channel < rows.channels {
            if rows.shape.epilogue.fetch != 0 {
                for ahead in AHEAD..AHEAD + PIXELS {
                    s.prefetch_near(row.out.wrapping_add((pixel + ahead) * rows.shape.out_stride + channel));
                }
            }
            let lanes = s.lanes((rows.channels - channel).min(S::LANES));
            // Finished behind the choice, so that there is one such code for all windows.
            macro_rules! vector {
                ($full:literal: $($width:literal $stride:literal $inside:pat => $is_inside:literal;)*) => {{
                    let sums = match (window.kernel_width, window.stride_width, is_inside) {
                        $(($width, $stride, $inside) => {
                            accumulate::<S, $full, $is_inside, $width, $stride, PIXELS>(s, rows, row, first, channel, lanes)
                        })*
                        _ => [s.zero(); PIXELS],
                    };
                    finish_pixels::<S, $full, PIXELS>(s, rows, row, pixel, channel, lanes, sums);
                }};
            }
            if channel + S::LANES <= rows.channels {
                vector! { true:
                    3 1 true => true; 3 1 false => false; 3 2 true => true; 3 2 false => false;
                    5 1 true => true; 5 1 false => false; 5 2 true => true; 5 2 false => false;
                    7 1 _ => false; 7 2 _ => false;
                }
            } else {
                vector! { false:
                    3 1 _ => false; 3 2 _ => false; 5 1 _ => false; 5 2 _ => false; 7 1 _ => false; 7 2 _ => false;
                }
            }
            channel += S::LANES;
        }
    }
    PIXELS
}

/// The sums of neighbouring pixels, one vector of channels. The window of the first of them begins at column `first`: left of the
/// image, it wraps around.
///
/// # Safety
///
/// As for [`tile`]; the window has that width and stride; the lanes are channels from `channel` on; if the pixels are `INSIDE`, all
/// columns of their windows meet the image.
#[inline(always)]
unsafe fn accumulate<
    S: Simd,
    const FULL: bool,
    const INSIDE: bool,
    const WIDTH: usize,
    const STRIDE: usize,
    const PIXELS: usize,
>(
    s: S,
    rows: &Rows<'_, S>,
    row: &Row,
    first: usize,
    channel: usize,
    lanes: S::Lanes,
) -> [S::Vector; PIXELS] {
    let window = &rows.shape.window;
    let pixel_stride = window.pixel_stride;
    let mut sums = [s.zero(); PIXELS];
    for tap in 0..row.taps {
        // SAFETY: all counted rows of taps meet the image; of their columns, only those are read that do. Weights are those of the
        // row of taps.
        unsafe {
            let mut weights = row.weights.add(tap * row.weight_stride + channel);
            let mut taps = [s.zero(); WIDTH];
            for (column, weight) in taps.iter_mut().enumerate() {
                if column > 0 {
                    weights = weights.add(rows.shape.weight_stride);
                }
                *weight = s.read::<FULL>(weights, lanes);
            }
            let image = row.image.add(tap * row.image_stride + channel);
            let mut source = image.wrapping_add(first.wrapping_mul(pixel_stride));
            // Spelled out, so that each step knows its column while it is compiled; the pointer advances step by step, since offsets of
            // all columns at once would not fit into registers.
            macro_rules! steps {
                ($($column:literal)*) => {
                    $(
                        if $column < (PIXELS - 1) * STRIDE + WIDTH {
                            if $column > 0 {
                                source = opaque(source.wrapping_add(pixel_stride));
                            }
                            if INSIDE || first.wrapping_add($column) < window.width {
                                let value = s.read::<FULL>(source, lanes);
                                step::<S, WIDTH, STRIDE, PIXELS>(s, $column, value, &taps, &mut sums);
                            }
                        }
                    )*
                };
            }
            const { assert!((PIXELS - 1) * STRIDE + WIDTH <= 21, "as many columns as are spelled out") };
            steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
        }
    }
    sums
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
/// As for [`depthwise`].
#[inline(always)]
unsafe fn clipped<S: Simd>(s: S, rows: &Rows<'_, S>) {
    let channels = rows.channels;
    for index in 0..rows.count {
        // SAFETY: blocks and vectors run over the channels, taps over those that meet the image.
        unsafe {
            let row = rows.row(index);
            for pixel in 0..rows.shape.window.out_width {
                let columns = row.columns.taps(pixel);
                let [first, end] = [columns.start, columns.end];
                let mut channel = 0;
                while channel + BLOCK * S::LANES <= channels {
                    single::<S, true, BLOCK>(s, rows, &row, pixel, [first, end], channel, s.lanes(S::LANES));
                    channel += BLOCK * S::LANES;
                }
                while channel + S::LANES <= channels {
                    single::<S, true, 1>(s, rows, &row, pixel, [first, end], channel, s.lanes(S::LANES));
                    channel += S::LANES;
                }
                if channel < channels {
                    single::<S, false, 1>(s, rows, &row, pixel, [first, end], channel, s.lanes(channels - channel));
                }
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
    rows: &Rows<'_, S>,
    row: &Row,
    pixel: usize,
    [first, end]: [usize; 2],
    channel: usize,
    lanes: S::Lanes,
) {
    let window = &rows.shape.window;
    let step = window.dilation_width * window.pixel_stride;
    let mut sums = [s.zero(); VECTORS];
    // SAFETY: all of these taps meet the image. (The offset is only used if there is one.)
    unsafe {
        let start = row.columns.position(pixel, first).wrapping_mul(window.pixel_stride);
        for tap in 0..row.taps {
            for column in first..end {
                let image = row.image.add(tap * row.image_stride + start + (column - first) * step + channel);
                let weights = row.weights.add(tap * row.weight_stride + column * rows.shape.weight_stride + channel);
                for (vector, sum) in sums.iter_mut().enumerate() {
                    let value = s.read::<FULL>(image.add(vector * S::LANES), lanes);
                    let weight = s.read::<FULL>(weights.add(vector * S::LANES), lanes);
                    *sum = s.mul_add(value, weight, *sum);
                }
            }
        }
        for (vector, sum) in sums.into_iter().enumerate() {
            finish_pixels::<S, FULL, 1>(s, rows, row, pixel, channel + vector * S::LANES, lanes, [sum]);
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
    rows: &Rows<'_, S>,
    row: &Row,
    pixel: usize,
    channel: usize,
    lanes: S::Lanes,
    values: [S::Vector; PIXELS],
) {
    let epilogue = &rows.shape.epilogue;
    let out_stride = rows.shape.out_stride;
    // SAFETY: the operands and the output have these pixels and channels.
    unsafe {
        let out = row.out.add(pixel * out_stride + channel);
        let residual = advance(row.residual, pixel * epilogue.residual_stride + channel);
        let mut tile = [[s.zero()]; PIXELS];
        for (row, value) in tile.iter_mut().zip(values) {
            *row = [value];
        }
        match &rows.direct {
            Some(direct) if FULL || S::MASKS_ARE_FREE => {
                direct.finish(s, tile, channel, residual, out, out_stride, lanes);
            }
            _ => {
                let mut tile = tile;
                let operands = Operands { residual, ..rows.operands.at(channel, 0) };
                s.finish(epilogue, operands, &mut tile, out, out_stride, lanes);
            }
        }
    }
}
