//! Vectors of `f32`, the same way for every instruction set.
//!
//! A value of a type that implements [`Simd`] proves that the machine has the instruction set: only what has checked that
//! makes one. Kernels are generic functions over it, inlined into functions that are compiled for the instruction set (see
//! `kernels.rs`); therefore everything here is `#[inline(always)]`, and no closure may stand between.
//!
//! Where two instruction sets could round differently, only [`Simd::mul_add`] does: it rounds once with AVX2 and AVX-512,
//! twice in portable code.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod avx512;
pub(crate) mod portable;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod square;

use crate::abi::{ActivationShape, Epilogue, Tile};
use crate::kernels::activation;
use crate::kernels::epilogue::Operands;

/// Rows of the largest register tile of a matrix product.
pub(crate) const MAX_ROWS: usize = 12;

/// How many rows are addressed from one pointer: as many multiples of a stride (none, one, two) as an address can have.
pub(crate) const ROWS_PER_POINTER: usize = 3;

/// Rows and columns of the squares of [`Simd::exchange_square`].
pub(crate) const SQUARE: usize = 8;

/// Those of the squares of [`Simd::exchange_half_square`].
pub(crate) const HALF_SQUARE: usize = 4;

/// The most lanes of a vector.
pub(crate) const MAX_LANES: usize = 16;

/// An instruction set, and the proof that the machine has it.
pub(crate) trait Simd: Copy {
    /// Several `f32`s.
    type Vector: Copy;
    /// The first few lanes of a vector.
    type Lanes: Copy;
    /// For each lane of a vector, one that it takes.
    type Places: Copy;

    /// Whether there are enough registers, and code that is made for vectors, to compute several pixels of a convolution
    /// of few channels a group at once.
    const TILED_WINDOWS: bool;
    /// Whether reading and writing some lanes is as fast as all of them: then it is done wherever the last vector may be partial, by the
    /// same code.
    const MASKS_ARE_FREE: bool;
    /// Whether a panel that one row reads is asked for ahead, and that of one tile a whole panel ahead: it pays on the machines that have
    /// AVX-512, while hardware of those with AVX2 alone follows what is read better if it is not disturbed.
    const FETCHES_FAR: bool;
    /// The register tile of matrix products; its lanes are those of a vector.
    const TILE: Tile;
    /// Rows of that tile where a panel is one vector wide: as many sums, as far as there are rows for them, so that they do not wait for one another.
    const NARROW_ROWS: usize = if 2 * Self::TILE.rows < MAX_ROWS { 2 * Self::TILE.rows } else { MAX_ROWS };
    /// `f32`s in a vector.
    const LANES: usize = Self::TILE.lanes;

    /// The same value in every lane.
    fn splat(self, value: f32) -> Self::Vector;

    /// Reads a vector.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of `LANES` values.
    unsafe fn load(self, source: *const f32) -> Self::Vector;

    /// Writes a vector.
    ///
    /// # Safety
    ///
    /// `out` is valid for writes of `LANES` values.
    unsafe fn store(self, out: *mut f32, value: Self::Vector);

    /// Reads a vector of `bfloat16`s, each the upper half of the `f32` that it becomes.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of `LANES` values.
    unsafe fn load_bf16(self, source: *const u16) -> Self::Vector;

    /// Reads a vector of whole numbers of one byte.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of `LANES` values.
    unsafe fn load_int8(self, source: *const i8) -> Self::Vector;

    /// The first `count` lanes; `count` is at most `LANES`.
    fn lanes(self, count: usize) -> Self::Lanes;

    /// Reads some lanes; the others are zero.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of that many values.
    unsafe fn load_partial(self, source: *const f32, lanes: Self::Lanes) -> Self::Vector;

    /// Writes some lanes.
    ///
    /// # Safety
    ///
    /// `out` is valid for writes of that many values.
    unsafe fn store_partial(self, out: *mut f32, value: Self::Vector, lanes: Self::Lanes);

