//! Normalisations.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::Job;
use super::strided::Along;
use crate::op::norm::{BatchNorm, GroupNorm, LayerNorm};

/// The dimension of channels.
const CHANNELS: usize = 1;

pub(super) fn batch_norm(op: &BatchNorm, job: &Job<'_>) -> Vec<f64> {
    let x = job.input(0);
    let statistics = if op.affine { 2 } else { 0 };
    let (mean, variance) = (job.weight(statistics), job.weight(statistics + 1));
    let along = Along::new(x.dims(), CHANNELS);
    let normalised = x.data.iter().enumerate().map(|(position, x)| {
        let channel = position / along.inner % along.size;
        (x - mean[channel]) / (variance[channel] + op.eps).sqrt()
    });
    scaled(normalised.collect(), along, op.affine, job)
}

pub(super) fn layer_norm(op: &LayerNorm, job: &Job<'_>) -> Vec<f64> {
    let x = job.input(0);
    let along = Along::new(x.dims(), op.dim);
    scaled(along.map_lanes(x.data, |lane| normalise(lane, op.eps)), along, op.affine, job)
}

pub(super) fn group_norm(op: &GroupNorm, job: &Job<'_>) -> Vec<f64> {
    let x = job.input(0);
    let along = Along::new(x.dims(), CHANNELS);
    // The channels of a group and all that follows them lie side by side.
    let mut out = x.data.to_vec();
    for group in out.chunks_exact_mut(along.size / op.groups * along.inner) {
        normalise(group, op.eps);
    }
    scaled(out, along, op.affine, job)
}

/// Subtracts the mean and divides by the square root of the biased variance plus `eps`.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn normalise(values: &mut [f64], eps: f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    for value in values {
        *value = (*value - mean) / (variance + eps).sqrt();
    }
}

/// Multiplies with weight 0 and adds weight 1, one of each per entry of a dimension, if there are any.
fn scaled(mut values: Vec<f64>, along: Along, affine: bool, job: &Job<'_>) -> Vec<f64> {
    if affine {
        let (weight, bias) = (job.weight(0), job.weight(1));
        for (position, value) in values.iter_mut().enumerate() {
            let entry = position / along.inner % along.size;
            *value = *value * weight[entry] + bias[entry];
        }
    }
    values
}
