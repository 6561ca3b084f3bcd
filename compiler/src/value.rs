//! What expressions evaluate to at compile time.

use std::fmt;
use std::rc::Rc;

use parameternet_dsl::source::Span;

use crate::elaborate::builtin::Builtin;
use crate::graph::NodeId;
use crate::op::Definition;
use crate::program::ItemRef;

/// A compile-time value. Tensors are nodes of the graph under construction; all else is known in full.
#[derive(Debug, Clone)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// A number that is not an integer.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Text.
    Str(Rc<str>),
    /// A word that some operation takes as a setting: `same`, `bilinear`, ….
    Symbol(&'static str),
    /// `[a, b]`.
    List(Rc<Sequence>),
    /// `(a, b)`.
    Tuple(Rc<Sequence>),
    /// `start..end`, empty when `end <= start`.
    Range(i64, i64),
    /// A node of the graph.
    Tensor(NodeId),
    /// An operation, function or module, possibly with settings already given.
    Callable(Rc<Callable>),
    /// The result of something that failed and was reported; using it is silent.
    Poison,
}

/// Something that can be called.
#[derive(Debug, Clone)]
pub enum Callable {
    /// An operation of the language, or the settings of a routing.
    Operation(&'static Definition),
    /// A function that computes with compile-time values.
    Builtin(&'static Builtin),
    /// A `fn`, `module` or `network` of the program.
    Item(ItemRef),
    /// A callable with keyword arguments that waits for its first argument: `leaky_relu(slope=0.1)`.
    Partial(Partial),
}

/// See [`Callable::Partial`].
#[derive(Debug, Clone)]
pub struct Partial {
    /// What will be called; not itself a partial.
    pub callee: Rc<Callable>,
    /// The keyword arguments so far.
    pub given: Vec<Given>,
    depth: usize,
}

impl Partial {
    /// `callee` with these arguments already given.
    #[must_use]
    pub fn new(callee: Rc<Callable>, given: Vec<Given>) -> Self {
        let depth = 1 + given.iter().map(|argument| argument.value.depth()).max().unwrap_or(0);
        Partial { callee, given, depth }
    }
}

/// The elements of a list or tuple.
#[derive(Debug, Clone)]
pub struct Sequence {
    values: Box<[Value]>,
    depth: usize,
    /// See [`Value::work`].
    work: u64,
}

impl Sequence {
    /// A sequence of these values.
    #[must_use]
    pub fn new(values: Vec<Value>) -> Self {
        let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
        let work = values.iter().map(Value::work).fold(values.len() as u64, u64::saturating_add);
        Sequence { values: values.into(), depth, work }
    }
}

impl std::ops::Deref for Sequence {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// An argument as the author gave it.
#[derive(Debug, Clone)]
pub struct Given {
    /// The parameter and where it is named, for a keyword argument.
    pub name: Option<(Rc<str>, Span)>,
    /// The value.
    pub value: Value,
    /// Where the value stands.
    pub span: Span,
}

impl Value {
    /// A list of these values.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Value {
        Value::List(Rc::new(Sequence::new(values.into_iter().collect())))
    }

    /// A tuple of these values.
    pub fn tuple(values: impl IntoIterator<Item = Value>) -> Value {
        Value::Tuple(Rc::new(Sequence::new(values.into_iter().collect())))
    }

    /// How deep values nest in this one. The elaborator bounds it, so that recursion over values is safe.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Value::List(values) | Value::Tuple(values) => values.depth,
            Value::Callable(callable) => match &**callable {
                Callable::Partial(partial) => partial.depth,
                Callable::Operation(_) | Callable::Builtin(_) | Callable::Item(_) => 0,
            },
            Value::Int(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Str(_)
            | Value::Symbol(_)
            | Value::Range(..)
            | Value::Tensor(_)
            | Value::Poison => 0,
        }
    }

    /// A list of integers.
    pub fn ints(values: impl IntoIterator<Item = usize>) -> Value {
        Value::list(values.into_iter().map(|value| Value::Int(i64::try_from(value).unwrap_or(i64::MAX))))
    }

    /// The kind of the value in a few words with an article, for error messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Str(_) => "a string",
            Value::Symbol(_) => "a word",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Range(..) => "a range",
            Value::Tensor(_) => "a tensor",
            Value::Callable(callable) => match &**callable {
                Callable::Operation(_) => "an operation",
                Callable::Builtin(_) => "a function",
                Callable::Item(_) => "a function or module",
                Callable::Partial(_) => "an operation that waits for its input",
            },
            Value::Poison => "an unknown value",
        }
    }

    /// The value as a number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "numbers past 2^53 are rounded, as in every float context")]
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements of a list, tuple or range.
    #[must_use]
    pub fn elements(&self) -> Option<Elements<'_>> {
        match self {
            Value::List(values) | Value::Tuple(values) => Some(Elements::Slice(values.iter())),
            Value::Range(start, end) => Some(Elements::Range(*start..*end)),
            _ => None,
        }
    }

    /// How much work it is to go through the value: its elements, theirs, and so on.
    #[must_use]
    pub fn work(&self) -> u64 {
        match self {
            Value::List(values) | Value::Tuple(values) => values.work,
            other => other.length().unwrap_or(0) as u64,
        }
    }

    /// The number of elements of a list, tuple or range.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        match self {
            Value::List(values) | Value::Tuple(values) => Some(values.len()),
            Value::Range(start, end) => Some(usize::try_from(end.saturating_sub(*start)).unwrap_or(0)),
            _ => None,
        }
    }
}

