//! Dynamic convolution: a convolution whose filters are mixed from experts, anew for every sample.

use std::rc::Rc;

use super::activation::{self, Activation};
use super::arguments;
use super::call::{Call, describe};
use super::conv::{Conv, GROUPS, KERNEL, OUT};
use super::cost::{Cost, Part, Work, elements, first, product};
use super::error::{OpError, OpErrorKind};
use super::pool::averages;
use super::window::{DILATION, PADDING, STRIDE, image};
use super::{Default, Definition, INPUT, Op, Operation, parameter, weight};
use crate::graph::NodeId;
use crate::shape::Shape;
use crate::value::{Callable, Given, Value};
use crate::weight::{Role, WeightDeclaration};

/// How the coefficients of the experts are computed from the pooled input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// `gate(fc2 · activation(fc1 · GAP(x)))` without biases: the form of the paper.
    Mlp {
        /// Outputs of the first layer.
        hidden: usize,
        /// Between the layers.
        activation: Activation,
    },
    /// `gate(W · GAP(x) + b)`: the form of the published reference code.
    Linear,
}

/// What turns scores into coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// `softmax(scores / temperature)` over the experts.
    Softmax {
        /// Larger is more even.
        temperature: f64,
    },
    /// The sigmoid of each score.
    Sigmoid,
}

/// The coefficients `[N, experts]` for an image `[N, C, H, W]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Routing {
    /// How the scores are computed.
    pub form: Form,
    /// What makes coefficients of them.
    pub gate: Gate,
    /// How many there are.
    pub experts: usize,
}

/// Convolution of `[N, C, H, W]` with `sum_i alpha[n, i] * weight[i]` for the coefficients alpha `[N, experts]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicConv {
    /// The convolution.
    pub conv: Conv,
    /// The number of experts.
    pub experts: usize,
    /// What the weights are called.
    pub naming: Naming,
    /// Whether a bias per output channel is added that is not mixed. The language has none; folding a normalisation that
    /// follows leaves one.
    pub shift: bool,
}

/// What the experts' tensors are called below the instance path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `weight`, `bias`.
    Own,
    /// `cond_conv.weight`, `cond_conv.bias`, as in the published reference code.
    CondConv,
}

impl Operation for Routing {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let [batch, ..] = image(x).map_err(|kind| OpError::at("x", kind))?;
        Ok(Shape::from([batch, self.experts]))
    }

    /// The pooling, the linear layers and the gate; biases of the linear form are added to the scores.
    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let [batch, channels, ..] = inputs.first().and_then(|x| x.nchw()).unwrap_or_default();
        let scores = elements(output);
        let (products, bias, activation) = match self.form {
            Form::Mlp { hidden, activation } => {
                let products =
                    product([batch, channels, hidden]).saturating_add(product([batch, hidden, self.experts]));
                (products, 0, product([batch, hidden]).saturating_mul(activation.operations()))
            }
            Form::Linear => (product([batch, channels, self.experts]), scores, 0),
        };
        let (gate, softmax) = match self.gate {
            Gate::Sigmoid => (scores.saturating_mul(Activation::Sigmoid.operations()), 0),
            Gate::Softmax { temperature } => (0, activation::softmax_operations(scores, temperature)),
        };
        let read = first(inputs);
        Cost::from([
            Part::products(Work::Coefficients, "linear", products),
            averages(read).as_fvcore("adaptive_avg_pool2d", read),
            Part::operations(Work::Bias, bias),
            Part::operations(Work::Activation, activation.saturating_add(gate)),
            Part::operations(Work::Softmax, softmax),
        ])
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let channels = inputs.first().and_then(|x| x.nchw()).map_or(0, |[_, channels, _, _]| channels);
        match self.form {
            Form::Mlp { hidden, .. } => vec![
                WeightDeclaration::new("fc1.weight", [hidden, channels], Role::Kernel { fan_in: channels }),
                WeightDeclaration::new("fc2.weight", [self.experts, hidden], Role::Kernel { fan_in: hidden }),
            ],
            Form::Linear => vec![
                WeightDeclaration::new("weight", [self.experts, channels], Role::Kernel { fan_in: channels }),
                WeightDeclaration::new("bias", [self.experts], Role::Bias),
            ],
        }
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let form = match self.form {
            Form::Mlp { hidden, activation } => format!("mlp(hidden={hidden}, activation={activation})"),
            Form::Linear => "linear".to_owned(),
        };
        let gate = match self.gate {
            Gate::Softmax { temperature: 1.0 } => "softmax".to_owned(),
            Gate::Softmax { temperature } => format!("softmax(temperature={temperature:?})"),
            Gate::Sigmoid => "sigmoid".to_owned(),
        };
        vec![("experts", self.experts.to_string()), ("form", form), ("gate", gate)]
    }
}

