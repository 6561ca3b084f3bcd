//! Steps that are done sample by sample: a batch does not go through them at once, but one sample after the other.
//!
//! In: the steps of a lowered network, cascades among them. Out: the same, and the [rounds](Round) that they are done in. What is
//! between two steps is as large as the batch, and goes to memory and back where that exceeds the caches; of a single sample it stays.
//! Weights, in turn, are read again for each sample. (Depth-first execution: Goetschalckx and Verhelst, "Breaking High-Resolution CNN
//! Bandwidth Barriers With Enhanced Depth-First Execution", IEEE JETCAS 9(2), 2019, where it is done for parts of images.)
//!
//! Of all ways to cut the steps into runs that are done sample by sample and others that are not, the one with the least traffic is taken.
//! Buffers that are touched in one run alone become those of a sample. The results are the same, bit by bit.

#![expect(clippy::indexing_slicing, reason = "buffer ids and step numbers are indices into the tables of both")]

use std::ops::RangeInclusive;

use parameternet_runtime::abi::{NormShape, SoftmaxShape};
use parameternet_runtime::program::Round;

use super::arena::lives;
use super::lower::Lowered;
use super::step::{Along, Left, Matmul, Operand, Right, Work};
use super::view::Place;
use super::{BufferId, Where};

/// Elements that stay near a core: half of the second-level cache of servers.
const NEAR: usize = 128 * 1024;

/// Elements that stay in the third-level cache, beside others. What exceeds it takes twice as long.
const SHARED: usize = 2 * 1024 * 1024;

/// What a step costs beside its work, in elements of traffic: calls, and threads that wait for each other.
const STEP: usize = 4096;

/// The most steps of a run: the time to look for runs grows with the square.
const STEPS: usize = 256;

/// How much more an element of weights costs that is read again than one of an image: products go through their panels once for each few
/// rows, and those of a sample may fill the last tile of rows badly.
const WEIGHT: usize = 2;

/// See the module's documentation.
pub(super) fn form(lowered: &mut Lowered) {
    let once = |steps| Round { steps, parts: 1 };
    let batch = batch(lowered);
    if batch < 2 || !lowered.options.rewrites.goes_by_sample() {
        lowered.rounds = vec![once(lowered.steps.len())];
        return;
    }
    let touched = lives(lowered).into_iter().map(|life| life.unwrap_or(0..=usize::MAX)).collect();
    let everywhere = lowered.options.by_sample == Where::Possible;
    let (last_written, is_room) = (last_written(lowered), is_room(lowered));
    let former = Former { lowered, batch, touched, last_written, everywhere, is_room };
    let apart: Vec<Option<Work>> = lowered.steps.iter().map(|step| former.apart(&step.work)).collect();
    let runs = former.runs(&apart);
    let Former { touched, is_room, .. } = former;
    lowered.rounds = Vec::new();
    let mut behind = 0;
    for run in runs {
        let (first, last) = (*run.start(), *run.end());
        if first > behind {
            lowered.rounds.push(once(first - behind));
        }
        let is_inner = |id: BufferId| first <= *touched[id.0].start() && *touched[id.0].end() <= last;
        for (step, apart) in lowered.steps[first..=last].iter_mut().zip(&apart[first..=last]) {
            if let Some(work) = apart {
                step.work = work.clone();
            }
            for operand in step.work.operands_mut() {
                let Place::Buffer(id) = operand.place else { continue };
                if let Some(stride) = operand.strides.first_mut().filter(|_| is_inner(id)) {
                    // (Operands in room for panels end with it.)
                    let before = if is_room[id.0] { lowered.buffers[id.0] / batch } else { *stride };
                    operand.end -= (batch - 1) * before;
                    *stride = 0;
                }
            }
            if let Work::Matmul(step) = &mut step.work {
                step.blocking = step.product_of(batch).blocking(lowered.options.isa.tile(), lowered.options.threads);
            }
        }
        for (id, length) in lowered.buffers.iter_mut().enumerate().filter(|(id, _)| is_inner(BufferId(*id))) {
            debug_assert!(length.is_multiple_of(batch), "the buffer {id} is no batch");
            *length /= batch;
        }
        lowered.rounds.push(Round { steps: last + 1 - first, parts: batch });
        behind = last + 1;
    }
    if behind < lowered.steps.len() {
        lowered.rounds.push(once(lowered.steps.len() - behind));
    }
}

