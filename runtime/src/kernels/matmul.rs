//! Rows of a matrix times a packed panel.
//!
//! The panel is one or two vectors wide. Rows are computed in tiles of near equal numbers, whose sums
//! stay in registers. Every output is one chain of fused multiply-adds along the depth, from zero, whatever the tile: a single
//! row too, which two chains of full vectors keep fast enough for the memory that the panel comes from. Parts of the depth may come
//! one after the other: then the chain waits in memory.

use super::epilogue::{Direct, Operands, advance};
use super::fetch::{Fetch, Later, Next};
use super::mix::Experts;
use super::mixing::Mixing;
use super::tile::{Aside, Sums, fetch_outputs, run};
use crate::abi::{MatmulShape, Part, Runs};
use crate::blocking::PLACES;
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
    later: *const f32,
    later_per_row: usize,
) {
    let operands = Operands { bias, gate, residual, sums };
    let later = Later { first: later, per_row: later_per_row };
    // SAFETY: the shape is valid for reads; the panel is one vector wide if the columns fit into one, else two.
    unsafe {
        let shape = &*shape;
        let product = Product { a, b, out, rows, shape, operands, later };
        let mut mixed = Mixed::NOT;
        match shape.columns.div_ceil(S::LANES) {
            0 => {}
            1 => panel::<S, 1, false>(s, product, &mut mixed),
            _ => panel::<S, 2, false>(s, product, &mut mixed),
        }
    }
}

/// See [`Kernel::MatmulMixed`](crate::abi::Kernel::MatmulMixed).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn matmul_mixed<S: Simd>(
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
    experts: *const f32,
    count: usize,
    stride: usize,
    length: usize,
    coefficients: *const f32,
    mixed: *mut f32,
    mixed_length: usize,
    later: *const f32,
    later_per_row: usize,
    partial: *mut f32,
    part: usize,
) {
    let operands = Operands { bias, gate, residual, sums };
    let later = Later { first: later, per_row: later_per_row };
    // SAFETY: as for `matmul`. Of the experts and of what is made of them, the contract says what mixing asks for.
    unsafe {
        let shape = &*shape;
        let product = Product { a, b, out, rows, shape, operands, later };
        let mut mixed = Mixed {
            next: Next { first: experts, count, stride, length },
            mixing: Mixing::new(Experts { first: experts, count, stride, coefficients }, mixed, mixed_length),
            partial,
            begins: part & Part::CONTINUES == 0,
            ends: part & Part::IS_CONTINUED == 0,
        };
        match shape.columns.div_ceil(S::LANES) {
            0 => {}
            1 => panel::<S, 1, true>(s, product, &mut mixed),
            _ => panel::<S, 2, true>(s, product, &mut mixed),
        }
        mixed.mixing.finish(s);
    }
}

/// All rows times one panel.
#[derive(Clone, Copy)]
struct Product<'s> {
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &'s MatmulShape,
    operands: Operands,
    later: Later,
}

/// What there is to a panel that was mixed.
struct Mixed {
    /// What is fetched if nothing is mixed.
    next: Next,
    /// What is mixed meanwhile.
    mixing: Mixing,
    /// Where sums are between parts of the depth.
    partial: *mut f32,
    /// Whether sums begin at zero, rather than as the part before left them.
    begins: bool,
    /// Whether sums are whole at the end, rather than left to the next part.
    ends: bool,
}

impl Mixed {
    /// A panel that was not mixed.
    const NOT: Mixed = Mixed {
        next: Next::NOTHING,
        mixing: Mixing::NOTHING,
        partial: core::ptr::null_mut(),
        begins: true,
        ends: true,
    };
}

/// What is done while a tile is computed.
struct Meanwhile<'m, const IS_MIXED: bool> {
    fetch: Fetch,
    mixing: &'m mut Mixing,
}

impl<const IS_MIXED: bool> Aside for Meanwhile<'_, IS_MIXED> {
    #[inline(always)]
    unsafe fn step<S: Simd>(&mut self, s: S) {
        self.fetch.step(s);
        if IS_MIXED {
            // SAFETY: by the contract of the kernel.
            unsafe { self.mixing.step(s) };
        }
    }
}

