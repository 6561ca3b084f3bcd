//! Shapes: what every tensor of a graph has, as plain numbers.

use std::fmt;

use crate::limits::{MAX_RANK, MAX_TENSOR_ELEMENTS};

/// The dimensions of a tensor, outermost first. Images are `[batch, channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape of these dimensions.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Shape(dims.into())
    }

    /// The dimensions.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// How many dimensions there are.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// How many elements a tensor of this shape has. Exact for every shape in a graph, see [`Shape::is_too_large`]; saturates
    /// for others.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.elements_exact().and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
    }

    /// Whether the shape exceeds what a graph may hold.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.len() > MAX_RANK || self.elements_exact().is_none_or(|count| count > MAX_TENSOR_ELEMENTS)
    }

    /// The number of elements; `None` past 2^128.
    #[must_use]
    pub fn elements_exact(&self) -> Option<u128> {
        // A zero dimension must not hide an overflow in the others.
        let count = self.0.iter().try_fold(1u128, |product, &dim| product.checked_mul(dim.max(1) as u128))?;
        Some(if self.0.contains(&0) { 0 } else { count })
    }

    /// The distance in elements between neighbours along each dimension, in row-major order.
    #[must_use]
    pub fn strides(&self) -> Vec<usize> {
        let mut strides: Vec<usize> = Vec::with_capacity(self.0.len());
        let mut step = 1;
        for &dim in self.0.iter().rev() {
            strides.push(step);
            step *= dim;
        }
        strides.reverse();
        strides
    }

    /// The four dimensions of an image tensor, if it is one.
    #[must_use]
    pub fn nchw(&self) -> Option<[usize; 4]> {
        <[usize; 4]>::try_from(self.0.as_slice()).ok()
    }

    /// The shape with the dimension at `index` replaced; unchanged if there is no such dimension.
    #[must_use]
    pub fn with_dim(&self, index: usize, size: usize) -> Shape {
        let mut dims = self.0.clone();
        if let Some(dim) = dims.get_mut(index) {
            *dim = size;
        }
        Shape(dims)
    }

    /// The shape that both broadcast to by NumPy's rule (aligned at the last dimension, 1 stretches); `None` if they do not.
    #[must_use]
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let dim = |shape: &Shape, index: usize| {
            (index + shape.rank()).checked_sub(rank).and_then(|own| shape.0.get(own).copied()).unwrap_or(1)
        };
        (0..rank)
            .map(|index| match (dim(self, index), dim(other, index)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<usize>>>()
            .map(Shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No graph holds shapes with more dimensions; errors about them stay readable.
        const SHOWN: usize = 16;
        f.write_str("[")?;
        for (index, dim) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{dim}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.0.len() > SHOWN { ", …]" } else { "]" })
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(dims.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let shape = |dims: &[usize]| Shape::new(dims);
        assert_eq!(shape(&[2, 3, 4]).broadcast(&shape(&[3, 1])), Some(shape(&[2, 3, 4])));
        assert_eq!(shape(&[]).broadcast(&shape(&[5])), Some(shape(&[5])));
        assert_eq!(shape(&[2, 1]).broadcast(&shape(&[1, 3])), Some(shape(&[2, 3])));
        assert_eq!(shape(&[2, 3]).broadcast(&shape(&[2])), None);
    }

    #[test]
    fn a_zero_does_not_hide_an_overflow() {
        assert!(Shape::from([0, usize::MAX, usize::MAX, usize::MAX]).is_too_large());
        assert!(!Shape::from([0, 5]).is_too_large());
        assert_eq!(Shape::from([2, 3, 4]).strides(), [12, 4, 1]);
    }
}
