//! The text form of a graph, for `pnetc build --emit ir`: one line a node, instances as headings.

use std::fmt::Write;

use super::{Graph, InstanceId, Node, NodeId, WeightId};

/// The graph as text: stable, and readable from top to bottom in order of execution.
#[must_use]
pub fn print(graph: &Graph) -> String {
    let mut text = String::new();
    let settings: Vec<String> = graph.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "network {}({}) batch={}", graph.network, settings.join(", "), graph.batch);
    let mut current = InstanceId::NETWORK;
    for (id, node) in graph.nodes() {
        if node.instance != current {
            current = node.instance;
            let _ = writeln!(text, "{}", heading(graph, current));
        }
        let _ = writeln!(text, "  {}", line(graph, id, node));
    }
    let stored = graph.stored_weights().count();
    for (index, weight) in graph.weights().iter().enumerate().skip(stored) {
        let _ = writeln!(text, "{} = {} : {}{}", WeightId(index), weight.recipe, weight.name, weight.shape);
    }
    for output in graph.outputs() {
        let _ = writeln!(text, "output {} = {}", output.name, output.node);
    }
    text
}

fn heading(graph: &Graph, id: InstanceId) -> String {
    match graph.instance(id) {
        Some(instance) if instance.parent.is_some() => format!("{} ({})", instance.path, instance.module),
        Some(instance) => instance.module.clone(),
        None => String::new(),
    }
}

fn line(graph: &Graph, id: NodeId, node: &Node) -> String {
    let operands: Vec<String> = graph.operands(id).iter().map(ToString::to_string).collect();
    let input = graph.inputs().iter().find(|input| input.node == id).map(|input| input.name.clone());
    let mut arguments = operands;
    arguments.extend(input);
    arguments.extend(node.op.operation().attributes().into_iter().map(|(name, value)| format!("{name}={value}")));
    let mut text = format!("{id} = {}({}) : f32{}", node.op.name(), arguments.join(", "), node.shape);
    if let Some(path) = &node.path {
        let _ = write!(text, "  as {path}");
    }
    let weights: Vec<String> = node
        .weights
        .iter()
        .filter_map(|id| graph.weight(*id))
        .map(|weight| format!("{}{}", weight.name, weight.shape))
        .collect();
    if !weights.is_empty() {
        let _ = write!(text, "  # {}", weights.join(", "));
    }
    text
}
