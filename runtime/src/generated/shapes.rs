//! Constant structures of kernels, written short: generated source has many.

use crate::abi::{
    ActivationCode, ActivationShape, Epilogue, GroupedShape, MatmulShape, NormShape, PoolShape, ResampleShape, Runs,
    SoftmaxShape, StripShape, WindowShape, WinogradInputShape, WinogradOutputShape,
};
use crate::blocking::{Lines, Product};

/// Activations without a parameter, by names that stand alone.
pub mod activations {
    use super::{ActivationCode, ActivationShape};

    /// None.
    pub const NONE: ActivationShape = activation(ActivationCode::Identity);
    /// See [`ActivationCode::Relu`].
    pub const RELU: ActivationShape = activation(ActivationCode::Relu);
    /// See [`ActivationCode::Relu6`].
    pub const RELU6: ActivationShape = activation(ActivationCode::Relu6);
    /// See [`ActivationCode::Sigmoid`].
    pub const SIGMOID: ActivationShape = activation(ActivationCode::Sigmoid);
    /// See [`ActivationCode::HardSigmoid`].
    pub const HARD_SIGMOID: ActivationShape = activation(ActivationCode::HardSigmoid);
    /// See [`ActivationCode::HardSwish`].
    pub const HARD_SWISH: ActivationShape = activation(ActivationCode::HardSwish);
    /// See [`ActivationCode::Silu`].
    pub const SILU: ActivationShape = activation(ActivationCode::Silu);
    /// See [`ActivationCode::GeluErf`].
    pub const GELU_ERF: ActivationShape = activation(ActivationCode::GeluErf);
    /// See [`ActivationCode::GeluTanh`].
    pub const GELU_TANH: ActivationShape = activation(ActivationCode::GeluTanh);
    /// See [`ActivationCode::Tanh`].
    pub const TANH: ActivationShape = activation(ActivationCode::Tanh);

    const fn activation(code: ActivationCode) -> ActivationShape {
        ActivationShape { code, slope: 0.0 }
    }
}

/// See [`ActivationCode::LeakyRelu`].
#[must_use]
pub const fn leaky_relu(slope: f32) -> ActivationShape {
    ActivationShape { code: ActivationCode::LeakyRelu, slope }
}

/// What decides how a product is cut.
#[must_use]
pub const fn product([repeats, rows, depth, columns]: [usize; 4], makes_panels: bool, has_sums: bool) -> Product {
    Product { repeats, rows, depth, columns, lines: None, makes_panels, part: None, has_sums, in_halves: false }
}

/// The same of what lies under a window: pixels of a line, lines of a block, and the length of a strip.
#[must_use]
pub const fn in_lines(product: Product, [pixels, per_block, strip]: [usize; 3]) -> Product {
    Product { lines: Some(Lines { pixels, per_block, strip }), ..product }
}

/// The same of panels that are mixed part by part of such a depth, see [`Product::part`].
#[must_use]
pub const fn in_parts(product: Product, part: usize) -> Product {
    Product { part: Some(part), ..product }
}

/// The same by Strassen's algorithm.
#[must_use]
pub const fn in_halves(product: Product) -> Product {
    Product { in_halves: true, ..product }
}

/// What happens to an output before it is written: activations after the bias and after the residual.
const fn epilogue([before, after]: [ActivationShape; 2], residual_stride: usize, fetch: usize) -> Epilogue {
    Epilogue { before, after, residual_stride, fetch }
}

/// A product of a block of rows with a panel; strides of the left factor, the output and the residual; whether outputs are fetched.
#[must_use]
pub const fn gemm(
    depth: usize,
    columns: usize,
    [a_stride, out_stride, residual_stride]: [usize; 3],
    activations: [ActivationShape; 2],
    fetch: usize,
) -> MatmulShape {
    let runs = Runs::one(depth);
    MatmulShape { runs, columns, a_stride, out_stride, epilogue: epilogue(activations, residual_stride, fetch) }
}

/// The same of several runs as deep: how many there are, outer and inner, and how far apart.
#[must_use]
pub const fn in_runs(shape: MatmulShape, counts: [usize; 2], strides: [usize; 2]) -> MatmulShape {
    MatmulShape { runs: Runs { counts, strides, ..shape.runs }, ..shape }
}

