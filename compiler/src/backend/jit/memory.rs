//! What machine code lives in.

use std::ops::RangeInclusive;
use std::sync::Mutex;

use cranelift_jit::{ArenaMemoryProvider, JITModule};
use cranelift_module::FuncId;
use parameternet_runtime::program::StepFunction;

use super::JitError;
use crate::backend::clif::{host, total_bytes};
use crate::code::Routine;

/// Bytes of code that a statement takes at the very most, on average.
const BYTES_PER_STATEMENT: usize = 512;

/// Least and most bytes that are reserved. Functions refer to their constants over distances of 31 bits.
const RESERVED: RangeInclusive<usize> = 1 << 20..=1 << 30;

/// One range of addresses for all code of some routines and their constants, which is not backed by memory until it is
/// written.
pub(super) fn reserve(routines: &[Routine]) -> Result<ArenaMemoryProvider, JitError> {
    let mut statements = routines.len();
    for routine in routines {
        routine.visit(|_| statements += 1);
    }
    let wanted = statements.saturating_mul(BYTES_PER_STATEMENT).saturating_add(total_bytes(routines));
    let wanted = wanted.clamp(*RESERVED.start(), *RESERVED.end());
    Ok(ArenaMemoryProvider::new_with_size(wanted).map_err(host)?)
}

/// The memory of finished machine code; freed when dropped.
pub(super) struct CodeMemory {
    // The lock is never contended: it makes the module shareable, which nobody touches again but to drop it.
    module: Mutex<Option<JITModule>>,
}

impl CodeMemory {
    /// Takes over a module whose definitions are finalized.
    pub(super) fn new(module: JITModule) -> CodeMemory {
        CodeMemory { module: Mutex::new(Some(module)) }
    }

    fn address(&self, id: FuncId) -> *const u8 {
        let module = self.module.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        module.as_ref().map_or(std::ptr::null(), |module| module.get_finalized_function(id))
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
