//! Convolutions: those of few channels a group, depthwise ones among them, by kernels of their own, 3×3 ones by Winograd's filtering where that costs
//! less, all others as matrix products of filters and pixels, or what the window covers.

mod experts;

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{GroupedShape, Runs, StripShape, WindowShape};
use parameternet_runtime::blocking::{Lines, Product, mixes_first};
use parameternet_runtime::prepare::{Dimension, Layout, panels_length};

use super::super::PlanError;
use super::super::fuse::Chain;
use super::super::step::{Finish, Grouped, Left, Matmul, Mixed, Operand, Right, UnderWindow, Work, part_of_experts};
use super::super::view::{Axis, CHANNELS_LAST, View};
use super::{Image, Lowering, has_contiguous_channels, has_even_pixels, operand, weight_operand};
use crate::graph::{Node, NodeId, WeightId};
use crate::op::conv::Conv;
use crate::op::dynamic_conv::DynamicConv;
use crate::op::window::Window;

/// The weights of a convolution.
pub(super) struct Filters {
    pub(super) kernel: WeightId,
    /// Per output channel; of a dynamic convolution per expert and output channel.
    bias: Option<WeightId>,
    /// Per output channel of a dynamic convolution, not mixed.
    shift: Option<WeightId>,
}

impl Filters {
    fn of(node: &Node, conv: &Conv, dynamic: Option<&DynamicConv>) -> Option<Filters> {
        let mut weights = node.weights.iter().copied();
        Some(Filters {
            kernel: weights.next()?,
            bias: if conv.bias { Some(weights.next()?) } else { None },
            shift: if dynamic.is_some_and(|dynamic| dynamic.shift) { Some(weights.next()?) } else { None },
        })
    }
}

/// The experts of a dynamic convolution and their coefficients.
pub(super) struct Experts {
    count: usize,
    /// `[batch, experts]`, experts contiguous.
    coefficients: View,
}

/// What filters are made of that are not weights alone.
struct Factors {
    experts: Option<Experts>,
    /// Gates of the image, `[batch, channels, 1, 1]`, and the node that would multiply them.
    gates: Option<(NodeId, View)>,
}

impl Factors {
    fn are_weights(&self) -> bool {
        self.experts.is_none() && self.gates.is_none()
    }
}

/// The geometry of a window over an image.
pub(super) fn window_shape(window: &Window, image: &Image, out_width: usize) -> WindowShape {
    let [[top, _], [left, _]] = window.padding;
    WindowShape {
        height: image.height,
        width: image.width,
        out_width,
        kernel_height: window.kernel[0],
        kernel_width: window.kernel[1],
        stride_height: window.stride[0],
        stride_width: window.stride[1],
        dilation_height: window.dilation[0],
        dilation_width: window.dilation[1],
        top,
        left,
        pixel_stride: image.pixel_stride,
        row_stride: image.row_stride,
    }
}

