//! The syntax tree: what the author wrote, with a span on everything and no meaning attached.
//!
//! In: built by [`crate::parse()`] alone. Out: read by the compiler's resolver and elaborator, printed by
//! `pnetc build --emit ast`. Invariant: nesting never exceeds [`crate::limits::MAX_NESTING`], so that recursion over the tree is safe.

use crate::source::Span;

/// An identifier where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The identifier.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One `.pnet` text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// Its items in order. Items that could not be parsed are left out; their errors were reported.
    pub items: Vec<Item>,
}

/// A top-level definition with its doc comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The `///` lines above it without the slashes and one leading space, joined by newlines; empty if there are none.
    pub docs: String,
    /// What is defined.
    pub kind: ItemKind,
    /// From the keyword to the end.
    pub span: Span,
}

/// What an [`Item`] defines.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// `use "blocks/ghost.pnet"`: every definition of that file, by name.
    Use(Use),
    /// `const STAGES = [...]`.
    Const(Const),
    /// `fn scaled(channels, width) = ...` or `fn f(x) { ... return ... }`.
    Fn(Fn),
    /// `module Ghost(x, out) { ... }`.
    Module(Module),
    /// `network Net(width = 1.0) { ... }`.
    Network(Network),
    /// `budget Net { macs <= 600M, params <= 35M }`.
    Budget(Budget),
}

/// `use "path"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The path as written.
    pub path: String,
    /// The string literal.
    pub path_span: Span,
}

/// `const NAME = value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Const {
    /// What it is called.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// A parameter of a function, module or network.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// What it is called.
    pub name: Name,
    /// Its default, evaluated where the callee is defined, with the parameters before it in scope.
    pub default: Option<Expr>,
}

/// A function: evaluated at compile time, not an instance of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Fn {
    /// What it is called.
    pub name: Name,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: FnBody,
}

/// The body of a [`Fn`].
#[derive(Debug, Clone, PartialEq)]
pub enum FnBody {
    /// `= expression`.
    Expr(Expr),
    /// `{ statements; return ... }`.
    Block(Block),
}

/// A module: each call is an instance with weights of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// What it is called.
    pub name: Name,
    /// Its parameters; by convention the first is the tensor that `|>` passes.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: Block,
}

/// A network: an entry point with inputs and hyper-parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What it is called.
    pub name: Name,
    /// Its hyper-parameters; all have defaults or must be set from outside.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: Block,
}

/// `budget Target { limits }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// The network or module that it binds.
    pub target: Name,
    /// Its limits in order.
    pub limits: Vec<Limit>,
}

/// One line of a budget: `macs(paper) <= 600M`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What is counted: `macs`, `params`, ….
    pub metric: Name,
    /// The counting convention in parentheses, if given.
    pub preset: Option<Name>,
    /// `<=` or `<`.
    pub comparison: Comparison,
    /// The bound.
    pub bound: Expr,
    /// The whole line.
    pub span: Span,
}

/// How a [`Limit`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `<`
    Below,
}

/// `{ statements }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The statements in order.
    pub statements: Vec<Statement>,
    /// From `{` to `}`.
    pub span: Span,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// All of it.
    pub span: Span,
}

/// What a [`Statement`] does.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// `input image: f32[batch, 3, 224, 224]`.
    Input {
        /// What it is called.
        name: Name,
        /// The element type.
        dtype: Name,
        /// Its dimensions; `batch` is in scope.
        shape: Vec<Expr>,
    },
    /// `let pattern = value`: new names in this block.
    Let {
        /// What is bound.
        pattern: Pattern,
        /// To what.
        value: Expr,
    },
    /// `name = value`: re-assignment of a name in scope.
    Assign {
        /// The name.
        name: Name,
        /// Its new value.
        value: Expr,
    },
    /// `for index, pattern in iterable { ... }`; the index part may be missing.
    For {
        /// The running index from 0.
        index: Option<Pattern>,
        /// What each element is bound to.
        pattern: Pattern,
        /// A list or a range.
        iterable: Expr,
        /// The body.
        body: Block,
    },
    /// `if a { ... } else if b { ... } else { ... }`.
    If {
        /// Conditions with their blocks, in order.
        branches: Vec<(Expr, Block)>,
        /// The last `else`.
        otherwise: Option<Block>,
    },
    /// `return value` or `return name = value, name = value`.
    Return(Vec<ReturnValue>),
}

