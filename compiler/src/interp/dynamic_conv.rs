//! Dynamic convolution: the coefficients of the experts, and the convolution with their mixture.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::conv::conv_image;
use super::linear::linear;
use super::{Job, activation};
use crate::op::activation::Activation;
use crate::op::dynamic_conv::{DynamicConv, Form, Gate, Routing};

/// One row of coefficients per sample.
pub(super) fn routing(op: &Routing, job: &Job<'_>) -> Vec<f64> {
    let x = job.input(0);
    let [batch, _, height, width] = x.image();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let pixels = (height * width) as f64;
    let pooled: Vec<f64> =
        x.data.chunks_exact(height * width).map(|channel| channel.iter().sum::<f64>() / pixels).collect();
    let mut scores = match op.form {
        Form::Mlp { hidden, activation } => {
            let mut middle = linear(&pooled, job.weight(0), None, [batch, hidden]);
            for value in &mut middle {
                *value = activation::apply(activation, *value);
            }
            linear(&middle, job.weight(1), None, [batch, op.experts])
        }
        Form::Linear => linear(&pooled, job.weight(0), Some(job.weight(1)), [batch, op.experts]),
    };
    for row in scores.chunks_exact_mut(op.experts) {
        match op.gate {
            Gate::Softmax { temperature } => activation::softmax_lane(row, temperature),
            Gate::Sigmoid => row.iter_mut().for_each(|score| *score = activation::apply(Activation::Sigmoid, *score)),
        }
    }
    scores
}

/// For each sample, the filters are mixed first and the image is convolved with the mixture.
pub(super) fn dynamic_conv(op: &DynamicConv, job: &Job<'_>) -> Vec<f64> {
    let (x, coefficients) = (job.input(0), job.input(1));
    let [batch, ..] = x.image();
    let (image, result) = (x.data.len() / batch, job.shape.elements() / batch);
    let mut out = vec![0.0; job.shape.elements()];
    for (sample, out_image) in out.chunks_exact_mut(result).enumerate() {
        let alpha = &coefficients.data[sample * op.experts..][..op.experts];
        let weight = mix(alpha, job.weight(0));
        let bias = bias_of(op, alpha, job);
        let x_image = &x.data[sample * image..][..image];
        conv_image(&op.conv, x, x_image, &weight, bias.as_deref(), job.shape, out_image);
    }
    out
}

/// The mixture of the experts' biases and the one that is not mixed, as far as there are any.
fn bias_of(op: &DynamicConv, alpha: &[f64], job: &Job<'_>) -> Option<Vec<f64>> {
    let mixed = op.conv.bias.then(|| mix(alpha, job.weight(1)));
    let shift = op.shift.then(|| job.weight(1 + usize::from(op.conv.bias)));
    match (mixed, shift) {
        (Some(mixed), Some(shift)) => Some(mixed.iter().zip(shift).map(|(mixed, shift)| mixed + shift).collect()),
        (None, Some(shift)) => Some(shift.to_vec()),
        (mixed, None) => mixed,
    }
}

/// `sum_i alpha_i * experts_i`
fn mix(alpha: &[f64], experts: &[f64]) -> Vec<f64> {
    let size = experts.len() / alpha.len();
    let mut mixture = vec![0.0; size];
    for (alpha, expert) in alpha.iter().zip(experts.chunks_exact(size)) {
        for (sum, value) in mixture.iter_mut().zip(expert) {
            *sum += alpha * value;
        }
    }
    mixture
}
