//! Normalisations.

use super::draft::{Draft, Step};
use super::writer::Job;
use crate::op::norm::{BatchNorm, GroupNorm, LayerNorm};

pub(super) fn batch_norm(op: &BatchNorm, job: &mut Job<'_, '_>) -> Step {
    let channels = job.dims(0).get(1).copied().unwrap_or(0);
    let [scale, bias] = scale_and_bias(op.affine, channels, job);
    let statistics = if op.affine { 2 } else { 0 };
    let [mean, variance] = [statistics, statistics + 1].map(|index| job.weight(index));
    let inputs = [job.input(0), scale, bias, mean, variance];
    Draft::new("BatchNormalization", inputs).number("epsilon", op.eps).into()
}

/// The operator normalises from a dimension to the last one: any other dimension is made the last one for it.
pub(super) fn layer_norm(op: &LayerNorm, job: &mut Job<'_, '_>) -> Step {
    let rank = job.dims(0).len();
    let [scale, bias] = scale_and_bias(op.affine, job.dims(0).get(op.dim).copied().unwrap_or(0), job);
    let normalisation = |x: String| {
        let axis = rank.saturating_sub(1);
        Draft::new("LayerNormalization", [x, scale, bias]).integer("axis", axis).number("epsilon", op.eps)
    };
    let x = job.input(0);
    if op.dim + 1 == rank {
        return normalisation(x).into();
    }
    let there: Vec<usize> = (0..rank).filter(|dim| *dim != op.dim).chain([op.dim]).collect();
    let back: Vec<usize> = (0..rank).filter_map(|dim| there.iter().position(|from| *from == dim)).collect();
    let last = job.emit("last", Draft::new("Transpose", [x]).integers("perm", &there));
    let normalised = job.emit("normalised", normalisation(last));
    Draft::new("Transpose", [normalised]).integers("perm", &back).into()
}

/// The opset has no group norm: each group is made a channel, of which `InstanceNormalization` takes every sample's alone.
pub(super) fn group_norm(op: &GroupNorm, job: &mut Job<'_, '_>) -> Step {
    let dims = job.dims(0);
    let [batch, channels, rest @ ..] = dims else { return Step::Value(job.input(0)) };
    let [ones, zeros] = scale_and_bias(false, op.groups, job);
    let group = channels / op.groups.max(1) * rest.iter().product::<usize>();
    let x = job.input(0);
    let groups = job.reshaped(x, &[*batch, op.groups, group]);
    let groups = job.emit("groups", groups);
    let normalise = Draft::new("InstanceNormalization", [groups, ones, zeros]).number("epsilon", op.eps);
    let normalised = job.emit("normalised", normalise);
    let channels = job.reshaped(normalised, dims);
    if !op.affine {
        return channels.into();
    }
    let channels = job.emit("channels", channels);
    let scale = job.weight_of_channels(0, "scale_of_channels", dims.len());
    let scaled = job.emit("scaled", Draft::new("Mul", [channels, scale]));
    let bias = job.weight_of_channels(1, "bias_of_channels", dims.len());
    Draft::new("Add", [scaled, bias]).into()
}

/// The first two weights, or what changes nothing in their place.
fn scale_and_bias(affine: bool, count: usize, job: &mut Job<'_, '_>) -> [String; 2] {
    if affine {
        return [0, 1].map(|index| job.weight(index));
    }
    [1.0, 0.0].map(|value| job.floats([count], std::iter::repeat_n(value, count)))
}
