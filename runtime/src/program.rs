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
use crate::generated::Environment;
use crate::kernels::Kernels;
use crate::prepare::{Preparation, PrepareError, TensorSource};
use crate::threads::{Barrier, Team};

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
    /// Where threads meet between steps.
    pub barrier: *const Barrier,
    /// The length of each thread's own memory.
    pub scratch_length: usize,
    /// The kernels that the code calls.
    pub kernels: *const Kernels,
    /// What generated Rust source knows of the machine; null for machine code, which has it written in.
    pub environment: *const Environment,
}

/// All of one thread's work of a run, which is the member of that number.
pub type Driver = unsafe extern "C" fn(context: *const Context, member: usize);

/// The units from `begin` to `end` of a step; `scratch` is the thread's own memory.
pub type StepFunction = unsafe extern "C" fn(context: *const Context, scratch: *mut f32, begin: usize, end: usize);

/// The units that a member of a team of so many works on: near equal parts in order, a single one for member 0.
#[must_use]
pub fn share(units: usize, member: usize, members: usize) -> Range<usize> {
    (member * units).div_ceil(members)..((member + 1) * units).div_ceil(members)
}

/// A step of the code, for measurements.
#[derive(Debug, Clone)]
pub struct StepEntry {
    /// Its name.
    pub name: String,
    /// How many units it has.
    pub units: usize,
    /// Its code.
    pub function: StepFunction,
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

/// What calls the steps of a run, each with the units of its thread.
#[derive(Debug, Clone)]
pub enum Drivers {
    /// A function per thread, which the code generator made.
    Functions(Vec<Driver>),
    /// The session itself, on so many threads: it goes through [`Code::steps`].
    Session(NonZeroUsize),
}

impl Drivers {
    /// How many threads share the work.
    #[must_use]
    pub fn threads(&self) -> usize {
        match self {
            Drivers::Functions(functions) => functions.len(),
            Drivers::Session(threads) => threads.get(),
        }
    }
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
    /// What calls the steps.
    pub drivers: Drivers,
    /// The steps, one by one; none of generated Rust source, which cannot be run by steps.
    pub steps: Vec<StepEntry>,
    /// The kernels that the code was made for.
    pub kernels: &'static Kernels,
    /// What generated Rust source knows of the machine.
    pub environment: Option<Environment>,
    /// What the functions above live in; dropped with the code.
    pub owner: Box<dyn Any + Send + Sync>,
}

impl Code {
    /// A member's units of a step.
    ///
    /// # Safety
    /// The context is that of a run of this code, with scratch memory for the member, one of its threads; no other member
    /// works on another step that touches the same memory.
    unsafe fn part(&self, step: &StepEntry, shared: &Shared, member: usize) {
        let units = share(step.units, member, self.drivers.threads());
        if !units.is_empty() {
            // SAFETY: by the contract; the rest is that of `Program::with_block`.
            unsafe {
                let scratch = shared.0.scratch.add(member * self.scratch);
                (step.function)(&raw const shared.0, scratch, units.start, units.end);
            }
        }
    }

    /// A member's part of a run.
    ///
    /// # Safety
    /// As [`Code::part`]; all members of the team of the barrier, as many as the code has threads, take part in the run.
    unsafe fn drive(&self, shared: &Shared, member: usize, barrier: &Barrier) {
        let is_shared = |step: &StepEntry| step.units > 1;
        let mut before: Option<&StepEntry> = None;
        for step in &self.steps {
            // Steps of one unit are member 0's, which need not wait for itself.
            if before.is_some_and(|before| is_shared(before) || is_shared(step)) && barrier.wait().is_err() {
                // Another member panicked: nobody waits any more.
                return;
            }
            // SAFETY: by the contract; all members have met behind whatever step shares memory with this one.
            unsafe { self.part(step, shared, member) };
            before = Some(step);
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("threads", &self.drivers.threads())
            .field("steps", &self.steps.len())
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
    /// The code has no driver.
    #[error("the code has no thread")]
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
    /// - The drivers of one run, which share arena and outputs, meet at the barrier equally often; between two meetings no
    ///   driver touches what another writes.
    /// - A step may be called with any split of its units into ranges, which may run at once: no unit touches what another
    ///   unit of the step writes, but for the scratch memory, of which each thread has its own.
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

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[StepEntry] {
        &self.code.steps
    }

    /// How many threads share the work.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.code.drivers.threads()
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
        let threads = NonZeroUsize::new(self.threads()).ok_or(SessionError::NoThread)?;
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
        match &code.drivers {
            Drivers::Functions(drivers) => self.team.run(&|member, _| {
                if let Some(driver) = drivers.get(member) {
                    // SAFETY: the context leads to an arena, scratch memory and weights of the lengths that the code says,
                    // and to inputs and outputs whose lengths were checked; the team has as many members as there are
                    // drivers and as its barrier expects. The rest is the contract of `Program::new`.
                    unsafe { driver(&raw const shared.0, member) };
                }
            }),
            // SAFETY: as above; the team has as many members as the code has threads.
            Drivers::Session(_) => self.team.run(&|member, barrier| unsafe { code.drive(shared, member, barrier) }),
        }
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
        for (step, time) in code.steps.iter().zip(times) {
            let start = Instant::now();
            // SAFETY: as in `run`; no thread goes on to another step before all are done with this one.
            let work = |member: usize| unsafe { code.part(step, shared, member) };
            if step.units <= 1 {
                work(0);
            } else {
                self.team.run(&|member, _| work(member));
            }
            *time += start.elapsed();
        }
        self.forget();
        Ok(())
    }

    /// [`Session::run`] on the calling thread alone, each unit of a step by itself and from the last to the first, with
    /// scratch memory that is filled with NaN before each: gives the same outputs if no unit needs what another one of its
    /// step leaves behind. For tests.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_backwards(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), RunError> {
        self.check(inputs, outputs)?;
        let shared = &self.context(inputs, outputs);
        for step in &self.program.code.steps {
            for unit in (0..step.units).rev() {
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
            barrier: self.team.barrier(),
            scratch_length: self.program.code.scratch,
            kernels: self.program.code.kernels,
            environment: self.program.code.environment.as_ref().map_or(core::ptr::null(), core::ptr::from_ref),
        })
    }

    /// Drops the pointers of a run.
    fn forget(&mut self) {
        self.inputs.0.fill(core::ptr::null());
        self.outputs.0.fill(core::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_parts_in_order_and_near_equal() {
        for members in 1..6 {
            for units in 0..20 {
                let shares: Vec<_> = (0..members).map(|member| share(units, member, members)).collect();
                assert!(shares.iter().flat_map(Clone::clone).eq(0..units), "{units} units of {members}");
                let sizes = shares.iter().map(ExactSizeIterator::len);
                assert!(sizes.clone().max().unwrap_or(0) - sizes.min().unwrap_or(0) <= 1, "{units} of {members}");
            }
            assert_eq!(share(1, 0, members), 0..1, "a single unit is the caller's");
        }
    }
}
