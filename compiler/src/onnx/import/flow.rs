//! What a model computes, in the operations of the language but not yet in its text: a list of steps in order.
//!
//! Invariant: a step reads only steps before it.

use super::constant::Constant;
use super::path::Path;
use super::size::Size;

/// A step by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StepId(pub(super) usize);

/// One operation and its result.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) operands: Vec<Operand>,
    pub(super) arguments: Vec<Argument>,
    pub(super) shape: Vec<Size>,
    pub(super) weights: Vec<Weight>,
    /// The instance, for steps with weights; found when all steps are known.
    pub(super) path: Path,
    /// Where the step stands by the file: for steps with weights the instance, for others the module around them.
    pub(super) scope: Scope,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// An input of the network, by its number.
    Input(usize),
    /// A learned tensor that belongs to no operation.
    Param,
    /// An operation of the language.
    Call(&'static str),
    /// `+`, `-`, `*` or `/`.
    Infix(char),
    /// `x[:, :8]`; the arguments are the subscripts.
    Slice,
    /// An operator that the language has only together with others; the last word is what it could be a part of.
    Part(&'static str, &'static str),
}

/// What a step reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Step(StepId),
    Number(f64),
}

/// A setting of an operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Argument {
    /// The parameter.
    pub(super) name: &'static str,
    pub(super) value: Literal,
    /// What it is where it is not given; `None` for one that must be given, which is written without its name.
    pub(super) default: Option<Literal>,
}

/// A value that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Whole(i64),
    Number(f64),
    Flag(bool),
    Word(String),
    List(Vec<Literal>),
    /// The batch.
    Batch,
    /// `:`, `4:8`, `::2` of a subscript.
    Range(Option<i64>, Option<i64>, Option<i64>),
    /// The second operand.
    Operand,
}

/// A learned tensor of a step.
#[derive(Debug, Clone)]
pub(super) struct Weight {
    /// The name behind that of the instance.
    pub(super) own: &'static str,
    pub(super) constant: Constant,
    /// Whether rows and columns change places.
    pub(super) transposed: bool,
    pub(super) shape: Vec<usize>,
}

/// Where a node stands in the program that the model was made from, as far as the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) path: Path,
    /// Whether the file says so; if not, the path is empty.
    pub(super) is_known: bool,
    /// The class of the instance at each prefix of the path, from the empty one on; may be shorter.
    pub(super) classes: Vec<String>,
    /// The node, for messages.
    pub(super) node: String,
    pub(super) operator: String,
}

impl Weight {
    pub(super) fn new(own: &'static str, constant: &Constant) -> Self {
        Weight { own, constant: constant.clone(), transposed: false, shape: constant.shape.clone() }
    }

    /// The matrix with rows and columns exchanged, if it is one.
    pub(super) fn transposed(own: &'static str, constant: &Constant) -> Option<Self> {
        let &[rows, columns] = constant.shape.as_slice() else { return None };
        Some(Weight { own, constant: constant.clone(), transposed: true, shape: vec![columns, rows] })
    }

    /// The elements as they are stored.
    pub(super) fn values(&self) -> Option<Vec<f32>> {
        let constant = if self.transposed { self.constant.permuted(&[1, 0])? } else { self.constant.clone() };
        Some(constant.numbers()?.to_vec())
    }
}

impl Literal {
    pub(super) fn whole(value: usize) -> Literal {
        Literal::Whole(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// One number for both directions, or one for each.
    pub(super) fn pair(values: [i64; 2]) -> Literal {
        match values {
            [height, width] if height == width => Literal::Whole(height),
            values => Literal::wholes(&values),
        }
    }

    pub(super) fn wholes(values: &[i64]) -> Literal {
        Literal::List(values.iter().map(|value| Literal::Whole(*value)).collect())
    }
}

impl Argument {
    /// One that has to be given, written by its place.
    pub(super) fn required(name: &'static str, value: Literal) -> Self {
        Argument { name, value, default: None }
    }

    /// One that is only written where it is not the default.
    pub(super) fn optional(name: &'static str, value: Literal, default: Literal) -> Self {
        Argument { name, value, default: Some(default) }
    }

    pub(super) fn is_default(&self) -> bool {
        self.default.as_ref() == Some(&self.value)
    }
}

impl Step {
    /// The steps it reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = StepId> {
        self.operands.iter().filter_map(|operand| match operand {
            Operand::Step(id) => Some(*id),
            Operand::Number(_) => None,
        })
    }

    pub(super) fn first(&self) -> Option<StepId> {
        self.reads().next()
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Literal> {
        self.arguments.iter().find(|argument| argument.name == name).map(|argument| &argument.value)
    }

    pub(super) fn weight(&self, own: &str) -> Option<&Weight> {
        self.weights.iter().find(|weight| weight.own == own)
    }

    pub(super) fn is(&self, call: &str) -> bool {
        matches!(self.operation, Operation::Call(name) if name == call)
    }
}
