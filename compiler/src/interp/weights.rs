//! Where the interpreter gets the values of weights.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use parameternet_runtime::{BoundWeights, ReadError};

use super::{InterpError, recipe};
use crate::graph::{Graph, WeightId};
use crate::shape::Shape;
use crate::weight::Recipe;

/// The values of a graph's weights.
pub trait WeightSource {
    /// The values of a weight in row-major order; `None` if there are none. Asked once per run, when the weight's operation
    /// is computed.
    ///
    /// # Errors
    /// When they are in a file that cannot be read.
    fn values(&self, graph: &Graph, id: WeightId) -> Result<Option<Cow<'_, [f64]>>, ReadError>;
}

/// The values of `pnetc init`: [`crate::weight::Weight::initial`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InitialWeights {
    /// See [`crate::weight::Role::initial`].
    pub gain: f64,
}

impl WeightSource for InitialWeights {
    fn values(&self, graph: &Graph, id: WeightId) -> Result<Option<Cow<'_, [f64]>>, ReadError> {
        let values = graph.weight(id).map(|weight| weight.initial(self.gain));
        Ok(values.map(|values| values.into_iter().map(f64::from).collect()))
    }
}

/// The tensors of a file, bound to the specs of [`Graph::weights`] in that order.
impl WeightSource for BoundWeights<'_> {
    fn values(&self, _graph: &Graph, id: WeightId) -> Result<Option<Cow<'_, [f64]>>, ReadError> {
        self.get(id.index()).map(|view| view.to_f64().map(Cow::Owned)).transpose()
    }
}

/// Values by the full name of the weight.
pub type NamedWeights = HashMap<String, Vec<f64>>;

impl WeightSource for NamedWeights {
    fn values(&self, graph: &Graph, id: WeightId) -> Result<Option<Cow<'_, [f64]>>, ReadError> {
        let values = graph.weight(id).and_then(|weight| self.get(&weight.name));
        Ok(values.map(|values| Cow::Borrowed(values.as_slice())))
    }
}

/// The values of a weight: stored ones from the source, derived ones computed anew.
pub(super) fn fetch<'s>(
    graph: &Graph,
    source: &'s dyn WeightSource,
    id: WeightId,
) -> Result<Cow<'s, [f64]>, InterpError> {
    // Everything that it is derived from, each once, whatever the depth and however often it is needed.
    let mut needed: BTreeMap<WeightId, Vec<f64>> = BTreeMap::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        let Some(recipe) = derivation(graph, id) else { continue };
        if needed.insert(id, Vec::new()).is_none() {
            open.extend(recipe.operands());
        }
    }
    // In this order a weight comes after those that it needs.
    let order: Vec<WeightId> = needed.keys().copied().collect();
    for derived in order {
        let Some(recipe) = derivation(graph, derived) else { continue };
        let lookup = |operand| match needed.get(&operand) {
            Some(values) => Ok(Cow::Borrowed(values.as_slice())),
            None => stored(graph, source, operand),
        };
        let values = recipe::derive(graph, &lookup, recipe)?;
        check_size(graph, derived, &values)?;
        needed.insert(derived, values);
    }
    match needed.remove(&id) {
        Some(values) => Ok(Cow::Owned(values)),
        None => stored(graph, source, id),
    }
}

/// How a weight is computed from others; `None` for one that is stored.
fn derivation(graph: &Graph, id: WeightId) -> Option<&Recipe> {
    graph.weight(id).map(|weight| &weight.recipe).filter(|recipe| **recipe != Recipe::Stored)
}

fn stored<'s>(graph: &Graph, source: &'s dyn WeightSource, id: WeightId) -> Result<Cow<'s, [f64]>, InterpError> {
    let Some(values) = source.values(graph, id)? else {
        let (name, shape) = facts(graph, id);
        return Err(InterpError::MissingWeight { name, shape });
    };
    check_size(graph, id, &values)?;
    Ok(values)
}

/// A weight has as many values as its shape has elements.
fn check_size(graph: &Graph, id: WeightId, values: &[f64]) -> Result<(), InterpError> {
    let (name, shape) = facts(graph, id);
    if shape.elements() == values.len() {
        return Ok(());
    }
    Err(InterpError::WeightSize { name, shape, found: values.len() })
}

fn facts(graph: &Graph, id: WeightId) -> (String, Shape) {
    graph.weight(id).map(|weight| (weight.name.clone(), weight.shape.clone())).unwrap_or_default()
}
