//! ONNX: networks in the format that other frameworks and runtimes exchange.
//!
//! [`proto`] is the format itself: the messages of an ONNX file.

pub mod proto;
