//! Folds arithmetic with numbers per channel into the convolution, dynamic convolution or linear layer before it.
//!
//! `f(x) * c`, `f(x) / c`, `f(x) + c` and `f(x) - c`, where `c` is a number, or a constant or learned tensor (a layer scale) with
//! one number per output channel. Invariant: only a node that nothing else needs is changed.

use super::Pass;
use super::fold::{self, Affine};
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Graph, NodeId, WeightId};
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::shape::Shape;

/// See the module's documentation.
pub const PASS: Pass =
    Pass { name: "fold-scale", summary: "Fold factors and summands per channel into the operation before them", run };

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| match &node.op {
        Op::Binary(operator) => fold_into_operand(graph, rewrite, id, *operator),
        _ => Ok(None),
    })
}

fn fold_into_operand(
    graph: &Graph,
    rewrite: &mut Rewrite<'_>,
    id: NodeId,
    operator: Binary,
) -> Result<Option<NodeId>, OpError> {
    let (&[left, right], &[new_left, new_right]) = (graph.operands(id).as_slice(), rewrite.operands(id).as_slice())
    else {
        return Ok(None);
    };
    // `c - f(x)` and `c / f(x)` are no affine maps of this form; the other two commute.
    let commutes = matches!(operator, Binary::Add | Binary::Multiply);
    let orders = [Some((left, new_left, new_right)), commutes.then_some((right, new_right, new_left))];
    for (operand, producer, factor) in orders.into_iter().flatten() {
        if !fold::has_one_use(graph, operand) {
            continue;
        }
        let Some(affine) = affine(rewrite, producer, factor, operator) else { continue };
        return fold::fold(rewrite, producer, affine);
    }
    Ok(None)
}

/// What `producer operator factor` is as a map per output channel of the producer.
fn affine(rewrite: &mut Rewrite<'_>, producer: NodeId, factor: NodeId, operator: Binary) -> Option<Affine> {
    let (node, other) = (rewrite.graph().node(producer)?, rewrite.graph().node(factor)?);
    let (count, dim) = fold::channels(&node.op, &node.shape)?;
    // The result must have the producer's shape: a factor with more dimensions would stretch it.
    if node.shape.broadcast(&other.shape)? != node.shape || !is_per_channel(&other.shape, dim, node.shape.rank(), count)
    {
        return None;
    }
    let origin = node.weights.first().copied()?;
    let numbers: WeightId = match &other.op {
        Op::Constant(constant) => {
            let values = match &*constant.data {
                [value] => vec![*value; count],
                values => values.to_vec(),
            };
            if operator == Binary::Divide && values.iter().any(|value| !value.recip().is_finite()) {
                return None;
            }
            fold::constant(rewrite, origin, values)
        }
        // A learned divisor may be 0, whose inverse would turn infinities into something that is no number.
        Op::Param(_) if other.shape.elements() == count && operator != Binary::Divide => *other.weights.first()?,
        _ => return None,
    };
    let ones = |rewrite: &mut Rewrite<'_>| fold::constant(rewrite, origin, vec![1.0; count]);
    let zeros = |rewrite: &mut Rewrite<'_>| fold::constant(rewrite, origin, vec![0.0; count]);
    Some(match operator {
        Binary::Multiply => Affine { scale: Some(numbers), shift: None },
        Binary::Divide => {
            let ones = ones(rewrite);
            Affine { scale: Some(fold::vector(rewrite, Binary::Divide, ones, numbers, 0)), shift: None }
        }
        Binary::Add => Affine { scale: None, shift: Some(numbers) },
        Binary::Subtract => {
            let zeros = zeros(rewrite);
            Affine { scale: None, shift: Some(fold::vector(rewrite, Binary::Subtract, zeros, numbers, 0)) }
        }
    })
}

/// Whether a shape, aligned at the last dimension of a tensor of `rank`, has size 1 or `count` along `dim` and 1 elsewhere.
fn is_per_channel(shape: &Shape, dim: usize, rank: usize, count: usize) -> bool {
    let offset = rank.checked_sub(shape.rank());
    offset.is_some_and(|offset| {
        shape.dims().iter().enumerate().all(|(index, size)| *size == 1 || (index + offset == dim && *size == count))
    })
}
