//! Derived weights, computed as their recipes say.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use std::borrow::Cow;

use super::strided::Along;
use super::{InterpError, elementwise};
use crate::graph::{Graph, WeightId};
use crate::shape::Shape;
use crate::weight::Recipe;

/// The values of a recipe, from those of the weights that it needs. Stored weights have none of their own here.
pub(super) fn derive<'v>(
    graph: &Graph,
    values: &dyn Fn(WeightId) -> Result<Cow<'v, [f64]>, InterpError>,
    recipe: &Recipe,
) -> Result<Vec<f64>, InterpError> {
    let values = |id: &WeightId| values(*id);
    let shape = |id: &WeightId| graph.weight(*id).map(|weight| weight.shape.clone()).unwrap_or_default();
    Ok(match recipe {
        Recipe::Stored => Vec::new(),
        Recipe::Constant(values) => values.to_vec(),
        Recipe::InverseSqrt { of, eps } => values(of)?.iter().map(|value| 1.0 / (value + eps).sqrt()).collect(),
        Recipe::Vector { operator, left, right, dim } => {
            let along = Along::new(shape(left).dims(), *dim);
            // Each value of the vector stands for `inner` neighbours; the whole repeats over the dimensions before.
            let right: Vec<f64> =
                values(right)?.iter().flat_map(|value| std::iter::repeat_n(*value, along.inner)).collect();
            let pairs = values(left)?.iter().copied().zip(right.into_iter().cycle()).collect::<Vec<_>>();
            pairs.into_iter().map(|(left, right)| elementwise::apply(*operator, left, right)).collect()
        }
        Recipe::Sum { left, right } => {
            let (left, right) = (values(left)?, values(right)?);
            left.iter().zip(right.iter()).map(|(left, right)| left + right).collect()
        }
        Recipe::Embed { of, offset, kernel } => embed(&values(of)?, &shape(of), *offset, *kernel),
        Recipe::Diagonal { of, inputs } => {
            let factors = values(of)?;
            let mut kernel = vec![0.0; factors.len() * inputs];
            for (channel, factor) in factors.iter().enumerate() {
                kernel[channel * inputs + channel % inputs] = *factor;
            }
            kernel
        }
        Recipe::Select { of, indices } => {
            let sources = of.iter().map(values).collect::<Result<Vec<_>, _>>()?;
            let all = match sources.as_slice() {
                [only] => Cow::Borrowed(&**only),
                sources => Cow::Owned(sources.concat()),
            };
            indices.iter().map(|index| all[*index as usize]).collect()
        }
    })
}

/// The kernels `[…, height, width]` inside larger ones.
fn embed(
    values: &[f64],
    shape: &Shape,
    [first_row, first_column]: [usize; 2],
    [rows, columns]: [usize; 2],
) -> Vec<f64> {
    let Some([out, inputs, height, width]) = shape.nchw() else { return Vec::new() };
    let mut embedded = vec![0.0; out * inputs * rows * columns];
    for (small, large) in values.chunks_exact(height * width).zip(embedded.chunks_exact_mut(rows * columns)) {
        for (row, line) in small.chunks_exact(width).enumerate() {
            large[(first_row + row) * columns + first_column..][..width].copy_from_slice(line);
        }
    }
    embedded
}
