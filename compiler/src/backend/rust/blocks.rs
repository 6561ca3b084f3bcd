//! The steps of a plan in the author's structure: a block for each instance of a module that steps stand in.
//!
//! In: the steps in order, each with the instance that it belongs to. Out: the blocks, those that stand in others before
//! them. An instance whose steps are not next to each other has a block for each run of them.

use crate::graph::{Graph, InstanceId};
use crate::plan::Plan;
use crate::plan::step::{Step, Work};

/// A run of steps of an instance and of those below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub instance: InstanceId,
    pub items: Vec<Item>,
    /// How many blocks stand one in the other.
    pub height: usize,
}

/// What a block consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// A step, by its number.
    Step(usize),
    /// A block, by its number.
    Block(usize),
}

/// The blocks of a plan; the last one is the network's.
pub(super) fn blocks(graph: &Graph, plan: &Plan) -> Vec<Block> {
    let steps: Vec<(usize, Vec<InstanceId>)> =
        owners(graph, plan).into_iter().map(|instance| line(graph, instance)).enumerate().collect();
    let mut blocks = Vec::new();
    block(InstanceId::NETWORK, 1, &steps, &mut blocks);
    blocks
}

/// The instance of each step; a copy is made for the step that comes after it.
fn owners(graph: &Graph, plan: &Plan) -> Vec<InstanceId> {
    let mut owner = InstanceId::NETWORK;
    let mut owners: Vec<InstanceId> = plan
        .steps
        .iter()
        .rev()
        .map(|step| {
            owner = of_step(graph, step).unwrap_or(owner);
            owner
        })
        .collect();
    owners.reverse();
    owners
}

/// The instance that the last node of a step stands in; for convolutions that are computed together, the innermost that holds all.
fn of_step(graph: &Graph, step: &Step) -> Option<InstanceId> {
    let mut instances = step.nodes.iter().rev().filter_map(|node| graph.node(*node)).map(|node| node.instance);
    let last = instances.next()?;
    if !matches!(step.work, Work::Cascade(_)) {
        return Some(last);
    }
    let all = instances.map(|instance| line(graph, instance));
    let common = all.fold(line(graph, last), |common, line| {
        common.into_iter().zip(line).take_while(|(one, other)| one == other).map(|(one, _)| one).collect()
    });
    common.last().copied()
}

/// The instances from the network down to this one. An instance with the path of its parent counts to the parent: weights
/// are named by paths.
fn line(graph: &Graph, instance: InstanceId) -> Vec<InstanceId> {
    let mut line = vec![instance];
    let mut at = instance;
    while let Some(parent) = graph.instance(at).and_then(|instance| instance.parent) {
        line.push(parent);
        at = parent;
    }
    line.reverse();
    let path = |instance: &InstanceId| graph.instance(*instance).map(|instance| &instance.path);
    line.dedup_by(|instance, before| path(instance) == path(before));
    line
}

/// Adds the block of an instance that stands so deep, behind those in it; gives its number.
fn block(instance: InstanceId, depth: usize, steps: &[(usize, Vec<InstanceId>)], blocks: &mut Vec<Block>) -> usize {
    let mut items = Vec::new();
    let mut height = 0;
    let mut rest = steps;
    while let Some((index, line)) = rest.first() {
        let child = line.get(depth);
        let length = match child {
            None => 1,
            Some(_) => rest.iter().take_while(|(_, line)| line.get(depth) == child).count(),
        };
        let (run, behind) = rest.split_at(length);
        items.push(match child {
            None => Item::Step(*index),
            Some(child) => {
                let child = block(*child, depth + 1, run, blocks);
                height = height.max(1 + blocks.get(child).map_or(0, |block| block.height));
                Item::Block(child)
            }
        });
        rest = behind;
    }
    blocks.push(Block { instance, items, height });
    blocks.len() - 1
}
