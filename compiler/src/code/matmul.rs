//! The code of matrix products: panels are mixed or packed, strips made, and rows multiplied with one panel at a time.

mod mixed;

use mixed::DepthPart;
use parameternet_runtime::abi::{Kernel, MatmulShape, Runs};
use parameternet_runtime::{Dtype, Isa};

use super::build::Builder;
use super::experts::{Experts, all_panels, stored_panel};
use super::{Address, Argument, Base, Index, Lanes, Machine, Operation, Panel, Shape, Statement, Variable};
use crate::plan::step::{Left, Matmul, Mixed, Operand, Right, UnderWindow};

/// What a unit of a product knows.
pub(super) struct Unit<'s> {
    step: &'s Matmul,
    outer: Vec<Index>,
    /// The panels of the unit: the first, and one past the last.
    panels: [Index; 2],
    /// Columns of a full panel.
    width: Index,
    /// Which part of the rows it is.
    part: Index,
    /// Where the panels that it makes begin in the scratch memory.
    made: Index,
}

/// The number of units and the code.
pub(super) fn matmul(builder: &mut Builder<'_>, step: &Matmul) -> (Index, Vec<Statement>) {
    let product = step.product();
    if let (Some(part), Left::Rows { rows, stride }, Right::Mixed(mixed)) = (product.part, &step.left, &step.right) {
        return mixed::parts(builder, step, mixed, part, (rows, *stride));
    }
    let width = Index::Machine(Machine::Width, builder.plan.options.isa.tile().columns());
    let rows_per_unit = if product.has_sums {
        Index::Size(product.rows_per_sum())
    } else {
        Index::Machine(Machine::RowsPerUnit, step.blocking.rows_per_unit)
    };
    let panels_per_unit = Index::Machine(Machine::PanelsPerUnit, step.blocking.panels_per_unit);
    let rows_per_block = Index::Machine(Machine::RowsPerBlock, step.blocking.rows_per_block);
    let [_, columns] = step.panel_matrix();
    let panels = Index::Size(columns).over_up(width.clone());
    // What a unit makes serves all rows.
    let row_parts =
        if product.makes_panels { Index::Constant(1) } else { Index::Size(step.rows).over_up(rows_per_unit.clone()) };
    let panel_parts = panels.clone().over_up(panels_per_unit.clone());
    let mut dims: Vec<Index> = step.outer.iter().copied().map(Index::from).chain([panel_parts, row_parts]).collect();
    // Of experts, the samples of a batch follow each other: for all but the first, they are in the cache.
    let moved = if matches!(step.right, Right::Mixed(_)) { 1 - builder.apart() } else { 0 };
    dims.rotate_left(moved);
    let body = builder.units(|builder, unit, body| {
        let mut outer = builder.unravel(unit, &dims, body);
        outer.rotate_right(moved);
        let row_part = outer.pop().unwrap_or(Index::Constant(0));
        let panel_part = outer.pop().unwrap_or(Index::Constant(0));
        let mut bind = |builder: &mut Builder<'_>, value: Index| builder.bind(value, body);
        let first_panel = bind(builder, panel_part.times(panels_per_unit.clone()));
        let end_panel = bind(builder, first_panel.clone().plus(panels_per_unit).min(panels));
        let [first_row, end_row] = if product.makes_panels {
            [Index::Constant(0), Index::Size(step.rows)]
        } else {
            let first = bind(builder, row_part.clone().times(rows_per_unit.clone()));
            let end = bind(builder, first.clone().plus(rows_per_unit).min(Index::Size(step.rows)));
            [first, end]
        };
        let unit = Unit { step, outer, panels: [first_panel, end_panel], width, part: row_part, made: 0.into() };
        unit.clear_sums(builder, body);
        unit.prepare_panels(builder, body);
        unit.blocks(builder, [first_row, end_row], rows_per_block, body);
    });
    (dims.into_iter().fold(Index::Constant(1), Index::times), body)
}

impl<'s> Unit<'s> {
    /// All columns of a product that is part of a larger step.
    pub fn of_all_columns(builder: &Builder<'_>, step: &'s Matmul, outer: Vec<Index>, made: Index) -> Unit<'s> {
        let width = Index::Machine(Machine::Width, builder.plan.options.isa.tile().columns());
        let panels = [Index::Constant(0), Index::Size(step.columns).over_up(width.clone())];
        Unit { step, outer, panels, width, part: Index::Constant(0), made }
    }
}

