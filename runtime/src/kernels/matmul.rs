//! Rows of a matrix times a packed panel.
//!
//! The panel is one or two vectors wide. Rows are computed in tiles of near equal numbers, whose sums
//! stay in registers. Every output is one chain of fused multiply-adds along the depth, from zero, whatever the tile: a single
//! row too, which two chains of full vectors keep fast enough for the memory that the panel comes from.

use super::epilogue::{Direct, Operands, advance};
use super::fetch::{Fetch, Next};
use super::tile::{Sums, fetch_outputs, finish, run, spill};
use crate::abi::{MatmulShape, Runs};
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
    next: *const f32,
    next_count: usize,
    next_stride: usize,
    next_length: usize,
) {
    let operands = Operands { bias, gate, residual, sums };
    let next = Next { first: next, count: next_count, stride: next_stride, length: next_length };
    // SAFETY: the shape is valid for reads; the panel is one vector wide if the columns fit into one, else two.
    unsafe {
        let shape = &*shape;
        if shape.columns == 0 {
        } else if shape.columns <= S::LANES {
            panel::<S, 1>(s, a, b, out, rows, shape, operands, next);
        } else {
            panel::<S, 2>(s, a, b, out, rows, shape, operands, next);
        }
    }
}

/// All rows times a panel of that many vectors.
///
/// # Safety
///
/// As for [`matmul`]; `VECTORS` is the least number of vectors, at most two, that holds the columns.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of the kernel")]
unsafe fn panel<S: Simd, const VECTORS: usize>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &MatmulShape,
    operands: Operands,
    next: Next,
) {
    const { assert!(S::TILE.rows <= MAX_ROWS) };
    let mut values = [[s.zero(); MAX_ROWS]; VECTORS];
    let full = shape.columns == VECTORS * S::LANES;
    let last = s.lanes(shape.columns - (VECTORS - 1) * S::LANES);
    let direct = if full || S::MASKS_ARE_FREE { Direct::new(s, &shape.epilogue, operands) } else { None };
    let elements = shape.runs.depth() * VECTORS * S::LANES;
    let mut row = 0;
    let mut tile = 0;
    // Near equal tiles: a single row at the end would wait for its own sums.
    let tiles = rows.div_ceil(S::TILE.rows);
    let (least, larger) = (rows / tiles.max(1), rows % tiles.max(1));
    while tile < tiles {
        let count = if tile < larger { least + 1 } else { least };
        let fetch = Fetch::new::<S>(next, b, VECTORS * S::LANES, elements, [tile, tiles], count);
        tile += 1;
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
                            if shape.epilogue.fetch != 0 {
                                fetch_outputs::<S, $rows, VECTORS>(s, out, shape.out_stride);
                            }
                            let sums = sum::<S, $rows, VECTORS>(s, a, shape.a_stride, b, shape.runs, fetch);
                            match &direct {
                                Some(direct) => direct.finish(s, sums, 0, residual, out, shape.out_stride, last),
                                None => spill(&sums, &mut values),
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
            let operands = Operands { residual, ..operands };
            finish(s, &shape.epilogue, operands, &mut values, count, shape.columns, out, shape.out_stride);
        }
    }
}

/// The sums of products of a tile.
///
/// # Safety
///
/// There are `ROWS` rows of these runs of values, and a panel as deep of `VECTORS` vectors.
#[inline(always)]
unsafe fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    mut b: *const f32,
    runs: Runs,
    mut fetch: Fetch,
) -> Sums<S, ROWS, VECTORS> {
    let mut sums = [[s.zero(); VECTORS]; ROWS];
    // SAFETY: all runs are of the left factor, and the panel is as deep as they are long.
    unsafe {
        for outer in 0..runs.counts[0] {
            for inner in 0..runs.counts[1] {
                let a = a.add(outer * runs.strides[0] + inner * runs.strides[1]);
                b = run::<S, ROWS, VECTORS>(s, a, a_stride, b, runs.length, &mut fetch, &mut sums);
            }
        }
    }
    sums
}
