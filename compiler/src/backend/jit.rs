//! Machine code through Cranelift, in memory.
//!
//! In: a [`Plan`] and the instruction set it was made for. Out: [`Code`]: a function per step, and a driver per thread that
//! calls them with that thread's units, meeting the other threads between steps. The code lives in memory that is writable
//! while it is written and executable afterwards, never both, and goes when the [`Code`] is dropped.
//!
//! Nothing is decided here: each statement of a [`Routine`] becomes the instructions that it names.

mod function;
mod memory;

use std::fmt::Write as _;
use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, UserFuncName, types};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context as FunctionContext};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError};
use parameternet_runtime::abi::Kernel;
use parameternet_runtime::prepare::{PrepareError, TensorSource};
use parameternet_runtime::program::{Code, Context, Port, Program, StepEntry, share};
use parameternet_runtime::threads::barrier_wait;
use parameternet_runtime::{Isa, Kernels};

use crate::code::{self, Routine};
use crate::plan::Plan;
use function::immediate;
use memory::{CodeMemory, Shapes};

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// This machine lacks the instruction set.
    #[error("this machine does not have the instruction set {0}")]
    Isa(Isa),
    /// Cranelift knows no such machine.
    #[error("there is no code generator for this machine: {0}")]
    Host(String),
    /// Cranelift refused a function: a defect of the compiler.
    #[error("the code of `{function}` was refused: {reason}; this is a defect of the compiler, please report it")]
    Refused {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
}

/// A form of the code for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Cranelift's intermediate form.
    Clif,
    /// The instructions of the machine.
    Assembly,
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

fn refused(function: &str, reason: impl ToString) -> JitError {
    JitError::Refused { function: function.to_owned(), reason: reason.to_string() }
}

fn build(plan: &Plan, listing: Option<Listing>) -> Result<(Code, String), JitError> {
    let isa = plan.options.isa;
    let kernels = Kernels::for_isa(isa).ok_or(JitError::Isa(isa))?;
    let routines = code::generate(plan);
    let shapes = Shapes::of(&routines);
    let mut builder = JITBuilder::with_isa(target(isa)?, cranelift_module::default_libcall_names());
    for kernel in Kernel::ALL {
        builder.symbol(kernel.name(), kernels.address(kernel));
    }
    builder.symbol(BARRIER, barrier_wait as *const u8);
    builder.symbols(shapes.symbols());
    builder.memory_provider(Box::new(memory::reserve(&routines, plan.options.threads)?));
    let mut writer = Writer {
        module: JITModule::new(builder),
        context: FunctionContext::new(),
        builders: FunctionBuilderContext::new(),
        isa,
        shapes: 0,
        listing,
        text: String::new(),
    };
    let steps = routines.iter().map(|routine| writer.step(routine)).collect::<Result<Vec<_>, _>>()?;
    let threads = plan.options.threads.max(1);
    let drivers = (0..threads)
        .map(|member| writer.driver(member, threads, &routines, &steps, plan.scratch))
        .collect::<Result<Vec<_>, _>>()?;
    writer.module.finalize_definitions().map_err(|error| refused("the module", error))?;
    let text = std::mem::take(&mut writer.text);
    let memory = CodeMemory::new(writer.module, shapes);
    let port = |port: &crate::plan::Port| Port { name: port.name.clone(), shape: port.shape.dims().to_vec() };
    let code = Code {
        inputs: plan.inputs.iter().map(port).collect(),
        outputs: plan.outputs.iter().map(port).collect(),
        arena: plan.arena,
        scratch: plan.scratch,
        preparation: plan.weights.preparation.clone(),
        drivers: drivers.iter().map(|id| memory.driver(*id)).collect(),
        steps: routines
            .iter()
            .zip(&steps)
            .map(|(routine, id)| StepEntry {
                name: routine.name.clone(),
                units: routine.unit_count(),
                function: memory.step(*id),
            })
            .collect(),
        environment: None,
        owner: Box::new(memory),
    };
    Ok((code, text))
}

/// The symbol of the barrier.
const BARRIER: &str = "barrier_wait";

