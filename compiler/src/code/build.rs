//! Building blocks: variables, locals, addresses, and arithmetic on indices that stays small.

use super::{Address, Base, Index, Lanes, Local, Machine, Operation, Routine, Statement, Variable};
use crate::plan::step::Operand;
use crate::plan::view::Place;
use crate::plan::{BufferId, Plan};

impl Index {
    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Index) -> Index {
        match (self, other) {
            (Index::Constant(0), other) | (other, Index::Constant(0)) => other,
            (Index::Constant(a), Index::Constant(b)) => Index::Constant(a + b),
            (Index::Sum(mut terms), Index::Sum(more)) => {
                terms.extend(more);
                Index::Sum(terms)
            }
            (Index::Sum(mut terms), term) | (term, Index::Sum(mut terms)) => {
                terms.push(term);
                Index::Sum(terms)
            }
            (a, b) => Index::Sum(vec![a, b]),
        }
    }

    /// The product with a number that no loop changes.
    #[must_use]
    pub fn times(self, factor: impl Into<Index>) -> Index {
        match (self, factor.into()) {
            (Index::Constant(0), _) | (_, Index::Constant(0)) => Index::Constant(0),
            (index, Index::Constant(1)) | (Index::Constant(1), index) => index,
            (Index::Constant(value), Index::Constant(factor)) => Index::Constant(value * factor),
            (index, factor) => Index::Multiple(Box::new(index), Box::new(factor)),
        }
    }

    /// The difference to another that is not larger.
    #[must_use]
    pub fn minus(self, other: Index) -> Index {
        match (self, other) {
            (index, Index::Constant(0)) => index,
            (Index::Constant(a), Index::Constant(b)) => Index::Constant(a.saturating_sub(b)),
            (a, b) => Index::Difference(Box::new(a), Box::new(b)),
        }
    }

    /// The quotient by a number that no loop changes, rounded down.
    #[must_use]
    pub fn over(self, divisor: impl Into<Index>) -> Index {
        match (self, divisor.into()) {
            (index, Index::Constant(0 | 1)) => index,
            (Index::Constant(value), Index::Constant(divisor)) => Index::Constant(value / divisor),
            (index, divisor) => Index::Quotient(Box::new(index), Box::new(divisor)),
        }
    }

    /// The quotient, rounded up.
    #[must_use]
    pub fn over_up(self, divisor: impl Into<Index>) -> Index {
        match (self, divisor.into()) {
            (index, Index::Constant(0 | 1)) => index,
            (Index::Constant(value), Index::Constant(divisor)) => Index::Constant(value.div_ceil(divisor)),
            (index, divisor) => Index::QuotientUp(Box::new(index), Box::new(divisor)),
        }
    }

    /// What division by a number that no loop changes leaves.
    #[must_use]
    pub fn modulo(self, divisor: impl Into<Index>) -> Index {
        match (self, divisor.into()) {
            (_, Index::Constant(0 | 1)) => Index::Constant(0),
            (Index::Constant(value), Index::Constant(divisor)) => Index::Constant(value % divisor),
            (index, divisor) => Index::Remainder(Box::new(index), Box::new(divisor)),
        }
    }

    /// The smaller of two.
    #[must_use]
    pub fn min(self, other: Index) -> Index {
        match (self, other) {
            (Index::Constant(0), _) | (_, Index::Constant(0)) => Index::Constant(0),
            (Index::Constant(a), Index::Constant(b)) => Index::Constant(a.min(b)),
            (a, b) => Index::Minimum(Box::new(a), Box::new(b)),
        }
    }

    /// The larger of two.
    #[must_use]
    pub fn max(self, other: Index) -> Index {
        match (self, other) {
            (Index::Constant(0), index) | (index, Index::Constant(0)) => index,
            (Index::Constant(a), Index::Constant(b)) => Index::Constant(a.max(b)),
            (a, b) => Index::Maximum(Box::new(a), Box::new(b)),
        }
    }
}

impl From<Variable> for Index {
    fn from(variable: Variable) -> Self {
        Index::Variable(variable)
    }
}

impl From<usize> for Index {
    fn from(value: usize) -> Self {
        Index::Constant(value)
    }
}

impl Address {
    /// The address so many elements behind.
    #[must_use]
    pub fn plus(self, offset: impl Into<Index>) -> Address {
        Address { base: self.base, offset: self.offset.plus(offset.into()) }
    }

    /// An address in the thread's own memory.
    #[must_use]
    pub fn scratch(offset: usize) -> Address {
        Address { base: Base::Scratch, offset: Index::Constant(offset) }
    }
}

/// A line buffer in the scratch memory.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// Where it begins.
    pub offset: usize,
    /// The row of the image that it begins with.
    pub row: Index,
    /// The first pixel of that row, counted from the first of the image.
    pub pixel: Index,
}

/// Makes one routine.
#[derive(Debug)]
pub(super) struct Builder<'p> {
    pub plan: &'p Plan,
    /// The line buffers of the cascade that the step is, or the scores of the attention that it is, as they are for the unit that code is made for.
    pub lines: Vec<Lines>,
    /// See [`Routine::in_runs`].
    pub in_runs: bool,
    /// In how many parts the step is done: the first of its outer dimensions, if not 1. Their units follow each other, part by part.
    pub parts: usize,
    variables: usize,
    locals: Vec<Lanes>,
}

impl<'p> Builder<'p> {
    /// The builder of the code of a step.
    pub fn new(plan: &'p Plan, step: usize) -> Self {
        Builder {
            plan,
            lines: Vec::new(),
            in_runs: false,
            parts: plan.parts(step),
            variables: Variable::END.0 + 1,
            locals: Vec::new(),
        }
    }

