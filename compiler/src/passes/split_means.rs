//! Averages the parts of a concatenation instead of the whole, and images instead of what gates make of them.
//!
//! The mean over rows and columns of channels side by side is the means side by side, and that of an image times a gate per channel is
//! the mean of the image times the gates. So every mean is one of a tensor that some operation computes, where it can be gathered
//! while the tensor is written, and the whole need not be read again; nor need the image with gates be made for it.
//! Invariant: what stands for a mean has its elements in their order.

use std::collections::{HashMap, HashSet};

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::elementwise::{Binary, gated_image};
use crate::op::error::OpError;
use crate::op::layout::{Concat, Reshape};
use crate::op::pool::Mean;
use crate::shape::Shape;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "split-means",
    summary: "Average the parts of concatenated channels, and images without their gates",
    run,
};

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
        } else if let Some([image, gates]) = gated_image(graph, id)
            && let Some(mean) = means.get(&image).copied()
            && let Some(gates) = rewrite.value(gates)
        {
            let shape = rewrite.graph().node(gates).map(|gates| without_pixels(&gates.shape)).unwrap_or_default();
            let gates = rewrite.add(Op::Reshape(Reshape { shape }), &[gates], Vec::new(), &unnamed)?;
            rewrite.add(Op::Binary(Binary::Multiply), &[mean, gates], Vec::new(), &unnamed)?
        } else {
            rewrite.add(Op::Mean(Mean { dims: vec![2, 3], keep: false }), &[kept], Vec::new(), &unnamed)?
        };
        means.insert(id, mean);
        Ok(Some(kept))
    })
}

/// What a mean is taken of, if that is made of others, and the parts or images that it is made of.
fn averaged(graph: &Graph) -> HashSet<NodeId> {
    let mut averaged = HashSet::new();
    let nodes: Vec<(NodeId, &Node)> = graph.nodes().collect();
    // Consumers come first in this order.
    for (id, node) in nodes.into_iter().rev() {
        if is_mean(node) {
            let is_made = |operand: &NodeId| {
                graph.node(*operand).is_some_and(is_concat) || gated_image(graph, *operand).is_some()
            };
            averaged.extend(graph.operands(id).into_iter().filter(is_made));
        } else if averaged.contains(&id) {
            if is_concat(node) {
                averaged.extend(graph.operands(id));
            } else if let Some([image, _]) = gated_image(graph, id) {
                averaged.insert(image);
            }
        }
    }
    averaged
}

/// Channels of images side by side.
fn is_concat(node: &Node) -> bool {
    node.op == Op::Concat(Concat { dim: 1 }) && node.shape.rank() == 4
}

/// Of gates, which have one pixel or none, the batch and the channels.
fn without_pixels(gates: &Shape) -> Shape {
    let dims = gates.dims();
    Shape::new(dims.get(..dims.len().saturating_sub(2)).unwrap_or_default())
}

/// The mean of each channel, without the dimensions that it is taken over.
fn is_mean(node: &Node) -> bool {
    matches!(&node.op, Op::Mean(mean) if mean.dims == [2, 3] && !mean.keep) && node.shape.rank() == 2
}
