//! Operations that move elements without changing them.

use super::arguments;
use super::call::{Call, describe};
use super::cost::Cost;
use super::error::{OpError, OpErrorKind};
use super::window::{self, Padding};
use super::{Default, Definition, INPUT, Op, Operation, parameter};
use crate::shape::Shape;
use crate::value::Value;

/// Tensors side by side along a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat {
    /// The dimension.
    pub dim: usize,
}

/// The same elements, in row-major order, in another shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reshape {
    /// The new shape.
    pub shape: Shape,
}

/// Dimensions of one element repeated, by NumPy's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// The new shape.
    pub shape: Shape,
}

/// The dimensions in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permute {
    /// Which dimension of the input each dimension of the output is.
    pub order: Vec<usize>,
}

/// Elements shifted along dimensions, those that leave coming back at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Dimension and shift; output `i` is input `i - shift`.
    pub shifts: Vec<(usize, i64)>,
}

/// A border of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Pad {
    /// Elements added before and after, per dimension.
    pub sides: Vec<[usize; 2]>,
    /// The value of the border.
    pub value: f64,
}

impl Operation for Concat {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [first, rest @ ..] = inputs else { return Ok(Shape::default()) };
        let mut size = first.dims().get(self.dim).copied().unwrap_or(0);
        for other in rest {
            let along = other.dims().get(self.dim).copied().unwrap_or(0);
            if other.rank() != first.rank() || other.with_dim(self.dim, 0) != first.with_dim(self.dim, 0) {
                let kind = OpErrorKind::Concat { first: (*first).clone(), other: (*other).clone(), dim: self.dim };
                return Err(kind.into());
            }
            size = size.saturating_add(along);
        }
        Ok(first.with_dim(self.dim, size))
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("dim", self.dim.to_string())]
    }
}

impl Operation for Reshape {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        if x.elements_exact() != self.shape.elements_exact() {
            let kind = OpErrorKind::Reshape { from: (*x).clone(), to: self.shape.clone() };
            return Err(OpError::at("shape", kind));
        }
        Ok(self.shape.clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }
}

impl Operation for Expand {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        if x.broadcast(&self.shape).as_ref() != Some(&self.shape) {
            let kind = OpErrorKind::Expand { from: (*x).clone(), to: self.shape.clone() };
            return Err(OpError::at("shape", kind));
        }
        Ok(self.shape.clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }
}

impl Operation for Permute {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let dims: Vec<usize> = self.order.iter().filter_map(|dim| x.dims().get(*dim).copied()).collect();
        Ok(Shape::new(dims))
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("order", format!("{:?}", self.order))]
    }
}

impl Operation for Roll {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        Ok((*x).clone())
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let (dims, shifts): (Vec<usize>, Vec<i64>) = self.shifts.iter().copied().unzip();
        vec![("shifts", format!("{shifts:?}")), ("dims", format!("{dims:?}"))]
    }
}

impl Operation for Pad {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let padded = x.dims().iter().zip(&self.sides);
        Ok(Shape::new(
            padded.map(|(dim, [before, after])| dim.saturating_add(*before).saturating_add(*after)).collect::<Vec<_>>(),
        ))
    }

    fn cost(&self, _: &[&Shape], _: &Shape) -> Cost {
        Cost::none()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("sides", format!("{:?}", self.sides)), ("value", format!("{:?}", self.value))]
    }
}

/// The target of a reshape: whole numbers, one of which may be -1 for "what is left".
fn read_shape(value: &Value, from: &Shape) -> Result<Shape, OpErrorKind> {
    let wanted = arguments::integers(value)?;
    let range = |expected: &str| OpErrorKind::Range { expected: expected.to_owned(), found: value.to_string() };
    let known: Vec<usize> = wanted.iter().filter_map(|dim| usize::try_from(*dim).ok()).collect();
    match wanted.len() - known.len() {
        0 => return Ok(Shape::new(known)),
        1 if wanted.contains(&-1) => {}
        _ => return Err(range("sizes of at least 0, at most one of them -1")),
    }
    let product = known.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim)).unwrap_or(0);
    if product == 0 || !from.elements().is_multiple_of(product) {
        return Err(OpErrorKind::ReshapeRest { from: from.clone(), known: product });
    }
    let rest = from.elements() / product;
    Ok(Shape::new(wanted.iter().map(|dim| usize::try_from(*dim).unwrap_or(rest)).collect::<Vec<_>>()))
}

