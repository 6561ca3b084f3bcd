//! Arithmetic on one number or on four neighbours, rounding as machine code of the same instruction set does.
//!
//! Everything is `#[inline(always)]`: generated functions are compiled twice, for machines that round a multiply-add once
//! and for those that round it twice, and what they call must be compiled with them.

#![allow(clippy::inline_always, reason = "see the module's documentation")]

use core::ops::{Add, Div, Mul, Sub};

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{
    __m128, _mm_add_ps, _mm_and_ps, _mm_andnot_ps, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpgt_ps, _mm_cvtsi32_si128,
    _mm_div_ps, _mm_fmadd_ps, _mm_loadu_ps, _mm_max_ps, _mm_min_ps, _mm_mul_ps, _mm_or_ps, _mm_set1_ps, _mm_sll_epi32,
    _mm_storeu_ps, _mm_sub_ps,
};

use crate::arithmetic::fma;

/// How often a multiply-add is rounded.
pub trait Rounding: Copy {
    /// Whether it is once.
    const IS_ONCE: bool;
}

/// Once: with FMA instructions.
#[derive(Debug, Clone, Copy)]
pub struct Once;

/// Twice: the product, then the sum.
#[derive(Debug, Clone, Copy)]
pub struct Twice;

impl Rounding for Once {
    const IS_ONCE: bool = true;
}

impl Rounding for Twice {
    const IS_ONCE: bool = false;
}

/// One number, or four.
pub trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    /// The same number in every lane.
    fn every(value: f32) -> Self;

    /// Neighbours in memory.
    ///
    /// # Safety
    /// `source` is valid for reads of all lanes.
    unsafe fn load(source: *const f32) -> Self;

    /// Writes neighbours.
    ///
    /// # Safety
    /// `out` is valid for writes of all lanes.
    unsafe fn store(self, out: *mut f32);

    /// `self * factor + sum`
    ///
    /// # Safety
    /// The machine has FMA instructions if it is to be rounded once.
    unsafe fn mul_add<R: Rounding>(self, factor: Self, sum: Self) -> Self;

    /// The smaller; `other` if either is NaN.
    fn minimum(self, other: Self) -> Self;

    /// The larger; `other` if either is NaN.
    fn maximum(self, other: Self) -> Self;

    /// `yes` where `self` is greater than `other`, else `no`.
    fn select_greater(self, other: Self, yes: Self, no: Self) -> Self;

    /// The bits moved left, zeros coming in.
    fn shift_left(self, count: u8) -> Self;
}