/// How many samples the inputs hold, if all hold as many; else 0.
fn batch(lowered: &Lowered) -> usize {
    let mut batches = lowered.inputs.iter().map(|port| port.shape.dims().first().copied().unwrap_or(0));
    let first = batches.next().unwrap_or(0);
    if batches.all(|batch| batch == first) { first } else { 0 }
}

/// By buffer: whether it is room for panels, of which the instruction set decides how much they take.
fn is_room(lowered: &Lowered) -> Vec<bool> {
    let mut is_room = vec![false; lowered.buffers.len()];
    for step in &lowered.steps {
        if let Work::GatePanels(_) | Work::MixPanels(_) = step.work {
            for write in step.work.writes() {
                if let Place::Buffer(id) = write.place {
                    is_room[id.0] = true;
                }
            }
        }
    }
    is_room
}

/// By buffer: the last step that writes it.
fn last_written(lowered: &Lowered) -> Vec<usize> {
    let mut last_written = vec![0; lowered.buffers.len()];
    for (index, step) in lowered.steps.iter().enumerate() {
        for write in step.work.writes() {
            if let Place::Buffer(id) = write.place {
                last_written[id.0] = index;
            }
        }
    }
    last_written
}

struct Former<'l> {
    lowered: &'l Lowered,
    batch: usize,
    /// By buffer: the first and the last step that touch it.
    touched: Vec<RangeInclusive<usize>>,
    /// By buffer: the last step that writes it.
    last_written: Vec<usize>,
    /// Whether all that can be done by sample is: networks of tests are small.
    everywhere: bool,
    /// By buffer: whether it is room for panels.
    is_room: Vec<bool>,
}

/// What decides whether a step becomes part of a run.
struct Facts {
    /// What it costs more by sample.
    cost: isize,
    /// The buffers that it touches, each as often as it does.
    buffers: Vec<BufferId>,
    /// The last step before it that writes something that it reads for all samples.
    all_written: Option<usize>,
}

