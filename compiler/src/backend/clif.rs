//! Machine code through Cranelift, for whatever takes it: what machine code in memory and in objects have in common.
//!
//! In: [`Routine`]s, and the instruction set they were made for. Out: a function `(context, scratch, begin, end)` for each in
//! a module of Cranelift, and constant structures beside them. The functions import nothing: the addresses of kernels are
//! read from the [`Context`](parameternet_runtime::program::Context).
//!
//! Nothing is decided here: each statement of a [`Routine`] becomes the instructions that it names.

mod function;
mod shapes;

use std::fmt::Write as _;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Signature, UserFuncName, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context as FunctionContext};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module, ModuleReloc};
use parameternet_runtime::Isa;
use parameternet_runtime::program::StepOutline;

use crate::code::Routine;
use shapes::Shapes;
#[cfg(feature = "jit")]
pub(super) use shapes::total_bytes;

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
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

pub(super) fn refused(function: &str, reason: impl ToString) -> CodeError {
    CodeError::Refused { function: function.to_owned(), reason: reason.to_string() }
}

pub(super) fn host(reason: impl ToString) -> CodeError {
    CodeError::Host(reason.to_string())
}

/// What the runtime must know of a step beside its function.
pub(super) fn outline(routine: &Routine) -> StepOutline {
    StepOutline { name: routine.name.clone(), units: routine.unit_count(), in_runs: routine.in_runs }
}

/// Whether code finds what it refers to wherever both are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    #[cfg(feature = "jit")]
    Fixed,
    #[cfg(feature = "object")]
    Independent,
}

/// Cranelift's description of machines like this one that have the instruction set.
pub(super) fn target(isa: Isa, position: Position) -> Result<OwnedTargetIsa, CodeError> {
    let is_pic = match position {
        #[cfg(feature = "jit")]
        Position::Fixed => "false",
        #[cfg(feature = "object")]
        Position::Independent => "true",
    };
    let mut flags = settings::builder();
    let wanted = [
        ("opt_level", "speed"),
        ("is_pic", is_pic),
        ("use_colocated_libcalls", "false"),
        // Cache lines: how fast the loops of a step are should not depend on the code of the steps before it.
        ("log2_min_function_alignment", "6"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ];
    for (name, value) in wanted {
        flags.set(name, value).map_err(host)?;
    }
    let mut builder = cranelift_native::builder_with_options(false).map_err(host)?;
    for feature in features(isa) {
        builder.enable(feature).map_err(host)?;
    }
    builder.finish(settings::Flags::new(flags)).map_err(host)
}

/// What code of an instruction set may use; see [`Isa::has_machine_code`] for the first.
#[cfg(target_arch = "x86_64")]
fn features(isa: Isa) -> &'static [&'static str] {
    match isa {
        Isa::Portable => &["has_sse3", "has_ssse3", "has_sse41"],
        // Vectors of four lanes gain nothing from AVX-512.
        Isa::Avx2 | Isa::Avx512 => {
            &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_avx", "has_avx2", "has_fma"]
        }
    }
}

/// What code of an instruction set may use.
#[cfg(not(target_arch = "x86_64"))]
fn features(_: Isa) -> &'static [&'static str] {
    &[]
}

/// Writes functions into a module.
pub(super) struct Writer<'m, M> {
    pub module: &'m mut M,
    target: OwnedTargetIsa,
    isa: Isa,
    /// What the names of everything begin with.
    prefix: &'static str,
    shapes: Shapes,
    pub context: FunctionContext,
    pub builders: FunctionBuilderContext,
    listing: Option<Listing>,
    /// The listing so far.
    pub text: String,
}

impl<'m, M: Module> Writer<'m, M> {
    /// A writer that also lists what it writes in [`Writer::text`], if it is told how.
    pub fn new(
        module: &'m mut M,
        target: OwnedTargetIsa,
        isa: Isa,
        prefix: &'static str,
        listing: Option<Listing>,
    ) -> Self {
        Writer {
            module,
            target,
            isa,
            prefix,
            shapes: Shapes::default(),
            context: FunctionContext::new(),
            builders: FunctionBuilderContext::new(),
            listing,
            text: String::new(),
        }
    }

    /// A function of so many pointers or numbers.
    pub fn signature(&self, parameters: usize) -> Signature {
        let mut signature = Signature::new(self.target.default_call_conv());
        signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), parameters));
        signature
    }

    /// The function of each step.
    pub fn steps(&mut self, routines: &[Routine]) -> Result<Vec<FuncId>, CodeError> {
        // Before all functions, so that all of them share pages.
        self.shapes =
            Shapes::define(routines, self.module, self.prefix).map_err(|error| refused("a constant", error))?;
        routines.iter().map(|routine| self.step(routine)).collect()
    }

    fn step(&mut self, routine: &Routine) -> Result<FuncId, CodeError> {
        self.context.func.signature = self.signature(4);
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builders);
        function::write(routine, builder, self.module, &self.shapes, self.isa);
        self.define(&format!("{}{}", self.prefix, routine.name), Linkage::Local)
    }

    /// Compiles the function in the context and puts it into the module.
    pub fn define(&mut self, name: &str, linkage: Linkage) -> Result<FuncId, CodeError> {
        let id = self
            .module
            .declare_function(name, linkage, &self.context.func.signature)
            .map_err(|error| refused(name, error))?;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        if self.listing == Some(Listing::Clif) {
            let _ = writeln!(self.text, "; {name}\n{}", self.context.func.display());
        }
        self.context.set_disasm(self.listing == Some(Listing::Assembly));
        self.context.compile(&*self.target, &mut ControlPlane::default()).map_err(|error| match error.inner {
            CodegenError::Verifier(errors) => refused(name, errors),
            error => refused(name, error),
        })?;
        let Some(code) = self.context.compiled_code() else { return Err(refused(name, "there is no code")) };
        if let Some(assembly) = &code.vcode {
            let _ = writeln!(self.text, "; {name}\n{assembly}");
        }
        let relocations: Vec<ModuleReloc> = code
            .buffer
            .relocs()
            .iter()
            .map(|relocation| ModuleReloc::from_mach_reloc(relocation, &self.context.func, id))
            .collect();
        self.module
            .define_function_bytes(id, u64::from(code.buffer.alignment), code.code_buffer(), &relocations)
            .map_err(|error| refused(name, error))?;
        self.context.clear();
        Ok(id)
    }
}
