//! ONNX: networks in the format that other frameworks and runtimes exchange.
//!
//! - [`proto`]: the messages of an ONNX file;
//! - [`export`]: the graph of a network, as it is written, as such a message;
//! - [`file`](mod@file): what stands where in the files, the weights in the same file or in one beside it.

pub mod export;
pub mod file;
pub mod proto;
