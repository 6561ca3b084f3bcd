//! The constants of the formulas that approximate `exp`, `tanh` and the error function, shared by the kernels and by code
//! generators, so that both give the same bits.
//!
//! Every formula is a fixed sequence of additions, products, fused multiply-adds, divisions, selections and one shift of
//! bits; the sequences are spelled out here, with `fma(a, b, c)` for `a * b + c` (two roundings where the instruction set
//! has no fused multiply-add), `max(a, b)` for `a > b ? a : b` and `min(a, b)` for `a < b ? a : b`, both of which give `b`
//! if an operand is NaN. Thus `max(constant, x)` propagates NaN. Errors are measured in `kernels/tests/activation.rs`.
//!
//! # `exp(x)`
//!
//! ```text
//! x = min(EXP_HIGH, max(EXP_LOW, x))
//! z = fma(x, LOG2_E, EXP_MAGIC)              the low bits of z hold n - 1 + 127, n = round(x / ln 2)
//! n = z - EXP_MAGIC
//! r = fma(n, NEGATIVE_LN_2_HIGH, x)
//! r = fma(n, NEGATIVE_LN_2_LOW, r)           |r| <= ln(2) / 2
//! p = EXP_COEFFICIENTS by Horner's rule: p = c0; p = fma(p, r, c1); ...; p = fma(p, r, c6)      = 2 * exp(r)
//! exp = p * bitcast(bits(z) << 23)           = p * 2^(n - 1)
//! ```
//!
//! Relative error below 2e-7 for `-86.98 < x < 88.72`; exactly zero below, infinite above; NaN stays NaN.
//!
//! # What is built upon it
//!
//! ```text
//! sigmoid(x)   = 1 / (1 + exp(0 - x))
//! silu(x)      = x / (1 + exp(0 - x))
//! gelu_tanh(x) = x / (1 + exp(x * fma(x * x, GELU_TANH_CUBIC, GELU_TANH_LINEAR)))
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
//! y = x * FRAC_1_SQRT_2
//! y = min(ERF_HIGH, max(-ERF_HIGH, y))
//! s = y * y
//! p = ERF_NUMERATOR by Horner's rule in s, then p * y
//! q = ERF_DENOMINATOR by Horner's rule in s
//! h = max(GELU_LOW, x) * 0.5                 below it, gelu is zero up to its error
//! gelu = fma(h, p / q, h)
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
/// The negated high part of `ln(2)`, 355 / 512: times a whole number below 2^15 it is exact.
pub const NEGATIVE_LN_2_HIGH: f32 = -355.0 / 512.0;
/// The negated low part of `ln(2)`, `355 / 512 - ln(2)`.
pub const NEGATIVE_LN_2_LOW: f32 = 2.121_944_4e-4;
/// `2 * exp(r)` for `|r| <= ln(2) / 2`, highest power first. `(exp(r) - 1 - r) / r²` was interpolated at five Chebyshev nodes;
/// the relative error of the exact polynomial is 1.1e-8.
pub const EXP_COEFFICIENTS: [f32; 7] = [0.002_785_250_2, 0.016_726_466, 0.083_333_105, 0.333_331_53, 1.0, 2.0, 2.0];

/// `-2 * sqrt(2 / pi)`
pub const GELU_TANH_LINEAR: f32 = -1.595_769_2;
/// `-2 * sqrt(2 / pi) * 0.044715`
pub const GELU_TANH_CUBIC: f32 = -0.071_354_814;

/// From it on, `tanh` is one up to the error.
pub const TANH_HIGH: f32 = 7.905_311;
/// The odd numerator of a rational minimax approximation of `tanh`, highest power first, from Eigen's
/// `generic_fast_tanh_float`.
pub const TANH_NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3];
/// Its even denominator.
pub const TANH_DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];

/// `1 / sqrt(2)`
pub const FRAC_1_SQRT_2: f32 = core::f32::consts::FRAC_1_SQRT_2;
/// From it on, the error function is one up to the error.
pub const ERF_HIGH: f32 = 4.0;
/// `-sqrt(2) * ERF_HIGH`
pub const GELU_LOW: f32 = -5.656_854;
/// The odd numerator of a rational minimax approximation of the error function, highest power first, from Eigen's
/// `generic_fast_erf_float`.
pub const ERF_NUMERATOR: [f32; 7] =
    [-2.726_142_3e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2];
/// Its even denominator.
pub const ERF_DENOMINATOR: [f32; 5] = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];

/// `1 / 6`, for the hard activations.
pub const ONE_SIXTH: f32 = 1.0 / 6.0;
