//! Parts of tensors: slices (written `x[:, :8]`), splits, and rows chosen by a table.

use std::sync::Arc;

use super::arguments;
use super::call::{Call, describe};
use super::cost::Cost;
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, parameter};
use crate::limits::{MAX_LIST, MAX_RANK};
use crate::shape::Shape;
use crate::value::Value;

/// Every `step`-th of a range of elements along each dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// One range per dimension.
    pub ranges: Vec<SliceRange>,
}

/// The elements `start + step * i` for `i` below `count` of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceRange {
    /// The first element.
    pub start: usize,
    /// How many.
    pub count: usize,
    /// The distance between them.
    pub step: usize,
}

impl SliceRange {
    /// A whole dimension of that size.
    #[must_use]
    pub fn whole(size: usize) -> Self {
        SliceRange { start: 0, count: size, step: 1 }
    }
}

/// Entries along one dimension chosen by a table: `out[.., i.., ..] = x[.., indices[i..], ..]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// The dimension.
    pub dim: usize,
    /// The shape of the table; it takes the place of the dimension.
    pub table: Shape,
    /// The table in row-major order, every index in range.
    pub indices: Arc<[usize]>,
}

impl Operation for Slice {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        for (dim, (range, size)) in self.ranges.iter().zip(x.dims()).enumerate() {
            let last = range.count.checked_sub(1).map(|last| range.start + last * range.step);
            if last.is_some_and(|last| last >= *size) {
                let index = i64::try_from(last.unwrap_or(0)).unwrap_or(i64::MAX);
                return Err(OpErrorKind::Index { index, dim: Some(dim), size: *size }.into());
            }
        }
        Ok(Shape::new(self.ranges.iter().map(|range| range.count).collect::<Vec<_>>()))
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let ranges: Vec<String> = self
            .ranges
            .iter()
            .map(|SliceRange { start, count, step }| match step {
                1 => format!("{start}:{}", start + count),
                step => {
                    format!("{start}:{}:{step}", start + (count.saturating_sub(1)) * step + usize::from(*count > 0))
                }
            })
            .collect();
        vec![("ranges", format!("[{}]", ranges.join(", ")))]
    }
}

impl Operation for Gather {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let size = x.dims().get(self.dim).copied().unwrap_or(0);
        if let Some(index) = self.indices.iter().find(|index| **index >= size) {
            let index = i64::try_from(*index).unwrap_or(i64::MAX);
            return Err(OpError::at("indices", OpErrorKind::Index { index, dim: Some(self.dim), size }));
        }
        let before = x.dims().get(..self.dim).unwrap_or_default();
        let after = x.dims().get(self.dim + 1..).unwrap_or_default();
        Ok(Shape::new([before, self.table.dims(), after].concat()))
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("dim", self.dim.to_string()), ("table", self.table.to_string())]
    }
}

/// The shape and the numbers of a list of lists of numbers, all lists of a level equally long. Tables of a hundred thousand numbers are usual: they are not
/// copied as values.
pub(super) fn read_table<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, OpErrorKind>,
) -> Result<(Shape, Vec<T>), OpErrorKind> {
    let mut dims = Vec::new();
    // Lists of a level; at last, those of numbers.
    let mut level = vec![value.clone()];
    let mut length = value.length();
    while let Some(count) = length {
        dims.push(count);
        let shape = Shape::new(dims.clone());
        if dims.len() > MAX_RANK || shape.elements_exact().is_none_or(|count| count > MAX_LIST as u128) {
            return Err(OpErrorKind::TooLarge { shape });
        }
        let inner = || level.iter().filter_map(Value::elements).flatten();
        length = inner().next().and_then(|first| first.length());
        if inner().any(|value| value.length() != length) {
            let expected = "lists of equal length at each level";
            return Err(OpErrorKind::Type { expected, found: describe(value) });
        }
        if length.is_some() {
            level = inner().collect();
        }
    }
    let shape = Shape::new(dims);
    let mut numbers = Vec::with_capacity(shape.elements());
    let mut add = |value: &Value| match value.as_number() {
        Some(_) => read(value).map(|number| numbers.push(number)),
        None => Err(OpErrorKind::Type { expected: "numbers", found: describe(value) }),
    };
    if shape.rank() == 0 {
        add(value)?;
    } else {
        level.iter().filter_map(Value::elements).flatten().try_for_each(|value| add(&value))?;
    }
    Ok((shape, numbers))
}

