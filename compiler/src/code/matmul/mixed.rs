//! The code of products whose right factor is mixed of experts part by part.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{Part, Runs};

use super::super::build::Builder;
use super::super::experts::{Experts, stored_panel};
use super::super::{Address, Argument, Base, Index, Machine, Panel, Statement, Variable};
use super::Unit;
use crate::plan::step::{Matmul, Mixed, Operand};

/// `f32`s that are fetched while others are multiplied: what the second-level cache has room for.
const NEXT: usize = 128 * 1024;

/// A part of a panel that was mixed to be multiplied with.
pub(super) struct DepthPart {
    /// Where it was mixed to.
    pub panel: Address,
    /// What is mixed or fetched meanwhile, as [`Kernel::MatmulMixed`](parameternet_runtime::abi::Kernel::MatmulMixed) takes it.
    pub next: Vec<Argument>,
    /// Where sums wait for the next part, if there are several.
    pub partial: Option<Address>,
    /// Which part it is, see [`Part`].
    pub part: Index,
    /// How many come before it, of how many.
    pub parts: [Index; 2],
}

/// The number of units and the code of a product whose right factor is mixed part by part, each while all rows are multiplied with the one before
/// it: to mix waits for memory and to multiply does not. Two parts lie in scratch memory, which take turns. A unit is a panel.
pub(super) fn parts(
    builder: &mut Builder<'_>,
    step: &Matmul,
    mixed: &Mixed,
    part: usize,
    (rows, stride): (&Operand, usize),
) -> (Index, Vec<Statement>) {
    let width = Index::Machine(Machine::Width, builder.plan.options.isa.tile().columns());
    let panels = Index::Size(step.columns).over_up(width.clone());
    // The samples of a batch follow each other: for all but the first, the experts are in the cache.
    let mut dims: Vec<Index> = [panels].into_iter().chain(step.outer.iter().rev().copied().map(Index::from)).collect();
    let apart = builder.apart();
    dims.rotate_right(apart);
    let units = dims.iter().cloned().fold(Index::Constant(1), Index::times);
    let parts = step.depth.div_ceil(part).max(1);
    let last = (parts - 1) * part;
    // The length of a part of a full panel.
    let most = Index::Size(part).times(width.clone());
    let is_ahead = mixed.dtype == Dtype::F32;
    builder.in_runs = is_ahead;
    let body = builder.units(|builder, unit, body| {
        let next = builder.variable();
        body.push(Statement::Let { variable: next, value: Index::from(unit).plus(1.into()) });
        let [unit_of, next_of] = [unit, next].map(|number| {
            let mut outer = builder.unravel(number, &dims, body);
            outer.rotate_left(apart);
            let panel = outer.remove(0);
            outer.reverse();
            let panels = [panel.clone(), panel.plus(1.into())];
            Unit { step, outer, panels, width: width.clone(), part: Index::Constant(0), made: 0.into() }
        });
        // Who mixes a part for the unit before it has mixed the first part of this one, but for the first unit of a call.
        let done = builder.bind(Index::from(unit).minus(Variable::BEGIN.into()), body);
        let in_turn = |builder: &mut Builder<'_>, place: Index, body: &mut Vec<Statement>| {
            if !is_ahead {
                return [0, 0].map(Address::scratch);
            }
            let before = done.clone().times(Index::Size(parts)).plus(place.over(Index::Size(part)));
            let turn = builder.bind(before.modulo(2), body);
            let turns = [turn.clone(), Index::from(1).minus(turn)];
            turns.map(|turn| Address { base: Base::Scratch, offset: turn.times(most.clone()) })
        };
        let [own, _] = in_turn(builder, 0.into(), body);
        let mut first = unit_of.experts(mixed).panels(builder, unit_of.panels.clone());
        if is_ahead {
            let is_first = Index::from(1).minus(done.clone().min(1.into()));
            first.length = first.length.min(is_first.times(most.clone()));
        }
        unit_of.clear_sums(builder, body);
        body.push(unit_of.experts(mixed).mix(builder, first, &own));
        let left = builder.address(rows, &unit_of.outer);
        let multiply = |builder: &mut Builder<'_>, place: Index, is_last: bool, body: &mut Vec<Statement>| {
            let depth = if is_last { step.depth - last } else { part };
            let [own, other] = in_turn(builder, place.clone(), body);
            body.extend(unit_of.gates(builder, mixed, place.clone(), depth, &own));
            let statement = unit_of.panels(builder, |builder, index, kind| {
                let next = if is_last {
                    next_of.first_part(builder, mixed, [next, Variable::END], &units, &most)
                } else {
                    unit_of.part_behind(builder, mixed, &place, part, kind)
                };
                let partial = Address { base: Base::Scratch, offset: most.clone().times(2) };
                // The first is continued, the others continue too.
                let which = match is_last {
                    true if parts == 1 => 0.into(),
                    true => Part::CONTINUES.into(),
                    false => place.clone().min(Part::CONTINUES.into()).plus(Part::IS_CONTINUED.into()),
                };
                let part = DepthPart {
                    panel: own.clone(),
                    next: next.arguments(builder, other.clone()),
                    partial: (parts > 1).then_some(partial),
                    part: which,
                    parts: [place.clone().over(Index::Size(part)), Index::Size(parts)],
                };
                let shape = unit_of.shape(Runs::one(depth), stride, kind);
                let rows = [0.into(), Index::Size(step.rows)];
                vec![unit_of.multiply(builder, left.clone().plus(place.clone()), rows, index, shape, Some(part))]
            });
            body.push(statement);
        };
        if parts > 1 {
            let [from, to, by] = [0, last, part].map(Index::Size);
            let fill = |builder: &mut Builder<'_>, place: Variable, body: &mut Vec<Statement>| {
                multiply(builder, place.into(), false, body);
            };
            let but_last = builder.repeat(from, to, by, fill);
            body.push(but_last);
        }
        multiply(builder, Index::Size(last), true, body);
    });
    (units, body)
}

