//! The code of each kind of step.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{Kernel, NormShape};
use parameternet_runtime::prepare::panels_length;

use super::build::Builder;
use super::{
    Argument, Index, Lanes, Machine, Operation, Routine, Shape, Statement, attention, cascade, elementwise, experts,
    matmul,
};
use crate::plan::Plan;
use crate::plan::step::{
    Along, GatePanels, Gather, Grouped, Mean, Mix, Norm, Operand, Rows, RowsShape, SmallLinear, Softmax, Step,
    Transpose, WinogradOutput, Work,
};

/// Rows, or groups of columns, of a unit of small kernels: enough to be worth a thread's while.
const ROWS: usize = 16;

/// The code of a step.
pub(super) fn routine(plan: &Plan, index: usize, step: &Step) -> Routine {
    let mut builder = Builder::new(plan, index);
    let (units, body) = match &step.work {
        Work::Matmul(step) => matmul::matmul(&mut builder, step),
        Work::SmallLinear(step) => small_linear(&mut builder, step),
        Work::Grouped(step) => grouped(&mut builder, step),
        Work::Mix(step) => mix(&mut builder, step),
        Work::GatePanels(step) => gate_panels(&mut builder, step),
        Work::MixPanels(step) => experts::mix_panels(&mut builder, step),
        Work::Rows(step) => rows(&mut builder, step),
        Work::WinogradOutput(step) => winograd_output(&mut builder, step),
        Work::Mean(step) => mean(&mut builder, step),
        Work::Softmax(step) => softmax(&mut builder, step),
        Work::Norm(step) => norm(&mut builder, step),
        Work::Gather(step) => gather(&mut builder, step),
        Work::Transpose(step) => transpose(&mut builder, step),
        Work::Elementwise(step) => elementwise::elementwise(&mut builder, step),
        Work::Cascade(step) => cascade::cascade(&mut builder, step),
        Work::Attention(step) => attention::attention(&mut builder, step),
    };
    debug_assert!(units.value().is_some_and(|units| units.is_multiple_of(builder.parts)), "parts have other units");
    builder.finish(format!("step{index}_{}", name(&step.work)), units, body)
}

/// What a step is called in dumps.
#[must_use]
pub(crate) fn name(work: &Work) -> &'static str {
    match work {
        Work::Matmul(_) => Kernel::Matmul.name(),
        Work::SmallLinear(_) => "small_linear",
        Work::Grouped(step) => step.kernel().name(),
        Work::Mix(_) => Kernel::Mix.name(),
        Work::GatePanels(_) => Kernel::GatePanels.name(),
        Work::MixPanels(_) => "mix_panels",
        Work::Rows(step) => step.kernel.name(),
        Work::WinogradOutput(_) => Kernel::WinogradOutput.name(),
        Work::Mean(step) => match step.along {
            Along::Rows { .. } => Kernel::MeanRows.name(),
            Along::Columns { .. } => Kernel::MeanColumns.name(),
        },
        Work::Softmax(_) => Kernel::Softmax.name(),
        Work::Norm(step) => step.kernel.name(),
        Work::Gather(_) => Kernel::Gather.name(),
        Work::Transpose(_) => Kernel::Transpose.name(),
        Work::Elementwise(_) => "elementwise",
        Work::Cascade(_) => "cascade",
        Work::Attention(_) => "attention",
    }
}