    pub fn finish(self, name: String, units: Index, body: Vec<Statement>) -> Routine {
        Routine { name, units, in_runs: self.in_runs, variables: self.variables, locals: self.locals, body }
    }

    pub fn variable(&mut self) -> Variable {
        let variable = Variable(self.variables);
        self.variables += 1;
        variable
    }

    pub fn local(&mut self, lanes: Lanes) -> Local {
        self.locals.push(lanes);
        Local(self.locals.len() - 1)
    }

    /// Sets a new local.
    pub fn set(&mut self, body: &mut Vec<Statement>, lanes: Lanes, operation: Operation) -> Local {
        let local = self.local(lanes);
        body.push(Statement::Set { local, operation });
        local
    }

    /// A loop whose body `fill` writes.
    pub fn repeat(
        &mut self,
        from: impl Into<Index>,
        to: impl Into<Index>,
        by: impl Into<Index>,
        fill: impl FnOnce(&mut Self, Variable, &mut Vec<Statement>),
    ) -> Statement {
        let variable = self.variable();
        let mut body = Vec::new();
        fill(self, variable, &mut body);
        Statement::For { variable, from: from.into(), to: to.into(), by: by.into(), body }
    }

    /// Sets a new variable, but for a constant.
    pub fn bind(&mut self, value: Index, body: &mut Vec<Statement>) -> Index {
        if let Index::Constant(_) | Index::Size(_) | Index::Variable(_) = value {
            return value;
        }
        let variable = self.variable();
        body.push(Statement::Let { variable, value });
        variable.into()
    }

    /// The loop over the units of a call.
    pub fn units(&mut self, fill: impl FnOnce(&mut Self, Variable, &mut Vec<Statement>)) -> Vec<Statement> {
        vec![self.repeat(Variable::BEGIN, Variable::END, 1, fill)]
    }

    /// Takes a number apart into indices of dimensions, the last of which runs fastest; sets a variable for each.
    pub fn unravel(&mut self, number: Variable, dims: &[Index], body: &mut Vec<Statement>) -> Vec<Index> {
        let mut inner = Index::Constant(1);
        let mut indices: Vec<Index> = Vec::with_capacity(dims.len());
        let outermost = dims.iter().position(|size| *size != Index::Constant(1));
        for (position, size) in dims.iter().enumerate().rev() {
            let quotient = Index::from(number).over(inner.clone());
            // The outermost needs no remainder: the number is smaller than the product.
            let value = if outermost == Some(position) { quotient } else { quotient.modulo(size.clone()) };
            indices.push(self.bind(value, body));
            inner = inner.times(size.clone());
        }
        indices.reverse();
        indices
    }

    /// How many of the outer dimensions, the first of them, stay outermost in the order of units: that of the parts that the step is done in.
    pub fn apart(&self) -> usize {
        usize::from(self.parts > 1)
    }

    /// The address of an operand at these outer indices.
    pub fn address(&self, operand: &Operand, outer: &[Index]) -> Address {
        let (base, start) = self.start(operand);
        let moved = outer.iter().zip(&operand.strides).map(|(index, stride)| index.clone().times(*stride));
        Address { base, offset: moved.fold(start, Index::plus) }
    }

    /// The address of a row of an operand whose rows are so far apart: a pixel, if it is an image.
    pub fn row(&self, operand: &Operand, outer: &[Index], row: Index, stride: Index) -> Address {
        let row = match self.lines_of(operand) {
            Some(lines) => row.minus(lines.pixel.clone()),
            None => row,
        };
        self.address(operand, outer).plus(row.times(stride))
    }

    /// The line buffer that an operand lies in, if it does.
    pub fn lines_of(&self, operand: &Operand) -> Option<&Lines> {
        match operand.place {
            Place::Lines(index) => self.lines.get(index),
            _ => None,
        }
    }

    /// The address of panels that lie one matrix after the other.
    pub fn panels(&self, operand: &Operand, outer: &[Index], length: &Index) -> Address {
        let (base, start) = self.start(operand);
        let matrices = |stride: usize| stride / length.value().unwrap_or(1).max(1);
        let moved = outer.iter().zip(&operand.strides);
        let moved = moved.map(|(index, stride)| index.clone().times(matrices(*stride)).times(length.clone()));
        Address { base, offset: moved.fold(start, Index::plus) }
    }

    /// Where an operand begins.
    fn start(&self, operand: &Operand) -> (Base, Index) {
        let buffer = |id: BufferId| self.plan.buffers.get(id.index()).map_or(0, |buffer| buffer.offset);
        let constant = |start: usize| Index::Constant(start + operand.offset);
        match operand.place {
            Place::Buffer(id) => (Base::Arena, constant(buffer(id))),
            Place::Weights => (Base::Weights, self.content(operand.offset)),
            Place::Input(index) => (Base::Input(index), constant(0)),
            Place::Output(index) => (Base::Output(index), constant(0)),
            Place::Lines(_) => (Base::Scratch, constant(self.lines_of(operand).map_or(0, |lines| lines.offset))),
        }
    }

    /// A place in the prepared weights: what stands there, and how far into it.
    fn content(&self, offset: usize) -> Index {
        let contents = &self.plan.weights.preparation.contents;
        let behind = contents.partition_point(|prepared| prepared.offset <= offset);
        match behind.checked_sub(1).and_then(|index| Some((index, contents.get(index)?))) {
            Some((index, prepared)) => {
                Index::Machine(Machine::Content(index), prepared.offset).plus((offset - prepared.offset).into())
            }
            None => offset.into(),
        }
    }
}