/// What the windows of a convolution cover of an image, of which `inputs` channels count, for an output of this height and width.
fn under_window(
    operand: Operand,
    window: &Window,
    image: &Image,
    inputs: usize,
    [height, width]: [usize; 2],
) -> UnderWindow {
    /// `f32`s that a strip should not exceed: an eighth of the second-level cache.
    const STRIP: usize = 16 * 1024;
    let [kernel, stride, dilation] = [window.kernel, window.stride, window.dilation];
    let extent = [0, 1].map(|dim: usize| kernel[dim].saturating_sub(1) * dilation[dim] + 1);
    let (planes, channels) = if image.in_planes { (inputs, 1) } else { (1, inputs) };
    let row_length = (width.saturating_sub(1) * stride[1] + extent[1]) * channels;
    let rows = |lines: usize| lines.saturating_sub(1) * stride[0] + extent[0];
    let fitting = (STRIP / (planes * row_length).max(1)).saturating_sub(extent[0]) / stride[0].max(1) + 1;
    let per_block = fitting.clamp(1, height.max(1));
    let plane_length = rows(per_block) * row_length;
    let [[top, bottom], [left, right]] = window.padding;
    let leaves_image = [top, bottom, left, right] != [0; 4];
    let lies_in_runs = !image.in_planes || image.pixel_stride == 1;
    let strip = (leaves_image || !lies_in_runs).then_some(StripShape {
        height: image.height,
        width: image.width,
        top,
        left,
        stride: stride[0],
        extent: extent[0],
        channels,
        pixel_stride: image.pixel_stride,
        row_stride: image.row_stride,
        planes,
        plane_stride: image.view.axes[1].stride,
        row_length,
        plane_length,
    });
    let [pixel_stride, row_stride, plane_stride] = match &strip {
        Some(strip) => [channels, strip.row_length, strip.plane_length],
        None => [image.pixel_stride, image.row_stride, image.view.axes[1].stride],
    };
    let row_step = dilation[0] * row_stride;
    let runs = if image.in_planes {
        Runs { length: kernel[1], counts: [planes, kernel[0]], strides: [plane_stride, row_step] }
    } else if dilation[1] == 1 && pixel_stride == inputs {
        Runs { length: kernel[1] * inputs, counts: [1, kernel[0]], strides: [0, row_step] }
    } else {
        Runs { length: inputs, counts: kernel, strides: [row_step, dilation[1] * pixel_stride] }
    };
    UnderWindow {
        image: operand,
        window: window_shape(window, image, width),
        runs,
        pixel_stride: stride[1] * pixel_stride,
        line_stride: stride[0] * row_stride,
        lines: Lines { pixels: width, per_block, strip: strip.map_or(0, |strip| strip.planes * strip.plane_length) },
        strip,
    }
}

/// Rows and channels of a unit of a convolution of few channels a group. A window reads rows that its neighbours read too, so units are several
/// rows high; what then is too few for several threads is cut by channels. Units that are summed one by one become those of a cascade, if
/// there is one: they are kept low enough for its rows to stay in the cache.
fn grouped_unit(rows: usize, channels: usize, window: &WindowShape, are_summed: bool) -> [usize; 2] {
    /// About as many rows as the window of a unit should cover more than once.
    const ROWS: usize = 8;
    /// Units that there should be.
    const UNITS: usize = 8;
    /// Channels come in two cache lines: those that hardware fetches together, and whole blocks of weights.
    const CHANNELS: usize = 2 * GroupedShape::LANES;
    /// `f32`s that the windows of a unit should cover where units are summed: three quarters of what a cascade keeps in the cache.
    const COVERED: usize = 96 * 1024;
    let extent = window.kernel_height.saturating_sub(1) * window.dilation_height + 1;
    // (By what lies in a row, not by how far rows are apart: sums may not depend on where the image lies.)
    let covered = (COVERED / (window.width * channels).max(1)).saturating_sub(extent) / window.stride_height.max(1) + 1;
    let most = if are_summed { covered.min(ROWS) } else { ROWS };
    let row_parts = rows.div_ceil(most).max(1);
    let channel_parts = UNITS.div_ceil(row_parts);
    [rows.div_ceil(row_parts).max(1), channels.div_ceil(channel_parts).next_multiple_of(CHANNELS).min(channels.max(1))]
}

