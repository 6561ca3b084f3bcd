//! What happens to outputs between their sum of products and memory: [`Epilogue`].
//!
//! In come vectors of the same columns (channels) in consecutive rows (pixels); out go their final values. The operands are
//! read once for all rows, and decisions are made once for all rows.

use crate::abi::Epilogue;
use crate::simd::Simd;

/// The operands of an epilogue; null where there is none. They point at what belongs to the first output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) bias: *const f32,
    pub(super) gate: *const f32,
    pub(super) residual: *const f32,
    pub(super) sums: *mut f32,
}

impl Operands {
    /// Those of an output further on: `column` to the right, `residual` elements on in the residual.
    ///
    /// # Safety
    ///
    /// The operands that there are extend that far.
    #[inline(always)]
    pub(super) unsafe fn at(self, column: usize, residual: usize) -> Operands {
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

/// Finishes vectors of the same columns in consecutive rows and writes them to `out`, `out_stride` apart.
///
/// # Safety
///
/// For each of the values, `out` is valid for writes of the lanes; so is what the operands name for reads and, for sums,
/// writes.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const FULL: bool>(
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
