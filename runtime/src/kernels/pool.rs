//! Pooling: maxima and averages over windows.

use core::ops::Range;

use super::window::Axis;
use crate::abi::{PoolShape, WindowShape};
use crate::simd::{Simd, for_each_vector};

/// See [`Kernel::MaxPool`](crate::abi::Kernel::MaxPool).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn max_pool<S: Simd>(s: S, image: *const f32, out: *mut f32, row: usize, shape: *const PoolShape) {
    // SAFETY: the shape is valid for reads; taps run over those that meet the image, vectors over the channels.
    unsafe {
        let shape = &*shape;
        let row_taps = Axis::rows(&shape.window).taps(row);
        for column in 0..shape.window.out_width {
            let taps = Taps::new(image, &shape.window, row, column, row_taps.clone());
            let out = out.add(column * shape.out_stride);
            for_each_vector!(s: S, shape.channels, largest, (&taps, out));
        }
    }
}

/// See [`Kernel::AveragePool`](crate::abi::Kernel::AveragePool).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "counts of taps are far below 2^24")]
pub(super) unsafe fn average_pool<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const PoolShape,
) {
    // SAFETY: the shape is valid for reads; taps run over those that meet the image, vectors over the channels.
    unsafe {
        let shape = &*shape;
        let window = &shape.window;
        let (rows, columns) = (Axis::rows(window), Axis::columns(window));
        let row_taps = rows.taps(row);
        let padded_rows = rows.taps_before(row, window.top + window.height + shape.bottom);
        for column in 0..window.out_width {
            let taps = Taps::new(image, window, row, column, row_taps.clone());
            let count = if shape.count_padding == 0 {
                taps.rows * taps.columns
            } else {
                padded_rows * columns.taps_before(column, window.left + window.width + shape.right)
            };
            let out = out.add(column * shape.out_stride);
            for_each_vector!(s: S, shape.channels, average, (&taps, s.splat(count as f32), out));
        }
    }
}

/// The taps of a window that meet the image.
#[derive(Debug, Clone, Copy)]
struct Taps {
    /// The first channel of the first of them, if there is any.
    first: *const f32,
    rows: usize,
    columns: usize,
    /// Elements between rows of taps.
    row_stride: usize,
    /// Elements between columns of taps.
    column_stride: usize,
}

impl Taps {
    /// # Safety
    ///
    /// `image` is an image of that geometry.
    #[inline(always)]
    unsafe fn new(image: *const f32, window: &WindowShape, row: usize, column: usize, row_taps: Range<usize>) -> Taps {
        let (rows, columns) = (Axis::rows(window), Axis::columns(window));
        let column_taps = columns.taps(column);
        let mut first = image;
        if !row_taps.is_empty() && !column_taps.is_empty() {
            let position = rows.position(row, row_taps.start) * window.row_stride
                + columns.position(column, column_taps.start) * window.pixel_stride;
            // SAFETY: the tap meets the image.
            first = unsafe { image.add(position) };
        }
        Taps {
            first,
            rows: row_taps.len(),
            columns: column_taps.len(),
            row_stride: window.dilation_height * window.row_stride,
            column_stride: window.dilation_width * window.pixel_stride,
        }
    }
}

/// The maximum of a vector of channels.
///
/// # Safety
///
/// The taps lie in the image; the lanes from `channel` on are channels of it and of the output.
#[inline(always)]
unsafe fn largest<S: Simd, const FULL: bool>(s: S, taps: &Taps, out: *mut f32, channel: usize, lanes: S::Lanes) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut largest = s.splat(f32::NEG_INFINITY);
        for row in 0..taps.rows {
            for column in 0..taps.columns {
                let tap = taps.first.add(row * taps.row_stride + column * taps.column_stride + channel);
                let value = s.read::<FULL>(tap, lanes);
                // The maximum keeps a NaN that came first; one that comes now is taken by itself.
                largest = s.select_nan(value, value, s.max(value, largest));
            }
        }
        s.write::<FULL>(out.add(channel), largest, lanes);
    }
}

/// The average of a vector of channels.
///
/// # Safety
///
/// As for [`largest`].
#[inline(always)]
unsafe fn average<S: Simd, const FULL: bool>(
    s: S,
    taps: &Taps,
    count: S::Vector,
    out: *mut f32,
    channel: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut sum = s.zero();
        for row in 0..taps.rows {
            for column in 0..taps.columns {
                let tap = taps.first.add(row * taps.row_stride + column * taps.column_stride + channel);
                sum = s.add(sum, s.read::<FULL>(tap, lanes));
            }
        }
        s.write::<FULL>(out.add(channel), s.div(sum, count), lanes);
    }
}
