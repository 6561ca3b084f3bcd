//! Squares of eight by eight numbers, and of four by four, with rows and columns exchanged, for instruction sets that have AVX.

use core::arch::x86_64::{
    _mm_loadu_ps, _mm_movehl_ps, _mm_movelh_ps, _mm_storeu_ps, _mm_unpackhi_ps, _mm_unpacklo_ps, _mm256_loadu_ps,
    _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

/// [`Simd::exchange_square`](super::Simd::exchange_square).
///
/// # Safety
///
/// As there, and the machine has AVX.
#[inline(always)]
pub(super) unsafe fn exchange(source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
    // SAFETY: the caller vouches for AVX, and for eight numbers in each of eight rows of both.
    unsafe {
        macro_rules! fours {
            ($first:literal) => {{
                // Of four rows: columns 0 and 4, 1 and 5, 2 and 6, 3 and 7, one of each pair in each half of a vector.
                let a = _mm256_loadu_ps(source.add($first * source_stride));
                let b = _mm256_loadu_ps(source.add(($first + 1) * source_stride));
                let c = _mm256_loadu_ps(source.add(($first + 2) * source_stride));
                let d = _mm256_loadu_ps(source.add(($first + 3) * source_stride));
                let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                [
                    _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
                    _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
                    _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                    _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
                ]
            }};
        }
        let (upper, lower) = (fours!(0), fours!(4));
        for (column, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
            let out = out.add(column * out_stride);
            _mm256_storeu_ps(out, _mm256_permute2f128_ps::<0x20>(upper, lower));
            _mm256_storeu_ps(out.add(4 * out_stride), _mm256_permute2f128_ps::<0x31>(upper, lower));
        }
    }
}

/// [`Simd::exchange_half_square`](super::Simd::exchange_half_square).
///
/// # Safety
///
/// As there.
#[inline(always)]
pub(super) unsafe fn exchange_half(source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
    // SAFETY: the caller vouches for four numbers in each of four rows of both; every machine of this architecture has SSE.
    unsafe {
        let a = _mm_loadu_ps(source);
        let b = _mm_loadu_ps(source.add(source_stride));
        let c = _mm_loadu_ps(source.add(2 * source_stride));
        let d = _mm_loadu_ps(source.add(3 * source_stride));
        let (ab_low, ab_high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(out, _mm_movelh_ps(ab_low, cd_low));
        _mm_storeu_ps(out.add(out_stride), _mm_movehl_ps(cd_low, ab_low));
        _mm_storeu_ps(out.add(2 * out_stride), _mm_movelh_ps(ab_high, cd_high));
        _mm_storeu_ps(out.add(3 * out_stride), _mm_movehl_ps(cd_high, ab_high));
    }
}
