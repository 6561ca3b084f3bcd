//! Lowering: from the nodes of a graph to steps on buffers.
//!
//! In: a graph, what is fused, where values are wanted. Out: [`Lowered`]: the steps in order and the length of each buffer;
//! their places in the arena come later. Nodes are taken in order; each makes its step (a chain where its last node stands),
//! or is only another [`View`] of a value. A kernel that needs its operand to lie otherwise gets a dense copy, made once per
//! order.
//!
//! Invariant: a value's view shows what earlier steps wrote, and nothing writes there again.

#![expect(clippy::indexing_slicing, reason = "a verified graph: ranks, dimensions and ids fit by construction")]

mod convolution;
mod elementwise;
mod layout;
mod linear;
mod normalise;
mod product;
mod reduce;
mod strassen;
mod winograd;

use std::collections::HashMap;

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::Epilogue;
use parameternet_runtime::blocking::{Blocking, Product};
use parameternet_runtime::program::Round;

use super::fuse::{Chain, Fusion, is_elementwise};
use super::place::{Destination, Placement};
use super::step::{Finish, Operand, Step, Work};
use super::view::{Axis, CHANNELS_LAST, Place, View, natural_order};
use super::weights::{Weights, ordered};
use super::{BufferId, ImageLayout, Options, PlanError, Port};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;

/// A plan whose buffers have no places yet.
#[derive(Debug)]
pub struct Lowered {
    /// The name of the network.
    pub network: String,
    /// What it is made for.
    pub options: Options,
    /// The inputs in order.
    pub inputs: Vec<Port>,
    /// The outputs in order.
    pub outputs: Vec<Port>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// See [`Plan::rounds`](super::Plan::rounds).
    pub rounds: Vec<Round>,
    /// The length of each buffer.
    pub buffers: Vec<usize>,
    /// The prepared weights.
    pub weights: Weights,
}

/// See the module's documentation.
///
/// # Errors
/// When a node is not as [`crate::graph::verify`] says, or is one of those that [`super::plan`] takes apart before.
pub fn lower(graph: &Graph, fusion: &Fusion, placement: &Placement, options: &Options) -> Result<Lowered, PlanError> {
    let mut lowering = Lowering {
        graph,
        fusion,
        placement,
        options,
        views: vec![None; graph.node_count()],
        reserved: HashMap::new(),
        copies: HashMap::new(),
        averaged: averaged(graph, options),
        sums: HashMap::new(),
        buffers: Vec::new(),
        weights: Weights::default(),
        steps: Vec::new(),
    };
    for (index, port) in graph.inputs().iter().enumerate() {
        let dims = lowering.dims(port.node);
        let view = View::dense(Place::Input(index), 0, &dims, &lowering.port_order(dims.len()));
        lowering.views[port.node.index()] = Some(view);
    }
    for (id, node) in graph.nodes() {
        if !fusion.is_absorbed(id) {
            lowering.node(id, node)?;
        }
    }
    for (index, port) in graph.outputs().iter().enumerate() {
        let dims = lowering.dims(port.node);
        let wanted = View::dense(Place::Output(index), 0, &dims, &lowering.port_order(dims.len()));
        let view = lowering.view(port.node);
        if view.place != wanted.place {
            lowering.copy(&view, &wanted, vec![port.node]);
        }
    }
    let port = |port: &crate::graph::Port| Port {
        name: port.name.clone(),
        shape: graph.node(port.node).map(|node| node.shape.clone()).unwrap_or_default(),
    };
    Ok(Lowered {
        network: graph.network.clone(),
        options: *options,
        inputs: graph.inputs().iter().map(port).collect(),
        outputs: graph.outputs().iter().map(port).collect(),
        steps: lowering.steps,
        rounds: Vec::new(),
        buffers: lowering.buffers,
        weights: lowering.weights,
    })
}

/// By node: whether it is an image of more than a few pixels whose global average another node is.
fn averaged(graph: &Graph, options: &Options) -> Vec<bool> {
    let mut averaged = vec![false; graph.node_count()];
    for (id, node) in graph.nodes().filter(|_| options.rewrites.accumulates_means()) {
        if let Op::Mean(mean) = &node.op
            && mean.dims == [2, 3]
            && let Some(x) = graph.operands(id).first()
        {
            let shape = graph.node(*x).and_then(|node| node.shape.nchw());
            averaged[x.index()] = shape.is_some_and(|[_, _, height, width]| height * width >= MANY_PIXELS);
        }
    }
    averaged
}

/// Fewest pixels whose sums are worth a second result.
const MANY_PIXELS: usize = 16;

/// Fewest weights of a layer without experts that are worth storing in fewer bytes.
const MANY_WEIGHTS: usize = 1 << 14;

