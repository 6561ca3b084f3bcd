//! Averages of rows and of columns of a matrix.

#![expect(clippy::cast_precision_loss, reason = "counts of rows and columns are rounded like any number")]

use crate::simd::{Simd, for_each_vector};

/// Partial sums that run side by side: one would wait for each addition.
const PARTS: usize = 4;

/// See [`Kernel::MeanRows`](crate::abi::Kernel::MeanRows).
///
/// Row `r` belongs to partial sum `r mod 4`.
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn mean_rows<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    divisor: usize,
) {
    let divisor = s.splat(divisor as f32);
    let pair = 2 * S::LANES;
    let mut column = 0;
    // SAFETY: pairs and vectors run over the columns.
    unsafe {
        // Two vectors at once: what one of them takes out of a cache line, the other needs as well.
        while column + pair <= columns {
            let (source, out) = (source.add(column), out.add(column));
            sum_of_rows::<S, true, 2>(s, source, out, rows, row_stride, divisor, 0, s.lanes(S::LANES));
            column += pair;
        }
        let (source, out) = (source.add(column), out.add(column));
        for_each_vector!(s: S, columns - column, sum_of_rows[1], (source, out, rows, row_stride, divisor));
    }
}

/// The averages of a few vectors of columns.
///
/// # Safety
///
/// The lanes from `column` on, and the `VECTORS - 1` full vectors after them, are columns of the rows and of the output.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of the kernel and the place")]
unsafe fn sum_of_rows<S: Simd, const FULL: bool, const VECTORS: usize>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    row_stride: usize,
    divisor: S::Vector,
    column: usize,
    lanes: S::Lanes,
) {
    let mut sums = [[s.zero(); PARTS]; VECTORS];
    let mut row = 0;
    // SAFETY: rows are below `rows`; columns as the caller vouches.
    unsafe {
        while row + PARTS <= rows {
            for (vector, parts) in sums.iter_mut().enumerate() {
                for (part, sum) in parts.iter_mut().enumerate() {
                    let values = source.add((row + part) * row_stride + column + vector * S::LANES);
                    *sum = s.add(*sum, s.read::<FULL>(values, lanes));
                }
            }
            row += PARTS;
        }
        for (vector, parts) in sums.iter_mut().enumerate() {
            for (part, sum) in parts.iter_mut().enumerate() {
                if row + part < rows {
                    let values = source.add((row + part) * row_stride + column + vector * S::LANES);
                    *sum = s.add(*sum, s.read::<FULL>(values, lanes));
                }
            }
            let mean = s.div(total(s, *parts), divisor);
            s.write::<FULL>(out.add(column + vector * S::LANES), mean, lanes);
        }
    }
}

/// The sum of the partial sums.
#[inline(always)]
fn total<S: Simd>(s: S, [first, second, third, fourth]: [S::Vector; PARTS]) -> S::Vector {
    s.add(s.add(first, second), s.add(third, fourth))
}

/// See [`Kernel::MeanColumns`](crate::abi::Kernel::MeanColumns).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn mean_columns<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    out_stride: usize,
) {
    for row in 0..rows {
        // SAFETY: each row has `columns` values and an output.
        unsafe { out.add(row * out_stride).write(sum(s, source.add(row * row_stride), columns) / columns as f32) };
    }
}

/// The sum of contiguous values, in an order that depends on their count only.
///
/// # Safety
///
/// `source` is valid for reads of `count` values.
#[inline(always)]
pub(super) unsafe fn sum<S: Simd>(s: S, source: *const f32, count: usize) -> f32 {
    // SAFETY: as the caller vouches.
    unsafe { reduce::<S, false>(s, source, count, 0.0) }
}

/// The sum of the squares of the distances of contiguous values from `centre`, in an order that depends on their count only.
///
/// # Safety
///
/// `source` is valid for reads of `count` values.
#[inline(always)]
pub(super) unsafe fn sum_of_squares<S: Simd>(s: S, source: *const f32, count: usize, centre: f32) -> f32 {
    // SAFETY: as the caller vouches.
    unsafe { reduce::<S, true>(s, source, count, centre) }
}

/// The sum of values, or of squares of their distances from `centre`.
///
/// # Safety
///
/// `source` is valid for reads of `count` values.
#[inline(always)]
unsafe fn reduce<S: Simd, const SQUARES: bool>(s: S, source: *const f32, count: usize, centre: f32) -> f32 {
    let centre = s.splat(centre);
    let mut parts = [s.zero(); PARTS];
    let mut start = 0;
    // SAFETY: `start` plus what is read there is at most `count`.
    unsafe {
        while start + PARTS * S::LANES <= count {
            for (part, sum) in parts.iter_mut().enumerate() {
                *sum = accumulate::<S, SQUARES>(s, s.load(source.add(start + part * S::LANES)), centre, *sum);
            }
            start += PARTS * S::LANES;
        }
        for part in &mut parts {
            if start < count {
                let lanes = s.lanes((count - start).min(S::LANES));
                // Lanes beyond the values add nothing.
                let values =
                    s.blend(lanes, s.load_partial(source.add(start), lanes), if SQUARES { centre } else { s.zero() });
                *part = accumulate::<S, SQUARES>(s, values, centre, *part);
                start += S::LANES;
            }
        }
    }
    s.sum_of_lanes(total(s, parts))
}

#[inline(always)]
fn accumulate<S: Simd, const SQUARES: bool>(s: S, values: S::Vector, centre: S::Vector, sum: S::Vector) -> S::Vector {
    if SQUARES {
        let distance = s.sub(values, centre);
        s.mul_add(distance, distance, sum)
    } else {
        s.add(sum, values)
    }
}
