//! The arena: one block of memory in which every intermediate has its place.
//!
//! In: steps on buffers. Out: the [`Plan`]. A step may write where an operand of it lies that nobody reads again, if every
//! element is read where it is written. Then each buffer, which lives from the first step that writes it to the last that
//! touches it, is placed so that no two that live at the same time overlap: in several orders, each buffer at the lowest
//! offset that is free for all of its life; the shortest arena wins.

#![expect(clippy::indexing_slicing, reason = "buffer ids are indices into the tables of buffers")]

use std::ops::{Range, RangeInclusive};

use super::lower::Lowered;
use super::step::{Finish, Grouped, Matmul, Operand, WinogradOutput, Work};
use super::view::Place;
use super::{Buffer, BufferId, Plan};
use parameternet_runtime::abi::Tile;

/// Buffers, and line buffers in scratch memory, begin at multiples of that many elements: a cache line.
pub(super) const ALIGNMENT: usize = 16;

/// When a buffer lives: from the first step that touches it to the last.
type Life = Option<RangeInclusive<usize>>;

/// See the module's documentation.
#[must_use]
pub fn assign(mut lowered: Lowered) -> Plan {
    if lowered.options.rewrites.overwrites_operands() {
        reuse(&mut lowered);
    }
    compact(&mut lowered);
    let (buffers, arena, live_peak) = place(&lowered);
    let tile = lowered.options.isa.tile();
    Plan {
        network: lowered.network,
        options: lowered.options,
        inputs: lowered.inputs,
        outputs: lowered.outputs,
        scratch: lowered.steps.iter().map(|step| scratch(&step.work, tile)).max().unwrap_or(0),
        steps: lowered.steps,
        rounds: lowered.rounds,
        buffers,
        arena,
        live_peak,
        weights: lowered.weights,
    }
}

/// When buffers live.
pub(super) fn lives(lowered: &Lowered) -> Vec<Life> {
    let mut lives: Vec<Life> = vec![None; lowered.buffers.len()];
    for (index, step) in lowered.steps.iter().enumerate() {
        for operand in step.work.reads().into_iter().chain(step.work.writes()) {
            if let Place::Buffer(id) = operand.place {
                let first = lives[id.0].as_ref().map_or(index, |life| *life.start());
                lives[id.0] = Some(first..=index);
            }
        }
    }
    let mut first = 0;
    for round in &lowered.rounds {
        let steps = first..first + round.steps;
        // All samples are there from the first to the last, but for what is of one sample: that is touched in this round alone.
        if round.parts > 1 {
            for life in lives.iter_mut().flatten() {
                let (begins, ends) = (*life.start(), *life.end());
                if !is_within(life, &steps) && begins < steps.end && steps.start <= ends {
                    *life = begins.min(steps.start)..=ends.max(steps.end - 1);
                }
            }
        }
        first = steps.end;
    }
    lives
}

/// Whether something lives during these steps alone.
fn is_within(life: &RangeInclusive<usize>, steps: &Range<usize>) -> bool {
    steps.contains(life.start()) && steps.contains(life.end())
}

/// By step: the round that it is in.
fn rounds_of_steps(lowered: &Lowered) -> Vec<(Range<usize>, usize)> {
    let mut first = 0;
    let rounds = lowered.rounds.iter().flat_map(|round| {
        let steps = first..first + round.steps;
        first = steps.end;
        std::iter::repeat_n((steps, round.parts), round.steps)
    });
    rounds.collect()
}

