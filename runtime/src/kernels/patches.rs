//! The input values under a window, as the rows of a matrix ("im2col").

use super::copy::{clear, copy};
use super::window::Axis;
use crate::abi::PatchShape;
use crate::simd::Simd;

/// See [`Kernel::Patches`](crate::abi::Kernel::Patches).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn patches<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    first: usize,
    count: usize,
    shape: *const PatchShape,
) {
    // SAFETY: the shape is valid for reads; each row of the output has room for all taps; only taps that meet the image are
    // read.
    unsafe {
        let shape = &*shape;
        let window = &shape.window;
        let (rows, columns) = (Axis::rows(window), Axis::columns(window));
        let tap_row = window.kernel_width * shape.channels;
        // Neighbouring taps of a row are copied at once where they lie side by side in the image too.
        let dense = window.dilation_width == 1 && window.pixel_stride == shape.channels;
        for index in 0..count {
            let pixel = first + index;
            let (row, column) = (pixel / window.out_width, pixel % window.out_width);
            let (row_taps, column_taps) = (rows.taps(row), columns.taps(column));
            let out = out.add(index * shape.out_stride);
            if row_taps.is_empty() || column_taps.is_empty() {
                clear(s, out, window.kernel_height * tap_row);
                continue;
            }
            clear(s, out, row_taps.start * tap_row);
            for tap in row_taps.clone() {
                let source = image.add(
                    rows.position(row, tap) * window.row_stride
                        + columns.position(column, column_taps.start) * window.pixel_stride,
                );
                let out = out.add(tap * tap_row);
                clear(s, out, column_taps.start * shape.channels);
                let inside = out.add(column_taps.start * shape.channels);
                if dense {
                    copy(s, source, inside, column_taps.len() * shape.channels);
                } else {
                    for index in 0..column_taps.len() {
                        let source = source.add(index * window.dilation_width * window.pixel_stride);
                        copy(s, source, inside.add(index * shape.channels), shape.channels);
                    }
                }
                let after = column_taps.end * shape.channels;
                clear(s, out.add(after), tap_row - after);
            }
            let after = row_taps.end * tap_row;
            clear(s, out.add(after), window.kernel_height * tap_row - after);
        }
    }
}
