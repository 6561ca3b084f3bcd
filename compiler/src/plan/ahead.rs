//! Weights that come into the cache before they are read.
//!
//! In: the steps of a lowered network. Out: the same, where products that compute for longer than they wait also fetch weights of steps
//! behind them that do nothing but wait: a linear layer of one row takes as long as its weights take to come from memory, and from a
//! cache they come three times as fast. So do the products of Winograd's method on small images.
//!
//! From the last step to the first, each such product takes what it has time for of the weights that are read next; what is far ahead
//! would be gone again before it is read. Nothing depends on it but speed.

use parameternet_runtime::blocking::PLACES;
use parameternet_runtime::prepare::{Content, Layout, Prepared};
use parameternet_runtime::{Dtype, Isa};

use super::lower::Lowered;
use super::step::{Left, Matmul, Operand, Right, Step, Work};
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

/// Weights of later steps that a product fetches. They are no operand: nothing is read, and what lies at their end need not be theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Those of the first of these steps.
    pub weights: Operand,
    /// The first element that is fetched.
    pub first: usize,
    /// How many are.
    pub length: usize,
}

/// Weights that are waited for. All lengths are those of matrices, not of panels: generated source is one for all instruction sets.
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
    let contents = &lowered.weights.preparation.contents;
    let mut wanted: Vec<Wanted> = Vec::new();
    for step in lowered.steps.iter_mut().rev() {
        let mut passing = traffic(&step.work);
        if let Some((weights, length)) = waits_for(&step.work) {
            for next in &mut wanted {
                next.passed += passing;
            }
            let next = wanted.last_mut().filter(|next| next.fetched == 0);
            match next.and_then(|next| Some((gap(contents, weights, &next.weights)?, next))) {
                Some((gap, next)) => {
                    next.weights = weights.clone();
                    next.length += length + gap;
                }
                None => wanted.push(Wanted { weights: weights.clone(), fetched: 0, length, passed: 0 }),
            }
            continue;
        }
        let thousands = usize::try_from(step.multiply_adds / 1000).unwrap_or(usize::MAX);
        let time = thousands.saturating_mul(BYTES_PER_THOUSAND) / size_of::<f32>();
        if let (Some(next), Some(host)) = (wanted.last_mut(), host(step)) {
            let room = REACH.saturating_sub(next.passed);
            let length = time.saturating_sub(own_weights(host)).min(next.length - next.fetched).min(room);
            if length >= LEAST.max(2 * calls(host)) {
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
    (rows <= ROWS && length >= LEAST).then_some((panels, length))
}

/// How many elements lie between weights and others behind them, if they are so few that both can be fetched as one piece.
fn gap(contents: &[Prepared], weights: &Operand, others: &Operand) -> Option<usize> {
    let index = |operand: &Operand| contents.binary_search_by_key(&operand.offset, |content| content.offset).ok();
    let between = contents.get(index(weights)? + 1..index(others)?)?;
    let mut gap = 0;
    for content in between {
        match &content.content {
            Content::Value { layout: layout @ (Layout::Strided(_) | Layout::Blocks { .. }), .. } => {
                gap += layout.length()
            }
            _ => return None,
        }
    }
    (gap <= GAP).then_some(gap)
}

/// The product that can fetch something meanwhile, if it is one.
fn host(step: &mut Step) -> Option<&mut Matmul> {
    let Work::Matmul(step) = &mut step.work else { return None };
    let fetches = match &step.right {
        Right::Packed { dtype, .. } => *dtype == Dtype::F32,
        Right::Mixed(_) | Right::Computed { .. } => true,
        Right::Strassen { .. } => false,
    };
    let run = match &step.left {
        Left::Rows { .. } => step.depth,
        Left::Window(under) => under.runs.length,
    };
    (fetches && step.rows > ROWS && run >= PLACES).then_some(step)
}

/// How often a product says what a row fetches, at most: with each part of each panel, however narrow these are. It is rounded up each time.
fn calls(step: &Matmul) -> usize {
    let narrowest = Isa::ALL.map(|isa| isa.tile().columns()).into_iter().fold(usize::MAX, usize::min);
    let parts = step.product().part.map_or(1, |part| step.depth.div_ceil(part.max(1)));
    step.outer.iter().product::<usize>() * step.rows * step.columns.div_ceil(narrowest) * parts
}

/// Elements of weights that a product reads as its right factors.
fn own_weights(step: &Matmul) -> usize {
    let (operand, dtype, count) = match &step.right {
        Right::Packed { panels, dtype } => (panels, *dtype, 1),
        Right::Strassen { panels } => (panels, Dtype::F32, 2),
        Right::Mixed(mixed) => (&mixed.experts, mixed.dtype, mixed.count),
        Right::Computed { .. } => return 0,
    };
    if operand.place != Place::Weights {
        return 0;
    }
    stored(matrices(operand, step) * count * step.depth * step.columns, dtype)
}

/// How many right factors a product has.
fn matrices(panels: &Operand, step: &Matmul) -> usize {
    panels.strides.iter().zip(&step.outer).filter(|(stride, _)| **stride != 0).map(|(_, size)| size).product()
}

/// Elements that so many numbers take.
fn stored(numbers: usize, dtype: Dtype) -> usize {
    match dtype {
        Dtype::F32 => numbers,
        Dtype::Bf16 => numbers / 2,
        Dtype::Int8 => numbers / 4,
    }
}

/// Elements that a step reads and writes: buffers, and the weights of products. (Others have few.)
fn traffic(work: &Work) -> usize {
    let operands = work.reads().into_iter().chain(work.writes()).filter(|operand| operand.place != Place::Weights);
    let weights = match work {
        Work::Matmul(step) => own_weights(step),
        Work::MixPanels(step) => stored(step.mixed.count * step.depth * step.columns, step.mixed.dtype),
        _ => 0,
    };
    operands.map(|operand| operand.end.saturating_sub(operand.offset)).sum::<usize>() + weights
}
