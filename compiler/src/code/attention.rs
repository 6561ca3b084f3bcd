//! The code of attention: per unit, some rows of queries times all keys, the softmax of that, and its product with all values. A call packs keys
//! and values once for all units in a row that have the same.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::Kernel;

use super::build::{Builder, Lines};
use super::experts::all_panels;
use super::matmul::Unit;
use super::{Address, Argument, Index, Shape, Statement, Variable};
use crate::plan::attention::{Attention, Fetched};
use crate::plan::step::Operand;

/// The number of units and the code.
pub(super) fn attention(builder: &mut Builder<'_>, step: &Attention) -> (Index, Vec<Statement>) {
    let Attention { scores, result, .. } = step;
    let parts = scores.rows.div_ceil(step.rows_per_unit.max(1)).max(1);
    builder.in_runs = parts > 1;
    let dims: Vec<Index> = scores.outer.iter().copied().map(Index::from).chain([Index::Size(parts)]).collect();
    let body = builder.units(|builder, unit, body| {
        let mut outer = builder.unravel(unit, &dims, body);
        let part = outer.pop().unwrap_or(Index::Constant(0));
        // 1 where this call did the unit before, of the same keys and values; else 0.
        let done = Index::from(unit).minus(Variable::BEGIN.into());
        let follows = builder.bind(done.min(part.clone()).min(1.into()), body);
        let first = builder.bind(part.times(Index::Size(step.rows_per_unit)), body);
        let behind = first.clone().plus(Index::Size(step.rows_per_unit));
        let end = builder.bind(behind.min(Index::Size(scores.rows)), body);
        builder.lines = vec![Lines { offset: 0, row: first.clone(), pixel: first.clone() }];

        let keys_at = Index::Size(step.scores_length());
        let values_at = keys_at.clone().plus(all_panels(builder, scores.panel_matrix(), Dtype::F32));
        let keys = Unit::of_all_columns(builder, scores, outer.clone(), keys_at);
        let values = Unit::of_all_columns(builder, result, outer.clone(), values_at);
        // Not at all where they are packed.
        let pack = builder.repeat(follows, 1, 1, |builder, _, body| {
            keys.prepare_panels(builder, body);
            values.prepare_panels(builder, body);
        });
        body.push(pack);
        if let Some(fetched) = step.fetched() {
            let next = builder.variable();
            body.push(Statement::Let { variable: next, value: Index::from(unit).plus(1.into()) });
            let mut outer = builder.unravel(next, &dims, body);
            let part = outer.pop().unwrap_or(Index::Constant(0));
            let query = part.times(Index::Size(step.rows_per_unit));
            for Fetched { first, per_query, rows, columns, stride } in fetched {
                let first = builder.row(first, &outer, query.clone(), Index::Size(per_query));
                let sizes = [rows, columns, stride].map(|size| Argument::Index(Index::Size(size)));
                let arguments = [Argument::Fetched(first)].into_iter().chain(sizes).collect();
                body.push(Statement::Call { kernel: Kernel::FetchRows, arguments });
            }
        }
        let rows = [first.clone(), end.clone()];
        let [block_of_scores, block_of_result] =
            [scores, result].map(|product| Index::Size(product.blocking.rows_per_block));
        keys.blocks(builder, rows.clone(), block_of_scores, body);
        let addend = |addend: &Option<Operand>, stride: usize| match addend {
            Some(addend) => Argument::Address(builder.row(addend, &outer, first.clone(), Index::Size(stride))),
            None => Argument::Null,
        };
        let arguments = vec![
            Argument::Address(Address::scratch(0)),
            Argument::Address(Address::scratch(0)),
            Argument::Index(end.minus(first.clone())),
            Argument::Shape(Shape::Softmax(step.softmax)),
            addend(&step.bias, step.softmax.bias_stride),
            addend(&step.mask, step.softmax.mask_stride),
        ];
        body.push(Statement::Call { kernel: Kernel::Softmax, arguments });
        values.blocks(builder, rows, block_of_result, body);
    });
    (dims.into_iter().fold(Index::Constant(1), Index::times), body)
}
