//! Where a sliding window meets the image, along one axis.

use std::ops::Range;

use crate::op::window::Window;

/// A [`Window`] along one axis over an image of a known size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Rows or columns of the image.
    pub(super) size: usize,
    /// Rows or columns of the output.
    pub(super) count: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Padding before and after.
    pub(super) padding: [usize; 2],
}

/// The axes of rows and of columns.
pub(super) fn axes(window: &Window, image: [usize; 2], output: [usize; 2]) -> [Axis; 2] {
    let ([height, width], [out_height, out_width]) = (image, output);
    let Window { kernel, stride, padding, dilation, ceil_mode: _ } = *window;
    let axis = |size, count, kernel, stride, dilation, padding| Axis { size, count, kernel, stride, dilation, padding };
    [
        axis(height, out_height, kernel[0], stride[0], dilation[0], padding[0]),
        axis(width, out_width, kernel[1], stride[1], dilation[1], padding[1]),
    ]
}

impl Axis {
    /// The outputs whose tap number `tap` lies on the image and not on the padding.
    pub(super) fn outputs(&self, tap: usize) -> Range<usize> {
        // The tap of output `o` lies on `o * stride + offset` of the padded image.
        let offset = tap.saturating_mul(self.dilation);
        let [before, _] = self.padding;
        let first = before.saturating_sub(offset).div_ceil(self.stride);
        let end = (before + self.size).saturating_sub(offset).div_ceil(self.stride).min(self.count);
        first.min(end)..end
    }

    /// The row or column of the image on which tap number `tap` of output `output` lies, one of [`Axis::outputs`].
    pub(super) fn position(&self, output: usize, tap: usize) -> usize {
        output * self.stride + tap * self.dilation - self.padding[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_those_on_the_image() {
        for (size, kernel, stride, dilation, padding) in [
            (5, 3, 1, 1, [1, 1]),
            (5, 3, 2, 1, [0, 2]),
            (4, 2, 3, 3, [3, 0]),
            (1, 5, 1, 1, [2, 2]),
            (7, 1, 4, 1, [6, 6]),
        ] {
            let room = size + padding[0] + padding[1] - ((kernel - 1) * dilation + 1);
            let axis = Axis { size, count: room / stride + 1, kernel, stride, dilation, padding };
            for tap in 0..kernel {
                let on_image = |output: &usize| {
                    let padded = output * stride + tap * dilation;
                    padded >= padding[0] && padded < padding[0] + size
                };
                let expected: Vec<usize> = (0..axis.count).filter(on_image).collect();
                assert_eq!(axis.outputs(tap).collect::<Vec<_>>(), expected, "{axis:?}, tap {tap}");
                assert!(axis.outputs(tap).all(|output| axis.position(output, tap) < size));
            }
        }
    }

    #[test]
    fn absurd_padding_does_not_overflow() {
        let far = i64::MAX as usize;
        let axis = Axis { size: 1, count: 2, kernel: 2, stride: far, dilation: far, padding: [far, far] };
        assert_eq!(axis.outputs(0), 1..2);
        assert_eq!(axis.outputs(1), 0..1);
        assert_eq!(axis.position(1, 0), 0);
    }
}
