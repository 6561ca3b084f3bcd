//! What generated code and kernels share: the kernels that there are, their arguments, and the constant geometry that they
//! read.
//!
//! Every tensor is `f32`, but for weights that are stored as a [`Dtype`](crate::Dtype) of fewer bytes. Images lie as `[batch, height, width, channels]` (NHWC) with channels contiguous; the distance
//! between neighbouring pixels (`pixel_stride`) may exceed the number of channels, which is how kernels read a slice of a
//! tensor and write into one. All strides count elements.
//!
//! A kernel is an `unsafe extern "C"` function whose arguments are pointers and `usize`s only; whatever is known when code
//! is generated stands in a *shape*, a `#[repr(C)]` structure that is passed by pointer. [`Kernel`] lists them all with
//! their contracts. What is computed depends on nothing but the arguments: splitting the same work into other calls gives
//! the same bits, since no kernel sums one output in an order that depends on how many rows, columns or channels a call has.

mod grouped;

use serde::{Deserialize, Serialize};

pub use grouped::GroupedShape;

/// The kernels, in the order of the table of an instruction set.
///
/// `*` marks a pointer that may be null. "Epilogue operands" are `bias*`, `gate*`, `residual*`, `sums*`, see [`Epilogue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// `(a, b, out, rows, shape: MatmulShape, bias*, gate*, residual*, sums*, later*, later_per_row)`: `rows` rows of a matrix times one packed
    /// panel. For each row `r` and column `c`: `out[r * out_stride + c] = epilogue(sum over k of a[r * a_stride + at(k)] *
    /// b[k * width + c])`, summed in order of `k` by fused multiply-add where the instruction set has it; `at` follows the
    /// [`Runs`] of the left factor. The panel has `width` = [`Tile::panel_width`] of `columns`. Meanwhile, `later_per_row` elements for each
    /// row from `later` on are fetched into the cache; they may lie anywhere.
    Matmul,
    /// `(a, b, out, rows, shape: MatmulShape, bias*, gate*, residual*, sums*, experts*, count, stride, length, coefficients*, mixed*, mixed_length,
    /// later*, later_per_row, partial*, part)`: [`Kernel::Matmul`] with panels that are mixed of experts one after the other, or part by
    /// part: meanwhile, the `mixed_length` elements of `mixed` are made of `count` experts as [`Kernel::Mix`] does it. If `mixed_length` is 0,
    /// `length` elements of each expert are fetched, which may lie anywhere. The depth may be cut into [parts](Part), which calls with the
    /// same rows and columns take one after the other: sums wait between them in `partial`, `width` for each row, which is null only for all
    /// of the depth.
    MatmulMixed,
    /// `(image, out, first, count, shape: StripShape)`: the rows of an image that the window covers for `count` rows of the output from
    /// `first` on, with zeros around them where it leaves the image.
    Strip,
    /// `(image, weights, out, first, count, channels, above, shape: GroupedShape, bias*, gate*, residual*, sums*)`: `count` output
    /// rows from `first` on of a depthwise convolution of `channels`, written from `out` on, which is the first pixel of the first of
    /// these rows, as is `residual`. `image` points at row `above` of the image: those above it are missing, and no window of these
    /// rows meets them. `weights` are those of the first of them, `[blocks][taps][LANES]` in blocks of
    /// [`GroupedShape::LANES`] channels: calls begin where blocks do.
    Depthwise,
    /// [`Kernel::Depthwise`] of a grouped convolution, where an output sees the [`group`](GroupedShape::group) channels that it is one of.
    /// The weights of a block are `[kernel_height][group][kernel_width][LANES]`.
    Grouped,
    /// `(experts, coefficients, out, length, count, stride)`: `out[i] = sum over e < count of coefficients[e] *
    /// experts[e * stride + i]` for `i < length`, in order of `e`.
    Mix,
    /// `(experts, coefficients, out, depth, columns, count, stride)`: [`Kernel::Mix`] for panels of `bfloat16`s. Side by side lie
    /// the panels of a matrix `[depth, columns]`, in `experts` (a `u16` per number) as in `out`; experts are `stride` elements
    /// of the block apart, two numbers each.
    MixBf16,
    /// `(experts, coefficients, out, depth, columns, count, stride)`: [`Kernel::MixBf16`] for panels of whole numbers. A panel of
    /// an expert is a scale (`f32`) for each of its `width` columns, then a number (`i8`) per element. An element of column `c`
    /// of `out` is the sum of `(coefficients[e] * scale[e][c]) * number`, in order of `e`.
    MixInt8,
    /// `(panels, gates, out, depth, columns)`: side by side lie the panels of a matrix `[depth, columns]`, in `panels` as in `out`, where
    /// each row `k` is multiplied by `gates[k]`. They may be the same.
    GatePanels,
    /// [`Kernel::Matmul`] with a panel of `bfloat16`s, without what is fetched, for few rows of a single run: the products of every
    /// fourth `k` are summed by themselves in order of `k`, then these sums `(0 + 1) + (2 + 3)`.
    MatmulBf16,
    /// [`Kernel::MatmulBf16`] with a panel of whole numbers, see [`Kernel::MixInt8`]; the sum is multiplied with the scale.
    MatmulInt8,
    /// `(source, panel, depth, columns, row_stride, column_stride)`: packs a panel for [`Kernel::Matmul`]: `panel[k * width +
    /// c] = source[k * row_stride + c * column_stride]`, zeros for `c >= columns`.
    PackPanel,
    /// `(image, out, row, shape: PoolShape)`: output row `row` of a maximum over windows. Padding never wins, NaN does.
    MaxPool,
    /// `(image, out, row, shape: PoolShape)`: output row `row` of an average over windows.
    AveragePool,
    /// `(image, out, row, shape: ResampleShape)`: output row `row` of averages over an even grid: cell `i` of `n` over `size`
    /// is `i * size / n .. ceil((i + 1) * size / n)`.
    AdaptiveAveragePool,
    /// `(image, out, row, shape: ResampleShape)`: output row `row`; pixel `i` of `n` is input pixel `floor(i * size / n)`.
    ResampleNearest,
    /// `(image, out, row, shape: ResampleShape)`: output row `row` of a bilinear resampling.
    ResampleBilinear,
    /// `(source, out, rows, columns, row_stride, divisor)`: `out[c] = (sum over r of source[r * row_stride + c]) / divisor`;
    /// column sums, as global average pooling needs them.
    MeanRows,
    /// `(source, out, rows, columns, row_stride, out_stride)`: `out[r * out_stride]` is the mean of the `columns` contiguous
    /// values of row `r`.
    MeanColumns,
    /// `(source, out, rows, shape: SoftmaxShape, bias*, mask*)`: rows of `softmax(source / temperature + bias + mask)`; `out` may be `source`, if their
    /// rows are as far apart.
    Softmax,
    /// `(source, out, rows, shape: NormShape, weight*, bias*)`: layer normalisation of each row.
    LayerNorm,
    /// `(source, out, rows, shape: NormShape, weight*, bias*)`: group normalisation of one image of `rows` pixels; `columns`
    /// is the width of one group.
    GroupNorm,
    /// `(source, out, indices, count, length, source_stride, out_stride)`: `length` contiguous values from
    /// `source[indices[i] * source_stride]` to `out[i * out_stride]` for each of `count` indices (`u32`).
    Gather,
    /// `(source, out, rows, columns, source_stride, out_stride)`: `out[c * out_stride + r] = source[r * source_stride + c]`.
    Transpose,
    /// `(image, out, row, shape: WinogradInputShape)`: the transformed inputs of row `row` of tiles, see
    /// [`winograd`](crate::winograd), zeros where they leave the image: channels of tile `t` for point `p` from `out[p * point_stride +
    /// t * channels]` on.
    WinogradInput,
    /// `(products, out, row, shape: WinogradOutputShape, bias*, gate*, residual*)`: the outputs of row `row` of tiles, those in the
    /// image, of which `out` (and `residual`) is the first pixel; the products of tile `t` for point `p` lie from `products[p *
    /// point_stride + t * channels]` on.
    WinogradOutput,
    /// `(a, sums, rows, depth, a_stride)`: the [`SUMS`](crate::strassen::SUMS) of `rows` rows of a left factor `2 * depth` deep for
    /// [`Kernel::Strassen`]: five blocks of `[rows / 2 rounded up, depth]`, one behind the other.
    StrassenRows,
    /// `(a, sums, b, b_stride, out, rows, half, shape: MatmulShape, bias*, gate*, residual*)`: `rows` rows of a matrix times columns
    /// of another one, by Strassen's algorithm (see [`strassen`](crate::strassen)): those of a panel, and as many `half` further on. Of the
    /// shape, the run is half as long as the matrix is deep, and the columns are those of the panel. `sums` are what
    /// [`Kernel::StrassenRows`] made of the same rows; `b` is a panel of the first of seven right factors, `b_stride` the distance to that of the next.
    /// Rows belong together in pairs: calls that share the work begin at even ones.
    Strassen,
    /// `(source, rows, columns, stride)`: asks for `rows` rows of `columns` contiguous values, which are read soon. They may lie anywhere: nothing
    /// is read.
    FetchRows,
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Kernel; 29] = [
        Kernel::Matmul,
        Kernel::MatmulMixed,
        Kernel::Strip,
        Kernel::Depthwise,
        Kernel::Grouped,
        Kernel::Mix,
        Kernel::MixBf16,
        Kernel::MixInt8,
        Kernel::GatePanels,
        Kernel::MatmulBf16,
        Kernel::MatmulInt8,
        Kernel::PackPanel,
        Kernel::MaxPool,
        Kernel::AveragePool,
        Kernel::AdaptiveAveragePool,
        Kernel::ResampleNearest,
        Kernel::ResampleBilinear,
        Kernel::MeanRows,
        Kernel::MeanColumns,
        Kernel::Softmax,
        Kernel::LayerNorm,
        Kernel::GroupNorm,
        Kernel::Gather,
        Kernel::Transpose,
        Kernel::WinogradInput,
        Kernel::WinogradOutput,
        Kernel::StrassenRows,
        Kernel::Strassen,
        Kernel::FetchRows,
    ];

    /// The name in dumps and symbol tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Matmul => "matmul",
            Kernel::MatmulMixed => "matmul_mixed",
            Kernel::Strip => "strip",
            Kernel::Depthwise => "depthwise",
            Kernel::Grouped => "grouped",
            Kernel::Mix => "mix",
            Kernel::MixBf16 => "mix_bf16",
            Kernel::MixInt8 => "mix_int8",
            Kernel::GatePanels => "gate_panels",
            Kernel::MatmulBf16 => "matmul_bf16",
            Kernel::MatmulInt8 => "matmul_int8",
            Kernel::PackPanel => "pack_panel",
            Kernel::MaxPool => "max_pool",
            Kernel::AveragePool => "average_pool",
            Kernel::AdaptiveAveragePool => "adaptive_average_pool",
            Kernel::ResampleNearest => "resample_nearest",
            Kernel::ResampleBilinear => "resample_bilinear",
            Kernel::MeanRows => "mean_rows",
            Kernel::MeanColumns => "mean_columns",
            Kernel::Softmax => "softmax",
            Kernel::LayerNorm => "layer_norm",
            Kernel::GroupNorm => "group_norm",
            Kernel::Gather => "gather",
            Kernel::Transpose => "transpose",
            Kernel::WinogradInput => "winograd_input",
            Kernel::WinogradOutput => "winograd_output",
            Kernel::StrassenRows => "strassen_rows",
            Kernel::Strassen => "strassen",
            Kernel::FetchRows => "fetch_rows",
        }
    }

    /// How many arguments it takes.
    #[must_use]
    pub fn arity(self) -> usize {
        match self {
            Kernel::MatmulMixed => 20,
            Kernel::Depthwise | Kernel::Grouped => 12,
            Kernel::Matmul | Kernel::Strassen => 11,
            Kernel::MatmulBf16 | Kernel::MatmulInt8 => 9,
            Kernel::MixBf16 | Kernel::MixInt8 | Kernel::Gather | Kernel::WinogradOutput => 7,
            Kernel::Mix
            | Kernel::PackPanel
            | Kernel::MeanRows
            | Kernel::MeanColumns
            | Kernel::Softmax
            | Kernel::LayerNorm
            | Kernel::GroupNorm
            | Kernel::Transpose => 6,
            Kernel::Strip | Kernel::GatePanels | Kernel::StrassenRows => 5,
            Kernel::MaxPool
            | Kernel::AveragePool
            | Kernel::AdaptiveAveragePool
            | Kernel::ResampleNearest
            | Kernel::ResampleBilinear
            | Kernel::WinogradInput
            | Kernel::FetchRows => 4,
        }
    }
}

