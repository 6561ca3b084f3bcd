//! Moves a number that a factor of a matrix product is multiplied with, or divided by, behind the product.
//!
//! `(q / c) k + bias` becomes `(q k) / c + bias` where the bias is smaller than the product: then the sum is a pass over memory
//! anyway, which takes the division up, while the factor would be written once more for it. Attention with a bias is written so.
//! Invariant: only nodes that nothing else needs are changed.

use super::Pass;
use super::fold::has_one_use;
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::op::error::OpError;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "delay-scales",
    summary: "Scale matrix products rather than their factors, where other arithmetic follows that takes the scale up",
    run: |graph| {
        rewrite(graph, |rewrite, id, node| match node.op {
            Op::Binary(operator) => delay(graph, rewrite, id, node, operator),
            _ => Ok(None),
        })
    },
};

/// The node that replaces arithmetic on a product and something smaller.
fn delay(
    graph: &Graph,
    rewrite: &mut Rewrite<'_>,
    id: NodeId,
    node: &Node,
    operator: Binary,
) -> Result<Option<NodeId>, OpError> {
    let operands = graph.operands(id);
    let shape_of = |id: &NodeId| graph.node(*id).map(|node| &node.shape);
    let is_product = |id: &NodeId| graph.node(*id).is_some_and(|node| matches!(node.op, Op::Matmul(_)));
    // What is as large is added by the product itself.
    let Some(position) = operands.iter().position(|operand| is_product(operand) && has_one_use(graph, *operand)) else {
        return Ok(None);
    };
    let is_whole = |index: usize| operands.get(index).and_then(shape_of) == Some(&node.shape);
    if operands.len() != 2 || !is_whole(position) || is_whole(1 - position) {
        return Ok(None);
    }
    let mut terms = rewrite.operands(id);
    let (Some(product), Some(term)) = (operands.get(position), terms.get_mut(position)) else { return Ok(None) };
    let Some(scaled) = scaled_product(graph, rewrite, *product)? else { return Ok(None) };
    *term = scaled;
    rewrite.add(Op::Binary(operator), &terms, Vec::new(), node).map(Some)
}

/// A product with one scaled factor, as a scaled product.
fn scaled_product(graph: &Graph, rewrite: &mut Rewrite<'_>, id: NodeId) -> Result<Option<NodeId>, OpError> {
    let Some(node) = graph.node(id) else { return Ok(None) };
    for (position, factor) in graph.operands(id).into_iter().enumerate() {
        let Some((operator, [scaled, number])) = scale(graph, factor) else { continue };
        let (Some(scaled), Some(number)) = (rewrite.value(scaled), rewrite.value(number)) else { continue };
        let mut factors = rewrite.operands(id);
        if let Some(factor) = factors.get_mut(position) {
            *factor = scaled;
        }
        let product = rewrite.add(node.op.clone(), &factors, Vec::new(), node)?;
        let unnamed = Node { path: None, ..node.clone() };
        return rewrite.add(Op::Binary(operator), &[product, number], Vec::new(), &unnamed).map(Some);
    }
    Ok(None)
}

/// The tensor and the number that a node multiplies or divides.
fn scale(graph: &Graph, id: NodeId) -> Option<(Binary, [NodeId; 2])> {
    let node = graph.node(id).filter(|_| has_one_use(graph, id))?;
    let Op::Binary(operator) = node.op else { return None };
    let is_number = |id: &NodeId| {
        graph.node(*id).is_some_and(|node| matches!(node.op, Op::Constant(_)) && node.shape.elements() == 1)
    };
    let is_scaled = |id: &NodeId| graph.node(*id).is_some_and(|scaled| scaled.shape == node.shape);
    let &[left, right] = graph.operands(id).as_slice() else { return None };
    let orders = [Some([left, right]), (operator == Binary::Multiply).then_some([right, left])];
    let takes = matches!(operator, Binary::Multiply | Binary::Divide);
    let found = orders.into_iter().flatten().find(|[scaled, number]| is_number(number) && is_scaled(scaled));
    found.filter(|_| takes).map(|order| (operator, order))
}
