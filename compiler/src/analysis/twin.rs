//! The static twin: the network with a plain convolution in place of every dynamic one.
//!
//! In: a graph. Out: the same graph without routings and experts. Instances, paths and spans stay, so that both can be
//! compared place by place. Coefficients that other operations compute go with what only they needed.

use crate::graph::build::{GraphBuilder, Site};
use crate::graph::rewrite::without_dead_nodes;
use crate::graph::{Graph, InstanceId, NodeId, Path};
use crate::op::Op;
use crate::op::error::OpError;

/// Whether the network has dynamic convolutions, and so a twin other than itself.
#[must_use]
pub fn has_twin(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| matches!(node.op, Op::DynamicConv(_)))
}

/// The static twin.
///
/// # Errors
/// Never for a graph that the builder made; what the builder says is passed on all the same.
pub fn static_twin(graph: &Graph) -> Result<Graph, OpError> {
    let root = graph.instance(InstanceId::NETWORK).map(|network| network.span);
    let Some(root) = root else { return Ok(graph.clone()) };
    let mut builder = GraphBuilder::new(&graph.network, root, graph.batch);
    for (name, value) in &graph.settings {
        builder.setting(name, value.clone());
    }
    for instance in graph.instances().iter().skip(1) {
        let parent = instance.parent.unwrap_or(InstanceId::NETWORK);
        let above = builder.instance_path(parent).0.len();
        let own = Path(instance.path.0.iter().skip(above).cloned().collect());
        let name = (!own.is_empty()).then_some((&own, instance.span));
        builder.open_instance(parent, &instance.module, name, instance.span)?;
    }
    let mut moved: Vec<Option<NodeId>> = Vec::with_capacity(graph.node_count());
    let place = |moved: &[Option<NodeId>], id: NodeId| moved.get(id.index()).copied().flatten();
    let mut has_given_coefficients = false;
    for (id, node) in graph.nodes() {
        let operands: Vec<NodeId> = graph.operands(id).into_iter().filter_map(|id| place(&moved, id)).collect();
        let site = Site { path: node.path.clone(), ..Site::unnamed(node.span, node.instance, node.op.name()) };
        let twin = match (&node.op, operands.as_slice()) {
            (Op::Routing(_), _) => None,
            (Op::DynamicConv(dynamic), [x, coefficients @ ..]) => {
                has_given_coefficients |= !coefficients.is_empty();
                Some(builder.add(Op::Conv(dynamic.conv), &[*x], &site)?)
            }
            (op, operands) => Some(builder.add(op.clone(), operands, &site)?),
        };
        moved.push(twin);
    }
    for port in graph.inputs() {
        if let Some(node) = place(&moved, port.node) {
            let declared = graph.node(port.node).map_or(root, |node| node.span);
            builder.add_input(&port.name, node, declared);
        }
    }
    for port in graph.outputs() {
        if let Some(node) = place(&moved, port.node) {
            builder.add_output(&port.name, node);
        }
    }
    let twin = builder.finish();
    Ok(if has_given_coefficients { without_dead_nodes(&twin) } else { twin })
}
