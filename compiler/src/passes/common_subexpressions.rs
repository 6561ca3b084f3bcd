//! Computes equal expressions once.
//!
//! Two nodes are equal when they are the same operation with the same attributes, the same weights and the same operands.
//! Invariant: the node that stays computes what every node that it replaces computed. Inputs are never merged.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node, NodeId, WeightId};
use crate::op::Op;
use crate::op::error::OpError;

/// See the module's documentation.
pub const PASS: Pass = Pass { name: "common-subexpressions", summary: "Compute equal expressions once", run };

fn run(graph: &Graph) -> Result<Graph, OpError> {
    let mut known: HashMap<(Vec<NodeId>, Vec<WeightId>, u64), Vec<NodeId>> = HashMap::new();
    rewrite(graph, |rewrite, id, node| {
        let candidates = known.entry((rewrite.operands(id), node.weights.clone(), fingerprint(&node.op))).or_default();
        let same = |other: &Node| other.op == node.op && other.weights == node.weights;
        let equal = candidates
            .iter()
            .copied()
            .find(|candidate| !matches!(node.op, Op::Input(_)) && rewrite.graph().node(*candidate).is_some_and(same));
        match equal {
            Some(equal) => Ok(Some(equal)),
            None => {
                let kept = rewrite.keep(id, node)?;
                candidates.push(kept);
                Ok(Some(kept))
            }
        }
    })
}

/// A number that is the same for equal operations, and mostly another for others.
fn fingerprint(op: &Op) -> u64 {
    let mut hasher = DefaultHasher::new();
    match op {
        Op::Constant(constant) => {
            constant.shape.hash(&mut hasher);
            // Equal numbers may have different bits (0 and -0); nodes that differ so are merely not merged.
            constant.data.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        }
        other => format!("{other:?}").hash(&mut hasher),
    }
    hasher.finish()
}
