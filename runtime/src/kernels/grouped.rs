//! Convolutions whose groups are few channels: depthwise ones, a window for each channel by itself, and those whose outputs see the few
//! channels of their group.
//!
//! Vectors run over channels of the output. The inputs that they are multiplied with are the same channels; or one channel of each group,
//! in all of its lanes, for each channel of a group in turn. Windows of some widths with a stride of 1 or 2 have a fast path, on which
//! several pixels are computed at once that share the inputs they read. Every output is one chain of fused multiply-adds over the rows
//! of taps that meet the image, then the channels of the group, then the columns of taps that meet the image, from zero, whatever the
//! path.

mod group;

use core::ops::Range;

use self::group::{Across, Alone, Group, Within};
use super::epilogue::{Direct, Operands, advance};
use super::window::Axis;
use crate::abi::GroupedShape;
use crate::simd::{Simd, opaque};

/// The rows of a call.
struct Rows<'a, S: Simd> {
    shape: &'a GroupedShape,
    /// Weights of a channel.
    taps: usize,
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

impl<S: Simd> Rows<'_, S> {
    /// How far the weights of a channel are from those of the first.
    #[inline(always)]
    fn weights_of(&self, channel: usize) -> usize {
        // (Channels are whole vectors from the first.)
        let lane = if S::LANES == GroupedShape::LANES { 0 } else { channel % GroupedShape::LANES };
        (channel - lane) * self.taps + lane
    }
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

/// See [`Kernel::Depthwise`](crate::abi::Kernel::Depthwise), if it `IS_DEPTHWISE`, and [`Kernel::Grouped`](crate::abi::Kernel::Grouped).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn convolution<S: Simd, const IS_DEPTHWISE: bool>(
    s: S,
    image: *const f32,
    weights: *const f32,
    out: *mut f32,
    first: usize,
    count: usize,
    channels: usize,
    above: usize,
    shape: *const GroupedShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the shape is valid for reads; the caller vouches for the rest.
    unsafe {
        let shape = &*shape;
        let operands = Operands { bias, gate, residual, sums };
        let direct = Direct::new(s, &shape.epilogue, operands);
        let taps = shape.window.kernel_height * shape.window.kernel_width * shape.group;
        let rows = Rows { shape, taps, first, count, channels, above, image, weights, out, operands, direct };
        if IS_DEPTHWISE {
            convolve(s, Alone, &rows);
        } else if S::LANES > GroupedShape::LARGEST_GROUP || shape.group < S::LANES {
            convolve(s, Within(shape.group), &rows);
        } else {
            convolve(s, Across(shape.group), &rows);
        }
    }
}

/// By tiles where the window is one of those that they know.
///
/// # Safety
///
/// As for [`convolution`]; the group is that of the shape.
#[inline(always)]
unsafe fn convolve<S: Simd, G: Group<S>>(s: S, group: G, rows: &Rows<'_, S>) {
    // SAFETY: the same conditions hold.
    unsafe {
        if S::TILED_WINDOWS && rows.shape.is_tiled() {
            tiled(s, group, rows);
        } else {
            clipped(s, group, rows);
        }
    }
}

