//! Which steps become cascades.
//!
//! In: the steps of a lowered network. Out: the same, some of them joined. Runs of steps can be joined if what all but the last write
//! is read among them alone. They are where that saves traffic: images that exceed the cache go to memory and back, rows in line
//! buffers stay. Of all ways to cut the steps into runs, the one with the least traffic is taken.

#![expect(clippy::indexing_slicing, reason = "buffer ids and step numbers are indices into the tables of both")]

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::super::arena::{ALIGNMENT, lives};
use super::super::lower::Lowered;
use super::super::step::{Grouped, Left, Matmul, Operand, Right, Step, Work};
use super::super::view::Place;
use super::super::{BufferId, Where};
use super::{Cascade, LineBuffer, Reach, Stage, main_input, meets};

/// The most stages of a cascade.
const STAGES: usize = 8;

/// Bytes that stay near a core: half of the second-level cache of servers.
const CACHE: usize = 512 * 1024;

/// What a call of a kernel costs, in bytes of traffic: some ten nanoseconds.
const CALL: usize = 1024;

/// Units of a sample come in multiples of that many, so that threads have equal shares.
const SHARES: usize = 4;

/// See the module's documentation.
pub(in super::super) fn form(lowered: &mut Lowered) {
    if !lowered.options.rewrites.cascades_rows() {
        return;
    }
    let touched = lives(lowered).into_iter().map(|life| life.unwrap_or(0..=usize::MAX)).collect();
    let runs = Former { lowered, touched, everywhere: lowered.options.cascades == Where::Possible }.runs();
    let mut steps = std::mem::take(&mut lowered.steps).into_iter();
    for run in runs {
        match run {
            Run::Single => lowered.steps.extend(steps.next()),
            Run::Joined(cascade) => {
                let joined: Vec<Step> = steps.by_ref().take(cascade.stages.len()).collect();
                lowered.steps.push(Step {
                    nodes: joined.iter().flat_map(|step| step.nodes.iter().copied()).collect(),
                    multiply_adds: joined.iter().map(|step| step.multiply_adds).sum(),
                    work: Work::Cascade(cascade),
                });
            }
        }
    }
}

/// What becomes of the next step, or several.
#[derive(Debug, Clone)]
enum Run {
    Single,
    Joined(Cascade),
}

struct Former<'l> {
    lowered: &'l Lowered,
    /// By buffer: the first and the last step that touch it.
    touched: Vec<RangeInclusive<usize>>,
    /// Whether all that can be joined is: networks of tests are small.
    everywhere: bool,
}

/// An image between two stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    height: usize,
    width: usize,
    /// The length of a pixel.
    pixel: usize,
}

