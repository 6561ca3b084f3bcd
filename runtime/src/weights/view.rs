//! One tensor of a weight file: read when it is asked for, and converted to the numbers a program works with.
//!
//! Invariant: a view has as many bytes as its shape and its element type say (the header check made sure of it).

use super::error::ReadError;
use super::storage::StoredBytes;
use alloc::vec::Vec;
use core::fmt;
use half::{bf16, f16};
use safetensors::Dtype;

/// How the elements of a tensor are stored. All are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 half precision, 2 bytes.
    F16,
    /// The upper half of an `f32`, 2 bytes.
    Bf16,
    /// IEEE 754 single precision, 4 bytes.
    F32,
    /// IEEE 754 double precision, 8 bytes.
    F64,
}

impl ElementType {
    /// The element type of this safetensors type; `None` for the types that hold no weights (integers, eight-bit
    /// floats, ...).
    pub(crate) fn from_safetensors(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F16 => Some(ElementType::F16),
            Dtype::BF16 => Some(ElementType::Bf16),
            Dtype::F32 => Some(ElementType::F32),
            Dtype::F64 => Some(ElementType::F64),
            // Not a closed match: safetensors may add types in any release.
            _ => None,
        }
    }

    /// The name that safetensors has for it: `F32`, `BF16`.
    #[must_use]
    pub fn stored_name(self) -> &'static str {
        match self {
            ElementType::F16 => "F16",
            ElementType::Bf16 => "BF16",
            ElementType::F32 => "F32",
            ElementType::F64 => "F64",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            ElementType::F16 | ElementType::Bf16 => 2,
            ElementType::F32 => 4,
            ElementType::F64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ElementType::F16 => "f16",
            ElementType::Bf16 => "bf16",
            ElementType::F32 => "f32",
            ElementType::F64 => "f64",
        })
    }
}

/// How many elements are read in one go: few enough to be in a cache when they are converted.
pub(super) const PIECE: usize = 1 << 14;

/// One tensor of a weight file, borrowed from it.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'file> {
    pub(crate) name: &'file str,
    pub(crate) element_type: ElementType,
    pub(crate) shape: &'file [usize],
    pub(crate) bytes: StoredBytes<'file>,
}

impl<'file> TensorView<'file> {
    /// The name in the file.
    #[must_use]
    pub fn name(&self) -> &'file str {
        self.name
    }

    /// How the elements are stored.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// The dimensions as the file has them, outermost first.
    #[must_use]
    pub fn shape(&self) -> &'file [usize] {
        self.shape
    }

    /// The elements as stored: row-major, little-endian.
    #[must_use]
    pub fn bytes(&self) -> StoredBytes<'file> {
        self.bytes
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element_type.size()
    }

    /// Whether there is no element, because a dimension is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The elements in row-major order. Exact except from `f64`, which is rounded to the nearest `f32` (infinity beyond
    /// its range).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn to_f32(&self) -> Result<Vec<f32>, ReadError> {
        let mut elements = Vec::new();
        self.append_f32(&mut elements)?;
        Ok(elements)
    }

    /// Puts what [`TensorView::to_f32`] gives behind `elements`.
    ///
    /// # Errors
    /// When the file cannot be read; some may be there then.
    pub fn append_f32(&self, elements: &mut Vec<f32>) -> Result<(), ReadError> {
        match self.element_type {
            ElementType::F16 => self.decode(elements, |bytes| f16::from_le_bytes(bytes).to_f32()),
            ElementType::Bf16 => self.decode(elements, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            ElementType::F32 => self.decode(elements, f32::from_le_bytes),
            ElementType::F64 => self.decode(elements, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }

    /// The elements in row-major order, exact from every element type.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn to_f64(&self) -> Result<Vec<f64>, ReadError> {
        let mut elements = Vec::new();
        match self.element_type {
            ElementType::F16 => self.decode(&mut elements, |bytes| f16::from_le_bytes(bytes).to_f64()),
            ElementType::Bf16 => self.decode(&mut elements, |bytes| bf16::from_le_bytes(bytes).to_f64()),
            ElementType::F32 => self.decode(&mut elements, |bytes| f64::from(f32::from_le_bytes(bytes))),
            ElementType::F64 => self.decode(&mut elements, f64::from_le_bytes),
        }?;
        Ok(elements)
    }

    /// Every `SIZE` bytes as one number. There are no bytes left over, by the invariant of the view.
    fn decode<const SIZE: usize, Number>(
        &self,
        numbers: &mut Vec<Number>,
        number: impl Fn([u8; SIZE]) -> Number,
    ) -> Result<(), ReadError> {
        numbers.reserve_exact(self.len());
        let mut buffer = Vec::new();
        for piece in self.bytes.pieces(PIECE * SIZE) {
            let (elements, _) = piece.read(&mut buffer)?.as_chunks::<SIZE>();
            numbers.extend(elements.iter().map(|&element| number(element)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::WeightFile;
    use crate::weights::test_files::file_with;

    fn read(dtype: Dtype, bytes: &[u8]) -> (Vec<f32>, Vec<f64>) {
        let element_size = dtype.bitsize() / 8;
        let file = file_with(&[("w", dtype, &[bytes.len() / element_size], bytes)]);
        let file = WeightFile::from_bytes(file).unwrap();
        let view = file.tensor("w").unwrap();
        assert_eq!(view.bytes().to_vec().unwrap(), bytes);
        assert_eq!(view.len(), bytes.len() / element_size);
        (view.to_f32().unwrap(), view.to_f64().unwrap())
    }

    #[test]
    fn reads_f32_bit_for_bit() {
        let values = [1.5_f32, -0.0, f32::MIN_POSITIVE / 2.0, f32::INFINITY];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (single, double) = read(Dtype::F32, &bytes);
        assert_eq!(single.map_bits(), values.map(f32::to_bits));
        assert_eq!(double, values.map(f64::from));
    }

    #[test]
    fn reads_f16_exactly() {
        let values = [1.5_f32, -0.25, 65504.0, 5.960_464_5e-8];
        let bytes: Vec<u8> = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let (single, double) = read(Dtype::F16, &bytes);
        assert_eq!(single, values);
        assert_eq!(double, values.map(f64::from));
    }

    #[test]
    fn reads_bf16_exactly() {
        let values = [1.5_f32, -0.25, 3.0e38, -7.0];
        let stored = values.map(bf16::from_f32);
        let bytes: Vec<u8> = stored.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (single, double) = read(Dtype::BF16, &bytes);
        assert_eq!(single, stored.map(bf16::to_f32));
        assert_eq!(double, stored.map(bf16::to_f64));
    }

    #[test]
    fn reads_f64_and_rounds_it_to_f32() {
        let values = [0.1_f64, -1.0e300, 3.0];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (single, double) = read(Dtype::F64, &bytes);
        assert_eq!(single, [0.1, f32::NEG_INFINITY, 3.0]);
        assert_eq!(double, values);
    }

    /// Bits instead of values, to tell -0 from 0.
    trait MapBits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl MapBits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|value| value.to_bits()).collect()
        }
    }
}
