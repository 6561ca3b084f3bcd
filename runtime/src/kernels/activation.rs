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

#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let x = clamp(s, math::EXP_LOW, math::EXP_HIGH, x);
    let magic = s.splat(math::EXP_MAGIC);
    let shifted = s.mul_add(x, s.splat(math::LOG2_E), magic);
    let whole = s.sub(shifted, magic);
    let rest = s.mul_add(whole, s.splat(math::NEGATIVE_LN_2_HIGH), x);
    let rest = s.mul_add(whole, s.splat(math::NEGATIVE_LN_2_LOW), rest);
    s.mul(polynomial(s, &math::EXP_COEFFICIENTS, rest), s.shift_into_exponent(shifted))
}

#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let one = s.splat(1.0);
    s.div(one, s.add(one, exp(s, s.sub(s.zero(), x))))
}

#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.div(x, s.add(s.splat(1.0), exp(s, s.sub(s.zero(), x))))
}

#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let slope = s.mul_add(s.mul(x, x), s.splat(math::GELU_TANH_CUBIC), s.splat(math::GELU_TANH_LINEAR));
    s.div(x, s.add(s.splat(1.0), exp(s, s.mul(x, slope))))
}

#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let x = clamp(s, -math::TANH_HIGH, math::TANH_HIGH, x);
    odd_rational(s, &math::TANH_NUMERATOR, &math::TANH_DENOMINATOR, x)
}

#[inline(always)]
pub(crate) fn gelu_erf<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let y = clamp(s, -math::ERF_HIGH, math::ERF_HIGH, s.mul(x, s.splat(math::FRAC_1_SQRT_2)));
    let erf = odd_rational(s, &math::ERF_NUMERATOR, &math::ERF_DENOMINATOR, y);
    let half = s.mul(s.max(s.splat(math::GELU_LOW), x), s.splat(0.5));
    s.mul_add(half, erf, half)
}

/// `x` between the two; NaN stays NaN.
#[inline(always)]
fn clamp<S: Simd>(s: S, low: f32, high: f32, x: S::Vector) -> S::Vector {
    s.min(s.splat(high), s.max(s.splat(low), x))
}

/// A polynomial whose coefficients stand from the highest power to the lowest, by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, coefficients: &[f32; N], x: S::Vector) -> S::Vector {
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
