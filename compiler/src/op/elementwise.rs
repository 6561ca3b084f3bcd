//! Arithmetic of two tensors, element by element. The language writes it with `+ - * /`; there is no call syntax.

use std::fmt;

use super::cost::{Cost, Part, Work, elements};
use super::error::{OpError, OpErrorKind};
use super::{Definition, Op, Operation};
use crate::graph::{Graph, NodeId};
use crate::shape::Shape;

/// Arithmetic of two tensors with broadcasting by NumPy's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
}

/// Whether a tensor has one number per channel of an image, the same for all of its pixels.
#[must_use]
pub fn is_gate(gate: &Shape, image: &Shape) -> bool {
    let Some([batch, channels, ..]) = image.nchw() else { return false };
    match gate.dims() {
        [own_batch, own, 1, 1] => *own == channels && (*own_batch == batch || *own_batch == 1),
        [own, 1, 1] => *own == channels,
        _ => false,
    }
}

/// The image and the gates per channel whose product a node is.
#[must_use]
pub fn gated_image(graph: &Graph, id: NodeId) -> Option<[NodeId; 2]> {
    let node = graph.node(id).filter(|node| node.op == Op::Binary(Binary::Multiply))?;
    let shape_of = |id: NodeId| graph.node(id).map(|node| &node.shape);
    let operands = graph.operands(id);
    let image = operands.iter().copied().find(|operand| shape_of(*operand) == Some(&node.shape))?;
    let is_gates = |id: &NodeId| shape_of(*id).is_some_and(|gates| is_gate(gates, &node.shape));
    let gates = operands.into_iter().find(|operand| *operand != image && is_gates(operand))?;
    Some([image, gates])
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
        })
    }
}

impl Operation for Binary {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [left, right, ..] = inputs else { return Ok(Shape::default()) };
        left.broadcast(right)
            .ok_or_else(|| OpErrorKind::Broadcast { left: (*left).clone(), right: (*right).clone() }.into())
    }

    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([Part::operations(Work::Arithmetic, elements(output))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("operator", self.to_string())]
    }
}

/// No operation of this family is called by name.
pub(super) const DEFINITIONS: &[&Definition] = &[];
