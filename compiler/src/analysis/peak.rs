//! The tensors that live at once when a network is executed as it is written.
//!
//! In the order of the nodes, a tensor lives from the node that writes it to the last that reads it; inputs live from the
//! start and outputs to the end. A reshape, what repeats its elements, and what acts in training alone are other names of their input. Learned tensors
//! and constants are no activations. What a plan needs is mostly less: it fuses operations and writes parts in place.

use super::totals::BYTES;
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::activation::Activation;

/// The most bytes of activations that live at once, in f32.
#[must_use]
pub fn activation_peak(graph: &Graph) -> u64 {
    live(graph).into_iter().max().unwrap_or(0)
}

/// By node: bytes of activations that live while it runs.
#[must_use]
pub fn live(graph: &Graph) -> Vec<u64> {
    let count = graph.node_count();
    // By node: the node whose tensor it names, and when that is last read.
    let mut names: Vec<usize> = (0..count).collect();
    let mut last_read: Vec<usize> = (0..count).collect();
    let name = |names: &[usize], id: NodeId| names.get(id.index()).copied().unwrap_or(id.index());
    for (id, node) in graph.nodes() {
        let operands = graph.operands(id);
        for operand in &operands {
            let tensor = name(&names, *operand);
            last_read.iter_mut().skip(tensor).take(1).for_each(|last| *last = id.index());
        }
        if let (true, Some(operand)) = (is_another_name(node), operands.first()) {
            let tensor = name(&names, *operand);
            names.iter_mut().skip(id.index()).take(1).for_each(|name| *name = tensor);
        }
    }
    for output in graph.outputs() {
        let tensor = name(&names, output.node);
        last_read.iter_mut().skip(tensor).take(1).for_each(|last| *last = count);
    }
    let mut ends: Vec<u64> = vec![0; count + 1];
    let bytes = |node: &Node| (node.shape.elements() as u64).saturating_mul(BYTES);
    let inputs = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Input(_)));
    let mut live: u64 = inputs.map(|(_, node)| bytes(node)).fold(0, u64::saturating_add);
    let mut by_node = Vec::with_capacity(count);
    for (id, node) in graph.nodes() {
        if names.get(id.index()) == Some(&id.index()) && !matches!(node.op, Op::Param(_) | Op::Constant(_)) {
            if !matches!(node.op, Op::Input(_)) {
                live = live.saturating_add(bytes(node));
            }
            let last = last_read.get(id.index()).copied().unwrap_or(count);
            if let Some(end) = ends.get_mut(last) {
                *end = end.saturating_add(bytes(node));
            }
        }
        by_node.push(live);
        live = live.saturating_sub(ends.get(id.index()).copied().unwrap_or(0));
    }
    by_node
}

/// Whether the output is the first input's tensor by another name.
fn is_another_name(node: &Node) -> bool {
    match &node.op {
        Op::Reshape(_) | Op::Expand(_) | Op::Dropout(_) | Op::DropPath(_) => true,
        Op::Activation(activation) => *activation == Activation::Identity,
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
        | Op::Prelu(_)
        | Op::Softmax(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::AdaptiveAvgPool(_)
        | Op::Mean(_)
        | Op::Binary(_)
        | Op::Matmul(_)
        | Op::Attention(_)
        | Op::Concat(_)
        | Op::Slice(_)
        | Op::Gather(_)
        | Op::Permute(_)
        | Op::Roll(_)
        | Op::Pad(_)
        | Op::Upsample(_) => false,
    }
}
