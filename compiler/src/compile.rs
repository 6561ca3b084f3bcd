//! From a graph to machine code in one call: passes, plan, code.

use parameternet_runtime::{Dtype, Isa};

use crate::backend::jit::{self, Executable, JitError};
use crate::graph::Graph;
use crate::passes::{self, PassError, Selection};
use crate::plan::rewrites::Rewrites;
use crate::plan::{self, ImageLayout, Plan, PlanError, Where};

/// What machine code is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The instruction set.
    pub isa: Isa,
    /// Threads that share the work of a run. The results are the same for any number.
    pub threads: usize,
    /// How images lie in the memory of inputs and outputs.
    pub layout: ImageLayout,
    /// What experts are stored as, and other weights that are read once a run; everything is computed in `f32`.
    pub experts_dtype: Dtype,
    /// The passes that are run; `without` may name [`REWRITES`](crate::plan::rewrites::REWRITES) too.
    pub passes: Selection,
    /// Which convolutions are computed some rows at a time.
    pub cascades: Where,
    /// Which products are computed by Strassen's algorithm.
    pub strassen: Where,
    /// Which steps are done for one sample of a batch after the other.
    pub by_sample: Where,
}

impl Options {
    /// One thread, images as PyTorch has them, experts in `f32`, all passes.
    #[must_use]
    pub fn new(isa: Isa) -> Options {
        Options {
            isa,
            threads: 1,
            layout: ImageLayout::default(),
            experts_dtype: Dtype::default(),
            passes: Selection::default(),
            cascades: Where::default(),
            strassen: Where::default(),
            by_sample: Where::default(),
        }
    }

    /// What these options ask of the passes over the graph, and what of planning.
    #[must_use]
    pub fn split(&self) -> (Selection, plan::Options) {
        let mut rewrites = Rewrites::default();
        let mut passes = self.passes.clone();
        passes.without.retain(|name| !rewrites.leave_out(name));
        let threads = self.threads.max(1);
        let Options { isa, layout, experts_dtype, cascades, strassen, by_sample, .. } = *self;
        let options = plan::Options { isa, threads, layout, rewrites, experts_dtype, cascades, strassen, by_sample };
        (passes, options)
    }
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The passes could not be run.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no code.
    #[error(transparent)]
    Jit(#[from] JitError),
}

/// Optimises and plans a graph.
///
/// # Errors
/// When the selection names a pass that does not exist. All other errors are defects.
pub fn plan(graph: &Graph, options: &Options) -> Result<Plan, CompileError> {
    let (passes, wanted) = options.split();
    Ok(plan::plan(&passes::optimize(graph, &passes)?, &wanted)?)
}

/// Compiles a graph.
///
/// # Errors
/// When the selection names a pass that does not exist, or the machine lacks the instruction set. All other errors are
/// defects.
pub fn compile(graph: &Graph, options: &Options) -> Result<Executable, CompileError> {
    Ok(jit::compile(&plan(graph, options)?)?)
}
