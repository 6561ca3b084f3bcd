//! The cases of `data/operations.json`: one operation each, with what PyTorch computes. And those of dynamic convolution alone,
//! `golden/dynamic_conv_cases.json` of the reference outputs.

#![allow(dead_code, reason = "every suite uses a part of it")]

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::{Graph, Port};
use parameternet_compiler::interp::NamedWeights;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::weight::Weight;
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::{ReadError, synth};
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

/// The weights of a case for other executors.
pub(crate) struct CaseWeights<'c> {
    pub(crate) graph: &'c Graph,
    pub(crate) case: &'c str,
}

impl TensorSource for CaseWeights<'_> {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        let weight = self.graph.weights().get(index);
        elements.extend(weight.into_iter().flat_map(|weight| values(weight, self.case)));
        Ok(weight.is_some())
    }
}

/// The graph of the only network of a text.
pub(crate) fn elaborated(program: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("case.pnet", program), "case.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The gain of the weights of dynamic convolutions, as the README of the reference outputs says.
pub(crate) const DYNAMIC_CONV_GAIN: f64 = 3.0;

/// The network of a case of dynamic convolution, for its own batch or another; the call's name is the case's, and so are the
/// names of its tensors. The routing of the reference outputs is `mlp`.
pub(crate) fn dynamic_conv(case: &Value, batch: Option<usize>, routing: &str) -> String {
    let own = || case["n"].as_u64().and_then(|batch| usize::try_from(batch).ok()).expect("a batch");
    let (batch, channels, size) = (batch.unwrap_or_else(own), &case["cin"], &case["h"]);
    let (out, kernel, stride, groups, experts) =
        (&case["cout"], &case["k"], &case["stride"], &case["groups"], &case["m"]);
    let name = text(case, "name");
    format!(
        "network Case {{
            input x: f32[{batch}, {channels}, {size}, {size}]
            return x |> dynamic_conv({out}, kernel={kernel}, stride={stride}, groups={groups}, experts={experts}, routing={routing}) as {name}
        }}"
    )
}
