//! Rows of an image with zeros around them, so that a window that leaves the image need not be told from one that does not.

use super::copy::{clear, copy};
use crate::abi::StripShape;
use crate::simd::Simd;

/// See [`Kernel::Strip`](crate::abi::Kernel::Strip).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn strip<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    first: usize,
    count: usize,
    shape: *const StripShape,
) {
    // SAFETY: the shape is valid for reads; of the image, rows below `height` and columns below `width` are read; each row of the
    // strip has room for `row_length` values, of which those left of the image, in it, and right of it are written in turn.
    unsafe {
        let shape = &*shape;
        let rows = if count == 0 { 0 } else { (count - 1) * shape.stride + shape.extent };
        let left = (shape.left * shape.channels).min(shape.row_length);
        let inside = (shape.width * shape.channels).min(shape.row_length - left);
        for plane in 0..shape.planes {
            for row in 0..rows {
                let out = out.add(plane * shape.plane_length + row * shape.row_length);
                // Above the image, rows wrap around.
                let y = (first * shape.stride + row).wrapping_sub(shape.top);
                if y >= shape.height {
                    clear(s, out, shape.row_length);
                    continue;
                }
                let source = image.add(plane * shape.plane_stride + y * shape.row_stride);
                clear(s, out, left);
                if shape.pixel_stride == shape.channels {
                    copy(s, source, out.add(left), inside);
                } else if shape.channels == 1 {
                    for column in 0..inside {
                        out.add(left + column).write(source.add(column * shape.pixel_stride).read());
                    }
                } else {
                    let mut column = 0;
                    while column * shape.channels < inside {
                        let out = out.add(left + column * shape.channels);
                        copy(s, source.add(column * shape.pixel_stride), out, shape.channels);
                        column += 1;
                    }
                }
                clear(s, out.add(left + inside), shape.row_length - left - inside);
            }
        }
    }
}
