//! The differences for people: totals, the costliest parts, what was added, removed and changed, and whether weights still load.

use std::collections::HashMap;

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::diff::costs::CostChange;
use parameternet_compiler::analysis::diff::structure::{Change, Fact, Part};
use parameternet_compiler::analysis::diff::{PortChange, PortKind, WeightChange, Whole};
use parameternet_compiler::shape::Shape;

use super::{Side, Subject};
use crate::table::{Align, Table, counted, grouped, signed};

/// How many lines of a list are shown, and how many places of one change, unless all are asked for.
const LINES: usize = 20;
const PLACES: usize = 3;

/// The report; one line where nothing differs.
pub(super) fn show(subject: &Subject<'_>) -> String {
    let (diff, options) = (subject.diff, subject.options);
    let mut text = format!("A  {}\nB  {}\n", heading(subject.from), heading(subject.to));
    if diff.is_empty() {
        text.push_str("\nThere is no difference.\n");
        return text;
    }
    text.push('\n');
    text.push_str(&totals(&diff.from, &diff.to));
    if let Some(costs) = &diff.costs {
        text.push_str("\nCosts that differ, the largest difference first\n");
        text.push_str(&tree(costs, options.convention, usize::from(options.depth)));
    }
    let (lines, places) = if options.all { (usize::MAX, usize::MAX) } else { (LINES, PLACES) };
    let mut section = |heading: String, found: Vec<String>| {
        if found.is_empty() {
            return;
        }
        text.push_str(&format!("\n{heading}\n"));
        let rest = found.len().saturating_sub(lines);
        for line in found.into_iter().take(lines) {
            text.push_str(&format!("  {line}\n"));
        }
        if rest > 0 {
            text.push_str(&format!("  … and {} more (`--all` shows them)\n", grouped(rest as u64)));
        }
    };
    section("Inputs and outputs".to_owned(), diff.ports.iter().map(port).collect());
    let count = diff.changes.len();
    section(format!("Structure: {}", counted(count, "change")), changes(&diff.changes, places));
    let weights = diff.weights.iter().map(weight).collect();
    section(format!("Weights: {}", loads(&diff.weights)), weights);
    if diff.loads() {
        text.push_str("\nWeights: a file of A loads into B, and the other way round\n");
    }
    text
}

/// `net.pnet: Net(width=1.0), batch 1`.
fn heading(side: &Side) -> String {
    let settings: Vec<String> = side.graph.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}: {}({}), batch {}", side.file, side.graph.network, settings.join(", "), side.graph.batch)
}

/// Everything that is counted, by name.
pub(super) fn figures(whole: &Whole) -> Vec<(&'static str, &'static str, u64)> {
    let Whole { totals, activation_peak } = whole;
    let counts = totals.counts;
    vec![
        ("operations", "nodes", totals.nodes),
        ("parameters", "parameters", totals.parameters),
        ("buffers", "buffers", totals.buffers),
        ("multiply-adds (core)", "core", counts.core),
        ("FLOPs (paper)", "paper", counts.paper),
        ("FLOPs (fvcore)", "fvcore", counts.fvcore),
        ("operations (strict)", "strict", counts.strict),
        ("weight bytes", "weight_bytes", totals.weight_bytes),
        ("activation bytes", "activation_bytes", totals.activation_bytes),
        ("bytes read", "read_bytes", totals.read_bytes),
        ("largest live activations, bytes", "activation_peak", *activation_peak),
    ]
}

fn totals(from: &Whole, to: &Whole) -> String {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("difference", Align::Right),
        ("B/A", Align::Right),
    ]);
    for ((name, _, from), (_, _, to)) in figures(from).into_iter().zip(figures(to)) {
        table.row([name.to_owned(), grouped(from), grouped(to), signed(from, to), quotient(from, to)]);
    }
    table.render()
}

/// How many times the first the second is; nothing of nothing has none.
fn quotient(from: u64, to: u64) -> String {
    match (from, to) {
        (0, 0) => "1.000".to_owned(),
        (0, _) => "-".to_owned(),
        _ => format!("{:.3}", parameternet_compiler::analysis::totals::ratio(to, from)),
    }
}

