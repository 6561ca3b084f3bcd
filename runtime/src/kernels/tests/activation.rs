//! How far activations are from their definitions.

use std::ptr::null;

use super::*;
use crate::abi::Runs;

/// The definition, in `f64`.
pub(super) fn reference(shape: ActivationShape, x: f64) -> f64 {
    match shape.code {
        ActivationCode::Identity => x,
        ActivationCode::Relu => {
            if x.is_nan() {
                x
            } else {
                x.max(0.0)
            }
        }
        ActivationCode::Relu6 => {
            if x.is_nan() {
                x
            } else {
                x.clamp(0.0, 6.0)
            }
        }
        ActivationCode::LeakyRelu => {
            if x > 0.0 {
                x
            } else {
                f64::from(shape.slope) * x
            }
        }
        ActivationCode::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        ActivationCode::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        ActivationCode::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        ActivationCode::Silu => x / (1.0 + (-x).exp()),
        ActivationCode::GeluErf => x * normal_distribution(x),
        ActivationCode::GeluTanh => {
            x / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).exp())
        }
        ActivationCode::Tanh => x.tanh(),
    }
}

/// `(1 + erf(x / sqrt(2))) / 2` by its series.
fn normal_distribution(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() > 7.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    // 1/2 + density(x) * (x + x³/3 + x⁵/(3*5) + ...): all terms have the same sign.
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Applies an activation to all values: a matrix product with the number one.
fn apply(kernels: &Kernels, code: ActivationCode, values: &[f32]) -> Vec<f32> {
    let width = kernels.tile().panel_width(1);
    let mut panel = vec![0.0; width];
    panel[0] = 1.0;
    let after = ActivationShape { code, slope: 0.25 };
    let shape = MatmulShape {
        runs: Runs::one(1),
        columns: 1,
        a_stride: 1,
        out_stride: 1,
        epilogue: Epilogue { after, ..Epilogue::default() },
    };
    let mut out = vec![0.0; values.len()];
    // SAFETY: one column of as many rows as there are values, of depth one.
    unsafe {
        (kernels.matmul)(
            values.as_ptr(),
            panel.as_ptr(),
            out.as_mut_ptr(),
            values.len(),
            &raw const shape,
            null(),
            null(),
            null(),
            std::ptr::null_mut(),
            null(),
            0,
        );
    }
    out
}

/// Many numbers, close to each other near zero and at most `limit`.
fn samples(limit: f32) -> Vec<f32> {
    let steps = if cfg!(miri) { 100 } else { 20_000 };
    let mut values: Vec<f32> = (-steps..=steps).map(|step| step as f32 / steps as f32 * limit).collect();
    let mut small = limit;
    while small > 1e-30 {
        values.extend([small, -small]);
        small *= 0.93;
    }
    values
}

/// The largest absolute and relative errors.
fn errors(kernels: &Kernels, code: ActivationCode, limit: f32) -> (f64, f64) {
    let samples = samples(limit);
    let (mut absolute, mut relative) = (0.0_f64, 0.0_f64);
    for (x, got) in samples.iter().zip(apply(kernels, code, &samples)) {
        let wanted = reference(ActivationShape { code, slope: 0.25 }, f64::from(*x));
        let error = (f64::from(got) - wanted).abs();
        assert!(!error.is_nan(), "{code:?}({x}) = {got}");
        absolute = absolute.max(error);
        if wanted.abs() > 2e-38 {
            relative = relative.max(error / wanted.abs());
        }
    }
    println!("{:?} {code:?} up to {limit}: absolute {absolute:.2e}, relative {relative:.2e}", kernels.isa());
    (absolute, relative)
}

#[test]
fn activations_are_close_to_their_definitions() {
    for (name, kernels) in tables() {
        for code in CODES {
            // Error functions cancel in their tails, polynomials before a clamp do at its ends: there, only the absolute error is small.
            let (absolute, relative) = errors(kernels, code, 20.0);
            let (absolute_limit, relative_limit) = match code {
                ActivationCode::Identity | ActivationCode::Relu | ActivationCode::Relu6 => (0.0, 0.0),
                ActivationCode::LeakyRelu => (0.0, 0.0),
                ActivationCode::HardSigmoid => (2e-7, f64::INFINITY),
                ActivationCode::HardSwish => (3e-6, f64::INFINITY),
                ActivationCode::Sigmoid => (2e-7, 3e-7),
                ActivationCode::Silu => (3e-6, 3e-7),
                ActivationCode::GeluTanh => (3e-6, f64::INFINITY),
                ActivationCode::Tanh => (5e-7, 5e-7),
                ActivationCode::GeluErf => (3e-6, f64::INFINITY),
            };
            assert!(
                absolute <= absolute_limit && relative <= relative_limit,
                "{name} {code:?}: {absolute:e} {relative:e}"
            );
        }
        assert!(errors(kernels, ActivationCode::GeluErf, 2.0).0 < 5e-7);
        assert!(errors(kernels, ActivationCode::GeluErf, 4.0).0 < 8e-7);
        assert!(errors(kernels, ActivationCode::Sigmoid, 86.9).1 < 3e-7);
    }
}

/// Instruction sets with fused multiply-add compute the same formulas, some by fewer instructions.
#[test]
fn activations_have_the_same_bits_where_products_and_sums_are_fused() {
    let fused: Vec<_> = tables().into_iter().filter(|(name, _)| matches!(*name, "avx2" | "avx512")).collect();
    let [(_, avx2), (_, avx512)] = fused.as_slice() else {
        eprintln!("skipped: this machine does not have both AVX2 and AVX-512");
        return;
    };
    let mut values = samples(100.0);
    values.extend([0.0, -0.0, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    for code in CODES {
        let (left, right) = (apply(avx2, code, &values), apply(avx512, code, &values));
        for ((x, left), right) in values.iter().zip(left).zip(right) {
            let same = left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan());
            assert!(same, "{code:?}({x}) is {left:e} with AVX2 and {right:e} with AVX-512");
        }
    }
}

#[test]
fn activations_saturate_and_keep_nan() {
    let values = [f32::NAN, 100.0, -100.0, 1e30, -1e30, f32::MAX, f32::MIN, 0.0];
    for (name, kernels) in tables() {
        for code in CODES {
            let out = apply(kernels, code, &values);
            assert!(out[0].is_nan(), "{name} {code:?}");
            for (x, got) in values.iter().zip(&out).skip(1) {
                let wanted = reference(ActivationShape { code, slope: 0.25 }, f64::from(*x));
                let error = (f64::from(*got) - wanted).abs();
                assert!(error <= 1e-6 * wanted.abs().max(1.0), "{name} {code:?}({x}) = {got}, not {wanted}");
            }
        }
    }
}

#[test]
fn exponentials_are_exact_to_a_few_bits() {
    let samples = samples(88.7);
    for (name, kernels) in tables() {
        let mut worst = 0.0_f64;
        for pair in samples.chunks(2) {
            // The exponential of a difference, through a softmax of it and zero: e / (e + 1), where e is tiny beside 1.
            let [x, _] = pair else { continue };
            if *x > -20.0 || *x < -86.9 {
                continue;
            }
            let source = [*x, 0.0];
            let mut out = [0.0; 2];
            let shape = SoftmaxShape { columns: 2, temperature: 1.0, ..SoftmaxShape::default() };
            // SAFETY: one row of two values.
            unsafe { (kernels.softmax)(source.as_ptr(), out.as_mut_ptr(), 1, &raw const shape, null(), null()) };
            let exact = f64::from(*x).exp();
            let wanted = exact / (exact + 1.0);
            worst = worst.max((f64::from(out[0]) - wanted).abs() / wanted);
        }
        println!("{name}: exp has a relative error of {worst:.2e}");
        assert!(worst < 2e-7, "{name}: {worst:e}");
    }
}
