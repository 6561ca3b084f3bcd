//! ONNX models: `onnx.checker` accepts them, ONNX Runtime computes what the interpreter computes, and what they are called is
//! what the network calls them.
//!
//! `PNET_ZOO=all` runs every network at its full size; `PNET_SEEDS=FIRST..END` other random networks.

#![allow(
    clippy::disallowed_methods,
    reason = "suites read the environment and start programs; the rule is for the libraries"
)]

#[path = "../shared/cases.rs"]
mod cases;
#[path = "../shared/compare.rs"]
mod compare;
#[path = "../shared/networks.rs"]
mod networks;
#[path = "../shared/seeds.rs"]
mod seeds;
#[path = "../shared/mod.rs"]
mod shared;

mod files;
mod operations;
mod oracle;
mod random;
mod zoo;
