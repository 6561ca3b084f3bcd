//! Tensors known at compile time, each once: those of equal type, shape and elements are the same initializer.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::draft::{whole, wholes};
use super::names::Names;
use crate::onnx::proto::{DataType, TensorProto};
use crate::shape::Shape;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Constants {
    tensors: Vec<TensorProto>,
    /// The places of those whose content has that hash.
    places: HashMap<u64, Vec<usize>>,
}

impl Constants {
    /// The name of the constant with these elements.
    #[expect(clippy::cast_possible_truncation, reason = "models compute in single precision")]
    pub(super) fn floats(&mut self, names: &mut Names, shape: &Shape, data: impl IntoIterator<Item = f64>) -> String {
        let bytes = data.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect();
        self.constant(names, DataType::Float, shape, bytes)
    }

    /// The name of the constant with these elements.
    pub(super) fn integers(&mut self, names: &mut Names, shape: &Shape, values: &[usize]) -> String {
        let bytes = values.iter().flat_map(|value| whole(*value).to_le_bytes()).collect();
        self.constant(names, DataType::Int64, shape, bytes)
    }

    /// All of them.
    pub(super) fn into_tensors(self) -> Vec<TensorProto> {
        self.tensors
    }

    fn constant(&mut self, names: &mut Names, data_type: DataType, shape: &Shape, bytes: Vec<u8>) -> String {
        let mut tensor = header("", data_type, shape);
        tensor.raw_data = Some(bytes);
        let mut hasher = DefaultHasher::new();
        (tensor.data_type, &tensor.dims, &tensor.raw_data).hash(&mut hasher);
        let places = self.places.entry(hasher.finish()).or_default();
        let is_same = |known: &&TensorProto| {
            known.data_type == tensor.data_type && known.dims == tensor.dims && known.raw_data == tensor.raw_data
        };
        if let Some(known) = places.iter().filter_map(|place| self.tensors.get(*place)).find(is_same) {
            return known.name.clone();
        }
        places.push(self.tensors.len());
        tensor.name = names.unique("constant");
        let name = tensor.name.clone();
        self.tensors.push(tensor);
        name
    }
}

/// A tensor of that name, type and shape, without elements.
pub(super) fn header(name: &str, data_type: DataType, shape: &Shape) -> TensorProto {
    let dims = wholes(shape.dims());
    TensorProto { name: name.to_owned(), data_type: data_type.into(), dims, ..Default::default() }
}
