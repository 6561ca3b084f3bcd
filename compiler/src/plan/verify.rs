//! The invariants of a plan, checked when it is made:
//!
//! 1. every operand lies within what it points into: its buffer, the prepared weights, the input or the output;
//! 2. no step writes into weights or inputs;
//! 3. two buffers that live at the same time do not overlap, and every buffer lies within the arena;
//! 4. whatever is read was written by an earlier step, as far as whole buffers and outputs tell, and every output is written;
//! 5. every operand moves along as many outer dimensions as its step has;
//! 6. a step whose output begins where an operand does reads each element of that buffer only where it writes it (operands
//!    that begin elsewhere in it are parts of a concatenation, which lie beside each other);
//! 7. the scratch memory suffices for every step, units and blocks have a size, and no cut of a product in halves lies within a pair, nor one of
//!    channels within a group or a block of their weights;
//! 8. a stage of a cascade reads rows that stages before it wrote, for the same unit or the one before it;
//! 9. the second product of attention reads the scores that the first one wrote;
//! 10. all steps are in rounds, and where a round has several parts, these are the first outer dimension of its steps: what a step writes is another
//!     piece for each part, or is used by steps of the round alone, and what it reads is of the same part or nothing that the round writes.
//!
//! After it, back ends do not fail.

use std::collections::HashSet;

use parameternet_runtime::abi::GroupedShape;

use super::arena::{overwritable, scratch};
use super::step::{Finish, Matmul, Operand, Right, Work};
use super::view::Place;
use super::{BufferId, Plan};

/// A broken invariant: a defect of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step}: {what}")]
pub struct Violation {
    /// The step.
    pub step: usize,
    /// What does not hold.
    pub what: String,
}

/// Checks all invariants.
///
/// # Errors
/// The first that is broken.
pub fn verify(plan: &Plan) -> Result<(), Violation> {
    let mut written: HashSet<Place> = HashSet::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let violation = |what: String| Violation { step: index, what };
        for operand in step.work.reads() {
            check_range(plan, operand).map_err(violation)?;
            let is_computed = matches!(operand.place, Place::Buffer(_) | Place::Output(_));
            if is_computed && !written.contains(&operand.place) {
                return Err(violation(format!("{} is read before it is written", operand.place)));
            }
        }
        for operand in step.work.writes() {
            check_range(plan, operand).map_err(violation)?;
            if let Place::Weights | Place::Input(_) = operand.place {
                return Err(violation(format!("{} is written", operand.place)));
            }
            written.insert(operand.place);
        }
        check_overwriting(&step.work).map_err(violation)?;
        check_cuts(plan, &step.work).map_err(violation)?;
        check_movement(&step.work).map_err(violation)?;
        check_groups(&step.work).map_err(violation)?;
        if let Work::Cascade(cascade) = &step.work {
            cascade.check().map_err(violation)?;
            for stage in &cascade.stages {
                check_movement(&stage.work).and_then(|()| check_groups(&stage.work)).map_err(violation)?;
            }
        }
        if let Work::Attention(attention) = &step.work {
            attention.check().map_err(violation)?;
        }
    }
    let is_missing =
        |(index, port): &(usize, &super::Port)| port.shape.elements() > 0 && !written.contains(&Place::Output(*index));
    if let Some((index, _)) = plan.outputs.iter().enumerate().find(is_missing) {
        return Err(Violation { step: plan.steps.len(), what: format!("out{index} is not written") });
    }
    check_rounds(plan)?;
    check_overlaps(plan)
}