struct Lowering<'g> {
    graph: &'g Graph,
    fusion: &'g Fusion,
    placement: &'g Placement,
    options: &'g Options,
    /// By node: where its value lies.
    views: Vec<Option<View>>,
    /// Where concatenations whose parts are being written lie.
    reserved: HashMap<NodeId, View>,
    /// Dense copies, by node and order of dimensions.
    copies: HashMap<(NodeId, Vec<usize>), View>,
    /// By node: whether it is an image whose global average is wanted.
    averaged: Vec<bool>,
    /// Sums of images per channel, `[batch, parts, channels]`, by node.
    sums: HashMap<NodeId, View>,
    buffers: Vec<usize>,
    weights: Weights,
    steps: Vec<Step>,
}

/// An image that a kernel reads: its channels are contiguous, unless it is taken plane by plane.
#[derive(Debug, Clone)]
struct Image {
    view: View,
    batch: usize,
    channels: usize,
    height: usize,
    width: usize,
    pixel_stride: usize,
    row_stride: usize,
    /// Whether it is read one channel after the other, each a plane of its own.
    in_planes: bool,
}

impl Image {
    fn of(view: View) -> Image {
        let [batch, channels, height, width] = [0, 1, 2, 3].map(|dim: usize| view.axes[dim]);
        Image {
            batch: batch.size,
            channels: channels.size,
            height: height.size,
            width: width.size,
            pixel_stride: width.stride,
            row_stride: height.stride,
            in_planes: false,
            view,
        }
    }
}

/// Whether a view can be written by kernels that write pixels: channels are contiguous.
fn has_contiguous_channels(view: &View) -> bool {
    view.axes.len() == 4 && view.is_contiguous_along(1)
}

/// Whether moreover all pixels of an image are evenly apart.
fn has_even_pixels(view: &View) -> bool {
    has_contiguous_channels(view) && view.merged(2..4).is_some()
}

/// Whether the last dimension is contiguous and all those before it are evenly apart.
fn has_even_rows(view: &View) -> bool {
    let last = view.axes.len().saturating_sub(1);
    !view.axes.is_empty() && view.is_contiguous_along(last) && view.merged(0..last).is_some()
}

/// A pointer to the first element of a view that moves along these axes of it. Along a dimension of one element nothing
/// moves.
fn operand(view: &View, outer: &[Axis]) -> Operand {
    let stride = |axis: &Axis| if axis.size == 1 { 0 } else { axis.stride };
    Operand { place: view.place, offset: view.offset, strides: outer.iter().map(stride).collect(), end: view.end() }
}

/// A pointer to something in the prepared weights.
fn weight_operand(offset: usize, length: usize, strides: Vec<usize>) -> Operand {
    Operand { place: Place::Weights, offset, strides, end: offset + length }
}

