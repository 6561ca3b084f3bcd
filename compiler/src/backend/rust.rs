//! Rust source: a network as a type, from the same plan as machine code and with the same bits.
//!
//! In: a graph as it is written, and [`Options`]. Out: the items of a Rust module, as tokens: for the macro
//! `parameternet!`, or formatted into a file. The source depends on the crate `parameternet-runtime` alone, and serves every
//! instruction set and any number of threads: all that they decide is left to the runtime
//! ([`Machine`](crate::code::Machine)), all else is checked here to be the same for all of them.
//!
//! `functions` puts the source together along the author's modules, `routine` writes a step and `weights` how weights
//! are prepared, `sharing` makes one function of what is alike, `interface` writes what users see, `documentation` what
//! doc comments say; `identifiers` knows which names Rust can have.

mod blocks;
mod documentation;
mod functions;
mod identifiers;
mod interface;
mod routine;
mod sharing;
mod weights;

use documentation::Costs;
pub use documentation::Documentation;
pub use identifiers::{identifier, module_name};
use parameternet_runtime::{Dtype, Isa};
use proc_macro2::TokenStream;

use crate::graph::Graph;
use crate::passes::{self, PassError, Selection};
use crate::plan::rewrites::Rewrites;
use crate::plan::{self, ImageLayout, Plan, PlanError};

/// What source is written for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path of the crate `parameternet-runtime`: `::parameternet::runtime`, or `::parameternet_runtime`.
    pub runtime: TokenStream,
    /// How images lie in the memory of inputs and outputs.
    pub layout: ImageLayout,
    /// What experts are stored as: see [`plan::Options`].
    pub experts_dtype: Dtype,
    /// An expression of type `&'static [u8]` that gives a safetensors file, if weights are part of the program.
    pub embedded: Option<TokenStream>,
    /// What the author says of the network and its modules.
    pub documentation: Documentation,
}

/// Why there is no source.
#[derive(Debug, thiserror::Error)]
pub enum RustError {
    /// The passes could not be run.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plans for two instruction sets differ in more than what the runtime decides.
    #[error("the plan for {isa} is another one: {reason}; this is a defect of the compiler, please report it")]
    Machine {
        /// The instruction set.
        isa: Isa,
        /// What differs.
        reason: &'static str,
    },
    /// A Rust type in the module of a network cannot have that name.
    #[error("a Rust type in this module cannot be called `{name}`: rename the network")]
    Network {
        /// The name of the network.
        name: String,
    },
    /// A parameter of a function in Rust cannot have that name.
    #[error("a parameter of `run` cannot be called `{name}`: rename the input")]
    Input {
        /// The name of the input.
        name: String,
    },
    /// The network computes nothing.
    #[error("the network has no operation, so there is nothing to write")]
    Empty,
}

/// The items of a module that holds the network.
///
/// # Errors
/// When the network has no operation, or a name that Rust cannot have there. All other errors are defects.
pub fn generate(graph: &Graph, options: &Options) -> Result<TokenStream, RustError> {
    identifiers::check(graph)?;
    let costs = Costs::of(graph);
    let functions = |optimised: &Graph, plan| {
        functions::functions(optimised, plan, &costs, &options.documentation).ok_or(RustError::Empty)
    };
    let optimised = passes::optimize(graph, &Selection::default())?;
    let plans = plans(&optimised, options)?;
    let source = functions(&optimised, &plans[0])?;
    for plan in &plans[1..] {
        let other = functions(&optimised, plan)?;
        if let Some(reason) = difference(&source, &other, &plans[0], plan) {
            return Err(RustError::Machine { isa: plan.options.isa, reason });
        }
    }
    Ok(interface::module(graph, &plans, &source, options))
}

/// The plan for each instruction set, for one thread.
fn plans(graph: &Graph, options: &Options) -> Result<[Plan; 3], PlanError> {
    let Options { layout, experts_dtype, .. } = *options;
    let plan = |isa| {
        plan::plan(
            graph,
            &plan::Options {
                isa,
                threads: 1,
                layout,
                rewrites: Rewrites::default(),
                experts_dtype,
                cascades: plan::Where::default(),
                strassen: plan::Where::default(),
                by_sample: plan::Where::default(),
            },
        )
    };
    let [portable, avx2, avx512] = Isa::ALL;
    Ok([plan(portable)?, plan(avx2)?, plan(avx512)?])
}

/// In what the source for two machines differs, which it must not.
fn difference(
    source: &functions::Source,
    other: &functions::Source,
    plan: &Plan,
    other_plan: &Plan,
) -> Option<&'static str> {
    if plan.arena != other_plan.arena {
        return Some("the arena has another length");
    }
    if plan.rounds != other_plan.rounds {
        return Some("its steps have another order");
    }
    if source.steps.to_string() != other.steps.to_string() {
        return Some("its steps differ");
    }
    if source.weights.to_string() != other.weights.to_string() {
        return Some("its weights are prepared otherwise");
    }
    None
}