/// Units of `parts` pieces of a number of things per outer index; the code gets the outer indices, the first thing and how
/// many there are.
fn in_parts(
    builder: &mut Builder<'_>,
    outer: &[usize],
    count: usize,
    per_unit: usize,
    fill: impl FnOnce(&mut Builder<'_>, &[Index], Index, Index, &mut Vec<Statement>),
) -> (Index, Vec<Statement>) {
    in_parts_of(builder, outer.iter().copied().map(Index::from).collect(), count, per_unit, fill)
}

/// [`in_parts`], where the form of the code should not depend on all outer dimensions.
fn in_parts_of(
    builder: &mut Builder<'_>,
    mut dims: Vec<Index>,
    count: usize,
    per_unit: usize,
    fill: impl FnOnce(&mut Builder<'_>, &[Index], Index, Index, &mut Vec<Statement>),
) -> (Index, Vec<Statement>) {
    dims.push(Index::Size(count.div_ceil(per_unit.max(1)).max(1)));
    let body = builder.units(|builder, unit, body| {
        let mut indices = builder.unravel(unit, &dims, body);
        let part = indices.pop().unwrap_or(Index::Constant(0));
        let first = builder.bind(part.times(Index::Size(per_unit)), body);
        let length = Index::from(count).minus(first.clone()).min(Index::Size(per_unit));
        fill(builder, &indices, first, length, body);
    });
    (dims.into_iter().fold(Index::Constant(1), Index::times), body)
}

fn at(builder: &Builder<'_>, operand: &Operand, outer: &[Index], moved: Index) -> Argument {
    Argument::Address(builder.address(operand, outer).plus(moved))
}

fn optional(builder: &Builder<'_>, operand: Option<&Operand>, outer: &[Index], moved: Index) -> Argument {
    operand.map_or(Argument::Null, |operand| at(builder, operand, outer, moved))
}

fn grouped(builder: &mut Builder<'_>, step: &Grouped) -> (Index, Vec<Statement>) {
    let &Grouped { rows, rows_per_unit, channels, channels_per_unit, .. } = step;
    let channel_parts = Index::Size(channels.div_ceil(channels_per_unit.max(1)).max(1));
    let outer = step.outer.iter().copied().map(Index::from).chain([channel_parts]).collect();
    in_parts_of(builder, outer, rows, rows_per_unit, |builder, outer, row, count, body| {
        let (part, outer) = outer.split_last().map_or((Index::Constant(0), outer), |(part, rest)| (part.clone(), rest));
        let channel = builder.bind(part.times(Index::Size(channels_per_unit)), body);
        let end = channel.clone().plus(Index::Size(channels_per_unit)).min(Index::Size(channels));
        grouped_rows(builder, step, outer, [row, count], [channel, end], body);
    })
}

/// Rows of a convolution of few channels a group, the first and how many, and channels, the first and one past the last.
pub(super) fn grouped_rows(
    builder: &mut Builder<'_>,
    step: &Grouped,
    outer: &[Index],
    [row, count]: [Index; 2],
    [channel, end]: [Index; 2],
    body: &mut Vec<Statement>,
) {
    let Grouped { finish, shape, .. } = step;
    let mut sums_at = outer.to_vec();
    sums_at.push(row.clone().over(Index::Size(step.rows_per_unit)));
    if let Some(sums) = &finish.sums {
        let start = builder.address(sums, &sums_at);
        let clear = builder.repeat(channel.clone(), end.clone(), 1, |builder, channel, body| {
            let zero = builder.set(body, Lanes::One, Operation::Constant(0.0));
            body.push(Statement::Store { local: zero, to: start.plus(channel) });
        });
        body.push(clear);
    }
    let row_in_lines = |operand: &Operand| match builder.lines_of(operand) {
        Some(lines) => row.clone().minus(lines.row.clone()),
        None => row.clone(),
    };
    let from_row = |row: Index, stride: usize| row.times(stride).plus(channel.clone());
    let above = builder.lines_of(&step.image).map_or(Index::Constant(0), |lines| lines.row.clone());
    let arguments = vec![
        at(builder, &step.image, outer, channel.clone()),
        // (Parts of the channels begin where blocks of weights do.)
        at(builder, &step.weights, outer, channel.clone().times(Index::Size(step.taps()))),
        at(builder, &step.out, outer, from_row(row_in_lines(&step.out), shape.out_row_stride)),
        Argument::Index(row.clone()),
        Argument::Index(count),
        Argument::Index(end.minus(channel.clone())),
        Argument::Index(above),
        Argument::Shape(Shape::Grouped(*shape)),
        optional(builder, finish.bias.as_ref(), outer, channel.clone()),
        optional(builder, finish.gate.as_ref(), outer, channel.clone()),
        optional(builder, finish.residual.as_ref(), outer, from_row(row.clone(), shape.residual_row_stride)),
        optional(builder, finish.sums.as_ref(), &sums_at, channel.clone()),
    ];
    body.push(Statement::Call { kernel: step.kernel(), arguments });
}

fn mix(builder: &mut Builder<'_>, step: &Mix) -> (Index, Vec<Statement>) {
    in_parts(builder, &step.outer, step.length, 4096, |builder, outer, first, count, body| {
        let arguments = vec![
            at(builder, &step.experts, outer, first.clone()),
            at(builder, &step.coefficients, outer, 0.into()),
            at(builder, &step.out, outer, first),
            Argument::Index(count),
            Argument::Index(step.count.into()),
            Argument::Index(step.stride.into()),
        ];
        body.push(Statement::Call { kernel: Kernel::Mix, arguments });
    })
}

/// All panels of a sample are a unit: they are few.
fn gate_panels(builder: &mut Builder<'_>, step: &GatePanels) -> (Index, Vec<Statement>) {
    let length = panels_length(step.depth, step.columns, builder.plan.options.isa.tile(), Dtype::F32);
    let matrix = Machine::PanelsLength { depth: step.depth, columns: step.columns, dtype: Dtype::F32 };
    let length = Index::Machine(matrix, length);
    in_parts(builder, &step.outer, 1, 1, |builder, outer, _, _, body| {
        let arguments = vec![
            Argument::Address(builder.panels(&step.panels, outer, &length)),
            at(builder, &step.gates, outer, 0.into()),
            Argument::Address(builder.panels(&step.out, outer, &length)),
            Argument::Index(step.depth.into()),
            Argument::Index(step.columns.into()),
        ];
        body.push(Statement::Call { kernel: Kernel::GatePanels, arguments });
    })
}

fn rows(builder: &mut Builder<'_>, step: &Rows) -> (Index, Vec<Statement>) {
    let per_unit = step.rows.div_ceil(ROWS).max(1);
    in_parts(builder, &step.outer, step.rows, per_unit, |builder, outer, first, count, body| {
        let shape = match step.shape {
            RowsShape::Pool(shape) => Shape::Pool(shape),
            RowsShape::WinogradInput(shape) => Shape::WinogradInput(shape),
            RowsShape::Resample(shape) => Shape::Resample(shape),
        };
        let each = builder.repeat(first.clone(), first.plus(count), 1, |builder, row, body| {
            let row = Index::from(row);
            let arguments = vec![
                at(builder, &step.image, outer, 0.into()),
                at(builder, &step.out, outer, row.clone().times(step.out_row_stride)),
                Argument::Index(row),
                Argument::Shape(shape),
            ];
            body.push(Statement::Call { kernel: step.kernel, arguments });
        });
        body.push(each);
    })
}

fn winograd_output(builder: &mut Builder<'_>, step: &WinogradOutput) -> (Index, Vec<Statement>) {
    in_parts(builder, &step.outer, step.rows, 1, |builder, outer, row, _, body| {
        let finish = &step.finish;
        let products = row.clone().times(step.shape.tiles * step.shape.channels);
        let arguments = vec![
            at(builder, &step.products, outer, products),
            at(builder, &step.out, outer, 0.into()),
            Argument::Index(row),
            Argument::Shape(Shape::WinogradOutput(step.shape)),
            optional(builder, finish.bias.as_ref(), outer, 0.into()),
            optional(builder, finish.gate.as_ref(), outer, 0.into()),
            optional(builder, finish.residual.as_ref(), outer, 0.into()),
        ];
        body.push(Statement::Call { kernel: Kernel::WinogradOutput, arguments });
    })
}

fn mean(builder: &mut Builder<'_>, step: &Mean) -> (Index, Vec<Statement>) {
    let (source, out) = (&step.source, &step.out);
    match step.along {
        Along::Rows { divisor } => {
            in_parts(builder, &step.outer, step.columns, 128, |builder, outer, first, count, body| {
                let arguments = vec![
                    at(builder, source, outer, first.clone()),
                    at(builder, out, outer, first),
                    Argument::Index(step.rows.into()),
                    Argument::Index(count),
                    Argument::Index(step.row_stride.into()),
                    Argument::Index(divisor.into()),
                ];
                body.push(Statement::Call { kernel: Kernel::MeanRows, arguments });
            })
        }
        Along::Columns { out_stride } => {
            let per_unit = step.rows.div_ceil(ROWS).max(1);
            in_parts(builder, &step.outer, step.rows, per_unit, |builder, outer, first, count, body| {
                let arguments = vec![
                    at(builder, source, outer, first.clone().times(step.row_stride)),
                    at(builder, out, outer, first.times(out_stride)),
                    Argument::Index(count),
                    Argument::Index(step.columns.into()),
                    Argument::Index(step.row_stride.into()),
                    Argument::Index(out_stride.into()),
                ];
                body.push(Statement::Call { kernel: Kernel::MeanColumns, arguments });
            })
        }
    }
}

fn softmax(builder: &mut Builder<'_>, step: &Softmax) -> (Index, Vec<Statement>) {
    let per_unit = step.rows.div_ceil(ROWS).max(1);
    in_parts(builder, &step.outer, step.rows, per_unit, |builder, outer, first, count, body| {
        let arguments = vec![
            at(builder, &step.source, outer, first.clone().times(step.shape.source_stride)),
            at(builder, &step.out, outer, first.times(step.shape.out_stride)),
            Argument::Index(count),
            Argument::Shape(Shape::Softmax(step.shape)),
            Argument::Null,
            Argument::Null,
        ];
        body.push(Statement::Call { kernel: Kernel::Softmax, arguments });
    })
}

fn norm(builder: &mut Builder<'_>, step: &Norm) -> (Index, Vec<Statement>) {
    if step.kernel == Kernel::GroupNorm {
        return group_norm(builder, step);
    }
    let per_unit = step.rows.div_ceil(ROWS).max(1);
    in_parts(builder, &step.outer, step.rows, per_unit, |builder, outer, first, count, body| {
        let arguments = vec![
            at(builder, &step.source, outer, first.clone().times(step.shape.source_stride)),
            at(builder, &step.out, outer, first.times(step.shape.out_stride)),
            Argument::Index(count),
            Argument::Shape(Shape::Norm(step.shape)),
            optional(builder, step.weight.as_ref(), outer, 0.into()),
            optional(builder, step.bias.as_ref(), outer, 0.into()),
        ];
        body.push(Statement::Call { kernel: step.kernel, arguments });
    })
}

/// All pixels of an image are normalised together, but each group by itself.
fn group_norm(builder: &mut Builder<'_>, step: &Norm) -> (Index, Vec<Statement>) {
    let width = step.shape.columns;
    let shape = NormShape { groups: 1, ..step.shape };
    in_parts(builder, &step.outer, step.shape.groups, 1, |builder, outer, group, _, body| {
        let channel = group.times(width);
        let arguments = vec![
            at(builder, &step.source, outer, channel.clone()),
            at(builder, &step.out, outer, channel.clone()),
            Argument::Index(step.rows.into()),
            Argument::Shape(Shape::Norm(shape)),
            optional(builder, step.weight.as_ref(), outer, channel.clone()),
            optional(builder, step.bias.as_ref(), outer, channel),
        ];
        body.push(Statement::Call { kernel: step.kernel, arguments });
    })
}

fn gather(builder: &mut Builder<'_>, step: &Gather) -> (Index, Vec<Statement>) {
    let per_unit = step.count.div_ceil(ROWS).max(1);
    in_parts(builder, &step.outer, step.count, per_unit, |builder, outer, first, count, body| {
        let arguments = vec![
            at(builder, &step.source, outer, 0.into()),
            at(builder, &step.out, outer, first.clone().times(step.out_stride)),
            at(builder, &step.indices, outer, first),
            Argument::Index(count),
            Argument::Index(step.length.into()),
            Argument::Index(step.source_stride.into()),
            Argument::Index(step.out_stride.into()),
        ];
        body.push(Statement::Call { kernel: Kernel::Gather, arguments });
    })
}

fn transpose(builder: &mut Builder<'_>, step: &Transpose) -> (Index, Vec<Statement>) {
    let by_columns = step.columns >= step.rows;
    let (count, per_unit) = if by_columns { (step.columns, 1024) } else { (step.rows, 64) };
    in_parts(builder, &step.outer, count, per_unit, |builder, outer, first, count, body| {
        let (source, out) = if by_columns {
            (first.clone(), first.times(step.out_stride))
        } else {
            (first.clone().times(step.source_stride), first)
        };
        let (rows, columns) = if by_columns { (step.rows.into(), count) } else { (count, Index::from(step.columns)) };
        let arguments = vec![
            at(builder, &step.source, outer, source),
            at(builder, &step.out, outer, out),
            Argument::Index(rows),
            Argument::Index(columns),
            Argument::Index(step.source_stride.into()),
            Argument::Index(step.out_stride.into()),
        ];
        body.push(Statement::Call { kernel: Kernel::Transpose, arguments });
    })
}

/// Vectors of columns that are summed side by side.
const SIDE_BY_SIDE: usize = 4;

/// Sums that do not wait for one another: a core begins two multiply-adds in a cycle, and each takes four.
const INDEPENDENT: usize = 8;

/// In how many parts, in turn, products are summed so that enough sums are under way for so many vectors: 1, 2, 4 or 8. It does not
/// depend on how many products there are (what does not divide is summed behind them), so that layers of any depth have the
/// same code.
fn parts(vectors: usize) -> usize {
    [8, 4, 2].into_iter().find(|parts| parts * vectors <= INDEPENDENT).unwrap_or(1)
}

/// One row per unit: columns in vectors of four, several at once, each summed in [`parts`], in order of `depth`.
fn small_linear(builder: &mut Builder<'_>, step: &SmallLinear) -> (Index, Vec<Statement>) {
    let padded = step.columns.next_multiple_of(4);
    let body = builder.units(|builder, row, body| {
        let outer = [if step.rows == 1 { Index::Constant(0) } else { Index::from(row) }];
        let source = builder.address(&step.source, &outer);
        let weights = builder.address(&step.weights, &[]);
        let out = builder.address(&step.out, &outer);
        let bias = step.bias.as_ref().map(|bias| builder.address(bias, &[]));
        let vectors: Vec<usize> = (0..padded).step_by(4).collect();
        for group in vectors.chunks(SIDE_BY_SIDE) {
            let parts = parts(group.len());
            let depth = Index::Size(step.depth);
            let turns = depth.clone().over(parts);
            // By part, then by vector.
            let sums: Vec<_> =
                (0..parts * group.len()).map(|_| builder.set(body, Lanes::Four, Operation::Constant(0.0))).collect();
            let add = |builder: &mut Builder<'_>, k: Index, sums: &[super::Local], body: &mut Vec<Statement>| {
                let x = builder.set(body, Lanes::Four, Operation::Splat(source.clone().plus(k.clone())));
                for (column, sum) in group.iter().zip(sums) {
                    let at = weights.clone().plus(k.clone().times(padded)).plus(*column);
                    let weight = builder.set(body, Lanes::Four, Operation::Load(at));
                    body.push(Statement::Set { local: *sum, operation: Operation::MultiplyAdd(x, weight, *sum) });
                }
            };
            let each = builder.repeat(0, turns.clone(), 1, |builder, turn, body| {
                for (part, sums) in sums.chunks(group.len()).enumerate() {
                    add(builder, Index::from(turn).times(parts).plus(part.into()), sums, body);
                }
            });
            body.push(each);
            if parts > 1 {
                let rest = builder.repeat(turns.times(parts), depth, 1, |builder, k, body| {
                    add(builder, k.into(), &sums, body);
                });
                body.push(rest);
            }
            for (vector, column) in group.iter().enumerate() {
                let sums = sums.iter().copied().skip(vector).step_by(group.len()).collect();
                let sum = sum_of_parts(builder, sums, body);
                finish_column(builder, step, *column, sum, bias.as_ref(), &out, body);
            }
        }
    });
    (step.rows.into(), body)
}

/// The sum of a power of two of parts, each half after the other.
fn sum_of_parts(builder: &mut Builder<'_>, mut parts: Vec<super::Local>, body: &mut Vec<Statement>) -> super::Local {
    while parts.len() > 1 {
        let upper = parts.split_off(parts.len() / 2);
        for (sum, other) in parts.iter_mut().zip(upper) {
            *sum = builder.set(body, Lanes::Four, Operation::Add(*sum, other));
        }
    }
    parts.first().copied().unwrap_or_else(|| builder.set(body, Lanes::Four, Operation::Constant(0.0)))
}

/// Adds the bias to a vector of sums, activates and stores it; the last one may be partial.
fn finish_column(
    builder: &mut Builder<'_>,
    step: &SmallLinear,
    column: usize,
    sum: super::Local,
    bias: Option<&super::Address>,
    out: &super::Address,
    body: &mut Vec<Statement>,
) {
    let count = step.columns.saturating_sub(column).min(4);
    if count == 4 {
        let mut value = sum;
        if let Some(bias) = bias {
            let bias = builder.set(body, Lanes::Four, Operation::Load(bias.clone().plus(column)));
            value = builder.set(body, Lanes::Four, Operation::Add(value, bias));
        }
        let value = builder.activate(step.activation, value, Lanes::Four, body);
        body.push(Statement::Store { local: value, to: out.clone().plus(column) });
        return;
    }
    for lane in 0..count {
        let mut value = builder.set(body, Lanes::One, Operation::Lane(sum, u8::try_from(lane).unwrap_or(0)));
        if let Some(bias) = bias {
            let bias = builder.set(body, Lanes::One, Operation::Load(bias.clone().plus(column + lane)));
            value = builder.set(body, Lanes::One, Operation::Add(value, bias));
        }
        let value = builder.activate(step.activation, value, Lanes::One, body);
        body.push(Statement::Store { local: value, to: out.clone().plus(column + lane) });
    }
}
