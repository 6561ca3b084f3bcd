//! Rows of a matrix times a packed panel.
//!
//! The panel is one or two vectors wide. Rows are computed in tiles of near equal numbers, whose sums
//! stay in registers. Every output is one chain of fused multiply-adds along the depth, from zero, whatever the tile: a single
//! row too, which two chains of full vectors keep fast enough for the memory that the panel comes from.

use super::epilogue::{Direct, Operands, advance};
use super::fetch::{Fetch, Next, PLACES};
use crate::abi::{MatmulShape, Runs};
use crate::simd::{MAX_ROWS, ROWS_PER_POINTER, Simd, opaque};

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
            for (index, values) in values.iter_mut().enumerate() {
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

/// Asks for the outputs of a tile: they come while the products are summed.
#[inline(always)]
fn fetch_outputs<S: Simd, const ROWS: usize, const VECTORS: usize>(s: S, out: *mut f32, out_stride: usize) {
    for row in 0..ROWS {
        // (Rows may begin anywhere in a line, so that each vector may touch another one.)
        for vector in 0..VECTORS {
            s.prefetch_outputs(out.wrapping_add(row * out_stride + vector * S::LANES));
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
/// There are `ROWS` rows of these runs of values, and a panel as deep of `VECTORS` vectors.
#[inline(always)]
unsafe fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    mut b: *const f32,
    runs: Runs,
    mut fetch: Fetch,
) -> [[S::Vector; VECTORS]; ROWS] {
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

/// Adds the products of a run; returns what of the panel comes next.
///
/// # Safety
///
/// As for [`sum`], of one run of that length.
#[inline(always)]
unsafe fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    mut b: *const f32,
    length: usize,
    fetch: &mut Fetch,
    sums: &mut [[S::Vector; VECTORS]; ROWS],
) -> *const f32 {
    let width = VECTORS * S::LANES;
    let mut left = length;
    // SAFETY: as many places are read as are left. (What is fetched ahead may lie anywhere.)
    unsafe {
        let groups = const { ROWS.div_ceil(ROWS_PER_POINTER) };
        let mut rows = [a; MAX_ROWS / ROWS_PER_POINTER];
        for (group, first) in rows.iter_mut().enumerate() {
            *first = a.wrapping_add(group * ROWS_PER_POINTER * a_stride);
        }
        // The compiler may not know that pointers belong together: it would compute most addresses anew at each place, and two threads of one
        // core share what it can decode. No more than four places at once: it reads all of their factors before it uses them.
        macro_rules! places {
            ($count:expr) => {{
                for first in rows.iter_mut().take(groups) {
                    *first = opaque(*first);
                }
                b = opaque(b);
                for place in 0..$count {
                    step::<S, ROWS, VECTORS>(s, &rows, a_stride, place, b.add(place * width), sums);
                }
                for first in rows.iter_mut().take(groups) {
                    *first = first.wrapping_add($count);
                }
                b = b.add($count * width);
                left -= $count;
            }};
        }
        while left >= PLACES {
            fetch.step(s);
            places!(PLACES);
        }
        while left > 0 {
            places!(1);
        }
    }
    b
}

/// Adds the products of one place along the depth, `place` places behind where the pointers to rows stand.
///
/// # Safety
///
/// There are `ROWS` values of `a`, one per row, the first of each few at one of `rows`, and `VECTORS` vectors of `b`.
#[inline(always)]
unsafe fn step<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    rows: &[*const f32; MAX_ROWS / ROWS_PER_POINTER],
    a_stride: usize,
    place: usize,
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
            let Some(first) = rows.get(row / ROWS_PER_POINTER) else { continue };
            let left = s.splat(first.add(row % ROWS_PER_POINTER * a_stride + place).read());
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = s.mul_add(left, right, *sum);
            }
        }
    }
}
