//! Cascades: convolutions that follow one another, computed some rows at a time, so that what is between them stays in the cache.
//!
//! A cascade computes the image that its last stage writes, unit by unit of so many rows. Each stage before it computes the rows
//! that the stages behind it need for that, into a *line buffer* in the scratch memory of the thread. Windows of neighbouring units
//! cover some rows twice: a thread that goes from a unit to the next one keeps these rows, and computes them anew where it begins.
//! (Fused layers: Alwani et al., "Fused-Layer CNN Accelerators", MICRO 2016, section III; rows that are kept are their *reuse* model,
//! rows that are computed anew their *recompute* model.)

pub(super) mod form;

use super::step::{Operand, Work};
use super::view::Place;

/// Convolutions that are computed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade {
    /// Samples of the batch.
    pub samples: usize,
    /// Units of a sample.
    pub units: usize,
    /// In the order in which they are computed. All but the last write line buffers.
    pub stages: Vec<Stage>,
    /// What stages write for those behind them; [`Place::Lines`] are its indices.
    pub lines: Vec<LineBuffer>,
    /// The line buffers begin so far behind the beginning of the scratch memory: before them lie the strips of stages.
    pub strips: usize,
}

/// A convolution of a [`Cascade`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// A [`Work::Matmul`] or [`Work::Grouped`], of a sample if its operands move along the batch.
    pub work: Work,
    /// The rows of the image that it writes.
    pub reach: Reach,
    /// Pixels of a row.
    pub width: usize,
}

/// Rows of an image in the scratch memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBuffer {
    /// The rows that it holds.
    pub reach: Reach,
    /// Pixels of a row.
    pub width: usize,
    /// The length of a pixel.
    pub pixel: usize,
    /// Where it begins, behind [`Cascade::strips`].
    pub offset: usize,
}

/// Which rows of an image a unit needs: unit `u` those from `u * step - above` to before `(u + 1) * step + below`, as far as the image
/// has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How far the units are apart.
    pub step: usize,
    /// Rows above those of the unit.
    pub above: usize,
    /// Rows below them; negative where its last rows are not needed.
    pub below: isize,
    /// Rows of the image.
    pub height: usize,
}

impl Reach {
    /// The first row of a unit.
    #[must_use]
    pub fn first(self, unit: usize) -> usize {
        (unit * self.step).saturating_sub(self.above)
    }

    /// One past the last.
    #[must_use]
    pub fn end(self, unit: usize) -> usize {
        ((unit + 1) * self.step).saturating_add_signed(self.below).min(self.height)
    }

    /// Rows that a unit shares with the one before it, away from the edges of the image.
    #[must_use]
    pub fn shared(self) -> usize {
        self.above.saturating_add_signed(self.below)
    }

    /// Rows that a unit keeps of those that the one before it had.
    #[must_use]
    pub fn kept(self, unit: usize) -> usize {
        match unit.checked_sub(1) {
            Some(before) => self.end(before).saturating_sub(self.first(unit)),
            None => 0,
        }
    }

    /// The most rows of a unit.
    #[must_use]
    pub fn most(self, units: usize) -> usize {
        (0..units).map(|unit| self.end(unit).saturating_sub(self.first(unit))).max().unwrap_or(0)
    }

    /// What covers both, if the units are as far apart.
    #[must_use]
    pub fn union(self, other: Reach) -> Option<Reach> {
        let (above, below) = (self.above.max(other.above), self.below.max(other.below));
        (self.step == other.step && self.height == other.height).then_some(Reach { above, below, ..self })
    }

    fn covers(self, other: Reach, units: usize) -> bool {
        (0..units).all(|unit| self.first(unit) <= other.first(unit) && other.end(unit) <= self.end(unit))
    }
}

impl Work {
    /// The rows of the image (and how many there are) that windows cover where those of the output are as `out` says. For a matrix
    /// product of pixels they are the same.
    #[must_use]
    pub fn needs(&self, out: Reach) -> Option<Reach> {
        let Work::Grouped(step) = self else { return Some(out) };
        let window = &step.shape.window;
        let extent = window.kernel_height.saturating_sub(1) * window.dilation_height + 1;
        let [extent, stride, top] = [extent, window.stride_height, window.top].map(isize::try_from);
        let (extent, stride, top) = (extent.ok()?, stride.ok()?, top.ok()?);
        Some(Reach {
            step: out.step * window.stride_height,
            above: out.above * window.stride_height + window.top,
            below: out.below * stride + extent - stride - top,
            height: window.height,
        })
    }
}

impl LineBuffer {
    /// The length of a row.
    #[must_use]
    pub fn row(&self) -> usize {
        self.width * self.pixel
    }

