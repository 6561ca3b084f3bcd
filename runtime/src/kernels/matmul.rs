//! Rows of a matrix times a packed panel.
//!
//! The panel is one or two vectors wide. Rows are computed in tiles of near equal numbers, whose sums
//! stay in registers. Every output is one chain of fused multiply-adds along the depth, from zero, whatever the tile: a single
//! row too, which two chains of full vectors keep fast enough for the memory that the panel comes from.

use super::epilogue::{Direct, Operands, advance};
use crate::abi::MatmulShape;
use crate::simd::{MAX_ROWS, Simd};

/// See [`Kernel::Matmul`](crate::abi::Kernel::Matmul).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn matmul<S: Simd>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const MatmulShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    let operands = Operands { bias, gate, residual, sums };
    // SAFETY: the shape is valid for reads; the panel is one vector wide if the columns fit into one, else two.
    unsafe {
        let shape = &*shape;
        if shape.columns == 0 {
        } else if shape.columns <= S::LANES {
            panel::<S, 1>(s, a, b, out, rows, shape, operands);
        } else {
            panel::<S, 2>(s, a, b, out, rows, shape, operands);
        }
    }
}

/// All rows times a panel of that many vectors.
///
/// # Safety
///
/// As for [`matmul`]; `VECTORS` is the least number of vectors, at most two, that holds the columns.
#[inline(always)]
unsafe fn panel<S: Simd, const VECTORS: usize>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &MatmulShape,
    operands: Operands,
) {
    const { assert!(S::TILE.rows <= MAX_ROWS) };
    let mut tile = [[s.zero(); MAX_ROWS]; VECTORS];
    let full = shape.columns == VECTORS * S::LANES;
    let last = s.lanes(shape.columns - (VECTORS - 1) * S::LANES);
    let direct = if full || S::MASKS_ARE_FREE { Direct::new(s, &shape.epilogue, operands) } else { None };
    let mut row = 0;
    while row < rows {
        // Near equal tiles: a single row at the end would wait for its own sums.
        let left = rows - row;
        let count = left.div_ceil(left.div_ceil(S::TILE.rows));
        // SAFETY: there are `count` more rows from `row` on. Of the vectors of a panel, all but the last are full: the last
        // holds at least one column, and all columns fit.
        unsafe {
            let a = a.add(row * shape.a_stride);
            let out = out.add(row * shape.out_stride);
            let residual = advance(operands.residual, row * shape.epilogue.residual_stride);
            macro_rules! compute {
                ($($rows:literal)*) => {
                    match count {
                        $($rows if $rows <= S::TILE.rows => {
                            let sums = sum::<S, $rows, VECTORS>(s, a, shape.a_stride, b, shape.depth);
                            match &direct {
                                Some(direct) => direct.finish(s, sums, 0, residual, out, shape.out_stride, last),
                                None => spill(&sums, &mut tile),
                            }
                        })*
                        _ => {}
                    }
                };
            }
            compute!(1 2 3 4 5 6 7 8 9 10 11 12);
            row += count;
            if direct.is_some() {
                continue;
            }
            for (index, values) in tile.iter_mut().enumerate() {
                let column = index * S::LANES;
                let columns = shape.columns.saturating_sub(column);
                let operands = Operands { residual: advance(residual, column), ..operands.at(column, 0) };
                let out = out.add(column);
                let Some(values) = values.get_mut(..count) else { continue };
                if columns >= S::LANES {
                    let lanes = s.lanes(S::LANES);
                    s.finish::<true>(&shape.epilogue, operands, values, out, shape.out_stride, lanes);
                } else {
                    let lanes = s.lanes(columns);
                    s.finish::<false>(&shape.epilogue, operands, values, out, shape.out_stride, lanes);
                }
            }
        }
    }
}

/// Puts a tile into memory, vector after vector, for what is not that simple.
#[inline(always)]
fn spill<V: Copy, const ROWS: usize, const VECTORS: usize>(
    sums: &[[V; VECTORS]; ROWS],
    tile: &mut [[V; MAX_ROWS]; VECTORS],
) {
    for (row, sums) in sums.iter().enumerate() {
        for (values, sum) in tile.iter_mut().zip(sums) {
            if let Some(value) = values.get_mut(row) {
                *value = *sum;
            }
        }
    }
}

/// The sums of products of a tile.
///
/// # Safety
///
/// There are `ROWS` rows of `depth` values, and a panel that deep of `VECTORS` vectors.
#[inline(always)]
unsafe fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    depth: usize,
) -> [[S::Vector; VECTORS]; ROWS] {
    let width = VECTORS * S::LANES;
    let mut sums = [[s.zero(); VECTORS]; ROWS];
    let mut k = 0;
    // SAFETY: `k` stays below `depth`.
    unsafe {
        // Four steps at once where there is little to do in one. (Of larger tiles, compilers read all factors of several steps
        // before they use them, and run out of registers.)
        if ROWS == 1 {
            while k + 4 <= depth {
                step::<S, ROWS, VECTORS>(s, a.add(k), a_stride, b.add(k * width), &mut sums);
                step::<S, ROWS, VECTORS>(s, a.add(k + 1), a_stride, b.add((k + 1) * width), &mut sums);
                step::<S, ROWS, VECTORS>(s, a.add(k + 2), a_stride, b.add((k + 2) * width), &mut sums);
                step::<S, ROWS, VECTORS>(s, a.add(k + 3), a_stride, b.add((k + 3) * width), &mut sums);
                k += 4;
            }
        }
        while k < depth {
            step::<S, ROWS, VECTORS>(s, a.add(k), a_stride, b.add(k * width), &mut sums);
            k += 1;
        }
    }
    sums
}

/// Adds the products of one place along the depth.
///
/// # Safety
///
/// There are `ROWS` values of `a`, one per row, and `VECTORS` vectors of `b`.
#[inline(always)]
unsafe fn step<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    sums: &mut [[S::Vector; VECTORS]; ROWS],
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut right = [s.zero(); VECTORS];
        for (vector, right) in right.iter_mut().enumerate() {
            *right = s.load(b.add(vector * S::LANES));
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let left = s.splat(a.add(row * a_stride).read());
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = s.mul_add(left, right, *sum);
            }
        }
    }
}
