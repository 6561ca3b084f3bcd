//! The invariants of a plan, checked when it is made:
//!
//! 1. every operand lies within what it points into: its buffer, the prepared weights, the input or the output;
//! 2. no step writes into weights or inputs;
//! 3. two buffers that live at the same time do not overlap, and every buffer lies within the arena;
//! 4. whatever is read was written by an earlier step, as far as whole buffers tell;
//! 5. every operand moves along as many outer dimensions as its step has.
//!
//! After it, back ends do not fail.

use super::step::{Left, Operand, Right, Work};
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
    let mut written = vec![false; plan.buffers.len()];
    for (index, step) in plan.steps.iter().enumerate() {
        let violation = |what: String| Violation { step: index, what };
        for operand in step.work.reads() {
            check_range(plan, operand).map_err(violation)?;
            if let Place::Buffer(id) = operand.place
                && !written.get(id.index()).copied().unwrap_or(false)
            {
                return Err(violation(format!("{id} is read before it is written")));
            }
        }
        for operand in step.work.writes() {
            check_range(plan, operand).map_err(violation)?;
            match operand.place {
                Place::Buffer(id) => {
                    if let Some(written) = written.get_mut(id.index()) {
                        *written = true;
                    }
                }
                Place::Output(_) => {}
                Place::Weights | Place::Input(_) => return Err(violation(format!("{} is written", operand.place))),
            }
        }
        if let Some(outer) = outer(&step.work)
            && let Some(operand) = main_operands(&step.work).into_iter().find(|operand| operand.strides.len() != outer)
        {
            return Err(violation(format!(
                "{} moves along {} of {outer} dimensions",
                operand.place,
                operand.strides.len()
            )));
        }
    }
    check_overlaps(plan)
}

fn check_range(plan: &Plan, operand: &Operand) -> Result<(), String> {
    let elements = |ports: &[super::Port], index: usize| ports.get(index).map_or(0, |port| port.shape.elements());
    let length = match operand.place {
        Place::Buffer(BufferId(id)) => plan.buffers.get(id).map_or(0, |buffer| buffer.elements),
        Place::Weights => plan.weights.preparation.length,
        Place::Input(index) => elements(&plan.inputs, index),
        Place::Output(index) => elements(&plan.outputs, index),
    };
    if operand.end <= length {
        return Ok(());
    }
    Err(format!("{} has {length} elements, of which {} are used", operand.place, operand.end))
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

/// How many outer dimensions a step has.
fn outer(work: &Work) -> Option<usize> {
    Some(match work {
        Work::Matmul(step) => step.outer.len(),
        Work::Depthwise(step) => step.outer.len(),
        Work::Mix(step) => step.outer.len(),
        Work::Rows(step) => step.outer.len(),
        Work::Mean(step) => step.outer.len(),
        Work::Softmax(step) => step.outer.len(),
        Work::Norm(step) => step.outer.len(),
        Work::Gather(step) => step.outer.len(),
        Work::Transpose(step) => step.outer.len(),
        Work::Elementwise(step) => step.outer.len(),
        Work::SmallLinear(_) => return None,
    })
}

/// The operands that move along the outer dimensions.
fn main_operands(work: &Work) -> Vec<&Operand> {
    match work {
        Work::Matmul(step) => {
            let left = match &step.left {
                Left::Rows { rows, .. } => rows,
                Left::Patches { image, .. } => image,
            };
            let right = match &step.right {
                Right::Packed { panels } => panels,
                Right::Mixed { experts, .. } => experts,
                Right::Computed { source, .. } => source,
            };
            vec![left, right, &step.out]
        }
        Work::Depthwise(step) => vec![&step.image, &step.out],
        Work::Mix(step) => vec![&step.out, &step.coefficients],
        Work::Rows(step) => vec![&step.image, &step.out],
        Work::Mean(step) => vec![&step.source, &step.out],
        Work::Softmax(step) => vec![&step.source, &step.out],
        Work::Norm(step) => vec![&step.source, &step.out],
        Work::Gather(step) => vec![&step.source, &step.out],
        Work::Transpose(step) => vec![&step.source, &step.out],
        Work::Elementwise(step) => step.operands.iter().chain([&step.out]).collect(),
        Work::SmallLinear(_) => Vec::new(),
    }
}