/// Which part of the depth a [`Kernel::MatmulMixed`] takes, as the sum of what holds; 0 for all of it.
#[derive(Debug, Clone, Copy)]
pub struct Part;

impl Part {
    /// Others come before: sums begin as these left them.
    pub const CONTINUES: usize = 1;
    /// Others come behind: sums are left to these, and nothing is written to `out`.
    pub const IS_CONTINUED: usize = 2;
}

/// The register tile of [`Kernel::Matmul`] on an instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// `f32`s in a vector.
    pub lanes: usize,
    /// Rows that are computed at once.
    pub rows: usize,
}

impl Tile {
    /// Columns of a full panel: two vectors.
    #[must_use]
    pub const fn columns(self) -> usize {
        2 * self.lanes
    }

    /// The distance between rows of a packed panel with that many columns: one vector where they fit into one, else two.
    #[must_use]
    pub const fn panel_width(self, columns: usize) -> usize {
        if columns <= self.lanes { self.lanes } else { self.columns() }
    }
}

/// A function of each element by itself.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ActivationCode {
    /// `x`
    #[default]
    Identity = 0,
    /// `max(x, 0)`
    Relu = 1,
    /// `min(max(x, 0), 6)`
    Relu6 = 2,
    /// `x` where positive, else `slope * x`
    LeakyRelu = 3,
    /// `1 / (1 + exp(-x))`
    Sigmoid = 4,
    /// `min(max(x + 3, 0), 6) / 6`
    HardSigmoid = 5,
    /// `x * min(max(x + 3, 0), 6) / 6`
    HardSwish = 6,
    /// `x / (1 + exp(-x))`
    Silu = 7,
    /// `x * (1 + erf(x / sqrt(2))) / 2`
    GeluErf = 8,
    /// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³))) / 2`
    GeluTanh = 9,
    /// The hyperbolic tangent.
    Tanh = 10,
}

