//! The interpreter: the oracle that everything faster is measured against.
//!
//! In: the unoptimised [`Graph`], a [`WeightSource`], and the inputs as `f64`. Out: the outputs as `f64`. Every operation
//! is computed as its documentation defines it, with plain loops in the obvious order, by code that shares nothing with the
//! code generators. Values live until their last use; weights are converted when their node's turn comes.
//!
//! The kernels stand in files named like those of [`crate::op`] and rely on what [`crate::graph::verify`] lists: shapes and
//! indices fit by construction.

mod activation;
mod attention;
mod conv;
mod dynamic_conv;
mod elementwise;
mod layout;
mod linear;
mod norm;
mod pool;
mod recipe;
mod resample;
mod slice;
mod strided;
mod weights;
mod window;

use std::borrow::Cow;

pub use weights::{InitialWeights, NamedWeights, WeightSource};

use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::shape::Shape;

/// An output of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedOutput {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its elements in row-major order.
    pub data: Vec<f64>,
}

/// Why a graph cannot be run with what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpError {
    /// More or fewer inputs than the network has.
    #[error("the network has {expected} input(s), but {found} were given")]
    InputCount {
        /// How many the network has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An input with another number of elements than its shape has.
    #[error("the input `{name}` of shape {shape} has {} elements, not {found}", shape.elements())]
    InputSize {
        /// The input.
        name: String,
        /// Its shape.
        shape: Shape,
        /// How many elements were given.
        found: usize,
    },
    /// The source has no values for a weight.
    #[error("there are no values for the weight `{name}` of shape {shape}")]
    MissingWeight {
        /// The weight.
        name: String,
        /// Its shape.
        shape: Shape,
    },
    /// The values of a weight are in a file that cannot be read.
    #[error(transparent)]
    ReadWeight(#[from] parameternet_runtime::ReadError),
    /// The source has another number of values for a weight than its shape has elements.
    #[error("the weight `{name}` of shape {shape} has {} elements, not {found}", shape.elements())]
    WeightSize {
        /// The weight.
        name: String,
        /// Its shape.
        shape: Shape,
        /// How many values there are.
        found: usize,
    },
}

/// Computes the outputs of `graph`, in the order in which it returns them, for `inputs` in the order of their declaration.
///
/// # Errors
/// When the inputs or the weights are not those of the graph.
pub fn run(graph: &Graph, weights: &dyn WeightSource, inputs: &[Vec<f64>]) -> Result<Vec<NamedOutput>, InterpError> {
    run_observed(graph, weights, inputs, &mut |_, _, _| {})
}

/// Like [`run`]; `observe` sees the value of every node with its shape as soon as it is known, in the order of execution.
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    graph: &Graph,
    weights: &dyn WeightSource,
    inputs: &[Vec<f64>],
    observe: &mut dyn FnMut(NodeId, &Shape, &[f64]),
) -> Result<Vec<NamedOutput>, InterpError> {
    let mut values = Values::new(graph, inputs)?;
    for (id, node) in graph.nodes() {
        let operands = graph.operands(id);
        if !matches!(node.op, Op::Input(_)) {
            let job = Job {
                inputs: operands.iter().map(|operand| values.operand(*operand)).collect(),
                weights: node
                    .weights
                    .iter()
                    .map(|weight| weights::fetch(graph, weights, *weight))
                    .collect::<Result<_, _>>()?,
                shape: &node.shape,
            };
            let value = evaluate(&node.op, &job);
            debug_assert_eq!(value.len(), node.shape.elements(), "{id}: {}", node.op.name());
            values.set(id, value);
        }
        observe(id, &node.shape, values.operand(id).data);
        for operand in operands {
            values.release(operand);
        }
        values.drop_unread(id);
    }
    Ok(values.outputs())
}

/// The output, of the given shape, of an operation without weights on known tensors.
pub(crate) fn compute(op: &Op, inputs: &[(&Shape, &[f64])], shape: &Shape) -> Vec<f64> {
    let inputs = inputs.iter().map(|(shape, data)| Operand { shape, data }).collect();
    evaluate(op, &Job { inputs, weights: Vec::new(), shape })
}

/// The values of the nodes that are still needed.
struct Values<'g> {
    graph: &'g Graph,
    /// By node.
    data: Vec<Vec<f64>>,
    /// By node: how many reads are to come.
    reads: Vec<usize>,
}

#[expect(clippy::indexing_slicing, reason = "node ids of the graph itself, of which there are as many as entries")]
impl<'g> Values<'g> {
    fn new(graph: &'g Graph, inputs: &[Vec<f64>]) -> Result<Self, InterpError> {
        if inputs.len() != graph.inputs().len() {
            return Err(InterpError::InputCount { expected: graph.inputs().len(), found: inputs.len() });
        }
        let mut reads: Vec<usize> = graph.nodes().map(|(id, _)| graph.use_count(id)).collect();
        for output in graph.outputs() {
            reads[output.node.index()] += 1;
        }
        let mut values = Values { graph, data: vec![Vec::new(); graph.node_count()], reads };
        for (port, input) in graph.inputs().iter().zip(inputs) {
            let shape = values.shape(port.node);
            if input.len() != shape.elements() {
                let (name, shape) = (port.name.clone(), shape.clone());
                return Err(InterpError::InputSize { name, shape, found: input.len() });
            }
            values.set(port.node, input.clone());
        }
        Ok(values)
    }

