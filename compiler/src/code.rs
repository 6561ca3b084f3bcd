//! Code: loops around kernels and vector arithmetic, the last form before a back end.
//!
//! In: a [`Plan`]. Out: a [`Routine`] per step: loops with constant bounds, calls of kernels at affine addresses, and
//! arithmetic on vectors of four lanes. Everything is decided here, so that a back end only writes down what it reads: one
//! instruction or line of source for each statement.
//!
//! A routine works on *units*, numbered from 0; threads share them. Two units never write the same element, and what a unit
//! computes does not depend on who computes it: a unit may use what the one before it left in the scratch memory of the same call, or else
//! computes that anew, to the same bits.

mod activation;
mod attention;
mod build;
mod cascade;
mod elementwise;
mod experts;
mod matmul;
pub(crate) mod steps;

use std::fmt;

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{
    GroupedShape, Kernel, MatmulShape, NormShape, PoolShape, ResampleShape, SoftmaxShape, StripShape,
    WinogradInputShape, WinogradOutputShape,
};

use crate::plan::Plan;

/// A whole number that loops change; prints as `i2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(pub usize);

impl Variable {
    /// The first unit of a call of a routine.
    pub const BEGIN: Variable = Variable(0);
    /// One past the last.
    pub const END: Variable = Variable(1);
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Variable::BEGIN => f.write_str("begin"),
            Variable::END => f.write_str("end"),
            Variable(index) => write!(f, "i{index}"),
        }
    }
}

/// A number or vector that arithmetic works on; prints as `v7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Local(pub usize);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A number that the instruction set or the number of threads decides. All else in a routine is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// The columns of a full panel.
    Width,
    /// Of the [`Blocking`](parameternet_runtime::blocking::Blocking) of the step, which is a matrix product.
    RowsPerUnit,
    /// Likewise.
    PanelsPerUnit,
    /// Likewise.
    RowsPerBlock,
    /// In the body for the rest of a [`Statement::Panels`]: how many columns are left for the last panel.
    RestColumns,
    /// Likewise: the distance between rows of that panel.
    RestWidth,
    /// The length of all panels of a matrix.
    PanelsLength {
        /// Its rows.
        depth: usize,
        /// Its columns.
        columns: usize,
        /// What its numbers are stored as.
        dtype: Dtype,
    },
    /// The length of a full panel of a matrix.
    PanelLength {
        /// Its rows.
        depth: usize,
        /// What its numbers are stored as.
        dtype: Dtype,
    },
    /// What the panels of a unit of the step take of the scratch memory.
    PanelScratch,
    /// Where something of the prepared weights begins: an index of
    /// [`Preparation::contents`](parameternet_runtime::prepare::Preparation::contents).
    Content(usize),
}

/// A whole number, never negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// A constant.
    Constant(usize),
    /// A constant that the form of the code does not depend on: code that differs in it alone looks the same.
    Size(usize),
    /// A number that depends on the machine, and its value for the machine of the plan.
    Machine(Machine, usize),
    /// A variable.
    Variable(Variable),
    /// A sum.
    Sum(Vec<Index>),
    /// A product; no loop changes the second factor.
    Multiple(Box<Index>, Box<Index>),
    /// The first less the second, which is not larger.
    Difference(Box<Index>, Box<Index>),
    /// Divided by a number that no loop changes, rounded down.
    Quotient(Box<Index>, Box<Index>),
    /// Divided by a number that no loop changes, rounded up.
    QuotientUp(Box<Index>, Box<Index>),
    /// What division by such a number leaves.
    Remainder(Box<Index>, Box<Index>),
    /// The smaller.
    Minimum(Box<Index>, Box<Index>),
    /// The larger.
    Maximum(Box<Index>, Box<Index>),
}

/// What an address is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Base {
    /// The arena of the session.
    Arena,
    /// The memory that the thread has for itself.
    Scratch,
    /// The prepared weights.
    Weights,
    /// An input.
    Input(usize),
    /// An output.
    Output(usize),
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Base::Arena => f.write_str("arena"),
            Base::Scratch => f.write_str("scratch"),
            Base::Weights => f.write_str("weights"),
            Base::Input(index) => write!(f, "in{index}"),
            Base::Output(index) => write!(f, "out{index}"),
        }
    }
}

/// The address of an `f32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What it is counted from.
    pub base: Base,
    /// By how many `f32`s.
    pub offset: Index,
}

/// An argument of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A pointer.
    Address(Address),
    /// A pointer that need not lie where anything does: to what is fetched alone, or read only if it is there.
    Fetched(Address),
    /// No pointer.
    Null,
    /// A number.
    Index(Index),
    /// A constant structure.
    Shape(Shape),
}

/// A constant structure that a kernel reads.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the types say it")]
pub enum Shape {
    /// The columns of the shape are those of a full panel, or what is left for the last one.
    Matmul(MatmulShape, Panel),
    Strip(StripShape),
    Grouped(GroupedShape),
    Pool(PoolShape),
    Resample(ResampleShape),
    Softmax(SoftmaxShape),
    Norm(NormShape),
    WinogradInput(WinogradInputShape),
    WinogradOutput(WinogradOutputShape),
}

/// A panel of a matrix product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Panel {
    /// As wide as the register tile.
    Full,
    /// With the columns that are left.
    Rest,
}

/// How many lanes arithmetic works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lanes {
    /// One number.
    One,
    /// A vector of four.
    Four,
}

impl Lanes {
    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Lanes::One => 1,
            Lanes::Four => 4,
        }
    }
}

