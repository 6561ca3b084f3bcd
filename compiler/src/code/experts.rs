//! The code that mixes experts: pieces of panels, wherever they go.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::Kernel;
use parameternet_runtime::prepare::panels_length;

use super::build::Builder;
use super::{Address, Argument, Index, Machine, Statement};
use crate::plan::step::{MixPanels, Mixed};

/// What of its experts is mixed at a time: panels side by side.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Where they begin in an expert.
    pub start: Index,
    /// Their `f32`s when they are mixed.
    pub length: Index,
    /// How deep they are.
    pub depth: usize,
    /// How many columns of the matrix.
    pub columns: Index,
}

/// The experts of a right factor.
pub(super) struct Experts<'s> {
    pub mixed: &'s Mixed,
    /// Where along the outer dimensions.
    pub outer: &'s [Index],
    /// Rows of the factor.
    pub depth: usize,
    /// Columns of the factor.
    pub columns: usize,
}

impl Experts<'_> {
    /// The first panel of the first one.
    pub fn first(&self, builder: &Builder<'_>) -> Address {
        builder.panels(&self.mixed.experts, self.outer, &self.all(builder, self.mixed.dtype))
    }

    /// The distance between them.
    pub fn stride(&self, builder: &Builder<'_>) -> Index {
        let total = self.all(builder, self.mixed.dtype);
        let matrices = self.mixed.stride / total.value().unwrap_or(1).max(1);
        Index::from(matrices).times(total)
    }

    /// Some panels, the first and one past the last, of which all but the last are full, side by side.
    pub fn panels(&self, builder: &Builder<'_>, [first, end]: [Index; 2]) -> Piece {
        let panel = stored_panel(builder, self.depth, Dtype::F32);
        let width = width(builder);
        let columns = |panels: Index| panels.times(width.clone()).min(self.columns.into());
        let elements = |panels: Index| panels.times(panel.clone()).min(self.all(builder, Dtype::F32));
        Piece {
            start: first.clone().times(stored_panel(builder, self.depth, self.mixed.dtype)),
            length: elements(end.clone()).minus(elements(first.clone())),
            depth: self.depth,
            columns: columns(end).minus(columns(first)),
        }
    }

    /// Mixes a piece to where it belongs, where its rows are multiplied by the gates if there are some.
    pub fn make(&self, builder: &Builder<'_>, piece: Piece, to: &Address) -> Vec<Statement> {
        let size = [piece.depth.into(), piece.columns.clone()];
        [self.mix(builder, piece, to)].into_iter().chain(self.gate(builder, 0.into(), size, to)).collect()
    }

    /// The coefficients of the experts.
    pub fn coefficients(&self, builder: &Builder<'_>) -> Address {
        builder.address(&self.mixed.coefficients, self.outer)
    }

    /// Mixes a piece.
    pub fn mix(&self, builder: &Builder<'_>, piece: Piece, to: &Address) -> Statement {
        let mixed = self.mixed;
        let experts = self.first(builder).plus(piece.start);
        let coefficients = self.coefficients(builder);
        let mut arguments = [experts, coefficients, to.clone()].map(Argument::Address).to_vec();
        let kernel = match mixed.dtype {
            Dtype::F32 => {
                arguments.push(Argument::Index(piece.length));
                Kernel::Mix
            }
            Dtype::Bf16 | Dtype::Int8 => {
                arguments.extend([piece.depth.into(), piece.columns].map(Argument::Index));
                if mixed.dtype == Dtype::Bf16 { Kernel::MixBf16 } else { Kernel::MixInt8 }
            }
        };
        arguments.push(Argument::Index(mixed.count.into()));
        arguments.push(Argument::Index(self.stride(builder)));
        Statement::Call { kernel, arguments }
    }

    /// Multiplies the rows of mixed panels by the gates, if there are some: from a place along the depth on, so deep and of so many columns.
    pub fn gate(
        &self,
        builder: &Builder<'_>,
        place: Index,
        [depth, columns]: [Index; 2],
        at: &Address,
    ) -> Option<Statement> {
        let gates = builder.address(self.mixed.gates.as_ref()?, self.outer).plus(place);
        let mut arguments = [at.clone(), gates, at.clone()].map(Argument::Address).to_vec();
        arguments.extend([depth, columns].map(Argument::Index));
        Some(Statement::Call { kernel: Kernel::GatePanels, arguments })
    }

    fn all(&self, builder: &Builder<'_>, dtype: Dtype) -> Index {
        all_panels(builder, [self.depth, self.columns], dtype)
    }
}

/// The number of units and the code of a step that mixes panels: a unit is one.
pub(super) fn mix_panels(builder: &mut Builder<'_>, step: &MixPanels) -> (Index, Vec<Statement>) {
    let panels = Index::Size(step.columns).over_up(width(builder));
    // The samples of a batch follow each other: for all but the first, the experts are in the cache.
    let mut dims: Vec<Index> = [panels].into_iter().chain(step.outer.iter().rev().copied().map(Index::from)).collect();
    let apart = builder.apart();
    dims.rotate_right(apart);
    let body = builder.units(|builder, unit, body| {
        let mut outer = builder.unravel(unit, &dims, body);
        outer.rotate_left(apart);
        outer.reverse();
        let panel = outer.pop().unwrap_or(Index::Constant(0));
        let experts = Experts { mixed: &step.mixed, outer: &outer, depth: step.depth, columns: step.columns };
        let piece = experts.panels(builder, [panel.clone(), panel.clone().plus(1.into())]);
        let out = builder.panels(&step.out, &outer, &experts.all(builder, Dtype::F32));
        let out = out.plus(panel.times(stored_panel(builder, step.depth, Dtype::F32)));
        body.extend(experts.make(builder, piece, &out));
    });
    (dims.into_iter().fold(Index::Constant(1), Index::times), body)
}

/// The columns of a full panel.
fn width(builder: &Builder<'_>) -> Index {
    Index::Machine(Machine::Width, builder.plan.options.isa.tile().columns())
}

/// The length of all panels of a matrix, `[depth, columns]`, whose numbers are stored like that.
pub(super) fn all_panels(builder: &Builder<'_>, [depth, columns]: [usize; 2], dtype: Dtype) -> Index {
    let length = panels_length(depth, columns, builder.plan.options.isa.tile(), dtype);
    Index::Machine(Machine::PanelsLength { depth, columns, dtype }, length)
}

/// The length of a full one of them.
pub(super) fn stored_panel(builder: &Builder<'_>, depth: usize, dtype: Dtype) -> Index {
    let tile = builder.plan.options.isa.tile();
    match dtype {
        Dtype::F32 => Index::from(depth).times(width(builder)),
        dtype => {
            let length = panels_length(depth, tile.columns(), tile, dtype);
            Index::Machine(Machine::PanelLength { depth, dtype }, length)
        }
    }
}