/// An activation with its setting.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ActivationShape {
    /// Which.
    pub code: ActivationCode,
    /// The slope of [`ActivationCode::LeakyRelu`].
    pub slope: f32,
}

impl ActivationShape {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self.code == ActivationCode::Identity
    }
}

/// What happens to an output `v` of column or channel `c` before it is written, in this order, as far as the operand is
/// there: `v + bias[c]`, `before(v)`, `v * gate[c]`, `v + residual[same place]`, `after(v)`; at last, what is written is
/// also added to `sums[c]`.
///
/// Sums are added in order of rows (pixels).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Epilogue {
    /// After the bias.
    pub before: ActivationShape,
    /// After the residual.
    pub after: ActivationShape,
    /// The distance between rows (pixels) of the residual.
    pub residual_stride: usize,
    /// 1 where outputs exceed the caches, so that their place is fetched before they are written; else 0. Results do not depend on it.
    pub fetch: usize,
}

/// How the elements of a row of the left factor lie along the depth: in runs of contiguous ones, which repeat with two strides. What a
/// window covers of an image lies so.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Runs {
    /// Elements of a run.
    pub length: usize,
    /// How many runs there are: outer, inner.
    pub counts: [usize; 2],
    /// The distances between them.
    pub strides: [usize; 2],
}

