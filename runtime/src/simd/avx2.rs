//! Vectors of eight with AVX2 and FMA.

use core::arch::x86_64::{
    __m256, __m256i, _CMP_GT_OQ, _CMP_UNORD_Q, _MM_HINT_T0, _MM_HINT_T1, _mm_castps_si128, _mm_loadl_epi64,
    _mm_loadu_si128, _mm_movehl_ps, _mm_prefetch, _mm_store_ss, _mm_storel_epi64, _mm_storeu_ps, _mm256_add_ps,
    _mm256_and_si256, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu16_epi32, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_permutevar_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::{Simd, square};
use crate::abi::{ActivationShape, Epilogue, Tile};
use crate::isa::Isa;
use crate::kernels::activation;
use crate::kernels::epilogue::{self, Operands};

/// The proof that the machine has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The token.
    ///
    /// # Safety
    ///
    /// The machine has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Some lanes: how many, and the mask for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes {
    count: usize,
    mask: __m256i,
}

/// Eight set lanes, then eight clear ones: eight from `8 - n` on are a mask of `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The number of each lane, within its half of the vector.
static LANES: [i32; 8] = [0, 1, 2, 3, 0, 1, 2, 3];

impl Simd for Avx2 {
    type Vector = __m256;
    type Lanes = Lanes;
    type Places = __m256i;

    const TILED_WINDOWS: bool = true;
    const MASKS_ARE_FREE: bool = false;
    const FETCHES_FAR: bool = false;
    const TILE: Tile = Isa::Avx2.tile();

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, source: *const f32) -> __m256 {
        // SAFETY: the token proves AVX2, the caller vouches for eight values.
        unsafe { _mm256_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32, value: __m256) {
        // SAFETY: the token proves AVX2, the caller vouches for eight values.
        unsafe { _mm256_storeu_ps(out, value) }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, source: *const u16) -> __m256 {
        // SAFETY: the token proves AVX2, the caller vouches for eight values of two bytes.
        unsafe {
            let halves = _mm_loadu_si128(source.cast());
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    unsafe fn load_int8(self, source: *const i8) -> __m256 {
        // SAFETY: the token proves AVX2, the caller vouches for eight values of one byte.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(source.cast()))) }
    }

    #[inline(always)]
    fn lanes(self, count: usize) -> Lanes {
        debug_assert!(count <= 8, "more lanes than a vector has");
        // SAFETY: the token proves AVX2. Eight masks are read from an index of at most 8 on, and there are 16.
        let mask = unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8usize.saturating_sub(count)).cast()) };
        Lanes { count, mask }
    }

    #[inline(always)]
    unsafe fn load_partial(self, source: *const f32, lanes: Lanes) -> __m256 {
        // SAFETY: the token proves AVX2, the caller vouches for the lanes that are set; the others are not read.
        unsafe { _mm256_maskload_ps(source, lanes.mask) }
    }

    #[inline(always)]
    unsafe fn store_partial(self, out: *mut f32, value: __m256, lanes: Lanes) {
        // Four lanes, two and one, as their number says: some processors take twelve cycles to write what a mask says.
        // SAFETY: the token proves AVX2; the caller vouches for the lanes, each of which is written once and no others;
        // none of these needs more alignment than a number has.
        unsafe {
            if lanes.count >= 8 {
                return _mm256_storeu_ps(out, value);
            }
            let (mut out, mut rest) = (out, _mm256_castps256_ps128(value));
            if lanes.count & 4 != 0 {
                _mm_storeu_ps(out, rest);
                (out, rest) = (out.add(4), _mm256_extractf128_ps::<1>(value));
            }
            if lanes.count & 2 != 0 {
                _mm_storel_epi64(out.cast(), _mm_castps_si128(rest));
                (out, rest) = (out.add(2), _mm_movehl_ps(rest, rest));
            }
            if lanes.count & 1 != 0 {
                _mm_store_ss(out, rest);
            }
        }
    }

    #[inline(always)]
    fn blend(self, lanes: Lanes, value: __m256, other: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_blendv_ps(other, value, _mm256_castsi256_ps(lanes.mask)) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn select_greater(self, a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) }
    }

    #[inline(always)]
    fn select_nan(self, value: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_UNORD_Q>(value, value)) }
    }

    #[inline(always)]
    fn shift_into_exponent(self, value: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(value))) }
    }

    #[inline(always)]
    fn places(self, group: usize, member: usize) -> __m256i {
        debug_assert!(group.is_power_of_two() && group < 8 && member < group, "no group within a vector");
        // Of half a vector: the instruction takes lanes of the same half, and larger groups than four are whole vectors.
        // (Both are below 8.)
        let (others, member) = (!(group as i32 - 1), member as i32);
        // SAFETY: the token proves AVX2; there are eight numbers.
        unsafe {
            let first = _mm256_and_si256(_mm256_loadu_si256(LANES.as_ptr().cast()), _mm256_set1_epi32(others));
            _mm256_or_si256(first, _mm256_set1_epi32(member))
        }
    }

    #[inline(always)]
    fn spread(self, value: __m256, places: __m256i) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_permutevar_ps(value, places) }
    }

    #[inline(always)]
    unsafe fn exchange_square(self, source: *const f32, source_stride: usize, out: *mut f32, out_stride: usize) {
        // SAFETY: the token proves AVX2; the other conditions are the same.
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
    fn activate(self, shape: ActivationShape, values: &mut [__m256]) {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        fn out_of_line(s: Avx2, shape: ActivationShape, values: &mut [__m256]) {
            activation::apply(s, shape, values);
        }
        // SAFETY: the token proves AVX2 and FMA.
        unsafe { out_of_line(self, shape, values) }
    }

    #[inline(always)]
    unsafe fn finish<const VECTORS: usize>(
        self,
        epilogue: &Epilogue,
        operands: Operands,
        values: &mut [[__m256; VECTORS]],
        out: *mut f32,
        out_stride: usize,
        last: Lanes,
    ) {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        unsafe fn out_of_line<const VECTORS: usize>(
            s: Avx2,
            epilogue: &Epilogue,
            operands: Operands,
            values: &mut [[__m256; VECTORS]],
            out: *mut f32,
            out_stride: usize,
            last: Lanes,
        ) {
            // SAFETY: the same conditions hold.
            unsafe { epilogue::finish(s, epilogue, operands, values, out, out_stride, last) }
        }
        // SAFETY: the token proves AVX2 and FMA; the other conditions are the same.
        unsafe { out_of_line(self, epilogue, operands, values, out, out_stride, last) }
    }
}
