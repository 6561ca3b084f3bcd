//! Operations that move elements without changing them.

use super::draft::{Draft, Step};
use super::writer::Job;
use crate::op::layout::{Concat, Expand, Pad, Permute, Reshape, Roll};
use crate::op::slice::{Gather, Slice, SliceRange};
use crate::shape::Shape;

pub(super) fn concat(op: &Concat, job: &mut Job<'_, '_>) -> Step {
    Draft::new("Concat", job.inputs()).integer("axis", op.dim).into()
}

pub(super) fn reshape(op: &Reshape, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    if job.dims(0) == op.shape.dims() {
        return Step::Value(x);
    }
    job.reshaped(x, op.shape.dims()).into()
}

pub(super) fn expand(op: &Expand, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    if job.dims(0) == op.shape.dims() {
        return Step::Value(x);
    }
    Draft::new("Expand", [x, job.integers(op.shape.dims())]).into()
}

pub(super) fn permute(op: &Permute, job: &mut Job<'_, '_>) -> Step {
    Draft::new("Transpose", [job.input(0)]).integers("perm", &op.order).into()
}

/// Dimensions that are taken whole are not mentioned.
pub(super) fn slice(op: &Slice, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    let ranges = op.ranges.iter().zip(job.dims(0)).enumerate();
    let cut: Vec<(usize, SliceRange)> = ranges
        .filter(|(_, (range, size))| **range != SliceRange::whole(**size))
        .map(|(dim, (range, _))| (dim, *range))
        .collect();
    if cut.is_empty() {
        return Step::Value(x);
    }
    sliced(x, &cut, job).into()
}

/// Ranges, none of them empty, along some dimensions.
fn sliced(x: String, cut: &[(usize, SliceRange)], job: &mut Job<'_, '_>) -> Draft {
    let of = |value: fn(&SliceRange) -> usize| -> Vec<usize> { cut.iter().map(|(_, range)| value(range)).collect() };
    let starts = job.integers(&of(|range| range.start));
    // One past the last element.
    let ends = job.integers(&of(|range| range.start + range.count.saturating_sub(1) * range.step + 1));
    let dims: Vec<usize> = cut.iter().map(|(dim, _)| *dim).collect();
    let mut inputs = vec![x, starts, ends, job.integers(&dims)];
    let steps = of(|range| range.step);
    if steps.iter().any(|step| *step != 1) {
        inputs.push(job.integers(&steps));
    }
    Draft::new("Slice", inputs)
}

pub(super) fn gather(op: &Gather, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    gathered(x, op.dim, &op.table, &op.indices, job).into()
}

/// Entries along a dimension by a table.
pub(super) fn gathered(x: String, dim: usize, table: &Shape, indices: &[usize], job: &mut Job<'_, '_>) -> Draft {
    Draft::new("Gather", [x, job.table(table, indices)]).integer("axis", dim)
}

/// Per dimension, what leaves at the end stands before what stays.
pub(super) fn roll(op: &Roll, job: &mut Job<'_, '_>) -> Step {
    let mut rolled = Step::Value(job.input(0));
    for (dim, shift) in &op.shifts {
        let size = job.dims(0).get(*dim).copied().unwrap_or(1);
        let Ok(signed) = i64::try_from(size.max(1)) else { continue };
        let shift = usize::try_from(shift.rem_euclid(signed)).unwrap_or(0);
        if shift == 0 {
            continue;
        }
        let x = job.resolve("rolled", rolled);
        let stays = size - shift;
        let [end, start] = [(stays, shift), (0, stays)].map(|(start, count)| SliceRange { start, count, step: 1 });
        let end = sliced(x.clone(), &[(*dim, end)], job);
        let end = job.emit("end", end);
        let start = sliced(x, &[(*dim, start)], job);
        let start = job.emit("start", start);
        rolled = Draft::new("Concat", [end, start]).integer("axis", *dim).into();
    }
    rolled
}

pub(super) fn pad(op: &Pad, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    if op.sides.iter().all(|sides| *sides == [0, 0]) {
        return Step::Value(x);
    }
    padded(x, &op.sides, op.value, job).into()
}

/// A border of one value, `[before, after]` per dimension.
pub(super) fn padded(x: String, sides: &[[usize; 2]], value: f64, job: &mut Job<'_, '_>) -> Draft {
    let [before, after] = [0, 1].map(|side| sides.iter().filter_map(move |sides| sides.get(side).copied()));
    let pads: Vec<usize> = before.chain(after).collect();
    Draft::new("Pad", [x, job.integers(&pads), job.number(value)])
}
