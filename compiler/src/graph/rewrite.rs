//! Rewriting: how a pass makes a new graph of an old one.
//!
//! A [`Rewrite`] walks the old graph in order. For each node a pass says what becomes of it: it is kept, it is replaced by
//! nodes that compute the same, or another node's value is used in its place. The new graph is built in the same order, so
//! its nodes stay in an order of execution; the old one is never changed. A rewrite cleans up after itself: nodes that no
//! output needs any more are dropped at the end. Those that none needed before stay, for the pass that removes dead code.
//! Weights stay: a derived weight may still need them when it is prepared.

use super::{Graph, Node, NodeId, Port, WeightId};
use crate::op::Op;
use crate::op::error::OpError;
use crate::shape::Shape;
use crate::weight::{Recipe, Role, Weight};

/// See the module's documentation.
#[derive(Debug)]
pub struct Rewrite<'g> {
    old: &'g Graph,
    new: Graph,
    /// By old node: the new node with its value.
    values: Vec<Option<NodeId>>,
}

/// Rewrites a whole graph: each node is replaced by the new node that `replacement` gives for it, or kept where it gives
/// none.
///
/// # Errors
/// Those of `replacement`, and of [`Rewrite::keep`].
pub fn rewrite(
    old: &Graph,
    mut replacement: impl FnMut(&mut Rewrite<'_>, NodeId, &Node) -> Result<Option<NodeId>, OpError>,
) -> Result<Graph, OpError> {
    let mut rewrite = Rewrite::new(old);
    for (id, node) in old.nodes() {
        match replacement(&mut rewrite, id, node)? {
            Some(new) => rewrite.replace(id, new),
            None => drop(rewrite.keep(id, node)?),
        }
    }
    Ok(rewrite.finish())
}

impl<'g> Rewrite<'g> {
    /// Begins a rewrite of `old`.
    fn new(old: &'g Graph) -> Self {
        let mut new = old.clone();
        new.dag.clear();
        new.inputs.clear();
        new.outputs.clear();
        Rewrite { old, new, values: vec![None; old.node_count()] }
    }

    /// The new node that has the value of an old one; `None` before that was decided.
    #[must_use]
    pub fn value(&self, old: NodeId) -> Option<NodeId> {
        self.values.get(old.index()).copied().flatten()
    }

    /// Takes a node over as it is.
    ///
    /// # Errors
    /// When the node does not take the shapes that its operands have now: a defect of the pass.
    pub fn keep(&mut self, id: NodeId, node: &Node) -> Result<NodeId, OpError> {
        let operands = self.operands(id);
        let kept = self.add(node.op.clone(), &operands, node.weights.clone(), node)?;
        self.replace(id, kept);
        Ok(kept)
    }

    /// Uses the value of a new node in place of an old one's.
    fn replace(&mut self, old: NodeId, new: NodeId) {
        if let Some(value) = self.values.get_mut(old.index()) {
            *value = Some(new);
        }
    }

    /// The new nodes that have the values of an old node's operands.
    #[must_use]
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        self.old.operands(id).into_iter().filter_map(|operand| self.value(operand)).collect()
    }

    /// Adds a node in place of `origin`, whose span, instance and path it takes over.
    ///
    /// # Errors
    /// When the operation does not take these inputs: a defect of the pass.
    pub fn add(&mut self, op: Op, inputs: &[NodeId], weights: Vec<WeightId>, origin: &Node) -> Result<NodeId, OpError> {
        let shapes: Vec<Shape> =
            inputs.iter().filter_map(|input| self.new.node(*input)).map(|node| node.shape.clone()).collect();
        let shape = op.operation().shape(&shapes.iter().collect::<Vec<_>>())?;
        let node = Node { op, shape, weights, ..origin.clone() };
        let index = self.new.dag.add_node(node);
        for (port, input) in inputs.iter().enumerate() {
            self.new.dag.add_edge(input.0, index, port);
        }
        Ok(NodeId(index))
    }

    /// Adds a weight that is computed from others when weights are prepared, named after the one that it stands for.
    pub fn derive(&mut self, origin: WeightId, shape: Shape, role: Role, recipe: Recipe) -> WeightId {
        let id = WeightId(self.new.weights.len());
        let root = self.new.instances.first().map(|instance| instance.span);
        let (stem, span) = match self.new.weight(origin) {
            Some(weight) => (weight.name.split('#').next().unwrap_or_default().to_owned(), Some(weight.span)),
            None => (String::new(), root),
        };
        if let Some(span) = span {
            let name = format!("{stem}#{id}");
            self.new.weights.push(Weight { name, shape, role, flat_tail: false, span, recipe });
        }
        id
    }

    /// The graph so far, for looking at nodes that were added.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.new
    }

    /// Ends the rewrite: inputs and outputs are those of the old graph, and what nothing needs any more is dropped.
    fn finish(mut self) -> Graph {
        let moved = |ports: &[Port]| -> Vec<Port> {
            let port = |port: &Port| Some(Port { name: port.name.clone(), node: self.value(port.node)? });
            ports.iter().filter_map(port).collect()
        };
        let (inputs, outputs) = (moved(&self.old.inputs), moved(&self.old.outputs));
        self.new.inputs = inputs;
        self.new.outputs = outputs;
        let was_dead = needed(self.old, []).into_iter().zip(&self.values).filter(|(needed, _)| !needed);
        let kept = needed(&self.new, was_dead.filter_map(|(_, value)| *value));
        retain(&self.new, &kept)
    }
}

/// The graph without the nodes that no output needs; inputs of the network stay.
#[must_use]
pub fn without_dead_nodes(graph: &Graph) -> Graph {
    retain(graph, &needed(graph, []))
}

/// By node: whether an output needs it, it is an input, or one of `also` needs it.
fn needed(graph: &Graph, also: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
    let mut needed = vec![false; graph.node_count()];
    let mut open: Vec<NodeId> = graph.outputs.iter().chain(&graph.inputs).map(|port| port.node).collect();
    open.extend(also);
    while let Some(id) = open.pop() {
        match needed.get_mut(id.index()) {
            Some(needed) if !*needed => {
                *needed = true;
                open.extend(graph.operands(id));
            }
            _ => {}
        }
    }
    needed
}

/// The graph of the nodes that are `kept`, with all that they need.
fn retain(graph: &Graph, kept: &[bool]) -> Graph {
    let mut compact = graph.clone();
    compact.dag.clear();
    let mut moved: Vec<Option<NodeId>> = vec![None; graph.node_count()];
    let place = |moved: &[Option<NodeId>], id: NodeId| moved.get(id.index()).copied().flatten();
    for (id, node) in graph.nodes() {
        if !kept.get(id.index()).copied().unwrap_or(false) {
            continue;
        }
        let index = compact.dag.add_node(node.clone());
        for (port, operand) in graph.operands(id).into_iter().enumerate() {
            if let Some(operand) = place(&moved, operand) {
                compact.dag.add_edge(operand.0, index, port);
            }
        }
        if let Some(slot) = moved.get_mut(id.index()) {
            *slot = Some(NodeId(index));
        }
    }
    for port in compact.inputs.iter_mut().chain(&mut compact.outputs) {
        if let Some(node) = place(&moved, port.node) {
            port.node = node;
        }
    }
    compact
}