impl Operation for DynamicConv {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, coefficients, ..] = inputs else { return Ok(Shape::default()) };
        let shape = self.conv.shape(&[x])?;
        let batch = x.dims().first().copied().unwrap_or(0);
        if coefficients.dims() != [batch, self.experts] {
            let found = (*coefficients).clone();
            return Err(OpError::at("routing", OpErrorKind::Coefficients { found, experts: self.experts, batch }));
        }
        Ok(shape)
    }

    /// The filters (and biases) of each sample are mixed, then each sample is convolved with its own.
    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let [batch, channels, ..] = inputs.first().and_then(|x| x.nchw()).unwrap_or_default();
        let fan_in = self.conv.fan_in(channels);
        let mixed = fan_in.saturating_add(usize::from(self.conv.bias));
        let added = u64::from(self.conv.bias) + u64::from(self.shift);
        Cost::from([
            Part::products(Work::Convolution, "conv", elements(output).saturating_mul(fan_in as u64)),
            Part::products(Work::Mixing, "matmul", product([batch, self.experts, self.conv.out, mixed])),
            Part::operations(Work::Bias, elements(output).saturating_mul(added)),
        ])
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let channels = inputs.first().and_then(|x| x.nchw()).map_or(0, |[_, channels, _, _]| channels);
        let (kernel, bias) = match self.naming {
            Naming::Own => ("weight", "bias"),
            Naming::CondConv => ("cond_conv.weight", "cond_conv.bias"),
        };
        let [out, inputs, height, width] = self.conv.kernel_shape(channels);
        let role = Role::Kernel { fan_in: self.conv.fan_in(channels) };
        let mut weights =
            vec![WeightDeclaration::new(kernel, [self.experts, out, inputs, height, width], role).or_flat()];
        if self.conv.bias {
            weights.push(WeightDeclaration::new(bias, [self.experts, out], Role::Bias));
        }
        if self.shift {
            weights.push(WeightDeclaration::new("shift", [out], Role::Bias));
        }
        weights
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = self.conv.geometry();
        attributes.push(("experts", self.experts.to_string()));
        if self.shift {
            attributes.push(("shift", "true".to_owned()));
        }
        attributes
    }
}

/// Reads the arguments of a routing from a callable value: `mlp`, `linear`, or one of them with settings.
struct Settings<'a> {
    definition: &'static Definition,
    given: &'a [Given],
}

impl<'a> Settings<'a> {
    fn of(value: &'a Value) -> Result<Self, OpErrorKind> {
        let unknown = || OpErrorKind::Routing { found: value.to_string() };
        let Value::Callable(callable) = value else {
            let expected = "`mlp(…)`, `linear(…)` or a tensor of coefficients";
            return Err(OpErrorKind::Type { expected, found: describe(value) });
        };
        let (callee, given): (&Callable, &[Given]) = match &**callable {
            Callable::Partial(partial) => (&partial.callee, &partial.given),
            other => (other, &[]),
        };
        let Callable::Operation(definition) = callee else { return Err(unknown()) };
        let definition = routing_definition(definition.name).ok_or_else(unknown)?;
        for argument in given {
            let name = argument.name.as_ref().map_or("", |(name, _)| name);
            let known: Vec<&'static str> = definition.parameters.iter().map(|parameter| parameter.name).collect();
            if !known.contains(&name) {
                return Err(OpErrorKind::Setting { name: name.to_owned(), of: definition.name, known });
            }
        }
        Ok(Settings { definition, given })
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        let named = |argument: &&Given| argument.name.as_ref().is_some_and(|(given, _)| &**given == name);
        self.given.iter().find(named).map(|argument| &argument.value)
    }
}

