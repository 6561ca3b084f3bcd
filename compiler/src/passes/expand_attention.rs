//! Writes attention as the operations that define it.
//!
//! `softmax(q · kᵀ / temperature) · v` becomes a transposition, which costs nothing, two matrix products, and a softmax.
//! Invariant: what is computed is the formula of [`crate::op::attention::Attention`], step by step.

use super::Pass;
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Node, NodeId};
use crate::op::Op;
use crate::op::activation::Softmax;
use crate::op::attention::{Attention, Matmul};
use crate::op::error::OpError;
use crate::op::layout::Permute;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "expand-attention",
    summary: "Write attention as the matrix products and softmax that define it",
    run: |graph| {
        rewrite(graph, |rewrite, id, node| match node.op {
            Op::Attention(attention) => expand(rewrite, id, node, attention),
            _ => Ok(None),
        })
    },
};

/// The node of the second product.
fn expand(rewrite: &mut Rewrite<'_>, id: NodeId, node: &Node, attention: Attention) -> Result<Option<NodeId>, OpError> {
    let &[query, key, value] = rewrite.operands(id).as_slice() else { return Ok(None) };
    let unnamed = Node { path: None, ..node.clone() };
    let rank = |rewrite: &Rewrite<'_>, id| rewrite.graph().node(id).map_or(0, |node| node.shape.rank());
    let mut order: Vec<usize> = (0..rank(rewrite, key)).collect();
    if let [.., keys, features] = order.as_mut_slice() {
        std::mem::swap(keys, features);
    }
    let mut add = |op, inputs: &[NodeId]| rewrite.add(op, inputs, Vec::new(), &unnamed);
    let transposed = add(Op::Permute(Permute { order }), &[key])?;
    let scores = add(Op::Matmul(Matmul), &[query, transposed])?;
    let dim = rank(rewrite, scores).saturating_sub(1);
    let softmax = Softmax { dim, temperature: attention.temperature };
    let shares = rewrite.add(Op::Softmax(softmax), &[scores], Vec::new(), &unnamed)?;
    rewrite.add(Op::Matmul(Matmul), &[shares, value], Vec::new(), &unnamed).map(Some)
}
