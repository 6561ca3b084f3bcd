//! Nodes without inputs: the network's inputs, learned tensors, and constants.

use std::sync::Arc;

use super::call::{Call, describe};
use super::cost::Cost;
use super::error::{OpError, OpErrorKind};
use super::slice::read_table;
use super::{Default, Definition, Op, Operation, parameter, weight};
use crate::shape::Shape;
use crate::value::Value;
use crate::weight::{Role, WeightDeclaration};

/// An input of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its shape.
    pub shape: Shape,
}

/// A learned tensor that belongs to no operation. The node's path is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its shape.
    pub shape: Shape,
}

/// A tensor known at compile time.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Its shape.
    pub shape: Shape,
    /// Its elements in row-major order.
    pub data: Arc<[f64]>,
}

impl Constant {
    /// A constant of rank 0.
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Constant { shape: Shape::default(), data: Arc::from([value]) }
    }
}

impl Operation for Input {
    fn shape(&self, _: &[&Shape]) -> Result<Shape, OpError> {
        Ok(self.shape.clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }
}

impl Operation for Param {
    fn shape(&self, _: &[&Shape]) -> Result<Shape, OpError> {
        Ok(self.shape.clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn weights(&self, _: &[&Shape]) -> Vec<WeightDeclaration> {
        vec![WeightDeclaration::new("", self.shape.clone(), Role::Free)]
    }
}

impl Operation for Constant {
    fn shape(&self, _: &[&Shape]) -> Result<Shape, OpError> {
        Ok(self.shape.clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        match &*self.data {
            [value] if self.shape.rank() == 0 => vec![("value", format!("{value:?}"))],
            _ => Vec::new(),
        }
    }
}

/// The name of a `param`: identifiers and numbers joined by dots.
fn read_name(value: &Value) -> Result<String, OpErrorKind> {
    let Value::Str(name) = value else {
        return Err(OpErrorKind::Type { expected: "the name of the tensor as a string", found: describe(value) });
    };
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    if name.split('.').all(is_part) {
        return Ok(name.to_string());
    }
    Err(OpErrorKind::Range { expected: "letters, digits and `_`, joined by dots".to_owned(), found: value.to_string() })
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "param",
        family: "Tensors",
        summary: "A learned tensor that belongs to no operation",
        parameters: &[
            parameter("name", "a string", Default::Required, "Its name below the path of the instance it stands in."),
            parameter("shape", "a list of sizes", Default::Required, "Its shape."),
        ],
        result: "`shape`",
        weights: &[weight("name", "shape", "the tensor")],
        details: "For position tables, class tokens, layer scales. The name is the argument, so `as` is not for it.",
        example: "return x + param(\"pos_embed\", [1, 8, 16, 16])",
        build: Some(|call: &mut Call<'_>| {
            let name = call.setting("name").map_or_else(|| Ok(String::new()), |value| read_name(&value));
            let name = name.map_err(|kind| OpError::at("name", kind))?;
            let dims = call.integers("shape")?;
            let sizes: Option<Vec<usize>> = dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
            let Some(sizes) = sizes else {
                let found = call.setting("shape").map_or_else(String::new, |value| value.to_string());
                let expected = "sizes of at least 0".to_owned();
                return Err(OpError::at("shape", OpErrorKind::Range { expected, found }));
            };
            if call.site.path.is_some() {
                let reason = "its name is its first argument, not `as`";
                return Err(OpErrorKind::Misplaced { operation: "as".to_owned(), reason }.into());
            }
            call.site.name = call.span("name");
            call.site.path = Some(call.builder.instance_path(call.site.instance).child(&name));
            call.node(Op::Param(Param { shape: Shape::new(sizes) }), &[])
        }),
    },
    &Definition {
        name: "constant",
        family: "Tensors",
        summary: "A tensor whose elements are known at compile time",
        parameters: &[parameter(
            "values",
            "a number or a list (of lists) of numbers",
            Default::Required,
            "The elements; lists of a level are equally long.",
        )],
        result: "the lengths of the lists",
        weights: &[],
        details: "Comprehensions make tables: `constant([[i - j for j in 0..4] for i in 0..4])`. Numbers in arithmetic with \
            tensors become constants by themselves: `x / 8`.",
        example: "return x * constant([[0.5 + i * j for i in 0..16] for j in 0..16])",
        build: Some(|call: &mut Call<'_>| {
            let at = |kind| OpError::at("values", kind);
            let values = call.setting("values").unwrap_or(Value::Poison);
            let (shape, data) = read_table(&values, |value| Ok(value.as_number().unwrap_or(0.0))).map_err(at)?;
            call.node(Op::Constant(Constant { shape, data: data.into() }), &[])
        }),
    },
];
