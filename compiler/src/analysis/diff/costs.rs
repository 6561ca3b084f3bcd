//! The modules of two networks side by side, where they cost something else.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::analysis::Analysis;
use crate::analysis::convention::Convention;
use crate::analysis::totals::Totals;
use crate::analysis::tree::{Branch, tree};

/// A part whose cost differs. What costs the same stands in no list; what one network lacks costs nothing there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostChange {
    /// The last part of the path; empty for the network.
    pub label: String,
    /// The whole path.
    pub path: String,
    /// The module or operation, of the second network where both have it.
    pub kind: Option<String>,
    /// What it costs in the first network, with all below it.
    pub from: Totals,
    /// What it costs in the second.
    pub to: Totals,
    /// The parts below it whose cost differs, the largest difference first.
    pub children: Vec<CostChange>,
}

/// The tree of differences; `None` where nothing differs.
pub(super) fn changes(from: &Analysis<'_>, to: &Analysis<'_>, convention: Convention) -> Option<CostChange> {
    compare(Some(&tree(from)), Some(&tree(to)), convention)
}

fn compare(from: Option<&Branch>, to: Option<&Branch>, convention: Convention) -> Option<CostChange> {
    let any = to.or(from)?;
    fn below(branch: Option<&Branch>) -> &[Branch] {
        branch.map_or(&[], |branch| branch.children.as_slice())
    }
    let in_to: HashMap<&str, &Branch> = below(to).iter().map(|child| (child.label.as_str(), child)).collect();
    let in_from: HashMap<&str, ()> = below(from).iter().map(|child| (child.label.as_str(), ())).collect();
    let both = below(from).iter().map(|child| (Some(child), in_to.get(child.label.as_str()).copied()));
    let new = below(to).iter().filter(|child| !in_from.contains_key(child.label.as_str()));
    let pairs = both.chain(new.map(|child| (None, Some(child))));
    let mut children: Vec<CostChange> = pairs.filter_map(|(from, to)| compare(from, to, convention)).collect();
    children.sort_by_key(|child| Reverse(child.size(convention)));
    let totals = |branch: Option<&Branch>| branch.map(|branch| branch.totals).unwrap_or_default();
    let (from, to) = (totals(from), totals(to));
    (from != to || !children.is_empty()).then(|| CostChange {
        label: any.label.clone(),
        path: any.path.clone(),
        kind: any.kind.clone(),
        from,
        to,
        children,
    })
}

impl CostChange {
    /// How large the difference is: in work, else in parameters, else in bytes.
    fn size(&self, convention: Convention) -> (u64, u64, u64) {
        let by = |of: &dyn Fn(&Totals) -> u64| of(&self.from).abs_diff(of(&self.to));
        (
            by(&|totals| totals.counts.get(convention)),
            by(&|totals| totals.parameters),
            by(&|totals| totals.activation_bytes),
        )
    }
}
