//! Removes operations whose output is their input.
//!
//! Invariant: the operand has the shape and the elements of the node that it replaces.

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node};
use crate::op::Op;
use crate::op::activation::Activation;
use crate::op::error::OpError;
use crate::shape::Shape;

/// See the module's documentation.
pub const PASS: Pass =
    Pass { name: "remove-identities", summary: "Remove operations whose output is their input", run };

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| {
        let operands = rewrite.operands(id);
        let shapes: Vec<&Shape> =
            operands.iter().filter_map(|id| rewrite.graph().node(*id)).map(|node| &node.shape).collect();
        Ok(operands.first().copied().filter(|_| operands.len() == 1 && is_identity(node, &shapes)))
    })
}

fn is_identity(node: &Node, operands: &[&Shape]) -> bool {
    match &node.op {
        Op::Dropout(_) | Op::DropPath(_) | Op::Activation(Activation::Identity) => true,
        Op::Reshape(_) | Op::Concat(_) | Op::Slice(_) => operands == [&node.shape],
        Op::Permute(permute) => permute.order.iter().copied().eq(0..permute.order.len()),
        Op::Pad(pad) => pad.sides.iter().all(|sides| *sides == [0, 0]),
        Op::Roll(roll) => roll.shifts.iter().all(|(_, shift)| *shift == 0),
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
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::AdaptiveAvgPool(_)
        | Op::Mean(_)
        | Op::Binary(_)
        | Op::Matmul(_)
        | Op::Gather(_)
        | Op::Upsample(_) => false,
    }
}
