//! Averages the parts of a concatenation instead of the whole.
//!
//! The mean over rows and columns of channels side by side is the means side by side. So every mean is one of a tensor that
//! some operation computes, where it can be gathered while the tensor is written, and the whole need not be read again.
//! Invariant: the concatenation of the means has the elements of the mean of the concatenation, in their order.

use std::collections::{HashMap, HashSet};

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::error::OpError;
use crate::op::layout::Concat;
use crate::op::pool::Mean;

/// See the module's documentation.
pub const PASS: Pass =
    Pass { name: "split-means", summary: "Average the parts of concatenated channels instead of the whole", run };

fn run(graph: &Graph) -> Result<Graph, OpError> {
    let averaged = averaged(graph);
    // By old node: the new node with its mean.
    let mut means: HashMap<NodeId, NodeId> = HashMap::new();
    rewrite(graph, |rewrite, id, node| {
        let operands = graph.operands(id);
        let mut means_of_operands = operands.iter().filter_map(|operand| means.get(operand).copied());
        if is_mean(node)
            && let Some(mean) = means_of_operands.next()
        {
            return Ok(Some(mean));
        }
        if !averaged.contains(&id) {
            return Ok(None);
        }
        let parts: Vec<NodeId> = means_of_operands.collect();
        let kept = rewrite.keep(id, node)?;
        let unnamed = Node { path: None, ..node.clone() };
        let mean = if is_concat(node) {
            rewrite.add(Op::Concat(Concat { dim: 1 }), &parts, Vec::new(), &unnamed)?
        } else {
            rewrite.add(Op::Mean(Mean { dims: vec![2, 3], keep: false }), &[kept], Vec::new(), &unnamed)?
        };
        means.insert(id, mean);
        Ok(Some(kept))
    })
}

/// The concatenations that a mean is taken of, or of which one is a part, and their parts.
fn averaged(graph: &Graph) -> HashSet<NodeId> {
    let mut averaged = HashSet::new();
    let nodes: Vec<(NodeId, &Node)> = graph.nodes().collect();
    // Consumers come first in this order.
    for (id, node) in nodes.into_iter().rev() {
        if is_mean(node) {
            averaged
                .extend(graph.operands(id).into_iter().filter(|operand| graph.node(*operand).is_some_and(is_concat)));
        } else if averaged.contains(&id) && is_concat(node) {
            averaged.extend(graph.operands(id));
        }
    }
    averaged
}

/// Channels of images side by side.
fn is_concat(node: &Node) -> bool {
    node.op == Op::Concat(Concat { dim: 1 }) && node.shape.rank() == 4
}

/// The mean of each channel, without the dimensions that it is taken over.
fn is_mean(node: &Node) -> bool {
    matches!(&node.op, Op::Mean(mean) if mean.dims == [2, 3] && !mean.keep) && node.shape.rank() == 2
}
