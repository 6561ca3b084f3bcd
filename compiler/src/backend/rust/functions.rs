//! The functions of a network: one for each distinct module, step and weight.
//!
//! In: a plan and the graph that it was made of. Out: two modules of source, `weights` and `steps`, each with a function
//! for the whole network on top. Functions are shared as [`sharing`](super::sharing) says, from the steps up: a module that
//! stands at several places with the same structure is one function, whatever its sizes.

use parameternet_runtime::prepare::Preparation;
use proc_macro2::TokenStream;
use quote::quote;

use super::blocks::{Block, Item, blocks};
use super::documentation::{Costs, Documentation, Place};
use super::identifiers::KEYWORDS;
use super::routine;
use super::sharing::{Constant, Finished, Functions, Kind, Piece, Use};
use super::weights::{self, Contents};
use crate::backend::names::snake_case;
use crate::code;
use crate::graph::{Graph, InstanceId, Path};
use crate::plan::Plan;
use crate::plan::step::Work;

/// The source of both modules; `weights` has a function `describe` on top, `steps` has `run`.
pub(super) struct Source {
    pub weights: TokenStream,
    pub steps: TokenStream,
}

/// What a block does.
#[derive(Debug, Clone, Copy)]
struct Uses {
    /// Its part of the description of weights, if it has any.
    describe: Option<Use>,
    /// Its part of a run.
    run: Use,
}

/// What generated functions call their own variables and each other.
const TAKEN: [&str; 11] = ["begin", "describe", "end", "m", "once", "product", "rest", "rt", "run", "w", "width"];

/// Puts functions together.
struct Writer<'g> {
    graph: &'g Graph,
    costs: &'g Costs,
    documentation: &'g Documentation,
    describe: Functions,
    run: Functions,
    /// By step: its function, and that of the weights that it is the first to need, if there are any.
    steps: Vec<(Use, Option<Use>)>,
    /// By block; none of those whose turn is still to come.
    uses: Vec<Option<Uses>>,
}

/// See the module's documentation.
pub(super) fn functions(graph: &Graph, plan: &Plan, costs: &Costs, documentation: &Documentation) -> Option<Source> {
    let blocks = blocks(graph, plan);
    let mut writer = Writer {
        graph,
        costs,
        documentation,
        describe: Functions::default(),
        run: Functions::default(),
        steps: Vec::new(),
        uses: Vec::new(),
    };
    writer.steps(plan, &blocks);
    writer.uses = vec![None; blocks.len()];
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    // What is called must have all its uses before it is.
    order.sort_by_key(|index| blocks.get(*index).map(|block| block.height));
    for index in order {
        let uses = blocks.get(index).map(|block| writer.block(&blocks, block));
        if let Some(place) = writer.uses.get_mut(index) {
            *place = uses;
        }
    }
    let top = writer.uses.last().copied().flatten();
    top.map(|top| writer.finish(top, &plan.weights.preparation))
}

