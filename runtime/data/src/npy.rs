//! Tensors in NumPy's file format: any numeric type and order in, little-endian `f32` in C order out.
//!
//! The header is untrusted text. It is read here, in linear time: the crate `npyz` parses it as a Python expression, which takes
//! time exponential in nested brackets, and multiplies the shape unchecked.

use std::path::Path;

use crate::error::{DataError, Problem};
use crate::files::write_whole;

mod element;
mod header;

use element::Element;
pub(crate) use element::SUPPORTED_DTYPES;
use header::{Header, MAGIC};

/// Whether the bytes are those of a `.npy` file.
pub fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads a tensor: its shape, and its values in row-major order.
///
/// If a shape is expected, the tensor must have it and it is the shape that is returned; the file may leave out a
/// leading batch of 1.
///
/// # Errors
/// If the file is malformed, has elements that are no numbers, or another shape than expected.
pub fn read(bytes: &[u8], expected: Option<&[usize]>) -> Result<(Vec<usize>, Vec<f32>), DataError> {
    let malformed = |reason| Problem::MalformedNpy { reason };
    let (header, payload) = Header::parse(bytes).map_err(malformed)?;
    let Some(element) = Element::from_dtype(&header.dtype) else {
        let dtype = header.dtype;
        return Err(Problem::UnsupportedDtype { dtype }.into());
    };
    if let Some(expected) = expected
        && !fits(&header.shape, expected)
    {
        return Err(Problem::ShapeMismatch { found: header.shape, expected: expected.to_vec() }.into());
    }

    let announced = header.shape.iter().try_fold(element.bytes(), |product, dimension| product.checked_mul(*dimension));
    if announced != Some(payload.len()) {
        let (shape, dtype) = (&header.shape, &header.dtype);
        let found = payload.len();
        let reason = match announced {
            Some(bytes) => format!("shape {shape:?} of {dtype} takes {bytes} bytes, found {found}"),
            None => format!("shape {shape:?} is too large"),
        };
        return Err(malformed(reason).into());
    }

    let values = element.decode(payload);
    let values = if header.fortran_order { to_row_major(&header.shape, &values) } else { values };
    let shape = expected.map_or(header.shape, <[usize]>::to_vec);
    Ok((shape, values))
}

/// Writes a tensor of `shape` whose values are in row-major order; the file is whole or not there.
///
/// # Errors
/// If the shape takes another number of values, or the file cannot be written.
pub fn write(path: &Path, shape: &[usize], values: &[f32]) -> Result<(), DataError> {
    let count = shape.iter().try_fold(1_usize, |product, dimension| product.checked_mul(*dimension));
    if count != Some(values.len()) {
        let reason = format!("{} values do not fill shape {shape:?}", values.len());
        return Err(DataError::from(Problem::CannotWrite { reason }).about(path.display()));
    }
    let mut bytes = Header { dtype: "<f4".to_owned(), fortran_order: false, shape: shape.to_vec() }.to_bytes();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    write_whole(path, &bytes)
}

/// Whether a tensor of shape `found` may stand for one of shape `expected`.
fn fits(found: &[usize], expected: &[usize]) -> bool {
    found == expected || matches!(expected, [1, rest @ ..] if found == rest)
}

/// Values stored with the first dimension running fastest, put in the order where the last does.
fn to_row_major(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for dimension in shape {
        strides.push(stride);
        stride *= dimension;
    }

    let mut result = Vec::with_capacity(values.len());
    let mut index = vec![0; shape.len()];
    let mut offset = 0;
    while let Some(value) = values.get(offset).filter(|_| result.len() < values.len()) {
        result.push(*value);
        // Counts up from the last dimension, like an odometer.
        let wheels = index.iter_mut().zip(shape).zip(&strides).rev();
        for ((position, dimension), stride) in wheels {
            *position += 1;
            offset += stride;
            if *position < *dimension {
                break;
            }
            offset -= *position * stride;
            *position = 0;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these elements.
    fn file(dtype: &str, fortran_order: bool, shape: &[usize], payload: &[u8]) -> Vec<u8> {
        let mut bytes = Header { dtype: dtype.to_owned(), fortran_order, shape: shape.to_vec() }.to_bytes();
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tensor.npy");
        let values = [1.5, -2.0, f32::INFINITY, 0.1, 1e-40, -0.0];
        for shape in [&[6][..], &[2, 3], &[1, 2, 1, 3]] {
            write(&path, shape, &values).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert!(is_npy(&bytes));
            assert_eq!(read(&bytes, None), Ok((shape.to_vec(), values.to_vec())));
        }
        write(&path, &[], &[7.0]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(read(&bytes, None), Ok((vec![], vec![7.0])));

        let error = write(&path, &[2, 2], &values).unwrap_err();
        assert!(error.to_string().ends_with("6 values do not fill shape [2, 2]"));
    }

    #[test]
    fn fortran_order_is_turned_round() {
        let payload: Vec<u8> = (0..24).collect();
        let bytes = file("|u1", true, &[2, 3, 4], &payload);
        let (_, values) = read(&bytes, None).unwrap();
        let mut expected = Vec::new();
        for i in 0..2 {
            for j in 0..3 {
                for k in 0..4 {
                    expected.push((i + 2 * j + 6 * k) as f32);
                }
            }
        }
        assert_eq!(values, expected);
        let empty = file("|u1", true, &[2, 0], &[]);
        assert_eq!(read(&empty, None), Ok((vec![2, 0], vec![])));
        let scalar = file("|u1", true, &[], &[3]);
        assert_eq!(read(&scalar, None), Ok((vec![], vec![3.0])));
    }

    #[test]
    fn a_batch_of_one_may_be_left_out_and_nothing_else() {
        let bytes = file("|u1", false, &[3, 1, 2], &[0; 6]);
        let (shape, _) = read(&bytes, Some(&[1, 3, 1, 2])).unwrap();
        assert_eq!(shape, [1, 3, 1, 2]);
        for expected in [&[2, 3, 1, 2][..], &[3, 2, 1], &[1, 1, 3, 1, 2], &[6]] {
            let error = read(&bytes, Some(expected)).unwrap_err();
            assert_eq!(error.to_string(), format!("found shape [3, 1, 2], expected {expected:?}"));
        }
    }

    #[test]
    fn a_payload_of_another_length_is_malformed() {
        for payload in [0, 11, 13] {
            let bytes = file("<f4", false, &[3], &vec![0; payload]);
            let error = read(&bytes, None).unwrap_err();
            assert_eq!(error.notes(), [format!("shape [3] of <f4 takes 12 bytes, found {payload}")]);
        }
        let bytes = file("<f4", false, &[usize::MAX, 2], &[]);
        let error = read(&bytes, None).unwrap_err();
        assert_eq!(error.to_string(), "malformed .npy file");
    }

    #[test]
    fn elements_that_are_no_numbers_are_named() {
        let bytes = file("<c8", false, &[1], &[0; 8]);
        let error = read(&bytes, None).unwrap_err();
        assert_eq!(error.to_string(), "elements of type <c8 are not supported");
    }
}