impl Lowering<'_> {
    fn blocking(&self, product: &Product) -> Blocking {
        product.blocking(self.options.isa.tile(), self.options.threads)
    }

    /// What the weights of a layer without experts are stored as. Fewer bytes are worth it where each weight is used once a
    /// sample, so that reading it is all there is to do. The batch must not matter: the results would depend on it.
    fn dtype_without_experts(&self, rows_of_sample: usize, weights: usize) -> Dtype {
        if rows_of_sample == 1 && weights >= MANY_WEIGHTS { self.options.experts_dtype } else { Dtype::F32 }
    }

    fn defect(&self, node: NodeId, reason: &'static str) -> PlanError {
        let operation = self.graph.node(node).map_or("?", |node| node.op.name());
        PlanError::Defect { node, operation, reason }
    }

    fn dims(&self, id: NodeId) -> Vec<usize> {
        self.graph.node(id).map(|node| node.shape.dims().to_vec()).unwrap_or_default()
    }

    /// How inputs and outputs of that rank lie in the caller's memory.
    fn port_order(&self, rank: usize) -> Vec<usize> {
        match self.options.layout {
            ImageLayout::Nhwc => natural_order(rank),
            ImageLayout::Nchw => (0..rank).collect(),
        }
    }

    fn node(&mut self, id: NodeId, node: &Node) -> Result<(), PlanError> {
        if node.shape.elements() == 0 {
            self.views[id.index()].get_or_insert(View::dense(
                Place::Weights,
                0,
                node.shape.dims(),
                &natural_order(node.shape.rank()),
            ));
            return Ok(());
        }
        let operands = self.graph.operands(id);
        let x = operands.first().copied().unwrap_or(id);
        if let Some(chain) = self.fusion.chain(id).cloned() {
            return self.chain(id, &chain);
        }
        let view = match &node.op {
            // Known from the start, or made when they are read.
            Op::Input(_) | Op::Param(_) | Op::Constant(_) => return Ok(()),
            Op::Conv(_) | Op::DynamicConv(_) | Op::Linear(_) | Op::Matmul(_) => return self.chain(id, &Chain::of(id)),
            Op::Routing(_) | Op::Attention(_) | Op::BatchNorm(_) => {
                return Err(self.defect(id, "it should have been taken apart before"));
            }
            Op::LayerNorm(op) => self.layer_norm(id, node, *op, x),
            Op::GroupNorm(op) => self.group_norm(id, node, *op, x),
            Op::Softmax(op) => self.softmax(id, *op, x),
            Op::Activation(_) | Op::Prelu(_) | Op::Binary(_) => self.elementwise(id),
            Op::MaxPool(op) => self.max_pool(id, *op, x),
            Op::AvgPool(op) => self.average_pool(id, *op, x),
            Op::AdaptiveAvgPool(_) => self.adaptive_average_pool(id, x),
            Op::Upsample(op) => self.upsample(id, *op, x),
            Op::Mean(op) => self.mean(id, op, x)?,
            Op::Concat(op) => self.concat(id, op.dim, &operands),
            Op::Slice(op) => {
                let mut view = self.view(x);
                for (dim, range) in op.ranges.iter().enumerate() {
                    view = view.slice(dim, range.start, range.count, range.step);
                }
                view
            }
            Op::Gather(op) => self.gather(id, op, x),
            Op::Reshape(op) => match self.view(x).reshape(op.shape.dims()) {
                Some(view) => view,
                None => {
                    let rank = self.dims(x).len();
                    let copied = self.dense(x, &(0..rank).collect::<Vec<_>>());
                    copied.reshape(op.shape.dims()).ok_or_else(|| self.defect(id, "a dense tensor has every shape"))?
                }
            },
            Op::Expand(op) => self.view(x).broadcast(op.shape.dims()),
            Op::Permute(op) => self.view(x).permute(&op.order),
            Op::Roll(op) => self.roll(id, op, x),
            Op::Pad(op) => self.pad(id, op, x),
            Op::Dropout(_) | Op::DropPath(_) => self.view(x),
        };
        self.views[id.index()] = Some(view);
        Ok(())
    }

    /// Makes the step of a chain that ends at `id`.
    fn chain(&mut self, id: NodeId, chain: &Chain) -> Result<(), PlanError> {
        let anchor = chain.anchor().unwrap_or(id);
        let node = self.graph.node(anchor).ok_or_else(|| self.defect(id, "its chain has no beginning"))?;
        let view = match &node.op {
            Op::Conv(op) => self.convolution(id, chain, node, op, None)?,
            Op::DynamicConv(op) => self.convolution(id, chain, node, &op.conv, Some(op))?,
            Op::Linear(op) => self.linear(id, chain, node, *op)?,
            Op::Matmul(_) => self.matmul(id, chain),
            _ => return Err(self.defect(anchor, "it cannot begin a chain")),
        };
        self.views[id.index()] = Some(view);
        Ok(())
    }

    /// Where the value of a node lies. Parameters and constants are put among the weights when they are first read.
    fn view(&mut self, id: NodeId) -> View {
        if let Some(view) = &self.views[id.index()] {
            return view.clone();
        }
        let order = natural_order(self.dims(id).len());
        let view = self.stored(id, &order);
        self.views[id.index()] = Some(view.clone());
        view
    }

    /// Whether it is a parameter or constant that nothing has read yet: its first reader decides how it lies.
    fn is_unread(&self, id: NodeId) -> bool {
        self.views[id.index()].is_none() && self.is_stored(id)
    }

    fn is_stored(&self, id: NodeId) -> bool {
        self.graph.node(id).is_some_and(|node| matches!(node.op, Op::Param(_) | Op::Constant(_)))
    }

    /// A parameter or constant among the weights, in this order of its dimensions.
    fn stored(&mut self, id: NodeId, order: &[usize]) -> View {
        let Some(node) = self.graph.node(id) else { return View::dense(Place::Weights, 0, &[], &[]) };
        let layout = ordered(&node.shape, order);
        let offset = match &node.op {
            Op::Constant(constant) => self.weights.constant(constant.data.clone(), layout),
            _ => node.weights.first().map_or(0, |weight| self.weights.weight(self.graph, *weight, layout)),
        };
        View::dense(Place::Weights, offset, node.shape.dims(), order)
    }

    fn buffer(&mut self, dims: &[usize], order: &[usize]) -> View {
        let id = BufferId(self.buffers.len());
        self.buffers.push(dims.iter().product());
        View::dense(Place::Buffer(id), 0, dims, order)
    }

    /// Where a node writes its value: where it is wanted, if `accept` takes that, else into a new buffer in this order.
    fn target(&mut self, id: NodeId, order: &[usize], accept: impl Fn(&View) -> bool) -> View {
        let dims = self.dims(id);
        let wanted = match self.placement.of(id) {
            Some(Destination::Part { concat, dim, start }) => {
                Some(self.reserve(concat).slice(dim, start, dims[dim], 1))
            }
            Some(Destination::Output(index)) => {
                Some(View::dense(Place::Output(index), 0, &dims, &self.port_order(dims.len())))
            }
            None => None,
        };
        match wanted {
            Some(view) if accept(&view) => view,
            _ => self.buffer(&dims, order),
        }
    }

    /// [`Lowering::target`] for what is written fastest in this order of dimensions.
    fn target_in_order(&mut self, id: NodeId, order: &[usize]) -> View {
        let wanted = View::dense(Place::Weights, 0, &self.dims(id), order).order();
        self.target(id, order, |view| view.order() == wanted)
    }

    /// Where a concatenation lies; its parts may be written before its turn comes.
    fn reserve(&mut self, concat: NodeId) -> View {
        // A concatenation may be part of another, and so on: from the outermost that lies nowhere yet, inwards.
        let mut open = vec![concat];
        while let Some(Destination::Part { concat: outer, .. }) =
            open.last().and_then(|inner| self.placement.of(*inner))
            && !self.reserved.contains_key(&outer)
        {
            open.push(outer);
        }
        while let Some(inner) = open.pop() {
            if !self.reserved.contains_key(&inner) {
                let rank = self.dims(inner).len();
                let view = self.target(inner, &natural_order(rank), |_| true);
                self.reserved.insert(inner, view);
            }
        }
        self.reserved.get(&concat).cloned().unwrap_or_else(|| View::dense(Place::Weights, 0, &[], &[]))
    }

    /// A dense copy of a value in this order of its dimensions, or the value itself if it lies so. What is stored is prepared in that order.
    fn dense(&mut self, id: NodeId, order: &[usize]) -> View {
        if self.is_unread(id) {
            let view = self.stored(id, order);
            self.views[id.index()] = Some(view.clone());
            return view;
        }
        let view = self.view(id);
        let same = View::dense(view.place, view.offset, &view.dims(), order);
        let fits = same.axes.iter().zip(&view.axes).all(|(same, own)| same == own || own.size == 1);
        if fits || view.elements() == 0 {
            return same;
        }
        if let Some(copy) = self.copies.get(&(id, order.to_vec())) {
            return copy.clone();
        }
        let copy = if self.is_stored(id) {
            self.stored(id, order)
        } else {
            let copy = self.buffer(&view.dims(), order);
            self.copy(&view, &copy, Vec::new());
            copy
        };
        self.copies.insert((id, order.to_vec()), copy.clone());
        copy
    }

    /// The value itself if `accept` takes it as it lies, else a dense copy in this order.
    fn arranged(&mut self, id: NodeId, order: &[usize], accept: impl Fn(&View) -> bool) -> View {
        if self.is_unread(id) {
            return self.dense(id, order);
        }
        let view = self.view(id);
        if accept(&view) { view } else { self.dense(id, order) }
    }

    /// A value as an image with contiguous channels.
    fn image(&mut self, id: NodeId) -> Image {
        Image::of(self.arranged(id, &CHANNELS_LAST, has_contiguous_channels))
    }

    /// A vector of one number per channel among the weights.
    fn vector(&mut self, weight: crate::graph::WeightId) -> (usize, usize) {
        let shape = self.graph.weight(weight).map(|weight| weight.shape.clone()).unwrap_or_default();
        let order: Vec<usize> = (0..shape.rank()).collect();
        (self.weights.weight(self.graph, weight, ordered(&shape, &order)), shape.elements())
    }

    /// An epilogue without operands.
    fn activations(chain: &Chain) -> Finish {
        let shape = Epilogue { before: chain.before, after: chain.after, residual_stride: 0, fetch: 0 };
        Finish { shape, ..Finish::default() }
    }

    fn push(&mut self, nodes: Vec<NodeId>, work: Work, multiply_adds: usize) {
        self.steps.push(Step { nodes, work, multiply_adds: multiply_adds as u64 });
    }

    /// The nodes of the expression whose root is `id`.
    fn tree(&self, id: NodeId) -> Vec<NodeId> {
        let mut nodes = vec![id];
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            next += 1;
            if self.graph.node(node).is_some_and(|node| is_elementwise(&node.op)) {
                nodes.extend(self.graph.operands(node).into_iter().filter(|operand| self.fusion.is_inlined(*operand)));
            }
        }
        nodes.reverse();
        nodes
    }
}
