//! Attention among the nodes: a product whose left factor is the softmax of another product, which nobody else reads.

use super::{Fusion, Part};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::elementwise::Binary;

/// Most nodes between the two products, and of sums within sums.
const MOST: usize = 8;

/// The largest number beside which scores keep their digits.
const LARGEST: f64 = 1e4;

/// What is multiplied with values: `softmax(queries * keys / temperature + bias + mask)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attended {
    /// The product of queries and keys.
    pub scores: NodeId,
    /// Its left factor, without factors of its own.
    pub queries: NodeId,
    /// Its right factor, likewise.
    pub keys: NodeId,
    /// Divides the scores.
    pub temperature: f64,
    /// Added to the scores: at most two.
    pub addends: Vec<NodeId>,
    /// All nodes that it stands for, the softmax last.
    pub nodes: Vec<NodeId>,
}

/// What the left factor of a product is, if it is attention.
pub(super) fn attended(graph: &Graph, fusion: &Fusion, product: NodeId) -> Option<Attended> {
    let &[shares, _] = own(graph, fusion, product, |op| matches!(op, Op::Matmul(_)))?.as_slice() else { return None };
    let node = graph.node(shares)?;
    let &[scores] = inner(graph, fusion, shares, product, |op| matches!(op, Op::Softmax(_)))?.as_slice() else {
        return None;
    };
    let Op::Softmax(softmax) = &node.op else { return None };
    let [batch @ .., _, _] = graph.node(product)?.shape.dims() else { return None };
    // Scores that the second product stretches would be computed several times.
    if softmax.dim + 1 != node.shape.rank()
        || !node.shape.dims().starts_with(batch)
        || batch.len() + 2 != node.shape.rank()
    {
        return None;
    }
    let mut attended = in_scores(graph, fusion, scores, shares, MOST)?;
    attended.divide(softmax.temperature)?;
    attended.nodes.push(shares);
    Some(attended)
}

/// The operands of a node with a step of its own and such an operation.
fn own(graph: &Graph, fusion: &Fusion, id: NodeId, is_wanted: impl Fn(&Op) -> bool) -> Option<Vec<NodeId>> {
    let node = graph.node(id)?;
    (is_wanted(&node.op) && fusion.part(id) == Some(&Part::Own)).then(|| graph.operands(id))
}

/// The same, if moreover `reader` alone reads it.
fn inner(
    graph: &Graph,
    fusion: &Fusion,
    id: NodeId,
    reader: NodeId,
    is_wanted: impl Fn(&Op) -> bool,
) -> Option<Vec<NodeId>> {
    own(graph, fusion, id, is_wanted).filter(|_| fusion.reader(id) == Some(reader))
}

/// What is exponentiated, as products, factors and sums.
fn in_scores(graph: &Graph, fusion: &Fusion, id: NodeId, reader: NodeId, depth: usize) -> Option<Attended> {
    let depth = depth.checked_sub(1)?;
    let operands = inner(graph, fusion, id, reader, |op| matches!(op, Op::Matmul(_) | Op::Binary(_)))?;
    let (&[left, right], node) = (operands.as_slice(), graph.node(id)?) else { return None };
    let Op::Binary(operator) = node.op else {
        // The product of another attention has no rows of its own to multiply.
        if fusion.attended(id).is_some() {
            return None;
        }
        let mut attended =
            Attended { scores: id, queries: left, keys: right, temperature: 1.0, addends: Vec::new(), nodes: vec![id] };
        attended.take_scales(graph, fusion);
        return Some(attended);
    };
    if let Some((x, divisor)) = scaled(graph, node, left, right) {
        let mut attended = in_scores(graph, fusion, x, id, depth)?;
        attended.divide(divisor)?;
        attended.nodes.push(id);
        return Some(attended);
    }
    if operator != Binary::Add {
        return None;
    }
    [(left, right), (right, left)].into_iter().find_map(|(scores, addend)| {
        let mut attended = in_scores(graph, fusion, scores, id, depth)?;
        // Sums must not be larger than the scores.
        let is_of_scores = graph.node(attended.scores)?.shape == node.shape;
        attended.add(graph, addend).filter(|()| is_of_scores)?;
        attended.nodes.push(id);
        Some(attended)
    })
}

/// What a node divides by a number, and the number: `x / c` and `x * c`.
fn scaled(graph: &Graph, node: &Node, left: NodeId, right: NodeId) -> Option<(NodeId, f64)> {
    let (x, number, divisor) = match (&node.op, number(graph, left), number(graph, right)) {
        (Op::Binary(Binary::Divide), _, Some(number)) => (left, number, number),
        (Op::Binary(Binary::Multiply), _, Some(number)) => (left, number, number.recip()),
        (Op::Binary(Binary::Multiply), Some(number), _) => (right, number, number.recip()),
        _ => return None,
    };
    // A constant of more dimensions would give more to the result.
    let is_same = graph.node(x).is_some_and(|x| x.shape == node.shape);
    let is_harmless = [number, divisor, divisor.recip()].into_iter().all(is_harmless);
    (is_same && is_harmless).then_some((x, divisor))
}

/// The number that a constant of one element is.
fn number(graph: &Graph, id: NodeId) -> Option<f64> {
    match &graph.node(id)?.op {
        Op::Constant(constant) => match &*constant.data {
            [number] => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

/// Whether kernels can divide by a number as well as multiply by its inverse.
#[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
fn is_harmless(number: f64) -> bool {
    (number as f32).is_normal()
}

impl Attended {
    /// Divides all, if that is still division of the scores alone.
    fn divide(&mut self, divisor: f64) -> Option<()> {
        let temperature = self.temperature * divisor;
        let is_harmless = [temperature, temperature.recip()].into_iter().all(is_harmless);
        let is_possible = is_harmless && (self.addends.is_empty() || temperature == self.temperature);
        is_possible.then(|| self.temperature = temperature)
    }

    /// Adds something, if there is still room. A number, the same for all, changes no softmax, unless it is so large that scores vanish beside it.
    fn add(&mut self, graph: &Graph, addend: NodeId) -> Option<()> {
        if number(graph, addend).is_some_and(|number| number.abs() <= LARGEST) {
            return Some(());
        }
        let columns = |id: NodeId| graph.node(id).and_then(|node| node.shape.dims().last().copied());
        if self.addends.len() == 2 || columns(addend) != columns(self.scores) {
            return None;
        }
        self.addends.push(addend);
        Some(())
    }

    /// Takes over what queries and keys are divided by: scores are divided instead. (These could become infinite where they were not, beyond 1e38.)
    fn take_scales(&mut self, graph: &Graph, fusion: &Fusion) {
        for is_left in [true, false] {
            let factor = if is_left { self.queries } else { self.keys };
            let operands = inner(graph, fusion, factor, self.scores, |op| matches!(op, Op::Binary(_)));
            let (Some(&[left, right]), Some(node)) = (operands.as_deref(), graph.node(factor)) else { continue };
            let Some((x, divisor)) = scaled(graph, node, left, right) else { continue };
            if self.divide(divisor).is_some() {
                *(if is_left { &mut self.queries } else { &mut self.keys }) = x;
                self.nodes.insert(0, factor);
            }
        }
    }
}