    fn shape(&self, id: NodeId) -> &'g Shape {
        &self.graph.dag[id.0].shape
    }

    fn operand(&self, id: NodeId) -> Operand<'_> {
        Operand { shape: self.shape(id), data: &self.data[id.index()] }
    }

    fn set(&mut self, id: NodeId, data: Vec<f64>) {
        self.data[id.index()] = data;
    }

    /// Counts one read; the value goes with the last.
    fn release(&mut self, id: NodeId) {
        self.reads[id.index()] -= 1;
        self.drop_unread(id);
    }

    /// Drops a value that nothing will read.
    fn drop_unread(&mut self, id: NodeId) {
        if self.reads[id.index()] == 0 {
            self.data[id.index()] = Vec::new();
        }
    }

    fn outputs(&self) -> Vec<NamedOutput> {
        let output = |port: &crate::graph::Port| NamedOutput {
            name: port.name.clone(),
            shape: self.shape(port.node).clone(),
            data: self.data[port.node.index()].clone(),
        };
        self.graph.outputs().iter().map(output).collect()
    }
}

/// A tensor that an operation reads.
#[derive(Debug, Clone, Copy)]
struct Operand<'a> {
    shape: &'a Shape,
    data: &'a [f64],
}

impl Operand<'_> {
    /// Batch, channels, height and width of an image.
    fn image(&self) -> [usize; 4] {
        self.shape.nchw().unwrap_or_default()
    }

    fn dims(&self) -> &[usize] {
        self.shape.dims()
    }
}

/// What an operation works on.
#[derive(Debug)]
struct Job<'a> {
    inputs: Vec<Operand<'a>>,
    weights: Vec<Cow<'a, [f64]>>,
    /// The shape of the output.
    shape: &'a Shape,
}

#[expect(
    clippy::indexing_slicing,
    reason = "a verified graph: every operation has the inputs and weights that it declares"
)]
impl<'a> Job<'a> {
    fn input(&self, port: usize) -> Operand<'a> {
        self.inputs[port]
    }

    fn weight(&self, index: usize) -> &[f64] {
        &self.weights[index]
    }

    /// A weight that is only there with some settings.
    fn optional_weight(&self, index: usize) -> Option<&[f64]> {
        self.weights.get(index).map(|weight| &**weight)
    }
}

/// The output of one operation.
fn evaluate(op: &Op, job: &Job<'_>) -> Vec<f64> {
    let shape = job.shape;
    if shape.elements() == 0 {
        return Vec::new();
    }
    match op {
        // Inputs are values from the start.
        Op::Input(_) => Vec::new(),
        Op::Param(_) => job.weight(0).to_vec(),
        Op::Constant(constant) => constant.data.to_vec(),
        Op::Conv(op) => conv::conv(op, job.input(0), job.weight(0), job.optional_weight(1), shape),
        Op::Routing(op) => dynamic_conv::routing(op, job),
        Op::DynamicConv(op) => dynamic_conv::dynamic_conv(op, job),
        Op::Linear(op) => linear::linear(
            job.input(0).data,
            job.weight(0),
            job.optional_weight(1),
            [shape.elements() / op.out, op.out],
        ),
        Op::BatchNorm(op) => norm::batch_norm(op, job),
        Op::LayerNorm(op) => norm::layer_norm(op, job),
        Op::GroupNorm(op) => norm::group_norm(op, job),
        Op::Activation(op) => job.input(0).data.iter().map(|x| activation::apply(*op, *x)).collect(),
        Op::Prelu(_) => activation::prelu(job.input(0), job.weight(0)),
        Op::Softmax(op) => activation::softmax(op, job.input(0)),
        Op::MaxPool(op) => pool::max_pool(op, job.input(0), shape),
        Op::AvgPool(op) => pool::avg_pool(op, job.input(0), shape),
        Op::AdaptiveAvgPool(op) => pool::adaptive_avg_pool(op, job.input(0)),
        Op::Mean(op) => pool::mean(op, job.input(0), shape),
        Op::Binary(op) => elementwise::binary(*op, job.input(0), job.input(1), shape),
        Op::Matmul(_) => attention::matmul(job.input(0), job.input(1), shape),
        Op::Attention(op) => attention::attention(op, job, shape),
        Op::Concat(op) => layout::concat(op, &job.inputs),
        Op::Slice(op) => slice::slice(op, job.input(0)),
        Op::Gather(op) => slice::gather(op, job.input(0)),
        Op::Expand(_) => layout::expand(job.input(0), shape),
        Op::Permute(op) => layout::permute(op, job.input(0)),
        Op::Roll(op) => layout::roll(op, job.input(0)),
        Op::Pad(op) => layout::pad(op, job.input(0), shape),
        Op::Upsample(op) => resample::upsample(op, job.input(0)),
        Op::Reshape(_) | Op::Dropout(_) | Op::DropPath(_) => job.input(0).data.to_vec(),
    }
}

#[cfg(test)]
mod tests;
