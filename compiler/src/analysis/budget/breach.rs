//! Measuring what a limit binds, and the error where it does not hold.

use std::collections::HashMap;

use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::Span;

use super::{Bound, Metric, Target};
use crate::analysis::totals::Totals;
use crate::analysis::{Analysis, analyze, peak, twin};
use crate::figures::grouped;
use crate::graph::{Graph, InstanceId};

/// How many costly places are shown.
const PLACES: usize = 3;

/// A graph with its costs.
pub(super) struct Measured<'g> {
    analysis: Analysis<'g>,
    /// By instance: what it costs with all instances below it.
    instances: Vec<Totals>,
    /// By instance: the most bytes of activations that live while it runs.
    peaks: Vec<u64>,
    /// By node: bytes of activations that live while it runs.
    live: Vec<u64>,
    /// What is bound by a limit that was held before: a file may have very many.
    known: HashMap<(Target, Metric), Option<(u64, InstanceId)>>,
}

impl<'g> Measured<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        let analysis = analyze(graph);
        let mut instances = vec![Totals::default(); graph.instances().len()];
        let mut peaks = vec![0; instances.len()];
        let live = peak::live(graph);
        for ((node, cost), live) in analysis.iter().zip(&live) {
            if let (Some(totals), Some(peak)) = (instances.get_mut(node.instance.0), peaks.get_mut(node.instance.0)) {
                *totals = totals.plus(cost.totals);
                *peak = (*live).max(*peak);
            }
        }
        // Parents stand before their children.
        for (index, instance) in graph.instances().iter().enumerate().rev() {
            let Some(parent) = instance.parent else { continue };
            let own = instances.get(index).copied().unwrap_or_default();
            let peak = peaks.get(index).copied().unwrap_or_default();
            if let (Some(totals), Some(highest)) = (instances.get_mut(parent.0), peaks.get_mut(parent.0)) {
                *totals = totals.plus(own);
                *highest = peak.max(*highest);
            }
        }
        Measured { analysis, instances, peaks, live, known: HashMap::new() }
    }

    /// The instances that a limit binds.
    fn bound_instances(&self, target: &Target) -> Vec<InstanceId> {
        match target {
            Target::Network => vec![InstanceId::NETWORK],
            Target::Module(name) => {
                let instances = self.analysis.graph.instances().iter().enumerate().skip(1);
                instances.filter(|(_, instance)| instance.module == *name).map(|(index, _)| InstanceId(index)).collect()
            }
        }
    }

    /// By instance: whether it is this one or below it.
    fn below(&self, instance: InstanceId) -> Vec<bool> {
        let mut below = vec![false; self.instances.len()];
        for (index, other) in self.analysis.graph.instances().iter().enumerate() {
            let inside =
                index == instance.0 || other.parent.is_some_and(|parent| below.get(parent.0).copied().unwrap_or(false));
            below.iter_mut().skip(index).take(1).for_each(|below| *below = inside);
        }
        below
    }

    /// What an instance costs.
    fn measure(&self, instance: InstanceId, metric: Metric) -> u64 {
        let totals = self.instances.get(instance.0).copied().unwrap_or_default();
        match metric {
            Metric::ActivationPeak => self.peaks.get(instance.0).copied().unwrap_or_default(),
            Metric::Params | Metric::Work(_) | Metric::WeightBytes => value(&totals, metric),
        }
    }

    /// The first of the instances that a limit binds that cost the most, and what it costs.
    fn worst(&mut self, bound: &Bound) -> Option<(u64, InstanceId)> {
        let key = (bound.target.clone(), bound.metric);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let instances = self.bound_instances(&bound.target).into_iter();
        let measured = instances.map(|instance| (self.measure(instance, bound.metric), instance));
        let worst = measured.rev().max_by_key(|(value, _)| *value);
        self.known.insert(key, worst);
        worst
    }

    /// The error if a limit does not hold.
    pub(super) fn breach(&mut self, bound: &Bound) -> Option<Diagnostic> {
        let exceeds = |value: u64| bound.most.is_none_or(|most| value > most);
        let (cost, worst) = self.worst(bound)?;
        if !exceeds(cost) {
            return None;
        }
        let graph = self.analysis.graph;
        let measured: Vec<u64> = self
            .bound_instances(&bound.target)
            .into_iter()
            .map(|instance| self.measure(instance, bound.metric))
            .collect();
        let exceeding = measured.iter().filter(|value| exceeds(**value)).count();
        let instance = graph.instance(worst)?;
        let unit = bound.metric.unit();
        let allowed = bound.most.map_or_else(|| "less than 0".to_owned(), grouped);
        let message = format!("`{}` takes {} {unit}, and its budget allows {allowed}", instance.module, grouped(cost));
        let excess = grouped(cost.saturating_sub(bound.most.unwrap_or(0)));
        let mut error = Diagnostic::new(Code::E0601, message).primary(bound.span, format!("{excess} too many"));
        for (span, text) in self.places(worst, bound.metric) {
            error = error.secondary(span, text);
        }
        if bound.target != Target::Network {
            let path = &instance.path;
            error = error.note(match measured.len() {
                1 => format!("in `{path}`, its only instance"),
                all => format!("in `{path}`, the costliest of {all} instances; {exceeding} of them exceed the budget"),
            });
        }
        if let Some(plain) = self.twin_cost(worst, bound.metric).filter(|plain| *plain != cost) {
            let note =
                format!("with plain convolutions in place of dynamic ones, it would take {} {unit}", grouped(plain));
            error = error.note(note);
        }
        if graph.batch == 1 { Some(error) } else { Some(error.note("costs are those of one image")) }
    }

    /// The calls that cost the most in an instance, with what each costs.
    fn places(&self, instance: InstanceId, metric: Metric) -> Vec<(Span, String)> {
        let below = self.below(instance);
        let mut calls: HashMap<Span, (u64, usize)> = HashMap::new();
        for ((node, cost), live) in self.analysis.iter().zip(&self.live) {
            if !below.get(node.instance.0).copied().unwrap_or(false) {
                continue;
            }
            let (sum, count) = calls.entry(node.span).or_default();
            *sum = match metric {
                Metric::ActivationPeak => *live.max(sum),
                Metric::Params | Metric::Work(_) | Metric::WeightBytes => {
                    sum.saturating_add(value(&cost.totals, metric))
                }
            };
            *count += 1;
        }
        let mut calls: Vec<(Span, u64, usize)> =
            calls.into_iter().filter(|(_, (sum, _))| *sum > 0).map(|(span, (sum, count))| (span, sum, count)).collect();
        calls.sort_by_key(|(span, sum, _)| (std::cmp::Reverse(*sum), *span));
        let text = |(span, sum, count): (Span, u64, usize)| {
            let text = match (metric, count) {
                (Metric::ActivationPeak, _) => format!("{} bytes live here", grouped(sum)),
                (_, 1) => grouped(sum),
                (_, count) => format!("{} in {count} operations", grouped(sum)),
            };
            (span, text)
        };
        calls.into_iter().take(PLACES).map(text).collect()
    }

    /// What an instance would cost in the static twin, if there is one.
    fn twin_cost(&self, instance: InstanceId, metric: Metric) -> Option<u64> {
        let graph = self.analysis.graph;
        let twin = twin::has_twin(graph).then(|| twin::static_twin(graph).ok())??;
        Some(Measured::of(&twin).measure(instance, metric))
    }
}

/// A metric that adds up.
fn value(totals: &Totals, metric: Metric) -> u64 {
    match metric {
        Metric::Params => totals.parameters,
        Metric::Work(convention) => totals.counts.get(convention),
        Metric::WeightBytes => totals.weight_bytes,
        Metric::ActivationPeak => 0,
    }
}