impl Writer<'_> {
    /// Adds the functions of steps and weights.
    fn steps(&mut self, plan: &Plan, blocks: &[Block]) {
        let routines = code::generate(plan);
        let mut contents = Contents::default();
        let is_whole = !routines.iter().any(routine::calls_kernels);
        let paths = self.paths_of_steps(blocks, plan.steps.len());
        // All before any is written: a step may fetch what a later one reads.
        let claimed: Vec<Vec<usize>> = routines.iter().map(|routine| contents.claim(routine)).collect();
        let steps = plan.steps.iter().zip(&routines).zip(&claimed).zip(&paths).enumerate();
        for (index, (((step, routine), claimed), path)) in steps {
            let product = match &step.work {
                Work::Matmul(step) => Some(step.product_of(plan.parts(index))),
                _ => None,
            };
            let piece = routine::write(routine, product, &contents, is_whole);
            let name = code::steps::name(&step.work);
            let run = self.run.add(name, piece);
            let describe = (!claimed.is_empty()).then(|| {
                let piece = weights::write(self.graph, &plan.weights.preparation, claimed, path);
                self.describe.add(name, piece)
            });
            self.steps.push((run, describe));
        }
    }

    /// By step: the path of the block that it stands in.
    fn paths_of_steps(&self, blocks: &[Block], steps: usize) -> Vec<Path> {
        let mut paths = vec![Path::default(); steps];
        for block in blocks {
            for item in &block.items {
                if let Item::Step(index) = item
                    && let Some(path) = paths.get_mut(*index)
                {
                    *path = self.path(block.instance);
                }
            }
        }
        paths
    }

    fn path(&self, instance: InstanceId) -> Path {
        self.graph.instance(instance).map(|instance| instance.path.clone()).unwrap_or_default()
    }

    /// Adds the uses of a block, whose own blocks have theirs.
    fn block(&mut self, blocks: &[Block], block: &Block) -> Uses {
        let own = self.path(block.instance);
        let (mut describe, mut run) = (Piece::default(), Piece::default());
        for item in &block.items {
            match *item {
                Item::Step(index) => {
                    let Some((step, weights)) = self.steps.get(index) else { continue };
                    self.run.call(*step, &quote!(m), &mut run);
                    if let Some(weights) = weights {
                        self.describe.call(*weights, &quote!(w), &mut describe);
                    }
                }
                Item::Block(index) => {
                    let Some(uses) = self.uses.get(index).copied().flatten() else { continue };
                    self.run.call(uses.run, &quote!(m), &mut run);
                    let Some(below) = uses.describe else { continue };
                    let path = blocks.get(index).map(|block| self.path(block.instance)).unwrap_or_default();
                    let path = Path(path.0.into_iter().skip(own.0.len()).collect()).dotted();
                    let path = describe.hole(Kind::Name, Constant::Name(path));
                    self.describe.call(below, &quote!(&mut w.at(#path)), &mut describe);
                }
            }
        }
        let stem = self.stem(block.instance);
        let describe = (!describe.tokens.is_empty()).then(|| self.describe.add(&stem, describe));
        let run = self.run.add(&stem, run);
        let place = Place { path: own.to_string(), macs: self.costs.macs(block.instance) };
        let module = self.graph.instance(block.instance).map(|instance| instance.module.as_str());
        self.run.explain(run, place, module.and_then(|module| self.documentation.module(module)));
        Uses { describe, run }
    }

    /// What functions of an instance are called.
    fn stem(&self, instance: InstanceId) -> String {
        let stem = snake_case(self.graph.instance(instance).map_or("module", |instance| &instance.module));
        if KEYWORDS.iter().chain(&TAKEN).any(|taken| *taken == stem) { format!("{stem}_") } else { stem }
    }

    /// The top is the last block; `describe` ends with tensors that nothing needs.
    fn finish(self, top: Uses, preparation: &Preparation) -> Source {
        let mut entry = Piece::default();
        if let Some(top) = top.describe {
            self.describe.call(top, &quote!(w), &mut entry);
        }
        let describe = entry.filled();
        let unused = weights::write_unused(self.graph, preparation).filled();
        let mut entry = Piece::default();
        self.run.call(top.run, &quote!(m), &mut entry);
        let run = entry.filled();
        let describes = self.describe.finish().into_iter().map(|function| {
            let Finished { name, parameters, body, documentation } = function;
            let documentation = documentation.iter();
            quote! {
                #(#[doc = #documentation])*
                fn #name(w: &mut Describe #parameters) {
                    #body
                }
            }
        });
        let runs = self.run.finish().into_iter().map(|function| {
            let Finished { name, parameters, body, documentation } = function;
            let documentation = documentation.iter();
            quote! {
                #(#[doc = #documentation])*
                unsafe fn #name(m: &mut Member #parameters) {
                    #body
                }
            }
        });
        Source {
            weights: quote! {
                /// All weights, in the order of the plan.
                pub(super) fn describe(w: &mut Describe) {
                    #describe
                    #unused
                }
                #(#describes)*
            },
            steps: quote! {
                /// A thread's part of a run.
                pub(super) unsafe fn run(m: &mut Member) {
                    #run
                }
                #(#runs)*
            },
        }
    }
}
