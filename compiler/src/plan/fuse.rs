//! Fusion: which nodes become one step.
//!
//! Four kinds. *Attention* is a product whose left factor is the softmax of another product, with what is done to scores between them.
//! A *chain* begins at an operation that a kernel with an epilogue computes (convolutions, linear layers, matrix products) and takes up what
//! stands behind it: an activation, a gate per channel (squeeze-excite), a residual, another activation. Its step is made where its last node
//! stands, so that whatever the epilogue reads is computed by then. A *gated* image, which a pointwise convolution alone reads, is not made: its
//! gates go into the filters. A *tree* is elementwise arithmetic whose intermediate results nobody else reads: its nodes but the root are inlined.
//!
//! Invariant: a node that is taken up is read by exactly one node of its own group and is no output.

mod attention;

use std::collections::HashMap;

pub use attention::Attended;

use super::activation::activation_shape;
use super::rewrites::Rewrites;
use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::op::activation::Activation;
use crate::op::elementwise::{Binary, gated_image, is_gate};
use parameternet_runtime::abi::ActivationShape;

/// Most operands that an inlined expression reads.
const MAX_OPERANDS: usize = 6;

/// Most operations of an inlined expression.
const MAX_OPERATIONS: usize = 16;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Fusion {
    /// By node: what it is part of.
    parts: Vec<Part>,
    /// By node: the node that reads it, if exactly one port does and it is no output.
    readers: Vec<Option<NodeId>>,
    /// By product: what its left factor is, where that is attention.
    attention: HashMap<NodeId, Attended>,
}

/// What becomes of a node.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// A step or a view of its own.
    Own,
    /// The last node of a chain.
    Tail(Chain),
    /// Part of a chain that ends later.
    Chained,
    /// Part of attention, whose second product comes later.
    Attended,
    /// An image with gates that the convolution which reads it takes into its filters.
    Gated(Gated),
    /// Part of the expression of the node that reads it.
    Inlined,
}

/// An image times a gate per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gated {
    /// The image.
    pub image: NodeId,
    /// The gates.
    pub gates: NodeId,
}

/// A chain; see the module's documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The nodes from the operation of the kernel to the last.
    pub nodes: Vec<NodeId>,
    /// The activation behind the bias.
    pub before: ActivationShape,
    /// Multiplied per channel.
    pub gate: Option<NodeId>,
    /// Added element by element.
    pub residual: Option<NodeId>,
    /// The activation behind those.
    pub after: ActivationShape,
}

impl Chain {
    /// A chain of one node.
    #[must_use]
    pub fn of(node: NodeId) -> Chain {
        let none = ActivationShape::default();
        Chain { nodes: vec![node], before: none, gate: None, residual: None, after: none }
    }

    /// The operation that the kernel computes.
    #[must_use]
    pub fn anchor(&self) -> Option<NodeId> {
        self.nodes.first().copied()
    }

    /// Takes up the activation, if there is still room for one.
    fn activate(&mut self, activation: Activation) -> bool {
        let is_first = self.gate.is_none() && self.residual.is_none();
        let slot = if is_first { &mut self.before } else { &mut self.after };
        if !slot.is_identity() {
            return false;
        }
        *slot = activation_shape(activation);
        true
    }
}

impl Fusion {
    /// Whether a node is part of another node's step.
    #[must_use]
    pub fn is_absorbed(&self, id: NodeId) -> bool {
        matches!(self.parts.get(id.index()), Some(Part::Chained | Part::Attended | Part::Gated(_) | Part::Inlined))
    }

    /// Whether a node is part of the expression of the node that reads it.
    #[must_use]
    pub fn is_inlined(&self, id: NodeId) -> bool {
        matches!(self.parts.get(id.index()), Some(Part::Inlined))
    }

    /// The chain that ends at a node.
    #[must_use]
    pub fn chain(&self, id: NodeId) -> Option<&Chain> {
        match self.parts.get(id.index()) {
            Some(Part::Tail(chain)) => Some(chain),
            _ => None,
        }
    }

