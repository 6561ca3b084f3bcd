//! Elementwise expressions, copies and fills.

use super::super::fuse::is_elementwise;
use super::super::step::{Elementwise, Expression, Operand, Transpose, Work};
use super::super::view::{Axis, View, merge_all, natural_order};
use super::{Lowering, operand};
use crate::graph::NodeId;
use crate::op::Op;
use crate::op::elementwise::Binary;

impl Lowering<'_> {
    /// The step of an expression whose root is `id`.
    pub(super) fn elementwise(&mut self, id: NodeId) -> View {
        let dims = self.dims(id);
        let mut views = Vec::new();
        let expression = self.expression(id, &dims, &mut views);
        // As the first operand of that size lies, so that nothing is read across.
        let order = views
            .iter()
            .find(|view: &&View| view.axes.iter().all(|axis| axis.stride != 0 || axis.size == 1))
            .map_or_else(|| natural_order(dims.len()), View::order);
        let out = self.target_in_order(id, &order);
        let nodes = self.tree(id);
        self.map(expression, &views, &out, nodes);
        out
    }

    /// The expression of a node; operands are stretched to `dims`.
    fn expression(&mut self, id: NodeId, dims: &[usize], views: &mut Vec<View>) -> Expression {
        let Some(node) = self.graph.node(id) else { return Expression::Constant(0.0) };
        let operands = self.graph.operands(id);
        let mut inner = |lowering: &mut Self, port: usize| match operands.get(port) {
            Some(operand) => lowering.leaf(*operand, dims, views),
            None => Expression::Constant(0.0),
        };
        match &node.op {
            Op::Activation(activation) => Expression::Activation(*activation, Box::new(inner(self, 0))),
            Op::Binary(operator) => {
                let left = inner(self, 0);
                Expression::Binary(*operator, Box::new(left), Box::new(inner(self, 1)))
            }
            Op::Prelu(_) => {
                let x = inner(self, 0);
                let Some(weight) = node.weights.first() else { return x };
                let (offset, channels) = self.vector(*weight);
                let mut axes: Vec<Axis> = dims.iter().map(|size| Axis { size: *size, stride: 0 }).collect();
                if let Some(axis) = axes.get_mut(1).filter(|axis| axis.size == channels) {
                    axis.stride = 1;
                }
                let slopes = View { place: super::Place::Weights, offset, axes };
                Expression::Prelu(Box::new(x), Box::new(load(slopes, views)))
            }
            _ => Expression::Constant(0.0),
        }
    }

    /// An operand of an expression: inlined, a number, or read from memory.
    fn leaf(&mut self, id: NodeId, dims: &[usize], views: &mut Vec<View>) -> Expression {
        match self.graph.node(id).map(|node| &node.op) {
            Some(op) if is_elementwise(op) && self.fusion.is_inlined(id) => self.expression(id, dims, views),
            #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
            Some(Op::Constant(constant)) if constant.data.len() == 1 => {
                Expression::Constant(constant.data.first().map_or(0.0, |value| *value as f32))
            }
            _ => load(self.view(id).broadcast(dims), views),
        }
    }

    /// Pushes `out = expression`, element by element; every view has the dimensions of `out`.
    fn map(&mut self, expression: Expression, views: &[View], out: &View, nodes: Vec<NodeId>) {
        let order = out.order();
        let all: Vec<Vec<Axis>> = [out].into_iter().chain(views).map(|view| view.permute(&order).axes).collect();
        let merged = merge_all(&all);
        let mut merged = merged.iter();
        let axes = merged.next().cloned().unwrap_or_default();
        let outer = axes.iter().map(|axis| axis.size).collect();
        let operands: Vec<Operand> = views.iter().zip(merged).map(|(view, axes)| operand(view, axes)).collect();
        let step = Elementwise { outer, operands, expression, out: operand(out, &axes) };
        self.push(nodes, Work::Elementwise(step), 0);
    }

    /// Copies the elements of a view into another of the same dimensions.
    pub(super) fn copy(&mut self, from: &View, to: &View, nodes: Vec<NodeId>) {
        if from.elements() == 0 {
            return;
        }
        let order = to.order();
        let merged = merge_all(&[to.permute(&order).axes, from.permute(&order).axes]);
        if let [target, source] = merged.as_slice()
            && let Some(work) = transposition((to, target), (from, source))
        {
            self.push(nodes, work, 0);
            return;
        }
        self.map(Expression::Load(0), std::slice::from_ref(from), to, nodes);
    }

    /// The sum of two views of the same dimensions in a new buffer.
    pub(super) fn add(&mut self, left: &View, right: &View) -> View {
        let sum = self.buffer(&left.dims(), &left.order());
        let load = |index| Box::new(Expression::Load(index));
        let expression = Expression::Binary(Binary::Add, load(0), load(1));
        self.map(expression, &[left.clone(), right.clone()], &sum, Vec::new());
        sum
    }

    /// Sets every element of a view.
    pub(super) fn fill(&mut self, value: f32, to: &View, nodes: Vec<NodeId>) {
        if to.elements() > 0 {
            self.map(Expression::Constant(value), &[], to, nodes);
        }
    }
}

fn load(view: View, views: &mut Vec<View>) -> Expression {
    let known = views.iter().position(|known| *known == view);
    Expression::Load(known.unwrap_or_else(|| {
        views.push(view);
        views.len() - 1
    }))
}

/// A copy as an exchange of rows and columns, if what is contiguous in one view is not in the other.
fn transposition((to, target): (&View, &[Axis]), (from, source): (&View, &[Axis])) -> Option<Work> {
    let last = target.len().checked_sub(1)?;
    let (inner_target, inner_source) = (target.get(last)?, source.get(last)?);
    if inner_target.stride != 1 || inner_source.stride <= 1 {
        return None;
    }
    let across = source.iter().position(|axis| axis.stride == 1 && axis.size > 1)?;
    let columns = target.get(across)?;
    let others = |axes: &[Axis]| -> Vec<Axis> {
        axes.iter().enumerate().filter(|(dim, _)| *dim != across && *dim != last).map(|(_, axis)| *axis).collect()
    };
    Some(Work::Transpose(Transpose {
        outer: others(target).iter().map(|axis| axis.size).collect(),
        rows: inner_source.size,
        columns: columns.size,
        source: operand(from, &others(source)),
        out: operand(to, &others(target)),
        source_stride: inner_source.stride,
        out_stride: columns.stride,
    }))
}