fn read_gather(call: &Call<'_>, x: &Shape) -> Result<Gather, OpError> {
    let dim = call.dimension("dim", x.rank())?;
    let at = |kind| OpError::at("indices", kind);
    let indices = call.setting("indices").unwrap_or(Value::Poison);
    let (table, indices) = read_table(&indices, |index| arguments::integer(index, 0)).map_err(at)?;
    Ok(Gather { dim, table, indices: indices.into() })
}

/// The sizes of the parts of a split.
fn read_parts(call: &Call<'_>, size: usize) -> Result<Vec<usize>, OpError> {
    let range = |expected: String, found: String| OpError::at("parts", OpErrorKind::Range { expected, found });
    if let Some(Value::Int(_)) = call.setting("parts") {
        let parts = call.integer("parts", 1)?;
        if !size.is_multiple_of(parts) {
            return Err(range(format!("a number that divides {size}"), parts.to_string()));
        }
        return Ok(vec![size / parts; parts]);
    }
    let sizes = call.integers("parts")?;
    let parts: Vec<usize> = sizes.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    let sum = parts.iter().try_fold(0usize, |sum, part| sum.checked_add(*part));
    if parts.len() != sizes.len() || sum != Some(size) {
        let found = call.setting("parts").map_or_else(String::new, |value| value.to_string());
        return Err(range(format!("sizes that sum to {size}"), found));
    }
    Ok(parts)
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "split",
        family: "Layout",
        summary: "A tensor cut along one dimension into a list of tensors",
        parameters: &[
            INPUT,
            parameter(
                "parts",
                "a whole number or a list of sizes",
                Default::Required,
                "How many equal parts, or their sizes.",
            ),
            parameter("dim", "a dimension", Default::Int(1), "The dimension that is cut."),
        ],
        result: "a list of tensors",
        weights: &[],
        details: "Take the parts apart with a pattern: `let (a, b) = x |> split(2)`. A single part is written `x[:, :8]`.",
        example: "let (a, b) = x |> split(2)\nreturn a + b",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let shape = call.shape(x);
            let dim = call.dimension("dim", shape.rank())?;
            let parts = read_parts(call, shape.dims().get(dim).copied().unwrap_or(0))?;
            let mut start = 0;
            let mut slices = Vec::new();
            for count in parts {
                let mut ranges: Vec<SliceRange> = shape.dims().iter().map(|size| SliceRange::whole(*size)).collect();
                if let Some(range) = ranges.get_mut(dim) {
                    *range = SliceRange { start, count, step: 1 };
                }
                start += count;
                slices.push(call.node(Op::Slice(Slice { ranges }), &[x])?);
            }
            Ok(Value::list(slices))
        }),
    },
    &Definition {
        name: "gather",
        family: "Layout",
        summary: "Entries along one dimension, chosen by a table that is known at compile time",
        parameters: &[
            INPUT,
            parameter("indices", "a list (of lists) of whole numbers", Default::Required, "The table."),
            parameter("dim", "a dimension", Default::Int(0), "The dimension whose entries are chosen."),
        ],
        result: "`x` with the dimension replaced by the shape of the table",
        weights: &[],
        details: "For tables of relative positions and the like: `table |> gather([[0, 1], [1, 0]])`.",
        example: "return x |> gather([0, 2, 4], dim=1)",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let gather = read_gather(call, &call.shape(x))?;
            call.node(Op::Gather(gather), &[x])
        }),
    },
];
