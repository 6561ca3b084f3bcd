//! The command line of `pnetc import`. Only declarations.

use std::path::PathBuf;

use clap::Args;

pub(crate) const EXAMPLES: &str = "\
The network has one text file, the weights one of safetensors: both are written, or neither. Where a model has anything that the \
language cannot say, all of it is listed.

Examples:
  pnetc import mobilenetv2.onnx -o mobilenetv2.pnet --weights mobilenetv2.safetensors
  pnetc import model.onnx -o net.pnet --weights w.safetensors --network Detector
  pnetc import model.onnx -o net.pnet --weights w.safetensors --set-dim height=224 --set-dim width=224";

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Where to write the network
    #[arg(long, short, value_name = "NET.pnet")]
    pub output: PathBuf,
    /// Where to write the weights
    #[arg(long, short, value_name = "FILE")]
    pub weights: PathBuf,
    /// What to call the network [default: as the model calls its graph, else the name of the file]
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// The size of a dimension that the model leaves open; may be repeated
    #[arg(long = "set-dim", value_name = "NAME=SIZE", value_parser = size)]
    pub sizes: Vec<(String, usize)>,
}

fn size(text: &str) -> Result<(String, usize), String> {
    let (name, size) = super::setting(text).map_err(|_| "expected NAME=SIZE".to_owned())?;
    match size.parse() {
        Ok(size) if (1..=1 << 24).contains(&size) => Ok((name, size)),
        _ => Err("expected a size of at least 1".to_owned()),
    }
}
