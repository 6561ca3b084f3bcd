//! The code of elementwise expressions: loops over merged dimensions, the innermost in vectors where memory allows.

use super::build::Builder;
use super::{Address, Index, Lanes, Local, Operation, Statement};
use crate::op::elementwise::Binary;
use crate::plan::step::{Elementwise, Expression, Operand};

/// Elements of a unit of a one-dimensional expression.
const CHUNK: usize = 4096;

/// Fewest units that outer dimensions should give before more of them are taken.
const UNITS: usize = 8;

/// Vectors that are computed in one turn of a loop, where they are little work: they would take less time than the turn.
const AT_ONCE: usize = 4;

/// Operations that are that little work.
const LITTLE: usize = 2;

/// Numbers in a row from which on that is done.
const MANY: usize = 64;

/// The number of units and the code.
pub(super) fn elementwise(builder: &mut Builder<'_>, step: &Elementwise) -> (Index, Vec<Statement>) {
    let Some((last, outer)) = step.outer.split_last() else {
        // A single element.
        let body = builder.units(|builder, _, body| inner(builder, step, &[], 0.into(), 1.into(), body));
        return (1.into(), body);
    };
    let size = *last;
    // The parts that it is done in are units in any case.
    let apart = builder.apart().min(outer.len());
    if outer.len() == apart {
        let chunks = size.div_ceil(CHUNK).max(1);
        let dims: Vec<Index> = outer.iter().copied().chain([chunks]).map(Index::from).collect();
        let body = builder.units(|builder, unit, body| {
            let mut indices = builder.unravel(unit, &dims, body);
            let chunk = indices.pop().unwrap_or(Index::Constant(0));
            if chunks == 1 {
                inner(builder, step, &indices, 0.into(), size.into(), body);
            } else {
                let from = builder.bind(chunk.times(CHUNK), body);
                let to = builder.bind(from.clone().plus(CHUNK.into()).min(size.into()), body);
                inner(builder, step, &indices, from, to, body);
            }
        });
        return (dims.into_iter().fold(Index::Constant(1), Index::times), body);
    }
    // Outer dimensions are units, as many of them as make enough; the rest are loops.
    let mut shared = apart + 1;
    while shared < outer.len() && outer.iter().take(shared).skip(apart).product::<usize>() < UNITS {
        shared += 1;
    }
    let (units, looped) = outer.split_at(shared);
    let body = builder.units(|builder, unit, body| {
        let dims: Vec<Index> = units.iter().copied().map(Index::from).collect();
        let indices = builder.unravel(unit, &dims, body);
        nest(builder, step, indices, looped, size, body);
    });
    (units.iter().product::<usize>().into(), body)
}

/// Loops over `looped`, then over the innermost dimension.
fn nest(
    builder: &mut Builder<'_>,
    step: &Elementwise,
    indices: Vec<Index>,
    looped: &[usize],
    size: usize,
    body: &mut Vec<Statement>,
) {
    match looped {
        [] => inner(builder, step, &indices, 0.into(), size.into(), body),
        [first, rest @ ..] => {
            let each = builder.repeat(0, *first, 1, |builder, variable, body| {
                let indices = indices.into_iter().chain([Index::from(variable)]).collect();
                nest(builder, step, indices, rest, size, body);
            });
            body.push(each);
        }
    }
}

/// The innermost dimension from `from` to `to`: vectors of four, several at once where they are little work, then what is left one by one.
fn inner(
    builder: &mut Builder<'_>,
    step: &Elementwise,
    outer: &[Index],
    from: Index,
    to: Index,
    body: &mut Vec<Statement>,
) {
    let depth = outer.len();
    let stride = |operand: &Operand| operand.strides.get(depth).copied().unwrap_or(0);
    let is_vector = stride(&step.out) == 1 && step.operands.iter().all(|operand| stride(operand) <= 1);
    let mut rest = from.clone();
    if is_vector {
        let length = to.clone().minus(from.clone());
        if operations(&step.expression) <= LITTLE && step.outer.last().is_some_and(|size| *size >= MANY) {
            const STEP: usize = 4 * AT_ONCE;
            let several = builder.bind(from.clone().plus(length.clone().over(STEP).times(STEP)), body);
            let blocks = builder.repeat(rest, several.clone(), STEP, |builder, position, body| {
                for vector in 0..AT_ONCE {
                    let position = Index::from(position).plus((4 * vector).into());
                    element(builder, step, outer, position, Lanes::Four, body);
                }
            });
            body.push(blocks);
            rest = several;
        }
        let fours = builder.bind(from.plus(length.over(4).times(4)), body);
        if rest != fours {
            let vectors = builder.repeat(rest, fours.clone(), 4, |builder, position, body| {
                element(builder, step, outer, position.into(), Lanes::Four, body);
            });
            body.push(vectors);
            rest = fours;
        }
        if rest == to {
            return;
        }
    }
    let singles = builder.repeat(rest, to, 1, |builder, position, body| {
        element(builder, step, outer, position.into(), Lanes::One, body);
    });
    body.push(singles);
}

/// Operations for each element; activations are many.
fn operations(expression: &Expression) -> usize {
    match expression {
        Expression::Load(_) | Expression::Constant(_) => 0,
        Expression::Binary(_, left, right) => 1 + operations(left) + operations(right),
        Expression::Activation(..) | Expression::Prelu(..) => LITTLE + 1,
    }
}

/// One element, or four neighbours.
fn element(
    builder: &mut Builder<'_>,
    step: &Elementwise,
    outer: &[Index],
    position: Index,
    lanes: Lanes,
    body: &mut Vec<Statement>,
) {
    let indices: Vec<Index> = outer.iter().cloned().chain([position]).collect();
    let loads: Vec<Local> = step
        .operands
        .iter()
        .map(|operand| {
            let address = builder.address(operand, &indices);
            let is_same = operand.strides.get(outer.len()).copied().unwrap_or(0) == 0;
            let load = if is_same { Operation::Splat(address) } else { Operation::Load(address) };
            builder.set(body, lanes, load)
        })
        .collect();
    let value = evaluate(builder, &step.expression, &loads, lanes, body);
    let to: Address = builder.address(&step.out, &indices);
    body.push(Statement::Store { local: value, to });
}

fn evaluate(
    builder: &mut Builder<'_>,
    expression: &Expression,
    loads: &[Local],
    lanes: Lanes,
    body: &mut Vec<Statement>,
) -> Local {
    match expression {
        Expression::Load(index) => match loads.get(*index) {
            Some(local) => *local,
            None => builder.set(body, lanes, Operation::Constant(0.0)),
        },
        Expression::Constant(value) => builder.set(body, lanes, Operation::Constant(*value)),
        Expression::Activation(activation, x) => {
            let x = evaluate(builder, x, loads, lanes, body);
            builder.activate(*activation, x, lanes, body)
        }
        Expression::Prelu(x, slope) => {
            let x = evaluate(builder, x, loads, lanes, body);
            let slope = evaluate(builder, slope, loads, lanes, body);
            builder.prelu(x, slope, lanes, body)
        }
        Expression::Binary(operator, left, right) => {
            let left = evaluate(builder, left, loads, lanes, body);
            let right = evaluate(builder, right, loads, lanes, body);
            builder.set(
                body,
                lanes,
                match operator {
                    Binary::Add => Operation::Add(left, right),
                    Binary::Subtract => Operation::Subtract(left, right),
                    Binary::Multiply => Operation::Multiply(left, right),
                    Binary::Divide => Operation::Divide(left, right),
                },
            )
        }
    }
}
