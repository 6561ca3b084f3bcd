//! Weights that come into the cache before they are read.
//!
//! In: the steps of a lowered network. Out: the same, where products that compute for longer than they wait also fetch weights of steps
//! behind them that do nothing but wait: a linear layer of one row takes as long as its weights take to come from memory, and from a
//! cache they come three times as fast. So do the products of Winograd's method on small images.
//!
//! From the last step to the first, each such product takes what it has time for of the weights that are read next; what is far ahead
//! would be gone again before it is read. Nothing depends on it but speed.

use parameternet_runtime::Dtype;

use super::lower::Lowered;
use super::step::{Matmul, Operand, Right, Step, Work};
use super::view::Place;

/// Bytes that come from memory while a thousand multiply-adds are computed, on a machine that is neither rich nor poor: 26 GB/s at 117
/// GFLOP/s. What the product reads itself is among them.
const BYTES_PER_THOUSAND: usize = 440;

/// Elements of other data that pass before what was fetched may be gone: half of a third-level cache.
const REACH: usize = 4 * 1024 * 1024;

/// The fewest elements of weights that are worth it.
const LEAST: usize = 8 * 1024;

/// The most rows that are multiplied with the same weights where these are waited for.
const ROWS: usize = 4;

/// Elements between weights that are fetched as if they were one piece: biases lie there.
const GAP: usize = 16 * 1024;

/// Weights of later steps that a product fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Those of the first of these steps.
    pub weights: Operand,
    /// The first element that is fetched.
    pub first: usize,
    /// How many are.
    pub length: usize,
}

/// Weights that are waited for. Lengths are those of matrices, not of panels: generated source is made for all instruction sets.
struct Wanted {
    weights: Operand,
    /// Elements that products fetch already.
    fetched: usize,
    /// All of them.
    length: usize,
    /// Elements that pass between the step that is looked at and the one that reads them.
    passed: usize,
}

/// See the module's documentation.
pub(super) fn mark(lowered: &mut Lowered) {
    let mut wanted: Vec<Wanted> = Vec::new();
    for step in lowered.steps.iter_mut().rev() {
        if let Some((weights, length)) = waits_for(&step.work) {
            match wanted.last_mut().filter(|next| next.fetched == 0 && is_before(weights, &next.weights)) {
                Some(next) => {
                    next.weights = weights.clone();
                    next.length += length;
                }
                None => wanted.push(Wanted { weights: weights.clone(), fetched: 0, length, passed: 0 }),
            }
            continue;
        }
        let mut passing = traffic(&step.work);
        let thousands = usize::try_from(step.multiply_adds / 1000).unwrap_or(usize::MAX);
        let spare = thousands.saturating_mul(BYTES_PER_THOUSAND) / size_of::<f32>();
        if let (Some(next), Some(host)) = (wanted.last_mut(), host(step)) {
            let room = REACH.saturating_sub(next.passed);
            let length = spare.saturating_sub(own_weights(host)).min(next.length - next.fetched).min(room);
            if length >= LEAST {
                host.ahead = Some(Ahead { weights: next.weights.clone(), first: next.fetched, length });
                next.fetched += length;
                passing += length;
            }
        }
        for next in &mut wanted {
            next.passed += passing;
        }
        wanted.retain(|next| next.passed < REACH && next.length - next.fetched >= LEAST);
    }
}

/// The weights that a step spends its time waiting for, and how many elements they are.
fn waits_for(work: &Work) -> Option<(&Operand, usize)> {
    let Work::Matmul(step) = work else { return None };
    let Right::Packed { panels, .. } = &step.right else { return None };
    let rows = step.outer.iter().product::<usize>() * step.rows / matrices(panels, step).max(1);
    let length = own_weights(step);
    (panels.place == Place::Weights && rows <= ROWS && length >= LEAST).then_some((panels, length))
}

/// Whether weights lie right before others.
fn is_before(weights: &Operand, others: &Operand) -> bool {
    weights.end <= others.offset && others.offset - weights.end <= GAP
}

/// The product that can fetch something meanwhile, if it is one.
fn host(step: &mut Step) -> Option<&mut Matmul> {
    match &mut step.work {
        Work::Matmul(step) if !step.is_in_halves() && step.rows > ROWS => Some(step),
        _ => None,
    }
}

/// Elements of weights that a product reads as its right factors.
fn own_weights(step: &Matmul) -> usize {
    let (operand, dtype, count) = match &step.right {
        Right::Packed { panels, dtype } => (panels, *dtype, 1),
        Right::Strassen { panels } => (panels, Dtype::F32, 2),
        Right::Mixed(mixed) => (&mixed.experts, mixed.dtype, mixed.count),
        Right::Computed { .. } => return 0,
    };
    let numbers = matrices(operand, step) * count * step.depth * step.columns;
    match dtype {
        Dtype::F32 => numbers,
        Dtype::Bf16 => numbers / 2,
        Dtype::Int8 => numbers / 4,
    }
}

/// How many right factors a product has.
fn matrices(panels: &Operand, step: &Matmul) -> usize {
    panels.strides.iter().zip(&step.outer).filter(|(stride, _)| **stride != 0).map(|(_, size)| size).product()
}

/// Elements that a step reads and writes, but for small weights.
fn traffic(work: &Work) -> usize {
    let operands = work.reads().into_iter().chain(work.writes()).filter(|operand| operand.place != Place::Weights);
    let weights = if let Work::Matmul(step) = work { own_weights(step) } else { 0 };
    operands.map(|operand| operand.end.saturating_sub(operand.offset)).sum::<usize>() + weights
}
