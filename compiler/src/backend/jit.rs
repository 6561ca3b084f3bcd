//! Machine code through Cranelift, in memory.
//!
//! In: a [`Plan`] and the instruction set it was made for. Out: [`Code`]: a function per step. The code lives in memory that is writable
//! while it is written and executable afterwards, never both, and goes when the [`Code`] is dropped.
//!
//! The functions of steps are written by `clif`, as those of objects are.

mod memory;

use std::num::NonZeroUsize;
use std::sync::Arc;

use cranelift_jit::{JITBuilder, JITModule};
use parameternet_runtime::prepare::{PrepareError, TensorSource};
use parameternet_runtime::program::{Body, Code, Port, Program, StepEntry};
use parameternet_runtime::{Isa, Kernels};

pub use super::clif::Listing;
use super::clif::{CodeError, Position, Writer, host, outline, refused, target};
use crate::code;
use crate::plan::Plan;
use memory::CodeMemory;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// This machine lacks the instruction set.
    #[error("this machine does not have the instruction set {0}")]
    Isa(Isa),
    /// There is no code for this machine.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// Machine code that waits for weights. Cheap to clone; programs with different weights share the code.
#[derive(Debug, Clone)]
pub struct Executable {
    code: Arc<Code>,
}

impl Executable {
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

    /// The program of this code with these weights, which are prepared now. The source numbers its tensors as
    /// [`crate::graph::Graph::stored_weights`] does.
    ///
    /// # Errors
    /// When the source lacks a weight or has one of another length, or memory runs out.
    pub fn load(&self, weights: &dyn TensorSource) -> Result<Program, PrepareError> {
        // SAFETY: only `compile` makes the code, of a plan that only `plan::plan` makes: verified, so that every address lies
        // within the lengths that the plan says. Units write disjoint elements and have scratch memory of their thread, and
        // `owner` holds the memory of the code.
        unsafe { Program::new(Arc::clone(&self.code), weights) }
    }
}

/// Machine code for a plan, for the instruction set that it was made for.
///
/// # Errors
/// When the machine lacks the instruction set. All other errors are defects.
pub fn compile(plan: &Plan) -> Result<Executable, JitError> {
    let (code, _) = build(plan, None)?;
    Ok(Executable { code: Arc::new(code) })
}

/// A text of the machine code for a plan.
///
/// # Errors
/// As [`compile`].
pub fn list(plan: &Plan, listing: Listing) -> Result<String, JitError> {
    let (_, text) = build(plan, Some(listing))?;
    Ok(text)
}

fn build(plan: &Plan, listing: Option<Listing>) -> Result<(Code, String), JitError> {
    let isa = plan.options.isa;
    let kernels = Kernels::for_isa(isa).ok_or(JitError::Isa(isa))?;
    if !Isa::has_machine_code() {
        return Err(host("it lacks SSE4.1").into());
    }
    let routines = code::generate(plan);
    let threads = NonZeroUsize::new(plan.options.threads).unwrap_or(NonZeroUsize::MIN);
    let target = target(isa, Position::Fixed)?;
    let mut builder = JITBuilder::with_isa(target.clone(), cranelift_module::default_libcall_names());
    builder.memory_provider(Box::new(memory::reserve(&routines)?));
    let mut module = JITModule::new(builder);
    let mut writer = Writer::new(&mut module, target, isa, "", listing);
    let steps = writer.steps(&routines)?;
    let text = writer.text;
    module.finalize_definitions().map_err(|error| refused("the module", error))?;
    let memory = CodeMemory::new(module);
    let port = |port: &crate::plan::Port| Port { name: port.name.clone(), shape: port.shape.dims().to_vec() };
    let code = Code {
        inputs: plan.inputs.iter().map(port).collect(),
        outputs: plan.outputs.iter().map(port).collect(),
        arena: plan.arena,
        scratch: plan.scratch,
        preparation: plan.weights.preparation.clone(),
        threads,
        rounds: plan.rounds.clone(),
        body: Body::Steps(
            routines
                .iter()
                .zip(&steps)
                .map(|(routine, id)| StepEntry { outline: outline(routine), function: memory.step(*id) })
                .collect(),
        ),
        kernels,
        owner: Box::new(memory),
    };
    Ok((code, text))
}