impl Former<'_> {
    /// The way with the least traffic.
    fn runs(&self) -> Vec<Run> {
        let steps = &self.lowered.steps;
        let operands = |step: &Step| self.traffic(step.work.reads().into_iter().chain(step.work.writes()));
        let alone: Vec<usize> = steps.iter().map(operands).collect();
        // By step: the least traffic from there on, where what begins there ends, and what it is.
        let mut best: Vec<(usize, usize, Run)> = vec![(0, 0, Run::Single); steps.len() + 1];
        for first in (0..steps.len()).rev() {
            best[first] = (alone[first] + best[first + 1].0, first + 1, Run::Single);
            let stages = steps[first..].iter().take(STAGES).take_while(|step| is_stage(&step.work)).count();
            let mut apart = alone[first];
            for last in first + 1..first + stages {
                apart += alone[last];
                if apart > 0
                    && let Some((cascade, traffic)) = self.cascade(first, last)
                    && traffic + best[last + 1].0 < best[first].0
                {
                    best[first] = (traffic + best[last + 1].0, last + 1, Run::Joined(cascade));
                }
            }
        }
        let mut runs = Vec::new();
        let mut at = 0;
        while at < steps.len() {
            let (_, next, run) = &best[at];
            runs.push(run.clone());
            at = *next;
        }
        runs
    }

    /// Bytes that come from further away than the cache.
    fn traffic<'o>(&self, operands: impl Iterator<Item = &'o Operand>) -> usize {
        let images = operands.filter(|operand| operand.place != Place::Weights);
        let bytes = images.map(|operand| operand.end.saturating_sub(operand.offset) * size_of::<f32>());
        bytes.filter(|bytes| self.everywhere || *bytes > CACHE).sum()
    }

    /// The steps from `first` to `last` as a cascade, if they can be one, and its traffic.
    fn cascade(&self, first: usize, last: usize) -> Option<(Cascade, usize)> {
        let works: Vec<&Work> = self.lowered.steps[first..=last].iter().map(|step| &step.work).collect();
        let is_inner = |place: Place| match place {
            Place::Buffer(BufferId(id)) => *self.touched[id].start() >= first && *self.touched[id].end() <= last,
            Place::Weights | Place::Input(_) | Place::Output(_) | Place::Lines(_) => false,
        };
        let (result, before) = works.split_last()?;
        let writes_inside = before.iter().all(|work| work.writes().iter().all(|write| is_inner(write.place)));
        let writes_outside = result.writes().iter().all(|write| !is_inner(write.place));
        if !writes_inside || !writes_outside || !works.iter().all(|work| reads_inner_rows(work, is_inner)) {
            return None;
        }
        let (samples, images) = self.geometry(&works, is_inner)?;
        let mut ids: Vec<BufferId> = images.keys().copied().collect();
        ids.sort_unstable();
        let index: HashMap<BufferId, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let of = |operand: &Operand| match operand.place {
            Place::Buffer(id) => images.get(&id).copied(),
            _ => None,
        };
        let mut stages = Vec::new();
        for work in &works {
            let out = out(work)?;
            let Geometry { height, width, .. } = match (work, of(out)) {
                (_, Some(image)) => image,
                (Work::Grouped(step), None) => {
                    Geometry { height: step.rows, width: step.shape.window.out_width, pixel: 0 }
                }
                (work, None) => of(main_input(work)?)?,
            };
            let work = stage_work(work, samples, height * width, &index)?;
            stages.push(Stage { work, reach: Reach { step: 0, above: 0, below: 0, height }, width });
        }
        let lines = ids.iter().map(|id| {
            let Geometry { height, width, pixel } = images[id];
            let reach = Reach { step: 0, above: 0, below: 0, height };
            LineBuffer { reach, width, pixel, offset: 0 }
        });
        let strips = stages.iter().map(|stage| strip(&stage.work)).max().unwrap_or(0).next_multiple_of(ALIGNMENT);
        let unit = Cascade { samples, units: 0, stages, lines: lines.collect(), strips };
        let cascade = self.cut(unit)?;
        let kept: usize = cascade
            .lines
            .iter()
            .map(|lines| (0..cascade.units).map(|unit| lines.reach.kept(unit)).sum::<usize>() * lines.row())
            .sum();
        let calls = cascade.units * (cascade.stages.len() + cascade.lines.len()) * CALL;
        let own = samples * (kept * size_of::<f32>() + if self.everywhere { 0 } else { calls });
        let traffic = self.traffic(cascade.reads().chain(cascade.writes())) + own;
        Some((cascade, traffic))
    }

    /// A cascade in as few units as fit the cache.
    fn cut(&self, unit: Cascade) -> Option<Cascade> {
        let result = unit.stages.last()?;
        let rows = result.reach.height;
        let weights: usize = unit.stages.iter().map(|stage| weights(&stage.work)).sum();
        let fits = |cascade: &Cascade| self.everywhere || (cascade.scratch() + weights) * size_of::<f32>() <= CACHE;
        let with = |rows_per_unit: usize| unit.clone().in_units_of(rows_per_unit).filter(fits);
        if let Work::Grouped(step) = &result.work
            && step.finish.sums.is_some()
        {
            // Sums are taken per unit.
            return with(step.rows_per_unit);
        }
        let few = (1..=SHARES).rev().filter(|_| self.everywhere);
        let mut counts = (SHARES..=rows).step_by(SHARES).chain(few);
        counts.find_map(|count| with(rows.div_ceil(count)))
    }

    /// Samples, and the images that the stages write for each other; none if these do not lie as line buffers do.
    fn geometry(
        &self,
        works: &[&Work],
        is_inner: impl Fn(Place) -> bool,
    ) -> Option<(usize, HashMap<BufferId, Geometry>)> {
        let samples = works.iter().find_map(|work| match work {
            Work::Grouped(step) => step.outer.first().copied(),
            _ => None,
        })?;
        let mut images: HashMap<BufferId, Geometry> = HashMap::new();
        let mut learn = |operand: &Operand, image: Geometry| match operand.place {
            Place::Buffer(id) if is_inner(operand.place) => *images.entry(id).or_insert(image) == image,
            _ => true,
        };
        // What windows say first; then pixels of products lie as those that they read or that are read.
        for work in works {
            let fits = match work {
                Work::Grouped(step) => {
                    let shape = &step.shape;
                    let window = &shape.window;
                    let pixel = window.pixel_stride;
                    let read = Geometry { height: window.height, width: window.width, pixel };
                    let written = Geometry { height: step.rows, width: window.out_width, pixel: shape.out_stride };
                    let is_even = |operand: &Operand, image: Geometry, row_stride: usize| {
                        !is_inner(operand.place) || image.height == 1 || row_stride == image.width * image.pixel
                    };
                    step.outer == [samples]
                        && is_even(&step.image, read, window.row_stride)
                        && is_even(&step.out, written, shape.out_row_stride)
                        && learn(&step.image, read)
                        && learn(&step.out, written)
                }
                Work::Matmul(step) => match &step.left {
                    Left::Window(under) => {
                        let width = under.lines.pixels;
                        let height = step.rows / width.max(1);
                        step.outer == [samples, 1]
                            && learn(&step.out, Geometry { height, width, pixel: step.out_stride })
                    }
                    Left::Rows { .. } => true,
                },
                _ => false,
            };
            if !fits {
                return None;
            }
        }
        for _ in works {
            for work in works {
                if let Work::Matmul(step) = work
                    && let Left::Rows { rows, stride } = &step.left
                {
                    let known = [rows, &step.out].into_iter().find_map(|operand| match operand.place {
                        Place::Buffer(id) => images.get(&id).copied(),
                        _ => None,
                    });
                    let Some(known) = known else { continue };
                    for (operand, pixel) in [(rows, *stride), (&step.out, step.out_stride)] {
                        let image = Geometry { pixel, ..known };
                        if let Place::Buffer(id) = operand.place
                            && is_inner(operand.place)
                            && *images.entry(id).or_insert(image) != image
                        {
                            return None;
                        }
                    }
                }
            }
        }
        let is_whole = |(id, image): (&BufferId, &Geometry)| {
            self.lowered.buffers[id.0] == samples * image.height * image.width * image.pixel
        };
        let is_known = |work: &&Work| match (main_input(work), out(work)) {
            (Some(input), Some(out)) => [input, out].into_iter().all(|operand| match operand.place {
                Place::Buffer(id) => !is_inner(operand.place) || images.contains_key(&id),
                _ => true,
            }),
            _ => false,
        };
        (works.iter().all(is_known) && images.iter().all(is_whole)).then_some((samples, images))
    }
}

