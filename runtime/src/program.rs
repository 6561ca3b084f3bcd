//! Programs and sessions: compiled code, the weights that it reads, and the memory that it works in.
//!
//! [`Code`] is what a code generator made of a network, whatever the generator. With prepared weights it is a [`Program`],
//! which is immutable and shared: any number of [`Session`]s, each with an arena and threads of its own, run it at once.
//! [`Session::run`] borrows inputs and outputs and allocates nothing.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::num::NonZeroUsize;
use core::ops::Range;
#[cfg(feature = "std")]
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::arena::{AlignedBuffer, AllocationError};
use crate::generated::{Environment, Member as GeneratedMember};
use crate::kernels::Kernels;
use crate::prepare::{Preparation, PrepareError, TensorSource};
use crate::threads::{Member, Team};

/// The threads that can share a network at most.
pub const MAX_THREADS: usize = 1024;

/// What generated code finds its memory by.
#[repr(C)]
#[derive(Debug)]
pub struct Context {
    /// The arena.
    pub arena: *mut f32,
    /// The threads' own memory, one piece after the other.
    pub scratch: *mut f32,
    /// The prepared weights.
    pub weights: *const f32,
    /// The inputs.
    pub inputs: *const *const f32,
    /// The outputs.
    pub outputs: *const *mut f32,
    /// The kernels that the code calls.
    pub kernels: *const Kernels,
}

/// The units from `begin` to `end` of a step; `scratch` is the thread's own memory.
pub type StepFunction = unsafe extern "C" fn(context: *const Context, scratch: *mut f32, begin: usize, end: usize);

/// A step of machine code.
#[derive(Debug, Clone)]
pub struct StepEntry {
    /// What there is to say of it beside the code.
    pub outline: StepOutline,
    /// Its code.
    pub function: StepFunction,
}

/// A step without its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// Its name.
    pub name: String,
    /// How many units it has.
    pub units: usize,
    /// Whether units that follow each other have work in common, which is done once if they are done by one call.
    pub in_runs: bool,
}

/// Steps that are done in turn, again and again, each time for the next part of their units: for one sample of a batch after the
/// other, so that what is between the steps stays in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// How many steps.
    pub steps: usize,
    /// How many parts; 1 where each step is done once. The units of all steps can be divided by it.
    pub parts: usize,
}

impl Round {
    /// The units of a part, of so many in all.
    pub(crate) fn part(self, units: usize, part: usize) -> Range<usize> {
        let units = units / self.parts.max(1);
        part * units..(part + 1) * units
    }
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its dimensions, as the network has them.
    pub shape: Vec<usize>,
}

impl Port {
    /// How many elements it has.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a run does.
#[derive(Debug)]
pub enum Body {
    /// Machine code: each thread goes through these steps.
    Steps(Vec<StepEntry>),
    /// Generated Rust source, which goes through its steps itself; it cannot be run step by step.
    Source(Environment),
}

/// What a code generator made. Lengths count `f32`s.
pub struct Code {
    /// The inputs in order.
    pub inputs: Vec<Port>,
    /// The outputs in order.
    pub outputs: Vec<Port>,
    /// The length of the arena.
    pub arena: usize,
    /// The length of each thread's own memory.
    pub scratch: usize,
    /// How the weights are prepared.
    pub preparation: Preparation,
    /// How many threads share the work.
    pub threads: NonZeroUsize,
    /// The order of the work: all steps, in rounds.
    pub rounds: Vec<Round>,
    /// The work.
    pub body: Body,
    /// The kernels that the code was made for.
    pub kernels: &'static Kernels,
    /// What the functions above live in; dropped with the code.
    pub owner: Box<dyn Any + Send + Sync>,
}

impl Code {
    /// The steps, one by one, as far as they are known.
    fn steps(&self) -> &[StepEntry] {
        match &self.body {
            Body::Steps(steps) => steps,
            Body::Source(_) => &[],
        }
    }

