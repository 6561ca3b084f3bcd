//! Constant structures of kernels, as the calls that make them.

use parameternet_runtime::abi::{ActivationCode, ActivationShape, Epilogue, Runs, WindowShape};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::super::sharing::{Constant, Kind};
use super::{Writer, float};
use crate::code::{Panel, Shape};

impl Writer<'_> {
    pub(super) fn shape(&mut self, shape: &Shape) -> TokenStream {
        match shape {
            Shape::Matmul(shape, panel) => {
                let Runs { length, counts, strides: runs } = shape.runs;
                let depth = self.number("depth", length);
                let columns = match panel {
                    Panel::Full => {
                        self.uses_width = true;
                        quote!(width)
                    }
                    Panel::Rest => quote!(rest),
                };
                let strides = [shape.a_stride, shape.out_stride, shape.epilogue.residual_stride];
                let strides = self.list("stride", &strides);
                let activations = self.activations(&shape.epilogue);
                let fetch = self.number("fetch", shape.epilogue.fetch);
                let gemm = quote!(rt::gemm(#depth, #columns, #strides, #activations, #fetch));
                if counts == [1, 1] {
                    return gemm;
                }
                let (counts, runs) = (self.list("runs", &counts), self.list("stride", &runs));
                quote!(rt::in_runs(#gemm, #counts, #runs))
            }
            Shape::Strip(shape) => {
                let size = self.list("size", &[shape.height, shape.width, shape.top, shape.left]);
                let window = self.list("stride", &[shape.stride, shape.extent]);
                let channels = self.list("channels", &[shape.channels, shape.planes]);
                let strides = self.list("stride", &[shape.pixel_stride, shape.row_stride, shape.plane_stride]);
                let lengths = self.list("length", &[shape.row_length, shape.plane_length]);
                quote!(rt::strip(#size, #window, #channels, #strides, #lengths))
            }
            Shape::Grouped(shape) => {
                let window = self.window(&shape.window);
                let strides = self.pair("stride", [shape.out_stride, shape.out_row_stride]);
                let residual = self.pair("stride", [shape.epilogue.residual_stride, shape.residual_row_stride]);
                let activations = self.activations(&shape.epilogue);
                let fetch = self.number("fetch", shape.epilogue.fetch);
                let depthwise = quote!(rt::depthwise(#window, #strides, #residual, #activations, #fetch));
                if shape.group == 1 {
                    return depthwise;
                }
                let group = self.number("group", shape.group);
                quote!(rt::in_groups(#depthwise, #group))
            }
            Shape::Pool(shape) => {
                let window = self.window(&shape.window);
                let channels = self.list("channels", &[shape.channels, shape.out_stride]);
                let padding = self.pair("padding", [shape.bottom, shape.right]);
                let count = Literal::usize_unsuffixed(shape.count_padding);
                quote!(rt::pool(#window, #channels, #padding, #count))
            }
            Shape::Resample(shape) => {
                let size = self.pair("size", [shape.height, shape.width]);
                let out_size = self.pair("size", [shape.out_height, shape.out_width]);
                let channels = self.number("channels", shape.channels);
                let strides = self.list("stride", &[shape.pixel_stride, shape.row_stride, shape.out_stride]);
                let corners = Literal::usize_unsuffixed(shape.align_corners);
                quote!(rt::resample(#size, #out_size, #channels, #strides, #corners))
            }
            Shape::WinogradInput(shape) => {
                let size = self.list("size", &[shape.height, shape.width, shape.tiles, shape.channels]);
                let padding = self.pair("padding", [shape.top, shape.left]);
                let strides = self.list("stride", &[shape.pixel_stride, shape.row_stride, shape.point_stride]);
                quote!(rt::winograd_input(#size, #padding, #strides))
            }
            Shape::WinogradOutput(shape) => {
                let size = self.list("size", &[shape.height, shape.width, shape.tiles, shape.channels]);
                let point = self.number("stride", shape.point_stride);
                let strides = self.pair("stride", [shape.out_stride, shape.out_row_stride]);
                let residual = self.pair("stride", [shape.epilogue.residual_stride, shape.residual_row_stride]);
                let activations = self.activations(&shape.epilogue);
                quote!(rt::winograd_output(#size, #point, #strides, #residual, #activations))
            }
            Shape::Softmax(shape) => {
                let columns = self.number("columns", shape.columns);
                let strides = [shape.source_stride, shape.out_stride, shape.bias_stride, shape.mask_stride];
                let strides = self.list("stride", &strides);
                let temperature = float(shape.temperature);
                quote!(rt::softmax(#columns, #strides, #temperature))
            }
            Shape::Norm(shape) => {
                let columns = self.pair("columns", [shape.columns, shape.groups]);
                let strides = self.pair("stride", [shape.source_stride, shape.out_stride]);
                let eps = float(shape.eps);
                quote!(rt::norm(#columns, #strides, #eps))
            }
        }
    }

    fn list(&mut self, name: &'static str, numbers: &[usize]) -> TokenStream {
        let numbers: Vec<TokenStream> = numbers.iter().map(|number| self.number(name, *number)).collect();
        quote!([#(#numbers),*])
    }

    fn pair(&mut self, name: &'static str, numbers: [usize; 2]) -> TokenStream {
        self.list(name, &numbers)
    }

    fn window(&mut self, window: &WindowShape) -> TokenStream {
        let WindowShape { height, width, out_width, .. } = *window;
        let WindowShape { kernel_height, kernel_width, stride_height, stride_width, .. } = *window;
        let WindowShape { dilation_height, dilation_width, top, left, .. } = *window;
        let image = self.list("size", &[height, width, out_width, window.pixel_stride, window.row_stride]);
        let parts = [
            ("kernel", [kernel_height, kernel_width]),
            ("stride", [stride_height, stride_width]),
            ("dilation", [dilation_height, dilation_width]),
            ("padding", [top, left]),
        ];
        let parts = parts.map(|(name, pair)| self.pair(name, pair));
        quote!(rt::window(#image, [#(#parts),*]))
    }

    /// The activations of an epilogue: after the bias, and after the residual.
    fn activations(&mut self, epilogue: &Epilogue) -> TokenStream {
        let [before, after] = [epilogue.before, epilogue.after]
            .map(|shape| self.piece.hole(Kind::Activation, Constant::Source(activation(shape).to_string())));
        quote!([#before, #after])
    }
}

/// An activation as it is called in the runtime's module for generated source.
fn activation(activation: ActivationShape) -> TokenStream {
    let name = match activation.code {
        ActivationCode::Identity => "NONE",
        ActivationCode::Relu => "RELU",
        ActivationCode::Relu6 => "RELU6",
        ActivationCode::LeakyRelu => {
            let slope = float(activation.slope);
            return quote!(rt::leaky_relu(#slope));
        }
        ActivationCode::Sigmoid => "SIGMOID",
        ActivationCode::HardSigmoid => "HARD_SIGMOID",
        ActivationCode::HardSwish => "HARD_SWISH",
        ActivationCode::Silu => "SILU",
        ActivationCode::GeluErf => "GELU_ERF",
        ActivationCode::GeluTanh => "GELU_TANH",
        ActivationCode::Tanh => "TANH",
    };
    let name = format_ident!("{name}");
    quote!(#name)
}
