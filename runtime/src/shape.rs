//! Shapes: how many elements they hold, and how they are shown.

use core::fmt;

/// Dimensions shown before the rest is only counted. No network has tensors of more dimensions; a damaged file may.
const SHOWN_DIMENSIONS: usize = 8;

/// The number of elements of a tensor of this shape, 1 for the empty shape; `None` if it exceeds `usize`.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &dimension| count.checked_mul(dimension))
}

/// Shows a shape as `[64, 3, 7, 7]`, in bounded length.
pub(crate) struct ShowShape<'a>(pub(crate) &'a [usize]);

impl fmt::Display for ShowShape<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        for (index, dimension) in self.0.iter().take(SHOWN_DIMENSIONS).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{dimension}")?;
        }
        let hidden = self.0.len().saturating_sub(SHOWN_DIMENSIONS);
        if hidden > 0 {
            write!(formatter, ", ... and {hidden} more")?;
        }
        formatter.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_elements_without_overflow() {
        assert_eq!(element_count(&[]), Some(1));
        assert_eq!(element_count(&[2, 3, 4]), Some(24));
        assert_eq!(element_count(&[usize::MAX, 0]), Some(0));
        assert_eq!(element_count(&[usize::MAX, 2]), None);
    }

    #[test]
    fn shows_shapes_in_bounded_length() {
        assert_eq!(ShowShape(&[]).to_string(), "[]");
        assert_eq!(ShowShape(&[64, 3, 7, 7]).to_string(), "[64, 3, 7, 7]");
        assert_eq!(ShowShape(&[1; 100]).to_string(), "[1, 1, 1, 1, 1, 1, 1, 1, ... and 92 more]");
    }
}
