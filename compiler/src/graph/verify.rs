//! The invariants of a graph, checked after it is made and after every pass in tests and debug builds:
//!
//! 1. every node's operands come before it, so that the order of the nodes is an order of execution;
//! 2. the ports of a node are 0, 1, 2, … without gaps;
//! 3. every node's shape is what its operation says for the shapes of its operands, and no shape is too large;
//! 4. a node has exactly the weights that its operation declares, in order, with the declared shapes and roles;
//! 5. no two weights have the same name;
//! 6. inputs and outputs are nodes of the graph, inputs are input nodes, and there is at least one output;
//! 7. the parent of an instance comes before it; only the network has none;
//! 8. weights that come from a file precede derived ones, and a derived weight is computed from weights before it;
//! 9. the recipe of a derived weight fits the weights that it needs, and gives as many elements as the weight has.

use std::collections::HashSet;

use super::{Graph, NodeId, WeightId};
use crate::op::Op;
use crate::shape::Shape;
use crate::weight::{Recipe, Weight};

/// A broken invariant: a defect of the compiler, not of a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{node}: {what}")]
pub struct Violation {
    /// Where, as in dumps.
    pub node: String,
    /// What does not hold.
    pub what: String,
}

fn violation(node: impl ToString, what: impl Into<String>) -> Violation {
    Violation { node: node.to_string(), what: what.into() }
}

/// Checks all invariants.
///
/// # Errors
/// The first that is broken.
pub fn verify(graph: &Graph) -> Result<(), Violation> {
    for (id, _) in graph.nodes() {
        check_node(graph, id)?;
    }
    let mut names = HashSet::new();
    for weight in graph.weights() {
        if !names.insert(weight.name.as_str()) {
            return Err(violation(&weight.name, "two weights have this name"));
        }
    }
    let stored = graph.stored_weights().count();
    for (index, weight) in graph.weights().iter().enumerate().skip(stored) {
        if weight.recipe == Recipe::Stored || weight.recipe.operands().iter().any(|operand| operand.index() >= index) {
            return Err(violation(&weight.name, "does not come after the weights that it needs"));
        }
        if !fits(graph, weight) {
            return Err(violation(&weight.name, format!("cannot be computed as {}", weight.recipe)));
        }
    }
    for input in graph.inputs() {
        if !graph.node(input.node).is_some_and(|node| matches!(node.op, Op::Input(_))) {
            return Err(violation(input.node, "is listed as an input but is none"));
        }
    }
    if graph.outputs().is_empty() {
        return Err(violation("graph", "has no output"));
    }
    if let Some(output) = graph.outputs().iter().find(|output| graph.node(output.node).is_none()) {
        return Err(violation(output.node, "is listed as an output but does not exist"));
    }
    for (index, instance) in graph.instances().iter().enumerate() {
        if instance.parent.is_none_or(|parent| parent.0 >= index) && !(index == 0 && instance.parent.is_none()) {
            return Err(violation(format!("i{index}"), "does not come after its parent"));
        }
    }
    Ok(())
}

/// Whether a recipe can be followed and gives as many elements as its weight has.
fn fits(graph: &Graph, weight: &Weight) -> bool {
    let count = weight.shape.elements();
    let shape = |id: WeightId| graph.weight(id).map(|weight| weight.shape.clone()).unwrap_or_default();
    let elements = |id: WeightId| shape(id).elements();
    match &weight.recipe {
        Recipe::Stored => true,
        Recipe::Constant(values) => values.len() == count,
        Recipe::InverseSqrt { of, .. } => elements(*of) == count,
        Recipe::Vector { left, right, dim, .. } => {
            elements(*left) == count && shape(*left).dims().get(*dim) == Some(&elements(*right))
        }
        Recipe::Sum { left, right } => elements(*left) == count && elements(*right) == count,
        Recipe::Embed { of, offset: [row, column], kernel: [rows, columns] } => {
            shape(*of).nchw().is_some_and(|[out, inputs, height, width]| {
                row + height <= *rows && column + width <= *columns && out * inputs * rows * columns == count
            })
        }
        Recipe::Diagonal { of, inputs } => elements(*of) * inputs == count,
        Recipe::Select { of, indices } => {
            let available = of.iter().fold(0usize, |sum, id| sum.saturating_add(elements(*id)));
            indices.len() == count && indices.iter().all(|index| (*index as usize) < available)
        }
    }
}

fn check_node(graph: &Graph, id: NodeId) -> Result<(), Violation> {
    let Some(node) = graph.node(id) else { return Err(violation(id, "does not exist")) };
    let operands = graph.operands(id);
    if operands.iter().any(|operand| *operand >= id) {
        return Err(violation(id, "has an operand that does not come before it"));
    }
    if !graph.ports(id).into_iter().eq(0..operands.len()) {
        return Err(violation(id, "has ports with gaps"));
    }
    let shapes: Vec<&Shape> =
        operands.iter().filter_map(|operand| graph.node(*operand)).map(|node| &node.shape).collect();
    let shape = node.op.operation().shape(&shapes).map_err(|error| violation(id, error.kind.to_string()))?;
    if shape != node.shape || shape.is_too_large() {
        return Err(violation(id, format!("has shape {}, its operation says {shape}", node.shape)));
    }
    let declared = node.op.operation().weights(&shapes);
    let same = node.weights.len() == declared.len()
        && node.weights.iter().zip(&declared).all(|(id, declaration)| {
            graph.weight(*id).is_some_and(|weight| weight.shape == declaration.shape && weight.role == declaration.role)
        });
    if !same {
        return Err(violation(id, "does not have the weights that its operation declares"));
    }
    if graph.instance(node.instance).is_none() {
        return Err(violation(id, "belongs to no instance"));
    }
    Ok(())
}

/// Checks all invariants in tests and debug builds.
pub(crate) fn debug(graph: &Graph) {
    if cfg!(debug_assertions) {
        let result = verify(graph);
        debug_assert!(result.is_ok(), "the graph is broken: {result:?}");
    }
}
