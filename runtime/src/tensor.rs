//! A dense array of `f32` with its shape: the input and the output of a network.
//!
//! Row-major: the last dimension is the fastest. Images are NCHW: `[batch, channels, height, width]`.
//! Invariant: the data holds exactly as many elements as the shape says.

use crate::shape::{ShowShape, element_count};
use alloc::vec::Vec;

/// A dense, row-major array of `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// A shape that does not fit its data, or that no memory can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The data has another number of elements than the shape says.
    #[error("a tensor of shape {} has {expected} elements, not {found}", ShowShape(.shape))]
    WrongLength {
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// Elements of that shape.
        expected: usize,
        /// Elements of the data.
        found: usize,
    },
    /// The elements take more bytes than an address can count.
    #[error("a tensor of shape {} does not fit in memory", ShowShape(.shape))]
    TooLarge {
        /// The shape that was asked for.
        shape: Vec<usize>,
    },
}

impl Tensor {
    /// A tensor of this shape over `data`, which is in row-major order. The empty shape is one number.
    ///
    /// # Errors
    /// [`ShapeError::WrongLength`] if `data` has another number of elements than `shape` says, and
    /// [`ShapeError::TooLarge`] if that number exceeds `usize`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, ShapeError> {
        match element_count(&shape) {
            None => Err(ShapeError::TooLarge { shape }),
            Some(expected) if expected != data.len() => {
                Err(ShapeError::WrongLength { shape, expected, found: data.len() })
            }
            Some(_) => Ok(Tensor { shape, data }),
        }
    }

    /// A tensor of this shape whose elements are all 0.
    ///
    /// # Errors
    /// [`ShapeError::TooLarge`] if the elements take more than `isize::MAX` bytes, or more than the system gives.
    pub fn zeros(shape: Vec<usize>) -> Result<Self, ShapeError> {
        let mut data = Vec::new();
        match element_count(&shape) {
            Some(length) if data.try_reserve_exact(length).is_ok() => {
                data.resize(length, 0.0);
                Ok(Tensor { shape, data })
            }
            Some(_) | None => Err(ShapeError::TooLarge { shape }),
        }
    }

    /// The dimensions, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The elements in row-major order, without copying them.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element, because a dimension is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_shape_and_data() {
        let tensor = Tensor::new(vec![1, 2, 1, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(tensor.shape(), [1, 2, 1, 2]);
        assert_eq!(tensor.data(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(tensor.len(), 4);
        assert!(!tensor.is_empty());
        assert_eq!(tensor.into_data(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn zeros_has_the_shape() {
        assert_eq!(Tensor::zeros(vec![2, 3]).unwrap().data(), [0.0; 6]);
        assert!(Tensor::zeros(vec![2, 0]).unwrap().is_empty());
        assert_eq!(Tensor::zeros(vec![]).unwrap().len(), 1);
    }

    #[test]
    fn refuses_data_of_another_length() {
        let error = Tensor::new(vec![2, 2], vec![0.0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "a tensor of shape [2, 2] has 4 elements, not 5");
    }

    #[test]
    fn refuses_shapes_beyond_memory() {
        let overflowing = vec![usize::MAX, 2];
        let error = Tensor::new(overflowing.clone(), vec![]).unwrap_err();
        assert!(error.to_string().ends_with("does not fit in memory"), "{error}");
        assert!(Tensor::zeros(overflowing).is_err());
        assert!(Tensor::zeros(vec![usize::MAX]).is_err());
    }
}
