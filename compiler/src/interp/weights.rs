//! Where the interpreter gets the values of weights.

use std::borrow::Cow;
use std::collections::HashMap;

use parameternet_runtime::BoundWeights;

use super::{InterpError, recipe};
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
        Some(Recipe::Stored) | None => source.values(graph, id),
        Some(recipe) => Some(Cow::Owned(recipe::derive(graph, source, recipe)?)),
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
