//! The preparation of weights: from the tensors of a file to one block of memory that kernels read.
//!
//! A [`Preparation`] is data that the compiler writes. [`Preparation::run`] follows it once, when weights are loaded: values
//! are computed from stored tensors (normalisations folded in, branches merged), then laid out as a kernel wants them: in
//! panels for matrix products, in blocks of channels for depthwise convolutions and others of few channels a group, in another order of dimensions. Each value is computed
//! when the first layout needs it and dropped after the last, so the memory needed beside the block is that of few tensors.
//!
//! Vectors per channel are computed in f64; a large tensor is rounded to f32 once for each map that is folded into it or
//! tensor that is added to it. What a large tensor is turned into has its memory, and the next one gets it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::abi::Tile;
use crate::arena::{AlignedBuffer, AllocationError};
use crate::arithmetic::sqrt;
use crate::dtype::Dtype;
use crate::weights::{BoundWeights, ReadError};
use crate::{strassen, winograd};

mod layout;

/// A value in a [`Preparation`]: an index of [`Preparation::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub usize);

/// How a value is computed. Every value is computed from values before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A tensor of the source.
    Stored {
        /// Its index.
        index: usize,
        /// How many elements it has.
        length: usize,
    },
    /// Known when the program was compiled.
    Constant(Arc<[f64]>),
    /// `1 / sqrt(of + eps)`
    InverseSqrt {
        /// The value.
        of: ValueId,
        /// Added to it.
        eps: f64,
    },
    /// `left operator right`, element `i` of `left` with element `i / inner % len` of `right`.
    Vector {
        /// What is done.
        operator: Arithmetic,
        /// The value that gives the shape.
        left: ValueId,
        /// One number per index of a dimension of `left`.
        right: ValueId,
        /// Elements of `left` per number: the product of the dimensions behind that one.
        inner: usize,
    },
    /// The sum of two values of the same length.
    Sum {
        /// One.
        left: ValueId,
        /// The other.
        right: ValueId,
    },
    /// Kernels `[…, size[0], size[1]]` inside larger ones `[…, kernel[0], kernel[1]]`, zeros around them.
    Embed {
        /// The kernels.
        of: ValueId,
        /// Their height and width.
        size: [usize; 2],
        /// Rows above and columns left of them.
        offset: [usize; 2],
        /// Height and width of the result.
        kernel: [usize; 2],
    },
    /// Kernels of height and width 1 that pass on each channel times its factor: `[channels, inputs]`, element
    /// `[c, c % inputs]` is the factor.
    Diagonal {
        /// A factor per channel.
        of: ValueId,
        /// Input channels per group.
        inputs: usize,
    },
    /// Kernels of height and width 3, transformed for [`winograd`]: `[…, 3, 3]` becomes `[…, 6, 6]`.
    Winograd {
        /// The kernels.
        of: ValueId,
    },
    /// Element `i` is element `indices[i]` of the values laid end to end.
    Select {
        /// The values.
        of: Vec<ValueId>,
        /// Which elements.
        indices: Arc<[u32]>,
    },
}

/// What a [`Value::Vector`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A dimension of a value: how many, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dimension {
    /// How many.
    pub size: usize,
    /// The distance between neighbours in the value.
    pub stride: usize,
}