/// The steps of rounds can be done part by part.
fn check_rounds(plan: &Plan) -> Result<(), Violation> {
    let holds_panels = |step: &&super::step::Step| matches!(step.work, Work::GatePanels(_) | Work::MixPanels(_));
    let rooms = plan.steps.iter().filter(holds_panels).flat_map(|step| step.work.writes());
    let rooms: HashSet<Place> = rooms.map(|operand| operand.place).collect();
    let mut first = 0;
    for round in &plan.rounds {
        let own = first..first + round.steps;
        let steps = plan.steps.iter().enumerate().skip(first).take(round.steps);
        let is_cut = |work: &Work| round.parts == 1 || samples(work) == Some(round.parts);
        if let Some((step, _)) = steps.clone().find(|(_, step)| !is_cut(&step.work)) {
            return Err(Violation { step, what: format!("it is not done in {} parts", round.parts) });
        }
        let written: HashSet<Place> =
            steps.clone().flat_map(|(_, step)| step.work.writes()).map(|operand| operand.place).collect();
        for (step, operand) in steps.flat_map(|(index, step)| {
            let operands = step.work.reads().into_iter().chain(step.work.writes());
            operands.map(move |operand| (index, operand))
        }) {
            let is_inner = match operand.place {
                Place::Buffer(BufferId(id)) => {
                    plan.buffers.get(id).is_some_and(|buffer| own.contains(&buffer.first) && own.contains(&buffer.last))
                }
                _ => false,
            };
            let moves = operand.strides.first().copied().unwrap_or(0);
            let is_of_part = match length(plan, operand.place) {
                None => true,
                Some(_) if is_inner || !written.contains(&operand.place) => true,
                Some(length) => {
                    let before = round.parts.saturating_sub(1) * moves;
                    // Room for panels is as long as the longest of any machine.
                    let ends_with_it = operand.end <= before + moves || rooms.contains(&operand.place);
                    moves > 0 && moves * round.parts <= length && ends_with_it
                }
            };
            if round.parts > 1 && (!is_of_part || is_inner && moves != 0) {
                return Err(Violation { step, what: format!("{} is no piece of a part of the batch", operand.place) });
            }
        }
        first = own.end;
    }
    if first == plan.steps.len() {
        return Ok(());
    }
    Err(Violation { step: first, what: format!("{} steps are in rounds, of {}", first, plan.steps.len()) })
}

/// Every operand moves along as many outer dimensions as the step has.
fn check_movement(work: &Work) -> Result<(), String> {
    let Some(outer) = work.outer().map(<[usize]>::len) else { return Ok(()) };
    match moving(work).into_iter().find(|operand| operand.strides.len() != outer) {
        Some(Operand { place, strides, .. }) => {
            Err(format!("{place} moves along {} of {outer} dimensions", strides.len()))
        }
        None => Ok(()),
    }
}

/// What a step writes where it begins to read is one of the buffers that it may overwrite.
fn check_overwriting(work: &Work) -> Result<(), String> {
    let allowed = overwritable(work);
    for write in work.writes() {
        let Place::Buffer(id) = write.place else { continue };
        let is_read = work.reads().iter().any(|read| read.place == write.place && read.offset == write.offset);
        if is_read && !allowed.contains(&id) {
            return Err(format!("{id} is overwritten while it is read"));
        }
    }
    Ok(())
}

/// A convolution of few channels a group has groups that its kernel takes, and parts of its channels begin where groups and blocks of weights do.
fn check_groups(work: &Work) -> Result<(), String> {
    let Work::Grouped(step) = work else { return Ok(()) };
    let group = step.shape.group;
    if group > GroupedShape::LARGEST_GROUP || !group.is_power_of_two() {
        return Err(format!("no kernel takes groups of {group} channels"));
    }
    let is_whole = step.channels_per_unit >= step.channels;
    if !step.channels.is_multiple_of(group) || !is_whole && !step.channels_per_unit.is_multiple_of(GroupedShape::LANES)
    {
        return Err("its channels are cut within a group or a block of weights".to_owned());
    }
    Ok(())
}

/// The scratch memory suffices, and nothing is cut into pieces of no size.
fn check_cuts(plan: &Plan, work: &Work) -> Result<(), String> {
    let wanted = scratch(work, plan.options.isa.tile());
    if wanted > plan.scratch {
        return Err(format!("it needs {wanted} elements of scratch memory, of which there are {}", plan.scratch));
    }
    if let Work::Matmul(step) = work
        && step.is_in_halves()
        && [step.blocking.rows_per_unit, step.blocking.rows_per_block, step.depth, step.columns]
            .iter()
            .any(|size| !size.is_multiple_of(2))
    {
        return Err("a product in halves is cut within a pair".to_owned());
    }
    let pieces = match work {
        Work::Matmul(step) => {
            step.blocking.rows_per_unit.min(step.blocking.rows_per_block).min(step.blocking.panels_per_unit)
        }
        Work::Grouped(step) => step.rows_per_unit.min(step.channels_per_unit),
        _ => 1,
    };
    if pieces == 0 { Err("its work is cut into nothing".to_owned()) } else { Ok(()) }
}

