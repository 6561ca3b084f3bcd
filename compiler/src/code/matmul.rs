//! The code of matrix products: panels are mixed or packed, patches gathered, and rows multiplied with one panel at a time.

use parameternet_runtime::abi::{Kernel, MatmulShape};
use parameternet_runtime::prepare::panels_length;

use super::build::Builder;
use super::{Address, Argument, Base, Index, Lanes, Operation, Shape, Statement, Variable};
use crate::plan::arena::panel_scratch;
use crate::plan::step::{Left, Matmul, Operand, Right};

/// What a unit of a product knows.
struct Unit<'s> {
    step: &'s Matmul,
    outer: Vec<Index>,
    /// The panels of the unit.
    panels: [Variable; 2],
    /// Columns of a full panel.
    width: usize,
    /// Full panels of the product; one more with the rest of the columns may follow.
    full: usize,
    /// Which part of the rows it is.
    part: Index,
}

/// The number of units and the code.
pub(super) fn matmul(builder: &mut Builder<'_>, step: &Matmul) -> (usize, Vec<Statement>) {
    let width = builder.plan.options.isa.tile().columns();
    let panels = step.columns.div_ceil(width);
    let blocking = step.blocking;
    let row_parts = step.rows.div_ceil(blocking.rows_per_unit).max(1);
    let panel_parts = panels.div_ceil(blocking.panels_per_unit).max(1);
    let dims: Vec<usize> = step.outer.iter().copied().chain([panel_parts, row_parts]).collect();
    let body = builder.units(|builder, unit, body| {
        let mut outer = builder.unravel(unit, &dims, body);
        let row_part = outer.pop().unwrap_or(Index::Constant(0));
        let panel_part = outer.pop().unwrap_or(Index::Constant(0));
        let mut bind = |builder: &mut Builder<'_>, value: Index| {
            let variable = builder.variable();
            body.push(Statement::Let { variable, value });
            variable
        };
        let first_panel = bind(builder, panel_part.times(blocking.panels_per_unit));
        let behind = Index::from(first_panel).plus(blocking.panels_per_unit.into());
        let end_panel = bind(builder, behind.min(panels.into()));
        let first_row = bind(builder, row_part.clone().times(blocking.rows_per_unit));
        let behind = Index::from(first_row).plus(blocking.rows_per_unit.into());
        let end_row = bind(builder, behind.min(step.rows.into()));
        let unit =
            Unit { step, outer, panels: [first_panel, end_panel], width, full: step.columns / width, part: row_part };
        unit.prepare_panels(builder, body);
        unit.clear_sums(builder, body);
        let block = builder.repeat(first_row, end_row, blocking.rows_per_block, |builder, row, body| {
            let behind = Index::from(row).plus(blocking.rows_per_block.into());
            let count = builder.variable();
            body.push(Statement::Let { variable: count, value: behind.min(end_row.into()).minus(row.into()) });
            let (left, stride) = unit.left(builder, row, count, body);
            for (panels, columns) in unit.kinds_of_panels() {
                let shape = MatmulShape {
                    depth: step.depth,
                    columns,
                    a_stride: stride,
                    out_stride: step.out_stride,
                    epilogue: step.finish.shape,
                };
                let [from, to] = panels;
                let call = builder.repeat(from, to, 1, |builder, panel, body| {
                    body.push(unit.multiply(builder, left.clone(), row, count, panel, shape));
                });
                body.push(call);
            }
        });
        body.push(block);
    });
    (dims.iter().product(), body)
}

