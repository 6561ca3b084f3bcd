//! Arithmetic of two tensors, element by element. The language writes it with `+ - * /`; there is no call syntax.

use std::fmt;

use super::cost::{Cost, Part, Work, elements};
use super::error::{OpError, OpErrorKind};
use super::{Definition, Operation};
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
