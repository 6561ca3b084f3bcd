//! Arithmetic that Rust's core library lacks: of std where there is one, else of `libm`. Both round correctly, so the bits are the same.

#![allow(
    clippy::inline_always,
    reason = "what generated functions call is compiled with them, for the same instruction set"
)]

/// The square root.
#[inline(always)]
#[must_use]
pub(crate) fn sqrt(value: f64) -> f64 {
    #[cfg(any(feature = "std", test))]
    return value.sqrt();
    #[cfg(not(any(feature = "std", test)))]
    return libm::sqrt(value);
}

/// `a * b + c`, rounded once.
#[inline(always)]
#[must_use]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(any(feature = "std", test))]
    return a.mul_add(b, c);
    #[cfg(not(any(feature = "std", test)))]
    return libm::fmaf(a, b, c);
}
