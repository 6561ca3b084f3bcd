//! Vectors as arrays, for every machine.
//!
//! The compiler makes vector instructions of the loops where the target has them. Products and sums are rounded by
//! themselves: `f32::mul_add` is a slow function call where there is no such instruction.

use super::Simd;
use crate::abi::{ActivationShape, Epilogue, Tile};
use crate::kernels::activation;
use crate::kernels::epilogue::{self, Operands};

/// Vectors of `L` lanes; tiles of `R` rows. Nothing is to be proved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable<const L: usize, const R: usize>;

impl<const L: usize, const R: usize> Portable<L, R> {
    /// The token.
    ///
    /// # Safety
    ///
    /// None; it is unsafe as for the other instruction sets.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self
    }
}

/// `[operation(a[0], b[0]), operation(a[1], b[1]), ...]`
macro_rules! lane_by_lane {
    ($a:ident, $b:ident => $value:expr) => {{
        let mut out = [0.0; L];
        for ((out, $a), $b) in out.iter_mut().zip($a).zip($b) {
            *out = $value;
        }
        out
    }};
    ($a:ident, $b:ident, $c:ident => $value:expr) => {{
        let mut out = [0.0; L];
        for (((out, $a), $b), $c) in out.iter_mut().zip($a).zip($b).zip($c) {
            *out = $value;
        }
        out
    }};
    ($a:ident, $b:ident, $c:ident, $d:ident => $value:expr) => {{
        let mut out = [0.0; L];
        for ((((out, $a), $b), $c), $d) in out.iter_mut().zip($a).zip($b).zip($c).zip($d) {
            *out = $value;
        }
        out
    }};
}

impl<const L: usize, const R: usize> Simd for Portable<L, R> {
    type Vector = [f32; L];
    type Lanes = usize;
    /// Lanes of a group, and which of them.
    type Places = [usize; 2];

    const TILED_WINDOWS: bool = false;
    const MASKS_ARE_FREE: bool = false;
    const FETCHES_FAR: bool = false;
    const TILE: Tile = Tile { lanes: L, rows: R };

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; L] {
        [value; L]
    }

    #[inline(always)]
    unsafe fn load(self, source: *const f32) -> [f32; L] {
        // SAFETY: the caller vouches for `L` values; an array of `f32` is aligned like one.
        unsafe { source.cast::<[f32; L]>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32, value: [f32; L]) {
        // SAFETY: the caller vouches for `L` values; an array of `f32` is aligned like one.
        unsafe { out.cast::<[f32; L]>().write(value) };
    }

    #[inline(always)]
    unsafe fn load_bf16(self, source: *const u16) -> [f32; L] {
        // SAFETY: the caller vouches for `L` values; an array of `u16` is aligned like one.
        let halves = unsafe { source.cast::<[u16; L]>().read() };
        let mut out = [0.0; L];
        for (out, half) in out.iter_mut().zip(halves) {
            *out = f32::from_bits(u32::from(half) << 16);
        }
        out
    }

    #[inline(always)]
    unsafe fn load_int8(self, source: *const i8) -> [f32; L] {
        // SAFETY: the caller vouches for `L` values; an array of `i8` is aligned like one.
        let numbers = unsafe { source.cast::<[i8; L]>().read() };
        let mut out = [0.0; L];
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = f32::from(number);
        }
        out
    }

    #[inline(always)]
    fn lanes(self, count: usize) -> usize {
        debug_assert!(count <= L, "more lanes than a vector has");
        count
    }

    #[inline(always)]
    unsafe fn load_partial(self, source: *const f32, lanes: usize) -> [f32; L] {
        let mut value = [0.0; L];
        for (lane, value) in value.iter_mut().enumerate() {
            if lane < lanes {
                // SAFETY: the caller vouches for `lanes` values.
                *value = unsafe { source.add(lane).read() };
            }
        }
        value
    }

    #[inline(always)]
    unsafe fn store_partial(self, out: *mut f32, value: [f32; L], lanes: usize) {
        for (lane, value) in value.into_iter().enumerate() {
            if lane < lanes {
                // SAFETY: the caller vouches for `lanes` values.
                unsafe { out.add(lane).write(value) };
            }
        }
    }

    #[inline(always)]
    fn blend(self, lanes: usize, value: [f32; L], other: [f32; L]) -> [f32; L] {
        let mut out = other;
        for (lane, (out, value)) in out.iter_mut().zip(value).enumerate() {
            if lane < lanes {
                *out = value;
            }
        }
        out
    }

    #[inline(always)]
    fn add(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => a + b)
    }

    #[inline(always)]
    fn sub(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => a - b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => a * b)
    }

    #[inline(always)]
    fn div(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; L], b: [f32; L], c: [f32; L]) -> [f32; L] {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: [f32; L], b: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b => if a < b { a } else { b })
    }

    #[inline(always)]
    fn select_greater(self, a: [f32; L], b: [f32; L], yes: [f32; L], no: [f32; L]) -> [f32; L] {
        lane_by_lane!(a, b, yes, no => if a > b { yes } else { no })
    }

    #[inline(always)]
    fn select_nan(self, value: [f32; L], yes: [f32; L], no: [f32; L]) -> [f32; L] {
        lane_by_lane!(value, yes, no => if value.is_nan() { yes } else { no })
    }

    #[inline(always)]
    fn shift_into_exponent(self, value: [f32; L]) -> [f32; L] {
        value.map(|value| f32::from_bits(value.to_bits() << 23))
    }

    #[inline(always)]
    fn places(self, group: usize, member: usize) -> [usize; 2] {
        [group, member]
    }

    #[inline(always)]
    fn spread(self, value: [f32; L], [group, member]: [usize; 2]) -> [f32; L] {
        let mut out = [0.0; L];
        for (lane, out) in out.iter_mut().enumerate() {
            *out = value.get(lane - lane % group + member).copied().unwrap_or_default();
        }
        out
    }

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[inline(always)]
    fn prefetch_near(self, _: *const f32) {}

    #[inline(never)]
    fn activate(self, shape: ActivationShape, values: &mut [[f32; L]]) {
        activation::apply(self, shape, values);
    }

    #[inline(never)]
    unsafe fn finish<const VECTORS: usize>(
        self,
        epilogue: &Epilogue,
        operands: Operands,
        values: &mut [[[f32; L]; VECTORS]],
        out: *mut f32,
        out_stride: usize,
        last: usize,
    ) {
        // SAFETY: the same conditions hold.
        unsafe { epilogue::finish(self, epilogue, operands, values, out, out_stride, last) }
    }
}
