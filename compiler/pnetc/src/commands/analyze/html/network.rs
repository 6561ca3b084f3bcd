//! What is written, for the page: the tree of parts, the nodes with their costs, modules with their documentation, sources.
//!
//! Nodes, branches and sources are lists whose places the others name. Costs are lists in the order of `fields`.

use std::collections::HashMap;

use parameternet_compiler::analysis::totals::Totals;
use parameternet_compiler::analysis::tree::{Branch, tree};
use parameternet_compiler::graph::{Graph, Node, NodeId, Port};
use parameternet_dsl::ast::ItemKind;
use parameternet_dsl::source::{SourceId, SourceMap, Span};
use serde_json::{Map, Value, json};

use super::Subject;
use crate::commands::analyze::rows::fields;

/// The parts of the page's data that come from the graph and its program.
pub(super) fn facts(subject: &Subject<'_>) -> Map<String, Value> {
    let graph = subject.analysis.graph;
    let mut positions = Positions { sources: subject.program.sources(), known: HashMap::new() };
    let mut branches = Vec::new();
    let mut branch_of_node = vec![0; graph.node_count()];
    flatten(&tree(subject.analysis), None, &mut branches, &mut branch_of_node);
    let branch_spans: HashMap<String, Span> =
        graph.instances().iter().rev().map(|instance| (instance.path.to_string(), instance.span)).collect();
    for branch in &mut branches {
        let path = branch.get("path").and_then(Value::as_str).unwrap_or_default();
        let at = branch_spans.get(path).map(|span| positions.of(*span));
        branch.insert("at".to_owned(), at.unwrap_or(Value::Null));
    }
    let nodes: Vec<Value> = graph
        .nodes()
        .zip(&subject.analysis.nodes)
        .zip(&branch_of_node)
        .map(|(((id, node), cost), branch)| {
            let mut value = node_facts(graph, id, node, &cost.totals);
            value.insert("branch".to_owned(), json!(branch));
            value.insert("at".to_owned(), positions.of(node.span));
            Value::Object(value)
        })
        .collect();
    let sources = subject.program.sources().iter();
    let sources: Vec<Value> = sources.map(|(_, file)| json!({ "name": file.name, "text": file.text })).collect();
    let names: Vec<&str> = fields(&Totals::default()).into_iter().map(|(name, _)| name).collect();
    let ports = |ports: &[Port]| -> Value {
        ports.iter().map(|port| json!({ "name": port.name, "node": port.node.index() })).collect()
    };
    Map::from_iter([
        ("fields".to_owned(), json!(names)),
        ("totals".to_owned(), costs(&subject.analysis.totals)),
        ("branches".to_owned(), json!(branches)),
        ("nodes".to_owned(), json!(nodes)),
        ("inputs".to_owned(), ports(graph.inputs())),
        ("outputs".to_owned(), ports(graph.outputs())),
        ("modules".to_owned(), modules(subject)),
        ("sources".to_owned(), json!(sources)),
    ])
}

fn costs(totals: &Totals) -> Value {
    fields(totals).into_iter().map(|(_, number)| json!(number)).collect()
}

/// Appends a branch and all below it, parents before children, and notes which nodes are its own.
fn flatten(branch: &Branch, parent: Option<usize>, list: &mut Vec<Map<String, Value>>, of_node: &mut [usize]) {
    let place = list.len();
    for node in &branch.nodes {
        of_node.iter_mut().skip(node.index()).take(1).for_each(|own| *own = place);
    }
    list.push(Map::from_iter([
        ("label".to_owned(), json!(branch.label)),
        ("path".to_owned(), json!(branch.path)),
        ("kind".to_owned(), json!(branch.kind)),
        ("parent".to_owned(), json!(parent)),
        ("costs".to_owned(), costs(&branch.totals)),
    ]));
    for child in &branch.children {
        flatten(child, Some(place), list, of_node);
    }
}

fn node_facts(graph: &Graph, id: NodeId, node: &Node, totals: &Totals) -> Map<String, Value> {
    let inputs: Vec<usize> = graph.operands(id).into_iter().map(NodeId::index).collect();
    let attributes: Map<String, Value> =
        node.op.operation().attributes().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let weights = node.weights.iter().filter_map(|weight| graph.weight(*weight));
    let weights: Vec<Value> = weights
        .map(|weight| json!({ "name": weight.name, "shape": weight.shape.to_string(), "trained": weight.role.is_trainable() }))
        .collect();
    Map::from_iter([
        ("op".to_owned(), json!(node.op.name())),
        ("path".to_owned(), json!(node.path.as_ref().map(ToString::to_string))),
        ("shape".to_owned(), json!(node.shape.to_string())),
        ("inputs".to_owned(), json!(inputs)),
        ("attributes".to_owned(), Value::Object(attributes)),
        ("weights".to_owned(), json!(weights)),
        ("costs".to_owned(), costs(totals)),
    ])
}

/// What modules and networks say about themselves, by name; not of names that several files define.
fn modules(subject: &Subject<'_>) -> Value {
    let mut docs: HashMap<&str, Vec<&str>> = HashMap::new();
    for item in subject.program.syntax_trees().flat_map(|file| &file.items) {
        let name = match &item.kind {
            ItemKind::Module(module) => &module.name,
            ItemKind::Network(network) => &network.name,
            _ => continue,
        };
        docs.entry(name.text.as_str()).or_default().push(&item.docs);
    }
    let documented = docs.into_iter().filter_map(|(name, docs)| match docs.as_slice() {
        [only] if !only.is_empty() => Some((name.to_owned(), json!(only))),
        _ => None,
    });
    Value::Object(documented.collect())
}

/// Spans as `[source, first line, first column, last line, last column]`, from 1 but for the source.
struct Positions<'a> {
    sources: &'a SourceMap,
    /// Many nodes have one span.
    known: HashMap<Span, Value>,
}

impl Positions<'_> {
    fn of(&mut self, span: Span) -> Value {
        let sources = self.sources;
        self.known.entry(span).or_insert_with(|| position(sources, span)).clone()
    }
}

fn position(sources: &SourceMap, span: Span) -> Value {
    let place = |id: SourceId| sources.iter().position(|(other, _)| other == id);
    let (Some(file), Some(place)) = (sources.get(span.source), place(span.source)) else { return Value::Null };
    let (first, last) = (file.line_column(span.range().start), file.line_column(span.range().end));
    json!([place, first.0, first.1, last.0, last.1])
}
