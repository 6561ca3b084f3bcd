//! Operations that move elements without changing them.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::Operand;
use super::strided::{Along, broadcast_strides, for_each_offset, read};
use crate::op::layout::{Concat, Pad, Permute, Roll};
use crate::shape::Shape;

pub(super) fn concat(op: &Concat, inputs: &[Operand<'_>]) -> Vec<f64> {
    let outer: usize = inputs[0].dims()[..op.dim].iter().product();
    let mut out = Vec::new();
    for block in 0..outer {
        for input in inputs {
            let size = input.data.len() / outer;
            out.extend_from_slice(&input.data[block * size..][..size]);
        }
    }
    out
}

pub(super) fn expand(x: Operand<'_>, shape: &Shape) -> Vec<f64> {
    read(x.data, shape.dims(), &broadcast_strides(x.shape, shape.dims()), 0)
}

pub(super) fn permute(op: &Permute, x: Operand<'_>) -> Vec<f64> {
    let strides = x.shape.strides();
    let (dims, strides): (Vec<usize>, Vec<usize>) = op.order.iter().map(|dim| (x.dims()[*dim], strides[*dim])).unzip();
    read(x.data, &dims, &strides, 0)
}

pub(super) fn roll(op: &Roll, x: Operand<'_>) -> Vec<f64> {
    op.shifts.iter().fold(x.data.to_vec(), |data, (dim, shift)| roll_along(&data, Along::new(x.dims(), *dim), *shift))
}

/// Output `i` is input `i - shift`, counted around the end.
fn roll_along(data: &[f64], along: Along, shift: i64) -> Vec<f64> {
    #[expect(clippy::cast_possible_wrap, reason = "sizes are far below 2^63, the remainder is positive")]
    let shift = shift.rem_euclid(along.size as i64) as usize;
    let mut out = Vec::with_capacity(data.len());
    for outer in 0..along.outer {
        for index in 0..along.size {
            out.extend_from_slice(&data[along.slab(outer, (index + along.size - shift) % along.size)]);
        }
    }
    out
}

pub(super) fn pad(op: &Pad, x: Operand<'_>, shape: &Shape) -> Vec<f64> {
    let strides = shape.strides();
    let start = op.sides.iter().zip(&strides).map(|([before, _], stride)| before * stride).sum();
    let mut out = vec![op.value; shape.elements()];
    let mut elements = x.data.iter();
    for_each_offset(x.dims(), &strides, start, &mut |offset| {
        if let Some(element) = elements.next() {
            out[offset] = *element;
        }
    });
    out
}
