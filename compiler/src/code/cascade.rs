//! The code of cascades: per unit, rows that are kept move to the front of their line buffers; then each stage computes its new rows.

use parameternet_runtime::abi::{Kernel, StripShape};
use parameternet_runtime::blocking::BLOCK;

use super::build::{Builder, Lines};
use super::matmul::Unit as ProductUnit;
use super::steps::grouped_rows;
use super::{Address, Argument, Index, Shape, Statement, Variable};
use crate::plan::cascade::{Cascade, LineBuffer, Reach, Stage};
use crate::plan::step::{Left, Work};

/// The number of units and the code.
pub(super) fn cascade(builder: &mut Builder<'_>, step: &Cascade) -> (Index, Vec<Statement>) {
    builder.in_runs = step.lines.iter().any(|lines| lines.reach.shared() > 0);
    let dims = [Index::from(step.samples), Index::Size(step.units)];
    let body = builder.units(|builder, unit, body| {
        let mut indices = builder.unravel(unit, &dims, body);
        let part = indices.pop().unwrap_or(Index::Constant(0));
        let sample = indices.pop().unwrap_or(Index::Constant(0));
        // 1 where this call did the unit above, of the same sample; 0 where rows that are shared must be computed anew.
        let done = Index::from(unit).minus(Variable::BEGIN.into());
        let follows = builder.bind(done.min(part.clone()).min(1.into()), body);
        let unit = Unit { part, follows };
        builder.lines = Vec::new();
        for lines in &step.lines {
            let first = builder.bind(unit.first(lines.reach), body);
            let offset = step.strips + lines.offset;
            unit.keep(lines, offset, step.units, &first, body);
            let pixel = first.clone().times(Index::Size(lines.width));
            let pixel = builder.bind(pixel, body);
            builder.lines.push(Lines { offset, row: first, pixel });
        }
        for stage in &step.stages {
            unit.stage(builder, stage, &sample, body);
        }
    });
    (dims.into_iter().fold(Index::Constant(1), Index::times), body)
}

/// A unit of a sample.
struct Unit {
    /// Which one.
    part: Index,
    /// 1 if the unit before it was computed by the same call, else 0.
    follows: Index,
}

impl Unit {
    /// The first row that it needs.
    fn first(&self, reach: Reach) -> Index {
        behind(&self.part, reach.step, reach.above)
    }

    /// One past the last. (It lies behind the first of a unit, so that nothing is taken from less.)
    fn end(&self, reach: Reach) -> Index {
        let next = self.part.clone().times(Index::Size(reach.step)).plus(Index::Size(reach.step));
        let end = match usize::try_from(reach.below) {
            Ok(below) => next.plus(Index::Size(below)),
            Err(_) => next.minus(Index::Size(reach.below.unsigned_abs())),
        };
        end.min(Index::Size(reach.height))
    }

    /// One past the last of the unit before it, if there is one; it may lie below the image.
    fn end_before(&self, reach: Reach) -> Index {
        match usize::try_from(reach.below) {
            Ok(below) => self.part.clone().times(Index::Size(reach.step)).plus(Index::Size(below)),
            Err(_) => behind(&self.part, reach.step, reach.below.unsigned_abs()),
        }
    }

    /// Moves rows that the unit before it computed to the front of their line buffer.
    fn keep(&self, lines: &LineBuffer, offset: usize, units: usize, first: &Index, body: &mut Vec<Statement>) {
        let reach = lines.reach;
        if reach.shared() == 0 {
            return;
        }
        let first_before = behind(&self.part, reach.step, reach.above + reach.step);
        let end_before = self.end_before(reach).min(Index::Size(reach.height));
        let most = reach.most(units);
        let kept = end_before.max(first.clone()).minus(first.clone());
        let row = lines.row();
        let copy = StripShape {
            height: most,
            width: 1,
            stride: 1,
            extent: 1,
            channels: row,
            pixel_stride: row,
            row_stride: row,
            planes: 1,
            row_length: row,
            ..StripShape::default()
        };
        let arguments = vec![
            Argument::Address(Address::scratch(offset)),
            Argument::Address(Address::scratch(offset)),
            Argument::Index(first.clone().minus(first_before)),
            Argument::Index(kept.min(self.follows.clone().times(Index::Size(most)))),
            Argument::Shape(Shape::Strip(copy)),
        ];
        body.push(Statement::Call { kernel: Kernel::Strip, arguments });
    }

    /// The rows of a stage that are not there yet.
    fn stage(&self, builder: &mut Builder<'_>, stage: &Stage, sample: &Index, body: &mut Vec<Statement>) {
        let reach = stage.reach;
        let end = builder.bind(self.end(reach), body);
        let mut first = self.first(reach);
        if reach.shared() > 0 {
            let there = self.end_before(reach).min(self.follows.clone().times(Index::Size(reach.height)));
            first = first.max(there);
        }
        let first = builder.bind(first, body);
        match &stage.work {
            Work::Matmul(step) => {
                let width = stage.width;
                let lines = match &step.left {
                    Left::Rows { .. } => (BLOCK / (step.depth * width).max(1)).max(1),
                    Left::Window(under) => under.lines.per_block,
                };
                let rows = [first, end].map(|row| builder.bind(row.times(Index::Size(width)), body));
                let outer = vec![sample.clone(), Index::Constant(0)];
                let unit = ProductUnit::of_all_columns(builder, step, outer, 0.into());
                unit.blocks(builder, rows, Index::Size(lines * width), body);
            }
            Work::Grouped(step) => {
                let count = end.minus(first.clone());
                let channels = [Index::Constant(0), Index::Size(step.channels)];
                grouped_rows(builder, step, std::slice::from_ref(sample), [first, count], channels, body);
            }
            // No other work is a stage.
            _ => {}
        }
    }
}

/// Of units so far apart, where one begins, less so many rows; 0 where that lies above the image.
fn behind(part: &Index, step: usize, above: usize) -> Index {
    let start = part.clone().times(Index::Size(step));
    if above == 0 { start } else { start.max(Index::Size(above)).minus(Index::Size(above)) }
}
