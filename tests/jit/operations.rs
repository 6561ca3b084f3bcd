//! Every operation, optimised and as it is written, against PyTorch.

use parameternet_compiler::graph::Graph;
use parameternet_compiler::weight::InitialTensors;
use parameternet_runtime::Isa;
use parameternet_runtime::prepare::TensorSource;
use serde_json::Value;

use crate::cases::{CaseWeights, DYNAMIC_CONV_GAIN, cases, dynamic_conv, elaborated, inputs, text};
use crate::compare::{TOLERANCE, relative_error};
use crate::ladder::{names, options, run, same_bits};
use crate::shared::{golden, numbers};

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

#[test]
fn dynamic_convolutions_compute_what_the_reference_computes() {
    let Some(cases) = golden("dynamic_conv_cases.json") else { return };
    let cases = cases.as_array().expect("a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let name = text(case, "name");
        let graph = elaborated(&dynamic_conv(case, None, "mlp"));
        let elements = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let draws = parameternet_runtime::synth::tensor(&format!("{name}.input"), elements);
        let image: Vec<f32> = draws.map(|u| u * 2.0).collect();
        let result = check(
            &graph,
            &InitialTensors { graph: &graph, gain: DYNAMIC_CONV_GAIN },
            &[image],
            &[numbers(&case["output"])],
        );
        assert_eq!(result, Ok(()), "{name}");
    }
}
