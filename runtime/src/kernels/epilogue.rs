//! What happens to outputs between their sum of products and memory: [`Epilogue`].
//!
//! In come vectors of columns (channels) in consecutive rows (pixels); out go their final values. The operands are
//! read once for all rows, and decisions are made once for all rows. The most common epilogues are [`Direct`] instead: applied
//! to values while they are in registers, with the same bits.

use super::activation::hard_swish;
use crate::abi::{ActivationCode, Epilogue};
use crate::simd::{ROWS_PER_POINTER, Simd, opaque};

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
pub(super) unsafe fn advance(pointer: *const f32, count: usize) -> *const f32 {
    // SAFETY: as the caller vouches.
    if pointer.is_null() { pointer } else { unsafe { pointer.add(count) } }
}

/// The most common epilogues: a bias, bounds or a hard swish, a residual, bounds, sums. They are applied to tiles that are
/// still in registers.
#[derive(Clone, Copy)]
pub(crate) struct Direct<S: Simd> {
    operands: Operands,
    residual_stride: usize,
    swish: bool,
    before: Bounds<S>,
    after: Bounds<S>,
}

/// What a value is kept between.
#[derive(Clone, Copy)]
struct Bounds<S: Simd> {
    low: S::Vector,
    high: S::Vector,
    /// Whether there are any.
    are_set: bool,
}

impl<S: Simd> Bounds<S> {
    /// The same as an activation, if it is nothing but bounds.
    #[inline(always)]
    fn new(s: S, code: ActivationCode) -> Option<Bounds<S>> {
        let (low, high) = match code {
            ActivationCode::Identity => (f32::NEG_INFINITY, f32::INFINITY),
            ActivationCode::Relu => (0.0, f32::INFINITY),
            ActivationCode::Relu6 => (0.0, 6.0),
            _ => return None,
        };
        Some(Bounds { low: s.splat(low), high: s.splat(high), are_set: code != ActivationCode::Identity })
    }

    #[inline(always)]
    fn apply(self, s: S, value: S::Vector) -> S::Vector {
        s.min(self.high, s.max(self.low, value))
    }
}

impl<S: Simd> Direct<S> {
    /// The same as an epilogue, if it is one of those.
    #[inline(always)]
    pub(crate) fn new(s: S, epilogue: &Epilogue, operands: Operands) -> Option<Direct<S>> {
        if !operands.gate.is_null() {
            return None;
        }
        let swish = epilogue.before.code == ActivationCode::HardSwish;
        let before = if swish { ActivationCode::Identity } else { epilogue.before.code };
        Some(Direct {
            operands,
            residual_stride: epilogue.residual_stride,
            swish,
            before: Bounds::new(s, before)?,
            after: Bounds::new(s, epilogue.after.code)?,
        })
    }

    /// Whether a vector of a tile with so many vectors a row may have lanes that do not count.
    #[inline(always)]
    fn may_be_partial(vector: usize, vectors: usize) -> bool {
        S::MASKS_ARE_FREE && vector + 1 == vectors
    }

    /// Finishes a tile of vectors in consecutive rows and writes it to `out`, `out_stride` apart. It begins at `column`, and its
    /// residual, if there is one, at `residual`. Of the last vector, `last` are the lanes that count: all of them, unless masks are
    /// free.
    ///
    /// # Safety
    ///
    /// For each row of the tile, `out` is valid for writes of the lanes that count; so is what the operands name, from `column` on, and
    /// the residual for reads and, for sums, writes.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "vectors are counted below their constant number")]
    #[expect(clippy::too_many_arguments, reason = "a tile, and where all that belongs to it lies")]
    pub(crate) unsafe fn finish<const ROWS: usize, const VECTORS: usize>(
        &self,
        s: S,
        mut values: [[S::Vector; VECTORS]; ROWS],
        column: usize,
        residual: *const f32,
        out: *mut f32,
        out_stride: usize,
        last: S::Lanes,
    ) {
        // SAFETY: every access is of lanes that count, of the tile's rows and columns, for which the caller vouches.
        unsafe {
            if !self.operands.bias.is_null() {
                for vector in 0..VECTORS {
                    let bias = self.operands.bias.add(column + vector * S::LANES);
                    let bias = read_lanes(s, bias, Self::may_be_partial(vector, VECTORS), last);
                    for values in &mut values {
                        values[vector] = s.add(values[vector], bias);
                    }
                }
            }
            if self.swish {
                for value in values.as_flattened_mut() {
                    *value = hard_swish(s, *value);
                }
            } else if self.before.are_set {
                for value in values.as_flattened_mut() {
                    *value = self.before.apply(s, *value);
                }
            }
            if !residual.is_null() {
                for (index, values) in values.iter_mut().enumerate() {
                    for (vector, value) in values.iter_mut().enumerate() {
                        let residual = residual.add(index * self.residual_stride + vector * S::LANES);
                        let residual = read_lanes(s, residual, Self::may_be_partial(vector, VECTORS), last);
                        *value = s.add(*value, residual);
                    }
                }
            }
            if self.after.are_set {
                for value in values.as_flattened_mut() {
                    *value = self.after.apply(s, *value);
                }
            }
            let mut first = out;
            for (index, values) in values.iter().enumerate() {
                // As many rows from one pointer as an address can reach: compilers would multiply for each row.
                if index > 0 && index % ROWS_PER_POINTER == 0 {
                    first = opaque(first.wrapping_add(ROWS_PER_POINTER * out_stride)).cast_mut();
                }
                let out = first.add(index % ROWS_PER_POINTER * out_stride);
                for (vector, value) in values.iter().enumerate() {
                    write_lanes(s, out.add(vector * S::LANES), *value, Self::may_be_partial(vector, VECTORS), last);
                }
            }
            if !self.operands.sums.is_null() {
                for vector in 0..VECTORS {
                    let sums = self.operands.sums.add(column + vector * S::LANES);
                    let mut sum = read_lanes(s, sums.cast_const(), Self::may_be_partial(vector, VECTORS), last);
                    for values in &values {
                        sum = s.add(sum, values[vector]);
                    }
                    write_lanes(s, sums, sum, Self::may_be_partial(vector, VECTORS), last);
                }
            }
        }
    }
}

