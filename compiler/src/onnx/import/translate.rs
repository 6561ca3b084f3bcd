//! From the nodes of a model to the steps of the language, one node after the other.
//!
//! In: the graph of a model. Out: a [`Flow`], or everything that has no equal in the language. What is computed from constants
//! and shapes alone is computed here ([`fold`]). Where one operation of the language is several nodes, it is found at the last of
//! them, by looking back; what the steps before it computed for it alone is left out in the end, as no output needs it.

mod activation;
mod arithmetic;
mod convolution;
mod dynamic;
mod fold;
mod layout;
mod normalisation;
mod part;
mod pooling;

use std::collections::HashMap;

use super::constant::{self, Constant};
use super::error::{Obstacle, Reason};
use super::flow::{Argument, Operand, Operation, Scope, Step, StepId, Weight};
use super::node::Node;
use super::path::Path;
use super::size::{Size, show};
use crate::onnx::ExternalData;
use crate::onnx::proto::GraphProto;

/// The largest size that a dimension may have on the way.
const MAX_SIZE: i64 = 1 << 32;

/// An input of the network.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) shape: Vec<Size>,
}

/// All that a model computes.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) steps: Vec<Step>,
    /// The outputs, by name.
    pub(super) outputs: Vec<(String, StepId)>,
}

/// What a tensor of the model is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Constant(Constant),
    Step(StepId),
    /// An operand left out.
    Absent,
    /// The result of something that could not be translated; said already.
    Unknown,
}

/// Translates a graph whose inputs have these shapes.
///
/// # Errors
/// All obstacles.
pub(super) fn translate(
    graph: &GraphProto,
    opset: i64,
    inputs: &[Input],
    initializers: &HashMap<&str, Constant>,
    batch: Batch,
    external: &dyn ExternalData,
) -> Result<Flow, Vec<Obstacle>> {
    let mut translator = Translator {
        steps: Vec::new(),
        values: HashMap::new(),
        batch,
        scope: Scope::default(),
        external,
        experts_of_samples: Vec::new(),
    };
    for (name, constant) in initializers {
        translator.values.insert((*name).to_owned(), Value::Constant(constant.clone()));
    }
    for (number, input) in inputs.iter().enumerate() {
        let step = translator.push(Operation::Input(number), Vec::new(), Vec::new(), input.shape.clone(), Vec::new());
        translator.values.insert(input.name.clone(), Value::Step(step));
    }
    let mut obstacles = Vec::new();
    for proto in &graph.node {
        let node = Node { proto, opset };
        translator.scope = node.scope();
        match translator.node(&node) {
            Ok(values) => {
                let mut values = values.into_iter();
                for output in &proto.output {
                    translator.values.insert(output.clone(), values.next().unwrap_or(Value::Absent));
                }
            }
            Err(reason) => {
                obstacles.extend(reason.map(|reason| Obstacle {
                    node: node.shown(),
                    operator: node.operator().to_owned(),
                    reason,
                }));
                proto.output.iter().for_each(|name| drop(translator.values.insert(name.clone(), Value::Unknown)));
            }
        }
    }
    let outputs = translator.outputs(graph, &mut obstacles);
    if obstacles.is_empty() { Ok(Flow { steps: translator.steps, outputs }) } else { Err(obstacles) }
}

/// Whether shapes keep the batch as a factor, and how many samples the file says there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    /// Shapes are those of the file.
    Fixed,
    /// The first dimension of inputs is the batch; where the file has numbers instead, they are for so many samples.
    Factor(i64),
}

/// The state of a translation.
pub(super) struct Translator<'m> {
    steps: Vec<Step>,
    values: HashMap<String, Value>,
    batch: Batch,
    /// That of the node at hand.
    scope: Scope,
    external: &'m dyn ExternalData,
    /// Dynamic convolutions whose results the model has with samples and channels in one dimension.
    experts_of_samples: Vec<StepId>,
}

/// What became of a node: the values of its outputs. `Err(None)` where it needs what could not be translated.
type Translated = Result<Vec<Value>, Option<Reason>>;

