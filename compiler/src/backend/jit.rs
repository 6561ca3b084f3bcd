//! Machine code through Cranelift, in memory.
//!
//! In: a [`Plan`] and the instruction set it was made for. Out: [`Code`]: a function per step, and a driver per thread that
//! calls them with that thread's units, meeting the other threads between steps. The code lives in memory that is writable
//! while it is written and executable afterwards, never both, and goes when the [`Code`] is dropped.
//!
//! The functions of steps are written by `clif`, as those of objects are.

mod memory;

use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, types};
use cranelift_frontend::FunctionBuilder;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module};
use parameternet_runtime::prepare::{PrepareError, TensorSource};
use parameternet_runtime::program::{Code, Context, Drivers, Port, Program, StepEntry, share};
use parameternet_runtime::threads::barrier_wait;
use parameternet_runtime::{Isa, Kernels};

pub use super::clif::Listing;
use super::clif::function::{immediate, pointer};
use super::clif::{CodeError, Position, Writer, host, refused, target};
use crate::code::{self, Routine};
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
        // within the lengths that the plan says. Units write disjoint elements and have scratch memory of their thread, every
        // driver waits behind the same steps, and `owner` holds the memory of the code.
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
    let threads = plan.options.threads.max(1);
    let target = target(isa, Position::Fixed)?;
    let mut builder = JITBuilder::with_isa(target.clone(), cranelift_module::default_libcall_names());
    builder.symbol(BARRIER, barrier_wait as *const u8);
    builder.memory_provider(Box::new(memory::reserve(&routines, threads)?));
    let mut module = JITModule::new(builder);
    let mut writer = Writer::new(&mut module, target, isa, "", listing);
    let steps = writer.steps(&routines)?;
    let drivers = (0..threads)
        .map(|member| driver(&mut writer, member, threads, &routines, &steps, plan.scratch))
        .collect::<Result<Vec<_>, _>>()?;
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
        drivers: Drivers::Functions(drivers.iter().map(|id| memory.driver(*id)).collect()),
        steps: routines
            .iter()
            .zip(&steps)
            .map(|(routine, id)| StepEntry {
                name: routine.name.clone(),
                units: routine.unit_count(),
                function: memory.step(*id),
            })
            .collect(),
        kernels,
        environment: None,
        owner: Box::new(memory),
    };
    Ok((code, text))
}

/// The symbol of the barrier.
const BARRIER: &str = "barrier_wait";

/// The function of a thread: its units of every step.
fn driver(
    writer: &mut Writer<'_, JITModule>,
    member: usize,
    threads: usize,
    routines: &[Routine],
    steps: &[FuncId],
    scratch: usize,
) -> Result<FuncId, CodeError> {
    let name = format!("driver{member}");
    writer.context.func.signature = writer.signature(2);
    let waiting = writer.signature(1);
    let mut builder = FunctionBuilder::new(&mut writer.context.func, &mut writer.builders);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let context = builder.block_params(block).first().copied();
    let context = context.ok_or_else(|| refused(&name, "it has no parameter"))?;
    let own = pointer(&mut builder, context, std::mem::offset_of!(Context, scratch));
    let own = builder.ins().iadd_imm_u(own, immediate(member * scratch * size_of::<f32>()));
    // What several threads wait at between steps.
    let mut wait = None;
    if threads > 1 {
        let id = writer.module.declare_function(BARRIER, Linkage::Import, &waiting);
        let id = id.map_err(|error| refused(&name, error))?;
        let function = writer.module.declare_func_in_func(id, builder.func);
        let barrier = pointer(&mut builder, context, std::mem::offset_of!(Context, barrier));
        wait = Some((function, barrier));
    }
    let mut before: Option<&Routine> = None;
    for (routine, id) in routines.iter().zip(steps) {
        // Steps of one unit are thread 0's; it need not wait for itself.
        let is_shared = |routine: &Routine| routine.unit_count() > 1;
        if let (Some(before), Some((function, barrier))) = (before, wait)
            && (is_shared(before) || is_shared(routine))
        {
            builder.ins().call(function, &[barrier]);
        }
        let units = share(routine.unit_count(), member, threads);
        if !units.is_empty() {
            let function = writer.module.declare_func_in_func(*id, builder.func);
            let begin = builder.ins().iconst(types::I64, immediate(units.start));
            let end = builder.ins().iconst(types::I64, immediate(units.end));
            builder.ins().call(function, &[context, own, begin, end]);
        }
        before = Some(routine);
    }
    builder.ins().return_(&[]);
    builder.finalize(writer.module.target_config());
    writer.define(&name, Linkage::Local)
}
