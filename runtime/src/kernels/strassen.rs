//! Products with seven eighths of the multiplications: Strassen's algorithm, one level of it, in Winograd's form.
//!
//! Rows, depth and columns are cut in two: even and odd rows, the first and the second half of the depth and of the columns.
//! A product of two matrices of 2×2 blocks then takes seven products of blocks (Strassen, "Gaussian Elimination is not Optimal",
//! 1969; with as few additions as there can be: Winograd's form, Higham, "Accuracy and Stability of Numerical Algorithms", second edition,
//! section 23.1):
//!
//! ```text
//! s1 = a21 + a22    s2 = s1 - a11     s3 = a11 - a21    s4 = a12 - s2
//! t1 = b12 - b11    t2 = b22 - t1     t3 = b22 - b12    t4 = b21 - t2
//!
//! u1 = a11 b11      c11 = u1 + a12 b21
//! u2 = u1 + s2 t2   u3 = u2 + s3 t3   c21 = u3 + a22 t4
//! u4 = s1 t1        c22 = u3 + u4     c12 = u2 + u4 + s4 b22
//! ```
//!
//! [`rows`] makes the sums of the left factor, for all columns; those of the right one are made when weights are prepared
//! ([`crate::strassen`]). Of an output tile, all four blocks are computed together, so that `u1` to `u4` stay in the first cache and most
//! additions are further multiply-adds of sums that are in registers.
//!
//! The last row has no other where their number is odd: zeros stand for it, and nothing is written.

use core::mem::MaybeUninit;

use super::epilogue::{Direct, Operands, advance};
use super::fetch::{Fetch, Next};
use super::tile::{Sums, fetch_outputs, run};
use crate::abi::{Epilogue, MatmulShape};
use crate::simd::{Simd, for_each_vector};
use crate::strassen::PRODUCTS;

/// See [`Kernel::StrassenRows`](crate::abi::Kernel::StrassenRows).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn rows<S: Simd>(s: S, a: *const f32, sums: *mut f32, rows: usize, depth: usize, a_stride: usize) {
    let pairs = rows.div_ceil(2);
    let block = pairs * depth;
    // SAFETY: each pair has its place in each block; only the last may lack its second row, of which nothing is read then.
    unsafe {
        for pair in 0..pairs {
            let a = a.add(2 * pair * a_stride);
            let sums = sums.add(pair * depth);
            if 2 * pair + 1 < rows {
                for_each_vector!(s: S, depth, sums_of_pair[true], (a, a_stride, depth, sums, block));
            } else {
                for_each_vector!(s: S, depth, sums_of_pair[false], (a, a_stride, depth, sums, block));
            }
        }
    }
}

/// The sums of a pair of rows, one vector of the depth.
///
/// # Safety
///
/// As for [`rows`]; there is a second row if `BOTH`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a pair of rows, and where their sums go")]
unsafe fn sums_of_pair<S: Simd, const FULL: bool, const BOTH: bool>(
    s: S,
    a: *const f32,
    a_stride: usize,
    depth: usize,
    sums: *mut f32,
    block: usize,
    place: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let a11 = s.read::<FULL>(a.add(place), lanes);
        let a12 = s.read::<FULL>(a.add(depth + place), lanes);
        let (mut a21, mut a22) = (s.zero(), s.zero());
        if BOTH {
            a21 = s.read::<FULL>(a.add(a_stride + place), lanes);
            a22 = s.read::<FULL>(a.add(a_stride + depth + place), lanes);
        }
        let s1 = s.add(a21, a22);
        let s2 = s.sub(s1, a11);
        let s3 = s.sub(a11, a21);
        let s4 = s.sub(a12, s2);
        // In the order in which they are multiplied.
        for (index, sum) in [s2, s3, a22, s1, s4].into_iter().enumerate() {
            s.write::<FULL>(sums.add(index * block + place), sum, lanes);
        }
    }
}

/// See [`Kernel::Strassen`](crate::abi::Kernel::Strassen).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn product<S: Simd>(
    s: S,
    a: *const f32,
    sums: *const f32,
    b: *const f32,
    b_stride: usize,
    out: *mut f32,
    rows: usize,
    half: usize,
    shape: *const MatmulShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
) {
    let operands = Operands { bias, gate, residual, sums: core::ptr::null_mut() };
    // SAFETY: the shape is valid for reads; the panels are one vector wide if the columns fit into one, else two.
    unsafe {
        let shape = &*shape;
        let product = Product { a, sums, b, b_stride, out, rows, half, shape, operands };
        if shape.columns == 0 {
        } else if shape.columns <= S::LANES {
            product.panel::<S, 1>(s);
        } else {
            product.panel::<S, 2>(s);
        }
    }
}

/// What a call of the kernel is about.
struct Product<'s> {
    a: *const f32,
    sums: *const f32,
    b: *const f32,
    b_stride: usize,
    out: *mut f32,
    rows: usize,
    half: usize,
    shape: &'s MatmulShape,
    operands: Operands,
}

/// A block of an output tile: which of a pair of rows, which half of the columns.
#[derive(Clone, Copy)]
struct Block {
    is_second: bool,
    is_right: bool,
}

