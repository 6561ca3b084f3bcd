//! Where the interpreter gets the values of weights.

use std::borrow::Cow;
use std::collections::HashMap;

use parameternet_runtime::BoundWeights;

use super::strided::Along;
use super::{InterpError, elementwise};
use crate::graph::{Graph, WeightId};
use crate::weight::Recipe;

/// The values of a graph's weights.
pub trait WeightSource {
    /// The values of a weight in row-major order; `None` if there are none. Asked once per run, when the weight's operation
    /// is computed.
    fn values(&self, graph: &Graph, id: WeightId) -> Option<Cow<'_, [f64]>>;
}

/// The values of `pnetc init`: [`crate::weight::Weight::initial`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InitialWeights {
    /// See [`crate::weight::Role::initial`].
    pub gain: f64,
}

impl WeightSource for InitialWeights {
    fn values(&self, graph: &Graph, id: WeightId) -> Option<Cow<'_, [f64]>> {
        let values = graph.weight(id)?.initial(self.gain);
        Some(values.into_iter().map(f64::from).collect())
    }
}

/// The tensors of a file, bound to the specs of [`Graph::weights`] in that order.
impl WeightSource for BoundWeights<'_> {
    fn values(&self, _graph: &Graph, id: WeightId) -> Option<Cow<'_, [f64]>> {
        self.get(id.index()).map(|view| Cow::Owned(view.to_f64()))
    }
}

/// Values by the full name of the weight.
pub type NamedWeights = HashMap<String, Vec<f64>>;

impl WeightSource for NamedWeights {
    fn values(&self, graph: &Graph, id: WeightId) -> Option<Cow<'_, [f64]>> {
        self.get(&graph.weight(id)?.name).map(|values| Cow::Borrowed(values.as_slice()))
    }
}

/// The values of a weight, as many as it has elements: stored ones from the source, derived ones computed anew.
pub(super) fn fetch<'s>(
    graph: &Graph,
    source: &'s dyn WeightSource,
    id: WeightId,
) -> Result<Cow<'s, [f64]>, InterpError> {
    let facts = || graph.weight(id).map(|weight| (weight.name.clone(), weight.shape.clone())).unwrap_or_default();
    let values = match graph.weight(id).map(|weight| &weight.recipe) {
        Some(Recipe::Constant(values)) => Some(Cow::Owned(values.to_vec())),
        Some(Recipe::InverseSqrt { of, eps }) => {
            let of = fetch(graph, source, *of)?;
            Some(Cow::Owned(of.iter().map(|value| 1.0 / (value + eps).sqrt()).collect()))
        }
        Some(Recipe::Vector { operator, left, right, dim }) => {
            let (left_values, right_values) = (fetch(graph, source, *left)?, fetch(graph, source, *right)?);
            let shape = graph.weight(*left).map(|weight| weight.shape.clone()).unwrap_or_default();
            let along = Along::new(shape.dims(), *dim);
            // Each value of the vector stands for `inner` neighbours; the whole repeats over the dimensions before.
            let right: Vec<f64> =
                right_values.iter().flat_map(|value| std::iter::repeat_n(*value, along.inner)).collect();
            let pairs = left_values.iter().zip(right.iter().cycle());
            Some(pairs.map(|(left, right)| elementwise::apply(*operator, *left, *right)).collect())
        }
        Some(Recipe::Stored) | None => source.values(graph, id),
    };
    let Some(values) = values else {
        let (name, shape) = facts();
        return Err(InterpError::MissingWeight { name, shape });
    };
    if graph.weight(id).is_none_or(|weight| weight.shape.elements() != values.len()) {
        let (name, shape) = facts();
        return Err(InterpError::WeightSize { name, shape, found: values.len() });
    }
    Ok(values)
}
