//! Products of a few rows with panels of fewer bytes: reading the panel is most of the work, so each row is multiplied by itself.

use super::epilogue::Operands;
use super::numbers::{AHEAD, Bf16, Int8, Numbers};
use crate::abi::MatmulShape;
use crate::simd::Simd;

/// Sums that do not wait for one another.
const PARTS: usize = 4;

/// See [`Kernel::MatmulBf16`](crate::abi::Kernel::MatmulBf16).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn matmul_bf16<S: Simd>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const MatmulShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the same conditions hold.
    unsafe { matmul::<S, Bf16>(s, a, b, out, rows, &*shape, Operands { bias, gate, residual, sums }) }
}

/// See [`Kernel::MatmulInt8`](crate::abi::Kernel::MatmulInt8).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn matmul_int8<S: Simd>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: *const MatmulShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the same conditions hold.
    unsafe { matmul::<S, Int8>(s, a, b, out, rows, &*shape, Operands { bias, gate, residual, sums }) }
}

/// All rows times a panel.
///
/// # Safety
///
/// As [`Kernel::Matmul`](crate::abi::Kernel::Matmul) says, for a panel of such numbers.
#[inline(always)]
unsafe fn matmul<S: Simd, N: Numbers>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &MatmulShape,
    operands: Operands,
) {
    // SAFETY: the panel is one vector wide if the columns fit into one, else two.
    unsafe {
        if shape.columns == 0 {
        } else if shape.columns <= S::LANES {
            panel::<S, N, 1>(s, a, b, out, rows, shape, operands);
        } else {
            panel::<S, N, 2>(s, a, b, out, rows, shape, operands);
        }
    }
}

/// All rows times a panel of that many vectors.
///
/// # Safety
///
/// As for [`matmul`]; `VECTORS` is the least number of vectors, at most two, that holds the columns.
#[inline(always)]
unsafe fn panel<S: Simd, N: Numbers, const VECTORS: usize>(
    s: S,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    rows: usize,
    shape: &MatmulShape,
    operands: Operands,
) {
    for row in 0..rows {
        // SAFETY: there is such a row. Of the vectors of a panel, all but the last are full: the last holds at least one column,
        // and all columns fit.
        unsafe {
            let totals = sum::<S, N, VECTORS>(s, a.add(row * shape.a_stride), b, shape.runs.length);
            let operands = operands.at(0, row * shape.epilogue.residual_stride);
            let out = out.add(row * shape.out_stride);
            let last = s.lanes(shape.columns - (VECTORS - 1) * S::LANES);
            s.finish(&shape.epilogue, operands, &mut [totals], out, shape.out_stride, last);
        }
    }
}

/// The sums of products of a row.
///
/// # Safety
///
/// There are `depth` values of `a`, and a panel that deep of `VECTORS` vectors.
#[inline(always)]
unsafe fn sum<S: Simd, N: Numbers, const VECTORS: usize>(
    s: S,
    a: *const f32,
    b: *const f32,
    depth: usize,
) -> [S::Vector; VECTORS] {
    let width = VECTORS * S::LANES;
    let mut parts = [[s.zero(); VECTORS]; PARTS];
    // SAFETY: a panel is `width` scales if it has scales, then `depth` rows of `width` numbers; `k` stays below `depth`.
    unsafe {
        let numbers: *const N::Number = if N::HAS_SCALES { b.add(width).cast() } else { b.cast() };
        let mut k = 0;
        while k + PARTS <= depth {
            N::prefetch(s, numbers, k * width, PARTS * width, AHEAD);
            for (part, sums) in parts.iter_mut().enumerate() {
                step::<S, N, VECTORS>(s, a.add(k + part), numbers.add((k + part) * width), sums);
            }
            k += PARTS;
        }
        for (part, sums) in parts.iter_mut().enumerate() {
            if k + part < depth {
                step::<S, N, VECTORS>(s, a.add(k + part), numbers.add((k + part) * width), sums);
            }
        }
        let [mut totals, second, third, fourth] = parts;
        for (index, total) in totals.iter_mut().enumerate() {
            if let (Some(second), Some(third), Some(fourth)) = (second.get(index), third.get(index), fourth.get(index))
            {
                *total = s.add(s.add(*total, *second), s.add(*third, *fourth));
            }
            if N::HAS_SCALES {
                *total = s.mul(*total, s.load(b.add(index * S::LANES)));
            }
        }
        totals
    }
}

/// Adds the products of one place along the depth.
///
/// # Safety
///
/// There is a value of `a`, and `VECTORS` vectors of numbers.
#[inline(always)]
unsafe fn step<S: Simd, N: Numbers, const VECTORS: usize>(
    s: S,
    a: *const f32,
    numbers: *const N::Number,
    sums: &mut [S::Vector; VECTORS],
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let left = s.splat(a.read());
        for (vector, sum) in sums.iter_mut().enumerate() {
            *sum = s.mul_add(left, N::load(s, numbers.add(vector * S::LANES)), *sum);
        }
    }
}