    /// What the left factor of a product is, if it is attention.
    #[must_use]
    pub fn attended(&self, product: NodeId) -> Option<&Attended> {
        self.attention.get(&product)
    }

    /// The image and the gates whose product a node is, if its reader takes the gates into its filters.
    #[must_use]
    pub fn gated(&self, id: NodeId) -> Option<Gated> {
        match self.parts.get(id.index()) {
            Some(Part::Gated(gated)) => Some(*gated),
            _ => None,
        }
    }

    fn part(&self, id: NodeId) -> Option<&Part> {
        self.parts.get(id.index())
    }

    fn set(&mut self, id: NodeId, part: Part) {
        if let Some(slot) = self.parts.get_mut(id.index()) {
            *slot = part;
        }
    }

    /// The node that reads a value, if exactly one port does and it is no output.
    pub(super) fn reader(&self, id: NodeId) -> Option<NodeId> {
        self.readers.get(id.index()).copied().flatten()
    }
}

/// Decides for every node.
#[must_use]
pub fn fuse(graph: &Graph, rewrites: Rewrites) -> Fusion {
    let count = graph.node_count();
    let mut fusion = Fusion { parts: vec![Part::Own; count], readers: readers(graph), attention: HashMap::new() };
    let ids: Vec<NodeId> = graph.nodes().map(|(id, _)| id).collect();
    for id in ids.iter().filter(|_| rewrites.fuses_attention()) {
        if let Some(attended) = attention::attended(graph, &fusion, *id) {
            attended.nodes.iter().for_each(|node| fusion.set(*node, Part::Attended));
            fusion.attention.insert(*id, attended);
        }
    }
    // From the last on: of two that could take up a sum, the later one does, so that no step waits for another's operand.
    for id in ids.iter().rev() {
        let is_anchor = graph.node(*id).is_some_and(|node| is_anchor(&node.op));
        if rewrites.fuses_epilogues() && is_anchor && !fusion.is_absorbed(*id) {
            let chain = chain(graph, &fusion, *id);
            if let Some((tail, rest)) = chain.nodes.clone().split_last() {
                rest.iter().for_each(|node| fusion.set(*node, Part::Chained));
                fusion.set(*tail, Part::Tail(chain));
            }
        }
    }
    for id in ids.iter().filter(|_| rewrites.gates_filters()) {
        if let Some(gated) = gated(graph, &fusion, *id) {
            fusion.set(*id, Part::Gated(gated));
        }
    }
    let mut sizes = vec![Size::default(); count];
    for id in ids.into_iter().filter(|_| rewrites.fuses_elementwise()) {
        inline(graph, &mut fusion, &mut sizes, id);
    }
    fusion
}

/// Whether a kernel with an epilogue computes it.
fn is_anchor(op: &Op) -> bool {
    matches!(op, Op::Conv(_) | Op::DynamicConv(_) | Op::Linear(_) | Op::Matmul(_))
}

/// Whether it is a function of elements by themselves.
#[must_use]
pub fn is_elementwise(op: &Op) -> bool {
    matches!(op, Op::Activation(_) | Op::Prelu(_) | Op::Binary(_))
}

fn readers(graph: &Graph) -> Vec<Option<NodeId>> {
    let mut readers = vec![None; graph.node_count()];
    for (id, _) in graph.nodes() {
        for operand in graph.operands(id) {
            if let Some(reader) = readers.get_mut(operand.index()) {
                *reader = (graph.use_count(operand) == 1).then_some(id);
            }
        }
    }
    for output in graph.outputs() {
        if let Some(reader) = readers.get_mut(output.node.index()) {
            *reader = None;
        }
    }
    readers
}

