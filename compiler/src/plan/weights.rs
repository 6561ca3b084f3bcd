//! The weights of a plan: what the block of prepared weights holds, and where.
//!
//! In: requests of lowering ("this weight of the graph, in panels"). Out: a [`Preparation`] for the runtime. The same weight
//! asked for twice in the same layout is prepared once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parameternet_runtime::prepare::{Arithmetic, Content, Dimension, Layout, Preparation, Prepared, Value, ValueId};

use crate::graph::{Graph, WeightId};
use crate::op::elementwise::Binary;
use crate::shape::Shape;
use crate::weight::Recipe;

/// Contents begin at multiples of that many elements: a cache line.
const ALIGNMENT: usize = 16;

/// The prepared weights of a plan; grows while steps are made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    /// What the runtime follows.
    pub preparation: Preparation,
    /// By weight of the graph, the value that stands for it.
    values: HashMap<WeightId, ValueId>,
    /// By kernels of a convolution, the same transformed.
    transformed: HashMap<ValueId, ValueId>,
    /// Where what was asked for stands.
    offsets: HashMap<Content, usize>,
    /// By bits and layout, where numbers stand.
    constants: HashMap<(Vec<u64>, Layout), usize>,
}

impl Weights {
    /// Where a weight of the graph stands in that layout.
    pub fn weight(&mut self, graph: &Graph, weight: WeightId, layout: Layout) -> usize {
        let value = self.value(graph, weight);
        self.content(Content::Value { value, layout })
    }

    /// Where the kernels of a convolution, transformed for Winograd's filtering, stand in that layout.
    pub fn winograd(&mut self, graph: &Graph, kernel: WeightId, layout: Layout) -> usize {
        let of = self.value(graph, kernel);
        let value = match self.transformed.get(&of) {
            Some(value) => *value,
            None => self.push(Value::Winograd { of }),
        };
        self.transformed.insert(of, value);
        self.content(Content::Value { value, layout })
    }

    /// Where numbers known now stand.
    pub fn constant(&mut self, data: Arc<[f64]>, layout: Layout) -> usize {
        let key = (data.iter().map(|value| value.to_bits()).collect(), layout.clone());
        if let Some(offset) = self.constants.get(&key) {
            return *offset;
        }
        let value = self.push(Value::Constant(data));
        let offset = self.content(Content::Value { value, layout });
        self.constants.insert(key, offset);
        offset
    }

    /// Where a table of indices stands.
    pub fn indices(&mut self, indices: Arc<[u32]>) -> usize {
        self.content(Content::Indices(indices))
    }

    fn content(&mut self, content: Content) -> usize {
        if let Some(offset) = self.offsets.get(&content) {
            return *offset;
        }
        let offset = self.preparation.length.next_multiple_of(ALIGNMENT);
        self.preparation.length = offset + content.length();
        self.offsets.insert(content.clone(), offset);
        self.preparation.contents.push(Prepared { offset, content });
        offset
    }

    fn push(&mut self, value: Value) -> ValueId {
        self.preparation.values.push(value);
        ValueId(self.preparation.values.len() - 1)
    }

    /// The value of a weight; those that it is computed from come before it.
    fn value(&mut self, graph: &Graph, weight: WeightId) -> ValueId {
        // The weights of a recipe have smaller numbers than its own.
        let mut needed = BTreeSet::from([weight]);
        let mut open = vec![weight];
        while let Some(id) = open.pop() {
            if self.values.contains_key(&id) {
                continue;
            }
            let operands = graph.weight(id).map(|weight| weight.recipe.operands()).unwrap_or_default();
            open.extend(operands.into_iter().filter(|operand| needed.insert(*operand)));
        }
        let mut value = ValueId(0);
        for id in needed {
            value = match self.values.get(&id) {
                Some(known) => *known,
                None => {
                    let computed = self.computed(graph, id);
                    let new = self.push(computed);
                    self.values.insert(id, new);
                    new
                }
            };
        }
        value
    }

    /// How a weight is computed from weights whose values are known.
    fn computed(&self, graph: &Graph, weight: WeightId) -> Value {
        let shape = |id: WeightId| graph.weight(id).map(|weight| weight.shape.clone()).unwrap_or_default();
        let value = |id: WeightId| self.values.get(&id).copied().unwrap_or(ValueId(0));
        match graph.weight(weight).map_or(&Recipe::Stored, |weight| &weight.recipe) {
            Recipe::Stored => Value::Stored { index: weight.index(), length: shape(weight).elements() },
            Recipe::Constant(values) => Value::Constant(Arc::clone(values)),
            Recipe::InverseSqrt { of, eps } => Value::InverseSqrt { of: value(*of), eps: *eps },
            Recipe::Vector { operator, left, right, dim } => Value::Vector {
                operator: arithmetic(*operator),
                inner: shape(*left).dims().iter().skip(dim + 1).product(),
                left: value(*left),
                right: value(*right),
            },
            Recipe::Sum { left, right } => Value::Sum { left: value(*left), right: value(*right) },
            Recipe::Embed { of, offset, kernel } => {
                let size = shape(*of).nchw().map_or([0, 0], |[_, _, height, width]| [height, width]);
                Value::Embed { of: value(*of), size, offset: *offset, kernel: *kernel }
            }
            Recipe::Diagonal { of, inputs } => Value::Diagonal { of: value(*of), inputs: *inputs },
            Recipe::Select { of, indices } => {
                Value::Select { of: of.iter().map(|id| value(*id)).collect(), indices: Arc::clone(indices) }
            }
        }
    }
}

fn arithmetic(operator: Binary) -> Arithmetic {
    match operator {
        Binary::Add => Arithmetic::Add,
        Binary::Subtract => Arithmetic::Subtract,
        Binary::Multiply => Arithmetic::Multiply,
        Binary::Divide => Arithmetic::Divide,
    }
}

/// A layout that puts a tensor of this shape down in this order of its dimensions.
#[must_use]
pub fn ordered(shape: &Shape, order: &[usize]) -> Layout {
    let strides = shape.strides();
    let dimension = |dim: &usize| Some(Dimension { size: *shape.dims().get(*dim)?, stride: *strides.get(*dim)? });
    Layout::Strided(order.iter().filter_map(dimension).collect())
}