impl Former<'_> {
    /// The runs of steps that are done by sample.
    fn runs(&self, apart: &[Option<Work>]) -> Vec<RangeInclusive<usize>> {
        let steps = apart.len();
        if (0..self.touched.len()).all(|id| self.gain(BufferId(id)) <= 0) {
            return Vec::new();
        }
        let facts: Vec<Option<Facts>> = apart.iter().map(|work| work.as_ref().map(|work| self.facts(work))).collect();
        // How often the steps of the run touch each buffer.
        let mut touches = vec![0_usize; self.touched.len()];
        // By step: what is gained at most from there on, and where the run that begins there ends, if one does.
        let mut best: Vec<(isize, Option<usize>)> = vec![(0, None); steps + 1];
        for first in (0..steps).rev() {
            best[first] = (best[first + 1].0, None);
            let mut gain = 0;
            let mut end = first;
            for (last, facts) in facts.iter().enumerate().skip(first).take(STEPS) {
                let Some(Facts { cost, buffers, all_written }) = facts else { break };
                // What is the same for all samples must be there before the first.
                if all_written.is_some_and(|written| written >= first) {
                    break;
                }
                end = last + 1;
                gain -= cost;
                for &id in buffers {
                    touches[id.0] += 1;
                    // What comes from another run, or goes to one, passes once all the same.
                    if touches[id.0] > 1 {
                        gain += self.gain(id);
                    }
                    let (begins, ends) = (*self.touched[id.0].start(), *self.touched[id.0].end());
                    if first <= begins && ends == last {
                        gain += self.gain(id);
                    }
                }
                // Of runs that gain as much, the longest: what is between two of them would be kept for all samples.
                if last > first && gain > 0 && gain + best[last + 1].0 >= best[first].0 {
                    best[first] = (gain + best[last + 1].0, Some(last));
                }
            }
            for facts in facts[first..end].iter().flatten() {
                facts.buffers.iter().for_each(|id| touches[id.0] = 0);
            }
        }
        let mut runs = Vec::new();
        let mut at = 0;
        while at < steps {
            match best[at].1 {
                Some(last) => {
                    runs.push(at..=last);
                    at = last + 1;
                }
                None => at += 1,
            }
        }
        runs
    }

    /// What [`Former::runs`] asks of a step.
    fn facts(&self, work: &Work) -> Facts {
        let buffer = |operand: &Operand| match operand.place {
            Place::Buffer(id) => Some(id),
            _ => None,
        };
        let reads = work.reads();
        let all_written = reads.iter().filter(|read| stays(read)).filter_map(|read| buffer(read));
        let all_written = all_written.map(|id| self.last_written[id.0]).max();
        let buffers = reads.iter().chain(&work.writes()).filter_map(|operand| buffer(operand)).collect();
        Facts { cost: self.cost(work), buffers, all_written }
    }

    /// The traffic that is saved each time a buffer is read or written by sample.
    fn gain(&self, id: BufferId) -> isize {
        if self.everywhere {
            return 1;
        }
        if self.is_room[id.0] {
            return 0;
        }
        let all = self.lowered.buffers[id.0];
        signed(traffic(all)) - signed(self.batch * traffic(all / self.batch))
    }

    /// The traffic that a step costs more by sample: its weights are read again for each.
    fn cost(&self, work: &Work) -> isize {
        if self.everywhere { 0 } else { signed((self.batch - 1) * (STEP + WEIGHT * weights(work))) }
    }

    /// A step whose first outer dimension is the batch, if it can be done by sample: what it writes is a part of the batch for each sample,
    /// and what it reads is that or the same for all.
    fn apart(&self, work: &Work) -> Option<Work> {
        let mut work = work.clone();
        split(&mut work, self.batch)?;
        let moves = |operand: &Operand| {
            let (Some(length), Some(stride)) = (self.length(operand.place), operand.strides.first().copied()) else {
                return false;
            };
            if matches!(operand.place, Place::Buffer(id) if self.is_room[id.0]) {
                // Panels are all that is there, one matrix behind the other.
                return stride > 0 && stride * self.batch <= length;
            }
            let end = operand.end.checked_sub((self.batch - 1) * stride);
            stride > 0 && stride * self.batch == length && end.is_some_and(|end| end <= stride)
        };
        let may_stay = |operand: &Operand| match operand.place {
            Place::Weights | Place::Lines(_) => true,
            Place::Buffer(_) | Place::Input(_) => stays(operand),
            Place::Output(_) => false,
        };
        let reads = work.reads().into_iter().all(|read| may_stay(read) || moves(read));
        let writes = work.writes().into_iter().all(moves);
        (reads && writes).then_some(work)
    }

    /// The length of what an operand points into.
    fn length(&self, place: Place) -> Option<usize> {
        let Lowered { inputs, outputs, buffers, .. } = self.lowered;
        match place {
            Place::Buffer(id) => buffers.get(id.0).copied(),
            Place::Input(index) => inputs.get(index).map(|port| port.shape.elements()),
            Place::Output(index) => outputs.get(index).map(|port| port.shape.elements()),
            Place::Weights | Place::Lines(_) => None,
        }
    }
}

/// Whether an operand is the same for all samples. (Before buffers become those of a sample.)
fn stays(operand: &Operand) -> bool {
    operand.strides.first().is_none_or(|stride| *stride == 0)
}

/// What it costs to go through so many elements that lie together.
fn traffic(elements: usize) -> usize {
    if elements <= NEAR {
        0
    } else if elements <= SHARED {
        elements
    } else {
        2 * elements
    }
}

fn signed(elements: usize) -> isize {
    isize::try_from(elements).unwrap_or(isize::MAX)
}

/// Elements of weights that a step goes through for a sample.
fn weights(work: &Work) -> usize {
    match work {
        Work::Matmul(step) => {
            let count = match &step.right {
                // Made for each sample.
                Right::Packed { panels, .. } if panels.place != Place::Weights => 0,
                Right::Packed { .. } => 1,
                Right::Strassen { .. } => 2,
                // The same for one sample after the other, and mixed for each.
                Right::Mixed(mixed) => mixed.count,
                Right::Computed { .. } => 0,
            };
            let groups: usize = step.outer.iter().skip(1).product();
            count * groups * step.depth * step.columns
        }
        Work::MixPanels(step) => {
            step.mixed.count * step.outer.iter().skip(1).product::<usize>() * step.depth * step.columns
        }
        Work::GatePanels(step) => step.depth * step.columns,
        Work::Mix(step) => step.count * step.length,
        Work::Grouped(step) if step.weights.place == Place::Weights => step.taps() * step.channels,
        Work::SmallLinear(step) => step.depth * step.columns,
        Work::Cascade(step) => step.stages.iter().map(|stage| weights(&stage.work)).sum(),
        _ => 0,
    }
}

