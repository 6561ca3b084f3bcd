//! Convolutions of 3×3 windows by Winograd's filtering F(4×4, 3×3), where that costs less: a step that transforms the inputs, a matrix
//! product per point of the tiles, a step that transforms the products back and finishes the outputs. See
//! [`parameternet_runtime::winograd`] and the kernels of that name.
//!
//! The samples of a batch stand side by side as further tiles, so that the transformed filters are read once for all of them; but where an image
//! is more than these, each sample stands by itself, so that it can stay in the cache.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{Kernel, WinogradInputShape, WinogradOutputShape};
use parameternet_runtime::blocking::Product;
use parameternet_runtime::prepare::{Dimension, Layout};
use parameternet_runtime::winograd::{KERNEL, POINTS, TILE};

use super::super::fuse::Chain;
use super::super::step::{Finish, Left, Matmul, Operand, Right, Rows, RowsShape, WinogradOutput, Work};
use super::super::view::{CHANNELS_LAST, View};
use super::convolution::{Filters, first_stride};
use super::{Image, Lowering, has_contiguous_channels, operand, weight_operand};
use crate::graph::NodeId;
use crate::op::conv::Conv;

/// Points of a tile.
const GRID: usize = POINTS * POINTS;

/// `f32`s between what belongs to neighbouring points, so that the same place of all points does not fall into the same set of a
/// cache.
const GAP: usize = 16;

/// The tiles of a convolution.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    batch: usize,
    /// How many samples stand side by side.
    together: usize,
    down: usize,
    across: usize,
}

impl Tiles {
    /// Those of an output of that size, for so many channels in and out.
    fn new(batch: usize, [height, width]: [usize; 2], [inputs, outputs]: [usize; 2]) -> Tiles {
        let (down, across) = (height.div_ceil(TILE), width.div_ceil(TILE));
        let is_large = down * across * (inputs + outputs) >= inputs * outputs;
        Tiles { batch, together: if is_large { 1 } else { batch }, down, across }
    }

    fn of_image(self) -> usize {
        self.down * self.across
    }

    /// Of the samples that stand side by side.
    fn of_matrix(self) -> usize {
        self.together * self.of_image()
    }

    /// Matrices per point: samples that stand by themselves.
    fn matrices(self) -> usize {
        self.batch / self.together.max(1)
    }
}

/// Whether filtering costs less than multiplying patches, counted in multiply-adds that a core could do in the same time: for the
/// products; for weights that are read from memory; for each tile and channel of the transformations; for each copied input of a
/// patch. One sample counts, whatever the batch: results would depend on it. The numbers are rounded from measurements on servers with AVX-512; for other machines they need not be exact, since mostly one
/// way costs half of the other.
fn costs_less(tiles: usize, pixels: usize, inputs: usize, outputs: usize) -> bool {
    const WEIGHT: usize = 10;
    const TRANSFORMATION: usize = 250;
    const COPY: usize = 2;
    let filters = inputs * outputs;
    let taps = KERNEL * KERNEL;
    let filtered = GRID * filters * (tiles + WEIGHT) + TRANSFORMATION * tiles * (inputs + outputs);
    let direct = taps * filters * (pixels + WEIGHT) + COPY * taps * pixels * inputs;
    filtered < direct
}

