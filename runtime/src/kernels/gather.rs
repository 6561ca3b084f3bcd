//! Rows picked by their indices.

use super::copy::copy;
use crate::simd::Simd;

/// See [`Kernel::Gather`](crate::abi::Kernel::Gather).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn gather<S: Simd>(
    s: S,
    source: *const f32,
    out: *mut f32,
    indices: *const u32,
    count: usize,
    length: usize,
    source_stride: usize,
    out_stride: usize,
) {
    for place in 0..count {
        // SAFETY: there are `count` indices and outputs; the caller vouches for the rows that they name.
        unsafe {
            let index = indices.add(place).read() as usize;
            copy(s, source.add(index * source_stride), out.add(place * out_stride), length);
        }
    }
}
