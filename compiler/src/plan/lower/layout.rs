//! Concatenation, padding, rolling and gathering.

use super::super::step::{Gather, Work};
use super::super::view::View;
use super::{Lowering, operand, weight_operand};
use crate::graph::NodeId;
use crate::op::layout::{Pad, Roll};
use crate::op::slice::Gather as GatherOp;

impl Lowering<'_> {
    /// Whatever was not written into its part by its own step is copied there.
    pub(super) fn concat(&mut self, id: NodeId, dim: usize, operands: &[NodeId]) -> View {
        let whole = self.reserve(id);
        let mut start = 0;
        for operand in operands {
            let view = self.view(*operand);
            let part = whole.slice(dim, start, view.axes[dim].size, 1);
            start += view.axes[dim].size;
            if view != part {
                self.copy(&view, &part, vec![id]);
            }
        }
        whole
    }

    pub(super) fn pad(&mut self, id: NodeId, pad: &Pad, x: NodeId) -> View {
        let view = self.view(x);
        let out = self.target_in_order(id, &view.order());
        #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
        self.fill(pad.value as f32, &out, vec![id]);
        let mut inside = out.clone();
        for (dim, ([before, _], axis)) in pad.sides.iter().zip(&view.axes).enumerate() {
            inside = inside.slice(dim, *before, axis.size, 1);
        }
        self.copy(&view, &inside, vec![id]);
        out
    }

    /// Output `i` is input `i - shift`: along each dimension two pieces change places. Two dimensions at a time, since each
    /// doubles the pieces.
    pub(super) fn roll(&mut self, id: NodeId, roll: &Roll, x: NodeId) -> View {
        let mut view = self.view(x);
        let shift_of = |dim: usize, size: usize| {
            let shift: i64 = roll.shifts.iter().filter(|(own, _)| *own == dim).map(|(_, shift)| *shift).sum();
            let length = i64::try_from(size).unwrap_or(1).max(1);
            usize::try_from(shift.rem_euclid(length)).unwrap_or(0)
        };
        let sizes = view.dims().into_iter().enumerate();
        let shifts: Vec<(usize, usize)> = sizes.map(|(dim, size)| (dim, shift_of(dim, size))).collect();
        let mut shifts: Vec<(usize, usize)> = shifts.into_iter().filter(|(_, shift)| *shift > 0).collect();
        loop {
            let rest = shifts.split_off(shifts.len().min(2));
            let out = if rest.is_empty() {
                self.target_in_order(id, &view.order())
            } else {
                self.buffer(&view.dims(), &view.order())
            };
            let mut pieces = vec![(view.clone(), out.clone())];
            for (dim, shift) in shifts {
                let size = view.axes[dim].size;
                let exchange = |(from, to): (View, View)| {
                    let stay = size - shift;
                    [
                        (from.slice(dim, 0, stay, 1), to.slice(dim, shift, stay, 1)),
                        (from.slice(dim, stay, shift, 1), to.slice(dim, 0, shift, 1)),
                    ]
                };
                pieces = pieces.into_iter().flat_map(exchange).collect();
            }
            for (from, to) in pieces {
                self.copy(&from, &to, vec![id]);
            }
            if rest.is_empty() {
                return out;
            }
            shifts = rest;
            view = out;
        }
    }

    pub(super) fn gather(&mut self, id: NodeId, gather: &GatherOp, x: NodeId) -> View {
        let rank = self.dims(x).len();
        let dim = gather.dim;
        let row_major: Vec<usize> = (0..rank).collect();
        let is_contiguous = |view: &View| match view.merged(dim + 1..rank) {
            Some(entry) => entry.stride == 1 || entry.size == 1,
            None => false,
        };
        let source = self.arranged(x, &row_major, is_contiguous);
        let length: usize = source.axes[dim + 1..].iter().map(|axis| axis.size).product();
        let table = dim..dim + gather.table.rank();
        let out_rank = self.dims(id).len();
        let accepts = |view: &View| {
            let entry = view.merged(table.end..out_rank);
            entry.is_some_and(|entry| entry.stride == 1 || entry.size == 1) && view.merged(table.clone()).is_some()
        };
        let out = self.target(id, &(0..out_rank).collect::<Vec<_>>(), accepts);
        let indices: Vec<u32> = gather.indices.iter().map(|index| u32::try_from(*index).unwrap_or(u32::MAX)).collect();
        let count = indices.len();
        let offset = self.weights.indices(indices.into());
        let outer = &out.axes[..dim];
        let step = Gather {
            outer: outer.iter().map(|axis| axis.size).collect(),
            source: operand(&source, &source.axes[..dim]),
            indices: weight_operand(offset, count, vec![0; dim]),
            count,
            length,
            source_stride: source.axes[dim].stride,
            out_stride: out.merged(table).map_or(length, |axis| axis.stride),
            out: operand(&out, outer),
        };
        self.push(vec![id], Work::Gather(step), 0);
        out
    }
}
