//! `pnetc run`: a network on images or arrays.

mod inputs;
mod results;

use std::cell::RefCell;
use std::path::Path;

use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp;
use parameternet_compiler::weight::Weight;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::{BoundWeights, WeightFile};

use crate::arguments::Run;
use crate::data::Preprocess;
use crate::failure::{self, Failure};
use crate::files;
use crate::progress::Progress;
use inputs::Job;

/// Runs the network on every input, one after the other, and shows or writes what it returns.
pub(crate) fn run(options: &Run) -> Result<(), Failure> {
    let graph = files::graph(&options.file, &options.network)?;
    let jobs = inputs::jobs(&graph, &options.inputs)?;
    let file = WeightFile::open(&options.weights).map_err(|error| failure::weights(&options.weights, &error))?;
    let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
    let weights = file.bind(&specs).map_err(|error| failure::mismatch(&error, &graph))?;
    let preprocess = inputs::preprocess(&options.preprocess, &file)?;
    let labels = results::labels(options.labels.as_deref(), &file)?;
    let several = jobs.len() > 1;
    for job in &jobs {
        let outputs = execute(&graph, &weights, job, &preprocess)?;
        match &options.output {
            Some(path) => results::write(path, &outputs, several.then_some(job.name.as_str()))?,
            None => files::print(&results::show(&outputs, job, &labels, options.top)?)?,
        }
    }
    Ok(())
}

/// An output of the network with its values in single precision.
#[derive(Debug)]
struct Output {
    name: String,
    shape: Vec<usize>,
    data: Vec<f32>,
}

fn execute(
    graph: &Graph,
    weights: &BoundWeights<'_>,
    job: &Job,
    preprocess: &Preprocess,
) -> Result<Vec<Output>, Failure> {
    let inputs = inputs::load(graph, job, preprocess)?;
    let progress = RefCell::new(Progress::new(&job.name, graph.node_count()));
    let outputs = interp::run_observed(graph, weights, &inputs, &mut |_, _, _| progress.borrow_mut().step())
        .map_err(|error| Diagnostic::new(Code::E0705, error.to_string()))?;
    let shape = |name: &str| {
        let port = graph.outputs().iter().find(|port| port.name == name);
        port.and_then(|port| graph.node(port.node)).map(|node| node.shape.dims().to_vec()).unwrap_or_default()
    };
    #[expect(clippy::cast_possible_truncation, reason = "results are shown and stored in single precision")]
    Ok(outputs
        .into_iter()
        .map(|output| Output {
            shape: shape(&output.name),
            data: output.data.iter().map(|value| *value as f32).collect(),
            name: output.name,
        })
        .collect())
}

/// `folder/logits.npy` with a word worked in: `folder/logits-word.npy`.
fn with_word(path: &Path, word: &str) -> std::path::PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension =
        path.extension().map_or_else(|| "npy".to_owned(), |extension| extension.to_string_lossy().into_owned());
    path.with_file_name(format!("{stem}-{word}.{extension}"))
}
