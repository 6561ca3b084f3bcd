//! Tensors whose values are known: read from the file, moved around, and computed with.
//!
//! Invariant: a constant has as many elements as its shape says.

use std::rc::Rc;

use half::{bf16, f16};

use super::error::Reason;
use super::size::Size;
use crate::onnx::ExternalData;
use crate::onnx::proto::{DataLocation, DataType, TensorProto};

/// A tensor with its values.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    /// What the file calls the tensor that it was made of; weights get their names from it.
    pub(super) name: Option<Rc<str>>,
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

/// The values in row-major order.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Numbers; doubles and halves were converted.
    Floats(Rc<Vec<f32>>),
    /// Whole numbers, and truth values as 0 and 1.
    Wholes(Rc<Vec<Size>>),
}

impl Constant {
    pub(super) fn floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Constant { name: None, shape, data: Data::Floats(Rc::new(values)) }
    }

    /// A list of whole numbers.
    pub(super) fn list(values: Vec<Size>) -> Self {
        Constant { name: None, shape: vec![values.len()], data: Data::Wholes(Rc::new(values)) }
    }

    pub(super) fn wholes(shape: Vec<usize>, values: Vec<Size>) -> Self {
        Constant { name: None, shape, data: Data::Wholes(Rc::new(values)) }
    }

    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(values) => values.len(),
            Data::Wholes(values) => values.len(),
        }
    }

    /// All elements as whole numbers, if they are.
    pub(super) fn sizes(&self) -> Option<&[Size]> {
        match &self.data {
            Data::Wholes(values) => Some(values),
            Data::Floats(_) => None,
        }
    }

    /// All elements as whole numbers that do not depend on the batch.
    pub(super) fn fixed(&self) -> Option<Vec<i64>> {
        self.sizes()?.iter().map(|size| size.fixed()).collect()
    }

    /// All elements as numbers, where they do not depend on the batch.
    pub(super) fn numbers(&self) -> Option<Rc<Vec<f32>>> {
        match &self.data {
            Data::Floats(values) => Some(Rc::clone(values)),
            #[expect(clippy::cast_precision_loss, reason = "ONNX converts in the same way")]
            Data::Wholes(values) => {
                let number = |size: &Size| size.fixed().map(|value| value as f32);
                Some(Rc::new(values.iter().map(number).collect::<Option<_>>()?))
            }
        }
    }

    /// The number, if there is one element.
    pub(super) fn number(&self) -> Option<f64> {
        match self.numbers()?.as_slice() {
            [number] => Some(decimal(*number)),
            _ => None,
        }
    }

    /// Whether every element is that number.
    #[expect(clippy::float_cmp, reason = "the numbers of interest, 0 and 1, are exact")]
    pub(super) fn is_all(&self, number: f32) -> bool {
        self.numbers().is_some_and(|numbers| numbers.iter().all(|value| *value == number))
    }

    /// The same elements in another shape; nothing if it has another number of them.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Option<Constant> {
        let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size))?;
        (count == self.len()).then(|| Constant { shape, ..self.clone() })
    }

    /// A tensor of the elements at these places.
    pub(super) fn taken(&self, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Option<Constant> {
        let data = match &self.data {
            Data::Floats(values) => {
                Data::Floats(Rc::new(places.map(|place| values.get(place).copied()).collect::<Option<_>>()?))
            }
            Data::Wholes(values) => {
                Data::Wholes(Rc::new(places.map(|place| values.get(place).copied()).collect::<Option<_>>()?))
            }
        };
        Some(Constant { name: self.name.clone(), shape, data })
    }

    /// The dimensions in another order.
    pub(super) fn permuted(&self, order: &[usize]) -> Option<Constant> {
        let strides = strides(&self.shape);
        let shape: Vec<usize> = order.iter().map(|dim| self.shape.get(*dim).copied()).collect::<Option<_>>()?;
        let steps: Vec<usize> = order.iter().map(|dim| strides.get(*dim).copied()).collect::<Option<_>>()?;
        let places = places(&shape, &steps);
        self.taken(shape, places)
    }

    /// Repeated along dimensions of one element, by NumPy's rule.
    pub(super) fn expanded(&self, shape: &[usize]) -> Option<Constant> {
        let added = shape.len().checked_sub(self.shape.len())?;
        let own = strides(&self.shape);
        let mut steps = vec![0; added];
        for ((size, stride), wanted) in self.shape.iter().zip(own).zip(shape.get(added..)?) {
            steps.push(match (size, wanted) {
                (1, _) => 0,
                (size, wanted) if size == wanted => stride,
                _ => return None,
            });
        }
        self.taken(shape.to_vec(), places(shape, &steps))
    }
}

/// How far neighbours along each dimension are apart.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    let mut stride = 1_usize;
    for (place, size) in strides.iter_mut().zip(shape).rev() {
        *place = stride;
        stride = stride.saturating_mul((*size).max(1));
    }
    strides
}