/// How a value is laid out in the block.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// Elements one after the other, over these dimensions, outermost first.
    Strided(Vec<Dimension>),
    /// Panels for [`crate::abi::Kernel::Matmul`]: for each outer index, for each panel of columns, rows along depth.
    Panels {
        /// Experts, groups.
        outer: Vec<Dimension>,
        /// What is summed over, outermost first.
        depth: Vec<Dimension>,
        /// The outputs.
        columns: Dimension,
        /// What panels are as wide as.
        tile: Tile,
        /// What the numbers are stored as.
        dtype: Dtype,
    },
    /// Panels for [`crate::abi::Kernel::Strassen`]: those of the seven right factors that [`crate::strassen`] makes of a matrix with an even
    /// depth and an even number of columns, one factor after the other.
    Strassen {
        /// What is summed over.
        depth: Dimension,
        /// The outputs.
        columns: Dimension,
        /// What panels are as wide as.
        tile: Tile,
    },
    /// Columns in blocks of a width, zeros behind the last: for each outer index, for each block, rows along depth.
    Blocks {
        /// Experts.
        outer: Vec<Dimension>,
        /// What is summed over, outermost first.
        depth: Vec<Dimension>,
        /// The outputs.
        columns: Dimension,
        /// Columns of a block.
        width: usize,
    },
}

impl Layout {
    /// How many elements it has in the block.
    #[must_use]
    pub fn length(&self) -> usize {
        let product = |dims: &[Dimension]| dims.iter().map(|dim| dim.size).product::<usize>();
        match self {
            Layout::Strided(dims) => product(dims),
            Layout::Panels { outer, depth, columns, tile, dtype } => {
                product(outer) * panels_length(product(depth), columns.size, *tile, *dtype)
            }
            Layout::Strassen { depth, columns, tile } => {
                strassen::PRODUCTS * panels_length(depth.size / 2, columns.size / 2, *tile, Dtype::F32)
            }
            Layout::Blocks { outer, depth, columns, width } => {
                product(outer) * product(depth) * columns.size.next_multiple_of((*width).max(1))
            }
        }
    }
}

/// The length of all panels of a matrix `[depth, columns]` whose numbers are stored as a [`Dtype`], in elements of the block.
///
/// Panels are whole vectors of at least four numbers wide, so the bytes of each fill up its elements.
#[must_use]
pub fn panels_length(depth: usize, columns: usize, tile: Tile, dtype: Dtype) -> usize {
    let (full, rest) = (columns / tile.columns(), columns % tile.columns());
    let rest = if rest == 0 { 0 } else { panel_length(depth, tile.panel_width(rest), dtype) };
    full * panel_length(depth, tile.columns(), dtype) + rest
}

/// The length of a panel that is so wide.
pub(crate) const fn panel_length(depth: usize, width: usize, dtype: Dtype) -> usize {
    match dtype {
        Dtype::F32 => depth * width,
        Dtype::Bf16 => (depth * width).div_ceil(2),
        // The scales of the columns come first.
        Dtype::Int8 => width + (depth * width).div_ceil(4),
    }
}

/// Something in the block.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Content {
    /// A value, laid out.
    Value {
        /// Which.
        value: ValueId,
        /// How.
        layout: Layout,
    },
    /// A table of indices, whose bits stand in place of numbers.
    Indices(Arc<[u32]>),
}

impl Content {
    /// How many elements it has in the block.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Content::Value { layout, .. } => layout.length(),
            Content::Indices(indices) => indices.len(),
        }
    }
}

/// [`Content`] at its place in the block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// Where it begins.
    pub offset: usize,
    /// What it is.
    pub content: Content,
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Preparation {
    /// Values; each is computed from ones before it.
    pub values: Vec<Value>,
    /// What the block holds, in order; gaps are zeros.
    pub contents: Vec<Prepared>,
    /// The length of the block.
    pub length: usize,
}

/// Where stored tensors come from.
pub trait TensorSource {
    /// Puts the elements of the tensor of that index, in row-major order, behind `elements`, whose memory is used for many
    /// tensors. Says whether there is such a tensor.
    ///
    /// # Errors
    /// When it is in a file that cannot be read.
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError>;
}

impl TensorSource for BoundWeights<'_> {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        let Some(view) = self.get(index) else { return Ok(false) };
        view.append_f32(elements)?;
        Ok(true)
    }
}

