//! A matrix with rows and columns exchanged.

use crate::simd::Simd;

/// Rows and columns of a block: one that stays in the first cache, with whole cache lines on both sides.
const BLOCK: usize = 16;

/// See [`Kernel::Transpose`](crate::abi::Kernel::Transpose).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd>(
    _: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    columns: usize,
    source_stride: usize,
    out_stride: usize,
) {
    let mut first_row = 0;
    while first_row < rows {
        let end_row = (first_row + BLOCK).min(rows);
        let mut first_column = 0;
        while first_column < columns {
            let end_column = (first_column + BLOCK).min(columns);
            for column in first_column..end_column {
                for row in first_row..end_row {
                    // SAFETY: rows are below `rows`, columns below `columns`.
                    unsafe {
                        out.add(column * out_stride + row).write(source.add(row * source_stride + column).read());
                    }
                }
            }
            first_column = end_column;
        }
        first_row = end_row;
    }
}
