//! What only acts in training: at inference these are the input unchanged, kept in the graph for exports.

use super::call::Call;
use super::cost::Cost;
use super::error::OpError;
use super::{Default, Definition, INPUT, Op, Operation, Parameter, parameter};
use crate::shape::Shape;

/// Zeroes random elements in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The probability of zeroing.
    pub probability: f64,
}

/// Zeroes random samples in training (stochastic depth).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropPath {
    /// The probability of zeroing.
    pub probability: f64,
}

fn unchanged(inputs: &[&Shape]) -> Result<Shape, OpError> {
    let [x, ..] = inputs else { return Ok(Shape::default()) };
    Ok((*x).clone())
}

impl Operation for Dropout {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        unchanged(inputs)
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("p", format!("{:?}", self.probability))]
    }
}

impl Operation for DropPath {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        unchanged(inputs)
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("p", format!("{:?}", self.probability))]
    }
}

const PROBABILITY: Parameter =
    parameter("p", "a probability", Default::Required, "The probability of zeroing in training.");

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "dropout",
        family: "Regularisation",
        summary: "The input; in training, random elements are zeroed",
        parameters: &[INPUT, PROBABILITY],
        result: "as `x`",
        weights: &[],
        details: "At inference nothing happens; the probability matters to exports for training.",
        example: "return x |> dropout(0.2)",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            call.node(Op::Dropout(Dropout { probability: call.probability("p")? }), &[x])
        }),
    },
    &Definition {
        name: "drop_path",
        family: "Regularisation",
        summary: "The input; in training, random samples are zeroed (stochastic depth)",
        parameters: &[INPUT, PROBABILITY],
        result: "as `x`",
        weights: &[],
        details: "For the branch of a residual block (Huang et al., \"Deep Networks with Stochastic Depth\", ECCV 2016).",
        example: "return x + (x |> relu |> drop_path(0.1))",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            call.node(Op::DropPath(DropPath { probability: call.probability("p")? }), &[x])
        }),
    },
];
