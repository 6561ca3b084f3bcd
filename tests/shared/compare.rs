//! An executor against the interpreter: the same made-up inputs, and how far outputs are from each other.

#![allow(dead_code, reason = "every suite uses a part of it")]

use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp::{self, InitialWeights};

/// The largest error of an output, as a share of its largest element (rung 3 of the ladder).
pub(crate) const TOLERANCE: f64 = 1e-4;

/// Made-up inputs of a graph, all near 1 at most.
pub(crate) fn inputs(graph: &Graph) -> Vec<Vec<f32>> {
    let input = |port: &parameternet_compiler::graph::Port| {
        let elements = graph.node(port.node).map_or(0, |node| node.shape.elements());
        parameternet_runtime::synth::tensor(&port.name, elements).collect()
    };
    graph.inputs().iter().map(input).collect()
}

/// What the interpreter computes.
pub(crate) fn expected(graph: &Graph, inputs: &[Vec<f32>], gain: f64) -> Vec<Vec<f64>> {
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|input| input.iter().copied().map(f64::from).collect()).collect();
    let outputs = interp::run(graph, &InitialWeights { gain }, &inputs).unwrap_or_else(|error| panic!("{error}"));
    outputs.into_iter().map(|output| output.data).collect()
}

/// The largest error of any output, as a share of its largest element.
pub(crate) fn relative_error(found: &[Vec<f32>], expected: &[Vec<f64>]) -> f64 {
    error_in_shares(found, expected, f64::MIN_POSITIVE)
}

/// The largest error of any output, as a share of its largest element, or of `least` where all are smaller.
pub(crate) fn error_in_shares(found: &[Vec<f32>], expected: &[Vec<f64>], least: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    let mut error = 0.0f64;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(least, |largest, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let difference = (f64::from(*found) - expected).abs() / largest;
            // NaN, which a poisoned arena leaves, is larger than any error.
            error = if difference.is_nan() { f64::INFINITY } else { error.max(difference) };
        }
    }
    error
}
