//! Writes the routing of a dynamic convolution as the operations that define it.
//!
//! `gate(fc2 · activation(fc1 · GAP(x)))` and `gate(W · GAP(x) + b)` become a mean, linear layers over the very weights of
//! the routing, an activation, and a softmax or sigmoid. So a mean that a routing and a squeeze-excite block both need is
//! computed once. Invariant: what is computed is the formula of [`crate::op::dynamic_conv::Routing`], step by step.

use super::Pass;
use crate::graph::rewrite::{Rewrite, rewrite};
use crate::graph::{Node, NodeId};
use crate::op::Op;
use crate::op::activation::{Activation, Softmax};
use crate::op::dynamic_conv::{Form, Gate, Routing};
use crate::op::error::OpError;
use crate::op::linear::Linear;
use crate::op::pool::Mean;

/// See the module's documentation.
pub const PASS: Pass = Pass {
    name: "expand-routing",
    summary: "Write the routing of a dynamic convolution as the mean, linear layers and gate that define it",
    run: |graph| {
        rewrite(graph, |rewrite, id, node| match &node.op {
            Op::Routing(routing) => expand(rewrite, id, node, routing),
            _ => Ok(None),
        })
    },
};

/// The gate's node.
fn expand(rewrite: &mut Rewrite<'_>, id: NodeId, node: &Node, routing: &Routing) -> Result<Option<NodeId>, OpError> {
    let &[x] = rewrite.operands(id).as_slice() else { return Ok(None) };
    let unnamed = Node { path: None, ..node.clone() };
    let pooled = rewrite.add(Op::Mean(Mean { dims: vec![2, 3], keep: false }), &[x], Vec::new(), &unnamed)?;
    let scores = match (routing.form, node.weights.as_slice()) {
        (Form::Mlp { hidden, activation }, &[first, second]) => {
            let layer = |out| Op::Linear(Linear { out, bias: false });
            let part = |name| Node { path: node.path.as_ref().map(|path| path.child(name)), ..node.clone() };
            let middle = rewrite.add(layer(hidden), &[pooled], vec![first], &part("fc1"))?;
            let middle = rewrite.add(Op::Activation(activation), &[middle], Vec::new(), &unnamed)?;
            rewrite.add(layer(routing.experts), &[middle], vec![second], &part("fc2"))?
        }
        (Form::Linear, &[weight, bias]) => {
            let layer = Op::Linear(Linear { out: routing.experts, bias: true });
            rewrite.add(layer, &[pooled], vec![weight, bias], node)?
        }
        // No such routing is ever made.
        _ => return Ok(None),
    };
    let gate = match routing.gate {
        Gate::Softmax { temperature } => Op::Softmax(Softmax { dim: 1, temperature }),
        Gate::Sigmoid => Op::Activation(Activation::Sigmoid),
    };
    rewrite.add(gate, &[scores], Vec::new(), &unnamed).map(Some)
}
