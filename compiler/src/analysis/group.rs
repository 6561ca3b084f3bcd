//! Costs by operation, by source line, and by kind of work: what the difference between two conventions is made of.

use std::collections::{BTreeMap, HashMap};

use parameternet_dsl::source::{SourceMap, Span};

use super::Analysis;
use super::convention::{Convention, Counts, part_counts};
use super::totals::Totals;
use crate::op::cost::Work;

/// Nodes that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<K> {
    /// What they have in common.
    pub key: K,
    /// What they cost together.
    pub totals: Totals,
}

fn gather<K: std::hash::Hash + Eq + Clone>(keys: impl Iterator<Item = (K, Totals)>) -> Vec<Group<K>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Group<K>> = Vec::new();
    for (key, totals) in keys {
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.totals = group.totals.plus(totals),
            None => groups.push(Group { key, totals }),
        }
    }
    groups
}

/// By the name of the operation, in the order in which they first appear.
#[must_use]
pub fn by_operation(analysis: &Analysis<'_>) -> Vec<Group<&'static str>> {
    gather(analysis.iter().map(|(node, cost)| (node.op.name(), cost.totals)))
}

/// By the call in the source that made the nodes, in the order in which they first appear.
#[must_use]
pub fn by_call(analysis: &Analysis<'_>) -> Vec<Group<Span>> {
    gather(analysis.iter().map(|(node, cost)| (node.span, cost.totals)))
}

/// A line of a source text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line {
    /// The name of the text.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What stands there, without blanks at the ends.
    pub text: String,
}

/// By the line on which the call in the source begins, in the order in which they first appear.
#[must_use]
pub fn by_line(analysis: &Analysis<'_>, sources: &SourceMap) -> Vec<Group<Line>> {
    let mut lines: HashMap<Span, Option<Line>> = HashMap::new();
    let calls = by_call(analysis);
    gather(calls.into_iter().filter_map(|call| {
        let line = lines.entry(call.key).or_insert_with(|| line_of(call.key, sources));
        Some((line.clone()?, call.totals))
    }))
}

/// The line that a span begins on.
#[must_use]
pub fn line_of(span: Span, sources: &SourceMap) -> Option<Line> {
    let file = sources.get(span.source)?;
    let (line, _) = file.line_column(span.range().start);
    let text = file.text.lines().nth(line - 1).unwrap_or_default().trim().to_owned();
    Some(Line { file: file.name.clone(), line, text })
}

/// What a kind of work of an operation counts by two conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The kind of work.
    pub work: Work,
    /// The operation that does it.
    pub operation: &'static str,
    /// How many nodes do.
    pub nodes: usize,
    /// The count by the first convention.
    pub from: u64,
    /// The count by the second.
    pub to: u64,
}

/// What two conventions count differently, the largest difference first. Both sides together differ by what the totals do.
#[must_use]
pub fn differences(analysis: &Analysis<'_>, from: Convention, to: Convention) -> Vec<Difference> {
    let mut found: BTreeMap<(Work, &'static str), Difference> = BTreeMap::new();
    for (node, cost) in analysis.iter() {
        for part in &cost.cost.parts {
            let (work, operation) = (part.work, node.op.name());
            let empty = Difference { work, operation, nodes: 0, from: 0, to: 0 };
            let difference = found.entry((work, operation)).or_insert(empty);
            difference.nodes += 1;
            difference.from = difference.from.saturating_add(from.count(part));
            difference.to = difference.to.saturating_add(to.count(part));
        }
    }
    let mut differences: Vec<Difference> = found.into_values().filter(|found| found.from != found.to).collect();
    differences.sort_by_key(|found| std::cmp::Reverse(found.from.abs_diff(found.to)));
    differences
}

/// The counts of each kind of work, in the order of [`Work::ALL`].
#[must_use]
pub fn by_work(analysis: &Analysis<'_>) -> Vec<(Work, Counts)> {
    let mut works: BTreeMap<Work, Counts> = BTreeMap::new();
    for part in analysis.nodes.iter().flat_map(|node| &node.cost.parts) {
        let counts = works.entry(part.work).or_default();
        *counts = counts.plus(part_counts(part));
    }
    Work::ALL.into_iter().filter_map(|work| Some((work, *works.get(&work)?))).collect()
}

/// What fvcore counts, by the names of its operators.
#[must_use]
pub fn by_fvcore_operator(analysis: &Analysis<'_>) -> BTreeMap<&'static str, u64> {
    let mut operators = BTreeMap::new();
    for fvcore in analysis.nodes.iter().flat_map(|node| &node.cost.parts).filter_map(|part| part.fvcore) {
        let count: &mut u64 = operators.entry(fvcore.operator).or_default();
        *count = count.saturating_add(fvcore.count);
    }
    operators
}