    /// What there is to do, one after the other: steps, each with its number and the units that it is the turn of.
    fn turns(&self) -> impl Iterator<Item = (usize, &StepEntry, Range<usize>)> {
        let mut behind = 0;
        let rounds = self.rounds.iter().map(move |round| {
            let first = behind;
            behind += round.steps;
            (*round, first)
        });
        let steps = self.steps();
        rounds.flat_map(move |(round, first)| {
            (0..round.parts).flat_map(move |part| {
                let numbered = steps.iter().enumerate().skip(first).take(round.steps);
                numbered.map(move |(number, step)| (number, step, round.part(step.outline.units, part)))
            })
        })
    }

    /// A member's part of a run.
    ///
    /// # Safety
    /// The context is that of a run of this code, with scratch memory for each member; all members of a team of as many as
    /// the code has threads take part in the run.
    unsafe fn run(&self, shared: &Shared, mut member: Member<'_>) {
        // SAFETY: by the contract, there is a piece of scratch memory for the member.
        let scratch = unsafe { shared.0.scratch.add(member.index() * self.scratch) };
        match &self.body {
            Body::Steps(_) => {
                for (_, step, units) in self.turns() {
                    // SAFETY: all members go through the same steps, so that nobody works on another that shares memory with
                    // this one.
                    unsafe { step.run(shared, scratch, units, &mut member) };
                }
            }
            Body::Source(environment) => {
                // SAFETY: the member is made of the context of a run of the environment's network.
                unsafe {
                    let mut member = GeneratedMember::new(&shared.0, environment, scratch, member);
                    environment.run(&self.rounds, &mut member);
                }
            }
        }
    }
}

impl StepEntry {
    /// A member's part of some units of the step.
    ///
    /// # Safety
    /// The context is that of a run of the step's code, the scratch memory the member's own; no other member works on another
    /// step that touches the same memory.
    unsafe fn run(&self, shared: &Shared, scratch: *mut f32, units: Range<usize>, member: &mut Member<'_>) {
        member.step(units.len(), self.outline.in_runs);
        while let Some(taken) = member.take() {
            let [begin, end] = [taken.start, taken.end].map(|unit| units.start + unit);
            // SAFETY: by the contract; the rest is that of `Program::with_block`.
            unsafe { (self.function)(&raw const shared.0, scratch, begin, end) };
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("threads", &self.threads)
            .field("steps", &self.steps().len())
            .finish_non_exhaustive()
    }
}

/// A network that is ready to run: code and weights. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Program {
    code: Arc<Code>,
    weights: Arc<AlignedBuffer>,
}

/// Why a session cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no memory for it.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// The operating system starts no thread.
    #[cfg(feature = "std")]
    #[error("no thread can be started: {0}")]
    Thread(#[from] std::io::Error),
    /// More threads than can share a network.
    #[error("{found} threads cannot share a network: at most {MAX_THREADS} can")]
    Threads {
        /// How many were asked for.
        found: usize,
    },
    /// More than one thread, where there are none but the caller's.
    #[cfg(not(feature = "std"))]
    #[error("{found} threads were asked for, but without the feature `std` there is one")]
    Alone {
        /// How many were asked for.
        found: usize,
    },
    /// None.
    #[error("a network needs a thread at least")]
    NoThread,
}

/// Why a run was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// More or fewer inputs or outputs than the network has.
    #[error("the network has {expected} {what}, but {found} were given")]
    Count {
        /// `inputs`, `outputs` or `steps`.
        what: &'static str,
        /// How many it has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An input or output of another length.
    #[error("`{name}` of shape {shape:?} has {} elements, not {found}", shape.iter().product::<usize>())]
    Length {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many elements were given.
        found: usize,
    },
}

impl Program {
    /// Joins code and weights, which are prepared as the code wants them.
    ///
    /// # Errors
    /// When `source` lacks a weight, or memory runs out.
    ///
    /// # Safety
    /// As [`Program::with_block`]; `code.preparation` makes such a block.
    pub unsafe fn new(code: Arc<Code>, source: &dyn TensorSource) -> Result<Program, PrepareError> {
        let block = Arc::new(code.preparation.run(source)?);
        // SAFETY: by the contract.
        Ok(unsafe { Program::with_block(code, block) })
    }

