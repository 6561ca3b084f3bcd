//! `pnetc bench`: how fast machine code runs a network on this machine, and where the time goes.

mod measure;
mod report;
mod steps;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use parameternet_compiler::backend::jit::Executable;
use parameternet_compiler::compile::Options;
use parameternet_compiler::weight::{InitialTensors, Weight};
use parameternet_runtime::program::{Program, Session};
use parameternet_runtime::{WeightFile, machine};

use crate::arguments::Bench;
use crate::failure::{self, Failure};
use crate::files;
use crate::stages::{self, Stages, timed};
use measure::{Amount, Runner, Statistics};
use steps::StepTime;

/// The gain of the weights that are made where no file is given.
const GAIN: f64 = 2.0;

/// Everything that was measured.
struct Measurement<'o> {
    options: &'o Bench,
    compiler: Options,
    stages: Stages,
    /// How long the weights took to be read, or made, and prepared.
    preparation: Duration,
    weight_bytes: usize,
    run: Statistics,
    /// In the order of the plan; empty if nobody asked.
    steps: Vec<StepTime>,
    machine: Machine,
}

/// What the machine can do on as many threads, per second.
#[derive(Debug, Clone, Copy)]
struct Machine {
    flops: f64,
    bytes: f64,
}

/// Compiles, measures, reports.
pub(crate) fn run(options: &Bench) -> Result<(), Failure> {
    let compiler = stages::options(&options.machine)?;
    let mut stages = Stages::plan(&options.file, &options.network, &compiler)?;
    let executable = stages.code(compiler.isa)?;
    let mut preparation = Duration::ZERO;
    let program = timed(&mut preparation, || load(executable, &stages, options.weights.as_deref()))?;
    let amount = match options.runs {
        Some(runs) => Amount::Runs(runs as usize),
        None => Amount::Time(Duration::from_secs_f64(options.seconds)),
    };
    let session: Session = program.session()?;
    let mut runner = Runner::new(session);
    let run = runner.run(amount)?;
    let steps = if options.per_step { steps::attribute(&stages, &runner.run_steps(amount)?) } else { Vec::new() };
    let threads = NonZeroUsize::new(compiler.threads).unwrap_or(NonZeroUsize::MIN);
    let machine =
        Machine { flops: machine::peak_flops(compiler.isa, threads)?, bytes: machine::read_bandwidth(threads)? };
    let weight_bytes = program.weight_bytes();
    let measurement = Measurement { options, compiler, stages, preparation, weight_bytes, run, steps, machine };
    files::print(&if options.json { report::json(&measurement) } else { report::text(&measurement) })
}

/// Code with the weights of a file, or with those of `pnetc init`.
fn load(executable: Executable, stages: &Stages, path: Option<&Path>) -> Result<Program, Failure> {
    let Some(path) = path else {
        return Ok(executable.load(&InitialTensors { graph: &stages.graph, gain: GAIN })?);
    };
    let file = WeightFile::open(path).map_err(|error| failure::weights(path, &error))?;
    let specs: Vec<_> = stages.graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).map_err(|error| failure::mismatch(&error, &stages.graph))?;
    Ok(executable.load(&bound)?)
}