/// Iterates over the elements of a list, tuple or range without making the range.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// Of a list or tuple.
    Slice(std::slice::Iter<'a, Value>),
    /// Of a range.
    Range(std::ops::Range<i64>),
}

impl Iterator for Elements<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        match self {
            Elements::Slice(values) => values.next().cloned(),
            Elements::Range(range) => range.next().map(Value::Int),
        }
    }
}

impl Callable {
    /// The name under which an operation or builtin is known; `None` for items of the program.
    #[must_use]
    pub fn builtin_name(&self) -> Option<&'static str> {
        match self {
            Callable::Operation(definition) => Some(definition.name),
            Callable::Builtin(builtin) => Some(builtin.name),
            Callable::Item(_) => None,
            Callable::Partial(partial) => partial.callee.builtin_name(),
        }
    }
}

/// Shows a value as it would be written; long lists and deep nesting are cut.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self, 3, f)
    }
}

/// Writes `value` with at most `levels` of nesting.
fn show(value: &Value, levels: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 8;
    const SHOWN_CHARACTERS: usize = 60;
    let sequence = |f: &mut fmt::Formatter<'_>, values: &[Value]| {
        if levels == 0 && !values.is_empty() {
            return f.write_str("…");
        }
        for (index, value) in values.iter().take(SHOWN).enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            show(value, levels - 1, f)?;
        }
        if values.len() > SHOWN { f.write_str(", …") } else { Ok(()) }
    };
    match value {
        Value::Int(value) => write!(f, "{value}"),
        Value::Float(value) => write!(f, "{value:?}"),
        Value::Bool(value) => write!(f, "{value}"),
        Value::Str(text) if text.chars().count() > SHOWN_CHARACTERS => {
            let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
            write!(f, "{start:?}…")
        }
        Value::Str(text) => write!(f, "{text:?}"),
        Value::Symbol(word) => f.write_str(word),
        Value::List(values) => {
            f.write_str("[")?;
            sequence(f, values)?;
            f.write_str("]")
        }
        Value::Tuple(values) => {
            f.write_str("(")?;
            sequence(f, values)?;
            f.write_str(if values.len() == 1 { ",)" } else { ")" })
        }
        Value::Range(start, end) => write!(f, "{start}..{end}"),
        Value::Tensor(_) => f.write_str("tensor"),
        Value::Callable(callable) => match &**callable {
            Callable::Partial(partial) if levels > 0 => {
                write!(f, "{}(", partial.callee.builtin_name().unwrap_or("module"))?;
                for (index, argument) in partial.given.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    if let Some((name, _)) = &argument.name {
                        write!(f, "{name}=")?;
                    }
                    show(&argument.value, levels - 1, f)?;
                }
                f.write_str(")")
            }
            other => f.write_str(other.builtin_name().unwrap_or("module")),
        },
        Value::Poison => f.write_str("?"),
    }
}