/// Why weights cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The source lacks a tensor.
    #[error("there is no tensor {0} in the source of weights")]
    MissingTensor(usize),
    /// A tensor of a file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A value has another length than its use needs: the source's tensors are not those of the program.
    #[error("a weight has {found} elements where {expected} are needed")]
    Length {
        /// What is needed.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// There is no memory for the block.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

impl Preparation {
    /// Prepares the weights of `source`: the block that programs read.
    ///
    /// # Errors
    /// When the source lacks a tensor, has one of another length or cannot read one, or memory runs out.
    pub fn run(&self, source: &dyn TensorSource) -> Result<AlignedBuffer, PrepareError> {
        let mut block = AlignedBuffer::new(self.length)?;
        let mut values =
            Values { preparation: self, source, known: BTreeMap::new(), reads: self.reads(), spare: Vec::new() };
        for prepared in &self.contents {
            let end = prepared.offset.saturating_add(prepared.content.length());
            let found = block.as_slice().len();
            let Some(target) = block.as_mut_slice().get_mut(prepared.offset..end) else {
                return Err(PrepareError::Length { expected: end, found });
            };
            match &prepared.content {
                Content::Value { value, layout } => {
                    values.compute(*value)?;
                    if let Some(elements) = values.known.get(value) {
                        layout::lay_out(elements, layout, target)?;
                    }
                    values.release(*value);
                }
                Content::Indices(indices) => {
                    for (element, index) in target.iter_mut().zip(indices.iter()) {
                        *element = f32::from_bits(*index);
                    }
                }
            }
        }
        Ok(block)
    }

    /// By value: how many other values and contents read it.
    fn reads(&self) -> BTreeMap<ValueId, usize> {
        let mut reads = BTreeMap::new();
        let contents = self.contents.iter().filter_map(|prepared| match &prepared.content {
            Content::Value { value, .. } => Some(*value),
            Content::Indices(_) => None,
        });
        for id in self.values.iter().flat_map(Value::operands).chain(contents) {
            *reads.entry(id).or_insert(0) += 1;
        }
        reads
    }
}

impl Value {
    /// The values that it is computed from.
    #[must_use]
    pub fn operands(&self) -> Vec<ValueId> {
        match self {
            Value::Stored { .. } | Value::Constant(_) => Vec::new(),
            Value::InverseSqrt { of, .. }
            | Value::Embed { of, .. }
            | Value::Diagonal { of, .. }
            | Value::Winograd { of } => vec![*of],
            Value::Select { of, .. } => of.clone(),
            Value::Vector { left, right, .. } | Value::Sum { left, right } => vec![*left, *right],
        }
    }
}

/// The elements of a value: large ones as they are stored, small ones exact.
#[derive(Debug, Clone)]
enum Elements {
    Single(Vec<f32>),
    Double(Vec<f64>),
    /// Large kernels whose transformation is the value; see [`Value::Winograd`].
    Kernels(Vec<f32>),
}

impl Elements {
    fn len(&self) -> usize {
        match self {
            Elements::Single(values) => values.len(),
            Elements::Double(values) => values.len(),
            Elements::Kernels(kernels) => kernels.len() / winograd::KERNEL.pow(2) * winograd::FILTER,
        }
    }

    fn to_f64(&self) -> Vec<f64> {
        match self {
            Elements::Single(values) => values.iter().copied().map(f64::from).collect(),
            Elements::Double(values) => values.clone(),
            Elements::Kernels(kernels) => winograd::filters(kernels.iter().copied().map(f64::from)),
        }
    }

    fn into_f64(self) -> Vec<f64> {
        match self {
            Elements::Single(_) | Elements::Kernels(_) => self.to_f64(),
            Elements::Double(values) => values,
        }
    }
}

/// Values above that many elements are kept in f32.
const LARGE: usize = 1 << 14;

#[expect(clippy::cast_possible_truncation, reason = "weights are f32 in the end")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// The values that are still needed.
struct Values<'s> {
    preparation: &'s Preparation,
    source: &'s dyn TensorSource,
    known: BTreeMap<ValueId, Elements>,
    reads: BTreeMap<ValueId, usize>,
    /// The memory of a large value that was dropped, for the next one: the system needs long to give new memory, and
    /// allocators keep pieces of it that are given back one by one.
    spare: Vec<f32>,
}

