//! A thread's view of a run, as generated source sees it.

use alloc::sync::Arc;
use core::ops::Range;

use crate::abi::Tile;
use crate::blocking::{Blocking, Product};
use crate::dtype::Dtype;
use crate::kernels::Kernels;
use crate::prepare::panels_length;
use crate::program::{Context, Round};
use crate::threads;

/// A thread's part of the work of a generated network.
pub type Run = unsafe fn(&mut Member<'_>);

/// What a session knows of generated code: where its weights lie, and what a thread does.
#[derive(Debug)]
pub struct Environment {
    contents: Arc<[usize]>,
    run: Run,
}

impl Environment {
    pub(super) fn new(contents: Arc<[usize]>, run: Run) -> Environment {
        Environment { contents, run }
    }

    /// A thread's part of a run, whose steps are done in such rounds. The source names each step once: it is gone through again for each
    /// part of each round, and steps of other rounds are passed over.
    ///
    /// # Safety
    /// The member takes part in a run of the network with this environment.
    pub(crate) unsafe fn run(&self, rounds: &[Round], member: &mut Member<'_>) {
        let mut first = 0;
        for round in rounds {
            let steps = first..first + round.steps;
            for part in 0..round.parts {
                member.turn = Turn { steps: steps.clone(), round: *round, part, passed: 0 };
                // SAFETY: by the contract.
                unsafe { (self.run)(member) };
            }
            first = steps.end;
        }
    }
}

/// Whose turn it is: some steps, and a part of their units.
#[derive(Debug)]
struct Turn {
    steps: Range<usize>,
    round: Round,
    part: usize,
    /// Steps that the source came by so far.
    passed: usize,
}

/// A thread that takes part in a run. All members go through the same steps and meet between them.
#[derive(Debug)]
pub struct Member<'r> {
    context: &'r Context,
    environment: &'r Environment,
    member: threads::Member<'r>,
    turn: Turn,
    /// The units of the step that it is the turn of; none if it is another's.
    units: Range<usize>,
    /// The kernels of the machine.
    pub kernels: &'static Kernels,
    /// The arena of the session.
    pub arena: *mut f32,
    /// The memory that this thread has for itself.
    pub scratch: *mut f32,
    /// The prepared weights.
    pub weights: *const f32,
}

impl<'r> Member<'r> {
    /// # Safety
    /// `context` is that of a run, the scratch memory the member's own.
    pub(crate) unsafe fn new(
        context: &'r Context,
        environment: &'r Environment,
        scratch: *mut f32,
        member: threads::Member<'r>,
    ) -> Member<'r> {
        Member {
            context,
            environment,
            member,
            turn: Turn { steps: 0..0, round: Round { steps: 0, parts: 1 }, part: 0, passed: 0 },
            units: 0..0,
            // SAFETY: the context of a run points to the kernels of its code, which are static.
            kernels: unsafe { &*context.kernels },
            arena: context.arena,
            scratch,
            weights: context.weights,
        }
    }

    /// An input.
    ///
    /// # Safety
    /// The network has one of that index.
    #[must_use]
    pub unsafe fn input(&self, index: usize) -> *const f32 {
        // SAFETY: by the contract.
        unsafe { *self.context.inputs.add(index) }
    }

    /// An output.
    ///
    /// # Safety
    /// The network has one of that index.
    #[must_use]
    pub unsafe fn output(&self, index: usize) -> *mut f32 {
        // SAFETY: by the contract.
        unsafe { *self.context.outputs.add(index) }
    }

    /// Where a content of the prepared weights begins.
    #[must_use]
    pub fn content(&self, index: usize) -> usize {
        self.environment.contents.get(index).copied().unwrap_or(0)
    }

    /// A content of the prepared weights.
    ///
    /// # Safety
    /// The network has one of that index.
    #[inline]
    #[must_use]
    pub unsafe fn weight(&self, index: usize) -> *const f32 {
        // SAFETY: by the contract, the content begins within the block.
        unsafe { self.weights.add(self.content(index)) }
    }

    /// The register tile of matrix products.
    #[must_use]
    pub fn tile(&self) -> Tile {
        self.kernels.tile()
    }

    /// The columns of a full panel.
    #[must_use]
    pub fn width(&self) -> usize {
        self.tile().columns()
    }

    /// The distance between rows of a panel with so many columns.
    #[must_use]
    pub fn panel_width(&self, columns: usize) -> usize {
        self.tile().panel_width(columns)
    }

    /// How a product is cut: rows of a unit, panels of a unit, rows of a block.
    #[must_use]
    pub fn blocking(&self, product: &Product) -> [usize; 3] {
        let Blocking { rows_per_unit, panels_per_unit, rows_per_block } = self.cut(product);
        [rows_per_unit, panels_per_unit, rows_per_block]
    }

    fn cut(&self, product: &Product) -> Blocking {
        product.blocking(self.tile(), self.member.members())
    }

    /// What the panels of a unit of a product take of the scratch memory.
    #[must_use]
    pub fn panel_scratch(&self, product: &Product) -> usize {
        self.cut(product).panel_scratch(product, self.tile())
    }

    /// The length of all panels of a matrix.
    #[must_use]
    pub fn panels_length(&self, depth: usize, columns: usize, dtype: Dtype) -> usize {
        panels_length(depth, columns, self.tile(), dtype)
    }

    /// The length of a full panel of a matrix.
    #[must_use]
    pub fn panel_length(&self, depth: usize, dtype: Dtype) -> usize {
        self.panels_length(depth, self.width(), dtype)
    }

    /// Whether the machine rounds a multiply-add once.
    #[must_use]
    pub fn rounds_once(&self) -> bool {
        self.kernels.isa() != crate::Isa::Portable
    }

    /// Begins a step of so many units.
    #[inline]
    pub fn step(&mut self, units: usize) {
        self.begin(units, false);
    }

    /// Begins a step of so many units, which are better done several in a row.
    #[inline]
    pub fn step_in_runs(&mut self, units: usize) {
        self.begin(units, true);
    }

    fn begin(&mut self, units: usize, in_runs: bool) {
        let is_its_turn = self.turn.steps.contains(&self.turn.passed);
        self.turn.passed += 1;
        self.units = if is_its_turn { self.turn.round.part(units, self.turn.part) } else { 0..0 };
        if is_its_turn {
            self.member.step(self.units.len(), in_runs);
        }
    }

    /// Units of the step that are this thread's to work on, from the first to one past the last, until there are none.
    #[inline]
    #[must_use]
    pub fn take(&mut self) -> Option<(usize, usize)> {
        if self.units.is_empty() {
            return None;
        }
        self.member.take().map(|taken| (self.units.start + taken.start, self.units.start + taken.end))
    }
}
