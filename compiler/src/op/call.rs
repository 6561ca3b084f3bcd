//! A call of an operation while it is built: its arguments, read as what the operation needs, and the graph to build into.

use parameternet_dsl::source::Span;

use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, Op};
use crate::graph::build::{GraphBuilder, Site};
use crate::graph::{NodeId, Path};
use crate::op::arguments::{self, Bound};
use crate::shape::Shape;
use crate::value::Value;

/// See the module's documentation.
#[derive(Debug)]
pub struct Call<'a> {
    /// What is called.
    pub definition: &'static Definition,
    /// One per parameter of the definition; `None` where the default stands.
    pub arguments: Vec<Option<Bound>>,
    /// Where nodes are made.
    pub builder: &'a mut GraphBuilder,
    /// The call in the source and the instance that it stands in.
    pub site: Site,
}

impl Call<'_> {
    /// The argument of a parameter, or its constant default; `None` where the default is computed.
    fn value(&self, name: &'static str) -> Option<Value> {
        let position = self.definition.parameters.iter().position(|parameter| parameter.name == name)?;
        if let Some(Some(bound)) = self.arguments.get(position) {
            return Some(bound.value.clone());
        }
        match self.definition.parameters.get(position)?.default {
            Default::Int(value) => Some(Value::Int(value)),
            Default::Float(value) => Some(Value::Float(value)),
            Default::Bool(value) => Some(Value::Bool(value)),
            Default::Word(word) => Some(arguments::word(word)),
            Default::Required | Default::Rest | Default::Computed(_) => None,
        }
    }

    /// Reads an optional argument; `None` where the default is computed.
    fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, OpErrorKind>,
    ) -> Result<Option<T>, OpError> {
        self.value(name).map(|value| read(&value).map_err(|kind| OpError::at(name, kind))).transpose()
    }

    /// Reads an argument that the binder guarantees to be there.
    fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, OpErrorKind>,
    ) -> Result<T, OpError> {
        let missing = OpErrorKind::Type { expected: "an argument", found: "none".to_owned() };
        self.optional(name, read)?.ok_or_else(|| OpError::at(name, missing))
    }

    /// A tensor.
    pub fn tensor(&self, name: &'static str) -> Result<NodeId, OpError> {
        self.required(name, as_tensor)
    }

    /// The shape of a tensor of the graph.
    #[must_use]
    pub fn shape(&self, node: NodeId) -> Shape {
        self.builder.shape(node)
    }

    /// A list of at least one tensor.
    pub fn tensors(&self, name: &'static str) -> Result<Vec<NodeId>, OpError> {
        self.required(name, |value| match value {
            Value::List(values) | Value::Tuple(values) if !values.is_empty() => {
                // `concat(a, b)` and `concat([a, b])` are the same.
                let lists = values.iter().map(|value| match value {
                    Value::List(inner) | Value::Tuple(inner) => inner.iter().map(as_tensor).collect(),
                    single => as_tensor(single).map(|node| vec![node]),
                });
                lists.collect::<Result<Vec<Vec<NodeId>>, _>>().map(|lists| lists.concat())
            }
            other => Err(OpErrorKind::Type { expected: "a list of tensors", found: describe(other) }),
        })
    }

    /// A whole number of at least `least`.
    pub fn integer(&self, name: &'static str, least: usize) -> Result<usize, OpError> {
        self.required(name, |value| arguments::integer(value, least))
    }

    /// Like [`Call::integer`], for a parameter with a computed default.
    pub fn optional_integer(&self, name: &'static str, least: usize) -> Result<Option<usize>, OpError> {
        self.optional(name, |value| arguments::integer(value, least))
    }

    /// A number.
    pub fn number(&self, name: &'static str) -> Result<f64, OpError> {
        self.required(name, arguments::number)
    }

    /// A number that is greater than zero.
    pub fn positive_number(&self, name: &'static str) -> Result<f64, OpError> {
        self.required(name, arguments::positive_number)
    }

    /// A number in [0, 1).
    pub fn probability(&self, name: &'static str) -> Result<f64, OpError> {
        self.required(name, |value| {
            let number = arguments::number(value)?;
            if (0.0..1.0).contains(&number) {
                return Ok(number);
            }
            Err(OpErrorKind::Range { expected: "a probability in 0..1".to_owned(), found: value.to_string() })
        })
    }

    /// `true` or `false`.
    pub fn boolean(&self, name: &'static str) -> Result<bool, OpError> {
        self.required(name, |value| match value {
            Value::Bool(value) => Ok(*value),
            other => Err(OpErrorKind::Type { expected: "`true` or `false`", found: describe(other) }),
        })
    }

    /// A size in rows and columns: one number for both or `[height, width]`.
    pub fn pair(&self, name: &'static str, least: usize) -> Result<[usize; 2], OpError> {
        self.required(name, |value| arguments::pair(value, least))
    }

    /// Like [`Call::pair`], for a parameter with a computed default.
    pub fn optional_pair(&self, name: &'static str, least: usize) -> Result<Option<[usize; 2]>, OpError> {
        self.optional(name, |value| arguments::pair(value, least))
    }

    /// A list of whole numbers of either sign.
    pub fn integers(&self, name: &'static str) -> Result<Vec<i64>, OpError> {
        self.required(name, arguments::integers)
    }

    /// Any value, for settings with a form of their own; `None` where the default is computed.
    #[must_use]
    pub fn setting(&self, name: &'static str) -> Option<Value> {
        self.value(name)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &'static [(&'static str, T)]) -> Result<T, OpError> {
        self.required(name, |value| arguments::choice(value, choices))
    }

    /// A dimension of a tensor of that rank; negative numbers count from the end.
    pub fn dimension(&self, name: &'static str, rank: usize) -> Result<usize, OpError> {
        self.required(name, |value| arguments::dimension(value, rank))
    }

    /// Distinct dimensions of a tensor of that rank: one number or a list.
    pub fn dimensions(&self, name: &'static str, rank: usize) -> Result<Vec<usize>, OpError> {
        self.required(name, |value| arguments::dimensions(value, rank))
    }

    /// Where the argument of a parameter stands; the call if it is not given.
    #[must_use]
    pub fn span(&self, name: &str) -> Span {
        let position = self.definition.parameters.iter().position(|parameter| parameter.name == name);
        position.and_then(|position| self.arguments.get(position)?.as_ref()).map_or(self.site.span, |bound| bound.span)
    }

    /// Adds the node that the call stands for.
    pub fn node(&mut self, op: impl Into<Op>, inputs: &[NodeId]) -> Result<Value, OpError> {
        self.builder.add(op.into(), inputs, &self.site).map(Value::Tensor)
    }

    /// Adds a node for a part of the operation that has a name of its own below the call's.
    pub fn part(&mut self, name: &str, op: impl Into<Op>, inputs: &[NodeId]) -> Result<NodeId, OpError> {
        let path = self.site.path.as_ref().map(|path: &Path| path.child(name));
        let site = Site { path, operation: self.definition.name, ..self.site.clone() };
        self.builder.add(op.into(), inputs, &site)
    }
}

fn as_tensor(value: &Value) -> Result<NodeId, OpErrorKind> {
    match value {
        Value::Tensor(node) => Ok(*node),
        other => Err(OpErrorKind::Type { expected: "a tensor", found: describe(other) }),
    }
}

/// A value with its kind, for "found …".
#[must_use]
pub fn describe(value: &Value) -> String {
    match value {
        Value::Tensor(_) | Value::Poison => value.kind().to_owned(),
        Value::Callable(_) => format!("{} (`{value}`)", value.kind()),
        other => format!("{} ({other})", value.kind()),
    }
}
