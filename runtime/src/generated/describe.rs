//! Says what the weights of a network are and how they are prepared, as generated source writes it down.
//!
//! In: calls in the order of the plan. Out: the tensors that a file must hold, and a [`Preparation`] for a register tile.
//! Names are relative to the module that is being described, as in the author's text.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::abi::Tile;
use crate::dtype::Dtype;
use crate::prepare::{Arithmetic, Content, Dimension, Layout, Preparation, Prepared, Value, ValueId};
use crate::weights::TensorSpec;

/// Contents begin at multiples of that many elements: a cache line.
pub const ALIGNMENT: usize = 16;

/// See the module's documentation.
#[derive(Debug)]
pub struct Describe<'d> {
    described: &'d mut Described,
    /// What names are relative to, with a dot behind.
    path: String,
}

/// What was described so far.
#[derive(Debug)]
pub(super) struct Described {
    tile: Tile,
    pub tensors: Vec<TensorSpec>,
    values_of_tensors: BTreeMap<String, ValueId>,
    pub preparation: Preparation,
}

/// Sizes and distances, outermost first.
type Dimensions<'d> = &'d [[usize; 2]];

fn dimension([size, stride]: [usize; 2]) -> Dimension {
    Dimension { size, stride }
}

fn dimensions(dimensions: Dimensions<'_>) -> Vec<Dimension> {
    dimensions.iter().copied().map(dimension).collect()
}

impl Described {
    /// What a network says of its weights.
    pub fn of(describe: fn(&mut Describe<'_>), tile: Tile) -> Described {
        let mut described = Described {
            tile,
            tensors: Vec::new(),
            values_of_tensors: BTreeMap::new(),
            preparation: Preparation::default(),
        };
        describe(&mut Describe { described: &mut described, path: String::new() });
        described
    }
}

impl Describe<'_> {
    /// The description of the instance of a module at a path below this one.
    pub fn at(&mut self, path: &str) -> Describe<'_> {
        Describe { described: self.described, path: format!("{}{path}.", self.path) }
    }

    /// A tensor of the file: the weight `name` of the operation at a path below this one, or at a whole path behind a slash.
    pub fn stored(&mut self, path: &str, name: &str, shape: &[usize]) -> ValueId {
        self.tensor(path, name, shape, false)
    }

    /// A tensor that the file may also hold with all dimensions after the first merged.
    pub fn stored_flat(&mut self, path: &str, name: &str, shape: &[usize]) -> ValueId {
        self.tensor(path, name, shape, true)
    }

    fn tensor(&mut self, path: &str, name: &str, shape: &[usize], flat_tail: bool) -> ValueId {
        let (above, path) = match path.strip_prefix('/') {
            Some(whole) => ("", whole),
            None => (self.path.as_str(), path),
        };
        let dot = if path.is_empty() { "" } else { "." };
        let name = format!("{above}{path}{dot}{name}");
        if let Some(value) = self.described.values_of_tensors.get(&name) {
            return *value;
        }
        let value = self.value(Value::Stored { index: self.described.tensors.len(), length: shape.iter().product() });
        self.described.values_of_tensors.insert(name.clone(), value);
        self.described.tensors.push(TensorSpec { name, shape: shape.to_vec(), flat_tail });
        value
    }

    fn value(&mut self, value: Value) -> ValueId {
        self.described.preparation.values.push(value);
        ValueId(self.described.preparation.values.len() - 1)
    }

    /// See [`Value::Constant`].
    pub fn constant(&mut self, numbers: &[f64]) -> ValueId {
        self.value(Value::Constant(numbers.into()))
    }

    /// See [`Value::InverseSqrt`].
    pub fn inverse_sqrt(&mut self, of: ValueId, eps: f64) -> ValueId {
        self.value(Value::InverseSqrt { of, eps })
    }

    /// See [`Value::Vector`].
    pub fn add(&mut self, left: ValueId, right: ValueId, inner: usize) -> ValueId {
        self.value(Value::Vector { operator: Arithmetic::Add, left, right, inner })
    }

    /// See [`Value::Vector`].
    pub fn subtract(&mut self, left: ValueId, right: ValueId, inner: usize) -> ValueId {
        self.value(Value::Vector { operator: Arithmetic::Subtract, left, right, inner })
    }

    /// See [`Value::Vector`].
    pub fn multiply(&mut self, left: ValueId, right: ValueId, inner: usize) -> ValueId {
        self.value(Value::Vector { operator: Arithmetic::Multiply, left, right, inner })
    }

    /// See [`Value::Vector`].
    pub fn divide(&mut self, left: ValueId, right: ValueId, inner: usize) -> ValueId {
        self.value(Value::Vector { operator: Arithmetic::Divide, left, right, inner })
    }

    /// See [`Value::Sum`].
    pub fn sum(&mut self, left: ValueId, right: ValueId) -> ValueId {
        self.value(Value::Sum { left, right })
    }

    /// See [`Value::Embed`].
    pub fn embed(&mut self, of: ValueId, size: [usize; 2], offset: [usize; 2], kernel: [usize; 2]) -> ValueId {
        self.value(Value::Embed { of, size, offset, kernel })
    }

    /// See [`Value::Diagonal`].
    pub fn diagonal(&mut self, of: ValueId, inputs: usize) -> ValueId {
        self.value(Value::Diagonal { of, inputs })
    }

    /// See [`Value::Winograd`].
    pub fn winograd(&mut self, of: ValueId) -> ValueId {
        self.value(Value::Winograd { of })
    }

    /// See [`Value::Select`].
    pub fn select(&mut self, of: &[ValueId], indices: &[u32]) -> ValueId {
        self.value(Value::Select { of: of.to_vec(), indices: indices.into() })
    }

    fn content(&mut self, content: Content) {
        let offset = self.described.preparation.length.next_multiple_of(ALIGNMENT);
        self.described.preparation.length = offset + content.length();
        self.described.preparation.contents.push(Prepared { offset, content });
    }

    /// The next content: see [`Layout::Strided`].
    pub fn strided(&mut self, value: ValueId, of: Dimensions<'_>) {
        let layout = Layout::Strided(dimensions(of));
        self.content(Content::Value { value, layout });
    }

    /// The next content: see [`Layout::Panels`].
    pub fn panels(
        &mut self,
        value: ValueId,
        outer: Dimensions<'_>,
        depth: Dimensions<'_>,
        columns: [usize; 2],
        dtype: Dtype,
    ) {
        let (outer, depth, tile) = (dimensions(outer), dimensions(depth), self.described.tile);
        let layout = Layout::Panels { outer, depth, columns: dimension(columns), tile, dtype };
        self.content(Content::Value { value, layout });
    }

    /// The next content: see [`Layout::Strassen`].
    pub fn strassen(&mut self, value: ValueId, depth: [usize; 2], columns: [usize; 2]) {
        let tile = self.described.tile;
        let layout = Layout::Strassen { depth: dimension(depth), columns: dimension(columns), tile };
        self.content(Content::Value { value, layout });
    }

    /// The next content: see [`Layout::Blocks`].
    pub fn blocks(
        &mut self,
        value: ValueId,
        outer: Dimensions<'_>,
        depth: Dimensions<'_>,
        columns: [usize; 2],
        width: usize,
    ) {
        let (outer, depth) = (dimensions(outer), dimensions(depth));
        let layout = Layout::Blocks { outer, depth, columns: dimension(columns), width };
        self.content(Content::Value { value, layout });
    }

    /// The next content: see [`Content::Indices`].
    pub fn indices(&mut self, indices: &[u32]) {
        self.content(Content::Indices(indices.into()));
    }
}
