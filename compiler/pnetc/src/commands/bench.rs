//! `pnetc bench`: how fast machine code runs a network on this machine, and where the time goes.

mod measure;
mod report;
pub(crate) mod steps;

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use parameternet_compiler::backend::jit::Executable;
use parameternet_compiler::compile::Options;
use parameternet_compiler::weight::{InitialTensors, Weight};
use parameternet_runtime::machine::MeasureError;
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::program::Program;
use parameternet_runtime::{ReadError, WeightFile, machine};

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
    /// How long the weights took to be laid out as kernels want them, and to be read if they come from a file.
    preparation: Duration,
    weight_bytes: usize,
    run: Statistics,
    /// In the order of the plan; empty if nobody asked.
    steps: Vec<StepTime>,
    machine: Machine,
}

/// What the machine can do on as many threads, per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub flops: f64,
    pub bytes: f64,
}

impl Machine {
    /// Takes a fraction of a second.
    pub(crate) fn measure(compiler: &Options) -> Result<Machine, MeasureError> {
        let threads = NonZeroUsize::new(compiler.threads).unwrap_or(NonZeroUsize::MIN);
        Ok(Machine { flops: machine::peak_flops(compiler.isa, threads)?, bytes: machine::read_bandwidth(threads)? })
    }
}

/// Compiles, measures, reports.
pub(crate) fn run(options: &Bench) -> Result<(), Failure> {
    let mut compiler = stages::options(&options.machine)?;
    compiler.passes.without.clone_from(&options.without);
    let mut stages = Stages::plan(&options.file, &options.network, &compiler)?;
    let executable = stages.code()?;
    let (program, preparation) = load(executable, &stages, options.weights.as_deref())?;
    let amount = match options.runs {
        Some(runs) => Amount::Runs(runs as usize),
        None => Amount::Time(Duration::from_secs_f64(options.seconds)),
    };
    let mut runner = Runner::new(program.session()?);
    let run = runner.run(amount)?;
    let steps = if options.per_step { steps::attribute(&stages, &runner.run_steps(amount)?) } else { Vec::new() };
    let weight_bytes = program.weight_bytes();
    // Measuring the machine takes memory, too: not both at once.
    drop((runner, program));
    let machine = Machine::measure(&compiler)?;
    let measurement = Measurement { options, compiler, stages, preparation, weight_bytes, run, steps, machine };
    files::print(&if options.json { report::json(&measurement) } else { report::text(&measurement) })
}

/// The median time of a run with the weights of `pnetc init`, measured for so long.
pub(crate) fn median(mut stages: Stages, time: Duration) -> Result<Duration, Failure> {
    let executable = stages.code()?;
    let (program, _) = load(executable, &stages, None)?;
    Ok(Runner::new(program.session()?).run(Amount::Time(time))?.median)
}

/// The median time of each step with the weights of `pnetc init`, measured for so long.
pub(crate) fn step_medians(stages: &mut Stages, time: Duration) -> Result<Vec<Duration>, Failure> {
    let executable = stages.code()?;
    let (program, _) = load(executable, stages, None)?;
    Ok(Runner::new(program.session()?).run_steps(Amount::Time(time))?)
}

/// Code with the weights of a file, or with those of `pnetc init`; and how long preparing them took.
fn load(executable: Executable, stages: &Stages, path: Option<&Path>) -> Result<(Program, Duration), Failure> {
    let mut time = Duration::ZERO;
    let Some(path) = path else {
        let made = Made { tensors: InitialTensors { graph: &stages.graph, gain: GAIN }, making: Cell::default() };
        let program = timed(&mut time, || executable.load(&made))?;
        return Ok((program, time.saturating_sub(made.making.get())));
    };
    let file = WeightFile::open(path).map_err(|error| failure::weights(path, &error))?;
    let specs: Vec<_> = stages.graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).map_err(|error| failure::mismatch(&error, &stages.graph))?;
    Ok((timed(&mut time, || executable.load(&bound))?, time))
}

/// Weights that are made one by one, as they are read from a file, so that they are not all there twice.
struct Made<'g> {
    tensors: InitialTensors<'g>,
    /// How long making them took so far, which is no part of preparing them.
    making: Cell<Duration>,
}

impl TensorSource for Made<'_> {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        let mut time = Duration::ZERO;
        let is_there = timed(&mut time, || self.tensors.append(index, elements));
        self.making.set(self.making.get() + time);
        is_there
    }
}
