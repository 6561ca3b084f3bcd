//! Merges parallel linear branches over one input into one convolution.
//!
//! A sum of convolutions of the same input is a convolution with the sum of their kernels, the smaller ones embedded in the
//! largest; the input itself, and a batch norm of it, are convolutions with a diagonal kernel. So the three branches of a
//! RepVGG block (Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", CVPR 2021, section 3.3) become one 3x3
//! convolution. Invariant: only branches that nothing else needs are merged.

use super::Pass;
use super::fold::{self, Affine};
use super::fold_batch_norm::affine_of;
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Graph, NodeId, WeightId};
use crate::op::Op;
use crate::op::conv::Conv;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;
use crate::op::window::Window;
use crate::shape::Shape;
use crate::weight::{Recipe, Role};

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "merge-branches",
    summary: "Merge parallel convolutions, identities and batch norms of one input into one convolution",
    run,
};

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| match &node.op {
        Op::Binary(Binary::Add) => merge(graph, rewrite, id),
        _ => Ok(None),
    })
}

/// A branch as a convolution of `input`.
#[derive(Debug, Clone, Copy)]
struct Branch {
    input: NodeId,
    conv: Conv,
    kernel: WeightId,
    bias: Option<WeightId>,
}

/// The sum as one convolution, if one side is a convolution and the other can be seen as one of the same input.
fn merge(graph: &Graph, rewrite: &mut Rewrite<'_>, id: NodeId) -> Result<Option<NodeId>, OpError> {
    let (&[left, right], &[new_left, new_right]) = (graph.operands(id).as_slice(), rewrite.operands(id).as_slice())
    else {
        return Ok(None);
    };
    let same_shape = |graph: &Graph| graph.node(new_left).map(|n| &n.shape) == graph.node(new_right).map(|n| &n.shape);
    if !same_shape(rewrite.graph()) || left == right {
        return Ok(None);
    }
    let sides = [(left, new_left), (right, new_right)];
    let Some((position, first)) = sides.iter().enumerate().find_map(|(position, (old, new))| {
        convolution(rewrite.graph(), *new).filter(|_| fold::has_one_use(graph, *old)).map(|branch| (position, branch))
    }) else {
        return Ok(None);
    };
    let Some(&(other_old, other_new)) = sides.get(1 - position) else { return Ok(None) };
    let Some(second) = branch(graph, rewrite, other_old, other_new, &first) else { return Ok(None) };
    let Some((outer, inner, offset)) = nested(&first, &second) else { return Ok(None) };
    let Some(origin) = graph.node(id).cloned() else { return Ok(None) };
    let shape_of =
        |rewrite: &Rewrite<'_>, id| rewrite.graph().weight(id).map(|weight| (weight.shape.clone(), weight.role));
    let Some((shape, role)) = shape_of(rewrite, outer.kernel) else { return Ok(None) };
    let embedded = if inner.conv.window.kernel == outer.conv.window.kernel {
        inner.kernel
    } else {
        let recipe = Recipe::Embed { of: inner.kernel, offset, kernel: outer.conv.window.kernel };
        rewrite.derive(inner.kernel, shape.clone(), role, recipe)
    };
    let kernel = rewrite.derive(outer.kernel, shape, role, Recipe::Sum { left: outer.kernel, right: embedded });
    let bias = match (outer.bias, inner.bias) {
        (Some(left), Some(right)) => {
            Some(rewrite.derive(left, Shape::from([outer.conv.out]), Role::Bias, Recipe::Sum { left, right }))
        }
        (left, right) => left.or(right),
    };
    let weights = [Some(kernel), bias].into_iter().flatten().collect();
    let conv = Conv { bias: bias.is_some(), ..outer.conv };
    rewrite.add(Op::Conv(conv), &[outer.input], weights, &origin).map(Some)
}

/// A node of the new graph as a branch, if it is a convolution.
fn convolution(graph: &Graph, id: NodeId) -> Option<Branch> {
    let node = graph.node(id)?;
    let Op::Conv(conv) = &node.op else { return None };
    let input = *graph.operands(id).first()?;
    let bias = if conv.bias { Some(*node.weights.get(1)?) } else { None };
    Some(Branch { input, conv: *conv, kernel: *node.weights.first()?, bias })
}

/// The other side of the sum as a branch over the input of `first`.
fn branch(graph: &Graph, rewrite: &mut Rewrite<'_>, old: NodeId, new: NodeId, first: &Branch) -> Option<Branch> {
    let node = rewrite.graph().node(new)?.clone();
    if let Op::Conv(_) = node.op
        && new != first.input
    {
        let branch = convolution(rewrite.graph(), new)?;
        return (branch.input == first.input && fold::has_one_use(graph, old)).then_some(branch);
    }
    let [_, channels, ..] = node.shape.nchw()?;
    let stride = first.conv.window.stride;
    // The identity passes on every channel where it stands; a larger stride or another order of channels cannot.
    if stride != [1, 1] || channels != first.conv.out {
        return None;
    }
    let affine = match &node.op {
        _ if new == first.input => {
            let ones = fold::constant(rewrite, first.kernel, vec![1.0; channels]);
            Affine { scale: Some(ones), shift: None }
        }
        Op::BatchNorm(norm) => {
            let is_of_input = rewrite.graph().operands(new).first() == Some(&first.input);
            if !is_of_input || !fold::has_one_use(graph, old) {
                return None;
            }
            affine_of(rewrite, &node, norm, channels)?
        }
        _ => return None,
    };
    let inputs = channels / first.conv.groups;
    let scale = affine.scale?;
    let shape = Shape::from([channels, inputs, 1, 1]);
    let role = Role::Kernel { fan_in: inputs };
    let kernel = rewrite.derive(first.kernel, shape, role, Recipe::Diagonal { of: scale, inputs });
    let bias = affine.shift;
    let window = Window { kernel: [1, 1], padding: [[0; 2]; 2], dilation: [1, 1], ..first.conv.window };
    let conv = Conv { window, bias: bias.is_some(), ..first.conv };
    Some(Branch { input: first.input, conv, kernel, bias })
}

/// The branch with the larger window, the other, and where the smaller kernel lies in the larger one.
fn nested(first: &Branch, second: &Branch) -> Option<(Branch, Branch, [usize; 2])> {
    let inside = |outer: &Branch, inner: &Branch| {
        let (large, small) = (&outer.conv.window, &inner.conv.window);
        // Taps of dilated kernels lie apart; a kernel of one tap has no dilation.
        let is_dense = |window: &Window| window.dilation == [1, 1] || window.kernel == [1, 1];
        if large.stride != small.stride
            || outer.conv.groups != inner.conv.groups
            || !is_dense(large)
            || !is_dense(small)
        {
            return None;
        }
        let [[large_top, _], [large_left, _]] = large.padding;
        let [[small_top, _], [small_left, _]] = small.padding;
        let offset = [large_top.checked_sub(small_top)?, large_left.checked_sub(small_left)?];
        let fits =
            offset.iter().zip(small.kernel).zip(large.kernel).all(|((offset, small), large)| offset + small <= large);
        fits.then_some((*outer, *inner, offset))
    };
    inside(first, second).or_else(|| inside(second, first))
}
