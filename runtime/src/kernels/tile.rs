//! Tiles of products: sums of a few rows and one or two vectors of columns, which stay in registers while the depth passes by.

use crate::blocking::PLACES;
use crate::simd::{MAX_ROWS, ROWS_PER_POINTER, Simd, opaque};

/// The sums of a tile.
pub(super) type Sums<S, const ROWS: usize, const VECTORS: usize> = [[<S as Simd>::Vector; VECTORS]; ROWS];

/// What is done beside the products, a little at a time.
pub(super) trait Aside {
    /// The next little bit.
    ///
    /// # Safety
    ///
    /// Whoever made it vouches for what it touches.
    unsafe fn step<S: Simd>(&mut self, s: S);
}

/// Adds the products of a run; returns what of the panel comes next.
///
/// # Safety
///
/// There are `ROWS` rows of `length` values, `a_stride` apart, and as many places of a panel of `VECTORS` vectors. As [`Aside::step`].
#[inline(always)]
pub(super) unsafe fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    a: *const f32,
    a_stride: usize,
    mut b: *const f32,
    length: usize,
    aside: &mut impl Aside,
    sums: &mut Sums<S, ROWS, VECTORS>,
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
            aside.step(s);
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
    sums: &mut Sums<S, ROWS, VECTORS>,
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

/// Asks for the outputs of a tile: they come while the products are summed.
#[inline(always)]
pub(super) fn fetch_outputs<S: Simd, const ROWS: usize, const VECTORS: usize>(s: S, out: *mut f32, out_stride: usize) {
    for row in 0..ROWS {
        // (Rows may begin anywhere in a line, so that each vector may touch another one.)
        for vector in 0..VECTORS {
            s.prefetch_near(out.wrapping_add(row * out_stride + vector * S::LANES));
        }
    }
}