/// Lets steps write where an operand lies that nobody reads again.
fn reuse(lowered: &mut Lowered) {
    let lives = lives(lowered);
    let rounds = rounds_of_steps(lowered);
    // What a buffer has become.
    let mut same: Vec<BufferId> = (0..lowered.buffers.len()).map(BufferId).collect();
    // The last step that touches what a buffer has become.
    let mut last: Vec<usize> = lives.iter().map(|life| life.as_ref().map_or(0, |life| *life.end())).collect();
    for (index, step) in lowered.steps.iter_mut().enumerate() {
        step.work.for_each_place(&mut |place| {
            if let Place::Buffer(id) = place {
                *id = same[id.0];
            }
        });
        let Some(Place::Buffer(out)) = step.work.writes().first().map(|operand| operand.place) else { continue };
        let is_new = lives[out.0].as_ref().is_some_and(|life| *life.start() == index);
        // What comes from before a round is read again by the next part of it.
        let is_of_part = |id: &BufferId| match (rounds.get(index), &lives[id.0]) {
            (Some((steps, parts)), Some(life)) => *parts == 1 || is_within(life, steps),
            _ => true,
        };
        let dying = |id: &BufferId| {
            *id != out
                && last[id.0] == index
                && lowered.buffers[id.0] == lowered.buffers[out.0]
                && is_new
                && is_of_part(id)
        };
        if let Some(old) = overwritable(&step.work).into_iter().find(dying) {
            same[out.0] = old;
            last[old.0] = last[out.0];
            step.work.for_each_place(&mut |place| {
                if *place == Place::Buffer(out) {
                    *place = Place::Buffer(old);
                }
            });
        }
    }
}

/// Numbers the buffers that are used anew, in the order in which steps touch them.
fn compact(lowered: &mut Lowered) {
    let mut new: Vec<Option<BufferId>> = vec![None; lowered.buffers.len()];
    let mut lengths = Vec::new();
    for step in &mut lowered.steps {
        step.work.for_each_place(&mut |place| {
            if let Place::Buffer(id) = place {
                *id = *new[id.0].get_or_insert_with(|| {
                    lengths.push(lowered.buffers[id.0]);
                    BufferId(lengths.len() - 1)
                });
            }
        });
    }
    lowered.buffers = lengths;
}

/// The buffers whose elements a step reads only where it writes them.
pub(super) fn overwritable(work: &Work) -> Vec<BufferId> {
    let Some(out) = work.writes().first().copied() else { return Vec::new() };
    let lies_like = |operand: &Operand| operand.offset == out.offset && operand.strides == out.strides;
    let residual = |finish: &Finish, has_its_strides: bool| -> Vec<Operand> {
        finish.residual.iter().filter(|residual| has_its_strides && lies_like(residual)).cloned().collect()
    };
    let candidates: Vec<Operand> = match work {
        Work::Elementwise(step) => step.operands.iter().filter(|operand| lies_like(operand)).cloned().collect(),
        Work::Matmul(step) => residual(&step.finish, step.finish.shape.residual_stride == step.out_stride),
        Work::Attention(step) => {
            let Matmul { finish, out_stride, .. } = &step.result;
            residual(finish, finish.shape.residual_stride == *out_stride)
        }
        Work::Grouped(Grouped { shape, finish, .. }) => {
            let strides = [finish.shape.residual_stride, shape.residual_row_stride];
            residual(finish, strides == [shape.out_stride, shape.out_row_stride])
        }
        Work::WinogradOutput(WinogradOutput { shape, finish, .. }) => {
            let strides = [finish.shape.residual_stride, shape.residual_row_stride];
            residual(finish, strides == [shape.out_stride, shape.out_row_stride])
        }
        Work::SmallLinear(_)
        | Work::Mix(_)
        | Work::GatePanels(_)
        | Work::MixPanels(_)
        | Work::Rows(_)
        | Work::Mean(_)
        | Work::Softmax(_)
        | Work::Norm(_)
        | Work::Gather(_)
        | Work::Transpose(_)
        // Units read more rows than they write.
        | Work::Cascade(_) => Vec::new(),
    };
    let reads = work.reads();
    let read_otherwise = |place: Place, count: usize| reads.iter().filter(|read| read.place == place).count() > count;
    let mut found = Vec::new();
    for candidate in &candidates {
        let like = candidates.iter().filter(|other| other.place == candidate.place).count();
        if let Place::Buffer(id) = candidate.place
            && !read_otherwise(candidate.place, like)
        {
            found.push(id);
        }
    }
    found
}

