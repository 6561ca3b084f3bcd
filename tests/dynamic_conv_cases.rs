//! Dynamic convolution alone, in the form of the paper, through the interpreter: outputs and coefficients against the
//! reference implementation (`../shared/golden/dynamic_conv_cases.json`).

#[path = "shared/cases.rs"]
mod cases;
mod shared;

use cases::{DYNAMIC_CONV_GAIN, dynamic_conv, elaborated};
use parameternet_compiler::interp::{self, NamedWeights};
use parameternet_compiler::op::Op;
use parameternet_runtime::synth;
use shared::{golden, numbers};

/// The reference scaled its weights in f64 and then rounded them; `Role::initial` (and the references of whole networks)
/// round the scale first. That shows in the eighth digit.
const TOLERANCE: f64 = 1e-7;

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
        let graph = elaborated(&dynamic_conv(case, None, "mlp"));
        assert_eq!(Some(graph.parameter_count()), case["params"].as_u64(), "{name}");

        let draw = |name: &str, length: usize| synth::tensor(name, length);
        let input = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let image = draw(&format!("{name}.input"), input).map(|u| f64::from(u) * 2.0).collect();
        let weight = |weight: &parameternet_compiler::weight::Weight| {
            let draws = draw(&weight.name, weight.shape.elements());
            (weight.name.clone(), draws.map(|u| f64::from(weight.role.initial(u, DYNAMIC_CONV_GAIN))).collect())
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