impl Product<'_> {
    /// All rows times panels of that many vectors.
    ///
    /// # Safety
    ///
    /// As for [`product`]; `VECTORS` is the least number of vectors, at most two, that holds the columns.
    #[inline(always)]
    unsafe fn panel<S: Simd, const VECTORS: usize>(&self, s: S) {
        let columns = self.shape.columns;
        let full = columns == VECTORS * S::LANES;
        let last = s.lanes(columns - (VECTORS - 1) * S::LANES);
        // Rows are taken in pairs.
        let epilogue = Epilogue { residual_stride: 2 * self.shape.epilogue.residual_stride, ..self.shape.epilogue };
        let direct = if full || S::MASKS_ARE_FREE { Direct::new(s, &epilogue, self.operands) } else { None };
        let pairs = self.rows.div_ceil(2);
        let tiles = pairs.div_ceil(S::TILE.rows);
        let (least, larger) = (pairs / tiles.max(1), pairs % tiles.max(1));
        let mut pair = 0;
        for tile in 0..tiles {
            let count = if tile < larger { least + 1 } else { least };
            macro_rules! compute {
                ($($rows:literal)*) => {
                    match count {
                        // SAFETY: there are `count` more pairs from `pair` on.
                        $($rows if $rows <= S::TILE.rows => unsafe {
                            self.tile::<S, $rows, VECTORS>(s, pair, [tile, tiles], &epilogue, direct.as_ref(), last);
                        },)*
                        _ => {}
                    }
                };
            }
            compute!(1 2 3 4 5 6 7 8 9 10 11 12);
            pair += count;
        }
    }

    /// The outputs of `ROWS` pairs of rows, the first of which is `pair`.
    ///
    /// # Safety
    ///
    /// As for [`Product::panel`]; there are as many pairs.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        s: S,
        pair: usize,
        tile: [usize; 2],
        epilogue: &Epilogue,
        direct: Option<&Direct<S>>,
        last: S::Lanes,
    ) {
        let depth = self.shape.runs.length;
        let a_stride = self.shape.a_stride;
        let block = self.rows.div_ceil(2) * depth;
        let width = VECTORS * S::LANES;
        let fetch = Fetch::new::<S>(Next::NOTHING, self.b, width, depth * width, tile, ROWS);
        let mut sums = [[s.zero(); VECTORS]; ROWS];
        let [mut first, mut second] = [const { MaybeUninit::uninit() }; 2];
        // SAFETY: the rows of the pairs and their sums are as deep as the panels; a block is finished for the rows that there are. What is kept
        // was written by products before it is read: the first by the product 0, the second by 3.
        unsafe {
            let a = self.a.add(2 * pair * a_stride);
            if epilogue.fetch != 0 {
                for half in [0, self.half] {
                    // (The second rows lie beside the first ones, or are fetched in vain.)
                    let out = self.out.add(2 * pair * self.shape.out_stride + half);
                    fetch_outputs::<S, ROWS, VECTORS>(s, out, 2 * self.shape.out_stride);
                    fetch_outputs::<S, ROWS, VECTORS>(
                        s,
                        out.wrapping_add(self.shape.out_stride),
                        2 * self.shape.out_stride,
                    );
                }
            }
            for product in 0..PRODUCTS {
                let (left, left_stride) = match product {
                    0 => (a, 2 * a_stride),
                    1 => (a.add(depth), 2 * a_stride),
                    _ => (self.sums.add((product - 2) * block + pair * depth), depth),
                };
                let right = self.b.add(product * self.b_stride);
                let mut fetch = fetch.moved(product * self.b_stride);
                run::<S, ROWS, VECTORS>(s, left, left_stride, right, depth, &mut fetch, &mut sums);
                let done = match product {
                    0 | 2 => {
                        first.write(sums);
                        continue;
                    }
                    3 => {
                        second.write(sums);
                        continue;
                    }
                    5 => {
                        first.write(added(s, first.assume_init_ref(), &sums));
                        sums = added(s, second.assume_init_ref(), &sums);
                        Block { is_second: true, is_right: true }
                    }
                    1 => Block { is_second: false, is_right: false },
                    4 => Block { is_second: true, is_right: false },
                    _ => Block { is_second: false, is_right: true },
                };
                self.finish::<S, ROWS, VECTORS>(s, sums, pair, done, epilogue, direct, last);
                // What the next product is added to.
                sums = if product == 4 { [[s.zero(); VECTORS]; ROWS] } else { first.assume_init() };
            }
        }
    }

    /// Finishes a block of `ROWS` pairs of rows, the first of which is `pair`.
    ///
    /// # Safety
    ///
    /// As for [`Product::tile`].
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "a tile, and what is known of all tiles")]
    unsafe fn finish<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        s: S,
        sums: Sums<S, ROWS, VECTORS>,
        pair: usize,
        block: Block,
        epilogue: &Epilogue,
        direct: Option<&Direct<S>>,
        last: S::Lanes,
    ) {
        let row = 2 * pair + usize::from(block.is_second);
        let column = if block.is_right { self.half } else { 0 };
        let out_stride = 2 * self.shape.out_stride;
        let rows = ROWS.min((self.rows - row).div_ceil(2));
        // SAFETY: these rows and columns are of the output.
        unsafe {
            let out = self.out.add(row * self.shape.out_stride + column);
            let residual = advance(self.operands.residual, row * self.shape.epilogue.residual_stride + column);
            match direct {
                Some(direct) if rows == ROWS => direct.finish(s, sums, column, residual, out, out_stride, last),
                _ => {
                    let mut sums = sums;
                    let values = sums.split_at_mut(rows).0;
                    let operands = Operands { residual, ..self.operands.at(column, 0) };
                    s.finish(epilogue, operands, values, out, out_stride, last);
                }
            }
        }
    }
}

/// The sums of two tiles.
#[inline(always)]
fn added<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    left: &Sums<S, ROWS, VECTORS>,
    right: &Sums<S, ROWS, VECTORS>,
) -> Sums<S, ROWS, VECTORS> {
    let mut both = *left;
    for (sum, right) in both.as_flattened_mut().iter_mut().zip(right.as_flattened()) {
        *sum = s.add(*sum, *right);
    }
    both
}
