//! What happens to outputs between their sum of products and memory: [`Epilogue`].
//!
//! In come vectors of the same columns (channels) in consecutive rows (pixels); out go their final values. The operands are
//! read once for all rows, and decisions are made once for all rows. The simplest epilogues are [`Direct`] instead: applied to
//! values while they are in registers, with the same bits.

use crate::abi::{ActivationCode, Epilogue};
use crate::simd::Simd;

/// The operands of an epilogue; null where there is none. They point at what belongs to the first output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands {
    pub(crate) bias: *const f32,
    pub(crate) gate: *const f32,
    pub(crate) residual: *const f32,
    pub(crate) sums: *mut f32,
}

impl Operands {
    /// Those of an output further on: `column` to the right, `residual` elements on in the residual.
    ///
    /// # Safety
    ///
    /// The operands that there are extend that far.
    #[inline(always)]
    pub(crate) unsafe fn at(self, column: usize, residual: usize) -> Operands {
        // SAFETY: the pointers that are not null extend that far, as the caller vouches.
        unsafe {
            Operands {
                bias: advance(self.bias, column),
                gate: advance(self.gate, column),
                residual: advance(self.residual, residual),
                sums: advance(self.sums, column).cast_mut(),
            }
        }
    }
}

/// A pointer further on; null stays null.
///
/// # Safety
///
/// If it is not null, it extends that far.
#[inline(always)]
unsafe fn advance(pointer: *const f32, count: usize) -> *const f32 {
    // SAFETY: as the caller vouches.
    if pointer.is_null() { pointer } else { unsafe { pointer.add(count) } }
}

/// The most common epilogues, which need no memory: a bias, then bounds.
#[derive(Clone, Copy)]
pub(crate) struct Direct<S: Simd> {
    /// Null if there is none.
    bias: *const f32,
    low: S::Vector,
    high: S::Vector,
}

impl<S: Simd> Direct<S> {
    /// The same as an epilogue, if it is that simple.
    #[inline(always)]
    pub(crate) fn new(s: S, epilogue: &Epilogue, operands: Operands) -> Option<Direct<S>> {
        if !operands.gate.is_null() || !operands.residual.is_null() || !operands.sums.is_null() {
            return None;
        }
        let code = match (epilogue.before.code, epilogue.after.code) {
            (code, ActivationCode::Identity) | (ActivationCode::Identity, code) => code,
            _ => return None,
        };
        let (low, high) = match code {
            ActivationCode::Identity => (f32::NEG_INFINITY, f32::INFINITY),
            ActivationCode::Relu => (0.0, f32::INFINITY),
            ActivationCode::Relu6 => (0.0, 6.0),
            _ => return None,
        };
        Some(Direct { bias: operands.bias, low: s.splat(low), high: s.splat(high) })
    }

    /// The bias of a vector of columns; without one, what changes nothing when it is added.
    ///
    /// # Safety
    ///
    /// If there is a bias, it has a full vector from `column` on.
    #[inline(always)]
    pub(crate) unsafe fn bias(&self, s: S, column: usize) -> S::Vector {
        // SAFETY: as the caller vouches.
        if self.bias.is_null() { s.splat(-0.0) } else { unsafe { s.load(self.bias.add(column)) } }
    }

    /// The final value.
    #[inline(always)]
    pub(crate) fn apply(&self, s: S, value: S::Vector, bias: S::Vector) -> S::Vector {
        s.min(self.high, s.max(self.low, s.add(value, bias)))
    }
}

/// Finishes vectors of the same columns in consecutive rows and writes them to `out`, `out_stride` apart. Out of line:
/// [`Simd::finish`].
///
/// # Safety
///
/// For each of the values, `out` is valid for writes of the lanes; so is what the operands name for reads and, for sums,
/// writes.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd, const FULL: bool>(
    s: S,
    epilogue: &Epilogue,
    operands: Operands,
    values: &mut [S::Vector],
    out: *mut f32,
    out_stride: usize,
    lanes: S::Lanes,
) {
    // SAFETY: each row reads and writes its own lanes, for which the caller vouches.
    unsafe {
        if !operands.bias.is_null() {
            let bias = s.read::<FULL>(operands.bias, lanes);
            for value in values.iter_mut() {
                *value = s.add(*value, bias);
            }
        }
        if !epilogue.before.is_identity() {
            s.activate(epilogue.before, values);
        }
        if !operands.gate.is_null() {
            let gate = s.read::<FULL>(operands.gate, lanes);
            for value in values.iter_mut() {
                *value = s.mul(*value, gate);
            }
        }
        if !operands.residual.is_null() {
            for (row, value) in values.iter_mut().enumerate() {
                let residual = s.read::<FULL>(operands.residual.add(row * epilogue.residual_stride), lanes);
                *value = s.add(*value, residual);
            }
        }
        if !epilogue.after.is_identity() {
            s.activate(epilogue.after, values);
        }
        for (row, value) in values.iter().enumerate() {
            s.write::<FULL>(out.add(row * out_stride), *value, lanes);
        }
        if !operands.sums.is_null() {
            let mut sum = s.read::<FULL>(operands.sums, lanes);
            for value in values.iter() {
                sum = s.add(sum, *value);
            }
            s.write::<FULL>(operands.sums, sum, lanes);
        }
    }
}
