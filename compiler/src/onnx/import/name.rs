//! What instances are called: by the names of their weights, or by where their nodes stood.
//!
//! Invariant: paths differ, and so do the names of weights.

use std::collections::{HashMap, HashSet};

use super::Options;
use super::flow::{Operation, Step};
use super::path::{Path, word};
use super::translate::Flow;

/// Gives every step with weights its path.
pub(super) fn named(mut flow: Flow) -> Flow {
    let (mut paths, mut names) = (HashSet::new(), HashSet::new());
    let mut users: HashMap<String, usize> = HashMap::new();
    for name in flow.steps.iter().filter_map(|step| step.weights.first()?.constant.name.as_deref()) {
        *users.entry(name.to_owned()).or_insert(0) += 1;
    }
    for step in &mut flow.steps {
        if step.weights.is_empty() {
            continue;
        }
        let wished = wish(step, &users);
        let numbered = (2..).map(|number| wished.numbered(number));
        let is_free = |path: &Path| {
            !paths.contains(path) && step.weights.iter().all(|weight| !names.contains(&full(path, weight.own)))
        };
        let path = std::iter::once(wished.clone()).chain(numbered).find(is_free).unwrap_or(wished);
        names.extend(step.weights.iter().map(|weight| full(&path, weight.own)));
        paths.insert(path.clone());
        step.path = path;
    }
    flow
}

fn full(path: &Path, own: &str) -> String {
    format!("{}.{own}", path.dotted())
}

/// What an instance should be called.
fn wish(step: &Step, users: &HashMap<String, usize>) -> Path {
    // The first tensor says what it belongs to; exporters share equal ones of the others.
    for weight in step.weights.iter().take(1) {
        let Some(name) = weight.constant.name.as_deref() else { continue };
        // Exporters share equal tensors: what it is called says little then.
        if users.get(name).is_some_and(|users| *users > 1) && step.scope.is_known && !step.scope.path.is_empty() {
            continue;
        }
        let prefix = if weight.own.is_empty() { Some(name) } else { name.strip_suffix(weight.own) };
        if let Some(prefix) = prefix.filter(|prefix| !is_made_up(prefix)) {
            let path = Path::of(prefix);
            if !path.is_empty() {
                return path;
            }
        }
    }
    let operation = match step.operation {
        Operation::Call(name) => name,
        _ => "constant",
    };
    if !step.scope.path.is_empty() {
        let mut path = step.scope.path.clone();
        if step.operation == Operation::Param {
            path.0.push(super::path::Segment::Name(operation.to_owned()));
        }
        return path;
    }
    let name = step.weights.iter().filter_map(|weight| weight.constant.name.as_deref()).find(|name| !is_made_up(name));
    let stem = name.map(|name| {
        ["_weight", "_W", "_kernel", "/kernel"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
    });
    let path = Path::of(stem.unwrap_or_default());
    if path.is_empty() || stem.is_some_and(|stem| stem.starts_with(|first: char| first.is_ascii_digit())) {
        return Path::of(operation);
    }
    path
}

/// Whether an exporter made the name up: `onnx::Conv_12`, `val_3`, `12`.
fn is_made_up(name: &str) -> bool {
    let numbered =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()));
    name.contains("::") || numbered("") || numbered("val_") || name.contains("_output_")
}

/// What a network is called.
pub(super) fn network(options: &Options, graph: &str) -> String {
    // What exporters call every graph.
    let is_plain = matches!(graph, "" | "main" | "main_graph" | "torch_jit" | "torch-jit-export" | "graph");
    let own = (!is_plain).then_some(graph);
    camel(options.network.as_deref().or(own).or(options.fallback.as_deref()).unwrap_or("Network"))
}

/// The words of a text as one: `mobilenet_v2` to `MobilenetV2`.
pub(super) fn camel(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    word(&words.map(capital).collect::<String>())
}
