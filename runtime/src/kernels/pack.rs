//! Panels for the matrix product: a few columns, row after row, padded with zeros to whole vectors.

use super::copy::{clear, copy};
use super::transpose::transpose;
use crate::simd::Simd;

/// Rows that are packed at once where nothing is contiguous: few enough that what is written stays in the first cache.
const BLOCK: usize = 64;

/// See [`Kernel::PackPanel`](crate::abi::Kernel::PackPanel).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn pack_panel<S: Simd>(
    s: S,
    source: *const f32,
    panel: *mut f32,
    depth: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
) {
    let width = S::TILE.panel_width(columns);
    // SAFETY: `k` stays below `depth` and columns below the width of the panel, which is at least `columns`.
    unsafe {
        if column_stride == 1 {
            for k in 0..depth {
                let panel = panel.add(k * width);
                copy(s, source.add(k * row_stride), panel, columns);
                clear(s, panel.add(columns), width - columns);
            }
            return;
        }
        if row_stride == 1 {
            transpose(s, source, panel, columns, depth, column_stride, width);
            for k in 0..depth {
                clear(s, panel.add(k * width + columns), width - columns);
            }
            return;
        }
        let mut first = 0;
        while first < depth {
            let end = (first + BLOCK).min(depth);
            for column in 0..columns {
                for k in first..end {
                    panel.add(k * width + column).write(source.add(k * row_stride + column * column_stride).read());
                }
            }
            for k in first..end {
                clear(s, panel.add(k * width + columns), width - columns);
            }
            first = end;
        }
    }
}
