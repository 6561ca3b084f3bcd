//! Folds batch normalisations into the convolution, dynamic convolution or linear layer before them.
//!
//! With running statistics a batch norm is `scale * x + shift` per channel: `scale = weight / sqrt(running_var + eps)`,
//! `shift = bias - running_mean * scale`. Invariant: only a node that nothing else needs is changed, so no other value differs.

use super::Pass;
use super::fold::{self, Affine};
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::op::norm::BatchNorm;
use crate::shape::Shape;
use crate::weight::{Recipe, Role};

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "fold-batch-norm",
    summary: "Fold batch normalisations into the convolutions, experts and linear layers before them",
    run,
};

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| match &node.op {
        Op::BatchNorm(norm) => fold_into_operand(graph, rewrite, id, node, norm),
        _ => Ok(None),
    })
}

fn fold_into_operand(
    graph: &Graph,
    rewrite: &mut Rewrite<'_>,
    id: NodeId,
    node: &Node,
    norm: &BatchNorm,
) -> Result<Option<NodeId>, OpError> {
    let (&[operand], &[producer]) = (graph.operands(id).as_slice(), rewrite.operands(id).as_slice()) else {
        return Ok(None);
    };
    let Some(before) = rewrite.graph().node(producer) else { return Ok(None) };
    // Batch norm works on dimension 1; a linear layer has its channels there only for [batch, features].
    let channels = fold::channels(&before.op, &before.shape).filter(|(_, dim)| *dim == 1);
    let Some((count, _)) = channels.filter(|_| fold::has_one_use(graph, operand)) else { return Ok(None) };
    match affine_of(rewrite, node, norm, count) {
        Some(affine) => fold::fold(rewrite, producer, affine),
        None => Ok(None),
    }
}

/// A batch norm over `count` channels as an affine map.
pub(super) fn affine_of(rewrite: &mut Rewrite<'_>, node: &Node, norm: &BatchNorm, count: usize) -> Option<Affine> {
    let (weight, bias, mean, variance) = match (norm.affine, node.weights.as_slice()) {
        (true, &[weight, bias, mean, variance]) => (Some(weight), Some(bias), mean, variance),
        (false, &[mean, variance]) => (None, None, mean, variance),
        _ => return None,
    };
    let shape = Shape::from([count]);
    let inverse = rewrite.derive(variance, shape, Role::Scale, Recipe::InverseSqrt { of: variance, eps: norm.eps });
    let scale = match weight {
        Some(weight) => fold::vector(rewrite, Binary::Multiply, weight, inverse, 0),
        None => inverse,
    };
    let moved = fold::vector(rewrite, Binary::Multiply, mean, scale, 0);
    let bias = bias.unwrap_or_else(|| fold::constant(rewrite, mean, vec![0.0; count]));
    let shift = fold::vector(rewrite, Binary::Subtract, bias, moved, 0);
    Some(Affine { scale: Some(scale), shift: Some(shift) })
}
