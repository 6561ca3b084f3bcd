//! From the graph of a network, as it is written, to ONNX.
//!
//! In: the unoptimised [`Graph`]. Out: a [`Model`], in which weights are named and have shapes but no values; [`super::file`]
//! says where these go. Each operation becomes the operator of the same meaning, where ONNX has one, else a few of them, all
//! of [`OPSET`]. Every shape is a number, so nothing is computed from shapes when the model runs.
//!
//! Names: inputs, outputs and weights have those of the network. An operation gives its path (`blocks.3.0.conv`) to its
//! node and the tensor that this writes; without a path of its own, it is named after its instance and what it computes
//! (`blocks.3.0.relu`). Where one operation is several nodes, the others carry its name and their part (`blocks.3.0.conv.mix`).
//! Whatever finds its name taken gets a number (`relu_2`).
//!
//! Invariants: constants of equal type, shape and value are one; nodes come in an order of execution; a tensor without
//! elements is a constant.

mod activation;
mod arithmetic;
mod constants;
mod convolution;
mod draft;
mod layout;
mod names;
mod normalisation;
mod pooling;
mod resample;
mod writer;

use super::proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto};
use crate::graph::{Graph, WeightId};
use crate::op::Op;
use crate::weight::Recipe;
use draft::Step;
use writer::{Job, Writer};

/// The version of ONNX's operators that models are written with.
pub const OPSET: i64 = 17;

/// The version of the format that came with these operators.
const IR_VERSION: i64 = 8;

/// What is written as the producer of models.
pub const PRODUCER: &str = "parameternet";

/// A network as an ONNX model whose weights wait for their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The message without the weights; constants are among its initializers.
    pub proto: ModelProto,
    /// The weights in the order of the graph.
    pub weights: Vec<WeightTensor>,
}

/// A weight of a [`Model`].
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// Which weight of the graph it is.
    pub id: WeightId,
    /// Name, type and shape, without elements.
    pub header: TensorProto,
    /// How many elements it has, each an f32.
    pub elements: usize,
}

/// Why a graph cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A pass has derived weights from those of the file: only the graph as it is written has the weights that people know.
    #[error("the weight `{name}` is derived from others: export the graph before passes")]
    DerivedWeight {
        /// The weight.
        name: String,
    },
}

/// The model of a graph.
///
/// # Errors
/// When the graph has been through passes that derive weights.
pub fn export(graph: &Graph) -> Result<Model, ExportError> {
    if let Some(weight) = graph.weights().iter().find(|weight| weight.recipe != Recipe::Stored) {
        return Err(ExportError::DerivedWeight { name: weight.name.clone() });
    }
    let mut writer = Writer::new(graph);
    for (id, node) in graph.nodes() {
        let value = match &node.op {
            Op::Input(_) => writer.input(id),
            Op::Param(_) => writer.weight(node, 0),
            Op::Constant(constant) => writer.floats(&node.shape, constant.data.iter().copied()),
            _ if node.shape.elements() == 0 => writer.floats(&node.shape, std::iter::empty()),
            _ => {
                let mut job = writer.job(id, node);
                let step = step(&node.op, &mut job);
                job.finish(step)
            }
        };
        writer.set(id, value);
    }
    let (proto, weights) = writer.finish();
    Ok(Model { proto: model(graph, proto), weights })
}

/// The message around the graph.
fn model(graph: &Graph, proto: GraphProto) -> ModelProto {
    let property = |key: String, value: &str| StringStringEntryProto { key, value: value.to_owned() };
    let facts = [("network", graph.network.clone()), ("batch", graph.batch.to_string())];
    let facts = facts.iter().map(|(key, value)| property(format!("pnet.{key}"), value));
    let settings = graph.settings.iter().map(|(name, value)| property(format!("pnet.set.{name}"), value));
    ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(proto),
        metadata_props: facts.chain(settings).collect(),
        ..Default::default()
    }
}

/// The last node of an operation; those before it are written already.
fn step(op: &Op, job: &mut Job<'_, '_>) -> Step {
    match op {
        // They have values from the start.
        Op::Input(_) | Op::Param(_) | Op::Constant(_) => Step::Value(job.result()),
        Op::Conv(op) => convolution::conv(op, job),
        Op::Routing(op) => convolution::routing(op, job),
        Op::DynamicConv(op) => convolution::dynamic_conv(op, job),
        Op::Linear(op) => arithmetic::linear(op, job),
        Op::BatchNorm(op) => normalisation::batch_norm(op, job),
        Op::LayerNorm(op) => normalisation::layer_norm(op, job),
        Op::GroupNorm(op) => normalisation::group_norm(op, job),
        Op::Activation(op) => {
            let x = job.input(0);
            activation::activation(*op, x, job)
        }
        Op::Prelu(_) => activation::prelu(job),
        Op::Softmax(op) => {
            let x = job.input(0);
            activation::softmax(x, op.dim, op.temperature, job)
        }
        Op::MaxPool(op) => pooling::max_pool(op, job),
        Op::AvgPool(op) => pooling::avg_pool(op, job),
        Op::AdaptiveAvgPool(op) => pooling::adaptive_avg_pool(op, job),
        Op::Mean(op) => pooling::mean(op, job),
        Op::Binary(op) => arithmetic::binary(*op, job),
        Op::Matmul(_) => arithmetic::matmul(job),
        Op::Attention(op) => arithmetic::attention(op, job),
        Op::Concat(op) => layout::concat(op, job),
        Op::Slice(op) => layout::slice(op, job),
        Op::Gather(op) => layout::gather(op, job),
        Op::Reshape(op) => layout::reshape(op, job),
        Op::Expand(op) => layout::expand(op, job),
        Op::Permute(op) => layout::permute(op, job),
        Op::Roll(op) => layout::roll(op, job),
        Op::Pad(op) => layout::pad(op, job),
        Op::Upsample(op) => resample::upsample(op, job),
        Op::Dropout(op) => activation::dropout(op, job),
        // ONNX has no operator for it; at inference it does nothing.
        Op::DropPath(_) => Step::Value(job.input(0)),
    }
}