/// The target of an expansion: whole numbers, -1 for a size that stays.
fn read_expansion(value: &Value, from: &Shape) -> Result<Shape, OpErrorKind> {
    let wanted = arguments::integers(value)?;
    let range = || OpErrorKind::Range {
        expected: "sizes of at least 0, or -1 for a dimension that stays".to_owned(),
        found: value.to_string(),
    };
    // Dimensions are aligned at the last one.
    let kept = from.dims().iter().rev().map(Some).chain(std::iter::repeat(None));
    let sizes = wanted.iter().rev().zip(kept).map(|(size, kept)| match (size, kept) {
        (-1, Some(kept)) => Ok(*kept),
        _ => usize::try_from(*size).map_err(|_| range()),
    });
    let mut sizes = sizes.collect::<Result<Vec<_>, _>>()?;
    sizes.reverse();
    Ok(Shape::new(sizes))
}

fn read_sides(value: &Value, rank: usize) -> Result<Vec<[usize; 2]>, OpErrorKind> {
    let is_nested = value.elements().is_some_and(|mut elements| elements.any(|element| element.length().is_some()));
    if is_nested {
        let pairs = value.elements().into_iter().flatten().map(|pair| arguments::pair(&pair, 0));
        let sides = pairs.collect::<Result<Vec<_>, _>>()?;
        if sides.len() == rank {
            return Ok(sides);
        }
        return Err(OpErrorKind::Range {
            expected: format!("{rank} pairs, one per dimension"),
            found: value.to_string(),
        });
    }
    if rank != 4 {
        return Err(OpErrorKind::Type {
            expected: "a list of [before, after], one per dimension",
            found: describe(value),
        });
    }
    match window::read_padding(value)? {
        Padding::Explicit([rows, columns]) => Ok(vec![[0, 0], [0, 0], rows, columns]),
        Padding::Same | Padding::Symmetric => {
            Err(OpErrorKind::Range { expected: "numbers".to_owned(), found: value.to_string() })
        }
    }
}

