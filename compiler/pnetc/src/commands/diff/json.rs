//! The differences for programs.

use parameternet_compiler::analysis::diff::costs::CostChange;
use parameternet_compiler::analysis::diff::structure::{Change, Fact, Part};
use parameternet_compiler::analysis::diff::{PortKind, Whole};
use parameternet_compiler::analysis::totals::Totals;
use parameternet_compiler::shape::Shape;
use serde_json::{Map, Value, json};

use super::{Side, Subject, report};

/// The whole report.
pub(super) fn show(subject: &Subject<'_>) -> String {
    let diff = subject.diff;
    let ports = diff.ports.iter().map(|port| {
        let kind = match port.kind {
            PortKind::Input => "input",
            PortKind::Output => "output",
        };
        let (from, to) = (shape(port.from.as_ref()), shape(port.to.as_ref()));
        json!({ "kind": kind, "name": port.name, "from": from, "to": to, "moved": port.is_moved })
    });
    let weights = diff.weights.iter().map(
        |weight| json!({ "name": weight.name, "from": shape(weight.from.as_ref()), "to": shape(weight.to.as_ref()) }),
    );
    let report = json!({
        "same": diff.is_empty(),
        "convention": subject.options.convention.name(),
        "from": side(subject.from, &diff.from),
        "to": side(subject.to, &diff.to),
        "costs": diff.costs.as_ref().map(costs),
        "changes": diff.changes.iter().map(change).collect::<Value>(),
        "ports": ports.collect::<Value>(),
        "weights": weights.collect::<Value>(),
        "weights_load": diff.loads(),
    });
    format!("{report:#}\n")
}

fn side(side: &Side, whole: &Whole) -> Value {
    let settings: Map<String, Value> =
        side.graph.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let totals: Map<String, Value> =
        report::figures(whole).into_iter().map(|(_, key, number)| (key.to_owned(), json!(number))).collect();
    json!({
        "file": side.file,
        "network": side.graph.network,
        "settings": settings,
        "batch": side.graph.batch,
        "totals": totals,
    })
}

fn costs(change: &CostChange) -> Value {
    let totals = |totals: &Totals| {
        json!({
            "parameters": totals.parameters,
            "core": totals.counts.core,
            "paper": totals.counts.paper,
            "fvcore": totals.counts.fvcore,
            "strict": totals.counts.strict,
            "activation_bytes": totals.activation_bytes,
            "weight_bytes": totals.weight_bytes,
        })
    };
    json!({
        "path": change.path,
        "kind": change.kind,
        "from": totals(&change.from),
        "to": totals(&change.to),
        "parts": change.children.iter().map(costs).collect::<Value>(),
    })
}

fn change(change: &Change) -> Value {
    let kind = match (&change.from, &change.to) {
        (Some(_), None) => "removed",
        (None, _) => "added",
        (Some(_), Some(_)) if change.facts.is_empty() => "renamed",
        (Some(_), Some(_)) => "changed",
    };
    let part = |part: &Part| json!({ "path": part.path, "named": part.is_named, "what": part.what, "module": part.is_module, "nodes": part.totals.nodes });
    let fact = |fact: &Fact| {
        let (what, from, to) = match fact {
            Fact::What { from, to } => ("what", json!(from), json!(to)),
            Fact::Attribute { name, from, to } => (*name, json!(from), json!(to)),
            Fact::Content => ("content", Value::Null, Value::Null),
            Fact::Shape { from, to } => ("shape", shape(Some(from)), shape(Some(to))),
            Fact::Operands => ("operands", Value::Null, Value::Null),
        };
        json!({ "what": what, "from": from, "to": to })
    };
    json!({
        "change": kind,
        "from": change.from.as_ref().map(part),
        "to": change.to.as_ref().map(part),
        "facts": change.facts.iter().map(fact).collect::<Value>(),
    })
}

fn shape(shape: Option<&Shape>) -> Value {
    shape.map_or(Value::Null, |shape| json!(shape.dims()))
}
