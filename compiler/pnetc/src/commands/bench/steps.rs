//! Where the time goes: what each step computes for whom, and sums by kernel.

use std::time::Duration;

use parameternet_compiler::graph::{Graph, NodeId};
use parameternet_compiler::plan::step::Step;

use crate::stages::Stages;

/// What a step of the plan is.
#[derive(Debug)]
pub(crate) struct StepFacts {
    /// Its position in the plan.
    pub index: usize,
    pub kernel: &'static str,
    /// What it does, as the plan says it.
    pub work: String,
    /// Whose node it computes, or whose operand: see [`owner`] and [`served`].
    pub node: String,
    /// The nodes that it computes.
    pub nodes: Vec<NodeId>,
    /// The same; of a step that computes none, such as a mixture of experts, those of the step that reads its result.
    pub serves: Vec<NodeId>,
    pub multiply_adds: u64,
    pub bytes: u64,
}

/// A step with its time.
#[derive(Debug)]
pub(super) struct StepTime {
    pub facts: StepFacts,
    pub cost: Cost,
}

/// A time and what was done in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub time: Duration,
    pub multiply_adds: u64,
    pub bytes: u64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.time += other.time;
        self.multiply_adds += other.multiply_adds;
        self.bytes += other.bytes;
    }

    /// All of them together.
    pub(super) fn sum(costs: impl IntoIterator<Item = Cost>) -> Cost {
        let mut sum = Cost::default();
        costs.into_iter().for_each(|cost| sum.add(cost));
        sum
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn gigaflops(&self) -> f64 {
        2.0 * self.multiply_adds as f64 / nanoseconds(self.time)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn gigabytes(&self) -> f64 {
        self.bytes as f64 / nanoseconds(self.time)
    }
}

/// At least one, so that rates are numbers.
fn nanoseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e9).max(1.0)
}

/// The steps of the plan with their times.
pub(super) fn attribute(stages: &Stages, times: &[Duration]) -> Vec<StepTime> {
    let steps = describe(stages).into_iter().zip(times);
    steps
        .map(|(facts, time)| {
            let cost = Cost { time: *time, multiply_adds: facts.multiply_adds, bytes: facts.bytes };
            StepTime { facts, cost }
        })
        .collect()
}

/// The steps of the plan.
pub(crate) fn describe(stages: &Stages) -> Vec<StepFacts> {
    let steps = stages.plan.steps().iter().enumerate();
    steps
        .map(|(index, step)| StepFacts {
            index,
            kernel: step.kernel(),
            work: work(step),
            node: owner(&stages.optimized, served(stages, index, step)).unwrap_or_else(|| "(copy)".to_owned()),
            nodes: step.nodes.clone(),
            serves: served(stages, index, step).nodes.clone(),
            multiply_adds: step.multiply_adds,
            bytes: step.bytes(),
        })
        .collect()
}

/// The plan's text of a step without the kernel's name, costs and nodes.
fn work(step: &Step) -> String {
    let text = step.to_string();
    let work = text.split("; ").next().unwrap_or_default();
    work.strip_prefix(step.kernel()).unwrap_or(work).trim_start().to_owned()
}

/// The step itself; for one that computes no node, such as a mixture of experts, the step that reads its result.
fn served<'s>(stages: &'s Stages, index: usize, step: &'s Step) -> &'s Step {
    if !step.nodes.is_empty() {
        return step;
    }
    let result = step.work.writes().first().map(|operand| operand.place);
    let readers = stages.plan.steps().iter().skip(index + 1);
    let mut readers = readers.filter(|reader| reader.work.reads().iter().any(|operand| Some(operand.place) == result));
    readers.find(|reader| !reader.nodes.is_empty()).unwrap_or(step)
}

/// The last of the step's nodes that the author named; else the instance of the last one and its operation.
fn owner(graph: &Graph, step: &Step) -> Option<String> {
    let nodes = || step.nodes.iter().rev().filter_map(|id| graph.node(*id));
    if let Some(path) = nodes().find_map(|node| node.path.as_ref()) {
        return Some(path.to_string());
    }
    let last = nodes().next()?;
    Some(match graph.instance(last.instance).filter(|instance| !instance.path.is_empty()) {
        Some(instance) => format!("{} {}", instance.path, last.op.name()),
        None => last.op.name().to_owned(),
    })
}

/// How many steps each kernel has, and what they cost; the costliest first.
pub(super) fn by_kernel(steps: &[StepTime]) -> Vec<(&'static str, usize, Cost)> {
    let mut kernels: Vec<(&'static str, usize, Cost)> = Vec::new();
    for step in steps {
        match kernels.iter_mut().find(|(kernel, ..)| *kernel == step.facts.kernel) {
            Some((_, count, cost)) => {
                *count += 1;
                cost.add(step.cost);
            }
            None => kernels.push((step.facts.kernel, 1, step.cost)),
        }
    }
    kernels.sort_by_key(|(.., cost)| std::cmp::Reverse(cost.time));
    kernels
}
