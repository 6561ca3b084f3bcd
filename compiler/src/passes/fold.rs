//! Folding an affine map per output channel into the weights of the operation that it follows.
//!
//! `scale * f(x) + shift` for a convolution, linear layer or dynamic convolution `f` is the same operation with other weights.
//! The scale goes into the filters (into every expert's, since mixing is linear) and into the bias; the shift becomes bias. A
//! dynamic convolution gets a shift of its own, since its coefficients need not sum to 1 and would scale a mixed one.

use crate::graph::rewrite::Rewrite;
use crate::graph::{Graph, NodeId, WeightId};
use crate::op::Op;
use crate::op::conv::Conv;
use crate::op::dynamic_conv::DynamicConv;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::op::linear::Linear;
use crate::shape::Shape;
use crate::weight::{Recipe, Role};

/// What is folded: a number per output channel each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    /// Factors.
    pub scale: Option<WeightId>,
    /// Summands, after scaling.
    pub shift: Option<WeightId>,
}

/// The output channels of an operation that an affine map can be folded into, and the dimension of its output that they
/// are; `None` for every other operation.
#[must_use]
pub fn channels(op: &Op, shape: &Shape) -> Option<(usize, usize)> {
    match op {
        Op::Conv(conv) => Some((conv.out, 1)),
        Op::DynamicConv(dynamic) => Some((dynamic.conv.out, 1)),
        Op::Linear(linear) => Some((linear.out, shape.rank().checked_sub(1)?)),
        _ => None,
    }
}

/// Whether nothing but one other node needs the value of `id`, so that it may be changed for that node's sake.
#[must_use]
pub fn has_one_use(graph: &Graph, id: NodeId) -> bool {
    graph.has_one_reader(id) && graph.outputs().iter().all(|output| output.node != id)
}

/// Adds `producer`, a node of the new graph, once more with the map folded in; `None` if it cannot be.
///
/// # Errors
/// None for a producer that [`channels`] knows.
pub fn fold(rewrite: &mut Rewrite<'_>, producer: NodeId, affine: Affine) -> Result<Option<NodeId>, OpError> {
    let Some(node) = rewrite.graph().node(producer).cloned() else { return Ok(None) };
    let operands = rewrite.graph().operands(producer);
    let Some((out, _)) = channels(&node.op, &node.shape) else { return Ok(None) };
    let mut old = node.weights.iter().copied();
    let Some(kernel) = old.next() else { return Ok(None) };
    let (op, weights) = match &node.op {
        Op::Conv(conv) => {
            let bias = conv.bias.then(|| old.next()).flatten();
            let bias = shifted(rewrite, bias, affine, kernel, out);
            let weights = [Some(scaled(rewrite, kernel, affine.scale, 0)), bias];
            (Op::Conv(Conv { bias: bias.is_some(), ..*conv }), weights.into_iter().flatten().collect())
        }
        Op::Linear(linear) => {
            let bias = linear.bias.then(|| old.next()).flatten();
            let bias = shifted(rewrite, bias, affine, kernel, out);
            let weights = [Some(scaled(rewrite, kernel, affine.scale, 0)), bias];
            (Op::Linear(Linear { bias: bias.is_some(), ..*linear }), weights.into_iter().flatten().collect())
        }
        Op::DynamicConv(dynamic) => {
            let bias = dynamic.conv.bias.then(|| old.next()).flatten();
            let shift = dynamic.shift.then(|| old.next()).flatten();
            let shift = shifted(rewrite, shift, affine, kernel, out);
            let bias = bias.map(|bias| scaled(rewrite, bias, affine.scale, 1));
            let weights = [Some(scaled(rewrite, kernel, affine.scale, 1)), bias, shift];
            let op = Op::DynamicConv(DynamicConv { shift: shift.is_some(), ..*dynamic });
            (op, weights.into_iter().flatten().collect::<Vec<_>>())
        }
        _ => return Ok(None),
    };
    rewrite.add(op, &operands, weights, &node).map(Some)
}

/// A weight times the scale along its dimension of output channels.
fn scaled(rewrite: &mut Rewrite<'_>, weight: WeightId, scale: Option<WeightId>, dim: usize) -> WeightId {
    match scale {
        Some(scale) => vector(rewrite, Binary::Multiply, weight, scale, dim),
        None => weight,
    }
}

/// `bias * scale + shift`, as far as there are any.
fn shifted(
    rewrite: &mut Rewrite<'_>,
    bias: Option<WeightId>,
    affine: Affine,
    origin: WeightId,
    out: usize,
) -> Option<WeightId> {
    let bias = bias.map(|bias| scaled(rewrite, bias, affine.scale, 0));
    match (bias, affine.shift) {
        (Some(bias), Some(shift)) => Some(vector(rewrite, Binary::Add, bias, shift, 0)),
        (Some(bias), None) => Some(bias),
        (None, Some(shift)) => {
            // As a sum with zeros it gets the shape and role of a bias, whatever it was before.
            let zeros = constant(rewrite, origin, vec![0.0; out]);
            Some(vector(rewrite, Binary::Add, zeros, shift, 0))
        }
        (None, None) => None,
    }
}

/// `left operator right` with `right` along a dimension of `left`, whose shape and role the result has.
pub(super) fn vector(
    rewrite: &mut Rewrite<'_>,
    operator: Binary,
    left: WeightId,
    right: WeightId,
    dim: usize,
) -> WeightId {
    let (shape, role) = match rewrite.graph().weight(left) {
        Some(weight) => (weight.shape.clone(), weight.role),
        None => (Shape::default(), Role::Free),
    };
    rewrite.derive(left, shape, role, Recipe::Vector { operator, left, right, dim })
}

/// A vector of known values in the role of a bias, named after `origin`.
pub(super) fn constant(rewrite: &mut Rewrite<'_>, origin: WeightId, values: Vec<f64>) -> WeightId {
    let shape = Shape::from([values.len()]);
    rewrite.derive(origin, shape, Role::Bias, Recipe::Constant(values.into()))
}
