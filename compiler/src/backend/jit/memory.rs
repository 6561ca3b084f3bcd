//! What machine code lives in, and the constant structures that it points to.

use std::ops::RangeInclusive;
use std::sync::Mutex;

use cranelift_jit::{ArenaMemoryProvider, JITModule};
use cranelift_module::FuncId;
use parameternet_runtime::program::{Driver, StepFunction};

use super::JitError;
use crate::code::{Argument, Routine, Shape, Statement};

/// The constant structures of all routines in the order in which statements name them, at addresses that do not change;
/// `shape3` in listings.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Box<[Shape]>,
}

impl Shapes {
    pub(super) fn of(routines: &[Routine]) -> Shapes {
        let mut shapes = Vec::new();
        for routine in routines {
            routine.visit(|statement| {
                if let Statement::Call { arguments, .. } = statement {
                    shapes.extend(arguments.iter().filter_map(|argument| match argument {
                        Argument::Shape(shape) => Some(*shape),
                        Argument::Address(_) | Argument::Null | Argument::Index(_) => None,
                    }));
                }
            });
        }
        Shapes { shapes: shapes.into() }
    }

    /// The symbol of the structure of that number.
    pub(super) fn symbol(number: usize) -> String {
        format!("shape{number}")
    }

    /// Every symbol with its address.
    pub(super) fn symbols(&self) -> impl Iterator<Item = (String, *const u8)> {
        self.shapes.iter().enumerate().map(|(index, shape)| {
            let address: *const u8 = match shape {
                Shape::Matmul(shape, _) => (&raw const *shape).cast(),
                Shape::Patches(shape) => (&raw const *shape).cast(),
                Shape::Depthwise(shape) => (&raw const *shape).cast(),
                Shape::Pool(shape) => (&raw const *shape).cast(),
                Shape::Resample(shape) => (&raw const *shape).cast(),
                Shape::Softmax(shape) => (&raw const *shape).cast(),
                Shape::Norm(shape) => (&raw const *shape).cast(),
            };
            (Shapes::symbol(index), address)
        })
    }
}

/// Bytes of code that a statement takes at the very most, on average.
const BYTES_PER_STATEMENT: usize = 512;

/// Least and most bytes that are reserved. Functions call each other over distances of 31 bits.
const RESERVED: RangeInclusive<usize> = 1 << 20..=1 << 30;

/// One range of addresses for all code of some routines and their drivers, which is not backed by memory until it is written.
pub(super) fn reserve(routines: &[Routine], drivers: usize) -> Result<ArenaMemoryProvider, JitError> {
    let mut statements = 0;
    for routine in routines {
        routine.visit(|_| statements += 1);
        // A driver calls each step and waits behind it.
        statements += 1 + drivers;
    }
    let wanted = statements.saturating_mul(BYTES_PER_STATEMENT).clamp(*RESERVED.start(), *RESERVED.end());
    ArenaMemoryProvider::new_with_size(wanted).map_err(|error| JitError::Host(error.to_string()))
}

/// The memory of finished machine code; freed when dropped.
pub(super) struct CodeMemory {
    // The lock is never contended: it makes the module shareable, which nobody touches again but to drop it.
    module: Mutex<Option<JITModule>>,
    /// The code points into them.
    _shapes: Shapes,
}

impl CodeMemory {
    /// Takes over a module whose definitions are finalized.
    pub(super) fn new(module: JITModule, shapes: Shapes) -> CodeMemory {
        CodeMemory { module: Mutex::new(Some(module)), _shapes: shapes }
    }

    fn address(&self, id: FuncId) -> *const u8 {
        let module = self.module.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        module.as_ref().map_or(std::ptr::null(), |module| module.get_finalized_function(id))
    }

    /// A driver.
    pub(super) fn driver(&self, id: FuncId) -> Driver {
        // SAFETY: the function was written with the signature of a driver, and lives as long as the module.
        unsafe { std::mem::transmute::<*const u8, Driver>(self.address(id)) }
    }

    /// The function of a step.
    pub(super) fn step(&self, id: FuncId) -> StepFunction {
        // SAFETY: the function was written with the signature of a step, and lives as long as the module.
        unsafe { std::mem::transmute::<*const u8, StepFunction>(self.address(id)) }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(module) = module.take() {
            // SAFETY: functions of the module are only called through the `Code` that owns this, by runs that borrow it.
            unsafe { module.free_memory() };
        }
    }
}