    /// What it takes of the scratch memory.
    #[must_use]
    pub fn length(&self, units: usize) -> usize {
        self.reach.most(units) * self.row()
    }
}

impl Cascade {
    /// The operands of all stages that lie elsewhere than in line buffers.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Operand> {
        self.stages.iter().flat_map(|stage| stage.work.reads()).filter(|operand| is_outside(operand.place))
    }

    /// The image, and its sums if there are any.
    pub(super) fn writes(&self) -> impl Iterator<Item = &Operand> {
        self.stages.iter().flat_map(|stage| stage.work.writes()).filter(|operand| is_outside(operand.place))
    }

    /// The scratch memory that a thread needs.
    #[must_use]
    pub fn scratch(&self) -> usize {
        let ends = self.lines.iter().map(|lines| lines.offset + lines.length(self.units));
        self.strips + ends.max().unwrap_or(0)
    }

    /// The invariants: line buffers lie one behind the other, and stages use channels that these have; every unit has rows, of every
    /// stage; what a stage reads of a line buffer was written for the same unit or kept from the one before it; and rows that are kept do
    /// not overlap the place that they are moved to.
    pub(super) fn check(&self) -> Result<(), String> {
        let units = self.units;
        let mut free = 0;
        for lines in &self.lines {
            if lines.offset < free {
                return Err("two line buffers overlap".to_owned());
            }
            free = lines.offset + lines.length(units);
        }
        for (position, stage) in self.stages.iter().enumerate() {
            let reach = stage.reach;
            if !(0..units).all(|unit| reach.first(unit) < reach.end(unit)) {
                return Err(format!("stage {position} has nothing to do for a unit"));
            }
            let (read, written) = (main_input(&stage.work), stage.work.writes().first().copied());
            if !read.is_some_and(|read| self.has_channels(read, channels_read(&stage.work)))
                || !written.is_some_and(|written| self.has_channels(written, columns_written(&stage.work)))
            {
                return Err(format!("stage {position} uses channels that its line buffer lacks"));
            }
            let (before, _) = self.stages.split_at(position);
            let needs = stage.work.needs(reach).ok_or("a window is too large")?;
            for read in stage.work.reads().into_iter().filter(|read| !is_outside(read.place)) {
                let mut written = before.iter().filter(|other| meets(&other.work, read, &stage.work)).peekable();
                if written.peek().is_none() {
                    return Err(format!("stage {position} reads what nothing wrote"));
                }
                if !written.all(|other| other.reach.covers(needs, units)) {
                    return Err(format!("stage {position} reads rows that are not there"));
                }
            }
            for write in stage.work.writes() {
                let Place::Lines(index) = write.place else { continue };
                let lines = self.lines.get(index).ok_or("there is no such line buffer")?;
                if !lines.reach.covers(reach, units) {
                    return Err(format!("stage {position} writes more rows than its line buffer has"));
                }
            }
        }
        for lines in &self.lines {
            let reach = lines.reach;
            let moved = |unit: usize| reach.first(unit) - unit.checked_sub(1).map_or(0, |before| reach.first(before));
            if (0..units).any(|unit| reach.kept(unit) > moved(unit)) {
                return Err("rows that are kept overlap their new place".to_owned());
            }
        }
        Ok(())
    }
}

impl Cascade {
    /// Whether a line buffer, if the operand lies in one, has so many channels from there on.
    fn has_channels(&self, operand: &Operand, channels: usize) -> bool {
        match operand.place {
            Place::Lines(index) => self.lines.get(index).is_some_and(|lines| operand.offset + channels <= lines.pixel),
            _ => true,
        }
    }
}

/// The image or rows that a stage reads.
pub(super) fn main_input(work: &Work) -> Option<&Operand> {
    match work {
        Work::Matmul(step) => Some(step.left.operand()),
        Work::Grouped(step) => Some(&step.image),
        _ => None,
    }
}

/// Whether something lies elsewhere than in a line buffer.
fn is_outside(place: Place) -> bool {
    !matches!(place, Place::Lines(_))
}

/// Whether a stage writes some of the channels that another reads.
pub(super) fn meets(writer: &Work, read: &Operand, reader: &Work) -> bool {
    let Some(written) = writer.writes().first().copied() else { return false };
    let (writes, reads) = (columns_written(writer), channels_read(reader));
    written.place == read.place && written.offset < read.offset + reads && read.offset < written.offset + writes
}

/// Channels that a stage writes.
fn columns_written(work: &Work) -> usize {
    match work {
        Work::Matmul(step) => step.columns,
        Work::Grouped(step) => step.channels,
        _ => 0,
    }
}

/// Channels that a stage reads.
fn channels_read(work: &Work) -> usize {
    match work {
        Work::Matmul(step) => step.depth,
        Work::Grouped(step) => step.channels,
        _ => 0,
    }
}