impl Unit<'_> {
    /// Block by block of rows, all panels of the unit.
    pub fn blocks(
        &self,
        builder: &mut Builder<'_>,
        [first_row, end_row]: [Index; 2],
        rows_per_block: Index,
        body: &mut Vec<Statement>,
    ) {
        let step = self.step;
        let block = builder.repeat(first_row, end_row.clone(), rows_per_block.clone(), |builder, row, body| {
            let behind = Index::from(row).plus(rows_per_block);
            let count = builder.variable();
            body.push(Statement::Let { variable: count, value: behind.min(end_row).minus(row.into()) });
            let each = match &step.left {
                Left::Rows { rows, stride } => {
                    let left = builder.row(rows, &self.outer, row.into(), Index::Size(*stride));
                    let [depth, _] = step.panel_matrix();
                    if step.is_in_halves() {
                        let mut arguments = [left.clone(), Address::scratch(0)].map(Argument::Address).to_vec();
                        arguments.extend([count.into(), Index::Size(depth), Index::Size(*stride)].map(Argument::Index));
                        body.push(Statement::Call { kernel: Kernel::StrassenRows, arguments });
                    }
                    self.panels(builder, |builder, panel, kind| {
                        let shape = self.shape(Runs::one(depth), *stride, kind);
                        vec![self.multiply(builder, left.clone(), [row.into(), count.into()], panel, shape, None)]
                    })
                }
                Left::Window(under) => {
                    let pixels = Index::Size(under.lines.pixels);
                    let first = builder.bind(Index::from(row).over(pixels.clone()), body);
                    let lines = builder.bind(Index::from(count).over(pixels.clone()), body);
                    let left = self.under_window(builder, under, first, lines.clone(), body);
                    let line = builder.variable();
                    self.panels(builder, |builder, panel, kind| {
                        let left = left.clone().plus(Index::from(line).times(Index::Size(under.line_stride)));
                        let row = Index::from(row).plus(Index::from(line).times(pixels.clone()));
                        let shape = self.shape(under.runs, under.pixel_stride, kind);
                        let line_by_panel = self.multiply(builder, left, [row, pixels.clone()], panel, shape, None);
                        let [from, by] = [0, 1].map(Index::Constant);
                        vec![Statement::For { variable: line, from, to: lines.clone(), by, body: vec![line_by_panel] }]
                    })
                }
            };
            body.push(each);
        });
        body.push(block);
    }

    /// Does something to each panel of the unit.
    fn panels(
        &self,
        builder: &mut Builder<'_>,
        fill: impl Fn(&Builder<'_>, Variable, Panel) -> Vec<Statement>,
    ) -> Statement {
        let variable = builder.variable();
        let [_, columns] = self.step.panel_matrix();
        let widths = Isa::ALL.map(|isa| isa.tile().columns());
        let body = |panel: Panel, is_needed: bool| {
            if is_needed { fill(builder, variable, panel) } else { Vec::new() }
        };
        let [from, to] = self.panels.clone();
        Statement::Panels {
            variable,
            from,
            to,
            columns,
            full: body(Panel::Full, widths.iter().any(|width| columns >= *width)),
            rest: body(Panel::Rest, widths.iter().any(|width| !columns.is_multiple_of(*width))),
        }
    }

    /// The columns of such a panel.
    fn columns(&self, panel: Panel) -> Index {
        match panel {
            Panel::Full => self.width.clone(),
            Panel::Rest => {
                let width = self.width.value().unwrap_or(1).max(1);
                let [_, columns] = self.step.panel_matrix();
                Index::Machine(Machine::RestColumns, columns % width)
            }
        }
    }

    /// The length of a full panel.
    fn panel(&self) -> Index {
        let [depth, _] = self.step.panel_matrix();
        Index::from(depth).times(self.width.clone())
    }

    /// Where a panel that the unit makes lies.
    fn made_panel(&self, panel: Variable) -> Address {
        let own = Index::from(panel).minus(self.panels[0].clone());
        Address { base: Base::Scratch, offset: self.made.clone().plus(own.times(self.panel())) }
    }

    /// The length of all panels of weights whose numbers are stored like that.
    fn all_panels(&self, builder: &Builder<'_>, dtype: Dtype) -> Index {
        all_panels(builder, self.step.panel_matrix(), dtype)
    }

    /// The length of a full one of them.
    fn stored_panel(&self, builder: &Builder<'_>, dtype: Dtype) -> Index {
        stored_panel(builder, self.step.panel_matrix()[0], dtype)
    }

    /// Mixes or packs the panels of the unit into the scratch memory.
    pub fn prepare_panels(&self, builder: &mut Builder<'_>, body: &mut Vec<Statement>) {
        let step = self.step;
        match &step.right {
            Right::Packed { .. } | Right::Strassen { .. } => {}
            Right::Mixed(mixed) => {
                let experts = self.experts(mixed);
                let start = Address { base: Base::Scratch, offset: self.made.clone() };
                body.extend(experts.make(builder, experts.panels(builder, self.panels.clone()), &start));
            }
            Right::Computed { source, row_stride, column_stride } => {
                let source = builder.address(source, &self.outer);
                let pack = self.panels(builder, |_, index, kind| {
                    let columns_before = Index::from(index).times(self.width.clone());
                    let arguments = vec![
                        Argument::Address(source.clone().plus(columns_before.times(*column_stride))),
                        Argument::Address(self.made_panel(index)),
                        Argument::Index(step.depth.into()),
                        Argument::Index(self.columns(kind)),
                        Argument::Index((*row_stride).into()),
                        Argument::Index((*column_stride).into()),
                    ];
                    vec![Statement::Call { kernel: Kernel::PackPanel, arguments }]
                });
                body.push(pack);
            }
        }
    }

    /// Its experts.
    fn experts<'u>(&'u self, mixed: &'u Mixed) -> Experts<'u> {
        let [depth, columns] = self.step.panel_matrix();
        Experts { mixed, outer: &self.outer, depth, columns }
    }

    /// What is fetched of weights that are read later, while rows from one on are multiplied with a part of a panel: where it begins, and
    /// how much for each row. Each part of each panel has as much, one behind the other.
    fn later(&self, builder: &Builder<'_>, row: Index, panel: Variable, [part, parts]: [Index; 2]) -> [Argument; 2] {
        let step = self.step;
        let Some(ahead) = &step.ahead else { return [Argument::Null, Argument::Index(0.into())] };
        let panels = Index::Size(step.columns).over_up(self.width.clone());
        let rows = Index::Size(step.outer.iter().product::<usize>() * step.rows);
        let per_row = Index::Size(ahead.length).over_up(rows.clone().times(panels.times(parts.clone())));
        let outer = self.outer.iter().zip(&step.outer);
        let matrix = outer.fold(Index::Constant(0), |all, (index, size)| all.times(*size).plus(index.clone()));
        let rows_before = Index::from(panel).times(parts).plus(part).times(rows);
        let before = rows_before.plus(matrix.times(Index::Size(step.rows))).plus(row);
        let start = builder.address(&ahead.weights, &[]).plus(Index::Size(ahead.first));
        let start = start.plus(before.times(per_row.clone()));
        [Argument::Fetched(start), Argument::Index(per_row)]
    }

    /// Sets the sums of the unit to zero.
    fn clear_sums(&self, builder: &mut Builder<'_>, body: &mut Vec<Statement>) {
        let Some(sums) = &self.step.finish.sums else { return };
        let start = self.sums(builder, sums);
        let [first, end] = self.panels.clone().map(|panel| panel.times(self.width.clone()));
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

    /// The shape of a product with a panel of that kind.
    fn shape(&self, runs: Runs, a_stride: usize, kind: Panel) -> Shape {
        let shape = MatmulShape {
            runs,
            columns: self.columns(kind).value().unwrap_or(0),
            a_stride,
            out_stride: self.step.out_stride,
            epilogue: self.step.finish.shape,
        };
        Shape::Matmul(shape, kind)
    }

    /// What the windows of some lines cover: in the image, or in a strip that is made of it.
    fn under_window(
        &self,
        builder: &Builder<'_>,
        under: &UnderWindow,
        first: Index,
        lines: Index,
        body: &mut Vec<Statement>,
    ) -> Address {
        let image = builder.address(&under.image, &self.outer);
        let Some(shape) = under.strip else { return image.plus(first.times(Index::Size(under.line_stride))) };
        let strip = self.strip(builder);
        let arguments = vec![
            Argument::Address(image),
            Argument::Address(strip.clone()),
            Argument::Index(first),
            Argument::Index(lines),
            Argument::Shape(Shape::Strip(shape)),
        ];
        body.push(Statement::Call { kernel: Kernel::Strip, arguments });
        strip
    }

    /// Where strips are made: behind the panels that the unit makes.
    fn strip(&self, builder: &Builder<'_>) -> Address {
        let product = self.step.product();
        let offset = if product.makes_panels {
            let panels = self.step.blocking.panel_scratch(&product, builder.plan.options.isa.tile());
            Index::Machine(Machine::PanelScratch, panels)
        } else {
            Index::Constant(0)
        };
        Address { base: Base::Scratch, offset }
    }

    /// Rows, the first and how many, times one panel.
    fn multiply(
        &self,
        builder: &Builder<'_>,
        left: Address,
        [row, count]: [Index; 2],
        panel: Variable,
        shape: Shape,
        parts: Option<DepthPart>,
    ) -> Statement {
        let step = self.step;
        let column = Index::from(panel).times(self.width.clone());
        let of_panel = panel;
        let (kernel, panel) = match &step.right {
            Right::Strassen { panels } => {
                let start = builder.panels(panels, &self.outer, &self.all_panels(builder, Dtype::F32));
                (Kernel::Strassen, start.plus(Index::from(panel).times(self.panel())))
            }
            Right::Packed { panels, dtype } => {
                let start = builder.panels(panels, &self.outer, &self.all_panels(builder, *dtype));
                let kernel = match dtype {
                    Dtype::F32 => Kernel::Matmul,
                    Dtype::Bf16 => Kernel::MatmulBf16,
                    Dtype::Int8 => Kernel::MatmulInt8,
                };
                (kernel, start.plus(Index::from(panel).times(self.stored_panel(builder, *dtype))))
            }
            Right::Mixed(_) | Right::Computed { .. } => match &parts {
                Some(part) => (Kernel::MatmulMixed, part.panel.clone()),
                None => (Kernel::Matmul, self.made_panel(panel)),
            },
        };
        let at = |operand: &Operand, row_stride: Index| {
            Argument::Address(builder.row(operand, &self.outer, row.clone(), row_stride).plus(column.clone()))
        };
        let optional = |operand: &Option<Operand>, row_stride: Index| match operand {
            Some(operand) => at(operand, row_stride),
            None => Argument::Null,
        };
        let finish = &step.finish;
        let sums = match &finish.sums {
            Some(sums) => Argument::Address(self.sums(builder, sums).plus(column.clone())),
            None => Argument::Null,
        };
        let out = at(&step.out, Index::Size(step.out_stride));
        let shape = Argument::Shape(shape);
        let finish = [
            optional(&finish.bias, 0.into()),
            optional(&finish.gate, 0.into()),
            optional(&finish.residual, Index::Size(finish.shape.residual_stride)),
        ];
        let [left, panel] = [left, panel].map(Argument::Address);
        let all = [0.into(), 1.into()];
        let later = self.later(builder, row, of_panel, parts.as_ref().map_or(all, |part| part.parts.clone()));
        if step.is_in_halves() {
            let [_, columns] = step.panel_matrix();
            let factors = Argument::Index(self.all_panels(builder, Dtype::F32));
            let sums = Argument::Address(Address::scratch(0));
            let [count, columns] = [count, Index::Size(columns)].map(Argument::Index);
            let mut arguments = vec![left, sums, panel, factors, out, count, columns, shape];
            arguments.extend(finish);
            return Statement::Call { kernel, arguments };
        }
        let mut arguments = vec![left, panel, out, Argument::Index(count), shape];
        arguments.extend(finish);
        arguments.push(sums);
        match parts {
            Some(DepthPart { next, partial, part, .. }) => {
                arguments.extend(next);
                arguments.extend(later);
                arguments.extend([partial.map_or(Argument::Null, Argument::Address), Argument::Index(part)]);
            }
            None if kernel == Kernel::Matmul => arguments.extend(later),
            None => {}
        }
        Statement::Call { kernel, arguments }
    }
}
