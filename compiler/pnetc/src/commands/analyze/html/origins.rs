//! Where nodes of the optimised graph come from: which nodes of the graph as it is written they compute.
//!
//! Passes keep the call and the instance that a node stems from, but not the node. So a node comes from the one that the same
//! call made with the same operation and name; or, where a pass took an operation apart, from the one of the same call that is
//! not there any more. Where that leaves several to choose from, a node comes from none: better nothing than something wrong.

use std::collections::HashMap;

use parameternet_compiler::graph::{Graph, InstanceId, Node, NodeId, Path};
use parameternet_dsl::source::Span;

/// By node of the optimised graph: the place of a node of the graph as it is written.
pub(super) struct Origins(Vec<Option<usize>>);

type Call = (InstanceId, Span);
type Likeness<'g> = (Call, &'static str, Option<&'g Path>);

fn call(node: &Node) -> Call {
    (node.instance, node.span)
}

fn likeness(node: &Node) -> Likeness<'_> {
    (call(node), node.op.name(), node.path.as_ref())
}

impl Origins {
    pub(super) fn of(written: &Graph, optimized: &Graph) -> Origins {
        let alike_written = gather(written, likeness);
        let alike = gather(optimized, likeness);
        let mut origins = vec![None; optimized.node_count()];
        for (likeness, nodes) in &alike {
            let Some(from) = alike_written.get(likeness).filter(|from| from.len() == nodes.len()) else { continue };
            for (node, from) in nodes.iter().zip(from) {
                set(&mut origins, *node, *from);
            }
        }
        // By call: the written nodes whose likes are gone.
        let mut replaced: HashMap<Call, Vec<NodeId>> = HashMap::new();
        for (_, node) in alike_written.iter().filter(|(likeness, _)| !alike.contains_key(*likeness)) {
            for id in node {
                let Some(call) = written.node(*id).map(call) else { continue };
                replaced.entry(call).or_default().push(*id);
            }
        }
        for (id, node) in optimized.nodes() {
            if alike_written.contains_key(&likeness(node)) {
                continue;
            }
            if let Some([only]) = replaced.get(&call(node)).map(Vec::as_slice) {
                set(&mut origins, id, *only);
            }
        }
        Origins(origins)
    }

    /// The origin of a node of the optimised graph, if it is known.
    pub(super) fn of_node(&self, id: NodeId) -> Option<usize> {
        self.0.get(id.index()).copied().flatten()
    }
}

fn set(origins: &mut [Option<usize>], node: NodeId, from: NodeId) {
    origins.iter_mut().skip(node.index()).take(1).for_each(|origin| *origin = Some(from.index()));
}

fn gather<'g, K: std::hash::Hash + Eq>(graph: &'g Graph, key: impl Fn(&'g Node) -> K) -> HashMap<K, Vec<NodeId>> {
    let mut nodes: HashMap<K, Vec<NodeId>> = HashMap::new();
    for (id, node) in graph.nodes() {
        nodes.entry(key(node)).or_default().push(id);
    }
    nodes
}
