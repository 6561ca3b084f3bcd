//! The cases of `data/operations.json`: one operation each, with what PyTorch computes.

#![allow(dead_code, reason = "every suite uses a part of it")]

use parameternet_compiler::graph::{Graph, Port};
use parameternet_compiler::interp::NamedWeights;
use parameternet_compiler::weight::Weight;
use parameternet_runtime::synth;
use serde_json::Value;

/// The gain of the weights, as in `operations.py`.
const GAIN: f64 = 3.0;

/// All cases.
pub(crate) fn cases() -> Vec<Value> {
    let cases: Value = serde_json::from_str(include_str!("../data/operations.json")).expect("valid JSON");
    cases.as_array().expect("a list of cases").clone()
}

/// A field that is a string.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is a string"))
}

/// The inputs of a case, drawn from their names.
pub(crate) fn inputs(graph: &Graph, case: &str) -> Vec<Vec<f32>> {
    let input = |port: &Port| {
        let length = graph.node(port.node).expect("a node of the graph").shape.elements();
        synth::tensor(&format!("{case}.{}", port.name), length).map(|u| u * 2.0).collect()
    };
    graph.inputs().iter().map(input).collect()
}

/// The values of a weight of a case, drawn from its name.
pub(crate) fn values(weight: &Weight, case: &str) -> Vec<f32> {
    let draws = synth::tensor(&format!("{case}.{}", weight.name), weight.shape.elements());
    draws.map(|u| weight.role.initial(u, GAIN)).collect()
}

/// The weights of a case for the interpreter.
pub(crate) fn weights(graph: &Graph, case: &str) -> NamedWeights {
    let weight = |weight: &Weight| (weight.name.clone(), values(weight, case).into_iter().map(f64::from).collect());
    graph.weights().iter().map(weight).collect()
}
