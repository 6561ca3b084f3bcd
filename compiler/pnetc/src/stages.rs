//! The stages from a file to machine code, as the command line asks for them, and how long each takes.

use std::time::{Duration, Instant};

use parameternet_compiler::backend::jit::{self, Executable};
use parameternet_compiler::compile::{CompileError, Options};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::passes;
use parameternet_compiler::plan::{self, Plan};
use parameternet_runtime::Isa;
use serde_json::{Value, json};

use crate::arguments::{MachineOptions, NetworkOptions};
use crate::failure::Failure;
use crate::files;

/// The options as the compiler wants them.
pub(crate) fn options(machine: &MachineOptions) -> Result<Options, Failure> {
    let isa = machine.isa.map_or_else(Isa::chosen, Ok)?;
    let threads = machine.threads.map_or(1, usize::from);
    Ok(Options { threads, experts_dtype: machine.experts.experts_dtype.unwrap_or_default(), ..Options::new(isa) })
}

/// How many threads this machine runs at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Everything between a file and code that can run.
#[derive(Debug)]
pub(crate) struct Stages {
    /// The network as it is written.
    pub graph: Graph,
    /// The network after all passes; the nodes of the plan's steps are its nodes.
    pub optimized: Graph,
    pub plan: Plan,
    pub times: Times,
}

/// How long each stage took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// Reading, parsing, elaborating.
    pub graph: Duration,
    pub passes: Duration,
    pub plan: Duration,
    pub code: Duration,
}

impl Times {
    pub(crate) fn total(&self) -> Duration {
        self.graph + self.passes + self.plan + self.code
    }
}

impl Stages {
    /// The stages up to the plan.
    pub(crate) fn plan(file: &str, network: &NetworkOptions, options: &Options) -> Result<Stages, Failure> {
        let mut time = Duration::ZERO;
        let graph = timed(&mut time, || files::graph(file, network))?;
        let mut stages = Stages::of(graph, options)?;
        stages.times.graph = time;
        Ok(stages)
    }

    /// The stages from a graph up to the plan.
    pub(crate) fn of(graph: Graph, options: &Options) -> Result<Stages, Failure> {
        let (passes, wanted) = options.split();
        let mut times = Times::default();
        let optimized = timed(&mut times.passes, || passes::optimize(&graph, &passes));
        let optimized = optimized.map_err(CompileError::from)?;
        let plan = timed(&mut times.plan, || plan::plan(&optimized, &wanted)).map_err(CompileError::from)?;
        Ok(Stages { graph, optimized, plan, times })
    }

    /// The hyper-parameters of the network as they would be written.
    pub(crate) fn settings(&self) -> Value {
        Value::Object(self.graph.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
    }

    /// The last stage.
    pub(crate) fn code(&mut self) -> Result<Executable, Failure> {
        let executable = timed(&mut self.times.code, || jit::compile(&self.plan));
        Ok(executable.map_err(CompileError::from)?)
    }
}

/// Does something and says how long it took.
pub(crate) fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *time = start.elapsed();
    result
}
