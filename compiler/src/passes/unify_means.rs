//! Writes every average over whole dimensions in one way: as a mean that drops them.
//!
//! `global_avg_pool`, an average pool whose window is the whole image, and a mean that keeps its dimensions become such a
//! mean with a reshape after it, so that equal averages are equal expressions. Invariant: the new mean averages the same
//! elements, and the reshape has the shape of what it replaces.

use super::Pass;
use crate::graph::rewrite::rewrite;
use crate::graph::{Graph, Node};
use crate::op::Op;
use crate::op::error::OpError;
use crate::op::layout::Reshape;
use crate::op::pool::Mean;
use crate::shape::Shape;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "unify-means",
    summary: "Write global average pools and means that keep their dimensions as means and reshapes",
    run,
};

fn run(graph: &Graph) -> Result<Graph, OpError> {
    rewrite(graph, |rewrite, id, node| {
        let &[x] = rewrite.operands(id).as_slice() else { return Ok(None) };
        let shape = rewrite.graph().node(x).map(|node| node.shape.clone()).unwrap_or_default();
        let Some(dims) = averaged(node, &shape) else { return Ok(None) };
        let mean = rewrite.add(Op::Mean(Mean { dims, keep: false }), &[x], Vec::new(), node)?;
        let reshape = Op::Reshape(Reshape { shape: node.shape.clone() });
        rewrite.add(reshape, &[mean], Vec::new(), &Node { path: None, ..node.clone() }).map(Some)
    })
}

/// The dimensions that a node averages and keeps with size 1.
fn averaged(node: &Node, x: &Shape) -> Option<Vec<usize>> {
    let [_, _, height, width] = x.nchw().unwrap_or_default();
    match &node.op {
        Op::Mean(mean) if mean.keep => Some(mean.dims.clone()),
        Op::AdaptiveAvgPool(pool) if pool.size == [1, 1] => Some(vec![2, 3]),
        Op::AvgPool(pool) => {
            let is_whole = pool.window.kernel == [height, width] && pool.window.padding == [[0; 2]; 2];
            is_whole.then(|| vec![2, 3])
        }
        _ => None,
    }
}