impl Runs {
    /// All elements side by side.
    #[must_use]
    pub const fn one(length: usize) -> Runs {
        Runs { length, counts: [1, 1], strides: [0, 0] }
    }

    /// How many elements there are.
    #[must_use]
    pub const fn depth(self) -> usize {
        self.length * self.counts[0] * self.counts[1]
    }

    /// How far the last element is from the first.
    #[must_use]
    pub const fn reach(self) -> usize {
        let [outer, inner] = self.counts;
        outer.saturating_sub(1) * self.strides[0]
            + inner.saturating_sub(1) * self.strides[1]
            + self.length.saturating_sub(1)
    }
}

/// The geometry of [`Kernel::Matmul`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MatmulShape {
    /// Products per output, and where their left factors lie.
    pub runs: Runs,
    /// Columns that are written, at most [`Tile::columns`].
    pub columns: usize,
    /// The distance between rows of the left factor.
    pub a_stride: usize,
    /// The distance between rows of the output.
    pub out_stride: usize,
    /// What else happens.
    pub epilogue: Epilogue,
}

/// A window that slides over an image.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowShape {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Columns of the output.
    pub out_width: usize,
    /// Rows of the window.
    pub kernel_height: usize,
    /// Columns of the window.
    pub kernel_width: usize,
    /// Input rows between neighbouring output rows.
    pub stride_height: usize,
    /// Input columns between neighbouring output columns.
    pub stride_width: usize,
    /// Input rows between neighbouring taps.
    pub dilation_height: usize,
    /// Input columns between neighbouring taps.
    pub dilation_width: usize,
    /// Rows of padding above.
    pub top: usize,
    /// Columns of padding at the left.
    pub left: usize,
    /// The distance between neighbouring pixels of the input.
    pub pixel_stride: usize,
    /// The distance between rows of the input.
    pub row_stride: usize,
}