/// What a local is set to; all operands have as many lanes as the result.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Neighbours in memory, one per lane.
    Load(Address),
    /// One number in every lane.
    Splat(Address),
    /// A constant in every lane.
    Constant(f32),
    /// The sum.
    Add(Local, Local),
    /// The difference.
    Subtract(Local, Local),
    /// The product.
    Multiply(Local, Local),
    /// The quotient.
    Divide(Local, Local),
    /// `a * b + c`, rounded once where the instruction set has that, else twice.
    MultiplyAdd(Local, Local, Local),
    /// The first if it is smaller, else the second: the second if either is NaN.
    Minimum(Local, Local),
    /// The first if it is larger, else the second: the second if either is NaN.
    Maximum(Local, Local),
    /// The third where the first is greater than the second, else the fourth.
    SelectGreater(Local, Local, Local, Local),
    /// The bits moved left, zeros coming in.
    ShiftLeft(Local, u8),
    /// One lane of a vector.
    Lane(Local, u8),
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Runs the body for `from`, `from + by`, … below `to`.
    For {
        /// The variable that counts.
        variable: Variable,
        /// The first value.
        from: Index,
        /// The end, which is not reached.
        to: Index,
        /// The step, which no loop changes.
        by: Index,
        /// What is repeated.
        body: Vec<Statement>,
    },
    /// Runs a body for each of some panels of a matrix that is cut into panels as wide as the register tile: one body for
    /// the full ones, then one for the last, if it has fewer columns. A body that no machine needs is empty.
    Panels {
        /// The variable that counts panels.
        variable: Variable,
        /// The first panel.
        from: Index,
        /// The end, which is not reached.
        to: Index,
        /// The columns of the whole matrix.
        columns: usize,
        /// For panels that are as wide as the register tile.
        full: Vec<Statement>,
        /// For the last panel, with the columns that are left: it does the same to fewer columns.
        rest: Vec<Statement>,
    },
    /// Sets a variable.
    Let {
        /// The variable.
        variable: Variable,
        /// Its value.
        value: Index,
    },
    /// Calls a kernel.
    Call {
        /// Which.
        kernel: Kernel,
        /// As many as [`Kernel::arity`] says.
        arguments: Vec<Argument>,
    },
    /// Sets a local.
    Set {
        /// Which.
        local: Local,
        /// To what.
        operation: Operation,
    },
    /// Writes a local to memory.
    Store {
        /// Which.
        local: Local,
        /// Where its first lane goes; the others follow.
        to: Address,
    },
}

/// The code of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Routine {
    /// A name for dumps.
    pub name: String,
    /// How many units of work there are; no variable is in it.
    pub units: Index,
    /// Whether units use what the one before them left, if it was done by the same call.
    pub in_runs: bool,
    /// How many variables are used, [`Variable::BEGIN`] and [`Variable::END`] among them.
    pub variables: usize,
    /// By local: its lanes.
    pub locals: Vec<Lanes>,
    /// What is done for the units from [`Variable::BEGIN`] to [`Variable::END`].
    pub body: Vec<Statement>,
}

impl Index {
    /// The value for the machine of the plan, if no variable is in it.
    #[must_use]
    pub fn value(&self) -> Option<usize> {
        let both = |left: &Index, right: &Index| Some((left.value()?, right.value()?));
        match self {
            Index::Constant(value) | Index::Size(value) | Index::Machine(_, value) => Some(*value),
            Index::Variable(_) => None,
            Index::Sum(terms) => terms.iter().map(Index::value).sum(),
            Index::Multiple(left, right) => both(left, right).map(|(left, right)| left * right),
            Index::Difference(left, right) => both(left, right).map(|(left, right)| left.saturating_sub(right)),
            Index::Quotient(left, right) => both(left, right).map(|(left, right)| left / right.max(1)),
            Index::QuotientUp(left, right) => both(left, right).map(|(left, right)| left.div_ceil(right.max(1))),
            Index::Remainder(left, right) => both(left, right).map(|(left, right)| left % right.max(1)),
            Index::Minimum(left, right) => both(left, right).map(|(left, right)| left.min(right)),
            Index::Maximum(left, right) => both(left, right).map(|(left, right)| left.max(right)),
        }
    }
}

impl Statement {
    /// The statements that it runs, in the order of the code.
    #[must_use]
    pub fn bodies(&self) -> [&[Statement]; 2] {
        match self {
            Statement::For { body, .. } => [body, &[]],
            Statement::Panels { full, rest, .. } => [full, rest],
            Statement::Let { .. } | Statement::Call { .. } | Statement::Set { .. } | Statement::Store { .. } => {
                [&[], &[]]
            }
        }
    }

    /// This statement and all below it, in the order of the code.
    pub fn visit<'s>(&'s self, visit: &mut impl FnMut(&'s Statement)) {
        visit(self);
        for statement in self.bodies().into_iter().flatten() {
            statement.visit(visit);
        }
    }
}

impl Routine {
    /// Every statement, in the order of the code.
    pub fn visit<'r>(&'r self, mut visit: impl FnMut(&'r Statement)) {
        for statement in &self.body {
            statement.visit(&mut visit);
        }
    }

    /// How many units of work there are on the machine of the plan.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.units.value().unwrap_or(0)
    }
}

/// The code of every step of a plan, in order.
#[must_use]
pub fn generate(plan: &Plan) -> Vec<Routine> {
    plan.steps.iter().enumerate().map(|(index, step)| steps::routine(plan, index, step)).collect()
}

#[cfg(test)]
mod tests;
