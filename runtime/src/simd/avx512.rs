//! Vectors of sixteen with AVX-512.

use core::arch::x86_64::{
    __m512, __m512i, __mmask16, _CMP_GT_OQ, _CMP_UNORD_Q, _MM_HINT_T0, _MM_HINT_T1, _mm_loadu_si128, _mm_prefetch,
    _mm256_loadu_si256, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32, _mm512_div_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_blend_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps,
    _mm512_min_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_permutexvar_ps, _mm512_range_ps, _mm512_scalef_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{Simd, square};
use crate::abi::{ActivationShape, Epilogue, Tile};
use crate::isa::Isa;
use crate::kernels::activation;
use crate::kernels::epilogue::{self, Operands};
use crate::math;

/// The proof that the machine has AVX-512 (F, VL, BW, DQ).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The token.
    ///
    /// # Safety
    ///
    /// The machine has AVX-512 (F, VL, BW, DQ).
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// The number of each lane.
static LANES: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Simd for Avx512 {
    type Vector = __m512;
    type Lanes = __mmask16;
    type Places = __m512i;

    const TILED_WINDOWS: bool = true;
    const MASKS_ARE_FREE: bool = true;
    const FETCHES_FAR: bool = true;
    const TILE: Tile = Isa::Avx512.tile();

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, source: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512, the caller vouches for sixteen values.
        unsafe { _mm512_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32, value: __m512) {
        // SAFETY: the token proves AVX-512, the caller vouches for sixteen values.
        unsafe { _mm512_storeu_ps(out, value) }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, source: *const u16) -> __m512 {
        // SAFETY: the token proves AVX-512, the caller vouches for sixteen values of two bytes.
        unsafe {
            let halves = _mm256_loadu_si256(source.cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    unsafe fn load_int8(self, source: *const i8) -> __m512 {
        // SAFETY: the token proves AVX-512, the caller vouches for sixteen values of one byte.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(source.cast()))) }
    }

    #[inline(always)]
    fn lanes(self, count: usize) -> __mmask16 {
        debug_assert!(count <= 16, "more lanes than a vector has");
        if count >= 16 { __mmask16::MAX } else { !(__mmask16::MAX << count) }
    }

    #[inline(always)]
    unsafe fn load_partial(self, source: *const f32, lanes: __mmask16) -> __m512 {
        // SAFETY: the token proves AVX-512, the caller vouches for the lanes that are set; the others are not read.
        unsafe { _mm512_maskz_loadu_ps(lanes, source) }
    }

    #[inline(always)]
    unsafe fn store_partial(self, out: *mut f32, value: __m512, lanes: __mmask16) {
        // SAFETY: the token proves AVX-512, the caller vouches for the lanes that are set; the others are not written.
        unsafe { _mm512_mask_storeu_ps(out, lanes, value) }
    }

    #[inline(always)]
    fn blend(self, lanes: __mmask16, value: __m512, other: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_blend_ps(lanes, other, value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn limit(self, value: __m512, bound: f32) -> __m512 {
        // The smaller magnitude of the two, with the sign of the first.
        const LESS_WITH_SIGN: i32 = 0b0010;
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_range_ps::<LESS_WITH_SIGN>(value, _mm512_set1_ps(bound)) }
    }

    #[inline(always)]
    fn one_plus_exp_of_negative(self, x: __m512) -> __m512 {
        let (rest, _, whole) = activation::reduced(self, self.limit(x, math::EXP_HIGH), -1.0);
        let power = activation::polynomial(self, &math::exp_coefficients(1.0, -1.0), rest);
        // SAFETY: the token proves AVX-512.
        self.add(self.splat(1.0), unsafe { _mm512_scalef_ps(power, whole) })
    }

    #[inline(always)]
    fn select_greater(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn select_nan(self, value: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value), no, yes) }
    }

    #[inline(always)]
    fn shift_into_exponent(self, value: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(value))) }
    }

    #[inline(always)]
    fn places(self, group: usize, member: usize) -> __m512i {
        debug_assert!(group.is_power_of_two() && group < 16 && member < group, "no group within a vector");
        // (Both are below 16.)
        let (others, member) = (!(group as i32 - 1), member as i32);
        // SAFETY: the token proves AVX-512; there are sixteen numbers.
        unsafe {
            let first = _mm512_and_si512(_mm512_loadu_si512(LANES.as_ptr().cast()), _mm512_set1_epi32(others));
            _mm512_or_si512(first, _mm512_set1_epi32(member))
        }
    }

    #[inline(always)]
    fn spread(self, value: __m512, places: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_permutexvar_ps(places, value) }
    }

    #[inline(always)]
    unsafe fn exchange_square(self, source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
        // SAFETY: the token proves AVX-512, and so AVX; the other conditions are the same.
        unsafe { square::exchange(source, source_stride, out, out_stride) }
    }

    #[inline(always)]
    unsafe fn exchange_half_square(self, source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
        // SAFETY: the conditions are the same.
        unsafe { square::exchange_half(source, source_stride, out, out_stride) }
    }

    #[inline(always)]
    fn prefetch(self, address: *const f32) {
        // SAFETY: to fetch ahead reads nothing; the address may be any.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }

    #[inline(always)]
    fn prefetch_near(self, address: *const f32) {
        // SAFETY: the machine has the instruction, which reads nothing and may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }

    #[inline(always)]
    fn activate(self, shape: ActivationShape, values: &mut [__m512]) {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        #[inline(never)]
        fn out_of_line(s: Avx512, shape: ActivationShape, values: &mut [__m512]) {
            activation::apply(s, shape, values);
        }
        // SAFETY: the token proves AVX-512.
        unsafe { out_of_line(self, shape, values) }
    }

    #[inline(always)]
    unsafe fn finish<const VECTORS: usize>(
        self,
        epilogue: &Epilogue,
        operands: Operands,
        values: &mut [[__m512; VECTORS]],
        out: *mut f32,
        out_stride: usize,
        last: __mmask16,
    ) {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        #[inline(never)]
        unsafe fn out_of_line<const VECTORS: usize>(
            s: Avx512,
            epilogue: &Epilogue,
            operands: Operands,
            values: &mut [[__m512; VECTORS]],
            out: *mut f32,
            out_stride: usize,
            last: __mmask16,
        ) {
            // SAFETY: the same conditions hold.
            unsafe { epilogue::finish(s, epilogue, operands, values, out, out_stride, last) }
        }
        // SAFETY: the token proves AVX-512; the other conditions are the same.
        unsafe { out_of_line(self, epilogue, operands, values, out, out_stride, last) }
    }
}
