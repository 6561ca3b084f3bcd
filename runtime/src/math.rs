//! The constants of the formulas that approximate `exp`, `tanh` and the error function, shared by the kernels and by code
//! generators, so that both give the same bits.
//!
//! Every formula is a fixed sequence of additions, products, fused multiply-adds, divisions, selections and one shift of
//! bits; the sequences are spelled out here, with `fma(a, b, c)` for `a * b + c` (two roundings where the instruction set
//! has no fused multiply-add), `max(a, b)` for `a > b ? a : b` and `min(a, b)` for `a < b ? a : b`, both of which give `b`
//! if an operand is NaN. Thus `max(constant, x)` propagates NaN. Errors are measured in `kernels/tests/activation.rs`.
//!
//! # `exp(x)` for `x <= 0`
//!
//! ```text
//! x = max(EXP_LOW, x)
//! z = fma(x, LOG2_E, EXP_MAGIC)              the low bits of z hold n - 1 + 127, n = round(x / ln 2)
//! n = z - EXP_MAGIC
//! r = fma(n, -LN_2_HIGH, x)
//! r = fma(n, -LN_2_LOW, r)                   |r| <= ln(2) / 2
//! p = exp_coefficients(2, 1) by Horner's rule: p = c0; p = fma(p, r, c1); ...; p = fma(p, r, c5)     = 2 * exp(r)
//! exp = p * bitcast(bits(z) << 23)           = p * 2^(n - 1)
//! ```
//!
//! Relative error below 2e-7 for `-86.98 < x`; exactly zero below; NaN stays NaN.
//!
//! # `1 + exp(-x)`, and what is built upon it
//!
//! Signs are taken into the constants:
//!
//! ```text
//! x = min(-EXP_LOW, max(-EXP_HIGH, x))
//! z = fma(x, -LOG2_E, EXP_MAGIC)
//! n = z - EXP_MAGIC
//! r = fma(n, LN_2_HIGH, x)
//! r = fma(n, LN_2_LOW, r)
//! p = exp_coefficients(2, -1) by Horner's rule
//! 1 + exp(-x) = fma(p, bitcast(bits(z) << 23), 1)        (the product is a power of two times p: exact, thus one rounding either way)
//! ```
//!
//! An instruction set that has them uses one instruction for both bounds, then of the same magnitude, and one for the last product:
//! the sum has the same bits, for exponentials that differ vanish beside 1.
//!
//! ```text
//! sigmoid(x)   = 1 / (1 + exp(-x))
//! silu(x)      = x / (1 + exp(-x))
//! gelu_tanh(x) = x / (1 + exp(-x * fma(x * x, GELU_TANH_CUBIC, GELU_TANH_LINEAR)))
//! ```
//!
//! The last holds since `(1 + tanh(u)) / 2 = sigmoid(2 * u)`.
//!
//! # `tanh(x)`
//!
//! ```text
//! x = min(TANH_HIGH, max(-TANH_HIGH, x))
//! s = x * x
//! p = TANH_NUMERATOR by Horner's rule in s, then p * x
//! q = TANH_DENOMINATOR by Horner's rule in s
//! tanh = p / q
//! ```
//!
//! Relative error below 5e-7.
//!
//! # `gelu(x) = x * (1 + erf(x / sqrt(2))) / 2`
//!
//! ```text
//! y = min(GELU_HIGH, max(-GELU_HIGH, x))
//! s = y * y
//! p = GELU_NUMERATOR by Horner's rule in s, then p * y
//! q = GELU_DENOMINATOR by Horner's rule in s
//! gelu = max(-GELU_HIGH, x) * (p / q + 0.5)  below -GELU_HIGH, zero
//! ```
//!
//! Absolute error below 5e-7 for `x < 2`, relative error below 3e-7 above.

/// Below it, `exp` is zero.
pub const EXP_LOW: f32 = -87.5;
/// From it on, `exp` is infinite.
pub const EXP_HIGH: f32 = 89.0;
/// `1 / ln(2)`
pub const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// `1.5 * 2^23 + 126`: added to a small number, it leaves the number's nearest integer plus 126 in the lowest bits, and
/// zeros in the nine bits that are left when these are shifted into the exponent.
pub const EXP_MAGIC: f32 = 12_583_038.0;
/// The high part of `ln(2)`, 355 / 512: times a whole number below 2^15 it is exact.
pub const LN_2_HIGH: f32 = 355.0 / 512.0;
/// The low part of `ln(2)`, `ln(2) - 355 / 512`.
pub const LN_2_LOW: f32 = -2.121_944_4e-4;
/// `exp(r)` for `|r| <= ln(2) / 2`, highest power first: the polynomial of degree 5 with the least relative error, 9.3e-8,
/// of those that are exact at zero (found by linear programming; each coefficient rounded in turn and the others found again).
const EXP_COEFFICIENTS: [f32; 6] = [0.008_289_696, 0.041_898_247, 0.166_676_49, 0.499_991_48, 0.999_999_7, 1.0];

/// The polynomial in `r`, highest power first, that is `factor * exp(sign * r)` for `|r| <= ln(2) / 2`. The factor is a power of two.
#[must_use]
pub const fn exp_coefficients(factor: f32, sign: f32) -> [f32; 6] {
    let [c5, c4, c3, c2, c1, c0] = EXP_COEFFICIENTS;
    let odd = factor * sign;
    [odd * c5, factor * c4, odd * c3, factor * c2, odd * c1, factor * c0]
}

/// `2 * sqrt(2 / pi)`
pub const GELU_TANH_LINEAR: f32 = 1.595_769_2;
/// `2 * sqrt(2 / pi) * 0.044715`
pub const GELU_TANH_CUBIC: f32 = 0.071_354_814;

/// From it on, `tanh` is one up to the error.
pub const TANH_HIGH: f32 = 7.905_311;
/// The odd numerator of a rational minimax approximation of `tanh`, highest power first, from Eigen's
/// `generic_fast_tanh_float`.
pub const TANH_NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3];
/// Its even denominator.
pub const TANH_DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];

/// From it on, gelu is `x`.
pub const GELU_HIGH: f32 = 5.25;
/// The odd numerator of a rational approximation of `erf(x / sqrt(2)) / 2` for `|x| <= GELU_HIGH`, where it is exactly one half,
/// highest power first: of those with so many coefficients, the one with the least error where that counts `max(1, |x|)` times
/// (2.1e-7; found by bisection over linear programs, the differential correction of Cheney and Loeb, "Two new algorithms for rational
/// approximation", 1961).
pub const GELU_NUMERATOR: [f32; 5] = [7.535_698e-6, 4.128_334_7e-4, 6.136_374e-3, 5.821_789_4e-2, 0.398_941_07];
/// Its even denominator.
pub const GELU_DENOMINATOR: [f32; 6] =
    [6.244_293_3e-7, 1.495_647e-4, 3.259_859_3e-3, 4.250_622_5e-2, 0.312_580_05, 1.0];

/// `1 / 6`, for the hard activations.
pub const ONE_SIXTH: f32 = 1.0 / 6.0;
