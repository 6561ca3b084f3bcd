//! The plan: what will really run.
//!
//! In: an optimised [`Graph`] and [`Options`]. Out: a [`Plan`]: steps in order, each a kernel with constant geometry and a
//! fused epilogue; every intermediate placed in one arena; and how each weight is prepared once when it is loaded. A plan is
//! plain data: the back ends read it and decide nothing, so two of them compute the same bits.
//!
//! The way: `fuse` says which nodes become one step; `lower` makes the steps, on views of buffers whose places are not
//! known yet, writing straight into concatenations and outputs where it can (`place`); `cascade` joins
//! convolutions that are computed some rows at a time, and `by_sample` says which steps go through a batch sample by sample; `fetch` and `ahead`
//! say what comes into the cache before it is used; `arena` puts the buffers into the arena by their lifetimes. [`mod@verify`] lists what then holds; `print` shows it.

mod activation;
pub mod ahead;
pub(crate) mod arena;
pub mod attention;
mod by_sample;
pub mod cascade;
mod fetch;
mod fuse;
mod lower;
mod place;
mod print;
pub mod rewrites;
pub mod step;
pub mod verify;
pub mod view;
pub mod weights;

use std::fmt;

use parameternet_runtime::program::Round;
use parameternet_runtime::{Dtype, Isa};

use crate::graph::{Graph, NodeId};
use crate::limits::MAX_THREADS;
use crate::op::Op;
use crate::op::error::OpError;
use crate::passes;
use crate::shape::Shape;
use rewrites::Rewrites;
use step::Step;
use weights::Weights;

/// A buffer of the arena; prints as `b3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub(crate) usize);

impl BufferId {
    /// Buffers are numbered from 0 in the order in which steps first write them.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

/// How the pixels of images lie in the memory of inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ImageLayout {
    /// `[batch, channels, height, width]`, as PyTorch has them.
    #[default]
    Nchw,
    /// `[batch, height, width, channels]`, as decoded images have them: needs no conversion.
    Nhwc,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The instruction set, whose register tile weights are packed for.
    pub isa: Isa,
    /// Threads that share the work of each step.
    pub threads: usize,
    /// How inputs and outputs with four dimensions lie in memory.
    pub layout: ImageLayout,
    /// What is done beyond putting one node after the other.
    pub rewrites: Rewrites,
    /// What experts are stored as, and the weights of layers that use each of them once a sample: linear layers and
    /// pointwise convolutions of a single row. Everything is computed in `f32`. Depthwise experts and biases stay `f32`: they
    /// are few.
    pub experts_dtype: Dtype,
    /// Which convolutions become [cascades](cascade), if the rewrite is not left out.
    pub cascades: Where,
    /// Which products are computed by Strassen's algorithm, if the rewrite is not left out.
    pub strassen: Where,
    /// Which steps are done sample by sample, if the rewrite is not left out.
    pub by_sample: Where,
}

/// Where something is done that can be faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Where {
    /// Where it is faster.
    #[default]
    Faster,
    /// Wherever it can be done: to test it with what is small.
    Possible,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its logical shape.
    pub shape: Shape,
}

/// A piece of the arena that holds a value, or several side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Its length.
    pub elements: usize,
    /// Where it begins in the arena.
    pub offset: usize,
    /// The first step that writes it.
    pub first: usize,
    /// The last step that reads or writes it.
    pub last: usize,
}

/// See the module's documentation. Lengths and offsets count `f32`s. Only [`plan`] makes one, so every plan is verified.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) network: String,
    pub(crate) options: Options,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) steps: Vec<Step>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) arena: usize,
    pub(crate) live_peak: usize,
    pub(crate) scratch: usize,
    pub(crate) weights: Weights,
}

impl Plan {
    /// The name of the network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// What it was made for.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The inputs in order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs in order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The order of the steps: how many follow each other, and how often, each time for a part of the batch.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// In how many parts a step is done.
    #[must_use]
    pub fn parts(&self, step: usize) -> usize {
        let mut behind = 0;
        let round = self.rounds.iter().find(|round| {
            behind += round.steps;
            step < behind
        });
        round.map_or(1, |round| round.parts)
    }

    /// The buffers; [`BufferId`]s index them.
    #[must_use]
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The length of the arena.
    #[must_use]
    pub fn arena(&self) -> usize {
        self.arena
    }

    /// The largest sum of buffers that live at the same time: no arena can be smaller.
    #[must_use]
    pub fn live_peak(&self) -> usize {
        self.live_peak
    }

    /// The length of the memory that each thread has for itself.
    #[must_use]
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// The weights as kernels want them.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}

/// Why there is no plan: more threads than there may be, or a defect of the compiler.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// More threads than there may be.
    #[error("{found} threads cannot share a network: at most {MAX_THREADS} can")]
    Threads {
        /// How many were asked for.
        found: usize,
    },
    /// A node that lowering does not understand.
    #[error(
        "the operation `{operation}` ({node}) cannot be lowered: {reason}; this is a defect of the compiler, please report it"
    )]
    Defect {
        /// The node.
        node: NodeId,
        /// Its operation.
        operation: &'static str,
        /// What was wrong.
        reason: &'static str,
    },
    /// A rewriting that lowering relies on failed.
    #[error("the pass `{pass}` failed: {reason}; this is a defect of the compiler, please report it")]
    Pass {
        /// The pass.
        pass: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The plan contradicts itself.
    #[error("the plan is broken: {0}; this is a defect of the compiler, please report it")]
    Broken(#[from] verify::Violation),
}

/// Makes the plan of a graph.
///
/// # Errors
/// When more than [`MAX_THREADS`] are asked for. All other errors are defects of the compiler.
pub fn plan(graph: &Graph, options: &Options) -> Result<Plan, PlanError> {
    if options.threads > MAX_THREADS {
        return Err(PlanError::Threads { found: options.threads });
    }
    let graph = &legal(graph)?;
    let fusion = fuse::fuse(graph, options.rewrites);
    let placement = place::place(graph, &fusion, options.rewrites);
    let mut lowered = lower::lower(graph, &fusion, &placement, options)?;
    cascade::form::form(&mut lowered);
    by_sample::form(&mut lowered);
    fetch::mark(&mut lowered);
    ahead::mark(&mut lowered);
    let plan = arena::assign(lowered);
    verify::verify(&plan)?;
    Ok(plan)
}

/// The graph without operations that steps have no word for: the passes that take them apart may have been left out.
fn legal(graph: &Graph) -> Result<Graph, PlanError> {
    let has = |graph: &Graph, wanted: fn(&Op) -> bool| graph.nodes().any(|(_, node)| wanted(&node.op));
    let run = |graph: &Graph, pass: &passes::Pass| {
        let failed = |error: OpError| PlanError::Pass { pass: pass.name, reason: error.kind.to_string() };
        (pass.run)(graph).map_err(failed)
    };
    let mut graph = graph.clone();
    if has(&graph, |op| matches!(op, Op::Routing(_))) {
        graph = run(&graph, &passes::expand_routing::PASS)?;
    }
    if has(&graph, |op| matches!(op, Op::Attention(_))) {
        graph = run(&graph, &passes::expand_attention::PASS)?;
    }
    if has(&graph, |op| matches!(op, Op::BatchNorm(_))) {
        graph = run(&graph, &passes::expand_batch_norm::PASS)?;
    }
    Ok(graph)
}

#[cfg(test)]
pub(crate) mod tests;
