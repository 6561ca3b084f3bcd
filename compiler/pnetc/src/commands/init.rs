//! `pnetc init`: weights made from the tensors' names alone.

use std::collections::BTreeMap;

use parameternet_runtime::NamedTensor;

use crate::arguments::Init;
use crate::failure::{self, Failure};
use crate::files;

/// Writes a safetensors file with every weight of the network.
pub(crate) fn run(options: &Init) -> Result<(), Failure> {
    let graph = files::graph(&options.file, &options.network)?;
    let values: Vec<Vec<f32>> = graph.stored_weights().map(|weight| weight.initial(options.gain)).collect();
    let tensors: Vec<NamedTensor<'_>> = graph
        .stored_weights()
        .zip(&values)
        .map(|(weight, values)| NamedTensor { name: &weight.name, shape: weight.shape.dims(), data: values })
        .collect();
    parameternet_runtime::save(&options.output, &tensors, &BTreeMap::new()).map_err(|error| failure::save(&error))?;
    files::print(&format!(
        "{}: {} tensors, {} parameters\n",
        options.output.display(),
        graph.stored_weights().count(),
        graph.parameter_count()
    ))
}