impl Lanes for f32 {
    #[inline(always)]
    fn every(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> f32 {
        // SAFETY: by the contract.
        unsafe { source.read() }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: by the contract.
        unsafe { out.write(self) };
    }

    #[inline(always)]
    unsafe fn mul_add<R: Rounding>(self, factor: f32, sum: f32) -> f32 {
        if R::IS_ONCE { fma(self, factor, sum) } else { self * factor + sum }
    }

    #[inline(always)]
    fn minimum(self, other: f32) -> f32 {
        if self < other { self } else { other }
    }

    #[inline(always)]
    fn maximum(self, other: f32) -> f32 {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn select_greater(self, other: f32, yes: f32, no: f32) -> f32 {
        if self > other { yes } else { no }
    }

    #[inline(always)]
    fn shift_left(self, count: u8) -> f32 {
        f32::from_bits(self.to_bits() << count)
    }
}

/// Four numbers.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub struct F32x4(__m128);

#[cfg(target_arch = "x86_64")]
macro_rules! operator {
    ($trait:ident, $name:ident, $intrinsic:ident) => {
        impl $trait for F32x4 {
            type Output = F32x4;

            #[inline(always)]
            fn $name(self, other: F32x4) -> F32x4 {
                // SAFETY: every x86-64 machine has SSE2.
                F32x4(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
operator! { Add, add, _mm_add_ps }
#[cfg(target_arch = "x86_64")]
operator! { Sub, sub, _mm_sub_ps }
#[cfg(target_arch = "x86_64")]
operator! { Mul, mul, _mm_mul_ps }
#[cfg(target_arch = "x86_64")]
operator! { Div, div, _mm_div_ps }

#[cfg(target_arch = "x86_64")]
impl F32x4 {
    /// One of the numbers.
    #[inline(always)]
    #[must_use]
    pub fn lane<const LANE: usize>(self) -> f32 {
        let mut lanes = [0.0; 4];
        // SAFETY: there is room for four.
        unsafe { _mm_storeu_ps(lanes.as_mut_ptr(), self.0) };
        lanes.get(LANE).copied().unwrap_or(0.0)
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for F32x4 {
    #[inline(always)]
    fn every(value: f32) -> F32x4 {
        // SAFETY: every x86-64 machine has SSE2; so below.
        F32x4(unsafe { _mm_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> F32x4 {
        // SAFETY: by the contract.
        F32x4(unsafe { _mm_loadu_ps(source) })
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: by the contract.
        unsafe { _mm_storeu_ps(out, self.0) };
    }

    #[inline(always)]
    unsafe fn mul_add<R: Rounding>(self, factor: F32x4, sum: F32x4) -> F32x4 {
        if R::IS_ONCE {
            // SAFETY: by the contract.
            F32x4(unsafe { _mm_fmadd_ps(self.0, factor.0, sum.0) })
        } else {
            self * factor + sum
        }
    }

    #[inline(always)]
    fn minimum(self, other: F32x4) -> F32x4 {
        // SAFETY: SSE2; the instruction gives its second operand if either is NaN.
        F32x4(unsafe { _mm_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn maximum(self, other: F32x4) -> F32x4 {
        // SAFETY: SSE2; the instruction gives its second operand if either is NaN.
        F32x4(unsafe { _mm_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn select_greater(self, other: F32x4, yes: F32x4, no: F32x4) -> F32x4 {
        // SAFETY: SSE2.
        unsafe {
            let mask = _mm_cmpgt_ps(self.0, other.0);
            F32x4(_mm_or_ps(_mm_and_ps(mask, yes.0), _mm_andnot_ps(mask, no.0)))
        }
    }

    #[inline(always)]
    fn shift_left(self, count: u8) -> F32x4 {
        // SAFETY: SSE2.
        unsafe {
            let shifted = _mm_sll_epi32(_mm_castps_si128(self.0), _mm_cvtsi32_si128(i32::from(count)));
            F32x4(_mm_castsi128_ps(shifted))
        }
    }
}

/// Four numbers.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug, Clone, Copy)]
pub struct F32x4([f32; 4]);

#[cfg(not(target_arch = "x86_64"))]
macro_rules! operator {
    ($trait:ident, $name:ident) => {
        impl $trait for F32x4 {
            type Output = F32x4;

            #[inline(always)]
            fn $name(self, other: F32x4) -> F32x4 {
                let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
                F32x4([a.$name(e), b.$name(f), c.$name(g), d.$name(h)])
            }
        }
    };
}

#[cfg(not(target_arch = "x86_64"))]
operator! { Add, add }
#[cfg(not(target_arch = "x86_64"))]
operator! { Sub, sub }
#[cfg(not(target_arch = "x86_64"))]
operator! { Mul, mul }
#[cfg(not(target_arch = "x86_64"))]
operator! { Div, div }

#[cfg(not(target_arch = "x86_64"))]
impl F32x4 {
    /// One of the numbers.
    #[inline(always)]
    #[must_use]
    pub fn lane<const LANE: usize>(self) -> f32 {
        self.0.get(LANE).copied().unwrap_or(0.0)
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Lanes for F32x4 {
    #[inline(always)]
    fn every(value: f32) -> F32x4 {
        F32x4([value; 4])
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> F32x4 {
        // SAFETY: by the contract; arrays of `f32` are aligned like `f32`.
        F32x4(unsafe { source.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: by the contract; arrays of `f32` are aligned like `f32`.
        unsafe { out.cast::<[f32; 4]>().write(self.0) };
    }

    #[inline(always)]
    unsafe fn mul_add<R: Rounding>(self, factor: F32x4, sum: F32x4) -> F32x4 {
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (self.0, factor.0, sum.0);
        // SAFETY: by the contract.
        unsafe {
            F32x4([
                Lanes::mul_add::<R>(a, e, i),
                Lanes::mul_add::<R>(b, f, j),
                Lanes::mul_add::<R>(c, g, k),
                Lanes::mul_add::<R>(d, h, l),
            ])
        }
    }

    #[inline(always)]
    fn minimum(self, other: F32x4) -> F32x4 {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        F32x4([Lanes::minimum(a, e), Lanes::minimum(b, f), Lanes::minimum(c, g), Lanes::minimum(d, h)])
    }

    #[inline(always)]
    fn maximum(self, other: F32x4) -> F32x4 {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        F32x4([Lanes::maximum(a, e), Lanes::maximum(b, f), Lanes::maximum(c, g), Lanes::maximum(d, h)])
    }

    #[inline(always)]
    fn select_greater(self, other: F32x4, yes: F32x4, no: F32x4) -> F32x4 {
        let choose = |lane: usize| if self.0[lane] > other.0[lane] { yes.0[lane] } else { no.0[lane] };
        F32x4([choose(0), choose(1), choose(2), choose(3)])
    }

    #[inline(always)]
    fn shift_left(self, count: u8) -> F32x4 {
        F32x4(self.0.map(|value| value.shift_left(count)))
    }
}