impl Translator<'_> {
    fn node(&mut self, node: &Node<'_>) -> Translated {
        let domain = node.proto.domain.as_str();
        if !matches!(domain, "" | "ai.onnx") {
            return Err(Some(Reason::Domain(domain.to_owned())));
        }
        let inputs: Vec<Value> = node
            .proto
            .input
            .iter()
            .map(|name| match name.as_str() {
                "" => Value::Absent,
                name => self.values.get(name).cloned().unwrap_or(Value::Unknown),
            })
            .collect();
        let operator = node.operator();
        if inputs.iter().any(|input| matches!(input, Value::Unknown)) {
            return Err(if is_known(operator) { None } else { Some(Reason::Operator) });
        }
        if let Some(folded) = self.fold(node, &inputs)? {
            return Ok(vec![Value::Constant(folded)]);
        }
        let translated = match operator {
            "Conv" => self.conv(node, &inputs),
            "Gemm" => self.gemm(node, &inputs),
            "MatMul" => self.matmul(&inputs),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Pow" | "Neg" => self.arithmetic(operator, &inputs),
            "BatchNormalization" | "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" => {
                self.normalisation(node, &inputs)
            }
            "GlobalAveragePool" | "AveragePool" | "MaxPool" | "ReduceMean" => self.pooling(node, &inputs),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Expand" | "Concat" | "Slice" | "Split"
            | "Gather" | "Pad" | "Resize" => self.layout(node, &inputs),
            "Identity" | "Dropout" | "Cast" => self.same(node, &inputs),
            _ => self.activation(node, &inputs),
        };
        let values = translated.map_err(Some)?;
        // Whatever a file says of sizes, sums of them stay far below the limits of whole numbers.
        let is_sound = |value: &Value| match value {
            Value::Step(step) => self.shape(*step).iter().all(|size| (0..=MAX_SIZE).contains(&size.value)),
            _ => true,
        };
        if values.iter().all(is_sound) {
            Ok(values)
        } else {
            Err(Some(Reason::Shape("a dimension that is too large".to_owned())))
        }
    }

    /// Nodes that do nothing at inference.
    fn same(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        // `Cast` to a whole type would round.
        if node.operator() == "Cast" && !matches!(node.integer("to"), Some(1 | 10 | 11 | 16)) {
            return Err(Reason::Attribute { name: "to", value: node.integer_or("to", 0).to_string() });
        }
        Ok(vec![inputs.first().cloned().unwrap_or(Value::Absent)])
    }

    fn outputs(&mut self, graph: &GraphProto, obstacles: &mut Vec<Obstacle>) -> Vec<(String, StepId)> {
        let mut outputs = Vec::new();
        for output in &graph.output {
            self.scope = Scope { node: output.name.clone(), operator: "output".to_owned(), ..Scope::default() };
            match self.values.get(&output.name).cloned() {
                Some(Value::Step(step)) => outputs.push((output.name.clone(), step)),
                Some(Value::Constant(constant)) => match self.param(&constant) {
                    Ok(step) => outputs.push((output.name.clone(), step)),
                    Err(reason) => obstacles.push(self.obstacle(reason)),
                },
                Some(Value::Unknown) => {}
                Some(Value::Absent) | None => obstacles.push(self.obstacle(Reason::Missing("node"))),
            }
        }
        obstacles.extend(self.parts(&outputs));
        outputs
    }

    fn obstacle(&self, reason: Reason) -> Obstacle {
        Obstacle { node: self.scope.node.clone(), operator: self.scope.operator.clone(), reason }
    }

    /// Steps that outputs need and that the language has only as parts of others.
    fn parts(&self, outputs: &[(String, StepId)]) -> Vec<Obstacle> {
        let needed = needed(&self.steps, outputs.iter().map(|(_, step)| *step));
        let steps = self.steps.iter().zip(needed).filter(|(_, needed)| *needed);
        steps
            .filter_map(|(step, _)| match step.operation {
                Operation::Part(_, whole) => Some(Obstacle {
                    node: step.scope.node.clone(),
                    operator: step.scope.operator.clone(),
                    reason: Reason::Alone(whole),
                }),
                _ => None,
            })
            .collect()
    }

    fn push(
        &mut self,
        operation: Operation,
        operands: Vec<Operand>,
        arguments: Vec<Argument>,
        shape: Vec<Size>,
        weights: Vec<Weight>,
    ) -> StepId {
        let step =
            Step { operation, operands, arguments, shape, weights, path: Path::default(), scope: self.scope.clone() };
        self.steps.push(step);
        StepId(self.steps.len() - 1)
    }

    /// An operation of one tensor.
    fn call(&mut self, name: &'static str, x: StepId, arguments: Vec<Argument>, shape: Vec<Size>) -> StepId {
        self.push(Operation::Call(name), vec![Operand::Step(x)], arguments, shape, Vec::new())
    }

    /// A learned tensor.
    fn param(&mut self, constant: &Constant) -> Result<StepId, Reason> {
        if constant.numbers().is_none() {
            return Err(Reason::Shape("it depends on the batch".to_owned()));
        }
        let shape = super::size::known(&constant.shape.iter().map(|size| whole(*size)).collect::<Vec<_>>());
        Ok(self.push(Operation::Param, Vec::new(), Vec::new(), shape, vec![Weight::new("", constant)]))
    }

    /// The step of an operand; a constant becomes a learned tensor.
    fn operand(&mut self, inputs: &[Value], place: usize, what: &'static str) -> Result<StepId, Reason> {
        match inputs.get(place) {
            Some(Value::Step(step)) => Ok(*step),
            Some(Value::Constant(constant)) => self.param(&constant.clone()),
            _ => Err(Reason::Missing(what)),
        }
    }

    fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0)
    }

    fn shape(&self, id: StepId) -> Vec<Size> {
        self.step(id).map(|step| step.shape.clone()).unwrap_or_default()
    }

    /// The four sizes of an image, of which only the first may depend on the batch.
    fn image(&self, id: StepId) -> Result<[Size; 4], Reason> {
        let shape = self.shape(id);
        match shape.as_slice() {
            &[batch, channels, height, width] if ![channels, height, width].iter().any(|size| size.per_sample) => {
                Ok([batch, channels, height, width])
            }
            _ => Err(Reason::Shape(format!("its input has shape {} and is no image", show(&shape)))),
        }
    }

    /// The step, if it is this operation.
    fn is_call(&self, id: StepId, name: &str) -> Option<&Step> {
        self.step(id).filter(|step| step.is(name))
    }
}

