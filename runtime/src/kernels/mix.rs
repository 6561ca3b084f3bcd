//! Sums of experts, each with its coefficient.

use crate::simd::{Simd, for_each_vector};

/// See [`Kernel::Mix`](crate::abi::Kernel::Mix).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn mix<S: Simd>(
    s: S,
    experts: *const f32,
    coefficients: *const f32,
    out: *mut f32,
    length: usize,
    count: usize,
    stride: usize,
) {
    const BLOCK: usize = 4;
    let block = BLOCK * S::LANES;
    // SAFETY: blocks and vectors run over the `length` values of each expert.
    unsafe {
        let mut start = 0;
        while start + block <= length {
            let mut sums = [s.zero(); BLOCK];
            for expert in 0..count {
                let values = experts.add(expert * stride + start);
                let coefficient = s.splat(coefficients.add(expert).read());
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = s.mul_add(coefficient, s.load(values.add(index * S::LANES)), *sum);
                }
            }
            for (index, sum) in sums.into_iter().enumerate() {
                s.store(out.add(start + index * S::LANES), sum);
            }
            start += block;
        }
        for_each_vector!(s: S, length - start, vector, (experts.add(start), coefficients, out.add(start), count, stride));
    }
}

/// One vector of the output.
///
/// # Safety
///
/// The lanes from `offset` on are among the values of each expert and of the output.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of the kernel and the place")]
unsafe fn vector<S: Simd, const FULL: bool>(
    s: S,
    experts: *const f32,
    coefficients: *const f32,
    out: *mut f32,
    count: usize,
    stride: usize,
    offset: usize,
    lanes: S::Lanes,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut sum = s.zero();
        for expert in 0..count {
            let values = s.read::<FULL>(experts.add(expert * stride + offset), lanes);
            sum = s.mul_add(s.splat(coefficients.add(expert).read()), values, sum);
        }
        s.write::<FULL>(out.add(offset), sum, lanes);
    }
}