impl Values<'_> {
    /// Counts one read; the elements go with the last.
    fn release(&mut self, id: ValueId) {
        if let Some(reads) = self.reads.get_mut(&id) {
            *reads = reads.saturating_sub(1);
            if *reads == 0
                && let Some(Elements::Single(elements) | Elements::Kernels(elements)) = self.known.remove(&id)
                && elements.capacity() > self.spare.capacity()
            {
                self.spare = elements;
            }
        }
    }

    /// Makes a value known, and before it all that it is computed from.
    fn compute(&mut self, id: ValueId) -> Result<(), PrepareError> {
        let mut open = vec![id];
        while let Some(&id) = open.last() {
            let Some(value) = self.preparation.values.get(id.0).filter(|_| !self.known.contains_key(&id)) else {
                open.pop();
                continue;
            };
            let missing = value.operands().into_iter().find(|operand| !self.known.contains_key(operand));
            if let Some(operand) = missing.filter(|operand| *operand < id) {
                open.push(operand);
                continue;
            }
            let elements = self.evaluate(value)?;
            self.known.insert(id, elements);
            for operand in value.operands() {
                self.release(operand);
            }
            open.pop();
        }
        Ok(())
    }

    /// An operand in memory that the result may have: its own if nothing else reads it, which is no longer known then.
    fn taken(&mut self, id: ValueId) -> Result<Elements, PrepareError> {
        let last = if self.reads.get(&id) == Some(&1) { self.known.remove(&id) } else { None };
        last.map_or_else(|| self.operand(id).cloned(), Ok)
    }

    fn operand(&self, id: ValueId) -> Result<&Elements, PrepareError> {
        self.known.get(&id).ok_or(PrepareError::Length { expected: 1, found: 0 })
    }

    fn evaluate(&mut self, value: &Value) -> Result<Elements, PrepareError> {
        Ok(match value {
            Value::Stored { index, length } => {
                let mut elements = if *length > LARGE { core::mem::take(&mut self.spare) } else { Vec::new() };
                elements.clear();
                if !self.source.append(*index, &mut elements)? {
                    return Err(PrepareError::MissingTensor(*index));
                }
                same_length(*length, elements.len())?;
                Elements::Single(elements)
            }
            Value::Constant(values) => Elements::Double(values.to_vec()),
            Value::InverseSqrt { of, eps } => {
                let of = self.operand(*of)?.to_f64();
                Elements::Double(of.into_iter().map(|value| 1.0 / sqrt(value + eps)).collect())
            }
            Value::Vector { operator, left, right, inner } => {
                let right = self.operand(*right)?.to_f64();
                vector(*operator, self.taken(*left)?, &right, *inner)?
            }
            Value::Sum { left, right } => {
                same_length(self.operand(*left)?.len(), self.operand(*right)?.len())?;
                sum(self.taken(*left)?, self.operand(*right)?)
            }
            Value::Embed { of, size, offset, kernel } => match self.operand(*of)? {
                Elements::Single(values) if values.len() > LARGE => {
                    Elements::Single(embed(values, *size, *offset, *kernel)?)
                }
                values => Elements::Double(embed(&values.to_f64(), *size, *offset, *kernel)?),
            },
            Value::Diagonal { of, inputs } => {
                let factors = self.operand(*of)?.to_f64();
                let mut kernel = vec![0.0; factors.len() * inputs];
                for (channel, (row, factor)) in kernel.chunks_exact_mut((*inputs).max(1)).zip(factors).enumerate() {
                    if let Some(element) = row.get_mut(channel % inputs) {
                        *element = factor;
                    }
                }
                Elements::Double(kernel)
            }
            Value::Winograd { of } => match self.taken(*of)? {
                Elements::Single(kernels) if kernels.len() > LARGE => Elements::Kernels(kernels),
                kernels => Elements::Double(winograd::filters(kernels.into_f64().into_iter())),
            },
            Value::Select { of, indices } => {
                let mut all = Vec::new();
                for value in of {
                    all.extend(self.operand(*value)?.to_f64());
                }
                let element = |index: &u32| all.get(usize::try_from(*index).ok()?).copied();
                let selected: Option<Vec<f64>> = indices.iter().map(element).collect();
                let short = PrepareError::Length { expected: indices.len(), found: all.len() };
                Elements::Double(selected.ok_or(short)?)
            }
        })
    }
}

