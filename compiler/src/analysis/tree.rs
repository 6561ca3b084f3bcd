//! Costs by module: a tree along the instance paths, as the author named the parts.
//!
//! Every name and every index of a path is a branch: `blocks`, `blocks[3]`, `blocks[3][0]`, `blocks[3][0].ghost1`. What has
//! no name of its own counts to the instance that it stands in. Neighbours that are alike are folded into one branch.

use std::collections::HashMap;

use super::Analysis;
use super::totals::Totals;
use crate::graph::{NodeId, Path, Segment};

/// A branch of the tree with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The last part of the path; empty for the network.
    pub label: String,
    /// The whole path; that of the first where several are folded.
    pub path: String,
    /// The module of the instance, or the operation of the node of that path.
    pub kind: Option<String>,
    /// What it costs with all below it; the sum where several are folded.
    pub totals: Totals,
    /// The nodes that count to this branch and to none below it, in order; those of the first where several are folded.
    pub nodes: Vec<NodeId>,
    /// How many branches are folded into this one.
    pub count: usize,
    /// What is below it, in order. Where several are folded, what is below each.
    pub children: Vec<Branch>,
}

/// A branch while the tree grows; its children are places in one list.
#[derive(Default)]
struct Growing {
    path: Path,
    kind: Option<String>,
    totals: Totals,
    nodes: Vec<NodeId>,
    children: Vec<usize>,
    by_segment: HashMap<Segment, usize>,
}

/// The tree of a network.
#[must_use]
pub fn tree(analysis: &Analysis<'_>) -> Branch {
    let graph = analysis.graph;
    let mut branches = vec![Growing { kind: Some(graph.network.clone()), ..Growing::default() }];
    for instance in graph.instances().iter().filter(|instance| !instance.path.is_empty()) {
        let at = walk(&mut branches, &instance.path, Totals::default());
        if let Some(branch) = branches.get_mut(at) {
            // A call without a name has the path of its caller, which came first.
            branch.kind.get_or_insert_with(|| instance.module.clone());
        }
    }
    for (node, cost) in analysis.iter() {
        let path = node.path.as_ref().or_else(|| graph.instance(node.instance).map(|instance| &instance.path));
        let Some(path) = path else { continue };
        let at = walk(&mut branches, path, cost.totals);
        let Some(branch) = branches.get_mut(at) else { continue };
        branch.nodes.push(cost.node);
        if node.path.is_some() {
            branch.kind.get_or_insert_with(|| node.op.name().to_owned());
        }
    }
    finish(&mut branches)
}

/// Adds to every branch along a path, making those that are missing; the place of the last.
fn walk(branches: &mut Vec<Growing>, path: &Path, totals: Totals) -> usize {
    let mut at = 0;
    for length in 0..=path.0.len() {
        if let Some(segment) = length.checked_sub(1).and_then(|last| path.0.get(last)) {
            let next = branches.len();
            let Some(branch) = branches.get_mut(at) else { return at };
            match branch.by_segment.get(segment) {
                Some(existing) => at = *existing,
                None => {
                    branch.children.push(next);
                    branch.by_segment.insert(segment.clone(), next);
                    let path = Path(path.0.iter().take(length).cloned().collect());
                    branches.push(Growing { path, ..Growing::default() });
                    at = next;
                }
            }
        }
        if let Some(branch) = branches.get_mut(at) {
            branch.totals = branch.totals.plus(totals);
        }
    }
    at
}

/// The finished tree. Children have greater places than their parents, so that no recursion is needed.
fn finish(branches: &mut Vec<Growing>) -> Branch {
    let mut done: HashMap<usize, Branch> = HashMap::new();
    while let Some(growing) = branches.pop() {
        let children = growing.children.iter().filter_map(|child| done.remove(child)).collect();
        let label = growing.path.0.last().map(|last| Path(vec![last.clone()]).to_string()).unwrap_or_default();
        let path = growing.path.to_string();
        let Growing { kind, totals, nodes, .. } = growing;
        let branch = Branch { label, path, kind, totals, nodes, count: 1, children };
        done.insert(branches.len(), branch);
    }
    done.remove(&0).unwrap_or_else(|| Branch {
        label: String::new(),
        path: String::new(),
        kind: None,
        totals: Totals::default(),
        nodes: Vec::new(),
        count: 1,
        children: Vec::new(),
    })
}

impl Branch {
    /// Whether two branches are the same but for where they stand.
    #[must_use]
    pub fn is_like(&self, other: &Branch) -> bool {
        self.kind == other.kind
            && self.totals == other.totals
            && self.children.len() == other.children.len()
            && self
                .children
                .iter()
                .zip(&other.children)
                .all(|(own, other)| own.label == other.label && own.is_like(other))
    }

    /// The children, with neighbours by index that are alike folded: `[1..4]` for `[1]`, `[2]`, `[3]`, `[4]`.
    #[must_use]
    pub fn folded(&self) -> Vec<Branch> {
        let mut folded: Vec<(Branch, &Branch)> = Vec::new();
        for child in &self.children {
            match folded.last_mut() {
                Some((branch, first)) if child.label.starts_with('[') && first.is_like(child) => {
                    branch.count += 1;
                    branch.totals = branch.totals.plus(child.totals);
                    let ends = (first.label.trim_end_matches(']'), child.label.trim_start_matches('['));
                    branch.label = format!("{}..{}", ends.0, ends.1);
                }
                _ => folded.push((child.clone(), child)),
            }
        }
        folded.into_iter().map(|(branch, _)| branch).collect()
    }
}
