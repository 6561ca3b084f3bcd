//! Matrix products of two tensors, and attention, which is made of two of them.

use super::activation;
use super::call::Call;
use super::cost::{Cost, Part, Work, elements, first};
use super::error::{OpError, OpErrorKind};
use super::{Default, Definition, INPUT, Op, Operation, parameter};
use crate::shape::Shape;

/// The matrix product over the last two dimensions; the others broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matmul;

/// `softmax(q · kᵀ / temperature) · v` over the last two dimensions; the others broadcast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Divides the scores.
    pub temperature: f64,
}

impl Attention {
    /// The shape of the scores: how well each query fits each key.
    fn scores(query: &Shape, key: &Shape) -> Result<Shape, OpError> {
        let [batch @ .., keys, features] = key.dims() else {
            let expected = "a tensor with at least two dimensions";
            return Err(OpError::at("k", OpErrorKind::Rank { expected, found: key.clone() }));
        };
        let transposed = Shape::new([batch, &[*features, *keys]].concat());
        Matmul.shape(&[query, &transposed])
    }
}

impl Operation for Attention {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [query, key, value, ..] = inputs else { return Ok(Shape::default()) };
        let blamed = |argument: &'static str| {
            move |error: OpError| match error.argument {
                // The arguments of the products are called otherwise.
                Some("y") | None => OpError::at(argument, error.kind),
                _ => error,
            }
        };
        let scores = Attention::scores(query, key).map_err(blamed("k"))?;
        Matmul.shape(&[&scores, value]).map_err(blamed("v"))
    }

    /// fvcore knows no rule for attention in one piece and counts nothing.
    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let [query, key, ..] = inputs else { return Cost::none() };
        let scores = Attention::scores(query, key).map_or(0, |scores| elements(&scores));
        let last = |shape: &Shape| shape.dims().last().copied().unwrap_or(0) as u64;
        let keys = key.dims().iter().rev().nth(1).copied().unwrap_or(0) as u64;
        let products = scores.saturating_mul(last(query)).saturating_add(elements(output).saturating_mul(keys));
        let products = Part { fvcore: None, ..Part::products(Work::Matmul, "", products) };
        let softmax = activation::softmax_operations(scores, self.temperature);
        Cost::from([products, Part::operations(Work::Softmax, softmax)])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("temperature", format!("{:?}", self.temperature))]
    }
}

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
pub(super) const DEFINITIONS: &[&Definition] = &[&MATMUL, &ATTENTION];

const MATMUL: Definition = Definition {
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
};

const ATTENTION: Definition = Definition {
    name: "attention",
    family: "Linear",
    summary: "Values averaged by how well their keys fit each query",
    parameters: &[
        parameter("x", "a tensor […, queries, features]", Default::Required, "The queries."),
        parameter("k", "a tensor […, keys, features]", Default::Required, "The keys."),
        parameter("v", "a tensor […, keys, values]", Default::Required, "The values, one row for each key."),
        parameter(
            "temperature",
            "a number",
            Default::Computed("sqrt(features)"),
            "Divides the scores before the softmax.",
        ),
    ],
    result: "`[…, queries, values]`",
    weights: &[],
    details: "`softmax(x · kᵀ / temperature) · v` (Vaswani et al., \"Attention Is All You Need\", NeurIPS 2017, section \
        3.2.1), PyTorch's `scaled_dot_product_attention`. Dimensions before the last two, such as samples and heads, broadcast \
        by NumPy's rule. With a bias or a mask write the products: `matmul(q, k |> permute([0, 1, 3, 2])) + bias |> softmax`. \
        The convention `fvcore` counts those and, as fvcore, nothing for attention in one piece.",
    example: "let tokens = x |> reshape([x.batch, 2, 4, 256]) |> permute([0, 1, 3, 2])\nreturn tokens |> attention(tokens, tokens)",
    build: Some(|call: &mut Call<'_>| {
        let [query, key, value] = [call.tensor("x")?, call.tensor("k")?, call.tensor("v")?];
        let features = call.shape(query).dims().last().copied().unwrap_or(1);
        let temperature = match call.setting("temperature") {
            Some(_) => call.positive_number("temperature")?,
            #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
            None => (features.max(1) as f64).sqrt(),
        };
        call.node(Op::Attention(Attention { temperature }), &[query, key, value])
    }),
};
