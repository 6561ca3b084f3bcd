//! Activations, softmax, and dropout, which does nothing at inference.

use std::f64::consts::{FRAC_2_PI, SQRT_2};

use super::draft::{Draft, Step};
use super::writer::Job;
use crate::op::activation::Activation;
use crate::op::regularize::Dropout;

/// A function of each element of a tensor.
pub(super) fn activation(function: Activation, x: String, job: &mut Job<'_, '_>) -> Step {
    match function {
        Activation::Identity => return Step::Value(x),
        Activation::Relu => Draft::new("Relu", [x]),
        Activation::Relu6 => Draft::new("Clip", [x, job.number(0.0), job.number(6.0)]),
        Activation::LeakyRelu { slope } => Draft::new("LeakyRelu", [x]).number("alpha", slope),
        Activation::Sigmoid => Draft::new("Sigmoid", [x]),
        // `max(0, min(1, x / 6 + 1 / 2))`
        Activation::HardSigmoid => Draft::new("HardSigmoid", [x]).number("alpha", 1.0 / 6.0).number("beta", 0.5),
        Activation::HardSwish => Draft::new("HardSwish", [x]),
        Activation::Silu => {
            let gate = job.emit("gate", Draft::new("Sigmoid", [x.clone()]));
            Draft::new("Mul", [x, gate])
        }
        // In the order in which runtimes look for it, to compute it in one go.
        Activation::GeluErf => {
            let scale = Draft::new("Div", [x.clone(), job.number(SQRT_2)]);
            let scaled = job.emit("scaled", scale);
            let erf = job.emit("erf", Draft::new("Erf", [scaled]));
            let gate = Draft::new("Add", [erf, job.number(1.0)]);
            gated(x, gate, job)
        }
        Activation::GeluTanh => {
            let cube = Draft::new("Pow", [x.clone(), job.number(3.0)]);
            let cube = job.emit("cube", cube);
            let small = Draft::new("Mul", [cube, job.number(0.044715)]);
            let small = job.emit("small", small);
            let sum = job.emit("sum", Draft::new("Add", [x.clone(), small]));
            let scale = Draft::new("Mul", [sum, job.number(FRAC_2_PI.sqrt())]);
            let scaled = job.emit("scaled", scale);
            let tanh = job.emit("tanh", Draft::new("Tanh", [scaled]));
            let gate = Draft::new("Add", [tanh, job.number(1.0)]);
            gated(x, gate, job)
        }
        Activation::Tanh => Draft::new("Tanh", [x]),
    }
    .into()
}

/// `x * gate / 2`
fn gated(x: String, gate: Draft, job: &mut Job<'_, '_>) -> Draft {
    let gate = job.emit("gate", gate);
    let product = job.emit("product", Draft::new("Mul", [x, gate]));
    Draft::new("Mul", [product, job.number(0.5)])
}

pub(super) fn prelu(job: &mut Job<'_, '_>) -> Step {
    let slopes = job.weight_of_channels(0, "slopes", job.dims(0).len());
    Draft::new("PRelu", [job.input(0), slopes]).into()
}

/// Shares along a dimension.
pub(super) fn softmax(x: String, dim: usize, temperature: f64, job: &mut Job<'_, '_>) -> Step {
    #[expect(clippy::float_cmp, reason = "the default is exactly 1")]
    let scores = if temperature == 1.0 {
        x
    } else {
        let divide = Draft::new("Div", [x, job.number(temperature)]);
        job.emit("by_temperature", divide)
    };
    Draft::new("Softmax", [scores]).integer("axis", dim).into()
}

/// Runtimes skip it; who trains the model further finds the probability.
pub(super) fn dropout(op: &Dropout, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    // ONNX has no dropout of everything.
    if op.probability >= 1.0 {
        return Step::Value(x);
    }
    Draft::new("Dropout", [x, job.number(op.probability)]).into()
}