/// The geometry of [`Kernel::Strip`]. The strip is `[planes][rows][row_length]`, a row of so many pixels as all windows of a row of the
/// output cover, each of `channels` contiguous values.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StripShape {
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Rows of padding above.
    pub top: usize,
    /// Columns of padding at the left.
    pub left: usize,
    /// Rows of the image between neighbouring rows of the output.
    pub stride: usize,
    /// Rows of the image from the first to the last that a window covers.
    pub extent: usize,
    /// Channels of a pixel that lie side by side.
    pub channels: usize,
    /// The distance between neighbouring pixels of the image.
    pub pixel_stride: usize,
    /// The distance between rows of the image.
    pub row_stride: usize,
    /// Images that lie one behind the other: channels, if they do.
    pub planes: usize,
    /// The distance between planes of the image.
    pub plane_stride: usize,
    /// The distance between rows of the strip.
    pub row_length: usize,
    /// The distance between planes of the strip.
    pub plane_length: usize,
}

/// The geometry of [`Kernel::MaxPool`] and [`Kernel::AveragePool`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolShape {
    /// The window.
    pub window: WindowShape,
    /// Channels.
    pub channels: usize,
    /// The distance between neighbouring pixels of the output.
    pub out_stride: usize,
    /// Rows of padding below: an average counts padded pixels up to there, and none beyond.
    pub bottom: usize,
    /// Columns of padding at the right, likewise.
    pub right: usize,
    /// 1 if an average counts padded pixels as zeros, 0 if it leaves them out.
    pub count_padding: usize,
}

/// The geometry of resampling and of averages over a grid.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResampleShape {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Rows of the output.
    pub out_height: usize,
    /// Columns of the output.
    pub out_width: usize,
    /// Channels.
    pub channels: usize,
    /// The distance between neighbouring pixels of the input.
    pub pixel_stride: usize,
    /// The distance between rows of the input.
    pub row_stride: usize,
    /// The distance between neighbouring pixels of the output.
    pub out_stride: usize,
    /// Bilinear only: 1 if the corner pixels of both images lie on each other, else 0.
    pub align_corners: usize,
}

/// The geometry of [`Kernel::Softmax`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SoftmaxShape {
    /// Values per row, contiguous.
    pub columns: usize,
    /// The distance between rows of the input.
    pub source_stride: usize,
    /// The distance between rows of the output.
    pub out_stride: usize,
    /// The distance between rows of the bias.
    pub bias_stride: usize,
    /// The distance between rows of the mask.
    pub mask_stride: usize,
    /// The input is divided by it, before anything is added.
    pub temperature: f32,
}

/// The geometry of normalisations.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NormShape {
    /// Values that are normalised together: of a row, or of a group in each pixel.
    pub columns: usize,
    /// Groups that stand side by side in each pixel; 1 for layer normalisation.
    pub groups: usize,
    /// The distance between rows of the input.
    pub source_stride: usize,
    /// The distance between rows of the output.
    pub out_stride: usize,
    /// Added to the variance.
    pub eps: f32,
}

/// The geometry of [`Kernel::WinogradInput`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WinogradInputShape {
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Tiles of a row.
    pub tiles: usize,
    /// Channels.
    pub channels: usize,
    /// Rows of padding above.
    pub top: usize,
    /// Columns of padding at the left.
    pub left: usize,
    /// The distance between neighbouring pixels of the image.
    pub pixel_stride: usize,
    /// The distance between rows of the image.
    pub row_stride: usize,
    /// The distance between points of the output.
    pub point_stride: usize,
}

/// The geometry of [`Kernel::WinogradOutput`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WinogradOutputShape {
    /// Rows of the output.
    pub height: usize,
    /// Columns of the output.
    pub width: usize,
    /// Tiles of a row.
    pub tiles: usize,
    /// Channels.
    pub channels: usize,
    /// The distance between points of the products.
    pub point_stride: usize,
    /// The distance between neighbouring pixels of the output.
    pub out_stride: usize,
    /// The distance between rows of the output.
    pub out_row_stride: usize,
    /// The distance between rows of the residual.
    pub residual_row_stride: usize,
    /// What else happens; there are no sums.
    pub epilogue: Epilogue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_listed_in_order() {
        for (index, kernel) in Kernel::ALL.into_iter().enumerate() {
            assert_eq!(kernel as usize, index, "{}", kernel.name());
        }
    }
}