    /// Joins code and a block of prepared weights.
    ///
    /// # Safety
    /// - `block` is prepared as the functions of `code` want it.
    /// - The functions of `code` are valid as long as its owner. They read and write only the memory that [`Context`] leads
    ///   to, within the lengths that `code` says, and write neither weights nor inputs.
    /// - Generated source goes through the same steps on each thread, and does what machine code of these steps may do.
    /// - A step may be called with any split of its units into ranges, which may run at once if its round has one part: no unit
    ///   touches what another unit of the step writes, but for the scratch memory, of which each thread has its own. Where its round
    ///   has several, this holds of the units of a part.
    /// - Runs with contexts that share nothing but weights may happen at once.
    #[must_use]
    pub unsafe fn with_block(code: Arc<Code>, block: Arc<AlignedBuffer>) -> Program {
        Program { code, weights: block }
    }

    /// The inputs in order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.code.inputs
    }

    /// The outputs in order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.code.outputs
    }

    /// The steps in order; none of generated Rust source.
    #[must_use]
    pub fn steps(&self) -> &[StepEntry] {
        self.code.steps()
    }

    /// How many threads share the work.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.code.threads.get()
    }

    /// The bytes of its prepared weights.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.weights.len() * size_of::<f32>()
    }

    /// Makes a session: an arena, and threads if the code uses more than one.
    ///
    /// # Errors
    /// When memory runs out or no thread can be started.
    pub fn session(&self) -> Result<Session, SessionError> {
        let threads = self.code.threads;
        Ok(Session {
            arena: AlignedBuffer::new(self.code.arena)?,
            scratch: AlignedBuffer::new(self.code.scratch.saturating_mul(threads.get()))?,
            team: Team::new(threads)?,
            inputs: Pointers(vec![core::ptr::null(); self.code.inputs.len()]),
            outputs: Pointers(vec![core::ptr::null_mut(); self.code.outputs.len()]),
            program: self.clone(),
        })
    }
}

/// Room for the pointers of a run; null between runs.
#[derive(Debug)]
struct Pointers<P>(Vec<P>);

// SAFETY: the pointers are only used while a run borrows what they point to, on the threads of that run.
unsafe impl<P> Send for Pointers<P> {}
// SAFETY: as above; shared access reads no pointer.
unsafe impl<P> Sync for Pointers<P> {}

/// One user of a [`Program`]: runs one at a time, in memory of its own.
#[derive(Debug)]
pub struct Session {
    program: Program,
    arena: AlignedBuffer,
    scratch: AlignedBuffer,
    team: Team,
    inputs: Pointers<*const f32>,
    outputs: Pointers<*mut f32>,
}

/// A context that the threads of one run share.
struct Shared(Context);

// SAFETY: generated code reads the context and splits what it leads to between threads by the contract of `Program::new`.
unsafe impl Sync for Shared {}