fn same_length(expected: usize, found: usize) -> Result<(), PrepareError> {
    if expected == found { Ok(()) } else { Err(PrepareError::Length { expected, found }) }
}

/// The sum of two values of one length, in the memory of `left`.
fn sum(left: Elements, right: &Elements) -> Elements {
    match (left, right) {
        (Elements::Single(mut result), Elements::Single(right)) if result.len() > LARGE => {
            result.iter_mut().zip(right).for_each(|(value, right)| *value += right);
            Elements::Single(result)
        }
        (Elements::Single(mut result), Elements::Double(right)) if result.len() > LARGE => {
            result.iter_mut().zip(right).for_each(|(value, right)| *value = narrow(f64::from(*value) + right));
            Elements::Single(result)
        }
        (left, right) => {
            let mut result = left.into_f64();
            match right {
                Elements::Double(right) => result.iter_mut().zip(right).for_each(|(value, right)| *value += right),
                right => result.iter_mut().zip(right.to_f64()).for_each(|(value, right)| *value += right),
            }
            Elements::Double(result)
        }
    }
}

/// See [`Value::Vector`]; the result has the memory of `left`.
fn vector(operator: Arithmetic, left: Elements, right: &[f64], inner: usize) -> Result<Elements, PrepareError> {
    let inner = inner.max(1);
    if right.is_empty() || !left.len().is_multiple_of(inner * right.len()) {
        return Err(PrepareError::Length { expected: inner * right.len(), found: left.len() });
    }
    let apply = |left: f64, right: f64| match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    };
    let factors = right.iter().copied().cycle();
    Ok(match left {
        Elements::Single(mut result) if result.len() > LARGE => {
            for (run, factor) in result.chunks_exact_mut(inner).zip(factors) {
                run.iter_mut().for_each(|value| *value = narrow(apply(f64::from(*value), factor)));
            }
            Elements::Single(result)
        }
        left => {
            let mut result = left.into_f64();
            for (run, factor) in result.chunks_exact_mut(inner).zip(factors) {
                run.iter_mut().for_each(|value| *value = apply(*value, factor));
            }
            Elements::Double(result)
        }
    })
}

/// See [`Value::Embed`].
fn embed<Number: Copy + Default>(
    values: &[Number],
    [height, width]: [usize; 2],
    [first_row, first_column]: [usize; 2],
    [rows, columns]: [usize; 2],
) -> Result<Vec<Number>, PrepareError> {
    let size = (height * width).max(1);
    if first_row + height > rows || first_column + width > columns || !values.len().is_multiple_of(size) {
        return Err(PrepareError::Length { expected: rows * columns, found: size });
    }
    let mut embedded = vec![Number::default(); values.len() / size * rows * columns];
    for (small, large) in values.chunks_exact(size).zip(embedded.chunks_exact_mut((rows * columns).max(1))) {
        let lines = large.chunks_exact_mut(columns.max(1)).skip(first_row);
        for (line, source) in lines.zip(small.chunks_exact(width.max(1))) {
            for (element, value) in line.iter_mut().skip(first_column).zip(source) {
                *element = *value;
            }
        }
    }
    Ok(embedded)
}

#[cfg(test)]
mod tests;
