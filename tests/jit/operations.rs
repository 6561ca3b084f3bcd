//! Every operation, optimised and as it is written, against PyTorch.

use std::borrow::Cow;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_runtime::Isa;
use parameternet_runtime::prepare::TensorSource;
use serde_json::Value;

use crate::cases::{cases, inputs, text, values};
use crate::ladder::{TOLERANCE, names, options, relative_error, run, same_bits};
use crate::shared::{golden, numbers};

/// The weights of a case.
struct CaseWeights<'c> {
    graph: &'c Graph,
    case: &'c str,
}

impl TensorSource for CaseWeights<'_> {
    fn tensor(&self, index: usize) -> Option<Cow<'_, [f32]>> {
        self.graph.weights().get(index).map(|weight| Cow::Owned(values(weight, self.case)))
    }
}

/// What is wrong with machine code for a graph.
fn check(graph: &Graph, weights: &dyn TensorSource, inputs: &[Vec<f32>], expected: &[Vec<f64>]) -> Result<(), String> {
    for (form, without) in [("as written", names()), ("optimised", Vec::new())] {
        for isa in Isa::available() {
            let found = run(graph, &options(isa, 1, &without), inputs, weights);
            let error = relative_error(&found, expected);
            if error >= TOLERANCE {
                return Err(format!("{form}, {isa}: relative error {error:e}"));
            }
            for threads in [2, 3] {
                if !same_bits(&found, &run(graph, &options(isa, threads, &without), inputs, weights)) {
                    return Err(format!("{form}, {isa}: {threads} threads give other bits"));
                }
            }
        }
    }
    Ok(())
}

fn elaborated(program: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("case.pnet", program), "case.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn operations_compute_what_pytorch_computes() {
    let cases = cases();
    let failure = |case: &Value| {
        let name = text(case, "name");
        let graph = elaborated(text(case, "program"));
        let outputs = case["outputs"].as_array().expect("a list of outputs");
        let expected: Vec<Vec<f64>> = outputs.iter().map(|output| numbers(&output["values"])).collect();
        let weights = CaseWeights { graph: &graph, case: name };
        let result = check(&graph, &weights, &inputs(&graph, name), &expected);
        result.err().map(|error| format!("{name}: {error}\n{}", text(case, "program")))
    };
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}

/// The weights of the cases of dynamic convolution, drawn from their names alone.
struct NamedDraws<'c> {
    graph: &'c Graph,
}

impl TensorSource for NamedDraws<'_> {
    fn tensor(&self, index: usize) -> Option<Cow<'_, [f32]>> {
        self.graph.weights().get(index).map(|weight| Cow::Owned(weight.initial(3.0)))
    }
}

#[test]
fn dynamic_convolutions_compute_what_the_reference_computes() {
    let Some(cases) = golden("dynamic_conv_cases.json") else { return };
    let cases = cases.as_array().expect("a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let name = text(case, "name");
        let (channels, size) = (&case["cin"], &case["h"]);
        let graph = elaborated(&format!(
            "network Case {{
                input x: f32[{}, {channels}, {size}, {size}]
                return x |> dynamic_conv({}, kernel={}, stride={}, groups={}, experts={}) as {name}
            }}",
            case["n"], case["cout"], case["k"], case["stride"], case["groups"], case["m"],
        ));
        let elements = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let draws = parameternet_runtime::synth::tensor(&format!("{name}.input"), elements);
        let image: Vec<f32> = draws.map(|u| u * 2.0).collect();
        let result = check(&graph, &NamedDraws { graph: &graph }, &[image], &[numbers(&case["output"])]);
        assert_eq!(result, Ok(()), "{name}");
    }
}