/// The operand as a constant.
fn constant<'v>(inputs: &'v [Value], place: usize, what: &'static str) -> Result<&'v Constant, Reason> {
    match inputs.get(place) {
        Some(Value::Constant(constant)) => Ok(constant),
        Some(Value::Step(_)) => Err(Reason::Computed(what)),
        Some(Value::Absent | Value::Unknown) | None => Err(Reason::Missing(what)),
    }
}

/// The operand as a constant, where there is one.
fn optional<'v>(inputs: &'v [Value], place: usize, what: &'static str) -> Result<Option<&'v Constant>, Reason> {
    match inputs.get(place) {
        Some(Value::Absent) | None => Ok(None),
        Some(_) => constant(inputs, place, what).map(Some),
    }
}

/// Whole numbers of an operand that is a constant.
fn wholes(inputs: &[Value], place: usize, what: &'static str) -> Result<Vec<i64>, Reason> {
    constant(inputs, place, what)?.fixed().ok_or(Reason::Computed(what))
}

/// A dimension, where negative ones count from the end.
fn dimension(axis: i64, rank: usize) -> Result<usize, Reason> {
    let counted = if axis < 0 { axis.saturating_add(whole(rank)) } else { axis };
    match usize::try_from(counted) {
        Ok(dim) if dim < rank => Ok(dim),
        _ => Err(Reason::Attribute { name: "axis", value: axis.to_string() }),
    }
}

pub(super) fn whole(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Which steps these need.
pub(super) fn needed(steps: &[Step], from: impl Iterator<Item = StepId>) -> Vec<bool> {
    let mut needed = vec![false; steps.len()];
    from.for_each(|id| {
        if let Some(needed) = needed.get_mut(id.0) {
            *needed = true;
        }
    });
    for (id, step) in steps.iter().enumerate().rev() {
        if needed.get(id) == Some(&true) {
            for read in step.reads() {
                if let Some(needed) = needed.get_mut(read.0) {
                    *needed = true;
                }
            }
        }
    }
    needed
}

/// Operators that are translated, at least in some forms.
fn is_known(operator: &str) -> bool {
    const KNOWN: &[&str] = &[
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Conv",
        "Div",
        "Dropout",
        "Equal",
        "Erf",
        "Expand",
        "Flatten",
        "Gather",
        "Gelu",
        "Gemm",
        "GlobalAveragePool",
        "Greater",
        "GroupNormalization",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "InstanceNormalization",
        "LayerNormalization",
        "LeakyRelu",
        "Less",
        "MatMul",
        "Max",
        "MaxPool",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "PRelu",
        "Pad",
        "Pow",
        "Range",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Resize",
        "Shape",
        "Sigmoid",
        "Size",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Swish",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Where",
    ];
    KNOWN.contains(&operator)
}