impl Session {
    /// What it runs.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The bytes of memory that it has for itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        (self.arena.len() + self.scratch.len()) * size_of::<f32>()
    }

    /// Fills its memory with NaN, so that a value that is read before it was written shows in the outputs. For tests.
    pub fn poison(&mut self) {
        self.arena.poison();
        self.scratch.poison();
    }

    /// Computes the outputs for these inputs, each in row-major order of the layout that the program was compiled for.
    /// Allocates nothing.
    ///
    /// # Errors
    /// When the number or the lengths of inputs or outputs are not those of the program; then nothing is written.
    pub fn run(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), RunError> {
        self.check(inputs, outputs)?;
        let shared = &self.context(inputs, outputs);
        let code = &*self.program.code;
        // SAFETY: the context leads to an arena, scratch memory and weights of the lengths that the code says, and to inputs
        // and outputs whose lengths were checked; the team has as many members as the code has threads. The rest is the
        // contract of `Program::new`.
        self.team.run(&|member| unsafe { code.run(shared, member) });
        self.forget();
        Ok(())
    }

    /// [`Session::run`], step by step: adds to `times`, one per step, how long each took. All threads finish a step before
    /// the next begins.
    ///
    /// # Errors
    /// As [`Session::run`], and when there are more or fewer times than steps.
    #[cfg(feature = "std")]
    pub fn run_timed(
        &mut self,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        times: &mut [Duration],
    ) -> Result<(), RunError> {
        self.check(inputs, outputs)?;
        let steps = self.program.steps().len();
        if times.len() != steps {
            return Err(RunError::Count { what: "steps", expected: steps, found: times.len() });
        }
        let shared = &self.context(inputs, outputs);
        let code = &*self.program.code;
        for (number, step, units) in code.turns() {
            let start = Instant::now();
            // SAFETY: as in `run`; no thread goes on to another step before all are done with this one.
            let work = |mut member: Member<'_>| unsafe {
                step.run(shared, shared.0.scratch.add(member.index() * code.scratch), units.clone(), &mut member);
            };
            match units.len() {
                // Nobody else is woken for a unit that is the caller's.
                // SAFETY: as in `run`; the first thread's piece of the scratch memory is used.
                0 | 1 => unsafe { (step.function)(&raw const shared.0, shared.0.scratch, units.start, units.end) },
                _ => self.team.run(&work),
            }
            if let Some(time) = times.get_mut(number) {
                *time += start.elapsed();
            }
        }
        self.forget();
        Ok(())
    }

    /// [`Session::run`] on the calling thread alone, each unit of a step (or of a part of it) by itself and from the last to the first, with
    /// scratch memory that is filled with NaN before each: gives the same outputs if no unit needs what another one of its
    /// step leaves behind. For tests.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_backwards(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), RunError> {
        self.check(inputs, outputs)?;
        let shared = &self.context(inputs, outputs);
        for (_, step, units) in self.program.code.turns() {
            for unit in units.rev() {
                self.scratch.poison();
                // SAFETY: as in `run`; the first thread's piece of the scratch memory is used.
                unsafe { (step.function)(&raw const shared.0, self.scratch.as_mut_ptr(), unit, unit + 1) };
            }
        }
        self.forget();
        Ok(())
    }

    fn check(&self, inputs: &[&[f32]], outputs: &[&mut [f32]]) -> Result<(), RunError> {
        let check = |what, ports: &[Port], lengths: &mut dyn ExactSizeIterator<Item = usize>| {
            if ports.len() != lengths.len() {
                return Err(RunError::Count { what, expected: ports.len(), found: lengths.len() });
            }
            match ports.iter().zip(lengths).find(|(port, length)| port.elements() != *length) {
                Some((port, found)) => {
                    Err(RunError::Length { name: port.name.clone(), shape: port.shape.clone(), found })
                }
                None => Ok(()),
            }
        };
        check("inputs", self.program.inputs(), &mut inputs.iter().map(|input| input.len()))?;
        check("outputs", self.program.outputs(), &mut outputs.iter().map(|output| output.len()))
    }

    fn context(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Shared {
        for (pointer, input) in self.inputs.0.iter_mut().zip(inputs) {
            *pointer = input.as_ptr();
        }
        for (pointer, output) in self.outputs.0.iter_mut().zip(outputs) {
            *pointer = output.as_mut_ptr();
        }
        Shared(Context {
            arena: self.arena.as_mut_ptr(),
            scratch: self.scratch.as_mut_ptr(),
            weights: self.program.weights.as_ptr(),
            inputs: self.inputs.0.as_ptr(),
            outputs: self.outputs.0.as_ptr(),
            kernels: self.program.code.kernels,
        })
    }

    /// Drops the pointers of a run.
    fn forget(&mut self) {
        self.inputs.0.fill(core::ptr::null());
        self.outputs.0.fill(core::ptr::null_mut());
    }
}
