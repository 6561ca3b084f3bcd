//! Analysis: what a network costs, known without running it.
//!
//! In: a graph as it is written, before any pass. Out: an [`Analysis`], a side table with the exact counts of every node.
//! [`convention`] says what the named conventions count, [`totals`] adds up, [`group`] by operation, line or kind of work and
//! [`tree`] by module; [`dynamic`] takes dynamic convolutions apart, [`twin`] makes the network without them, [`peak`]
//! follows the tensors that live at once, [`budget`] holds costs against what the author allows,
//! [`diff`] compares two networks.
//!
//! Counts are for the whole batch. They are exact; a sum past the largest u64 stays there.

pub mod budget;
pub mod convention;
pub mod diff;
pub mod dynamic;
pub mod group;
pub mod peak;
pub mod totals;
pub mod tree;
pub mod twin;

use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::cost::Cost;
use crate::shape::Shape;
use totals::{BYTES, Totals};

/// What a node costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCost {
    /// The node.
    pub node: NodeId,
    /// Its work.
    pub cost: Cost,
    /// Its counts.
    pub totals: Totals,
}

/// The costs of all nodes of a graph; see the module's documentation.
#[derive(Debug, Clone)]
pub struct Analysis<'g> {
    /// The graph.
    pub graph: &'g Graph,
    /// The cost of each node, in the order of the graph.
    pub nodes: Vec<NodeCost>,
    /// All together.
    pub totals: Totals,
}

/// Counts what every node of a graph costs.
#[must_use]
pub fn analyze(graph: &Graph) -> Analysis<'_> {
    let nodes: Vec<NodeCost> = graph.nodes().map(|(id, node)| node_cost(graph, id, node)).collect();
    let totals = nodes.iter().map(|node| node.totals).sum();
    Analysis { graph, nodes, totals }
}

impl Analysis<'_> {
    /// The cost of a node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&NodeCost> {
        self.nodes.get(id.index())
    }

    /// The nodes with their costs.
    pub fn iter(&self) -> impl Iterator<Item = (&Node, &NodeCost)> {
        self.graph.nodes().map(|(_, node)| node).zip(&self.nodes)
    }
}

fn node_cost(graph: &Graph, id: NodeId, node: &Node) -> NodeCost {
    let operands = graph.operands(id);
    let shapes: Vec<&Shape> = operands.iter().filter_map(|id| graph.node(*id)).map(|node| &node.shape).collect();
    let cost = node.op.operation().cost(&shapes, &node.shape);
    let mut totals = Totals { nodes: 1, counts: convention::counts(&cost), ..Totals::default() };
    for weight in node.weights.iter().filter_map(|weight| graph.weight(*weight)) {
        let elements = weight.shape.elements() as u64;
        let kind = if weight.role.is_trainable() { &mut totals.parameters } else { &mut totals.buffers };
        *kind = kind.saturating_add(elements);
        totals.weight_bytes = totals.weight_bytes.saturating_add(elements.saturating_mul(BYTES));
    }
    let bytes = |shape: &Shape| (shape.elements() as u64).saturating_mul(BYTES);
    totals.read_bytes = shapes.iter().fold(0, |sum, shape| sum.saturating_add(bytes(shape)));
    // A learned tensor is read as a weight; constants are part of the program.
    totals.activation_bytes = if matches!(node.op, Op::Param(_) | Op::Constant(_)) { 0 } else { bytes(&node.shape) };
    NodeCost { node: id, cost, totals }
}