impl Lowering<'_> {
    /// Whether a convolution without experts should be computed that way.
    pub(super) fn prefers_winograd(&self, id: NodeId, conv: &Conv, image: &Image) -> bool {
        let size = self.dims(id);
        let [height, width] = [size[2], size[3]];
        let window = &conv.window;
        self.options.rewrites.filters_by_winograd()
            && window.kernel == [KERNEL; 2]
            && window.stride == [1; 2]
            && window.dilation == [1; 2]
            && conv.groups == 1
            // Sums are taken over rows of pixels, not over tiles.
            && !self.averaged[id.index()]
            && costs_less(height.div_ceil(TILE) * width.div_ceil(TILE), height * width, image.channels, conv.out)
    }

    pub(super) fn winograd(
        &mut self,
        id: NodeId,
        chain: &Chain,
        conv: &Conv,
        image: &Image,
        filters: &Filters,
    ) -> View {
        let out = self.target(id, &CHANNELS_LAST, has_contiguous_channels);
        let [batch, channels, height, width] = [0, 1, 2, 3].map(|dim: usize| out.axes[dim]);
        let tiles = Tiles::new(batch.size, [height.size, width.size], [image.channels, conv.out]);
        let anchor = chain.anchor().into_iter().collect();
        let inputs = self.winograd_inputs(anchor, conv, image, tiles);
        let anchor = chain.anchor().into_iter().collect();
        let products = self.winograd_products(anchor, conv, filters, &inputs, (image.channels, tiles));
        let finish = self.finish_of_image(chain, &out, conv, filters, None);
        let shape = WinogradOutputShape {
            height: height.size,
            width: width.size,
            tiles: tiles.across,
            channels: channels.size,
            point_stride: products.axes[1].stride,
            out_stride: width.stride,
            out_row_stride: height.stride,
            residual_row_stride: self.residual_row_stride(chain),
            epilogue: finish.shape,
        };
        let step = WinogradOutput {
            outer: vec![batch.size],
            rows: tiles.down,
            products: along_batch(&products, tiles, channels.size),
            out: operand(&out, &[batch]),
            shape,
            finish: first_stride(finish),
        };
        self.push(chain.nodes.clone(), Work::WinogradOutput(step), 0);
        out
    }

    /// The transformed inputs, `[matrices, points, tiles × channels and a gap]`.
    fn winograd_inputs(&mut self, nodes: Vec<NodeId>, conv: &Conv, image: &Image, tiles: Tiles) -> View {
        let inputs = self.buffer(&[tiles.matrices(), GRID, tiles.of_matrix() * image.channels + GAP], &[0, 1, 2]);
        let [[top, _], [left, _]] = conv.window.padding;
        let shape = WinogradInputShape {
            height: image.height,
            width: image.width,
            tiles: tiles.across,
            channels: image.channels,
            top,
            left,
            pixel_stride: image.pixel_stride,
            row_stride: image.row_stride,
            point_stride: inputs.axes[1].stride,
        };
        let step = Rows {
            kernel: Kernel::WinogradInput,
            outer: vec![tiles.batch],
            rows: tiles.down,
            image: operand(&image.view, &[image.view.axes[0]]),
            out: along_batch(&inputs, tiles, image.channels),
            out_row_stride: tiles.across * image.channels,
            shape: RowsShape::WinogradInput(shape),
        };
        self.push(nodes, Work::Rows(step), 0);
        inputs
    }

    /// The products of inputs and filters, `[matrices, points, tiles × channels and a gap]`.
    fn winograd_products(
        &mut self,
        nodes: Vec<NodeId>,
        conv: &Conv,
        filters: &Filters,
        inputs: &View,
        (depth, tiles): (usize, Tiles),
    ) -> View {
        let (rows, columns) = (tiles.of_matrix(), conv.out);
        let outer = [tiles.matrices(), GRID];
        let products = self.buffer(&[outer[0], GRID, rows * columns + GAP], &[0, 1, 2]);
        let layout = Layout::Panels {
            outer: vec![Dimension { size: GRID, stride: 1 }],
            depth: vec![Dimension { size: depth, stride: GRID }],
            columns: Dimension { size: columns, stride: depth * GRID },
            tile: self.options.isa.tile(),
            dtype: Dtype::F32,
        };
        let total = layout.length();
        let offset = self.weights.winograd(self.graph, filters.kernel, layout);
        let product = Product {
            repeats: outer.iter().product(),
            rows,
            depth,
            columns,
            lines: None,
            makes_panels: false,
            part: None,
            has_sums: false,
            in_halves: false,
        };
        let step = Matmul {
            outer: outer.into(),
            rows,
            depth,
            columns,
            left: Left::Rows { rows: operand(inputs, &inputs.axes[..2]), stride: depth },
            right: Right::Packed { panels: weight_operand(offset, total, vec![0, total / GRID]), dtype: Dtype::F32 },
            out: operand(&products, &products.axes[..2]),
            out_stride: columns,
            finish: Finish::default(),
            blocking: self.blocking(&product),
            ahead: None,
        };
        self.push(nodes, Work::Matmul(step), outer[0] * GRID * rows * depth * columns);
        products
    }
}

/// What lies by matrices, points, then samples, as an operand that moves along the batch.
fn along_batch(view: &View, tiles: Tiles, channels: usize) -> Operand {
    let stride = match tiles {
        Tiles { batch: 1, .. } => 0,
        Tiles { together: 1, .. } => view.axes[0].stride,
        tiles => tiles.of_image() * channels,
    };
    Operand { strides: vec![stride], ..operand(view, &[]) }
}