/// Makes the batch the first outer dimension of a step, if it is a part of it.
fn split(work: &mut Work, batch: usize) -> Option<()> {
    match work {
        Work::Matmul(step) if step.outer.first() != Some(&batch) => return step.split_rows(batch),
        Work::Softmax(step) if step.outer.is_empty() => {
            let SoftmaxShape { source_stride, out_stride, .. } = step.shape;
            let moving = [(&mut step.source, source_stride), (&mut step.out, out_stride)];
            split_rows(&mut step.outer, &mut step.rows, batch, moving)?;
        }
        Work::Norm(step) if step.outer.is_empty() => {
            let NormShape { source_stride, out_stride, .. } = step.shape;
            let moving = [(&mut step.source, source_stride), (&mut step.out, out_stride)];
            let same = step.weight.iter_mut().chain(&mut step.bias).map(|operand| (operand, 0));
            split_rows(&mut step.outer, &mut step.rows, batch, moving.into_iter().chain(same))?;
        }
        Work::Mean(step) if step.outer.is_empty() => {
            let Along::Columns { out_stride } = step.along else { return None };
            let moving = [(&mut step.source, step.row_stride), (&mut step.out, out_stride)];
            split_rows(&mut step.outer, &mut step.rows, batch, moving)?;
        }
        Work::Elementwise(step) if *step.outer == [batch] => {
            // The batch is all that there is: the elements of a sample are one.
            step.outer.push(1);
            step.operands.iter_mut().chain([&mut step.out]).for_each(|operand| operand.strides.push(0));
        }
        Work::SmallLinear(step) => return (step.rows == batch).then_some(()),
        Work::Cascade(step) => return (step.samples == batch).then_some(()),
        _ => {}
    }
    let outer = work.outer_mut()?;
    let first = outer.first().copied()?;
    if first == batch {
        return Some(());
    }
    // Others are merged with it.
    let is_alone = matches!(work, Work::Attention(_));
    if is_alone || !first.is_multiple_of(batch) {
        return None;
    }
    let rest = first / batch;
    let outer = work.outer_mut()?;
    outer.splice(..1, [batch, rest]);
    for operand in work.operands_mut() {
        if let Some(stride) = operand.strides.first().copied() {
            operand.strides.splice(..1, [rest * stride, stride]);
        }
    }
    Some(())
}

/// Makes the batch, whose samples are further rows, the only outer dimension; operands are given with the distances between rows.
fn split_rows<'o>(
    outer: &mut Vec<usize>,
    rows: &mut usize,
    batch: usize,
    operands: impl IntoIterator<Item = (&'o mut Operand, usize)>,
) -> Option<()> {
    if !rows.is_multiple_of(batch) {
        return None;
    }
    *rows /= batch;
    outer.push(batch);
    operands.into_iter().for_each(|(operand, stride)| operand.strides.push(*rows * stride));
    Some(())
}

impl Matmul {
    /// Makes the batch the first outer dimension, whose rows lie one behind the other. None where these are no further rows.
    pub(super) fn split_rows(&mut self, batch: usize) -> Option<()> {
        let rows = self.rows / batch.max(1);
        let are_rows = self.outer.first() == Some(&1) && rows * batch == self.rows;
        let is_cut_in_pairs = !self.is_in_halves() || rows.is_multiple_of(2);
        let is_weight = matches!(self.right, Right::Packed { .. } | Right::Strassen { .. });
        let Left::Rows { rows: left, stride } = &mut self.left else { return None };
        if !are_rows || !is_cut_in_pairs || !is_weight || self.finish.sums.is_some() {
            return None;
        }
        let residual_stride = self.finish.shape.residual_stride;
        let residual = self.finish.residual.as_mut().map(|residual| (residual, residual_stride));
        for (operand, stride) in [(left, *stride), (&mut self.out, self.out_stride)].into_iter().chain(residual) {
            operand.strides[0] = rows * stride;
        }
        self.outer[0] = batch;
        self.rows = rows;
        Some(())
    }
}
