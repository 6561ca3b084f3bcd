//! Placement: which values are written straight to where they are wanted.
//!
//! A concatenation costs nothing if those that it joins write into its parts; an output costs no copy if its node writes into
//! the caller's memory. Invariant: a node has at most one such place, and only nodes that steps compute have one (views of
//! other values and sources do not).

use super::fuse::Fusion;
use super::rewrites::Rewrites;
use crate::graph::{Graph, NodeId};
use crate::op::Op;

/// Where a node should write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A part of a concatenation.
    Part {
        /// The concatenation.
        concat: NodeId,
        /// The dimension that is joined.
        dim: usize,
        /// Where the part begins along it.
        start: usize,
    },
    /// An output.
    Output(usize),
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Placement {
    destinations: Vec<Option<Destination>>,
}

impl Placement {
    /// Where a node should write.
    #[must_use]
    pub fn of(&self, id: NodeId) -> Option<Destination> {
        self.destinations.get(id.index()).copied().flatten()
    }
}

/// Whether a node's value is computed by a step of its own, and not a source or a view of another value.
fn is_computed(op: &Op) -> bool {
    match op {
        Op::Input(_)
        | Op::Param(_)
        | Op::Constant(_)
        | Op::Reshape(_)
        | Op::Expand(_)
        | Op::Permute(_)
        | Op::Slice(_)
        | Op::Dropout(_)
        | Op::DropPath(_) => false,
        Op::Conv(_)
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
        | Op::Attention(_)
        | Op::Concat(_)
        | Op::Gather(_)
        | Op::Roll(_)
        | Op::Pad(_)
        | Op::Upsample(_) => true,
    }
}

/// Decides for every node.
#[must_use]
pub fn place(graph: &Graph, fusion: &Fusion, rewrites: Rewrites) -> Placement {
    let mut destinations: Vec<Option<Destination>> = vec![None; graph.node_count()];
    if !rewrites.writes_in_place() {
        return Placement { destinations };
    }
    let mut want = |id: NodeId, destination: Destination| {
        let computed = graph.node(id).is_some_and(|node| is_computed(&node.op)) && !fusion.is_absorbed(id);
        if let Some(slot) = destinations.get_mut(id.index()).filter(|slot| computed && slot.is_none()) {
            *slot = Some(destination);
        }
    };
    for (index, output) in graph.outputs().iter().enumerate() {
        want(output.node, Destination::Output(index));
    }
    for (concat, node) in graph.nodes() {
        let Op::Concat(op) = &node.op else { continue };
        let mut start = 0;
        for operand in graph.operands(concat) {
            want(operand, Destination::Part { concat, dim: op.dim, start });
            start += graph.node(operand).and_then(|node| node.shape.dims().get(op.dim)).copied().unwrap_or(0);
        }
    }
    Placement { destinations }
}