/// What is mixed or fetched while a part of a panel is multiplied.
struct Next<'u> {
    experts: Experts<'u>,
    /// Where it begins in each expert.
    start: Index,
    /// Of how many experts.
    count: Index,
    /// How much of each is fetched if nothing is mixed.
    length: Index,
    /// How much is mixed.
    mixed_length: Index,
}

impl Next<'_> {
    /// As [`Kernel::MatmulMixed`](parameternet_runtime::abi::Kernel::MatmulMixed) takes it, mixed to some place.
    fn arguments(self, builder: &Builder<'_>, to: Address) -> Vec<Argument> {
        vec![
            Argument::Fetched(self.experts.first(builder).plus(self.start)),
            Argument::Index(self.count),
            Argument::Index(self.experts.stride(builder)),
            Argument::Index(self.length),
            Argument::Fetched(self.experts.coefficients(builder)),
            Argument::Address(to),
            Argument::Index(self.mixed_length),
        ]
    }
}

impl Unit<'_> {
    /// Multiplies a part of the panel by the gates, if there are some.
    fn gates(
        &self,
        builder: &Builder<'_>,
        mixed: &Mixed,
        place: Index,
        depth: usize,
        at: &Address,
    ) -> Option<Statement> {
        let experts = self.experts(mixed);
        let columns = experts.panels(builder, self.panels.clone()).columns;
        experts.gate(builder, place, [Index::Size(depth), columns], at)
    }

    /// The part of the panel that is behind the one at a place along the depth.
    fn part_behind<'u>(
        &'u self,
        builder: &Builder<'_>,
        mixed: &'u Mixed,
        place: &Index,
        part: usize,
        kind: Panel,
    ) -> Next<'u> {
        let experts = self.experts(mixed);
        let width = self.panel_width(builder, kind);
        let place = place.clone().plus(Index::Size(part));
        let length = Index::Size(self.step.depth).minus(place.clone()).min(Index::Size(part)).times(width.clone());
        let start = experts.panels(builder, self.panels.clone()).start.plus(place.times(width));
        Next { experts, start, count: mixed.count.into(), length: length.clone(), mixed_length: length }
    }

    /// The first part of the panel of this unit, which is the next one: it is mixed if the call does that unit too, and fetched if another call does,
    /// if there is such a unit at all.
    fn first_part<'u>(
        &'u self,
        builder: &Builder<'_>,
        mixed: &'u Mixed,
        [unit, end]: [Variable; 2],
        units: &Index,
        most: &Index,
    ) -> Next<'u> {
        let experts = self.experts(mixed);
        let panel = experts.panels(builder, self.panels.clone());
        let is_any = units.clone().minus(unit.into()).min(1.into());
        let stored = stored_panel(builder, self.step.depth, mixed.dtype).min(Index::Size(NEXT / mixed.count.max(1)));
        let (length, mixed_length) = match mixed.dtype {
            Dtype::F32 => {
                let is_own = Index::from(end).minus(unit.into()).min(1.into());
                (stored.min(most.clone()), panel.length.min(is_own.times(most.clone())))
            }
            Dtype::Bf16 | Dtype::Int8 => (stored, 0.into()),
        };
        Next { experts, start: panel.start, count: is_any.times(mixed.count), length, mixed_length }
    }

    /// The distance between rows of such a panel.
    fn panel_width(&self, builder: &Builder<'_>, kind: Panel) -> Index {
        match kind {
            Panel::Full => self.width.clone(),
            Panel::Rest => {
                let rest = self.columns(kind).value().unwrap_or(0);
                Index::Machine(Machine::RestWidth, builder.plan.options.isa.tile().panel_width(rest))
            }
        }
    }
}
