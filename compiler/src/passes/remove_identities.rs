//! Removes operations whose output is their input, and all but the last of several reshapes in a row.
//!
//! Invariant: what takes a node's place has its shape and its elements.

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::activation::Activation;
use crate::op::error::OpError;
use crate::op::window::Window;
use crate::shape::Shape;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "remove-identities",
    summary: "Remove operations whose output is their input, and reshapes of reshapes",
    run,
};

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| {
        let &[operand] = rewrite.operands(id).as_slice() else { return Ok(None) };
        let origin = match &node.op {
            Op::Reshape(_) => before_reshapes(rewrite.graph(), operand),
            _ => operand,
        };
        if rewrite.graph().node(origin).is_some_and(|origin| is_identity(node, &origin.shape)) {
            return Ok(Some(origin));
        }
        if origin == operand {
            return Ok(None);
        }
        rewrite.add(node.op.clone(), &[origin], Vec::new(), node).map(Some)
    })
}

/// The operand of a reshape, or another node with its elements. What comes before was rewritten already, so that there is
/// one reshape at most.
fn before_reshapes(graph: &Graph, operand: NodeId) -> NodeId {
    match graph.node(operand).map(|node| &node.op) {
        Some(Op::Reshape(_)) => graph.operands(operand).first().copied().unwrap_or(operand),
        _ => operand,
    }
}

/// Whether a node over a single operand of shape `x` gives it as it is.
fn is_identity(node: &Node, x: &Shape) -> bool {
    let has_no_window = |window: &Window| window.kernel == [1, 1] && window.stride == [1, 1] && *x == node.shape;
    match &node.op {
        Op::Dropout(_) | Op::DropPath(_) | Op::Activation(Activation::Identity) => true,
        Op::Reshape(_) | Op::Expand(_) | Op::Concat(_) | Op::Slice(_) | Op::AdaptiveAvgPool(_) | Op::Upsample(_) => {
            *x == node.shape
        }
        Op::Permute(permute) => permute.order.iter().copied().eq(0..permute.order.len()),
        Op::Pad(pad) => pad.sides.iter().all(|sides| *sides == [0, 0]),
        Op::Roll(roll) => roll.shifts.iter().all(|(_, shift)| *shift == 0),
        Op::MaxPool(pool) => has_no_window(&pool.window),
        Op::AvgPool(pool) => has_no_window(&pool.window),
        Op::Mean(mean) => mean.dims.is_empty(),
        Op::Input(_)
        | Op::Param(_)
        | Op::Constant(_)
        | Op::Conv(_)
        | Op::Routing(_)
        | Op::DynamicConv(_)
        | Op::Linear(_)
        | Op::BatchNorm(_)
        | Op::LayerNorm(_)
        | Op::GroupNorm(_)
        | Op::Activation(_)
        | Op::Prelu(_)
        | Op::Softmax(_)
        | Op::Binary(_)
        | Op::Matmul(_)
        | Op::Attention(_)
        | Op::Gather(_) => false,
    }
}