fn check_range(plan: &Plan, operand: &Operand) -> Result<(), String> {
    let length = match operand.place {
        Place::Weights => plan.weights.preparation.length,
        // Cascades and attention check what is theirs.
        Place::Lines(_) => return Ok(()),
        place => length(plan, place).unwrap_or(0),
    };
    if operand.end <= length {
        return Ok(());
    }
    Err(format!("{} has {length} elements, of which {} are used", operand.place, operand.end))
}

/// The first outer dimension of a step.
fn samples(work: &Work) -> Option<usize> {
    match work {
        Work::SmallLinear(step) => Some(step.rows),
        Work::Cascade(step) => Some(step.samples),
        work => work.outer().and_then(|outer| outer.first().copied()),
    }
}

/// The length of a buffer, an input or output.
fn length(plan: &Plan, place: Place) -> Option<usize> {
    let elements = |ports: &[super::Port], index: usize| ports.get(index).map(|port| port.shape.elements());
    match place {
        Place::Buffer(BufferId(id)) => plan.buffers.get(id).map(|buffer| buffer.elements),
        Place::Input(index) => elements(&plan.inputs, index),
        Place::Output(index) => elements(&plan.outputs, index),
        Place::Weights | Place::Lines(_) => None,
    }
}

fn check_overlaps(plan: &Plan) -> Result<(), Violation> {
    let mut sorted: Vec<(usize, &super::Buffer)> = plan.buffers.iter().enumerate().collect();
    sorted.sort_by_key(|(_, buffer)| buffer.first);
    let mut living: Vec<(usize, &super::Buffer)> = Vec::new();
    for (id, buffer) in sorted {
        if buffer.offset + buffer.elements > plan.arena {
            let what = format!("{} does not lie in the arena", BufferId(id));
            return Err(Violation { step: buffer.first, what });
        }
        living.retain(|(_, other)| other.last >= buffer.first);
        let meets = |other: &super::Buffer| {
            other.offset < buffer.offset + buffer.elements && buffer.offset < other.offset + other.elements
        };
        if let Some((other, _)) = living.iter().find(|(_, other)| meets(other)) {
            let what = format!("{} and {} overlap", BufferId(id), BufferId(*other));
            return Err(Violation { step: buffer.first, what });
        }
        living.push((id, buffer));
    }
    Ok(())
}

/// The operands that move along the outer dimensions.
fn moving(work: &Work) -> Vec<&Operand> {
    match work {
        Work::Matmul(step) => moving_of_product(step),
        Work::Attention(step) => {
            let products = [&step.scores, &step.result].into_iter().flat_map(moving_of_product);
            products.chain(&step.bias).chain(&step.mask).collect()
        }
        Work::Grouped(step) => {
            [&step.image, &step.weights, &step.out].into_iter().chain(finish(&step.finish)).collect()
        }
        Work::Mix(step) => vec![&step.experts, &step.out, &step.coefficients],
        Work::GatePanels(step) => vec![&step.panels, &step.gates, &step.out],
        Work::MixPanels(step) => step.mixed.reads().chain([&step.out]).collect(),
        Work::Rows(step) => vec![&step.image, &step.out],
        Work::WinogradOutput(step) => [&step.products, &step.out].into_iter().chain(finish(&step.finish)).collect(),
        Work::Mean(step) => vec![&step.source, &step.out],
        Work::Softmax(step) => vec![&step.source, &step.out],
        Work::Norm(step) => [&step.source, &step.out].into_iter().chain(&step.weight).chain(&step.bias).collect(),
        Work::Gather(step) => vec![&step.source, &step.out],
        Work::Transpose(step) => vec![&step.source, &step.out],
        Work::Elementwise(step) => step.operands.iter().chain([&step.out]).collect(),
        Work::SmallLinear(_) | Work::Cascade(_) => Vec::new(),
    }
}

fn moving_of_product(step: &Matmul) -> Vec<&Operand> {
    let right = match &step.right {
        Right::Packed { panels, .. } | Right::Strassen { panels } => panels,
        Right::Mixed(mixed) => &mixed.experts,
        Right::Computed { source, .. } => source,
    };
    let mut operands = vec![step.left.operand(), right, &step.out];
    operands.extend(finish(&step.finish));
    if let Right::Mixed(mixed) = &step.right {
        operands.extend([&mixed.coefficients].into_iter().chain(&mixed.gates));
    }
    operands
}

/// The operands of an epilogue that move along the outer dimensions alone.
fn finish(finish: &Finish) -> impl Iterator<Item = &Operand> {
    [&finish.bias, &finish.gate, &finish.residual].into_iter().flatten()
}