fn read_gate(value: &Value) -> Result<Gate, OpErrorKind> {
    let expected =
        || OpErrorKind::Range { expected: "`softmax` or `sigmoid` as its `gate`".to_owned(), found: describe(value) };
    let Value::Callable(callable) = value else { return Err(expected()) };
    match callable.builtin_name() {
        Some("sigmoid") => Ok(Gate::Sigmoid),
        Some("softmax") => {
            let Callable::Partial(partial) = &**callable else { return Ok(Gate::Softmax { temperature: 1.0 }) };
            let mut temperature = 1.0;
            for argument in &partial.given {
                match argument.name.as_ref().map_or("", |(name, _)| name) {
                    "temperature" => temperature = arguments::positive_number(&argument.value)?,
                    other => {
                        let name = other.to_owned();
                        return Err(OpErrorKind::Setting { name, of: "the gate", known: vec!["temperature"] });
                    }
                }
            }
            Ok(Gate::Softmax { temperature })
        }
        _ => Err(expected()),
    }
}

impl Routing {
    fn read(value: &Value, channels: usize, experts: usize) -> Result<Routing, OpErrorKind> {
        let settings = Settings::of(value)?;
        let gate = settings.value("gate").map(read_gate).transpose()?;
        if settings.definition.name == LINEAR_ROUTING.name {
            return Ok(Routing { form: Form::Linear, gate: gate.unwrap_or(Gate::Sigmoid), experts });
        }
        let hidden = settings.value("hidden").map(|value| arguments::integer(value, 1)).transpose()?;
        let activation = settings.value("activation").map(activation::read).transpose()?;
        Ok(Routing {
            form: Form::Mlp { hidden: hidden.unwrap_or(channels), activation: activation.unwrap_or(Activation::Relu) },
            gate: gate.unwrap_or(Gate::Softmax { temperature: 1.0 }),
            experts,
        })
    }
}

fn build(call: &mut Call<'_>) -> Result<Value, OpError> {
    let x = call.tensor("x")?;
    let shape = call.shape(x);
    let conv = Conv::read(call, &shape)?;
    let experts = call.integer("experts", 1)?;
    let [_, channels, ..] = image(&shape).map_err(|kind| OpError::at("x", kind))?;
    // The convolution itself is checked first: its errors are about what the author wrote.
    conv.shape(&[&shape])?;
    let setting =
        call.setting("routing").unwrap_or_else(|| Value::Callable(Rc::new(Callable::Operation(&MLP_ROUTING))));
    let (coefficients, naming): (NodeId, Naming) = match &setting {
        Value::Tensor(coefficients) => (*coefficients, Naming::Own),
        setting => {
            let routing = Routing::read(setting, channels, experts).map_err(|kind| OpError::at("routing", kind))?;
            let naming = match routing.form {
                Form::Mlp { .. } => Naming::Own,
                Form::Linear => Naming::CondConv,
            };
            (call.part("routing", Op::Routing(routing), &[x])?, naming)
        }
    };
    call.node(Op::DynamicConv(DynamicConv { conv, experts, naming, shift: false }), &[x, coefficients])
}

