//! Computes equal expressions once.
//!
//! Two nodes are equal when they are the same operation with the same attributes, the same weights and the same operands.
//! Invariant: the node that stays computes what every node that it replaces computed. Inputs are never merged.

use std::collections::HashMap;

use super::Pass;
use crate::graph::rewrite::Rewrite;
use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::op::error::OpError;

/// See the module's documentation.
pub const PASS: Pass = Pass { name: "common-subexpressions", summary: "Compute equal expressions once", run };

fn run(graph: &Graph) -> Result<Graph, OpError> {
    let mut rewrite = Rewrite::new(graph);
    let mut known: HashMap<(Vec<NodeId>, &'static str), Vec<NodeId>> = HashMap::new();
    for (id, node) in graph.nodes() {
        let candidates = known.entry((rewrite.operands(id), node.op.name())).or_default();
        let equal = candidates.iter().copied().find(|candidate| {
            let same = |other: &crate::graph::Node| other.op == node.op && other.weights == node.weights;
            !matches!(node.op, Op::Input(_)) && rewrite.graph().node(*candidate).is_some_and(same)
        });
        match equal {
            Some(equal) => rewrite.replace(id, equal),
            None => candidates.push(rewrite.keep(id, node)?),
        }
    }
    Ok(rewrite.finish())
}
