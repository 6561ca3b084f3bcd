//! Removes operations that no output needs.
//!
//! Invariant: every node that is left is an input of the network, or an output depends on it.

use super::Pass;
use crate::graph::Graph;
use crate::graph::rewrite::without_dead_nodes;
use crate::op::error::OpError;

/// See the module's documentation.
pub const PASS: Pass = Pass { name: "remove-dead-code", summary: "Remove operations that no output needs", run };

#[expect(clippy::unnecessary_wraps, reason = "the signature of a pass")]
fn run(graph: &Graph) -> Result<Graph, OpError> {
    Ok(without_dead_nodes(graph))
}