/// Cranelift's description of this machine, limited to an instruction set.
fn target(isa: Isa) -> Result<OwnedTargetIsa, JitError> {
    let host = |error: &dyn ToString| JitError::Host(error.to_string());
    let mut flags = settings::builder();
    let wanted = [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ];
    for (name, value) in wanted {
        flags.set(name, value).map_err(|error| host(&error))?;
    }
    let infer = isa != Isa::Portable;
    let mut builder = cranelift_native::builder_with_options(infer).map_err(|error| host(&error))?;
    #[cfg(target_arch = "x86_64")]
    if !infer {
        // Vector code needs them; machines of the last fifteen years have them.
        if !is_x86_feature_detected!("sse4.1") || !is_x86_feature_detected!("ssse3") {
            return Err(JitError::Host("it lacks SSE4.1".to_owned()));
        }
        for feature in ["has_sse3", "has_ssse3", "has_sse41"] {
            builder.enable(feature).map_err(|error| host(&error))?;
        }
    }
    builder.finish(settings::Flags::new(flags)).map_err(|error| host(&error))
}

/// Writes functions into a module.
struct Writer {
    module: JITModule,
    context: FunctionContext,
    builders: FunctionBuilderContext,
    isa: Isa,
    /// How many constant structures the routines so far named.
    shapes: usize,
    listing: Option<Listing>,
    text: String,
}

impl Writer {
    fn signature(&self, parameters: usize) -> Signature {
        let mut signature = Signature::new(self.call_conv());
        signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), parameters));
        signature
    }

    fn call_conv(&self) -> CallConv {
        self.module.isa().default_call_conv()
    }

    /// The function of a step.
    fn step(&mut self, routine: &Routine) -> Result<FuncId, JitError> {
        let signature = self.signature(4);
        self.context.func.signature = signature;
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builders);
        function::write(routine, builder, &mut self.module, &mut self.shapes, self.isa)
            .map_err(|error| refused(&routine.name, error))?;
        self.define(&routine.name)
    }

    /// The function of a thread: its units of every step.
    fn driver(
        &mut self,
        member: usize,
        threads: usize,
        routines: &[Routine],
        steps: &[FuncId],
        scratch: usize,
    ) -> Result<FuncId, JitError> {
        let name = format!("driver{member}");
        let signature = self.signature(2);
        self.context.func.signature = signature;
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builders);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let context = builder.block_params(block).first().copied();
        let context = context.ok_or_else(|| refused(&name, "it has no parameter"))?;
        let own = function::pointer(&mut builder, context, std::mem::offset_of!(Context, scratch));
        let own = builder.ins().iadd_imm_u(own, immediate(member * scratch * size_of::<f32>()));
        // What several threads wait at between steps.
        let mut wait = None;
        if threads > 1 {
            let mut signature = Signature::new(self.module.isa().default_call_conv());
            signature.params.push(AbiParam::new(types::I64));
            let id = self.module.declare_function(BARRIER, Linkage::Import, &signature);
            let function = self.module.declare_func_in_func(id.map_err(|error| refused(&name, error))?, builder.func);
            let barrier = function::pointer(&mut builder, context, std::mem::offset_of!(Context, barrier));
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
                let function = self.module.declare_func_in_func(*id, builder.func);
                let begin = builder.ins().iconst(types::I64, immediate(units.start));
                let end = builder.ins().iconst(types::I64, immediate(units.end));
                builder.ins().call(function, &[context, own, begin, end]);
            }
            before = Some(routine);
        }
        builder.ins().return_(&[]);
        builder.finalize(self.module.target_config());
        self.define(&name)
    }

    /// Compiles the function in the context and puts it into the module.
    fn define(&mut self, name: &str) -> Result<FuncId, JitError> {
        let id = self
            .module
            .declare_function(name, Linkage::Local, &self.context.func.signature)
            .map_err(|error| refused(name, error))?;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        if self.listing == Some(Listing::Clif) {
            let _ = writeln!(self.text, "; {name}\n{}", self.context.func.display());
        }
        self.context.set_disasm(self.listing == Some(Listing::Assembly));
        self.module.define_function(id, &mut self.context).map_err(|error| match error {
            ModuleError::Compilation(CodegenError::Verifier(errors)) => refused(name, errors),
            error => refused(name, error),
        })?;
        let assembly = self.context.compiled_code().and_then(|code| code.vcode.as_deref());
        if let Some(assembly) = assembly {
            let _ = writeln!(self.text, "; {name}\n{assembly}");
        }
        self.module.clear_context(&mut self.context);
        Ok(id)
    }
}

/// The comparison that ends a loop.
const BELOW: IntCC = IntCC::UnsignedLessThan;