/// Whether a step can be a stage of a cascade.
fn is_stage(work: &Work) -> bool {
    match work {
        Work::Matmul(step) => {
            matches!(step.right, Right::Packed { .. }) && matches!(*step.outer, [_, 1]) && step.finish.sums.is_none()
        }
        Work::Grouped(_) => true,
        _ => false,
    }
}

fn out(work: &Work) -> Option<&Operand> {
    work.writes().first().copied()
}

/// Whether a stage reads what the others write as rows of pixels alone, if at all.
fn reads_inner_rows(work: &Work, is_inner: impl Fn(Place) -> bool) -> bool {
    let takes_rows = !matches!(work, Work::Matmul(Matmul { left: Left::Window(_), .. }));
    let inner = work.reads().into_iter().filter(|read| is_inner(read.place)).count();
    let main = main_input(work).is_some_and(|input| is_inner(input.place));
    inner == usize::from(main && takes_rows)
}

/// What the filters of a stage take.
fn weights(work: &Work) -> usize {
    match work {
        Work::Matmul(step) => step.depth * step.columns,
        Work::Grouped(step) => step.weights.end.saturating_sub(step.weights.offset),
        _ => 0,
    }
}

/// The strip of a stage in the scratch memory.
fn strip(work: &Work) -> usize {
    match work {
        Work::Matmul(step) => step.product().lines.map_or(0, |lines| lines.strip),
        _ => 0,
    }
}

