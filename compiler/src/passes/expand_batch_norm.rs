//! Writes the batch normalisations that are left as arithmetic: `x * scale + shift`.
//!
//! Scale and shift are learned tensors whose weights are derived as for folding, see
//! [`fold_batch_norm`](super::fold_batch_norm). Invariant: they broadcast along dimension 1 alone, so that the result has the
//! shape of `x`.

use std::sync::Arc;

use super::Pass;
use super::fold_batch_norm::affine_of;
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Node, NodeId, WeightId};
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::op::norm::BatchNorm;
use crate::op::source::Param;
use crate::shape::Shape;
use crate::weight::{Recipe, Role};

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "expand-batch-norm",
    summary: "Write the batch normalisations that are left as a product and a sum",
    run: |graph| {
        rewrite(graph, |rewrite, id, node| match &node.op {
            Op::BatchNorm(norm) => expand(rewrite, id, node, norm),
            _ => Ok(None),
        })
    },
};

fn expand(rewrite: &mut Rewrite<'_>, id: NodeId, node: &Node, norm: &BatchNorm) -> Result<Option<NodeId>, OpError> {
    let (&[x], &[_, channels, ref rest @ ..]) = (rewrite.operands(id).as_slice(), node.shape.dims()) else {
        return Ok(None);
    };
    let Some(affine) = affine_of(rewrite, node, norm, channels) else { return Ok(None) };
    let shape = Shape::new([&[channels], vec![1; rest.len()].as_slice()].concat());
    let unnamed = Node { path: None, ..node.clone() };
    let mut value = x;
    for (operator, numbers, origin) in [(Binary::Multiply, affine.scale, &unnamed), (Binary::Add, affine.shift, node)] {
        let Some(numbers) = numbers else { continue };
        let numbers = per_channel(rewrite, numbers, &shape);
        let numbers = rewrite.add(Op::Param(Param { shape: shape.clone() }), &[], vec![numbers], &unnamed)?;
        value = rewrite.add(Op::Binary(operator), &[value, numbers], Vec::new(), origin)?;
    }
    Ok(Some(value))
}

/// The elements of a weight as a learned tensor of another shape.
fn per_channel(rewrite: &mut Rewrite<'_>, weight: WeightId, shape: &Shape) -> WeightId {
    let indices: Arc<[u32]> = (0u32..).take(shape.elements()).collect();
    rewrite.derive(weight, shape.clone(), Role::Free, Recipe::Select { of: vec![weight], indices })
}
