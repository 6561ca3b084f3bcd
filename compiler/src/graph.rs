//! The graph: what elaboration makes of a program, with every hyper-parameter gone and every shape a number.
//!
//! Nodes are operations with logical semantics (`[batch, channels, height, width]`, no layout, no schedule) and one output
//! tensor each; an edge carries the producer's output to one input port of the consumer. Beside the nodes stand the
//! instance tree (which module call made what), the weights by name, and the named inputs and outputs.
//!
//! [`build`] is the only way to make one; [`verify`] lists the invariants that every graph keeps.

pub mod build;
pub mod print;
pub mod rewrite;
pub mod verify;

use std::fmt;

use parameternet_dsl::source::Span;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::op::Op;
use crate::shape::Shape;
use crate::weight::{Recipe, Weight};

/// A node of the graph; prints as `n12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) NodeIndex);

impl NodeId {
    /// Nodes are numbered from 0 in the order in which they were made, which is an order of execution.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.index()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0.index())
    }
}

/// An instance of a module in the instance tree; prints as `i3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub(crate) usize);

impl InstanceId {
    /// The root: the network itself.
    pub const NETWORK: InstanceId = InstanceId(0);

    /// Instances are numbered from 0 in the order in which they were opened.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

/// A weight of the graph; prints as `w7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightId(pub(crate) usize);

impl WeightId {
    /// Weights are numbered from 0 in the order in which their operations were made.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for WeightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

/// One part of an instance path: `blocks` or `[3]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A name.
    Name(String),
    /// An index.
    Index(usize),
}

/// The path of an instance from the network down: displays as `blocks[3][0].ghost1`, names weights as `blocks.3.0.ghost1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// This path continued by another.
    #[must_use]
    pub fn join(&self, rest: &Path) -> Path {
        Path(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// This path continued by one name.
    #[must_use]
    pub fn child(&self, name: &str) -> Path {
        self.join(&Path(vec![Segment::Name(name.to_owned())]))
    }

    /// Whether this is the network itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as it stands in the names of weights: parts joined by dots.
    #[must_use]
    pub fn dotted(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|segment| match segment {
                Segment::Name(name) => name.clone(),
                Segment::Index(index) => index.to_string(),
            })
            .collect();
        parts.join(".")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Name(name) => write!(f, "{}{name}", if position == 0 { "" } else { "." })?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A call of a module (or the network itself): the author's structure, kept for reports, exports and generated code.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The instance whose body made this one; `None` for the network.
    pub parent: Option<InstanceId>,
    /// The module's or network's name.
    pub module: String,
    /// The full path. A call without `as` has its parent's path.
    pub path: Path,
    /// The call, or the network's definition.
    pub span: Span,
}

/// An operation in the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// The shape of its output.
    pub shape: Shape,
    /// The call in the source that made it.
    pub span: Span,
    /// The instance whose body made it.
    pub instance: InstanceId,
    /// Its own full path, if the author named it with `as` (or an operation named its part).
    pub path: Option<Path>,
    /// Its weights, in the order in which [`crate::op::Operation::weights`] lists them.
    pub weights: Vec<WeightId>,
}

/// A named input or output of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The node whose tensor it is.
    pub node: NodeId,
}

/// A network with every shape known. See the module's documentation.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The name of the network.
    pub network: String,
    /// The hyper-parameters it was elaborated with, in order, as they would be written.
    pub settings: Vec<(String, String)>,
    /// The batch size it was elaborated for.
    pub batch: usize,
    pub(crate) dag: DiGraph<Node, usize>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) weights: Vec<Weight>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

impl Graph {
    /// The number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.dag.node_count()
    }

    /// All nodes with their ids, in an order in which every node comes after its inputs.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.dag.node_indices().zip(self.dag.node_weights()).map(|(index, node)| (NodeId(index), node))
    }

    /// The node of an id; `None` only for an id of another graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.dag.node_weight(id.0)
    }

    /// The producers of a node's inputs, in port order.
    #[must_use]
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut edges: Vec<(usize, NodeId)> = self
            .dag
            .edges_directed(id.0, Direction::Incoming)
            .map(|edge| (*edge.weight(), NodeId(edge.source())))
            .collect();
        edges.sort_unstable();
        edges.into_iter().map(|(_, node)| node).collect()
    }

    /// The ports of a node that have an operand, ascending.
    #[must_use]
    pub fn ports(&self, id: NodeId) -> Vec<usize> {
        let mut ports: Vec<usize> =
            self.dag.edges_directed(id.0, Direction::Incoming).map(|edge| *edge.weight()).collect();
        ports.sort_unstable();
        ports
    }

    /// How many input ports read the output of a node.
    #[must_use]
    pub fn use_count(&self, id: NodeId) -> usize {
        self.dag.edges_directed(id.0, Direction::Outgoing).count()
    }

    /// Whether exactly one input port reads the output of a node; fast for any number of them.
    #[must_use]
    pub fn has_one_reader(&self, id: NodeId) -> bool {
        self.dag.edges_directed(id.0, Direction::Outgoing).take(2).count() == 1
    }

    /// The instance tree; the network comes first, parents before children.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The instance of an id; `None` only for an id of another graph.
    #[must_use]
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.get(id.0)
    }

    /// Every weight, trainable parameters and buffers alike; [`WeightId`]s index it.
    #[must_use]
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The weights that come from a file; those that passes derive from them come after.
    pub fn stored_weights(&self) -> impl Iterator<Item = &Weight> {
        self.weights.iter().take_while(|weight| weight.recipe == Recipe::Stored)
    }

    /// The weight of an id; `None` only for an id of another graph.
    #[must_use]
    pub fn weight(&self, id: WeightId) -> Option<&Weight> {
        self.weights.get(id.0)
    }

    /// The inputs in the order of their declaration.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs in the order in which they are returned.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The number of trainable parameters; buffers such as batch-norm statistics do not count.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.stored_weights()
            .filter(|weight| weight.role.is_trainable())
            .map(|weight| weight.shape.elements() as u64)
            .sum()
    }
}