/// The places of all buffers, the length of the arena, and the largest sum of what lives at once.
fn place(lowered: &Lowered) -> (Vec<Buffer>, usize, usize) {
    let lives = lives(lowered);
    // What begins to live at a step, less what ceased before it.
    let mut changes = vec![(0, 0); lowered.steps.len() + 1];
    for (life, elements) in lives.iter().zip(&lowered.buffers) {
        if let Some(life) = life {
            changes[*life.start()].0 += elements;
            changes[life.end() + 1].1 += elements;
        }
    }
    let mut live_peak = 0;
    let mut live = 0;
    for (begins, ceases) in changes {
        live = live + begins - ceases;
        live_peak = live_peak.max(live);
    }
    let span = |id: usize| lives[id].as_ref().map_or(0, |life| life.end() - life.start() + 1);
    let ids: Vec<usize> = (0..lives.len()).filter(|id| lives[*id].is_some()).collect();
    let by = |key: &dyn Fn(usize) -> (usize, usize)| {
        let mut order = ids.clone();
        order.sort_by_key(|id| std::cmp::Reverse(key(*id)));
        order
    };
    let start = |id: usize| lives[id].as_ref().map_or(0, |life| *life.start());
    let in_time = by(&|id| (usize::MAX - start(id), lowered.buffers[id]));
    let mut placed = first_fit(&in_time, &lives, &lowered.buffers, true);
    if ids.len() <= MANY_BUFFERS {
        for order in [
            by(&|id| (lowered.buffers[id], span(id))),
            by(&|id| (lowered.buffers[id] * span(id), 0)),
            by(&|id| (span(id), lowered.buffers[id])),
        ] {
            let other = first_fit(&order, &lives, &lowered.buffers, false);
            if other.1 < placed.1 {
                placed = other;
            }
        }
    }
    let (offsets, arena) = placed;
    let buffers = lives.iter().enumerate().map(|(id, life)| Buffer {
        elements: lowered.buffers[id],
        offset: offsets.get(id).copied().unwrap_or(0),
        first: life.as_ref().map_or(0, |life| *life.start()),
        last: life.as_ref().map_or(0, |life| *life.end()),
    });
    (buffers.collect(), arena, live_peak)
}

/// Most buffers that are placed in several orders: the time that takes grows with their square.
const MANY_BUFFERS: usize = 2000;

/// Places buffers in this order, each as low as possible. In an order of time, those that ceased to live are no obstacle to
/// any that follow.
fn first_fit(order: &[usize], lives: &[Life], lengths: &[usize], in_time: bool) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; lives.len()];
    // Offset, end and buffer of what is placed, by offset.
    let mut placed: Vec<(usize, usize, usize)> = Vec::new();
    let mut arena = 0;
    for &id in order {
        let Some(life) = &lives[id] else { continue };
        let length = lengths[id].next_multiple_of(ALIGNMENT);
        let mut offset = 0;
        if in_time {
            placed.retain(|(_, _, other)| lives[*other].as_ref().is_some_and(|other| other.end() >= life.start()));
        }
        for (start, end, other) in &placed {
            if *start >= offset + length {
                break;
            }
            let other = lives[*other].as_ref();
            if other.is_some_and(|other| other.start() <= life.end() && life.start() <= other.end()) {
                offset = offset.max(*end);
            }
        }
        offsets[id] = offset;
        arena = arena.max(offset + length);
        let position = placed.partition_point(|(start, _, _)| *start <= offset);
        placed.insert(position, (offset, offset + length, id));
    }
    (offsets, arena)
}

/// The scratch memory that a thread needs for a step.
#[must_use]
pub fn scratch(work: &Work, tile: Tile) -> usize {
    match work {
        Work::Matmul(step) => step.blocking.scratch(&step.product(), tile),
        Work::Cascade(step) => step.scratch(),
        Work::Attention(step) => step.scratch(tile),
        _ => 0,
    }
}
