//! Matrix products of two tensors, as attention needs them.

use super::call::Call;
use super::cost::{Cost, Part, Work, elements, first};
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, parameter};
use crate::shape::Shape;

/// The matrix product over the last two dimensions; the others broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matmul;

impl Operation for Matmul {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [left, right, ..] = inputs else { return Ok(Shape::default()) };
        let mismatch = || OpError::from(OpErrorKind::Matmul { left: (*left).clone(), right: (*right).clone() });
        let ([left_batch @ .., rows, inner], [right_batch @ .., inner_right, columns]) = (left.dims(), right.dims())
        else {
            let (argument, shape) = if left.rank() < 2 { ("x", left) } else { ("y", right) };
            let expected = "a tensor with at least two dimensions";
            return Err(OpError::at(argument, OpErrorKind::Rank { expected, found: (*shape).clone() }));
        };
        if inner != inner_right {
            return Err(mismatch());
        }
        let batch = Shape::new(left_batch).broadcast(&Shape::new(right_batch)).ok_or_else(mismatch)?;
        Ok(Shape::new([batch.dims(), &[*rows, *columns]].concat()))
    }

    /// fvcore multiplies the elements of the left factor by the columns of the right one, which is too little where the left
    /// one is broadcast.
    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let inner = inputs.first().and_then(|x| x.dims().last().copied()).unwrap_or(0);
        let columns = output.dims().last().copied().unwrap_or(0);
        let products = elements(output).saturating_mul(inner as u64);
        let part = Part::products(Work::Matmul, "matmul", products);
        part.as_fvcore("matmul", first(inputs).saturating_mul(columns as u64)).into()
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[&Definition {
    name: "matmul",
    family: "Linear",
    summary: "Matrix product of two tensors over their last two dimensions",
    parameters: &[INPUT, parameter("y", "a tensor", Default::Required, "The right factor.")],
    result: "`[…, rows of x, columns of y]`",
    weights: &[],
    details: "Dimensions before the last two broadcast by NumPy's rule.",
    example: "return matmul(x, x |> permute([0, 1, 3, 2])) |> softmax",
    build: Some(|call: &mut Call<'_>| {
        let (x, y) = (call.tensor("x")?, call.tensor("y")?);
        call.node(Op::Matmul(Matmul), &[x, y])
    }),
}];