impl<S: Simd> Rows<'_, S> {
    /// A row, counted from the first of the call.
    ///
    /// # Safety
    ///
    /// As for [`convolve`]; `index` is below the number of rows.
    #[inline(always)]
    unsafe fn row(&self, index: usize) -> Row {
        let window = &self.shape.window;
        let rows = Axis::rows(window);
        let row = self.first + index;
        let taps = rows.taps(row);
        let weight_stride = self.shape.group * window.kernel_width * GroupedShape::LANES;
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

/// All pixels, several at once; the width of the window and its stride are among those that [`tile`] knows.
///
/// # Safety
///
/// As for [`convolve`].
#[inline(always)]
unsafe fn tiled<S: Simd, G: Group<S>>(s: S, group: G, rows: &Rows<'_, S>) {
    // SAFETY: these are channels that there are; parts of them begin with whole vectors.
    unsafe {
        if G::IS_DEPTHWISE {
            return tiles_of(s, group, rows, 0..rows.channels);
        }
        // Some channels after the other, so that their weights stay in the cache.
        let some = (WEIGHTS / (rows.taps * S::LANES).max(1)).max(1) * S::LANES;
        for first in (0..rows.channels).step_by(some) {
            tiles_of(s, group, rows, first..rows.channels.min(first + some));
        }
    }
}

/// All pixels of some channels.
///
/// # Safety
///
/// As for [`tiled`]; the channels begin with a whole number of vectors.
#[inline(always)]
unsafe fn tiles_of<S: Simd, G: Group<S>>(s: S, group: G, rows: &Rows<'_, S>, channels: Range<usize>) {
    let window = &rows.shape.window;
    for index in 0..rows.count {
        // SAFETY: tiles lie within the pixels of the row.
        unsafe {
            let row = rows.row(index);
            let mut pixel = 0;
            while pixel < window.out_width {
                // Images are mostly 7, 14, 28, 56 or 112 wide: rather two tiles of seven than one of eight and rests.
                pixel += match window.out_width - pixel {
                    7 | 14 => tile::<S, G, 7>(s, group, rows, &row, pixel, channels.clone()),
                    8.. => tile::<S, G, 8>(s, group, rows, &row, pixel, channels.clone()),
                    4.. => tile::<S, G, 4>(s, group, rows, &row, pixel, channels.clone()),
                    _ => tile::<S, G, 1>(s, group, rows, &row, pixel, channels.clone()),
                };
            }
        }
    }
}

/// Weights that are used for all rows of a call before others: half of the first-level cache.
const WEIGHTS: usize = 4096;

/// How many pixels ahead outputs are fetched, where they are: a few tiles, since one is done before memory answers.
const AHEAD: usize = 16;

/// Neighbouring pixels, some channels from a whole number of vectors on; returns how many pixels they are.
///
/// # Safety
///
/// As for [`tiled`]; the pixels are in the row.
#[inline(always)]
unsafe fn tile<S: Simd, G: Group<S>, const PIXELS: usize>(
    s: S,
    group: G,
    rows: &Rows<'_, S>,
    row: &Row,
    pixel: usize,
    channels: Range<usize>,
) -> usize {
    let window = &rows.shape.window;
    let columns = (PIXELS - 1) * window.stride_width + window.kernel_width;
    let first = row.columns.position(pixel, 0);
    let is_inside = first < window.width && columns <= window.width - first;
    let mut channel = channels.start;
    // SAFETY: vectors run over the channels, and the arms are of the window's width and stride.
    unsafe {
        while channel < channels.end {
            if rows.shape.epilogue.fetch != 0 {
                for ahead in AHEAD..AHEAD + PIXELS {
                    s.prefetch_near(row.out.wrapping_add((pixel + ahead) * rows.shape.out_stride + channel));
                }
            }
            let lanes = s.lanes((channels.end - channel).min(S::LANES));
            // Finished behind the choice, so that there is one such code for all windows.
            macro_rules! vector {
                ($full:literal: $($width:literal $stride:literal $inside:pat => $is_inside:literal;)*) => {{
                    let sums = match (window.kernel_width, window.stride_width, is_inside) {
                        $(($width, $stride, $inside) => {
                            accumulate::<S, G, $full, $is_inside, $width, $stride, PIXELS>(s, group, rows, row, first, channel, lanes)
                        })*
                        _ => [s.zero(); PIXELS],
                    };
                    finish_pixels::<S, $full, PIXELS>(s, rows, row, pixel, channel, lanes, sums);
                }};
            }
            match (G::IS_DEPTHWISE, !G::MAY_BE_PARTIAL || channel + S::LANES <= channels.end) {
                (true, true) => vector! { true:
                    3 1 true => true; 3 1 false => false; 3 2 true => true; 3 2 false => false;
                    5 1 true => true; 5 1 false => false; 5 2 true => true; 5 2 false => false;
                    7 1 _ => false; 7 2 _ => false;
                },
                (true, false) => vector! { false:
                    3 1 _ => false; 3 2 _ => false; 5 1 _ => false; 5 2 _ => false; 7 1 _ => false; 7 2 _ => false;
                },
                (false, true) => vector! { true:
                    3 1 true => true; 3 1 false => false; 3 2 true => true; 3 2 false => false; 1 1 _ => false;
                },
                (false, false) => vector! { false: 3 1 _ => false; 3 2 _ => false; 1 1 _ => false; },
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
    G: Group<S>,
    const FULL: bool,
    const INSIDE: bool,
    const WIDTH: usize,
    const STRIDE: usize,
    const PIXELS: usize,
>(
    s: S,
    group: G,
    rows: &Rows<'_, S>,
    row: &Row,
    first: usize,
    channel: usize,
    lanes: S::Lanes,
) -> [S::Vector; PIXELS] {
    let window = &rows.shape.window;
    let pixel_stride = window.pixel_stride;
    let mut sums = [s.zero(); PIXELS];
    let weights = row.weights.wrapping_add(rows.weights_of(channel));
    for tap in 0..row.taps {
        let mut weights = weights.wrapping_add(tap * row.weight_stride);
        for member in 0..group.size() {
            // SAFETY: all counted rows of taps meet the image; of their columns, only those are read that do, of channels that there are. Weights
            // are those of the row of taps and the channel of the group.
            unsafe {
                let mut taps = [s.zero(); WIDTH];
                for weight in &mut taps {
                    *weight = s.read::<FULL>(weights, lanes);
                    weights = weights.wrapping_add(GroupedShape::LANES);
                }
                let (shift, member) = group.member(s, channel, member);
                let image = row.image.wrapping_add(tap * row.image_stride + channel).wrapping_add(shift);
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
                                    let value = G::read::<FULL>(s, source, lanes, member);
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
/// As for [`convolve`].
#[inline(always)]
unsafe fn clipped<S: Simd, G: Group<S>>(s: S, group: G, rows: &Rows<'_, S>) {
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
                    single::<S, G, true, BLOCK>(s, group, rows, &row, pixel, [first, end], channel, s.lanes(S::LANES));
                    channel += BLOCK * S::LANES;
                }
                while channel + S::LANES <= channels {
                    single::<S, G, true, 1>(s, group, rows, &row, pixel, [first, end], channel, s.lanes(S::LANES));
                    channel += S::LANES;
                }
                if G::MAY_BE_PARTIAL && channel < channels {
                    single::<S, G, false, 1>(
                        s,
                        group,
                        rows,
                        &row,
                        pixel,
                        [first, end],
                        channel,
                        s.lanes(channels - channel),
                    );
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
#[expect(clippy::too_many_arguments, reason = "a place in the rows, and what is read there")]
unsafe fn single<S: Simd, G: Group<S>, const FULL: bool, const VECTORS: usize>(
    s: S,
    group: G,
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
            for member in 0..group.size() {
                let mut members = [group.member(s, channel, member); VECTORS];
                for (vector, place) in members.iter_mut().enumerate() {
                    *place = group.member(s, channel + vector * S::LANES, member);
                }
                for column in first..end {
                    let image = row.image.add(tap * row.image_stride + start + (column - first) * step + channel);
                    let row_of_weights = (member * window.kernel_width + column) * GroupedShape::LANES;
                    let weights = row.weights.add(tap * row.weight_stride + row_of_weights);
                    for (vector, (sum, (shift, member))) in sums.iter_mut().zip(members).enumerate() {
                        let value = G::read::<FULL>(s, image.add(vector * S::LANES).wrapping_add(shift), lanes, member);
                        let weights = weights.add(rows.weights_of(channel + vector * S::LANES));
                        let weight = s.read::<FULL>(weights, lanes);
                        *sum = s.mul_add(value, weight, *sum);
                    }
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
