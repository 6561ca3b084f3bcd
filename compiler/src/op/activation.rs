//! Activations: functions of each element by itself, PReLU, and softmax.

use std::fmt;

use super::arguments;
use super::call::{Call, describe};
use super::cost::{Cost, Part, Work, elements};
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, Parameter, parameter, weight};
use crate::shape::Shape;
use crate::value::{Callable, Value};
use crate::weight::{Role, WeightDeclaration};

/// A function of each element by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where positive, else `slope * x`
    LeakyRelu {
        /// The slope below zero.
        slope: f64,
    },
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
    /// `x * hard_sigmoid(x)`
    HardSwish,
    /// `x * sigmoid(x)`
    Silu,
    /// `x * Phi(x)` with the normal distribution function, exact.
    GeluErf,
    /// The same by the approximation with tanh.
    GeluTanh,
    /// The hyperbolic tangent.
    Tanh,
    /// `x`
    Identity,
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::LeakyRelu { slope } => write!(f, "leaky_relu(slope={slope:?})"),
            Activation::GeluTanh => f.write_str("gelu(form=tanh)"),
            plain => f.write_str(plain.name()),
        }
    }
}

impl Activation {
    /// The name of the function without its settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Sigmoid => "sigmoid",
            Activation::HardSigmoid => "hard_sigmoid",
            Activation::HardSwish => "hard_swish",
            Activation::Silu => "silu",
            Activation::GeluErf | Activation::GeluTanh => "gelu",
            Activation::Tanh => "tanh",
            Activation::Identity => "identity",
        }
    }

    /// Floating-point operations per element as the formula reads; `exp`, `tanh` and `erf` are one each, as are comparisons.
    #[must_use]
    pub fn operations(self) -> u64 {
        match self {
            Activation::Identity => 0,
            Activation::Relu | Activation::Tanh => 1,
            Activation::Relu6 | Activation::LeakyRelu { .. } => 2,
            // -x, exp, 1 + …, 1 / …
            Activation::Sigmoid | Activation::HardSigmoid => 4,
            Activation::Silu | Activation::HardSwish | Activation::GeluErf => 5,
            // x³ is two products.
            Activation::GeluTanh => 9,
        }
    }
}

/// Per element a comparison for the largest, a subtraction, `exp`, an addition and a division; one more division with a
/// temperature other than 1.
#[must_use]
pub(super) fn softmax_operations(elements: u64, temperature: f64) -> u64 {
    #[expect(clippy::float_cmp, reason = "the default is exactly 1")]
    let divided = temperature != 1.0;
    elements.saturating_mul(5 + u64::from(divided))
}

impl Operation for Activation {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        Ok((*x).clone())
    }

    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([Part::operations(Work::Activation, elements(output).saturating_mul(self.operations()))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("function", self.to_string())]
    }
}

/// The activations without settings, by name.
const PLAIN: &[(&str, Activation)] = &[
    ("relu", Activation::Relu),
    ("relu6", Activation::Relu6),
    ("sigmoid", Activation::Sigmoid),
    ("hard_sigmoid", Activation::HardSigmoid),
    ("hard_swish", Activation::HardSwish),
    ("silu", Activation::Silu),
    ("tanh", Activation::Tanh),
    ("identity", Activation::Identity),
];

const GELU_FORMS: &[(&str, Activation)] = &[("erf", Activation::GeluErf), ("tanh", Activation::GeluTanh)];

const LEAKY_SLOPE: f64 = 0.01;

/// Reads a callable value as an activation: `relu`, `leaky_relu(slope=0.2)`.
pub(super) fn read(value: &Value) -> Result<Activation, OpErrorKind> {
    let expected = || OpErrorKind::Range { expected: "an activation".to_owned(), found: describe(value) };
    let Value::Callable(callable) = value else { return Err(expected()) };
    let name = callable.builtin_name().ok_or_else(expected)?;
    if let Some((_, activation)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
        return Ok(*activation);
    }
    let setting = |wanted: &str| match &**callable {
        Callable::Partial(partial) => {
            let is_wanted = |name: &str| name == wanted;
            let argument =
                partial.given.iter().find(|given| given.name.as_ref().is_some_and(|(name, _)| is_wanted(name)));
            argument.map(|argument| argument.value.clone())
        }
        Callable::Operation(_) | Callable::Builtin(_) | Callable::Item(_) => None,
    };
    match name {
        "leaky_relu" => {
            let slope = setting("slope").map(|slope| arguments::number(&slope)).transpose()?;
            Ok(Activation::LeakyRelu { slope: slope.unwrap_or(LEAKY_SLOPE) })
        }
        "gelu" => match setting("form") {
            Some(form) => arguments::choice(&form, GELU_FORMS),
            None => Ok(Activation::GeluErf),
        },
        _ => Err(expected()),
    }
}

/// `x` where positive, else `weight * x` with one learned weight per channel (dimension 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prelu;

