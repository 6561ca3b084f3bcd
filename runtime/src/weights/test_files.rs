//! Small safetensors files for the tests, made by the safetensors library and not by our own writer.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A file with these tensors: name, element type, shape, bytes.
pub(crate) fn file_with(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|&(name, dtype, shape, bytes)| (name, TensorView::new(dtype, shape.to_vec(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// A file with `f32` tensors of these names and shapes, full of zeros.
pub(crate) fn file_of_zeros(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let data: Vec<Vec<u8>> = tensors.iter().map(|(_, shape)| vec![0; 4 * shape.iter().product::<usize>()]).collect();
    let tensors: Vec<_> =
        tensors.iter().zip(&data).map(|(&(name, shape), data)| (name, Dtype::F32, shape, data.as_slice())).collect();
    file_with(&tensors)
}

/// The little-endian bytes of these numbers.
pub(crate) fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