fn tree(costs: &CostChange, convention: Convention, depth: usize) -> String {
    let mut table = Table::new(&[
        ("module", Align::Left),
        ("what", Align::Left),
        ("parameters", Align::Right),
        (convention.unit(), Align::Right),
        ("B/A", Align::Right),
    ]);
    let mut open = vec![(costs, String::new(), 0)];
    while let Some((change, above, level)) = open.pop() {
        let name = match change.label.starts_with('[') {
            true => format!("{above}{}", change.label),
            false if change.label.is_empty() => "(all)".to_owned(),
            false => change.label.clone(),
        };
        let (from, to) = (change.from.counts.get(convention), change.to.counts.get(convention));
        table.row([
            format!("{}{name}", "  ".repeat(level)),
            change.kind.clone().unwrap_or_default(),
            signed(change.from.parameters, change.to.parameters),
            signed(from, to),
            quotient(from, to),
        ]);
        if level < depth {
            open.extend(change.children.iter().rev().map(|child| (child, name.clone(), level + 1)));
        }
    }
    table.render()
}

/// One line for all changes that say the same.
fn changes(changes: &[Change], places: usize) -> Vec<String> {
    let mut lines: Vec<((char, String), Vec<String>)> = Vec::new();
    let mut known: HashMap<(char, String), usize> = HashMap::new();
    for change in changes {
        let Some((said, place)) = said(change) else { continue };
        let next = lines.len();
        let at = *known.entry(said.clone()).or_insert(next);
        match lines.get_mut(at) {
            Some((_, found)) => found.push(place),
            None => lines.push((said, vec![place])),
        }
    }
    let line = |((sign, said), mut found): ((char, String), Vec<String>)| {
        let rest = found.len().saturating_sub(places);
        found.truncate(places);
        if rest > 0 {
            found.push(format!("{} more", grouped(rest as u64)));
        }
        format!("{sign} {}: {said}", found.join(", "))
    };
    lines.into_iter().map(line).collect()
}

/// What a change says, with its sign, and where.
fn said(change: &Change) -> Option<((char, String), String)> {
    Some(match (&change.from, &change.to) {
        (Some(from), Some(to)) => {
            let renamed = (from.path != to.path).then(|| format!("now {}", to.path));
            let facts: Vec<String> = renamed.into_iter().chain(change.facts.iter().map(fact)).collect();
            (('~', facts.join("; ")), place(from))
        }
        (None, Some(to)) => (('+', format!("added{}", size(to))), place(to)),
        (Some(from), None) => (('-', format!("removed{}", size(from))), place(from)),
        (None, None) => return None,
    })
}

fn place(part: &Part) -> String {
    match (part.is_named, part.path.is_empty()) {
        (true, _) => format!("{} ({})", part.path, part.what),
        (false, true) => part.what.clone(),
        (false, false) => format!("{} in {}", part.what, part.path),
    }
}

fn size(part: &Part) -> String {
    match part.is_module {
        true => format!(", {}", counted(usize::try_from(part.totals.nodes).unwrap_or(usize::MAX), "operation")),
        false => String::new(),
    }
}

/// A fact as text.
pub(super) fn fact(fact: &Fact) -> String {
    match fact {
        Fact::What { from, to } => format!("{from} -> {to}"),
        Fact::Attribute { name, from, to } => {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "default".to_owned());
            format!("{name} {} -> {}", value(from), value(to))
        }
        Fact::Content => "another content".to_owned(),
        Fact::Shape { from, to } => format!("shape {from} -> {to}"),
        Fact::Operands => "reads something else".to_owned(),
    }
}

fn port(port: &PortChange) -> String {
    let kind = match port.kind {
        PortKind::Input => "input",
        PortKind::Output => "output",
    };
    let moved = if port.is_moved { "; in another place, or made by another operation" } else { "" };
    format!(
        "{} {kind} {}{}{moved}",
        sign(port.from.is_some(), port.to.is_some()),
        port.name,
        shapes(&port.from, &port.to)
    )
}

fn weight(weight: &WeightChange) -> String {
    let sign = sign(weight.from.is_some(), weight.to.is_some());
    format!("{sign} {}{}", weight.name, shapes(&weight.from, &weight.to))
}

fn sign(in_from: bool, in_to: bool) -> &'static str {
    match (in_from, in_to) {
        (true, true) => "~",
        (true, false) => "-",
        (false, _) => "+",
    }
}

fn shapes(from: &Option<Shape>, to: &Option<Shape>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from != to => format!(": {from} -> {to}"),
        (Some(shape), _) | (None, Some(shape)) => format!(": {shape}"),
        (None, None) => String::new(),
    }
}

/// Why the weights of one do not load into the other.
fn loads(weights: &[WeightChange]) -> String {
    let count = |of: &dyn Fn(&WeightChange) -> bool| weights.iter().filter(|weight| of(weight)).count() as u64;
    let parts = [
        (count(&|weight| weight.from.is_some() && weight.to.is_some()), "of another shape"),
        (count(&|weight| weight.to.is_none()), "only in A"),
        (count(&|weight| weight.from.is_none()), "only in B"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    format!("a file of A does not load into B: {}", parts.join(", "))
}
