//! Writes tensors of weight files into a new one: under other names, in other element types.
//!
//! Tensors are read and written piece by piece, so that no tensor is ever in memory as a whole.

use super::error::ReadError;
use super::file::StoredTensor;
use super::save::{Entry, SaveError, save_entries};
use super::storage::StoredBytes;
use super::view::{ElementType, PIECE, TensorView};
use half::{bf16, f16};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// A tensor of a weight file, to be saved in another.
#[derive(Debug, Clone)]
pub struct ConvertedTensor<'a> {
    /// Its name in the new file.
    pub name: &'a str,
    /// What the old file says about it, with its elements.
    pub stored: StoredTensor<'a>,
    /// The tensor as numbers and the element type it gets; `None` keeps the bytes as they are.
    pub conversion: Option<(TensorView<'a>, ElementType)>,
}

/// Writes `tensors` and the notes `metadata` as a safetensors file, in the same way as [`save()`](super::save()). Numbers are
/// rounded to the nearest of their new type; those beyond its range become infinite ([`TensorView::overflows`] tells).
///
/// # Errors
/// [`SaveError`] if a name is used twice or reserved, there are too many tensors, or the file cannot be written.
pub fn save_converted(
    path: impl AsRef<Path>,
    tensors: &[ConvertedTensor<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<(), SaveError> {
    let entries = tensors.iter().map(|tensor| match tensor.conversion {
        Some((view, to)) if view.element_type() != to => Entry {
            name: tensor.name,
            type_name: to.stored_name(),
            shape: tensor.stored.shape,
            length: view.len() * to.size(),
            write: Box::new(move |writer| write_as(view, to, writer)),
        },
        Some(_) | None => Entry {
            name: tensor.name,
            type_name: &tensor.stored.type_name,
            shape: tensor.stored.shape,
            length: tensor.stored.bytes.len(),
            write: Box::new(|writer| copy(tensor.stored.bytes, writer)),
        },
    });
    save_entries(path.as_ref(), entries.collect(), metadata)
}

/// Writes the elements of a tensor as they are.
fn copy(bytes: StoredBytes<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let mut buffer = Vec::new();
    bytes.pieces(PIECE).try_for_each(|piece| writer.write_all(piece.read(&mut buffer).map_err(io::Error::other)?))
}

/// Writes the elements of a tensor as numbers of another type.
fn write_as(view: TensorView<'_>, to: ElementType, writer: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(PIECE * to.size());
    for piece in pieces(view) {
        bytes.clear();
        for number in piece.to_f64().map_err(io::Error::other)? {
            match to {
                ElementType::F16 => bytes.extend(f16::from_f64(number).to_le_bytes()),
                ElementType::Bf16 => bytes.extend(bf16::from_f64(number).to_le_bytes()),
                ElementType::F32 => bytes.extend((number as f32).to_le_bytes()),
                ElementType::F64 => bytes.extend(number.to_le_bytes()),
            }
        }
        writer.write_all(&bytes)?;
    }
    Ok(())
}

/// The tensor in pieces that fit a cache.
fn pieces(view: TensorView<'_>) -> impl Iterator<Item = TensorView<'_>> {
    view.bytes.pieces(PIECE * view.element_type.size()).map(move |bytes| TensorView { bytes, ..view })
}

impl TensorView<'_> {
    /// How many finite elements become infinite when they are converted to `to`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn overflows(&self, to: ElementType) -> Result<usize, ReadError> {
        let becomes_infinite = |number: f64| match to {
            ElementType::F16 => f16::from_f64(number).is_infinite(),
            ElementType::Bf16 => bf16::from_f64(number).is_infinite(),
            ElementType::F32 => (number as f32).is_infinite(),
            ElementType::F64 => false,
        };
        let lost = |number: &f64| number.is_finite() && becomes_infinite(*number);
        pieces(*self).map(|piece| Ok(piece.to_f64()?.iter().filter(|number| lost(number)).count())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::WeightFile;
    use crate::weights::test_files::{f32_bytes, file_with};
    use safetensors::Dtype;

    /// The file with every tensor as `to`, under the same names.
    fn converted(file: &WeightFile, to: ElementType) -> WeightFile {
        let tensors: Vec<ConvertedTensor<'_>> = file
            .names()
            .map(|name| ConvertedTensor {
                name,
                stored: file.stored(name).unwrap(),
                conversion: file.tensor(name).map(|view| (view, to)),
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("converted");
        save_converted(&path, &tensors, &BTreeMap::new()).unwrap();
        WeightFile::open(&path).unwrap()
    }

    #[test]
    fn rounds_numbers_and_keeps_the_bytes_of_all_else() {
        // More elements than a piece, of which most are no numbers of 16 bits.
        let values: Vec<f32> = (0..PIECE as i16 + 5).map(|index| f32::from(index) * 0.37 - 900.0).collect();
        let file = file_with(&[
            ("steps", Dtype::I64, &[1], &7_i64.to_le_bytes()),
            ("w", Dtype::F32, &[values.len()], &f32_bytes(&values)),
        ]);
        let file = WeightFile::from_bytes(file).unwrap();
        for (to, rounded) in [
            (ElementType::F16, values.iter().map(|&value| f16::from_f32(value).to_f64()).collect::<Vec<_>>()),
            (ElementType::Bf16, values.iter().map(|&value| bf16::from_f32(value).to_f64()).collect()),
            (ElementType::F32, values.iter().map(|&value| f64::from(value)).collect()),
            (ElementType::F64, values.iter().map(|&value| f64::from(value)).collect()),
        ] {
            let new = converted(&file, to);
            assert_eq!(new.tensor("w").unwrap().element_type(), to);
            assert_eq!(new.tensor("w").unwrap().to_f64().unwrap(), rounded, "{to}");
            let steps = |file: &WeightFile| {
                let stored = file.stored("steps").unwrap();
                (stored.type_name.clone(), stored.shape.to_vec(), stored.bytes.to_vec().unwrap())
            };
            assert_eq!(steps(&new), steps(&file));
        }
    }

    #[test]
    fn counts_what_a_type_cannot_hold() {
        let values = [1.0e5_f32, -65_504.0, f32::INFINITY, f32::NAN, 3.0e38];
        let file = file_with(&[("w", Dtype::F32, &[5], &f32_bytes(&values))]);
        let file = WeightFile::from_bytes(file).unwrap();
        let view = file.tensor("w").unwrap();
        assert_eq!(view.overflows(ElementType::F16), Ok(2));
        assert_eq!(view.overflows(ElementType::Bf16), Ok(0));
        assert_eq!(view.overflows(ElementType::F32), Ok(0));
    }
}
