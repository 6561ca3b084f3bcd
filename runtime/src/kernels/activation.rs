//! Activations: functions of each element by itself.
//!
//! The formulas and their constants are documented in [`math`](crate::math); here they are spelled once for all instruction
//! sets. NaN gives NaN; no other finite number does.

use crate::abi::{ActivationCode, ActivationShape};
use crate::math;
use crate::simd::Simd;

/// Applies an activation to each of the values. Out of line: [`Simd::activate`].
#[inline(always)]
pub(crate) fn apply<S: Simd>(s: S, shape: ActivationShape, values: &mut [S::Vector]) {
    macro_rules! each {
        ($value:ident => $result:expr) => {
            for value in values {
                let $value = *value;
                *value = $result;
            }
        };
    }
    match shape.code {
        ActivationCode::Identity => {}
        ActivationCode::Relu => each!(x => relu(s, x)),
        ActivationCode::Relu6 => each!(x => relu6(s, x)),
        ActivationCode::LeakyRelu => {
            let slope = s.splat(shape.slope);
            each!(x => leaky_relu(s, x, slope));
        }
        ActivationCode::Sigmoid => each!(x => sigmoid(s, x)),
        ActivationCode::HardSigmoid => each!(x => hard_sigmoid(s, x)),
        ActivationCode::HardSwish => each!(x => hard_swish(s, x)),
        ActivationCode::Silu => each!(x => silu(s, x)),
        ActivationCode::GeluErf => each!(x => gelu_erf(s, x)),
        ActivationCode::GeluTanh => each!(x => gelu_tanh(s, x)),
        ActivationCode::Tanh => each!(x => tanh(s, x)),
    }
}

#[inline(always)]
pub(crate) fn relu<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.max(s.zero(), x)
}

#[inline(always)]
pub(crate) fn relu6<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.min(s.splat(6.0), s.max(s.zero(), x))
}

#[inline(always)]
pub(crate) fn leaky_relu<S: Simd>(s: S, x: S::Vector, slope: S::Vector) -> S::Vector {
    s.select_greater(x, s.zero(), x, s.mul(slope, x))
}

#[inline(always)]
pub(crate) fn hard_sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.mul(relu6(s, s.add(x, s.splat(3.0))), s.splat(math::ONE_SIXTH))
}

#[inline(always)]
pub(crate) fn hard_swish<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.mul(x, hard_sigmoid(s, x))
}

/// Of what is at most zero up to rounding, or NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let x = s.max(s.splat(math::EXP_LOW), x);
    let (rest, shifted, _) = reduced(s, x, 1.0);
    s.mul(polynomial(s, &math::exp_coefficients(2.0, 1.0), rest), s.shift_into_exponent(shifted))
}

#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.div(s.splat(1.0), one_plus_exp_of_negative(s, x))
}

#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.div(x, s.one_plus_exp_of_negative(x))
}

#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let slope = s.mul_add(s.mul(x, x), s.splat(math::GELU_TANH_CUBIC), s.splat(math::GELU_TANH_LINEAR));
    s.div(x, s.one_plus_exp_of_negative(s.mul(x, slope)))
}

/// `1 + exp(-x)`; NaN stays NaN.
#[inline(always)]
pub(crate) fn one_plus_exp_of_negative<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let x = clamp(s, -math::EXP_HIGH, -math::EXP_LOW, x);
    let (rest, shifted, _) = reduced(s, x, -1.0);
    let power = polynomial(s, &math::exp_coefficients(2.0, -1.0), rest);
    s.mul_add(power, s.shift_into_exponent(shifted), s.splat(1.0))
}

/// For the exponential of `sign * x`: `sign` times what is left of that without whole multiples of `ln(2)`, the number whose low bits
/// are the exponent, and how many multiples there are.
#[inline(always)]
pub(crate) fn reduced<S: Simd>(s: S, x: S::Vector, sign: f32) -> (S::Vector, S::Vector, S::Vector) {
    let magic = s.splat(math::EXP_MAGIC);
    let shifted = s.mul_add(x, s.splat(sign * math::LOG2_E), magic);
    let whole = s.sub(shifted, magic);
    let rest = s.mul_add(whole, s.splat(-sign * math::LN_2_HIGH), x);
    (s.mul_add(whole, s.splat(-sign * math::LN_2_LOW), rest), shifted, whole)
}

#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let x = clamp(s, -math::TANH_HIGH, math::TANH_HIGH, x);
    odd_rational(s, &math::TANH_NUMERATOR, &math::TANH_DENOMINATOR, x)
}

#[inline(always)]
pub(crate) fn gelu_erf<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let half_erf = odd_rational(s, &math::GELU_NUMERATOR, &math::GELU_DENOMINATOR, s.limit(x, math::GELU_HIGH));
    s.mul(s.max(s.splat(-math::GELU_HIGH), x), s.add(half_erf, s.splat(0.5)))
}

/// `x` between the two; NaN stays NaN.
#[inline(always)]
fn clamp<S: Simd>(s: S, low: f32, high: f32, x: S::Vector) -> S::Vector {
    s.min(s.splat(high), s.max(s.splat(low), x))
}

/// A polynomial whose coefficients stand from the highest power to the lowest, by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(s: S, coefficients: &[f32; N], x: S::Vector) -> S::Vector {
    let mut value = s.zero();
    for (index, coefficient) in coefficients.iter().enumerate() {
        let coefficient = s.splat(*coefficient);
        value = if index == 0 { coefficient } else { s.mul_add(value, x, coefficient) };
    }
    value
}

/// `x * numerator(x²) / denominator(x²)`
#[inline(always)]
fn odd_rational<S: Simd, const N: usize, const D: usize>(
    s: S,
    numerator: &[f32; N],
    denominator: &[f32; D],
    x: S::Vector,
) -> S::Vector {
    let square = s.mul(x, x);
    s.div(s.mul(polynomial(s, numerator, square), x), polynomial(s, denominator, square))
}
