//! Parts of tensors.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::Operand;
use super::strided::{Along, read};
use crate::op::slice::{Gather, Slice};

pub(super) fn slice(op: &Slice, x: Operand<'_>) -> Vec<f64> {
    let strides = x.shape.strides();
    let start = op.ranges.iter().zip(&strides).map(|(range, stride)| range.start * stride).sum();
    let steps: Vec<usize> = op.ranges.iter().zip(&strides).map(|(range, stride)| range.step * stride).collect();
    let counts: Vec<usize> = op.ranges.iter().map(|range| range.count).collect();
    read(x.data, &counts, &steps, start)
}

pub(super) fn gather(op: &Gather, x: Operand<'_>) -> Vec<f64> {
    let along = Along::new(x.dims(), op.dim);
    let mut out = Vec::new();
    for outer in 0..along.outer {
        for index in &*op.indices {
            out.extend_from_slice(&x.data[along.slab(outer, *index)]);
        }
    }
    out
}