impl Lowering<'_> {
    pub(super) fn convolution(
        &mut self,
        id: NodeId,
        chain: &Chain,
        node: &Node,
        conv: &Conv,
        dynamic: Option<&DynamicConv>,
    ) -> Result<View, PlanError> {
        let operands = chain.anchor().map(|anchor| self.graph.operands(anchor)).unwrap_or_default();
        let gated = self.fusion.gated(operands[0]);
        let source = gated.map_or(operands[0], |gated| gated.image);
        let image = self.planes(source, conv).unwrap_or_else(|| self.image(source));
        let filters = Filters::of(node, conv, dynamic).ok_or_else(|| self.defect(id, "it lacks a weight"))?;
        let experts = dynamic.map(|dynamic| Experts {
            count: dynamic.experts,
            coefficients: self.arranged(operands[1], &[0, 1], |view| view.is_contiguous_along(1)),
        });
        if has_few_channels(conv, &image) && (experts.is_none() || self.keeps_experts_whole(conv)) {
            Ok(self.grouped(id, chain, conv, &image, &filters, experts.as_ref()))
        } else if experts.is_none() && !image.in_planes && self.prefers_winograd(id, conv, &image) {
            Ok(self.winograd(id, chain, conv, &image, &filters))
        } else {
            let gates = gated.map(|gated| (operands[0], self.gates(gated.gates, image.batch, image.channels)));
            Ok(self.general(id, chain, conv, &image, &filters, Factors { experts, gates }))
        }
    }

    /// A convolution as a product of pixels (or what the windows cover) and filters.
    fn general(
        &mut self,
        id: NodeId,
        chain: &Chain,
        conv: &Conv,
        image: &Image,
        filters: &Filters,
        factors: Factors,
    ) -> View {
        let Factors { experts, gates } = &factors;
        let experts = experts.as_ref();
        let out = self.target(id, &CHANNELS_LAST, has_even_pixels);
        let [batch, _, out_height, out_width] = [0, 1, 2, 3].map(|dim: usize| out.axes[dim].size);
        let (inputs, outputs) = (image.channels / conv.groups, conv.out / conv.groups);
        let taps: usize = conv.window.kernel.iter().product();
        let depth = taps * inputs;

        // Pixels are multiplied as they lie if the window is a pixel.
        let even = image.view.merged(2..4).filter(|_| conv.is_pointwise());
        let mut finish = self.finish_of_image(chain, &out, conv, filters, experts);

        // Samples are further rows if nothing differs between them.
        let as_rows = |view: &View| view.permute(&CHANNELS_LAST).merged(0..3);
        let sums_are_wanted = self.averaged[id.index()];
        let pixels = out_height * out_width;
        let can_halve = even.is_some() && factors.are_weights() && conv.groups == 1 && !sums_are_wanted;
        let halves = if can_halve { self.halves(batch * pixels, depth, outputs) } else { None };
        let joined = match (&finish, factors.are_weights(), even) {
            (Finish { gate: None, .. }, true, Some(_))
                if batch > 1 && !sums_are_wanted && halves.is_none_or(|samples| samples == 1) =>
            {
                let residual = chain.residual.map(|residual| self.residual(residual));
                let residual_rows = residual.as_ref().map_or(Some(Axis { size: 1, stride: 0 }), as_rows);
                as_rows(&image.view).zip(as_rows(&out)).zip(residual_rows)
            }
            _ => None,
        };
        if let Some((_, residual)) = joined {
            finish.shape.residual_stride = residual.stride;
        }
        let joined = joined.map(|(both, _)| both);
        let samples = if joined.is_some() { 1 } else { batch };
        let stride_of_batch = |view: &View| if joined.is_some() { 0 } else { view.axes[0].stride };
        let outer = [Axis { size: samples, stride: 0 }, Axis { size: conv.groups, stride: 0 }];
        let along = |batch: usize, group: usize| {
            [Axis { size: samples, stride: batch }, Axis { size: conv.groups, stride: group }]
        };

        let rows = batch / samples * pixels;
        let left_operand = operand(&image.view, &along(stride_of_batch(&image.view), inputs));
        let left = match even {
            Some(pixels) => Left::Rows {
                rows: left_operand,
                stride: joined.map_or(if pixels.size == 1 { image.channels } else { pixels.stride }, |(x, _)| x.stride),
            },
            None => {
                Left::Window(Box::new(under_window(left_operand, &conv.window, image, inputs, [out_height, out_width])))
            }
        };
        let dtype = match experts {
            Some(_) => self.options.experts_dtype,
            None if even.is_some() => self.dtype_without_experts(pixels, depth * outputs),
            None => Dtype::F32,
        };
        let right = if halves.is_some() {
            let along = |size, stride| Dimension { size, stride };
            self.right_factors(filters.kernel, along(depth, 1), along(outputs, depth), 2)
        } else {
            let right = self.panels(conv, filters.kernel, image.in_planes, [inputs, outputs], experts, dtype);
            match (right, gates) {
                (Right::Packed { panels, dtype: Dtype::F32 }, Some((node, gates))) => {
                    self.gated_panels(*node, panels, gates, [batch, depth, outputs])
                }
                (Right::Mixed(mixed), Some((_, gates))) => {
                    let along = [gates.axes[0], Axis { size: 1, stride: 0 }];
                    Right::Mixed(Mixed { gates: Some(operand(gates, &along)), ..mixed })
                }
                (right, _) => right,
            }
        };
        let right = match right {
            Right::Mixed(mixed) if mixes_first(rows, depth, conv.groups * outputs) => {
                self.mixed_panels(mixed, [batch, conv.groups], [depth, outputs])
            }
            right => right,
        };
        let out_pixels = out.merged(2..4).unwrap_or(Axis { size: 1, stride: conv.out });
        let product = Product {
            repeats: outer.iter().map(|axis| axis.size).product(),
            rows,
            depth,
            columns: outputs,
            lines: match &left {
                Left::Rows { .. } => None,
                Left::Window(under) => Some(under.lines),
            },
            makes_panels: matches!(right, Right::Mixed(_)),
            part: part_of_experts(&left, &right, rows, depth),
            has_sums: sums_are_wanted,
            in_halves: halves.is_some(),
        };
        let mut finish = finish_along(finish, [samples, conv.groups], outputs);
        if sums_are_wanted {
            let parts = rows.div_ceil(product.rows_per_sum()).max(1);
            finish.sums = Some(self.sums_of(id, [samples, parts, conv.out], Some(outputs)));
        }
        let mixing = match &right {
            Right::Mixed(mixed) => batch * mixed.count * conv.out * depth,
            _ => 0,
        };
        // The gates of packed weights are a step of their own, those of experts are not.
        let gated = gates.iter().filter(|_| experts.is_some()).map(|(node, _)| *node);
        let step = Matmul {
            outer: outer.iter().map(|axis| axis.size).collect(),
            rows,
            depth,
            columns: outputs,
            blocking: self.blocking(&product),
            ahead: None,
            left,
            right,
            out_stride: joined.map_or(out_pixels.stride, |(_, y)| y.stride),
            out: operand(&out, &along(stride_of_batch(&out), outputs)),
            finish,
        };
        let products = batch * pixels * conv.out * depth;
        let nodes = gated.chain(chain.nodes.iter().copied()).collect();
        self.push(nodes, Work::Matmul(step), products + mixing);
        out
    }

    /// The image of a convolution that takes it plane by plane: one of few channels, as inputs are. How it lies does not matter, so that
    /// sums have the same order, and the same bits, for images with channels first and last.
    fn planes(&mut self, id: NodeId, conv: &Conv) -> Option<Image> {
        /// Channels that are fewer than pixels side by side.
        const FEW: usize = 4;
        let window = &conv.window;
        let takes = self.dims(id)[1] <= FEW && conv.groups == 1 && window.kernel[1] > 1 && window.dilation[1] == 1;
        takes.then(|| Image { in_planes: true, ..Image::of(self.view(id)) })
    }

    /// Filters `[(experts,) out, inputs, height, width]` as panels of such numbers.
    fn panels(
        &mut self,
        conv: &Conv,
        kernel: WeightId,
        in_planes: bool,
        [inputs, outputs]: [usize; 2],
        experts: Option<&Experts>,
        dtype: Dtype,
    ) -> Right {
        let [height, width] = conv.window.kernel;
        let taps = height * width;
        let count = experts.map_or(1, |experts| experts.count);
        let length = panels_length(taps * inputs, outputs, self.options.isa.tile(), dtype);
        let (taps_of_depth, inputs_of_depth) =
            (Dimension { size: taps, stride: 1 }, Dimension { size: inputs, stride: taps });
        let layout = Layout::Panels {
            outer: vec![
                Dimension { size: count, stride: conv.out * inputs * taps },
                Dimension { size: conv.groups, stride: outputs * inputs * taps },
            ],
            depth: if in_planes { vec![inputs_of_depth, taps_of_depth] } else { vec![taps_of_depth, inputs_of_depth] },
            columns: Dimension { size: outputs, stride: inputs * taps },
            tile: self.options.isa.tile(),
            dtype,
        };
        let total = layout.length();
        let offset = self.weights.weight(self.graph, kernel, layout);
        let panels = weight_operand(offset, total, vec![0, length]);
        match experts {
            None => Right::Packed { panels, dtype },
            Some(experts) => Right::Mixed(Mixed {
                experts: panels,
                stride: conv.groups * length,
                count,
                coefficients: operand(
                    &experts.coefficients,
                    &[experts.coefficients.axes[0], Axis { size: 1, stride: 0 }],
                ),
                gates: None,
                dtype,
            }),
        }
    }

    /// A buffer for sums per channel, `[batch, parts, channels]`, as an operand that moves along the batch, groups of
    /// channels if there are, and parts.
    fn sums_of(&mut self, id: NodeId, dims: [usize; 3], group: Option<usize>) -> Operand {
        let sums = self.buffer(&dims, &[0, 1, 2]);
        let [batch, parts, _] = [0, 1, 2].map(|dim: usize| sums.axes[dim]);
        let mut operand = operand(&sums, &[batch, parts]);
        if let Some(channels) = group {
            operand.strides.insert(1, channels);
        }
        self.sums.insert(id, sums);
        operand
    }

    /// The residual of a chain over images: evenly spaced pixels with contiguous channels.
    fn residual(&mut self, id: NodeId) -> View {
        self.arranged(id, &CHANNELS_LAST, has_even_pixels)
    }

    /// The distance between rows of pixels of the residual of a chain; 0 if it has none.
    pub(super) fn residual_row_stride(&mut self, chain: &Chain) -> usize {
        chain.residual.map_or(0, |residual| self.residual(residual).axes[2].stride)
    }

    /// The epilogue of a convolution; its operands move along the batch and, by one, along channels.
    pub(super) fn finish_of_image(
        &mut self,
        chain: &Chain,
        out: &View,
        conv: &Conv,
        filters: &Filters,
        experts: Option<&Experts>,
    ) -> Finish {
        let mut finish = Self::activations(chain);
        finish.bias = match experts {
            None => filters.bias.map(|bias| self.bias(bias)),
            Some(experts) => self.mixed_bias(conv, filters, experts),
        };
        let [batch, channels] = [0, 1].map(|dim: usize| out.axes[dim].size);
        finish.gate = chain.gate.map(|gates| per_channel(&self.gates(gates, batch, channels)));
        if let Some(residual) = chain.residual {
            let view = self.residual(residual);
            finish.shape.residual_stride = view.merged(2..4).map_or(0, |axis| axis.stride);
            finish.residual = Some(per_channel(&view));
        }
        finish
    }

    /// Gates of an image, `[batch, channels, 1, 1]`, contiguous along the channels.
    fn gates(&mut self, id: NodeId, batch: usize, channels: usize) -> View {
        let rank = self.dims(id).len();
        let dim = rank - 3;
        let view = self.arranged(id, &(0..rank).collect::<Vec<_>>(), |view| view.is_contiguous_along(dim));
        view.broadcast(&[batch, channels, 1, 1])
    }

    fn bias(&mut self, bias: WeightId) -> Operand {
        let (offset, length) = self.vector(bias);
        weight_operand(offset, length, vec![0, 1])
    }

    /// Whether experts of groups of few channels are stored in `f32`, as their kernel needs them: those of depthwise convolutions always are.
    fn keeps_experts_whole(&self, conv: &Conv) -> bool {
        conv.groups == conv.out || self.options.experts_dtype == Dtype::F32
    }

    /// A convolution of few channels a group.
    fn grouped(
        &mut self,
        id: NodeId,
        chain: &Chain,
        conv: &Conv,
        image: &Image,
        filters: &Filters,
        experts: Option<&Experts>,
    ) -> View {
        let out = self.target(id, &CHANNELS_LAST, has_contiguous_channels);
        let [batch, channels, out_height, out_width] = [0, 1, 2, 3].map(|dim: usize| out.axes[dim]);
        let group = conv.out / conv.groups;
        let taps: usize = conv.window.kernel.iter().product();
        let weights = self.taps(conv, filters.kernel, group, experts);
        let finish = self.finish_of_image(chain, &out, conv, filters, experts);
        let shape = GroupedShape {
            window: window_shape(&conv.window, image, out_width.size),
            group,
            out_stride: out_width.stride,
            out_row_stride: out_height.stride,
            residual_row_stride: self.residual_row_stride(chain),
            epilogue: finish.shape,
        };
        let is_averaged = self.averaged[id.index()];
        let [rows_per_unit, channels_per_unit] =
            grouped_unit(out_height.size, channels.size, &shape.window, is_averaged);
        let mut finish = first_stride(finish);
        if is_averaged {
            let parts = out_height.size.div_ceil(rows_per_unit);
            finish.sums = Some(self.sums_of(id, [batch.size, parts, channels.size], None));
        }
        let step = Grouped {
            outer: vec![batch.size],
            rows: out_height.size,
            rows_per_unit,
            channels: channels.size,
            channels_per_unit,
            image: operand(&image.view, &[image.view.axes[0]]),
            weights,
            out: operand(&out, &[batch]),
            shape,
            finish,
        };
        let products = batch.size * group * conv.out * taps * (out_height.size * out_width.size);
        self.push(chain.nodes.clone(), Work::Grouped(step), products);
        out
    }
}

