//! ONNX: networks in the format that other frameworks and runtimes exchange.
//!
//! - [`proto`]: the messages of an ONNX file;
//! - [`export`]: the graph of a network, as it is written, as such a message;
//! - [`import`](mod@import): such a message as text of the language;
//! - [`file`](mod@file): what stands where in the files, the weights in the same file or in one beside it.

pub mod export;
pub mod file;
pub mod import;
pub mod proto;

/// A way to read the files beside a model that hold its larger tensors.
pub trait ExternalData {
    /// The bytes of the file `location`, a path relative to the model, from `offset` on: `length` of them, or all.
    ///
    /// # Errors
    /// Why they cannot be read, in a few words.
    fn read(&self, location: &str, offset: u64, length: Option<u64>) -> Result<Vec<u8>, String>;
}

/// For models that are one file.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoExternalData;

impl ExternalData for NoExternalData {
    fn read(&self, _location: &str, _offset: u64, _length: Option<u64>) -> Result<Vec<u8>, String> {
        Err("there is no such file".to_owned())
    }
}
