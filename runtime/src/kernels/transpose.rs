//! A matrix with rows and columns exchanged.

use crate::simd::{HALF_SQUARE, SQUARE, Simd};

/// Rows and columns of a block: one that stays in the first cache, with whole cache lines on both sides.
const BLOCK: usize = 2 * SQUARE;

/// See [`Kernel::Transpose`](crate::abi::Kernel::Transpose).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd>(
    s: S,
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
            let mut row = first_row;
            while row < end_row {
                let height = match end_row - row {
                    SQUARE.. => SQUARE,
                    HALF_SQUARE.. => HALF_SQUARE,
                    _ => 1,
                };
                let mut column = first_column;
                while column < end_column {
                    // SAFETY: rows are below `rows`, columns below `columns`, those of a square too.
                    unsafe {
                        let source = source.add(row * source_stride + column);
                        let out = out.add(column * out_stride + row);
                        if height == SQUARE && column + SQUARE <= end_column {
                            s.exchange_square(source, source_stride, out, out_stride);
                            column += SQUARE;
                        } else if height >= HALF_SQUARE && column + HALF_SQUARE <= end_column {
                            for row in (0..height).step_by(HALF_SQUARE) {
                                s.exchange_half_square(
                                    source.add(row * source_stride),
                                    source_stride,
                                    out.add(row),
                                    out_stride,
                                );
                            }
                            column += HALF_SQUARE;
                        } else {
                            for row in 0..height {
                                out.add(row).write(source.add(row * source_stride).read());
                            }
                            column += 1;
                        }
                    }
                }
                row += height;
            }
            first_column = end_column;
        }
        first_row = end_row;
    }
}
