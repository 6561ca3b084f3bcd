//! Computes at compile time, or when weights are prepared, what does not depend on the input.
//!
//! An operation on constants becomes a constant. Learned tensors that are reshaped, cut, permuted, looked up in a table, set
//! side by side or combined by arithmetic become one learned tensor with a derived weight: the table of relative positions
//! of a window attention costs nothing at run time. Invariant: the elements are those that the interpreter computes, for
//! weights in the order in which it moves them. Large tensors stay: a table of all their elements would cost more than it
//! saves, and the sum of all is bounded as well.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Pass, fold};
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Graph, Node, NodeId, WeightId};
use crate::interp;
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::op::layout::Pad;
use crate::op::resample::Mode;
use crate::op::source::{Constant, Param};
use crate::shape::Shape;
use crate::weight::{Recipe, Role};

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "fold-constants",
    summary: "Compute operations on constants and movements of learned tensors before the network runs",
    run,
};

/// The most elements that an operation that is folded may read and write.
const MAX_ELEMENTS: usize = 1 << 20;

/// The most that all of them together may.
const MAX_ELEMENTS_IN_ALL: usize = 1 << 24;

fn run(graph: &Graph) -> Result<Graph, OpError> {
    let mut budget = MAX_ELEMENTS_IN_ALL;
    rewrite(graph, |rewrite, id, node| {
        let operands = rewrite.operands(id);
        let Some(known) = operands.iter().map(|id| known(rewrite.graph(), *id)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let elements =
            known.iter().fold(node.shape.elements(), |sum, known| sum.saturating_add(known.shape.elements()));
        if known.is_empty() || node.shape.elements() == 0 || elements > MAX_ELEMENTS || elements > budget {
            return Ok(None);
        }
        let folded = match constants(&known) {
            Some(constants) => computed(node, &constants).map(|constant| (Op::Constant(constant), Vec::new())),
            None => derived(rewrite, node, &known)
                .map(|weight| (Op::Param(Param { shape: node.shape.clone() }), vec![weight])),
        };
        let Some((op, weights)) = folded else { return Ok(None) };
        budget -= elements;
        rewrite.add(op, &[], weights, &Node { path: None, ..node.clone() }).map(Some)
    })
}

/// An operand that does not depend on the input.
struct Known {
    shape: Shape,
    values: Values,
}

enum Values {
    Constant(Arc<[f64]>),
    Learned(WeightId),
}

fn known(graph: &Graph, id: NodeId) -> Option<Known> {
    let node = graph.node(id)?;
    let values = match &node.op {
        Op::Constant(constant) => Values::Constant(constant.data.clone()),
        Op::Param(_) => Values::Learned(*node.weights.first()?),
        _ => return None,
    };
    Some(Known { shape: node.shape.clone(), values })
}

/// The operands as the interpreter takes them, if all are constants.
fn constants(known: &[Known]) -> Option<Vec<(&Shape, &[f64])>> {
    fn constant(known: &Known) -> Option<(&Shape, &[f64])> {
        match &known.values {
            Values::Constant(values) => Some((&known.shape, values)),
            Values::Learned(_) => None,
        }
    }
    known.iter().map(constant).collect()
}

/// An operation on constants; `None` if it is none of those that take about as many steps as there are elements, or if the
/// result is not finite.
fn computed(node: &Node, constants: &[(&Shape, &[f64])]) -> Option<Constant> {
    let is_cheap = moves_elements(&node.op)
        || matches!(node.op, Op::Binary(_) | Op::Activation(_) | Op::Softmax(_) | Op::Mean(_) | Op::Upsample(_));
    if !is_cheap {
        return None;
    }
    let data = interp::compute(&node.op, constants, &node.shape);
    data.iter().all(|value| value.is_finite()).then(|| Constant { shape: node.shape.clone(), data: data.into() })
}

/// Whether every element of the result is an element of an operand, or a known number. Not for those that are repeated: to
/// read them again costs less than to keep them several times.
fn moves_elements(op: &Op) -> bool {
    match op {
        Op::Concat(_)
        | Op::Slice(_)
        | Op::Gather(_)
        | Op::Reshape(_)
        | Op::Permute(_)
        | Op::Roll(_)
        | Op::Pad(_)
        | Op::Dropout(_)
        | Op::DropPath(_) => true,
        Op::Upsample(upsample) => upsample.mode == Mode::Nearest,
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
        | Op::Attention(_)
        | Op::Expand(_) => false,
    }
}

/// An operation on operands of which one at least is learned, as a weight; `None` if no recipe says it.
fn derived(rewrite: &mut Rewrite<'_>, node: &Node, known: &[Known]) -> Option<WeightId> {
    // The first that is learned gives the weight its name.
    let origin = known.iter().find_map(|known| match known.values {
        Values::Constant(_) => None,
        Values::Learned(weight) => Some(weight),
    })?;
    match (&node.op, known) {
        (Op::Binary(operator), [left, right]) => {
            let left = stretched(rewrite, left, &node.shape, origin)?;
            let right = stretched(rewrite, right, &node.shape, origin)?;
            let recipe = Recipe::Vector { operator: *operator, left, right, dim: 0 };
            Some(rewrite.derive(origin, node.shape.clone(), Role::Free, recipe))
        }
        (op, known) if moves_elements(op) => moved(rewrite, op, known, &node.shape, origin),
        _ => None,
    }
}

/// The elements of an operand as a weight of one dimension that has one for each element of `shape`; a constant's is named
/// after `origin`.
fn stretched(rewrite: &mut Rewrite<'_>, known: &Known, shape: &Shape, origin: WeightId) -> Option<WeightId> {
    let flat = Shape::from([shape.elements()]);
    // The interpreter broadcasts; adding zeros changes no element.
    let zeros = vec![0.0; shape.elements()];
    let stretch =
        |values: &[f64]| interp::compute(&Op::Binary(Binary::Add), &[(&known.shape, values), (shape, &zeros)], shape);
    match &known.values {
        Values::Learned(weight) if known.shape == flat => Some(*weight),
        Values::Learned(weight) => {
            let mut table = Table::default();
            let positions = table.positions(rewrite, known, *weight)?;
            table.select(rewrite, &stretch(&positions), *weight, flat)
        }
        Values::Constant(values) => Some(fold::constant(rewrite, origin, stretch(values))),
    }
}

/// A movement of elements as a weight: what the interpreter makes of their positions.
fn moved(rewrite: &mut Rewrite<'_>, op: &Op, known: &[Known], shape: &Shape, origin: WeightId) -> Option<WeightId> {
    let mut table = Table::default();
    let mut inputs = Vec::new();
    for known in known {
        inputs.push((&known.shape, table.positions(rewrite, known, origin)?));
    }
    let op = match op {
        Op::Pad(pad) => {
            let border = fold::constant(rewrite, origin, vec![pad.value]);
            Op::Pad(Pad { sides: pad.sides.clone(), value: f64::from(table.append(border, 1)?) })
        }
        op => op.clone(),
    };
    let inputs: Vec<(&Shape, &[f64])> =
        inputs.iter().map(|(shape, positions)| (*shape, positions.as_slice())).collect();
    let positions = interp::compute(&op, &inputs, shape);
    table.select(rewrite, &positions, origin, shape.clone())
}

/// Weights laid end to end, of which a result takes its elements.
#[derive(Debug, Default)]
struct Table {
    /// Each with the position of its first element, ascending.
    weights: Vec<(u32, WeightId)>,
    /// How many elements they have.
    count: u32,
}

impl Table {
    /// Appends a weight of that many elements; the position of its first. `None` if positions become too large.
    fn append(&mut self, weight: WeightId, elements: usize) -> Option<u32> {
        let first = self.count;
        self.count = first.checked_add(u32::try_from(elements).ok()?)?;
        self.weights.push((first, weight));
        Some(first)
    }

    /// Appends what an operand consists of; the position of each of its elements.
    fn positions(&mut self, rewrite: &mut Rewrite<'_>, known: &Known, origin: WeightId) -> Option<Vec<f64>> {
        let weight = match &known.values {
            Values::Constant(values) => fold::constant(rewrite, origin, values.to_vec()),
            Values::Learned(weight) => *weight,
        };
        let graph = rewrite.graph();
        let elements = |id: WeightId| graph.weight(id).map(|weight| weight.shape.elements());
        // A selection of a selection is one.
        if let Recipe::Select { of, indices } = &graph.weight(weight)?.recipe {
            let first = self.count;
            for weight in of {
                self.append(*weight, elements(*weight)?)?;
            }
            return Some(indices.iter().map(|index| f64::from(first + index)).collect());
        }
        let first = self.append(weight, elements(weight)?)?;
        Some((first..self.count).map(f64::from).collect())
    }

    /// The weight with the elements at these positions. It needs no weights but those that they lie in, each once.
    fn select(self, rewrite: &mut Rewrite<'_>, positions: &[f64], origin: WeightId, shape: Shape) -> Option<WeightId> {
        let mut used = Table::default();
        let mut first_of: HashMap<WeightId, u32> = HashMap::new();
        let mut indices: Vec<u32> = Vec::with_capacity(positions.len());
        for position in positions {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "they were made of such numbers"
            )]
            let position = *position as u32;
            // Weights without elements share their position with the next, which comes after.
            let after = self.weights.partition_point(|(first, _)| *first <= position);
            let (first, weight) = *self.weights.get(after.checked_sub(1)?)?;
            let new_first = match first_of.get(&weight) {
                Some(new_first) => *new_first,
                None => {
                    let new_first = used.append(weight, rewrite.graph().weight(weight)?.shape.elements())?;
                    first_of.insert(weight, new_first);
                    new_first
                }
            };
            indices.push(new_first + (position - first));
        }
        let of = used.weights.into_iter().map(|(_, weight)| weight).collect();
        Some(rewrite.derive(origin, shape, Role::Free, Recipe::Select { of, indices: indices.into() }))
    }
}
