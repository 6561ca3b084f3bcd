//! Dynamic convolution alone, in the form of the paper, through the interpreter: outputs and coefficients against the
//! reference implementation (`../shared/golden/dynamic_conv_cases.json`).

mod shared;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::interp::{self, NamedWeights};
use parameternet_compiler::op::Op;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_runtime::synth;
use serde_json::Value;
use shared::{golden, numbers};

/// The gain of the weights, as the README of the reference outputs says.
const GAIN: f64 = 3.0;

/// The reference scaled its weights in f64 and then rounded them; `Role::initial` (and the references of whole networks)
/// round the scale first. That shows in the eighth digit.
const TOLERANCE: f64 = 1e-7;

/// The network of a case; the call's name is the case's, and so are the names of its tensors.
fn program(case: &Value) -> String {
    let (channels, size) = (&case["cin"], &case["h"]);
    format!(
        "network Case {{
            input x: f32[{}, {channels}, {size}, {size}]
            return x |> dynamic_conv({}, kernel={}, stride={}, groups={}, experts={}) as {}
        }}",
        case["n"],
        case["cout"],
        case["k"],
        case["stride"],
        case["groups"],
        case["m"],
        case["name"].as_str().expect("a name"),
    )
}

fn assert_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let error = found.iter().zip(expected).fold(0.0f64, |error, (found, expected)| error.max((found - expected).abs()));
    println!("{what}: relative error {:.1e}", error / largest);
    assert!(error <= TOLERANCE * largest, "{what}: relative error {:e}", error / largest);
}

#[test]
fn outputs_and_coefficients() {
    let Some(cases) = golden("dynamic_conv_cases.json") else { return };
    let cases = cases.as_array().expect("a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let program = Program::load(&MemoryLoader::new("case.pnet", program(case)), "case.pnet");
        let program = program.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let graph = elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(Some(graph.parameter_count()), case["params"].as_u64(), "{name}");

        let draw = |name: &str, length: usize| synth::tensor(name, length);
        let input = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let image = draw(&format!("{name}.input"), input).map(|u| f64::from(u) * 2.0).collect();
        let weight = |weight: &parameternet_compiler::weight::Weight| {
            let draws = draw(&weight.name, weight.shape.elements());
            (weight.name.clone(), draws.map(|u| f64::from(weight.role.initial(u, GAIN))).collect())
        };
        let weights: NamedWeights = graph.weights().iter().map(weight).collect();

        let mut coefficients = Vec::new();
        let mut observe = |id, _: &_, values: &[f64]| {
            if graph.node(id).is_some_and(|node| matches!(node.op, Op::Routing(_))) {
                coefficients.extend_from_slice(values);
            }
        };
        let outputs = interp::run_observed(&graph, &weights, &[image], &mut observe).expect("the network runs");
        assert_eq!(serde_json::json!(outputs[0].shape.dims()), case["output_shape"], "{name}");
        let alpha: Vec<f64> = case["alpha"].as_array().expect("rows").iter().flat_map(numbers).collect();
        assert_near(&coefficients, &alpha, &format!("{name}: coefficients"));
        assert_near(&outputs[0].data, &numbers(&case["output"]), &format!("{name}: output"));
    }
}
