//! ONNX models as text: what our own exporter writes comes back, what PyTorch's exporters write computes the same as in ONNX Runtime,
//! and what cannot be said is told.

#![allow(
    clippy::disallowed_methods,
    reason = "suites read the environment and start programs; the rule is for the libraries"
)]

#[path = "../shared/compare.rs"]
mod compare;
#[path = "../shared/networks.rs"]
mod networks;
#[path = "../shared/seeds.rs"]
mod seeds;
#[path = "../shared/mod.rs"]
mod shared;

mod errors;
mod exports;
mod round;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp::NamedWeights;
use parameternet_compiler::onnx::import::Imported;
use parameternet_compiler::program::{MemoryLoader, Program};

/// The graph of an imported text.
fn graph(text: &str, batch: usize) -> Graph {
    let program = Program::load(&MemoryLoader::new("net.pnet", text), "net.pnet")
        .unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    let request = Request { batch, ..Request::default() };
    elaborate(&program, &request).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
}

/// Its weights for the interpreter.
fn weights(imported: &Imported) -> NamedWeights {
    let values = |data: &[f32]| data.iter().copied().map(f64::from).collect();
    imported.weights.iter().map(|weight| (weight.name.clone(), values(&weight.data))).collect()
}
