//! `pnetc run`: a network on images or arrays.

mod inputs;
mod results;

use std::cell::RefCell;
use std::path::Path;

use parameternet_compiler::compile::{Options, compile};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp::{self, InterpError};
use parameternet_compiler::weight::Weight;
use parameternet_data::Preprocess;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::program::Session;
use parameternet_runtime::{BoundWeights, Isa, WeightFile};

use crate::arguments::{Backend, Run};
use crate::failure::{self, Failure};
use crate::files;
use crate::progress::Progress;
use crate::stages;
use inputs::Job;

/// Runs the network on every input, one after the other, and shows or writes what it returns.
pub(crate) fn run(options: &Run) -> Result<(), Failure> {
    let code = code_options(options)?;
    let graph = files::graph(&options.file, &options.network)?;
    let jobs = inputs::jobs(&graph, &options.inputs)?;
    let file = WeightFile::open(&options.weights).map_err(|error| failure::weights(&options.weights, &error))?;
    let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
    let weights = file.bind(&specs).map_err(|error| failure::mismatch(&error, &graph))?;
    let preprocess = inputs::preprocess(&options.preprocess, &file)?;
    let labels = results::labels(options.labels.as_deref(), &file)?;
    let mut executor = match code {
        Some(code) => Executor::Code(compile(&graph, &code)?.load(&weights)?.session()?),
        None => Executor::Interpreter(weights),
    };
    let several = jobs.len() > 1;
    for job in &jobs {
        let outputs = executor.execute(&graph, job, &preprocess)?;
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

/// What executes the network; made once for all inputs.
enum Executor<'w> {
    Code(Session),
    Interpreter(BoundWeights<'w>),
}

/// How machine code is made; nothing for the interpreter.
fn code_options(options: &Run) -> Result<Option<Options>, Failure> {
    match options.backend {
        Backend::Jit => {
            let threads = options.threads.map_or_else(stages::cores, usize::from);
            let experts_dtype = options.experts.experts_dtype.unwrap_or_default();
            let mut wanted = Options { threads, experts_dtype, ..Options::new(Isa::chosen()?) };
            wanted.passes.without.clone_from(&options.without);
            Ok(Some(wanted))
        }
        Backend::Interp if options.threads.is_some() => {
            Err(Failure::Usage("`--threads` is for `--backend jit`: the interpreter has one thread".to_owned()))
        }
        Backend::Interp if options.experts.experts_dtype.is_some() => {
            let message =
                "`--experts-dtype` is for `--backend jit`: the interpreter computes with the weights as they are";
            Err(Failure::Usage(message.to_owned()))
        }
        Backend::Interp if !options.without.is_empty() => Err(Failure::Usage(
            "`--without` is for `--backend jit`: the interpreter computes what is written".to_owned(),
        )),
        Backend::Interp => Ok(None),
    }
}

impl Executor<'_> {
    fn execute(&mut self, graph: &Graph, job: &Job, preprocess: &Preprocess) -> Result<Vec<Output>, Failure> {
        let inputs = inputs::load(graph, job, preprocess)?;
        let mut outputs: Vec<Output> = graph
            .outputs()
            .iter()
            .map(|port| {
                let shape = graph.node(port.node).map(|node| node.shape.dims().to_vec()).unwrap_or_default();
                Output { name: port.name.clone(), data: vec![0.0; shape.iter().product()], shape }
            })
            .collect();
        match self {
            Executor::Code(session) => {
                let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
                let mut data: Vec<&mut [f32]> = outputs.iter_mut().map(|output| output.data.as_mut_slice()).collect();
                session.run(&inputs, &mut data)?;
            }
            Executor::Interpreter(weights) => {
                let inputs: Vec<Vec<f64>> =
                    inputs.into_iter().map(|values| values.into_iter().map(f64::from).collect()).collect();
                let progress = RefCell::new(Progress::new(&job.name, graph.node_count()));
                let found = interp::run_observed(graph, weights, &inputs, &mut |_, _, _| progress.borrow_mut().step())
                    .map_err(|error| match error {
                        InterpError::ReadWeight(error) => Failure::from(error),
                        error => Diagnostic::new(Code::E0705, error.to_string()).into(),
                    })?;
                for (output, found) in outputs.iter_mut().zip(found) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "results are shown and stored in single precision"
                    )]
                    output.data.iter_mut().zip(found.data).for_each(|(to, from)| *to = from as f32);
                }
            }
        }
        Ok(outputs)
    }
}

/// `folder/logits.npy` with a word worked in: `folder/logits-word.npy`.
fn with_word(path: &Path, word: &str) -> std::path::PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension =
        path.extension().map_or_else(|| "npy".to_owned(), |extension| extension.to_string_lossy().into_owned());
    path.with_file_name(format!("{stem}-{word}.{extension}"))
}