/// The chain that begins at an anchor.
fn chain(graph: &Graph, fusion: &Fusion, anchor: NodeId) -> Chain {
    let mut chain = Chain::of(anchor);
    let mut current = anchor;
    // Only convolutions have their columns in dimension 1.
    let takes_gate = graph.node(anchor).is_some_and(|node| matches!(node.op, Op::Conv(_) | Op::DynamicConv(_)));
    let shape_of = |id: NodeId| graph.node(id).map(|node| &node.shape);
    while let Some(next) = fusion.reader(current) {
        let (Some(node), Some(Part::Own)) = (graph.node(next), fusion.part(next)) else { break };
        if shape_of(current) != Some(&node.shape) {
            break;
        }
        let other = graph.operands(next).into_iter().find(|operand| *operand != current);
        let taken = match (&node.op, other) {
            (Op::Activation(activation), _) => chain.activate(*activation),
            (Op::Binary(Binary::Multiply), Some(gate))
                if takes_gate
                    && chain.gate.is_none()
                    && chain.residual.is_none()
                    && shape_of(gate).is_some_and(|gate| is_gate(gate, &node.shape)) =>
            {
                chain.gate = Some(gate);
                true
            }
            (Op::Binary(Binary::Add), Some(residual))
                if chain.residual.is_none() && chain.after.is_identity() && shape_of(residual) == Some(&node.shape) =>
            {
                chain.residual = Some(residual);
                true
            }
            _ => false,
        };
        if !taken {
            break;
        }
        chain.nodes.push(next);
        current = next;
    }
    chain
}

/// What a node multiplies, if it is an image with gates that a pointwise convolution alone reads, for which it is less work to multiply
/// its filters. The batch does not matter: the results would depend on it.
fn gated(graph: &Graph, fusion: &Fusion, id: NodeId) -> Option<Gated> {
    let node = graph.node(id)?;
    let reader = fusion.reader(id).filter(|_| fusion.part(id) == Some(&Part::Own))?;
    let conv = match &graph.node(reader)?.op {
        Op::Conv(conv) => conv,
        Op::DynamicConv(dynamic) => &dynamic.conv,
        _ => return None,
    };
    let [_, channels, height, width] = node.shape.nchw()?;
    let is_image = graph.operands(reader).first() == Some(&id);
    let is_worth_it =
        conv.groups == 1 && conv.is_pointwise() && pays_to_gate_filters(height * width, channels, conv.out);
    let [image, gates] = gated_image(graph, id).filter(|_| is_image && is_worth_it)?;
    Some(Gated { image, gates })
}

/// Whether it is less work to multiply `inputs * outputs` filters than `pixels * inputs` numbers of an image. Filters that are multiplied
/// are written anew, while an image is overwritten; fewer than a vector of them are read as a whole vector.
fn pays_to_gate_filters(pixels: usize, inputs: usize, outputs: usize) -> bool {
    /// Most lanes of a vector.
    const LANES: usize = 16;
    let filters = inputs * outputs.next_multiple_of(LANES);
    4 * pixels * inputs > 5 * filters
}

/// How large the expression of an elementwise node is.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    operands: usize,
    operations: usize,
}

/// Inlines an elementwise node into the one that reads it, if that is elementwise too and of the same shape.
fn inline(graph: &Graph, fusion: &mut Fusion, sizes: &mut [Size], id: NodeId) {
    let Some(node) = graph.node(id).filter(|node| is_elementwise(&node.op)) else { return };
    if fusion.part(id) != Some(&Part::Own) {
        return;
    }
    // A PReLU reads its slopes beside its operand.
    let mut size = Size { operands: usize::from(matches!(node.op, Op::Prelu(_))), operations: 1 };
    for operand in graph.operands(id) {
        let inner = sizes.get(operand.index()).filter(|_| fusion.is_inlined(operand)).copied();
        let inner = inner.unwrap_or(Size { operands: 1, operations: 0 });
        size.operands += inner.operands;
        size.operations += inner.operations;
    }
    if let Some(slot) = sizes.get_mut(id.index()) {
        *slot = size;
    }
    let Some(reader) = fusion.reader(id) else { return };
    let fits = graph.node(reader).is_some_and(|reader| is_elementwise(&reader.op) && reader.shape == node.shape)
        && size.operands <= MAX_OPERANDS
        && size.operations <= MAX_OPERATIONS;
    if fits && fusion.part(reader) == Some(&Part::Own) {
        fusion.set(id, Part::Inlined);
    }
}
