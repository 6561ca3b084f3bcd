//! What doc comments of the source say: the author's own words, and what each part costs.
//!
//! In: a program for the words, a graph for the costs. Out: lines of doc comments.

use std::collections::BTreeMap;

use parameternet_dsl::ast::ItemKind;

use crate::analysis::analyze;
use crate::figures::grouped;
use crate::graph::{Graph, InstanceId};
use crate::program::Program;

/// What the author says.
#[derive(Debug, Clone, Default)]
pub struct Documentation {
    /// Of the network, a line each.
    pub network: Vec<String>,
    /// Of each module, its first paragraph on a line.
    modules: BTreeMap<String, String>,
}

impl Documentation {
    /// What the files of a program say of a network and of all modules.
    #[must_use]
    pub fn of(program: &Program, network: &str) -> Documentation {
        let mut documentation = Documentation::default();
        for item in &program.root().items {
            if matches!(&item.kind, ItemKind::Network(found) if found.name.text == network) {
                documentation.network = item.docs.lines().map(str::to_owned).collect();
            }
        }
        for item in program.syntax_trees().flat_map(|file| &file.items) {
            if let ItemKind::Module(module) = &item.kind {
                documentation.modules.entry(module.name.text.clone()).or_insert_with(|| summary(&item.docs));
            }
        }
        documentation
    }

    /// The first paragraph of a module's doc comment, if it has one.
    pub(super) fn module(&self, name: &str) -> Option<&str> {
        self.modules.get(name).map(String::as_str).filter(|summary| !summary.is_empty())
    }
}

/// The first paragraph of a doc comment, as a sentence on one line.
fn summary(docs: &str) -> String {
    let lines: Vec<&str> = docs.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let mut summary = lines.join(" ");
    if summary.chars().next_back().is_some_and(char::is_alphanumeric) {
        summary.push('.');
    }
    summary
}

/// The lines over the type of a network: what the author says, and what it costs.
pub(super) fn of_network(graph: &Graph, documentation: &Documentation) -> Vec<String> {
    let totals = analyze(graph).totals;
    let mut lines: Vec<String> = documentation.network.iter().map(|line| format!(" {line}")).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let [parameters, macs] = [totals.parameters, totals.counts.core].map(grouped);
    lines.push(format!(" {parameters} parameters, {macs} multiply-adds for batch {}.", graph.batch));
    let settings: Vec<String> = graph.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if !settings.is_empty() {
        lines.push(format!(" Hyper-parameters: `{}`.", settings.join(", ")));
    }
    lines
}

/// The multiply-adds of instances, each with all below it, by the convention `core`.
pub(super) struct Costs(Vec<u64>);

impl Costs {
    /// Those of the graph as it is written.
    pub fn of(graph: &Graph) -> Costs {
        let mut costs = vec![0u64; graph.instances().len()];
        for (node, cost) in analyze(graph).iter() {
            let mut at = Some(node.instance);
            while let Some(instance) = at {
                if let Some(sum) = costs.get_mut(instance.index()) {
                    *sum = sum.saturating_add(cost.totals.counts.core);
                }
                at = graph.instance(instance).and_then(|instance| instance.parent);
            }
        }
        Costs(costs)
    }

    /// Those of an instance.
    pub fn macs(&self, instance: InstanceId) -> u64 {
        self.0.get(instance.index()).copied().unwrap_or(0)
    }
}

/// A place where a function is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The path of the instance; empty for the network.
    pub path: String,
    /// Its multiply-adds.
    pub macs: u64,
}

/// The line over a function: what its module does, where it is used, and what all its uses cost.
pub(super) fn of_function(summary: Option<&str>, places: &[Place]) -> Option<String> {
    let (first, others) = places.split_first()?;
    let place = if first.path.is_empty() { "the network".to_owned() } else { format!("`{}`", first.path) };
    let others = match others.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let macs = grouped(places.iter().fold(0, |sum: u64, place| sum.saturating_add(place.macs)));
    let summary = summary.map(|summary| format!("{summary} ")).unwrap_or_default();
    Some(format!(" {summary}Of {place}{others}: {macs} multiply-adds."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_a_paragraph() {
        assert_eq!(summary("Half of\nthe channels\n\nMore."), "Half of the channels.");
        assert_eq!(summary("Half (of them)."), "Half (of them).");
        assert_eq!(summary(""), "");
    }

    #[test]
    fn a_function_says_what_it_does_where_and_at_what_cost() {
        let place = |path: &str, macs| Place { path: path.to_owned(), macs };
        assert_eq!(of_function(None, &[]), None);
        assert_eq!(of_function(None, &[place("", 1_000)]).as_deref(), Some(" Of the network: 1,000 multiply-adds."));
        let places = [place("blocks[0]", 1_000), place("blocks[1]", 500)];
        assert_eq!(
            of_function(Some("Half of the channels."), &places).as_deref(),
            Some(" Half of the channels. Of `blocks[0]` and 1 more: 1,500 multiply-adds.")
        );
    }
}