/// Finishes a tile that lies in memory, vectors of some consecutive rows, and writes it to `out`, `out_stride` apart. Of the last vector of
/// each row, `last` are the lanes that count. Each step is taken for all of the tile, since what is computed of one vector takes longer to
/// come than to be asked for. Out of line: [`Simd::finish`].
///
/// # Safety
///
/// For each row of the tile, `out` is valid for writes of the lanes that count; so is what the operands name for reads and, for sums,
/// writes.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd, const VECTORS: usize>(
    s: S,
    epilogue: &Epilogue,
    operands: Operands,
    values: &mut [[S::Vector; VECTORS]],
    out: *mut f32,
    out_stride: usize,
    last: S::Lanes,
) {
    // SAFETY: each vector reads and writes its own lanes, for which the caller vouches.
    unsafe {
        if !operands.bias.is_null() {
            let bias = read_row::<S, VECTORS>(s, operands.bias, last);
            for row in values.iter_mut() {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value = s.add(*value, bias);
                }
            }
        }
        if !epilogue.before.is_identity() {
            s.activate(epilogue.before, values.as_flattened_mut());
        }
        if !operands.gate.is_null() {
            let gate = read_row::<S, VECTORS>(s, operands.gate, last);
            for row in values.iter_mut() {
                for (value, gate) in row.iter_mut().zip(gate) {
                    *value = s.mul(*value, gate);
                }
            }
        }
        if !operands.residual.is_null() {
            for (index, row) in values.iter_mut().enumerate() {
                let residual = operands.residual.add(index * epilogue.residual_stride);
                for (value, residual) in row.iter_mut().zip(read_row::<S, VECTORS>(s, residual, last)) {
                    *value = s.add(*value, residual);
                }
            }
        }
        if !epilogue.after.is_identity() {
            s.activate(epilogue.after, values.as_flattened_mut());
        }
        for (index, row) in values.iter().enumerate() {
            write_row(s, out.add(index * out_stride), *row, last);
        }
        if !operands.sums.is_null() {
            let mut sums = read_row::<S, VECTORS>(s, operands.sums, last);
            for row in values.iter() {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum = s.add(*sum, *value);
                }
            }
            write_row(s, operands.sums, sums, last);
        }
    }
}

/// Reads vectors of a row, of the last one the lanes that count.
///
/// # Safety
///
/// `source` is valid for reads of the lanes.
#[inline(always)]
unsafe fn read_row<S: Simd, const VECTORS: usize>(s: S, source: *const f32, last: S::Lanes) -> [S::Vector; VECTORS] {
    let mut row = [s.zero(); VECTORS];
    for (vector, value) in row.iter_mut().enumerate() {
        // SAFETY: as the caller vouches.
        *value = unsafe { read_lanes(s, source.add(vector * S::LANES), vector + 1 == VECTORS, last) };
    }
    row
}

/// Writes vectors of a row, of the last one the lanes that count.
///
/// # Safety
///
/// `out` is valid for writes of the lanes.
#[inline(always)]
unsafe fn write_row<S: Simd, const VECTORS: usize>(s: S, out: *mut f32, row: [S::Vector; VECTORS], last: S::Lanes) {
    for (vector, value) in row.into_iter().enumerate() {
        // SAFETY: as the caller vouches.
        unsafe { write_lanes(s, out.add(vector * S::LANES), value, vector + 1 == VECTORS, last) };
    }
}

/// Reads a vector, of the last one the lanes that count.
///
/// # Safety
///
/// `source` is valid for reads of the lanes.
#[inline(always)]
unsafe fn read_lanes<S: Simd>(s: S, source: *const f32, is_last: bool, last: S::Lanes) -> S::Vector {
    // SAFETY: as the caller vouches.
    unsafe { if is_last { s.load_partial(source, last) } else { s.load(source) } }
}

/// Writes a vector, of the last one the lanes that count.
///
/// # Safety
///
/// `out` is valid for writes of the lanes.
#[inline(always)]
unsafe fn write_lanes<S: Simd>(s: S, out: *mut f32, value: S::Vector, is_last: bool, last: S::Lanes) {
    // SAFETY: as the caller vouches.
    unsafe {
        if is_last {
            s.store_partial(out, value, last);
        } else {
            s.store(out, value);
        }
    }
}
