//! What runs, for the page: the steps of the plan with the nodes they compute, and the buffers of the arena.

use std::time::Duration;

use parameternet_compiler::plan::step::Operand;
use serde_json::{Map, Value, json};

use super::origins::Origins;
use crate::commands::bench::steps::describe;
use crate::stages::Stages;

/// The parts of the page's data that come from the plan; `times` of all steps, if they were measured.
pub(super) fn facts(stages: &Stages, times: Option<&[Duration]>) -> Map<String, Value> {
    let origins = Origins::of(&stages.graph, &stages.optimized);
    let places = |operands: Vec<&Operand>| -> Vec<String> {
        let mut places: Vec<String> = operands.into_iter().map(|operand| operand.place.to_string()).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    let steps = describe(stages).into_iter().zip(stages.plan.steps()).map(|(facts, step)| {
        let mut nodes: Vec<usize> = facts.serves.iter().flat_map(|node| origins.of_node(*node)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        json!({
            "kernel": facts.kernel,
            "work": facts.work,
            "of": facts.node,
            "nodes": nodes,
            "multiply_adds": facts.multiply_adds,
            "bytes": facts.bytes,
            "reads": places(step.work.reads()),
            "writes": places(step.work.writes()),
            "seconds": times.and_then(|times| times.get(facts.index)).map(Duration::as_secs_f64),
        })
    });
    let bytes = |elements: usize| elements * size_of::<f32>();
    let buffers = stages
        .plan
        .buffers()
        .iter()
        .map(|buffer| json!([bytes(buffer.offset), bytes(buffer.elements), buffer.first, buffer.last]));
    Map::from_iter([("steps".to_owned(), steps.collect()), ("buffers".to_owned(), buffers.collect())])
}