/// A window over an image, of which the distances between pixels and between rows are given last; pairs are of rows and
/// columns: the kernel, its stride, its dilation, the padding above and at the left.
#[must_use]
pub const fn window(
    [height, width, out_width, pixel_stride, row_stride]: [usize; 5],
    [
        [kernel_height, kernel_width],
        [stride_height, stride_width],
        [dilation_height, dilation_width],
        [top, left],
    ]: [[usize; 2]; 4],
) -> WindowShape {
    WindowShape {
        height,
        width,
        out_width,
        kernel_height,
        kernel_width,
        stride_height,
        stride_width,
        dilation_height,
        dilation_width,
        top,
        left,
        pixel_stride,
        row_stride,
    }
}

/// Rows of an image with zeros around them: size and padding at the top and the left of the image; the stride and the extent of the
/// window; channels side by side and planes; strides of pixels, rows and planes of the image, and of rows and planes of the strip.
#[must_use]
pub const fn strip(
    [height, width, top, left]: [usize; 4],
    [stride, extent]: [usize; 2],
    [channels, planes]: [usize; 2],
    [pixel_stride, row_stride, plane_stride]: [usize; 3],
    [row_length, plane_length]: [usize; 2],
) -> StripShape {
    StripShape {
        height,
        width,
        top,
        left,
        stride,
        extent,
        channels,
        pixel_stride,
        row_stride,
        planes,
        plane_stride,
        row_length,
        plane_length,
    }
}

/// A depthwise convolution; of the output and the residual, the distances between pixels and between rows; whether outputs are fetched.
#[must_use]
pub const fn depthwise(
    window: WindowShape,
    [out_stride, out_row_stride]: [usize; 2],
    [residual_stride, residual_row_stride]: [usize; 2],
    activations: [ActivationShape; 2],
    fetch: usize,
) -> GroupedShape {
    let epilogue = epilogue(activations, residual_stride, fetch);
    GroupedShape { window, group: 1, out_stride, out_row_stride, residual_row_stride, epilogue }
}

/// The same of a convolution whose groups are so many channels.
#[must_use]
pub const fn in_groups(depthwise: GroupedShape, group: usize) -> GroupedShape {
    GroupedShape { group, ..depthwise }
}

/// Inputs transformed for Winograd's filtering: sizes and padding at the top and the left of the image; strides of its pixels, its rows
/// and the points of the output.
#[must_use]
pub const fn winograd_input(
    [height, width, tiles, channels]: [usize; 4],
    [top, left]: [usize; 2],
    [pixel_stride, row_stride, point_stride]: [usize; 3],
) -> WinogradInputShape {
    WinogradInputShape { height, width, tiles, channels, top, left, pixel_stride, row_stride, point_stride }
}

/// Outputs of Winograd's filtering; of the output and the residual, the distances between pixels and between rows.
#[must_use]
pub const fn winograd_output(
    [height, width, tiles, channels]: [usize; 4],
    point_stride: usize,
    [out_stride, out_row_stride]: [usize; 2],
    [residual_stride, residual_row_stride]: [usize; 2],
    activations: [ActivationShape; 2],
) -> WinogradOutputShape {
    WinogradOutputShape {
        height,
        width,
        tiles,
        channels,
        point_stride,
        out_stride,
        out_row_stride,
        residual_row_stride,
        epilogue: epilogue(activations, residual_stride, 0),
    }
}

/// Pooling.
#[must_use]
pub const fn pool(
    window: WindowShape,
    [channels, out_stride]: [usize; 2],
    [bottom, right]: [usize; 2],
    count_padding: usize,
) -> PoolShape {
    PoolShape { window, channels, out_stride, bottom, right, count_padding }
}

/// Resampling, and averages over a grid.
#[must_use]
pub const fn resample(
    [height, width]: [usize; 2],
    [out_height, out_width]: [usize; 2],
    channels: usize,
    [pixel_stride, row_stride, out_stride]: [usize; 3],
    align_corners: usize,
) -> ResampleShape {
    ResampleShape {
        height,
        width,
        out_height,
        out_width,
        channels,
        pixel_stride,
        row_stride,
        out_stride,
        align_corners,
    }
}

/// Softmax.
#[must_use]
pub const fn softmax(columns: usize, strides: [usize; 4], temperature: f32) -> SoftmaxShape {
    let [source_stride, out_stride, bias_stride, mask_stride] = strides;
    SoftmaxShape { columns, source_stride, out_stride, bias_stride, mask_stride, temperature }
}

/// A normalisation.
#[must_use]
pub const fn norm([columns, groups]: [usize; 2], [source_stride, out_stride]: [usize; 2], eps: f32) -> NormShape {
    NormShape { columns, groups, source_stride, out_stride, eps }
}
