//! Random networks: machine code computes what the interpreter computes, with every pass on and with one left out.
//!
//! `PNET_SEEDS=FIRST..END` runs other seeds than those of every test run, for longer searches.

use std::collections::HashMap;

use parameternet_compiler::compile::Options;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::{Graph, NodeId};
use parameternet_compiler::interp::{self, InitialWeights};
use parameternet_compiler::op::Op;
use parameternet_compiler::plan::ImageLayout;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::shape::Shape;
use parameternet_compiler::weight::InitialTensors;
use parameternet_generator::{Settings, program};
use parameternet_runtime::Isa;

use crate::ladder::{TOLERANCE, error_in_shares, expected, inputs, names, options, run, same_bits};

/// Those of every test run.
const SEEDS: std::ops::Range<u64> = 0..2000;

/// The gain of the weights.
const GAIN: f64 = 1.5;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("PNET_SEEDS") else { return SEEDS };
    let (first, end) = text.split_once("..").expect("PNET_SEEDS is FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

fn graph(text: &str) -> Result<Graph, String> {
    let program = Program::load(&MemoryLoader::new("random.pnet", text), "random.pnet");
    let program = program.map_err(|failure| failure.to_string())?;
    elaborate(&program, &Request::default()).map_err(|failure| failure.to_string())
}

/// How a seed ended.
enum Outcome {
    /// All agree.
    Same,
    /// The network normalises what is nearly constant: of the result, little but rounding is left.
    IllConditioned,
}

/// Where an output is smaller, errors are shares of this: it may be the difference of equal values about as large as 1, of
/// which nothing but their rounding is left.
const LEAST_SIZE: f64 = 0.01;

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
fn is_ill_conditioned(graph: &Graph, inputs: &[Vec<f32>]) -> bool {
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

/// What is wrong with the network of a seed.
fn check(seed: u64) -> Result<Outcome, String> {
    let text = program(seed, &Settings::default());
    let fail = |what: String| format!("seed {seed}: {what}\n{text}");
    let graph = graph(&text).map_err(&fail)?;
    let inputs = inputs(&graph);
    let expected = expected(&graph, &inputs, GAIN);
    let weights = InitialTensors { graph: &graph, gain: GAIN };
    let mut outcome = Outcome::Same;
    // Each seed leaves out another pass, or none, or all.
    let names = names();
    let choices = names.len() + 2;
    let left_out = match usize::try_from(seed).unwrap_or(0) % choices {
        choice if choice < names.len() => vec![names[choice]],
        choice if choice == names.len() => Vec::new(),
        _ => names.clone(),
    };
    // Independent of what is left out: the layout of images, and whether other numbers of threads are tried.
    let round = seed / choices as u64;
    let layout = if round.is_multiple_of(2) { ImageLayout::Nchw } else { ImageLayout::Nhwc };
    for without in [Vec::new(), left_out] {
        for isa in Isa::available() {
            let options = |threads| Options { layout, ..options(isa, threads, &without) };
            let found = run(&graph, &options(1), &inputs, &weights);
            let error = error_in_shares(&found, &expected, LEAST_SIZE);
            if error >= TOLERANCE && is_ill_conditioned(&graph, &inputs) {
                outcome = Outcome::IllConditioned;
            } else if error >= TOLERANCE {
                return Err(fail(format!("{isa}, {layout:?} without {without:?}: relative error {error:e}")));
            }
            for threads in [2, 3].into_iter().filter(|_| round.is_multiple_of(4) || round % 4 == 3) {
                if !same_bits(&found, &run(&graph, &options(threads), &inputs, &weights)) {
                    return Err(fail(format!("{isa} without {without:?}: {threads} threads give other bits")));
                }
            }
        }
    }
    Ok(outcome)
}

#[test]
fn machine_code_computes_what_the_interpreter_computes() {
    let check = |seed: u64| match std::panic::catch_unwind(|| check(seed)) {
        Ok(result) => result,
        Err(_) => Err(format!("seed {seed} panics\n{}", program(seed, &Settings::default()))),
    };
    let seeds: Vec<u64> = seeds().collect();
    // Two threads, each with every other seed; after a few failures there is nothing to be learnt.
    let run = |half: usize| {
        let (mut failures, mut ill_conditioned) = (Vec::new(), Vec::new());
        for seed in seeds.iter().skip(half).step_by(2) {
            match check(*seed) {
                Ok(Outcome::Same) => {}
                Ok(Outcome::IllConditioned) => ill_conditioned.push(*seed),
                Err(failure) => failures.push(failure),
            }
            if failures.len() >= 5 {
                break;
            }
        }
        (failures, ill_conditioned)
    };
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().expect("failures are caught")]
    });
    let (failures, ill_conditioned): (Vec<_>, Vec<_>) = halves.into_iter().unzip();
    let (failures, ill_conditioned) = (failures.concat(), ill_conditioned.concat());
    println!("{} seeds, ill-conditioned and therefore not compared: {ill_conditioned:?}", seeds.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(ill_conditioned.len() * 100 <= seeds.len().max(100), "more than one in a hundred is not compared");
}
