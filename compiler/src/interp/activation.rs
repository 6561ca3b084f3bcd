//! Activations.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::Operand;
use super::strided::Along;
use crate::op::activation::{Activation, Softmax};

/// The function of one element. A NaN stays one.
pub(super) fn apply(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                slope * x
            }
        }
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluErf => x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)) / 2.0,
        Activation::GeluTanh => x * (1.0 + (FRAC_2_PI.sqrt() * (x + 0.044715 * x.powi(3))).tanh()) / 2.0,
        Activation::Tanh => x.tanh(),
        Activation::Identity => x,
    }
}

pub(super) fn prelu(x: Operand<'_>, weight: &[f64]) -> Vec<f64> {
    let along = Along::new(x.dims(), 1);
    let element = |(position, x): (usize, &f64)| {
        let slope = weight[position / along.inner % along.size];
        apply(Activation::LeakyRelu { slope }, *x)
    };
    x.data.iter().enumerate().map(element).collect()
}

pub(super) fn softmax(op: &Softmax, x: Operand<'_>) -> Vec<f64> {
    Along::new(x.dims(), op.dim).map_lanes(x.data, |lane| softmax_lane(lane, op.temperature))
}

/// Turns scores into shares.
pub(super) fn softmax_lane(lane: &mut [f64], temperature: f64) {
    // Subtracting the largest changes nothing but keeps `exp` in range.
    let largest = lane.iter().fold(f64::NEG_INFINITY, |largest, score| largest.max(*score));
    for score in &mut *lane {
        *score = ((*score - largest) / temperature).exp();
    }
    let sum: f64 = lane.iter().sum();
    for share in lane {
        *share /= sum;
    }
}
