//! The kernels: what [`abi::Kernel`](crate::abi::Kernel) lists, for every instruction set.
//!
//! Each family has a file with functions that are generic over the instruction set; the macro `kernels!` compiles them for
//! each one as `extern "C"` functions and makes the tables. A table is reached only through [`Kernels::for_isa`], which
//! gives none that the machine cannot run: holding one proves that its functions may be called.
//!
//! All of them read and write only the elements that their contract names, and none of them allocates or panics.

pub(crate) mod activation;
mod copy;
pub(crate) mod epilogue;
mod fetch;
mod few_rows;
mod gate;
mod gather;
mod grouped;
mod matmul;
mod mean;
mod mix;
mod mixing;
mod norm;
mod numbers;
mod pack;
mod pool;
mod resample;
mod softmax;
mod strassen;
mod strip;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod window;
mod winograd;

use crate::abi::{
    GroupedShape, Kernel, MatmulShape, NormShape, PoolShape, ResampleShape, SoftmaxShape, StripShape, Tile,
    WinogradInputShape, WinogradOutputShape,
};
use crate::isa::Isa;
use crate::simd::Simd;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
use crate::simd::{avx2::Avx2, avx512::Avx512};

/// Makes types, the structure of a table, and one table for each instruction set.
macro_rules! kernels {
    ($($list:tt)*) => {
        declare! { $($list)* }
        table! { portable, Isa::Portable, Portable, [], $($list)* }
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        table! { avx2, Isa::Avx2, Avx2, [#[target_feature(enable = "avx2,fma")]], $($list)* }
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        table! {
            avx512, Isa::Avx512, Avx512,
            [#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]], $($list)*
        }
        // The shape of AVX-512 without its instructions: tests need not wait for a machine that has it.
        #[cfg(test)]
        table! { wide, Isa::Portable, Wide, [], $($list)* }
    };
}

/// The vectors of portable code: those that every 64-bit machine has.
type Portable = crate::simd::portable::Portable<4, 4>;
#[cfg(test)]
type Wide = crate::simd::portable::Portable<16, 12>;

macro_rules! declare {
    ($($variant:ident $field:ident: $function:ident = $body:path, ($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[doc = concat!("See [`Kernel::", stringify!($variant), "`].")]
            pub type $function = unsafe extern "C" fn($($argument: $kind),*);
        )*

        /// The kernels of an instruction set that this machine has.
        ///
        /// To call one is `unsafe`: what its pointers point at is the caller's business, as [`Kernel`] says. Machine code
        /// reads the functions out of it, see [`Kernels::offset`].
        #[repr(C)]
        #[derive(Debug, Clone, Copy)]
        pub struct Kernels {
            isa: Isa,
            tile: Tile,
            $(
                #[doc = concat!("See [`Kernel::", stringify!($variant), "`].")]
                pub $field: $function,
            )*
        }

        impl Kernels {
            /// How many bytes behind the beginning of a table the address of a kernel stands, for machine code.
            #[must_use]
            pub const fn offset(kernel: Kernel) -> usize {
                match kernel {
                    $(Kernel::$variant => core::mem::offset_of!(Kernels, $field),)*
                }
            }
        }
    };
}

macro_rules! table {
    (
        $module:ident, $isa:expr, $token:ident, $attributes:tt,
        $($variant:ident $field:ident: $function:ident = $body:path, ($($argument:ident: $kind:ty),*);)*
    ) => {
        mod $module {
            use super::*;

            $(function! { $attributes $token $field = $body, ($($argument: $kind),*) })*

            pub(super) static TABLE: Kernels = Kernels { isa: $isa, tile: $token::TILE, $($field,)* };
        }
    };
}

macro_rules! function {
    ([$($attribute:tt)*] $token:ident $field:ident = $body:path, ($($argument:ident: $kind:ty),*)) => {
        $($attribute)*
        unsafe extern "C" fn $field($($argument: $kind),*) {
            // SAFETY: this function is reached through its table alone, which is given only to machines that have the
            // instruction set; the caller vouches for the arguments.
            unsafe { $body($token::assume(), $($argument),*) }
        }
    };
}

kernels! {
    Matmul matmul: MatmulFunction = matmul::matmul, (
        a: *const f32, b: *const f32, out: *mut f32, rows: usize, shape: *const MatmulShape,
        bias: *const f32, gate: *const f32, residual: *const f32, sums: *mut f32,
        later: *const f32, later_per_row: usize
    );
    MatmulMixed matmul_mixed: MatmulMixedFunction = matmul::matmul_mixed, (
        a: *const f32, b: *const f32, out: *mut f32, rows: usize, shape: *const MatmulShape,
        bias: *const f32, gate: *const f32, residual: *const f32, sums: *mut f32,
        experts: *const f32, count: usize, stride: usize, length: usize,
        coefficients: *const f32, mixed: *mut f32, mixed_length: usize,
        later: *const f32, later_per_row: usize, partial: *mut f32, part: usize
    );
    Strip strip: StripFunction = strip::strip, (
        image: *const f32, out: *mut f32, first: usize, count: usize, shape: *const StripShape
    );
    Depthwise depthwise: DepthwiseFunction = grouped::convolution::<_, true>, (
        image: *const f32, weights: *const f32, out: *mut f32, first: usize, count: usize, channels: usize,
        above: usize, shape: *const GroupedShape, bias: *const f32, gate: *const f32, residual: *const f32,
        sums: *mut f32
    );
    Grouped grouped: GroupedFunction = grouped::convolution::<_, false>, (
        image: *const f32, weights: *const f32, out: *mut f32, first: usize, count: usize, channels: usize,
        above: usize, shape: *const GroupedShape, bias: *const f32, gate: *const f32, residual: *const f32,
        sums: *mut f32
    );
    Mix mix: MixFunction = mix::mix, (
        experts: *const f32, coefficients: *const f32, out: *mut f32, length: usize, count: usize, stride: usize
    );
    MixBf16 mix_bf16: MixBf16Function = mix::mix_bf16, (
        experts: *const f32, coefficients: *const f32, out: *mut f32, depth: usize, columns: usize, count: usize, stride: usize
    );
    MixInt8 mix_int8: MixInt8Function = mix::mix_int8, (
        experts: *const f32, coefficients: *const f32, out: *mut f32, depth: usize, columns: usize, count: usize, stride: usize
    );
    GatePanels gate_panels: GatePanelsFunction = gate::gate_panels, (
        panels: *const f32, gates: *const f32, out: *mut f32, depth: usize, columns: usize
    );
    MatmulBf16 matmul_bf16: MatmulBf16Function = few_rows::matmul_bf16, (
        a: *const f32, b: *const f32, out: *mut f32, rows: usize, shape: *const MatmulShape,
        bias: *const f32, gate: *const f32, residual: *const f32, sums: *mut f32
    );
    MatmulInt8 matmul_int8: MatmulInt8Function = few_rows::matmul_int8, (
        a: *const f32, b: *const f32, out: *mut f32, rows: usize, shape: *const MatmulShape,
        bias: *const f32, gate: *const f32, residual: *const f32, sums: *mut f32
    );
    PackPanel pack_panel: PackPanelFunction = pack::pack_panel, (
        source: *const f32, panel: *mut f32, depth: usize, columns: usize, row_stride: usize, column_stride: usize
    );
    MaxPool max_pool: MaxPoolFunction = pool::max_pool, (
        image: *const f32, out: *mut f32, row: usize, shape: *const PoolShape
    );
    AveragePool average_pool: AveragePoolFunction = pool::average_pool, (
        image: *const f32, out: *mut f32, row: usize, shape: *const PoolShape
    );
    AdaptiveAveragePool adaptive_average_pool: AdaptiveAveragePoolFunction = resample::adaptive_average_pool, (
        image: *const f32, out: *mut f32, row: usize, shape: *const ResampleShape
    );
    ResampleNearest resample_nearest: ResampleNearestFunction = resample::nearest, (
        image: *const f32, out: *mut f32, row: usize, shape: *const ResampleShape
    );
    ResampleBilinear resample_bilinear: ResampleBilinearFunction = resample::bilinear, (
        image: *const f32, out: *mut f32, row: usize, shape: *const ResampleShape
    );
    MeanRows mean_rows: MeanRowsFunction = mean::mean_rows, (
        source: *const f32, out: *mut f32, rows: usize, columns: usize, row_stride: usize, divisor: usize
    );
    MeanColumns mean_columns: MeanColumnsFunction = mean::mean_columns, (
        source: *const f32, out: *mut f32, rows: usize, columns: usize, row_stride: usize, out_stride: usize
    );
    Softmax softmax: SoftmaxFunction = softmax::softmax, (
        source: *const f32, out: *mut f32, rows: usize, shape: *const SoftmaxShape, bias: *const f32, mask: *const f32
    );
    LayerNorm layer_norm: LayerNormFunction = norm::layer_norm, (
        source: *const f32, out: *mut f32, rows: usize, shape: *const NormShape, weight: *const f32, bias: *const f32
    );
    GroupNorm group_norm: GroupNormFunction = norm::group_norm, (
        source: *const f32, out: *mut f32, rows: usize, shape: *const NormShape, weight: *const f32, bias: *const f32
    );
    Gather gather: GatherFunction = gather::gather, (
        source: *const f32, out: *mut f32, indices: *const u32, count: usize, length: usize,
        source_stride: usize, out_stride: usize
    );
    Transpose transpose: TransposeFunction = transpose::transpose, (
        source: *const f32, out: *mut f32, rows: usize, columns: usize, source_stride: usize, out_stride: usize
    );
    WinogradInput winograd_input: WinogradInputFunction = winograd::input, (
        image: *const f32, out: *mut f32, row: usize, shape: *const WinogradInputShape
    );
    WinogradOutput winograd_output: WinogradOutputFunction = winograd::output, (
        products: *const f32, out: *mut f32, row: usize, shape: *const WinogradOutputShape,
        bias: *const f32, gate: *const f32, residual: *const f32
    );
    StrassenRows strassen_rows: StrassenRowsFunction = strassen::rows, (
        a: *const f32, sums: *mut f32, rows: usize, depth: usize, a_stride: usize
    );
    Strassen strassen: StrassenFunction = strassen::product, (
        a: *const f32, sums: *const f32, b: *const f32, b_stride: usize, out: *mut f32, rows: usize, half: usize,
        shape: *const MatmulShape, bias: *const f32, gate: *const f32, residual: *const f32
    );
    FetchRows fetch_rows: FetchRowsFunction = fetch::fetch_rows, (
        source: *const f32, rows: usize, columns: usize, stride: usize
    );
}

impl Kernels {
    /// The kernels of an instruction set, if this machine has it.
    #[must_use]
    pub fn for_isa(isa: Isa) -> Option<&'static Kernels> {
        if !isa.is_available() {
            return None;
        }
        match isa {
            Isa::Portable => Some(&portable::TABLE),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx2 => Some(&avx2::TABLE),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => Some(&avx512::TABLE),
            #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
            Isa::Avx2 | Isa::Avx512 => None,
        }
    }

    /// The instruction set they are made for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The register tile of their matrix product: how panels are packed.
    #[must_use]
    pub fn tile(&self) -> Tile {
        self.tile
    }
}