/// The places of all elements of a tensor of this shape whose dimensions are so far apart.
pub(super) fn places(shape: &[usize], steps: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let dims: Vec<(usize, usize, usize)> = shape
        .iter()
        .zip(strides(shape))
        .zip(steps)
        .map(|((size, stride), step)| (*size, stride.max(1), *step))
        .collect();
    let count = shape.iter().product::<usize>();
    (0..count).map(move |index| dims.iter().map(|(size, stride, step)| index / stride % (*size).max(1) * step).sum())
}

/// The shortest decimal number that reads as this f32: `1e-5` for the one nearest to it.
pub(super) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// The most elements that a tensor may have, as in the compiler.
const MAX_ELEMENTS: usize = 1 << 28;

/// The tensor that a message describes.
pub(super) fn read(proto: &TensorProto, external: &dyn ExternalData) -> Result<Constant, Reason> {
    let shape: Vec<usize> = proto
        .dims
        .iter()
        .map(|dim| usize::try_from(*dim).map_err(|_| Reason::Shape(format!("a dimension of size {dim}"))))
        .collect::<Result<_, _>>()?;
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
    let count =
        count.filter(|count| *count <= MAX_ELEMENTS).ok_or_else(|| Reason::Shape("too many elements".to_owned()))?;
    let stored;
    let raw = if proto.data_location == Some(DataLocation::External.into()) {
        stored = read_external(proto, external)?;
        Some(stored.as_slice())
    } else {
        proto.raw_data.as_deref()
    };
    let data = values(proto, raw)?;
    let constant = Constant { name: (!proto.name.is_empty()).then(|| proto.name.as_str().into()), shape, data };
    if constant.len() == count { Ok(constant) } else { Err(Reason::Length) }
}

fn read_external(proto: &TensorProto, external: &dyn ExternalData) -> Result<Vec<u8>, Reason> {
    let entry = |key: &str| proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let location = entry("location").unwrap_or_default();
    let fails = |reason: String| Reason::External { location: location.to_owned(), reason };
    let number = |key: &str| match entry(key) {
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| fails(format!("its {key} is `{text}`"))),
        None => Ok(None),
    };
    external.read(location, number("offset")?.unwrap_or(0), number("length")?).map_err(fails)
}

/// The elements, as numbers or as whole numbers.
fn values(proto: &TensorProto, raw: Option<&[u8]>) -> Result<Data, Reason> {
    let data_type = DataType::try_from(proto.data_type).unwrap_or(DataType::Undefined);
    let of_32_bits = &proto.int32_data;
    let floats = |values: Vec<f32>| Data::Floats(Rc::new(values));
    let wholes = |values: Vec<i64>| Data::Wholes(Rc::new(super::size::known(&values)));
    // The elements of small types stand one each in 32 bits, of which the lower ones count.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the format says so")]
    let half = |value: &i32| *value as u16;
    #[expect(clippy::cast_possible_truncation, reason = "weights are in single precision")]
    let single = |value: f64| value as f32;
    Ok(match (data_type, raw) {
        (DataType::Float, Some(raw)) => floats(numbers(raw, f32::from_le_bytes)?),
        (DataType::Float, None) => floats(proto.float_data.clone()),
        (DataType::Double, Some(raw)) => floats(numbers(raw, |bytes| single(f64::from_le_bytes(bytes)))?),
        (DataType::Double, None) => floats(proto.double_data.iter().map(|value| single(*value)).collect()),
        (DataType::Float16, Some(raw)) => floats(numbers(raw, |bytes| f16::from_le_bytes(bytes).to_f32())?),
        (DataType::Float16, None) => {
            floats(of_32_bits.iter().map(|value| f16::from_bits(half(value)).to_f32()).collect())
        }
        (DataType::Bfloat16, Some(raw)) => floats(numbers(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())?),
        (DataType::Bfloat16, None) => {
            floats(of_32_bits.iter().map(|value| bf16::from_bits(half(value)).to_f32()).collect())
        }
        (DataType::Int64, Some(raw)) => wholes(numbers(raw, i64::from_le_bytes)?),
        (DataType::Int64, None) => wholes(proto.int64_data.clone()),
        (DataType::Int32, Some(raw)) => wholes(numbers(raw, |bytes| i32::from_le_bytes(bytes).into())?),
        (DataType::Uint8 | DataType::Bool, Some(raw)) => wholes(raw.iter().map(|byte| i64::from(*byte)).collect()),
        (DataType::Int8, Some(raw)) => wholes(numbers(raw, |bytes| i8::from_le_bytes(bytes).into())?),
        (DataType::Int32 | DataType::Uint8 | DataType::Int8 | DataType::Bool, None) => {
            wholes(of_32_bits.iter().map(|value| i64::from(*value)).collect())
        }
        (other, _) => return Err(Reason::Type(format!("{other:?}").to_lowercase())),
    })
}

/// Every `SIZE` bytes as one number.
fn numbers<const SIZE: usize, Number>(
    bytes: &[u8],
    number: impl Fn([u8; SIZE]) -> Number,
) -> Result<Vec<Number>, Reason> {
    let (elements, rest) = bytes.as_chunks::<SIZE>();
    if rest.is_empty() { Ok(elements.iter().map(|element| number(*element)).collect()) } else { Err(Reason::Length) }
}