impl Operation for Prelu {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        if x.rank() < 2 {
            let expected = "a tensor [batch, channels, …]";
            return Err(OpError::at("x", OpErrorKind::Rank { expected, found: (*x).clone() }));
        }
        Ok((*x).clone())
    }

    /// A comparison and a product.
    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([Part::operations(Work::Activation, elements(output).saturating_mul(2))])
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let channels = inputs.first().and_then(|x| x.dims().get(1).copied()).unwrap_or(0);
        vec![WeightDeclaration::new("weight", [channels], Role::Free)]
    }
}

/// `exp(x / temperature) / sum(exp(x / temperature))` along one dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softmax {
    /// The dimension.
    pub dim: usize,
    /// Larger is more even.
    pub temperature: f64,
}

impl Operation for Softmax {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        Ok((*x).clone())
    }

    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([Part::operations(Work::Softmax, softmax_operations(elements(output), self.temperature))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("dim", self.dim.to_string())];
        #[expect(clippy::float_cmp, reason = "the default is exactly 1")]
        if self.temperature != 1.0 {
            attributes.push(("temperature", format!("{:?}", self.temperature)));
        }
        attributes
    }
}

/// The definition of an activation.
const fn activation(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    details: &'static str,
    example: &'static str,
) -> Definition {
    Definition {
        name,
        family: "Activation",
        summary,
        parameters,
        result: "as `x`",
        weights: &[],
        details,
        example,
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let function = match call.definition.name {
                "leaky_relu" => Activation::LeakyRelu { slope: call.number("slope")? },
                "gelu" => call.choice("form", GELU_FORMS)?,
                name => {
                    PLAIN.iter().find(|(plain, _)| *plain == name).map_or(Activation::Identity, |(_, plain)| *plain)
                }
            };
            call.node(Op::Activation(function), &[x])
        }),
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &activation("relu", "Rectified linear unit", &[INPUT], "`max(x, 0)`", "return x |> relu"),
    &activation("relu6", "Rectified linear unit, capped at 6", &[INPUT], "`min(max(x, 0), 6)`", "return x |> relu6"),
    &activation(
        "leaky_relu",
        "Rectified linear unit with a slope below zero",
        &[INPUT, parameter("slope", "a number", Default::Float(LEAKY_SLOPE), "The slope below zero.")],
        "`x` where positive, else `slope * x`",
        "return x |> leaky_relu(slope=0.2)",
    ),
    &Definition {
        name: "prelu",
        family: "Activation",
        summary: "Rectified linear unit with a learned slope per channel",
        parameters: &[INPUT],
        result: "as `x`",
        weights: &[weight("weight", "[C]", "the slopes below zero")],
        details: "`x` where positive, else `weight * x`; channels are dimension 1.",
        example: "return x |> prelu as act1",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            call.node(Op::Prelu(Prelu), &[x])
        }),
    },
    &activation("sigmoid", "Logistic function", &[INPUT], "`1 / (1 + exp(-x))`", "return x |> sigmoid"),
    &activation("hard_sigmoid", "Sigmoid made of lines", &[INPUT], "`relu6(x + 3) / 6`", "return x |> hard_sigmoid"),
    &activation(
        "hard_swish",
        "Swish made of lines",
        &[INPUT],
        "`x * relu6(x + 3) / 6` (Howard et al., \"Searching for MobileNetV3\", ICCV 2019, section 5.2)",
        "return x |> hard_swish",
    ),
    &activation("silu", "Swish", &[INPUT], "`x * sigmoid(x)`", "return x |> silu"),
    &activation(
        "gelu",
        "Gaussian error linear unit",
        &[INPUT, parameter("form", "`erf` or `tanh`", Default::Word("erf"), "Exact, or the approximation with tanh.")],
        "`x * (1 + erf(x / sqrt(2))) / 2`, or `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³))) / 2` (Hendrycks and Gimpel, \
         \"Gaussian Error Linear Units\", 2016, section 2)",
        "return x |> gelu(form=tanh)",
    ),
    &activation("tanh", "Hyperbolic tangent", &[INPUT], "`tanh(x)`", "return x |> tanh"),
    &activation(
        "identity",
        "The input",
        &[INPUT],
        "For `act=identity` where no activation is wanted.",
        "return x |> identity",
    ),
    &Definition {
        name: "softmax",
        family: "Activation",
        summary: "Softmax along one dimension",
        parameters: &[
            INPUT,
            parameter("dim", "a dimension", Default::Int(-1), "The dimension that sums to 1."),
            parameter("temperature", "a number", Default::Float(1.0), "Divides the input; larger is more even."),
        ],
        result: "as `x`",
        weights: &[],
        details: "`exp(x / temperature) / sum(exp(x / temperature))`",
        example: "return x |> softmax(dim=1)",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let dim = call.dimension("dim", call.shape(x).rank())?;
            let softmax = Softmax { dim, temperature: call.positive_number("temperature")? };
            call.node(Op::Softmax(softmax), &[x])
        }),
    },
];