impl Unit<'_> {
    /// The full panels of the unit, then the panel with the rest of the columns; with the number of columns of each.
    fn kinds_of_panels(&self) -> Vec<([Index; 2], usize)> {
        let [first, end] = self.panels.map(Index::from);
        let rest = self.step.columns % self.width;
        let mut kinds = Vec::new();
        if self.full > 0 {
            kinds.push(([first.clone(), end.clone().min(self.full.into())], self.width));
        }
        if rest > 0 {
            kinds.push(([first.max(self.full.into()), end], rest));
        }
        kinds
    }

    /// Mixes or packs the panels of the unit into the scratch memory.
    fn prepare_panels(&self, builder: &mut Builder<'_>, body: &mut Vec<Statement>) {
        let step = self.step;
        let [first, end] = self.panels.map(Index::from);
        let panel = step.depth * self.width;
        match &step.right {
            Right::Packed { .. } => {}
            Right::Mixed { experts, stride, count, coefficients } => {
                // All but the last panel are full, and they lie side by side.
                let total = panels_length(step.depth, step.columns, builder.plan.options.isa.tile());
                let start = first.times(panel);
                let length = end.times(panel).min(total.into()).minus(start.clone());
                let arguments = vec![
                    Argument::Address(builder.address(experts, &self.outer).plus(start)),
                    Argument::Address(builder.address(coefficients, &self.outer)),
                    Argument::Address(Address::scratch(0)),
                    Argument::Index(length),
                    Argument::Index((*count).into()),
                    Argument::Index((*stride).into()),
                ];
                body.push(Statement::Call { kernel: Kernel::Mix, arguments });
            }
            Right::Computed { source, row_stride, column_stride } => {
                for ([from, to], columns) in self.kinds_of_panels() {
                    let source = builder.address(source, &self.outer);
                    let pack = builder.repeat(from, to, 1, |_, index, body| {
                        let in_scratch = Index::from(index).minus(first.clone()).times(panel);
                        let arguments = vec![
                            Argument::Address(source.plus(Index::from(index).times(self.width * column_stride))),
                            Argument::Address(Address::scratch(0).plus(in_scratch)),
                            Argument::Index(step.depth.into()),
                            Argument::Index(columns.into()),
                            Argument::Index((*row_stride).into()),
                            Argument::Index((*column_stride).into()),
                        ];
                        body.push(Statement::Call { kernel: Kernel::PackPanel, arguments });
                    });
                    body.push(pack);
                }
            }
        }
    }

    /// Sets the sums of the unit to zero.
    fn clear_sums(&self, builder: &mut Builder<'_>, body: &mut Vec<Statement>) {
        let Some(sums) = &self.step.finish.sums else { return };
        let start = self.sums(builder, sums);
        let [first, end] = self.panels.map(|panel| Index::from(panel).times(self.width));
        let clear = builder.repeat(first, end.min(self.step.columns.into()), 1, |builder, column, body| {
            let zero = builder.set(body, Lanes::One, Operation::Constant(0.0));
            body.push(Statement::Store { local: zero, to: start.plus(column) });
        });
        body.push(clear);
    }

    /// Where the sums of the unit begin: a vector per part of the rows.
    fn sums(&self, builder: &Builder<'_>, sums: &Operand) -> Address {
        let indices: Vec<Index> = self.outer.iter().cloned().chain([self.part.clone()]).collect();
        builder.address(sums, &indices)
    }

    /// The rows of a block, and how far they are apart; gathers patches.
    fn left(
        &self,
        builder: &mut Builder<'_>,
        row: Variable,
        count: Variable,
        body: &mut Vec<Statement>,
    ) -> (Address, usize) {
        let step = self.step;
        match &step.left {
            Left::Rows { rows, stride } => {
                (builder.address(rows, &self.outer).plus(Index::from(row).times(*stride)), *stride)
            }
            Left::Patches { image, shape } => {
                let tile = builder.plan.options.isa.tile();
                let patches = Address::scratch(panel_scratch(step, tile));
                let arguments = vec![
                    Argument::Address(builder.address(image, &self.outer)),
                    Argument::Address(patches.clone()),
                    Argument::Index(row.into()),
                    Argument::Index(count.into()),
                    Argument::Shape(Shape::Patches(*shape)),
                ];
                body.push(Statement::Call { kernel: Kernel::Patches, arguments });
                (patches, shape.out_stride)
            }
        }
    }

    /// A block of rows times one panel.
    fn multiply(
        &self,
        builder: &Builder<'_>,
        left: Address,
        row: Variable,
        count: Variable,
        panel: Variable,
        shape: MatmulShape,
    ) -> Statement {
        let step = self.step;
        let column = Index::from(panel).times(self.width);
        let in_panels = step.depth * self.width;
        let panel = match &step.right {
            Right::Packed { panels } => builder.address(panels, &self.outer).plus(Index::from(panel).times(in_panels)),
            Right::Mixed { .. } | Right::Computed { .. } => {
                let own = Index::from(panel).minus(self.panels[0].into());
                Address { base: Base::Scratch, offset: own.times(in_panels) }
            }
        };
        let row = Index::from(row);
        let at = |operand: &Operand, row_stride: usize| {
            let start = builder.address(operand, &self.outer).plus(row.clone().times(row_stride));
            Argument::Address(start.plus(column.clone()))
        };
        let optional = |operand: &Option<Operand>, row_stride| match operand {
            Some(operand) => at(operand, row_stride),
            None => Argument::Null,
        };
        let finish = &step.finish;
        let sums = match &finish.sums {
            Some(sums) => Argument::Address(self.sums(builder, sums).plus(column.clone())),
            None => Argument::Null,
        };
        let arguments = vec![
            Argument::Address(left),
            Argument::Address(panel),
            at(&step.out, step.out_stride),
            Argument::Index(count.into()),
            Argument::Shape(Shape::Matmul(shape)),
            optional(&finish.bias, 0),
            optional(&finish.gate, 0),
            optional(&finish.residual, finish.shape.residual_stride),
            sums,
        ];
        Statement::Call { kernel: Kernel::Matmul, arguments }
    }
}
