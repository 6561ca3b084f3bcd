//! Sums of experts, each with its coefficient: of `f32`s, and of panels whose numbers have fewer bytes.

use super::numbers::{AHEAD, Bf16, Int8, Numbers};
use crate::prepare::panel_length;
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
    // SAFETY: the same conditions hold; the number of experts is that of the arm.
    unsafe {
        macro_rules! by_count {
            ($($known:literal)*) => {
                match count {
                    $($known => mix_known::<S, $known>(s, experts, coefficients, out, length, stride),)*
                    _ => for_each_vector!(s: S, length, vector, (experts, coefficients, out, count, stride)),
                }
            };
        }
        by_count!(1 2 3 4 5 6 7 8);
    }
}

/// Mixes `COUNT` experts: as fast as memory, which a loop over them is not.
///
/// # Safety
///
/// As for [`mix`], of that many experts.
#[inline(always)]
unsafe fn mix_known<S: Simd, const COUNT: usize>(
    s: S,
    experts: *const f32,
    coefficients: *const f32,
    out: *mut f32,
    length: usize,
    stride: usize,
) {
    const BLOCK: usize = 2;
    let block = BLOCK * S::LANES;
    // SAFETY: blocks and vectors run over the `length` values of each expert.
    unsafe {
        let mut factors = [s.zero(); COUNT];
        for (expert, factor) in factors.iter_mut().enumerate() {
            *factor = s.splat(coefficients.add(expert).read());
        }
        let mut start = 0;
        while start + block <= length {
            let mut sums = [s.zero(); BLOCK];
            for (expert, factor) in factors.into_iter().enumerate() {
                let values = experts.add(expert * stride + start);
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = s.mul_add(factor, s.load(values.add(index * S::LANES)), *sum);
                }
            }
            for (index, sum) in sums.into_iter().enumerate() {
                s.store(out.add(start + index * S::LANES), sum);
            }
            start += block;
        }
        let rest = (experts.add(start), coefficients, out.add(start));
        for_each_vector!(s: S, length - start, vector, (rest.0, rest.1, rest.2, COUNT, stride));
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

/// See [`Kernel::MixBf16`](crate::abi::Kernel::MixBf16).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn mix_bf16<S: Simd>(
    s: S,
    experts: *const f32,
    coefficients: *const f32,
    out: *mut f32,
    depth: usize,
    columns: usize,
    count: usize,
    stride: usize,
) {
    // SAFETY: the same conditions hold.
    unsafe { panels::<S, Bf16>(s, Experts { first: experts, count, stride, coefficients }, out, depth, columns) }
}

/// See [`Kernel::MixInt8`](crate::abi::Kernel::MixInt8).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn mix_int8<S: Simd>(
    s: S,
    experts: *const f32,
    coefficients: *const f32,
    out: *mut f32,
    depth: usize,
    columns: usize,
    count: usize,
    stride: usize,
) {
    // SAFETY: the same conditions hold.
    unsafe { panels::<S, Int8>(s, Experts { first: experts, count, stride, coefficients }, out, depth, columns) }
}

/// Where experts lie, and their coefficients.
#[derive(Clone, Copy)]
pub(super) struct Experts {
    pub(super) first: *const f32,
    pub(super) count: usize,
    pub(super) stride: usize,
    pub(super) coefficients: *const f32,
}

/// Mixes one panel after the other.
///
/// # Safety
///
/// Each expert has the panels of a matrix of that depth and so many columns; all coefficients are valid for reads, and
/// `out` is valid for writes of the panels as `f32`s.
#[inline(always)]
unsafe fn panels<S: Simd, N: Numbers>(s: S, mut experts: Experts, mut out: *mut f32, depth: usize, columns: usize) {
    let mut first = 0;
    while first < columns {
        let left = columns - first;
        let width = if left <= S::LANES { S::LANES } else { 2 * S::LANES };
        // SAFETY: a panel is one vector wide if the columns that are left fit into one, else two; behind it lies the next.
        unsafe {
            if width == S::LANES {
                panel::<S, N, 1>(s, experts, out, depth);
            } else {
                panel::<S, N, 2>(s, experts, out, depth);
            }
            experts.first = experts.first.add(panel_length(depth, width, N::DTYPE));
            out = out.add(depth * width);
        }
        first += width;
    }
}

/// Mixes a panel of so many vectors: a few experts at once, then the next few on top of their sums.
///
/// # Safety
///
/// As for [`panels`], for one panel that is so wide.
#[inline(always)]
unsafe fn panel<S: Simd, N: Numbers, const VECTORS: usize>(s: S, experts: Experts, out: *mut f32, depth: usize) {
    let mut expert = 0;
    // SAFETY: as many experts as are taken are left from `expert` on.
    unsafe {
        if experts.count == 0 {
            add::<S, N, VECTORS, 0, true>(s, experts, 0, out, depth);
        }
        while expert < experts.count {
            macro_rules! take {
                ($count:literal) => {{
                    if expert == 0 {
                        add::<S, N, VECTORS, $count, true>(s, experts, expert, out, depth);
                    } else {
                        add::<S, N, VECTORS, $count, false>(s, experts, expert, out, depth);
                    }
                    expert += $count;
                }};
            }
            match experts.count - expert {
                1 => take!(1),
                2 | 3 => take!(2),
                _ => take!(4),
            }
        }
    }
}

/// Adds `COUNT` experts to a panel, or makes it of them if they are the `FIRST`.
///
/// # Safety
///
/// As for [`panel`]; there are that many experts from `expert` on. If they are not the first, the panel holds the sums of
/// those before them.
#[inline(always)]
unsafe fn add<S: Simd, N: Numbers, const VECTORS: usize, const COUNT: usize, const FIRST: bool>(
    s: S,
    experts: Experts,
    expert: usize,
    out: *mut f32,
    depth: usize,
) {
    let width = VECTORS * S::LANES;
    let mut factors = [[s.zero(); VECTORS]; COUNT];
    let mut numbers = [core::ptr::null::<N::Number>(); COUNT];
    // SAFETY: a panel is `width` scales if it has scales, then `depth` rows of `width` numbers.
    unsafe {
        for (index, (factors, numbers)) in factors.iter_mut().zip(&mut numbers).enumerate() {
            let mut panel = experts.first.add((expert + index) * experts.stride);
            *factors = [s.splat(experts.coefficients.add(expert + index).read()); VECTORS];
            if N::HAS_SCALES {
                for factor in factors {
                    *factor = s.mul(*factor, s.load(panel));
                    panel = panel.add(S::LANES);
                }
            }
            *numbers = panel.cast();
        }
        let mut at = 0;
        while at < depth * width {
            for numbers in numbers {
                N::prefetch(s, numbers, at, width, AHEAD / COUNT.max(1));
            }
            for vector in 0..VECTORS {
                let place = at + vector * S::LANES;
                let mut sum = if FIRST { s.zero() } else { s.load(out.add(place)) };
                for (factors, numbers) in factors.iter().zip(numbers) {
                    if let Some(factor) = factors.get(vector) {
                        sum = s.mul_add(*factor, N::load(s, numbers.add(place)), sum);
                    }
                }
                s.store(out.add(place), sum);
            }
            at += width;
        }
    }
}