fn read_shifts(call: &Call<'_>, rank: usize) -> Result<Vec<(usize, i64)>, OpError> {
    let dims = call.dimensions("dims", rank)?;
    let shifts = match call.setting("shifts") {
        Some(Value::Int(shift)) => vec![shift; dims.len()],
        _ => call.integers("shifts")?,
    };
    if shifts.len() != dims.len() {
        let expected = format!("{} shifts, one per dimension in `dims`", dims.len());
        return Err(OpError::at("shifts", OpErrorKind::Range { expected, found: shifts.len().to_string() }));
    }
    Ok(dims.into_iter().zip(shifts).collect())
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "concat",
        family: "Layout",
        summary: "Tensors side by side along one dimension",
        parameters: &[
            parameter("xs", "tensors, or a list of tensors", Default::Rest, "The inputs, in order."),
            parameter("dim", "a dimension", Default::Int(1), "The dimension along which they stand."),
        ],
        result: "the sum of the sizes along `dim`, all else as the inputs",
        weights: &[],
        details: "The inputs must agree in every other dimension.",
        example: "return concat(x, x |> relu)",
        build: Some(|call: &mut Call<'_>| {
            let xs = call.tensors("xs")?;
            let rank = xs.first().map_or(0, |x| call.shape(*x).rank());
            let dim = call.dimension("dim", rank)?;
            call.node(Op::Concat(Concat { dim }), &xs)
        }),
    },
    &Definition {
        name: "reshape",
        family: "Layout",
        summary: "The same elements, in row-major order, in another shape",
        parameters: &[
            INPUT,
            parameter(
                "shape",
                "a list of sizes",
                Default::Required,
                "The new shape; one size may be -1 for what is left.",
            ),
        ],
        result: "`shape`",
        weights: &[],
        details: "",
        example: "return x |> reshape([x.batch, 2, -1, x.height, x.width])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let value = call.setting("shape").unwrap_or(Value::Poison);
            let shape = read_shape(&value, &call.shape(x)).map_err(|kind| OpError::at("shape", kind))?;
            call.node(Op::Reshape(Reshape { shape }), &[x])
        }),
    },
    &Definition {
        name: "flatten",
        family: "Layout",
        summary: "All dimensions from one on merged into one",
        parameters: &[INPUT, parameter("from", "a dimension", Default::Int(1), "The first dimension that is merged.")],
        result: "`[N, C * H * W]` for an image",
        weights: &[],
        details: "",
        example: "return x |> flatten",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let from = call.shape(x);
            let dim = call.dimension("from", from.rank())?;
            let (kept, merged) = from.dims().split_at(dim);
            let shape = Shape::new([kept, &[merged.iter().product()]].concat());
            call.node(Op::Reshape(Reshape { shape }), &[x])
        }),
    },
    &Definition {
        name: "expand",
        family: "Layout",
        summary: "Dimensions of one element repeated to another size",
        parameters: &[
            INPUT,
            parameter("shape", "a list of sizes", Default::Required, "The new shape; -1 keeps the size that there is."),
        ],
        result: "`shape`",
        weights: &[],
        details: "By NumPy's rule: aligned at the last dimension, a size of 1 stretches, missing dimensions come in front. \
            Arithmetic does so by itself; `concat` does not: `concat(param(\"cls_token\", [1, 1, 192]) |> expand([x.batch, -1, \
            -1]), x)` puts a learned token before those of every sample.",
        example: "return x + (param(\"scale\", [8, 1, 1]) |> expand([x.batch, -1, 16, 16]))",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let value = call.setting("shape").unwrap_or(Value::Poison);
            let shape = read_expansion(&value, &call.shape(x)).map_err(|kind| OpError::at("shape", kind))?;
            call.node(Op::Expand(Expand { shape }), &[x])
        }),
    },
    &Definition {
        name: "permute",
        family: "Layout",
        summary: "The dimensions in another order",
        parameters: &[
            INPUT,
            parameter(
                "order",
                "a list of dimensions",
                Default::Required,
                "Which dimension of `x` each dimension of the result is.",
            ),
        ],
        result: "the sizes of `x` in that order",
        weights: &[],
        details: "",
        example: "return x |> permute([0, 2, 3, 1])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let rank = call.shape(x).rank();
            let order = call.dimensions("order", rank)?;
            if order.len() != rank {
                let expected = format!("each of the {rank} dimensions once");
                return Err(OpError::at("order", OpErrorKind::Range { expected, found: format!("{order:?}") }));
            }
            call.node(Op::Permute(Permute { order }), &[x])
        }),
    },
    &Definition {
        name: "roll",
        family: "Layout",
        summary: "Elements shifted along dimensions; what leaves at one end comes back at the other",
        parameters: &[
            INPUT,
            parameter("shifts", "a whole number or a list of them", Default::Required, "By how much; may be negative."),
            parameter("dims", "a dimension or a list of them", Default::Required, "Along which dimensions."),
        ],
        result: "as `x`",
        weights: &[],
        details: "Output `i` is input `i - shift`, as in PyTorch and NumPy.",
        example: "return x |> roll([-3, -3], dims=[2, 3])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let shifts = read_shifts(call, call.shape(x).rank())?;
            call.node(Op::Roll(Roll { shifts }), &[x])
        }),
    },
    &Definition {
        name: "pad",
        family: "Layout",
        summary: "A border of one value around a tensor",
        parameters: &[
            INPUT,
            parameter(
                "padding",
                "a number, [height, width], [top, bottom, left, right], or [[before, after], …]",
                Default::Required,
                "How much; the last form has one pair per dimension and is the only one for tensors that are no images.",
            ),
            parameter("value", "a number", Default::Float(0.0), "The value of the border."),
        ],
        result: "the sizes of `x` plus the border",
        weights: &[],
        details: "",
        example: "return x |> pad([0, 1, 0, 1])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let value = call.setting("padding").unwrap_or(Value::Poison);
            let sides = read_sides(&value, call.shape(x).rank()).map_err(|kind| OpError::at("padding", kind))?;
            call.node(Op::Pad(Pad { sides, value: call.number("value")? }), &[x])
        }),
    },
];
