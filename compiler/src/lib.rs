//! The ParameterNet compiler: from a program to the graph of a network, and the executors of graphs.
//!
//! The arrows of the data's way, each one function over plain data:
//!
//! - [`program::Program::load`]: a file and all that it uses, parsed, every name known;
//! - [`elaborate::elaborate`]: one network of it as a [`graph::Graph`], every hyper-parameter gone, every shape a number;
//! - [`analysis::analyze`]: what it costs, counted without running it;
//! - [`export`]: the graph in the forms of other tools;
//! - [`passes::optimize`]: a graph that computes the same with less work;
//! - [`interp::run`]: the graph executed in f64 with plain loops, the oracle for everything that is faster.
//!
//! [`op`] defines the operations, once for the language, the graph, the documentation and the weights' names; [`weight`]
//! says what each weight is for and how it is initialised.
//!
//! The crate does no I/O (files come in through `dsl::source::Loader`) and does not panic, whatever the program.
//!
//! ```
//! use parameternet_compiler::elaborate::{Request, elaborate};
//! use parameternet_compiler::interp::{self, InitialWeights};
//! use parameternet_compiler::program::{MemoryLoader, Program};
//!
//! let text = "network Mlp(hidden = 64) {
//!     input x: f32[batch, 6]
//!     return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
//! }";
//! let program = Program::load(&MemoryLoader::new("mlp.pnet", text), "mlp.pnet")?;
//! let graph = elaborate(&program, &Request::default())?;
//! assert_eq!(graph.parameter_count(), (6 * 64 + 64) + (64 * 4 + 4));
//! let outputs = interp::run(&graph, &InitialWeights { gain: 2.0 }, &[vec![0.5; 6]])?;
//! assert_eq!(outputs[0].data.len(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

pub mod analysis;
pub mod backend;
pub mod code;
#[cfg(feature = "jit")]
pub mod compile;
pub mod elaborate;
pub mod export;
pub mod figures;
pub mod graph;
pub mod interp;
pub mod limits;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod op;
pub mod passes;
pub mod plan;
pub mod program;
mod resolve;
pub mod shape;
pub mod value;
pub mod weight;