/// A step as a stage: its operands move along the samples, or lie in line buffers.
fn stage_work(work: &Work, samples: usize, pixels: usize, lines: &HashMap<BufferId, usize>) -> Option<Work> {
    let mut work = work.clone();
    match &mut work {
        Work::Matmul(step) => {
            if step.rows != pixels {
                // Samples are further rows.
                if step.rows != samples * pixels {
                    return None;
                }
                step.split_rows(samples)?;
            } else if step.outer != [samples, 1] {
                return None;
            }
            let Matmul { left, out, .. } = step;
            if let Left::Rows { rows, .. } = left {
                in_lines(rows, lines);
            }
            in_lines(out, lines);
        }
        Work::Grouped(Grouped { image, out, .. }) => {
            in_lines(image, lines);
            in_lines(out, lines);
        }
        _ => return None,
    }
    Some(work)
}

/// Moves an operand to the line buffer that stands for its buffer, if there is one.
fn in_lines(operand: &mut Operand, lines: &HashMap<BufferId, usize>) {
    if let Place::Buffer(id) = operand.place
        && let Some(index) = lines.get(&id)
    {
        operand.place = Place::Lines(*index);
        operand.strides.fill(0);
    }
}

impl Cascade {
    /// The cascade in units of so many rows; none if units would have nothing to do, or would keep more rows than they move on by.
    fn in_units_of(mut self, rows_per_unit: usize) -> Option<Cascade> {
        let rows = self.stages.last()?.reach.height;
        self.units = rows.div_ceil(rows_per_unit.max(1));
        // From the last stage to the first: each computes what those behind it read.
        for position in (0..self.stages.len()).rev() {
            let (before, behind) = self.stages.split_at_mut(position + 1);
            let stage = before.last_mut()?;
            let height = stage.reach.height;
            let mut reach = behind.is_empty().then_some(Reach { step: rows_per_unit, above: 0, below: 0, height });
            for reader in behind.iter() {
                let reads_it = reader
                    .work
                    .reads()
                    .into_iter()
                    .any(|read| matches!(read.place, Place::Lines(_)) && meets(&stage.work, read, &reader.work));
                if reads_it {
                    let needs = reader.work.needs(reader.reach)?;
                    reach = Some(match reach {
                        Some(reach) => reach.union(needs)?,
                        None => needs,
                    });
                }
            }
            stage.reach = reach.filter(|reach| reach.height == height)?;
        }
        let mut offset = 0;
        for (index, lines) in self.lines.iter_mut().enumerate() {
            let writers =
                self.stages.iter().filter(|stage| out(&stage.work).is_some_and(|out| out.place == Place::Lines(index)));
            let mut reach: Option<Reach> = None;
            for writer in writers {
                reach = Some(match reach {
                    Some(reach) => reach.union(writer.reach)?,
                    None => writer.reach,
                });
            }
            lines.reach = reach?;
            lines.offset = offset;
            offset = (offset + lines.length(self.units)).next_multiple_of(ALIGNMENT);
        }
        self.check().is_ok().then_some(self)
    }
}
