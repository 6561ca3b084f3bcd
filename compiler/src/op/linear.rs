//! Fully connected layers.

use super::call::Call;
use super::cost::{Cost, Part, Work, elements, first};
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, parameter, weight};
use crate::shape::Shape;
use crate::weight::{Role, WeightDeclaration};

/// `y = x · weightᵀ + bias` over the last dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// Features of the output.
    pub out: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Operation for Linear {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        if x.rank() < 2 {
            let expected = "features [batch, …, features]";
            return Err(OpError::at("x", OpErrorKind::Rank { expected, found: (*x).clone() }));
        }
        Ok(x.with_dim(x.rank() - 1, self.out))
    }

    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let products = first(inputs).saturating_mul(self.out as u64);
        let bias = if self.bias { elements(output) } else { 0 };
        Cost::from([Part::products(Work::Linear, "linear", products), Part::operations(Work::Bias, bias)])
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let features = inputs.first().and_then(|x| x.dims().last().copied()).unwrap_or(0);
        let role = Role::Kernel { fan_in: features };
        let mut weights = vec![WeightDeclaration::new("weight", [self.out, features], role)];
        if self.bias {
            weights.push(WeightDeclaration::new("bias", [self.out], Role::Bias));
        }
        weights
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("out", self.out.to_string()), ("bias", self.bias.to_string())]
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[&Definition {
    name: "linear",
    family: "Linear",
    summary: "Fully connected layer over the last dimension",
    parameters: &[
        INPUT,
        parameter("out", "a whole number", Default::Required, "The number of output features."),
        parameter(
            "bias",
            "a boolean",
            Default::Bool(true),
            "Whether a learned number is added to each output feature.",
        ),
    ],
    result: "`[…, out]`",
    weights: &[weight("weight", "[out, features]", "the matrix"), weight("bias", "[out]", "unless `bias=false`")],
    details: "`y = x · weightᵀ + bias`. For an image, `flatten` first.",
    example: "return x |> flatten |> linear(10) as classifier",
    build: Some(|call: &mut Call<'_>| {
        let x = call.tensor("x")?;
        let linear = Linear { out: call.integer("out", 1)?, bias: call.boolean("bias")? };
        call.node(Op::Linear(linear), &[x])
    }),
}];