/// Whether the groups of a convolution are so few channels that the longest vector holds several of them whole: products would leave lanes
/// of it empty. Groups of half a vector leave half of them empty, which costs less than to compute one pixel at a time.
fn has_few_channels(conv: &Conv, image: &Image) -> bool {
    let group = conv.out / conv.groups;
    if conv.groups == 1 || conv.out != image.channels || !group.is_power_of_two() {
        return false;
    }
    let shape = GroupedShape { window: window_shape(&conv.window, image, 0), group, ..GroupedShape::default() };
    group < GroupedShape::LARGEST_GROUP || group == GroupedShape::LARGEST_GROUP && shape.is_tiled()
}

/// A pointer that moves along the batch and, by one, along channels.
fn per_channel(view: &View) -> Operand {
    let mut operand = operand(view, &view.axes[..1]);
    operand.strides.push(1);
    operand
}

/// The operands of an epilogue, made to move along samples and groups of so many channels.
fn finish_along(mut finish: Finish, [samples, groups]: [usize; 2], channels: usize) -> Finish {
    let operands = [&mut finish.bias, &mut finish.gate, &mut finish.residual];
    for operand in operands.into_iter().flatten() {
        if let [batch, group] = operand.strides.as_mut_slice() {
            *batch *= usize::from(samples > 1);
            *group *= if groups > 1 { channels } else { 0 };
        }
    }
    finish
}

/// The operands of an epilogue, made to move along the batch alone.
pub(super) fn first_stride(mut finish: Finish) -> Finish {
    let operands = [&mut finish.bias, &mut finish.gate, &mut finish.residual];
    for operand in operands.into_iter().flatten() {
        operand.strides.truncate(1);
    }
    finish
}
