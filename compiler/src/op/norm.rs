//! Normalisations.

use super::call::Call;
use super::cost::{Cost, Part, Work, first, product};
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, Parameter, parameter, weight};
use crate::shape::Shape;
use crate::weight::{Role, WeightDeclaration};

/// `(x - running_mean) / sqrt(running_var + eps) * weight + bias` per channel (dimension 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

/// `(x - mean) / sqrt(variance + eps) * weight + bias` along one dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    /// The dimension.
    pub dim: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

/// The same over each group of channels of each sample; weight and bias are per channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNorm {
    /// How many groups the channels are divided into.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

const EPS: Parameter = parameter("eps", "a number", Default::Float(1e-5), "Added to the variance.");
const AFFINE: Parameter =
    parameter("affine", "a boolean", Default::Bool(true), "Whether there are a learned weight and bias.");

fn scale_and_bias(count: usize, affine: bool) -> Vec<WeightDeclaration> {
    if !affine {
        return Vec::new();
    }
    vec![WeightDeclaration::new("weight", [count], Role::Scale), WeightDeclaration::new("bias", [count], Role::Bias)]
}

/// The size of dimension 1 of the first input.
fn channels(inputs: &[&Shape]) -> usize {
    inputs.first().and_then(|x| x.dims().get(1).copied()).unwrap_or(0)
}

/// The input's shape, if it has a dimension of channels.
fn with_channels(inputs: &[&Shape]) -> Result<Shape, OpError> {
    let [x, ..] = inputs else { return Ok(Shape::default()) };
    if x.rank() < 2 {
        let expected = "a tensor [batch, channels, …]";
        return Err(OpError::at("x", OpErrorKind::Rank { expected, found: (*x).clone() }));
    }
    Ok((*x).clone())
}

/// A normalisation that computes its own statistics: per element an addition for the mean, a subtraction, a square, an
/// addition for the variance and a product, two more with weight and bias; per group two divisions, an addition, a root and
/// a division.
fn normalised(operator: &'static str, elements: u64, groups: u64, affine: bool) -> Cost {
    let (counted, operations) = if affine { (5, 7) } else { (4, 5) };
    let operations = elements.saturating_mul(operations).saturating_add(groups.saturating_mul(5));
    Part::operations(Work::Normalisation, operations).as_fvcore(operator, elements.saturating_mul(counted)).into()
}

fn settings(eps: f64, affine: bool) -> Vec<(&'static str, String)> {
    let mut attributes = vec![("eps", format!("{eps:?}"))];
    if !affine {
        attributes.push(("affine", "false".to_owned()));
    }
    attributes
}

impl Operation for BatchNorm {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        with_channels(inputs)
    }

    /// As the formula reads: a subtraction and a product per element, two more with weight and bias; per channel an addition,
    /// a root and a division.
    fn cost(&self, inputs: &[&Shape], _: &Shape) -> Cost {
        let count = first(inputs);
        let (counted, operations) = if self.affine { (2, 4) } else { (1, 2) };
        let statistics = 3 * channels(inputs) as u64;
        Part::operations(Work::Normalisation, count.saturating_mul(operations).saturating_add(statistics))
            .as_fvcore("batch_norm", count.saturating_mul(counted))
            .into()
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let count = channels(inputs);
        let mut weights = scale_and_bias(count, self.affine);
        weights.push(WeightDeclaration::new("running_mean", [count], Role::RunningMean));
        weights.push(WeightDeclaration::new("running_var", [count], Role::RunningVariance));
        weights
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        settings(self.eps, self.affine)
    }
}

impl Operation for LayerNorm {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        Ok((*x).clone())
    }

    fn cost(&self, inputs: &[&Shape], _: &Shape) -> Cost {
        let size = inputs.first().and_then(|x| x.dims().get(self.dim).copied()).unwrap_or(0);
        normalised("layer_norm", first(inputs), first(inputs) / size.max(1) as u64, self.affine)
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let count = inputs.first().and_then(|x| x.dims().get(self.dim).copied()).unwrap_or(0);
        scale_and_bias(count, self.affine)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("dim", self.dim.to_string())];
        attributes.extend(settings(self.eps, self.affine));
        attributes
    }
}

impl Operation for GroupNorm {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let channels = channels(inputs);
        let shape = with_channels(inputs)?;
        if !channels.is_multiple_of(self.groups) {
            let kind = OpErrorKind::Groups { side: "input", channels, groups: self.groups };
            return Err(OpError::at("groups", kind));
        }
        Ok(shape)
    }

    fn cost(&self, inputs: &[&Shape], _: &Shape) -> Cost {
        let batch = inputs.first().and_then(|x| x.dims().first().copied()).unwrap_or(0);
        normalised("group_norm", first(inputs), product([batch, self.groups]), self.affine)
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        scale_and_bias(channels(inputs), self.affine)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("groups", self.groups.to_string())];
        attributes.extend(settings(self.eps, self.affine));
        attributes
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "batch_norm",
        family: "Normalisation",
        summary: "Batch normalisation with running statistics, per channel",
        parameters: &[INPUT, EPS, AFFINE],
        result: "as `x`",
        weights: &[
            weight("weight", "[C]", "unless `affine=false`"),
            weight("bias", "[C]", "unless `affine=false`"),
            weight("running_mean", "[C]", "a buffer: no trainable parameter"),
            weight("running_var", "[C]", "a buffer: no trainable parameter"),
        ],
        details: "`(x - running_mean) / sqrt(running_var + eps) * weight + bias`; channels are dimension 1. The counter \
            `num_batches_tracked` of PyTorch's checkpoints is not needed and ignored.",
        example: "return x |> batch_norm as bn1",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let norm = BatchNorm { eps: call.positive_number("eps")?, affine: call.boolean("affine")? };
            call.node(Op::BatchNorm(norm), &[x])
        }),
    },
    &Definition {
        name: "layer_norm",
        family: "Normalisation",
        summary: "Layer normalisation along one dimension",
        parameters: &[
            INPUT,
            parameter(
                "dim",
                "a dimension",
                Default::Int(-1),
                "The dimension; 1 normalises the channels of each pixel.",
            ),
            EPS,
            AFFINE,
        ],
        result: "as `x`",
        weights: &[
            weight("weight", "[size of dim]", "unless `affine=false`"),
            weight("bias", "[size of dim]", "unless `affine=false`"),
        ],
        details: "`(x - mean) / sqrt(variance + eps) * weight + bias` with the mean and the biased variance along `dim`.",
        example: "return x |> layer_norm(dim=1, eps=1e-6) as norm1",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let dim = call.dimension("dim", call.shape(x).rank())?;
            let norm = LayerNorm { dim, eps: call.positive_number("eps")?, affine: call.boolean("affine")? };
            call.node(Op::LayerNorm(norm), &[x])
        }),
    },
    &Definition {
        name: "group_norm",
        family: "Normalisation",
        summary: "Normalisation of groups of channels, per sample",
        parameters: &[
            INPUT,
            parameter("groups", "a whole number", Default::Required, "How many groups the channels are divided into."),
            EPS,
            AFFINE,
        ],
        result: "as `x`",
        weights: &[weight("weight", "[C]", "unless `affine=false`"), weight("bias", "[C]", "unless `affine=false`")],
        details: "As `layer_norm`, over all elements of a group of channels of one sample; weight and bias are per channel.",
        example: "return x |> group_norm(4) as norm1",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let norm = GroupNorm {
                groups: call.integer("groups", 1)?,
                eps: call.positive_number("eps")?,
                affine: call.boolean("affine")?,
            };
            call.node(Op::GroupNorm(norm), &[x])
        }),
    },
];