/// All rows times a panel of that many vectors.
///
/// # Safety
///
/// As for [`matmul_mixed`]; `VECTORS` is the least number of vectors, at most two, that holds the columns.
#[inline(always)]
unsafe fn panel<S: Simd, const VECTORS: usize, const IS_MIXED: bool>(s: S, product: Product<'_>, mixed: &mut Mixed) {
    let Product { a, b, out, rows, shape, operands, later } = product;
    const { assert!(S::TILE.rows <= MAX_ROWS) };
    let full = shape.columns == VECTORS * S::LANES;
    let last = s.lanes(shape.columns - (VECTORS - 1) * S::LANES);
    let direct = if full || S::MASKS_ARE_FREE { Direct::new(s, &shape.epilogue, operands) } else { None };
    let elements = shape.runs.depth() * VECTORS * S::LANES;
    let looks = shape.runs.counts[0] * shape.runs.counts[1] * (shape.runs.length / PLACES);
    let mut row = 0;
    let mut tile = 0;
    // Near equal tiles: a single row at the end would wait for its own sums.
    let most = const { if VECTORS == 1 { S::NARROW_ROWS } else { S::TILE.rows } };
    let tiles = rows.div_ceil(most);
    let (begins, ends) = (!IS_MIXED || mixed.begins, !IS_MIXED || mixed.ends);
    mixed.mixing.spread::<S>(tiles * looks);
    let (least, larger) = (rows / tiles.max(1), rows % tiles.max(1));
    while tile < tiles {
        let count = if tile < larger { least + 1 } else { least };
        let fetch = if IS_MIXED && !mixed.mixing.is_nothing() {
            Fetch::NOTHING
        } else {
            Fetch::new::<S>(mixed.next, b, VECTORS * S::LANES, elements, [tile, tiles], count)
        };
        let fetch = fetch.then(later.of([row, count]), looks);
        let meanwhile = Meanwhile::<IS_MIXED> { fetch, mixing: &mut mixed.mixing };
        tile += 1;
        // SAFETY: there are `count` more rows from `row` on. Of the vectors of a panel, all but the last are full: the last
        // holds at least one column, and all columns fit. Where the part is not all of the depth, there are `VECTORS` vectors of
        // sums for each row.
        unsafe {
            let a = a.add(row * shape.a_stride);
            let out = out.add(row * shape.out_stride);
            let residual = advance(operands.residual, row * shape.epilogue.residual_stride);
            let partial = mixed.partial.wrapping_add(row * VECTORS * S::LANES);
            macro_rules! compute {
                ($($rows:literal)*) => {
                    match count {
                        $($rows if $rows <= most => {
                            if shape.epilogue.fetch != 0 && ends {
                                fetch_outputs::<S, $rows, VECTORS>(s, out, shape.out_stride);
                            }
                            let sums = if begins {
                                [[s.zero(); VECTORS]; $rows]
                            } else {
                                load::<S, $rows, VECTORS>(s, partial)
                            };
                            let sums = sum::<S, $rows, VECTORS>(s, a, shape.a_stride, b, shape.runs, meanwhile, sums);
                            match &direct {
                                _ if !ends => store::<S, $rows, VECTORS>(s, &sums, partial),
                                Some(direct) => direct.finish(s, sums, 0, residual, out, shape.out_stride, last),
                                None => {
                                    let operands = Operands { residual, ..operands };
                                    let (mut sums, epilogue) = (sums, &shape.epilogue);
                                    s.finish(epilogue, operands, &mut sums, out, shape.out_stride, last);
                                }
                            }
                        })*
                        _ => {}
                    }
                };
            }
            compute!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
        row += count;
    }
}

/// The sums of a tile as the part before left them.
///
/// # Safety
///
/// They are valid for reads: `ROWS` rows of `VECTORS` vectors, one behind the other.
#[inline(always)]
unsafe fn load<S: Simd, const ROWS: usize, const VECTORS: usize>(s: S, from: *const f32) -> Sums<S, ROWS, VECTORS> {
    let mut sums = [[s.zero(); VECTORS]; ROWS];
    for (index, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
        // SAFETY: there are that many vectors.
        *sum = unsafe { s.load(from.add(index * S::LANES)) };
    }
    sums
}

/// Leaves the sums of a tile to the next part.
///
/// # Safety
///
/// What is written is valid for it: `ROWS` rows of `VECTORS` vectors, one behind the other.
#[inline(always)]
unsafe fn store<S: Simd, const ROWS: usize, const VECTORS: usize>(s: S, sums: &Sums<S, ROWS, VECTORS>, to: *mut f32) {
    for (index, sum) in sums.as_flattened().iter().enumerate() {
        // SAFETY: there is room for that many vectors.
        unsafe { s.store(to.add(index * S::LANES), *sum) };
    }
}

/// Adds the products of a tile.
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
    mut aside: impl Aside,
    mut sums: Sums<S, ROWS, VECTORS>,
) -> Sums<S, ROWS, VECTORS> {
    // SAFETY: all runs are of the left factor, and the panel is as deep as they are long.
    unsafe {
        for outer in 0..runs.counts[0] {
            for inner in 0..runs.counts[1] {
                let a = a.add(outer * runs.strides[0] + inner * runs.strides[1]);
                b = run::<S, ROWS, VECTORS>(s, a, a_stride, b, runs.length, &mut aside, &mut sums);
            }
        }
    }
    sums
}