/// `dynamic_conv`.
const DYNAMIC_CONV: Definition = Definition {
    name: "dynamic_conv",
    family: "Convolution",
    summary: "Convolution with filters mixed from experts by coefficients that each sample computes for itself",
    parameters: &[
        INPUT,
        OUT,
        KERNEL,
        STRIDE,
        PADDING,
        DILATION,
        GROUPS,
        parameter(
            "bias",
            "a boolean",
            Default::Bool(false),
            "Whether a bias per output channel is added, mixed from one bias per expert.",
        ),
        parameter("experts", "a whole number", Default::Int(4), "How many sets of filters are mixed (M)."),
        parameter(
            "routing",
            "`mlp(…)`, `linear(…)` or a tensor [N, experts]",
            Default::Computed("mlp(hidden=C, activation=relu, gate=softmax)"),
            "How the coefficients are computed; a tensor holds coefficients that several convolutions may share.",
        ),
    ],
    result: "as `conv`",
    weights: &[
        weight(
            "weight",
            "[experts, out, C / groups, kernel height, kernel width]",
            "the experts, unless `routing=linear(…)`",
        ),
        weight("bias", "[experts, out]", "with `bias=true`, likewise"),
        weight("routing.fc1.weight", "[hidden, C]", "with `routing=mlp(…)`"),
        weight("routing.fc2.weight", "[experts, hidden]", "with `routing=mlp(…)`"),
        weight("routing.weight", "[experts, C]", "with `routing=linear(…)`"),
        weight("routing.bias", "[experts]", "with `routing=linear(…)`"),
        weight(
            "cond_conv.weight",
            "[experts, out, C / groups, kernel height, kernel width]",
            "the experts with `routing=linear(…)`, named as in the published reference code",
        ),
        weight("cond_conv.bias", "[experts, out]", "with `bias=true` and `routing=linear(…)`"),
    ],
    details: "For an input X with C channels and M experts, per sample (Han et al., \"ParameterNet: Parameters Are All You \
        Need\", CVPR 2024, section 3):\n\n\
        ```text\n\
        alpha = softmax(W2 · relu(W1 · GAP(X)))      W1: C x C, W2: M x C\n\
        Y     = X * (sum_i alpha_i W_i)              W_i: out x C/groups x K x K\n\
        ```\n\n\
        That is about M times the parameters of `conv` for nearly the same multiply-adds: C² + C·M for the coefficients and \
        M·out·C/groups·K² for the mixing come on top. Files may hold the experts with all dimensions after the first merged, \
        as the reference code and timm do.",
    example: "return x |> dynamic_conv(16, kernel=3, experts=4) as conv1",
    build: Some(build),
};

/// `mlp`, a setting of `routing`.
static MLP_ROUTING: Definition = Definition {
    name: "mlp",
    family: "Routing",
    summary: "Coefficients from two linear layers without biases over the pooled input: the form of the paper",
    parameters: &[
        parameter("hidden", "a whole number", Default::Computed("C"), "Outputs of the first layer."),
        parameter("activation", "an activation", Default::Word("relu"), "Between the layers."),
        parameter(
            "gate",
            "`softmax`, `softmax(temperature=…)` or `sigmoid`",
            Default::Word("softmax"),
            "Makes coefficients of scores.",
        ),
    ],
    result: "`[N, experts]`",
    weights: &[],
    details: "`gate(W2 · activation(W1 · GAP(X)))`. Only for the argument `routing` of `dynamic_conv`.",
    example: "return x |> dynamic_conv(16, routing=mlp(hidden=4, gate=softmax(temperature=30))) as conv1",
    build: None,
};

/// `linear` as a setting of `routing`; as an operation it is the fully connected layer.
static LINEAR_ROUTING: Definition = Definition {
    name: "linear",
    family: "Routing",
    summary: "Coefficients from one linear layer with bias over the pooled input: the form of the published reference code",
    parameters: &[parameter(
        "gate",
        "`sigmoid`, `softmax` or `softmax(temperature=…)`",
        Default::Word("sigmoid"),
        "Makes coefficients of scores.",
    )],
    result: "`[N, experts]`",
    weights: &[],
    details: "`gate(W · GAP(X) + b)`. Only for the argument `routing` of `dynamic_conv`; elsewhere `linear` is the layer.",
    example: "return x |> dynamic_conv(16, routing=linear(gate=sigmoid)) as conv1",
    build: None,
};

/// The definition of a routing by name.
#[must_use]
pub fn routing_definition(name: &str) -> Option<&'static Definition> {
    ROUTINGS.iter().copied().find(|definition| definition.name == name)
}

/// The settings of `routing`.
pub const ROUTINGS: &[&Definition] = &[&MLP_ROUTING, &LINEAR_ROUTING];

/// The definitions of this family; `mlp` is known by name everywhere, `linear` already is.
pub(super) const DEFINITIONS: &[&Definition] = &[&DYNAMIC_CONV, &MLP_ROUTING];
