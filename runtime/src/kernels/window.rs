//! Where a sliding window lies: which of its taps meet the image.

use core::ops::Range;

use crate::abi::WindowShape;

/// One direction of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) padding: usize,
}

impl Axis {
    #[inline(always)]
    pub(super) fn rows(window: &WindowShape) -> Axis {
        Axis {
            size: window.height,
            kernel: window.kernel_height,
            stride: window.stride_height,
            dilation: window.dilation_height,
            padding: window.top,
        }
    }

    #[inline(always)]
    pub(super) fn columns(window: &WindowShape) -> Axis {
        Axis {
            size: window.width,
            kernel: window.kernel_width,
            stride: window.stride_width,
            dilation: window.dilation_width,
            padding: window.left,
        }
    }

    /// The taps that meet the image, for an output.
    #[inline(always)]
    pub(super) fn taps(self, output: usize) -> Range<usize> {
        let first = self.taps_over(self.padding.saturating_sub(output * self.stride));
        first..self.taps_before(output, self.padding + self.size).max(first)
    }

    /// How many taps lie before a position of the padded image, for an output.
    #[inline(always)]
    pub(super) fn taps_before(self, output: usize, end: usize) -> usize {
        self.taps_over(end.saturating_sub(output * self.stride)).min(self.kernel)
    }

    /// How many taps, dilated, begin within so many positions. (A division takes longer than all the rest.)
    #[inline(always)]
    fn taps_over(self, positions: usize) -> usize {
        if self.dilation <= 1 { positions } else { positions.div_ceil(self.dilation) }
    }

    /// The position in the image of a tap that meets it.
    #[inline(always)]
    pub(super) fn position(self, output: usize, tap: usize) -> usize {
        (output * self.stride + tap * self.dilation).wrapping_sub(self.padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_are_those_that_meet_the_image() {
        for size in 0..6 {
            for (kernel, stride, dilation, padding) in
                [(1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 0), (3, 1, 2, 2), (5, 3, 2, 7), (2, 1, 3, 4), (7, 2, 1, 3)]
            {
                let axis = Axis { size, kernel, stride, dilation, padding };
                for output in 0..9 {
                    let meets = |tap: usize| {
                        let position = output * stride + tap * dilation;
                        position >= padding && position < padding + size
                    };
                    let expected: Vec<usize> = (0..kernel).filter(|tap| meets(*tap)).collect();
                    assert_eq!(axis.taps(output).collect::<Vec<_>>(), expected, "{axis:?} {output}");
                }
            }
        }
    }
}