    /// `value` in `lanes`, `other` elsewhere.
    fn blend(self, lanes: Self::Lanes, value: Self::Vector, other: Self::Vector) -> Self::Vector;

    /// `a + b`
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a > b ? a : b`, which is `b` if an operand is NaN.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a < b ? a : b`, which is `b` if an operand is NaN.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `value` between `-bound` and `bound`, which is positive; of NaN, NaN or `bound`.
    #[inline(always)]
    fn limit(self, value: Self::Vector, bound: f32) -> Self::Vector {
        self.min(self.splat(bound), self.max(self.splat(-bound), value))
    }
    /// `1 + exp(-x)`, by [`math`](crate::math); of NaN, NaN or a number.
    #[inline(always)]
    fn one_plus_exp_of_negative(self, x: Self::Vector) -> Self::Vector {
        activation::one_plus_exp_of_negative(self, x)
    }
    /// `a > b ? yes : no`, thus `no` if an operand is NaN.
    fn select_greater(self, a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    /// `yes` where `value` is NaN, else `no`.
    fn select_nan(self, value: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    /// The bits of `value`, shifted to the left by 23: its lowest bits become sign and exponent.
    fn shift_into_exponent(self, value: Self::Vector) -> Self::Vector;

    /// For [`Simd::spread`]: that each lane takes the one that stands at `member` in its group of neighbours. `group` is a power of two, and
    /// fewer than the lanes of a vector; `member` is below it.
    fn places(self, group: usize, member: usize) -> Self::Places;
    /// The lanes of `value` that these places name.
    fn spread(self, value: Self::Vector, places: Self::Places) -> Self::Vector;

    /// Writes a square with rows and columns exchanged: number `row` of `column` of `out` is number `column` of `row` of `source`.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads of [`SQUARE`] numbers in each of as many rows, `source_stride` apart, and `out` for writes of the same,
    /// `out_stride` apart. They do not overlap.
    #[inline(always)]
    unsafe fn exchange_square(self, source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
        // SAFETY: the same conditions hold.
        unsafe { exchange_one_by_one::<SQUARE>(source, source_stride, out, out_stride) }
    }

    /// [`Simd::exchange_square`] of [`HALF_SQUARE`] numbers in as many rows.
    ///
    /// # Safety
    ///
    /// As there, but for the size.
    #[inline(always)]
    unsafe fn exchange_half_square(self, source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
        // SAFETY: the same conditions hold.
        unsafe { exchange_one_by_one::<HALF_SQUARE>(source, source_stride, out, out_stride) }
    }

    /// Applies an activation to each of the values: [`crate::kernels::activation::apply`], not inlined, so that code stays
    /// small.
    fn activate(self, activation: ActivationShape, values: &mut [Self::Vector]);

    /// Finishes outputs: [`crate::kernels::epilogue::finish`], not inlined either.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn finish<const VECTORS: usize>(
        self,
        epilogue: &Epilogue,
        operands: Operands,
        values: &mut [[Self::Vector; VECTORS]],
        out: *mut f32,
        out_stride: usize,
        last: Self::Lanes,
    );

    /// Asks for the cache line at an address, which may be anywhere, to be brought into the second-level cache: from there, hardware
    /// fetches what is read in order.
    fn prefetch(self, address: *const f32);

    /// Asks for the cache line at an address, which may be anywhere, to be brought into the first-level cache, where it will be read or
    /// written soon.
    fn prefetch_near(self, address: *const f32);

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::Vector {
        self.splat(0.0)
    }

    /// Reads a vector if `FULL`, else some lanes of one.
    ///
    /// # Safety
    ///
    /// As [`Simd::load`] or [`Simd::load_partial`].
    #[inline(always)]
    unsafe fn read<const FULL: bool>(self, source: *const f32, lanes: Self::Lanes) -> Self::Vector {
        // SAFETY: the same conditions hold.
        unsafe { if FULL { self.load(source) } else { self.load_partial(source, lanes) } }
    }

    /// Writes a vector if `FULL`, else some lanes of one.
    ///
    /// # Safety
    ///
    /// As [`Simd::store`] or [`Simd::store_partial`].
    #[inline(always)]
    unsafe fn write<const FULL: bool>(self, out: *mut f32, value: Self::Vector, lanes: Self::Lanes) {
        // SAFETY: the same conditions hold.
        unsafe {
            if FULL {
                self.store(out, value);
            } else {
                self.store_partial(out, value, lanes);
            }
        }
    }

    /// The lanes as numbers; beyond them, zeros.
    #[inline(always)]
    fn numbers(self, value: Self::Vector) -> [f32; MAX_LANES] {
        const { assert!(Self::LANES <= MAX_LANES) };
        let mut numbers = [0.0; MAX_LANES];
        // SAFETY: the array has at least `LANES` elements, as asserted above.
        unsafe { self.store(numbers.as_mut_ptr(), value) };
        numbers
    }

    /// The sum of the lanes: of both halves, lane by lane, then of the halves of that, and so on.
    #[inline(always)]
    fn sum_of_lanes(self, value: Self::Vector) -> f32 {
        fold_lanes(&mut self.numbers(value), Self::LANES, |left, right| left + right)
    }

    /// The largest lane; it may miss a NaN.
    #[inline(always)]
    fn max_of_lanes(self, value: Self::Vector) -> f32 {
        fold_lanes(&mut self.numbers(value), Self::LANES, |left, right| if left > right { left } else { right })
    }
}

/// Joins the halves of so many lanes, a power of two, until one is left.
#[inline(always)]
fn fold_lanes(numbers: &mut [f32], lanes: usize, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = lanes;
    while width > 1 {
        width /= 2;
        let (left, right) = numbers.split_at_mut(width);
        for (left, right) in left.iter_mut().zip(right) {
            *left = join(*left, *right);
        }
    }
    numbers.first().copied().unwrap_or(0.0)
}

/// A square with rows and columns exchanged, number by number.
///
/// # Safety
///
/// As for [`Simd::exchange_square`], for a square of that size.
#[inline(always)]
unsafe fn exchange_one_by_one<const SIDE: usize>(
    source: *const f32,
    source_stride: usize,
    out: *mut f32,
    out_stride: usize,
) {
    for column in 0..SIDE {
        for row in 0..SIDE {
            // SAFETY: both are below the length of a side.
            unsafe { out.add(column * out_stride + row).write(source.add(row * source_stride + column).read()) };
        }
    }
}

/// The same pointer, of which the compiler no longer knows how it was computed: it keeps one running pointer instead of many
/// precomputed ones. (It is not declared pure, since what is may be computed early, before branches behind which it is needed: then there are
/// many again.)
#[inline(always)]
#[cfg_attr(
    target_arch = "x86_64",
    expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written through it there")
)]
pub(crate) fn opaque(mut pointer: *const f32) -> *const f32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: there is no instruction; the pointer stays what it was.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Calls `body::<S, FULL, generics..>(s, arguments.., offset, lanes)` for each vector of `count` contiguous values: for all
/// full vectors, then for what is left, if anything.
macro_rules! for_each_vector {
    ($s:ident: $simd:ident, $count:expr, $body:ident $([$($generic:expr),*])?, ($($argument:expr),* $(,)?)) => {{
        let count: usize = $count;
        let mut offset = 0;
        while offset + $simd::LANES <= count {
            $body::<$simd, true, $($({ $generic }),*)?>($s, $($argument,)* offset, $s.lanes($simd::LANES));
            offset += $simd::LANES;
        }
        if offset < count {
            $body::<$simd, false, $($({ $generic }),*)?>($s, $($argument,)* offset, $s.lanes(count - offset));
        }
    }};
}
pub(crate) use for_each_vector;
