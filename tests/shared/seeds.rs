//! Random networks from seeds, and which of them say nothing about an executor in single precision.

#![allow(dead_code, reason = "every suite uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "suites read the environment; the rule is for the libraries")]

use std::collections::HashMap;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::{Graph, NodeId};
use parameternet_compiler::interp::{self, InitialWeights};
use parameternet_compiler::op::Op;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::shape::Shape;

/// The gain of the weights.
pub(crate) const GAIN: f64 = 1.5;

/// The seeds that `PNET_SEEDS=FIRST..END` asks for, or those of every test run.
pub(crate) fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("PNET_SEEDS") else { return usual };
    let (first, end) = text.split_once("..").expect("PNET_SEEDS is FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

/// The graph of a generated program.
pub(crate) fn graph(text: &str) -> Result<Graph, String> {
    let program = Program::load(&MemoryLoader::new("random.pnet", text), "random.pnet");
    let program = program.map_err(|failure| failure.to_string())?;
    elaborate(&program, &Request::default()).map_err(|failure| failure.to_string())
}

/// Where an output is smaller, errors are shares of this: it may be the difference of equal values about as large as 1, of
/// which nothing but their rounding is left.
pub(crate) const LEAST_SIZE: f64 = 0.01;

/// Least deviation of what is normalised together, as a share of its largest value: below it, the rounding of f32 (6e-8)
/// grows to where it could pass for an error.
const LEAST_DEVIATION: f64 = 0.03;

/// The mean that a value is, whose elements at most a factor was applied to and that were at most moved since.
fn mean_behind(graph: &Graph, mut id: NodeId) -> Option<NodeId> {
    loop {
        match &graph.node(id)?.op {
            Op::Mean(_) => return Some(id),
            Op::Activation(_) | Op::Prelu(_) | Op::Permute(_) | Op::Reshape(_) | Op::Roll(_) | Op::Expand(_) => {
                id = *graph.operands(id).first()?;
            }
            _ => return None,
        }
    }
}

/// Whether some normalisation divides by hardly anything: beside the largest of what it normalises, or where that is a mean
/// of values that cancel, beside what their rounding leaves in the mean.
pub(crate) fn is_ill_conditioned(graph: &Graph, inputs: &[Vec<f32>]) -> bool {
    let mut values: HashMap<NodeId, (Shape, Vec<f64>)> = HashMap::new();
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|input| input.iter().copied().map(f64::from).collect()).collect();
    let mut observe = |id: NodeId, shape: &Shape, data: &[f64]| {
        values.insert(id, (shape.clone(), data.to_vec()));
    };
    interp::run_observed(graph, &InitialWeights { gain: GAIN }, &inputs, &mut observe).expect("the network runs");
    graph.nodes().any(|(id, node)| {
        let dims = match &node.op {
            Op::LayerNorm(norm) => vec![norm.dim],
            // All that is normalised together, and then some: groups are parts of dimension 1.
            Op::GroupNorm(_) => (1..node.shape.rank()).collect(),
            _ => return false,
        };
        let (shape, data) = &values[&graph.operands(id)[0]];
        let averaged = mean_behind(graph, graph.operands(id)[0]).map_or(0.0, |mean| {
            let (_, terms) = &values[&graph.operands(mean)[0]];
            let count = terms.len() / values[&mean].1.len().max(1);
            let largest = terms.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            largest / (count.max(1) as f64).sqrt()
        });
        let mut groups: HashMap<Vec<usize>, Vec<f64>> = HashMap::new();
        for (position, value) in data.iter().enumerate() {
            let index = |dim: usize| position / shape.strides()[dim] % shape.dims()[dim];
            let key = (0..shape.rank()).filter(|dim| !dims.contains(dim)).map(index);
            let group = match &node.op {
                Op::GroupNorm(norm) => index(1) * norm.groups / shape.dims()[1],
                _ => 0,
            };
            groups.entry(key.chain([group]).collect()).or_default().push(*value);
        }
        groups.values().any(|group| {
            let count = group.len() as f64;
            let mean = group.iter().sum::<f64>() / count;
            let variance = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            let largest = group.iter().fold(averaged, |largest, value| largest.max(value.abs()));
            variance.sqrt() < LEAST_DEVIATION * largest
        })
    })
}
