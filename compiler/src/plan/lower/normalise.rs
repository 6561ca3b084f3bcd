//! Softmax, layer and group normalisation.

use parameternet_runtime::abi::{Kernel, NormShape, SoftmaxShape};

use super::super::step::{Norm, Operand, Softmax, Work};
use super::super::view::{Axis, View, merge_all};
use super::{Lowering, operand, weight_operand};
use crate::graph::{Node, NodeId};
use crate::op::activation::Softmax as SoftmaxOp;
use crate::op::norm::{GroupNorm, LayerNorm};

/// Two views of the same dimensions as rows along one of them: what stands around the rows, and the rows' own axis.
struct RowsOf {
    source_outer: Vec<Axis>,
    out_outer: Vec<Axis>,
    source_rows: Axis,
    out_rows: Axis,
}

impl RowsOf {
    fn new(source: &View, out: &View, dim: usize) -> RowsOf {
        let order: Vec<usize> = out.order().into_iter().filter(|other| *other != dim).collect();
        let mut merged = merge_all(&[source.permute(&order).axes, out.permute(&order).axes]);
        let one = Axis { size: 1, stride: 0 };
        let out_rows = merged[1].pop().unwrap_or(one);
        let source_rows = merged[0].pop().unwrap_or(one);
        let out_outer = merged.pop().unwrap_or_default();
        let source_outer = merged.pop().unwrap_or_default();
        RowsOf { source_outer, out_outer, source_rows, out_rows }
    }

    fn outer(&self) -> Vec<usize> {
        self.out_outer.iter().map(|axis| axis.size).collect()
    }
}

impl Lowering<'_> {
    /// A value whose elements along `dim` are contiguous, and a target that lies the same way.
    fn along(&mut self, id: NodeId, x: NodeId, dim: usize) -> (View, View) {
        let mut order = self.view(x).order();
        order.retain(|other| *other != dim);
        order.push(dim);
        let source = self.arranged(x, &order, |view| view.is_contiguous_along(dim));
        let out = self.target(id, &order, |view| view.is_contiguous_along(dim));
        (source, out)
    }

    pub(super) fn softmax(&mut self, id: NodeId, op: SoftmaxOp, x: NodeId) -> View {
        let (source, out) = self.along(id, x, op.dim);
        let rows = RowsOf::new(&source, &out, op.dim);
        #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
        let temperature = op.temperature as f32;
        let step = Softmax {
            outer: rows.outer(),
            rows: rows.out_rows.size,
            source: operand(&source, &rows.source_outer),
            out: operand(&out, &rows.out_outer),
            shape: SoftmaxShape {
                columns: source.axes[op.dim].size,
                source_stride: rows.source_rows.stride,
                out_stride: rows.out_rows.stride,
                temperature,
                ..SoftmaxShape::default()
            },
        };
        self.push(vec![id], Work::Softmax(step), 0);
        out
    }

    pub(super) fn layer_norm(&mut self, id: NodeId, node: &Node, op: LayerNorm, x: NodeId) -> View {
        let (source, out) = self.along(id, x, op.dim);
        let rows = RowsOf::new(&source, &out, op.dim);
        let shape = NormShape {
            columns: source.axes[op.dim].size,
            groups: 1,
            source_stride: rows.source_rows.stride,
            out_stride: rows.out_rows.stride,
            eps: narrow(op.eps),
        };
        let [weight, bias] = self.scale_and_bias(node, op.affine, rows.outer().len());
        let step = Norm {
            kernel: Kernel::LayerNorm,
            outer: rows.outer(),
            rows: rows.out_rows.size,
            source: operand(&source, &rows.source_outer),
            out: operand(&out, &rows.out_outer),
            weight,
            bias,
            shape,
        };
        self.push(vec![id], Work::Norm(step), 0);
        out
    }

    pub(super) fn group_norm(&mut self, id: NodeId, node: &Node, op: GroupNorm, x: NodeId) -> View {
        let rank = self.dims(x).len();
        // Batch, all that is no channel, channels: one image per sample.
        let order: Vec<usize> = std::iter::once(0).chain(2..rank).chain(std::iter::once(1)).collect();
        let is_image = |view: &View| view.is_contiguous_along(1) && view.merged(2..rank).is_some();
        let source = self.arranged(x, &order, is_image);
        let out = self.target(id, &order, is_image);
        let pixels = |view: &View| view.merged(2..rank).unwrap_or(Axis { size: 1, stride: 0 });
        let channels = source.axes[1].size;
        let shape = NormShape {
            columns: channels / op.groups.max(1),
            groups: op.groups,
            source_stride: pixels(&source).stride,
            out_stride: pixels(&out).stride,
            eps: narrow(op.eps),
        };
        let [weight, bias] = self.scale_and_bias(node, op.affine, 1);
        let step = Norm {
            kernel: Kernel::GroupNorm,
            outer: vec![out.axes[0].size],
            rows: pixels(&out).size,
            source: operand(&source, &source.axes[..1]),
            out: operand(&out, &out.axes[..1]),
            weight,
            bias,
            shape,
        };
        self.push(vec![id], Work::Norm(step), 0);
        out
    }

    fn scale_and_bias(&mut self, node: &Node, affine: bool, outer: usize) -> [Option<Operand>; 2] {
        [0, 1].map(|index: usize| {
            let weight = node.weights.get(index).copied().filter(|_| affine)?;
            let (offset, length) = self.vector(weight);
            Some(weight_operand(offset, length, vec![0; outer]))
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
