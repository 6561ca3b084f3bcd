//! Options of `pnetc build --emit onnx`.

use std::path::PathBuf;

use clap::Args;

/// What an ONNX file is made with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "ONNX")]
pub(crate) struct OnnxOptions {
    /// The weights that the file will hold, a safetensors file
    #[arg(long, short, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Put the weights into a file of their own beside the model: models above 2 GB need it [default name: the model's and `.data`]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub external_data: Option<String>,
}
