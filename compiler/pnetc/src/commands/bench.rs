//! `pnetc bench`: how fast machine code runs a network on this machine, and where the time goes.

mod measure;
mod report;
pub(crate) mod steps;

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use parameternet_compiler::backend::jit::Executable;
use parameternet_compiler::compile::Options;
use parameternet_compiler::weight::Weight;
use parameternet_runtime::machine::MeasureError;
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::program::Program;
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
    let machine = Machine::measure(&compiler)?;
    let weight_bytes = program.weight_bytes();
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
        let made = Made(stages.graph.stored_weights().map(|weight| weight.initial(GAIN)).collect());
        return Ok((timed(&mut time, || executable.load(&made))?, time));
    };
    let file = WeightFile::open(path).map_err(|error| failure::weights(path, &error))?;
    let specs: Vec<_> = stages.graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).map_err(|error| failure::mismatch(&error, &stages.graph))?;
    Ok((timed(&mut time, || executable.load(&bound))?, time))
}

/// Weights that were made before.
struct Made(Vec<Vec<f32>>);

impl TensorSource for Made {
    fn tensor(&self, index: usize) -> Option<Cow<'_, [f32]>> {
        self.0.get(index).map(|values| Cow::Borrowed(values.as_slice()))
    }
}
