//! Arithmetic of two tensors.

use super::Operand;
use super::strided::{broadcast_strides, read};
use crate::op::elementwise::Binary;
use crate::shape::Shape;

pub(super) fn binary(op: Binary, left: Operand<'_>, right: Operand<'_>, shape: &Shape) -> Vec<f64> {
    let stretched =
        |operand: Operand<'_>| read(operand.data, shape.dims(), &broadcast_strides(operand.shape, shape.dims()), 0);
    stretched(left).into_iter().zip(stretched(right)).map(|(left, right)| apply(op, left, right)).collect()
}

/// The arithmetic of two numbers.
pub(super) fn apply(op: Binary, left: f64, right: f64) -> f64 {
    match op {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
    }
}