/// One value of a `return`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnValue {
    /// The name of a network's output, where one is given.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// What `let` and `for` bind.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// A new name.
    Name(Name),
    /// `_`: the value is dropped.
    Ignore(Span),
    /// `(a, (b, c))`: a tuple or list of exactly that many elements.
    Tuple(Vec<Pattern>, Span),
}

impl Pattern {
    /// Where the pattern stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Pattern::Name(name) => name.span,
            Pattern::Ignore(span) | Pattern::Tuple(_, span) => *span,
        }
    }
}

/// An expression with its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it, without parentheses around it; those around its operands belong to it.
    pub span: Span,
}

/// What an [`Expr`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `224`, `600M`, `1_000`: suffixes K, M and G are powers of 1,000.
    Int(i64),
    /// `0.25`, `1e-5`.
    Float(f64),
    /// `"text"`.
    Str(String),
    /// `true`, `false`.
    Bool(bool),
    /// A name in scope.
    Name(String),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `(a, b)`, `(a,)`.
    Tuple(Vec<Expr>),
    /// `[element for pattern in iterable if condition ...]`.
    Comprehension {
        /// Evaluated once per combination.
        element: Box<Expr>,
        /// The loops, outermost first.
        clauses: Vec<Clause>,
    },
    /// `-a`, `!a`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `a + b`.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Where the operator stands.
        operator_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `a..b` or `a..=b`.
    Range {
        /// The first value.
        start: Box<Expr>,
        /// The end.
        end: Box<Expr>,
        /// Whether the end belongs to it (`..=`).
        inclusive: bool,
    },
    /// `if a { x } else { y }` as a value; `else` is required.
    If {
        /// Conditions with their values, in order.
        branches: Vec<(Expr, ValueBlock)>,
        /// The value of the last `else`.
        otherwise: Box<ValueBlock>,
    },
    /// `callee(arguments)`.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// With what.
        arguments: Vec<Argument>,
    },
    /// `first |> stage |> stage`: each stage is a call, which receives the value so far as its first argument, or any
    /// other expression, which is called with that value alone.
    Pipeline {
        /// The value that enters.
        first: Box<Expr>,
        /// The stages in order, each possibly [`ExprKind::Named`].
        stages: Vec<Expr>,
    },
    /// `call as path`: names the instance that the call makes.
    Named {
        /// The call.
        value: Box<Expr>,
        /// The name.
        path: InstancePath,
    },
    /// `base[subscripts]`.
    Index {
        /// A list, tuple or tensor.
        base: Box<Expr>,
        /// One per dimension.
        subscripts: Vec<Subscript>,
    },
    /// `base.name`.
    Attribute {
        /// A tensor.
        base: Box<Expr>,
        /// Its property.
        name: Name,
    },
}

/// `for index, pattern in iterable if condition` inside a comprehension.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// The running index from 0.
    pub index: Option<Pattern>,
    /// What each element is bound to.
    pub pattern: Pattern,
    /// A list or a range.
    pub iterable: Expr,
    /// Elements for which one of these is false are skipped.
    pub conditions: Vec<Expr>,
}

/// `{ statements value }`: the arm of an `if` expression.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueBlock {
    /// Statements before the value (`let`, mostly).
    pub statements: Vec<Statement>,
    /// The value.
    pub value: Expr,
}

/// An argument of a call: `value` or `name=value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The parameter, for a keyword argument.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
}

/// One entry between the brackets of an [`ExprKind::Index`].
#[derive(Debug, Clone, PartialEq)]
pub enum Subscript {
    /// `x[i]`: one element; the dimension goes away.
    At(Expr),
    /// `x[start:end:step]`, each part optional.
    Slice {
        /// The first index.
        start: Option<Expr>,
        /// One past the last index.
        end: Option<Expr>,
        /// Every how-many-th.
        step: Option<Expr>,
        /// All of it.
        span: Span,
    },
}

impl Subscript {
    /// Where the subscript stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Subscript::At(expr) => expr.span,
            Subscript::Slice { span, .. } => *span,
        }
    }
}

/// `blocks[s][b].conv` after `as`.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePath {
    /// Names and indices in order, at least one.
    pub segments: Vec<PathSegment>,
    /// All of it.
    pub span: Span,
}

/// One part of an [`InstancePath`].
#[derive(Debug, Clone, PartialEq)]
pub enum PathSegment {
    /// `blocks`.
    Name(Name),
    /// `[s]`: an integer known at compile time.
    Index(Expr),
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; `symbol` gives the text")]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl BinaryOperator {
    /// The operator as it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Remainder => "%",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEqual => ">=",
            BinaryOperator::And => "&&",
            BinaryOperator::Or => "||",
        }
    }
}
