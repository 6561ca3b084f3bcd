//! Constant structures of kernels, written short: generated source has many.

use crate::abi::{
    ActivationCode, ActivationShape, DepthwiseShape, Epilogue, MatmulShape, NormShape, PatchShape, PoolShape,
    ResampleShape, SoftmaxShape, WindowShape, WinogradInputShape, WinogradOutputShape,
};
use crate::blocking::Product;

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
pub const fn product(
    [repeats, rows, depth, columns]: [usize; 4],
    gathers: bool,
    makes_panels: bool,
    has_sums: bool,
) -> Product {
    Product { repeats, rows, depth, columns, gathers, makes_panels, has_sums }
}

/// What happens to an output before it is written: activations after the bias and after the residual.
const fn epilogue([before, after]: [ActivationShape; 2], residual_stride: usize) -> Epilogue {
    Epilogue { before, after, residual_stride }
}

/// A product of a block of rows with a panel; strides of the left factor, the output and the residual.
#[must_use]
pub const fn gemm(
    depth: usize,
    columns: usize,
    [a_stride, out_stride, residual_stride]: [usize; 3],
    activations: [ActivationShape; 2],
) -> MatmulShape {
    MatmulShape { depth, columns, a_stride, out_stride, epilogue: epilogue(activations, residual_stride) }
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

/// What lies under a window.
#[must_use]
pub const fn patches(window: WindowShape, channels: usize, out_stride: usize) -> PatchShape {
    PatchShape { window, channels, out_stride }
}

/// A depthwise convolution; of the output and the residual, the distances between pixels and between rows.
#[must_use]
pub const fn depthwise(
    window: WindowShape,
    weight_stride: usize,
    [out_stride, out_row_stride]: [usize; 2],
    [residual_stride, residual_row_stride]: [usize; 2],
    activations: [ActivationShape; 2],
) -> DepthwiseShape {
    let epilogue = epilogue(activations, residual_stride);
    DepthwiseShape { window, weight_stride, out_stride, out_row_stride, residual_row_stride, epilogue }
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
        epilogue: epilogue(activations, residual_stride),
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
pub const fn softmax(columns: usize, [source_stride, out_stride]: [usize; 2], temperature: f32) -> SoftmaxShape {
    SoftmaxShape { columns, source_stride, out_stride, temperature }
}

/// A normalisation.
#[must_use]
pub const fn norm([columns, groups]: [usize; 2], [source_stride, out_stride]: [usize; 2], eps: f32) -> NormShape {
    NormShape { columns, groups, source_stride, out_stride, eps }
}
