//! Windows that slide over an image: the geometry that convolutions and pools share.

use super::arguments;
use super::call::{Call, describe};
use super::error::{OpError, OpErrorKind};
use super::{Default, Parameter, parameter};
use crate::shape::Shape;
use crate::value::Value;

/// The geometry of a sliding window, rows before columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its size.
    pub kernel: [usize; 2],
    /// The step between neighbouring outputs.
    pub stride: [usize; 2],
    /// Rows added at the top and bottom, columns added at the left and right.
    pub padding: [[usize; 2]; 2],
    /// The distance between neighbouring taps.
    pub dilation: [usize; 2],
    /// Whether a last window that begins inside the padded input but ends outside counts too.
    pub ceil_mode: bool,
}

/// How padding was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// `(kernel - 1) * dilation / 2` on every side.
    Symmetric,
    /// So much that the output has `ceil(input / stride)` rows and columns; the odd one at the bottom and right.
    Same,
    /// `[[top, bottom], [left, right]]`.
    Explicit([[usize; 2]; 2]),
}

/// The parameter `stride` of convolutions.
pub(super) const STRIDE: Parameter =
    parameter("stride", "a number or [height, width]", Default::Int(1), "The step between neighbouring outputs.");

/// The parameter `padding` of convolutions.
pub(super) const PADDING: Parameter = parameter(
    "padding",
    "a number, [height, width], [top, bottom, left, right], `same` or `valid`",
    Default::Computed("(kernel - 1) * dilation / 2"),
    "Zeros around the input. `same` gives `ceil(size / stride)` rows and columns with the odd zero at the bottom and right; \
     `valid` adds none.",
);

/// The parameter `dilation`.
pub(super) const DILATION: Parameter =
    parameter("dilation", "a number or [height, width]", Default::Int(1), "The distance between neighbouring taps.");

/// How far a window reaches: `(kernel - 1) * dilation + 1`.
fn reach(kernel: usize, dilation: usize) -> usize {
    (kernel - 1).saturating_mul(dilation).saturating_add(1)
}

impl Window {
    /// The window of a convolution call over an image of that shape.
    pub fn of_convolution(call: &Call<'_>, image: &Shape) -> Result<Window, OpError> {
        let padding = match call.setting("padding") {
            None => Padding::Symmetric,
            Some(value) => read_padding(&value).map_err(|kind| OpError::at("padding", kind))?,
        };
        let mut window = Window {
            kernel: call.pair("kernel", 1)?,
            stride: call.pair("stride", 1)?,
            padding: [[0; 2]; 2],
            dilation: call.pair("dilation", 1)?,
            ceil_mode: false,
        };
        window.set_padding(padding, image);
        Ok(window)
    }

    /// The window of a pooling call: the stride defaults to the kernel, the padding to none.
    pub fn of_pool(call: &Call<'_>, image: &Shape, dilation: [usize; 2]) -> Result<Window, OpError> {
        let kernel = call.pair("kernel", 1)?;
        let padding = match call.setting("padding") {
            None => Padding::Explicit([[0; 2]; 2]),
            Some(value) => read_padding(&value).map_err(|kind| OpError::at("padding", kind))?,
        };
        let mut window = Window {
            kernel,
            stride: call.optional_pair("stride", 1)?.unwrap_or(kernel),
            padding: [[0; 2]; 2],
            dilation,
            ceil_mode: call.boolean("ceil_mode")?,
        };
        window.set_padding(padding, image);
        let reaches = [reach(kernel[0], dilation[0]), reach(kernel[1], dilation[1])];
        let too_wide =
            window.padding.iter().zip(reaches).any(|(sides, reach)| sides.iter().any(|side| side * 2 > reach));
        if too_wide && matches!(padding, Padding::Explicit(_)) {
            let expected = "padding of at most half the kernel".to_owned();
            let found = call.setting("padding").map_or_else(String::new, |value| value.to_string());
            return Err(OpError::at("padding", OpErrorKind::Range { expected, found }));
        }
        Ok(window)
    }

    fn set_padding(&mut self, padding: Padding, image: &Shape) {
        let size = image.nchw().map_or([0, 0], |[_, _, height, width]| [height, width]);
        let around = |axis: usize| {
            let (kernel, dilation) =
                if axis == 0 { (self.kernel[0], self.dilation[0]) } else { (self.kernel[1], self.dilation[1]) };
            let (stride, size) = if axis == 0 { (self.stride[0], size[0]) } else { (self.stride[1], size[1]) };
            let reach = reach(kernel, dilation);
            match padding {
                Padding::Symmetric => [(reach - 1) / 2; 2],
                Padding::Same => {
                    let last = size.div_ceil(stride).saturating_sub(1).saturating_mul(stride);
                    let total = last.saturating_add(reach).saturating_sub(size);
                    [total / 2, total - total / 2]
                }
                Padding::Explicit([rows, columns]) => {
                    if axis == 0 {
                        rows
                    } else {
                        columns
                    }
                }
            }
        };
        self.padding = [around(0), around(1)];
    }

    /// Rows and columns of the output for an image of that height and width.
    ///
    /// # Errors
    /// When the window does not fit into the padded image.
    pub fn output(&self, height: usize, width: usize) -> Result<[usize; 2], OpErrorKind> {
        let [kernel_height, kernel_width] = self.kernel;
        let [stride_height, stride_width] = self.stride;
        let [dilation_height, dilation_width] = self.dilation;
        let [rows, columns] = self.padding;
        Ok([
            self.along(height, rows, reach(kernel_height, dilation_height), stride_height, "height")?,
            self.along(width, columns, reach(kernel_width, dilation_width), stride_width, "width")?,
        ])
    }

    fn along(
        &self,
        size: usize,
        [before, after]: [usize; 2],
        reach: usize,
        stride: usize,
        axis: &'static str,
    ) -> Result<usize, OpErrorKind> {
        let available = size.saturating_add(before).saturating_add(after);
        let Some(room) = available.checked_sub(reach).filter(|_| size > 0) else {
            return Err(OpErrorKind::Window { window: reach, available, axis });
        };
        let mut count = room / stride + 1;
        // As PyTorch: with ceil_mode the last window must still begin inside the input or the padding before it.
        if self.ceil_mode && !room.is_multiple_of(stride) && count.saturating_mul(stride) < size.saturating_add(before)
        {
            count += 1;
        }
        Ok(count)
    }

    /// The geometry as attributes for dumps; what is usual is left out.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let pair = |[height, width]: [usize; 2]| {
            if height == width { height.to_string() } else { format!("[{height}, {width}]") }
        };
        let mut attributes = vec![("kernel", pair(self.kernel))];
        if self.stride != [1, 1] {
            attributes.push(("stride", pair(self.stride)));
        }
        match self.padding {
            [[0, 0], [0, 0]] => {}
            [[top, bottom], [left, right]] if top == bottom && left == right => {
                attributes.push(("padding", pair([top, left])));
            }
            [[top, bottom], [left, right]] => {
                attributes.push(("padding", format!("[{top}, {bottom}, {left}, {right}]")));
            }
        }
        if self.dilation != [1, 1] {
            attributes.push(("dilation", pair(self.dilation)));
        }
        if self.ceil_mode {
            attributes.push(("ceil_mode", "true".to_owned()));
        }
        attributes
    }
}

/// Reads a `padding` argument.
pub(super) fn read_padding(value: &Value) -> Result<Padding, OpErrorKind> {
    match value {
        Value::Symbol("same") => Ok(Padding::Same),
        Value::Symbol("valid") => Ok(Padding::Explicit([[0; 2]; 2])),
        Value::Symbol(_) | Value::Str(_) => {
            Err(OpErrorKind::Range { expected: "`same`, `valid` or numbers".to_owned(), found: describe(value) })
        }
        Value::List(values) | Value::Tuple(values) => match &***values {
            [height, width] => {
                let (height, width) = (arguments::extent(height, 0)?, arguments::extent(width, 0)?);
                Ok(Padding::Explicit([[height; 2], [width; 2]]))
            }
            [top, bottom, left, right] => Ok(Padding::Explicit([
                [arguments::extent(top, 0)?, arguments::extent(bottom, 0)?],
                [arguments::extent(left, 0)?, arguments::extent(right, 0)?],
            ])),
            _ => {
                let expected = "one number, [height, width] or [top, bottom, left, right]";
                Err(OpErrorKind::Type { expected, found: describe(value) })
            }
        },
        single => arguments::extent(single, 0).map(|size| Padding::Explicit([[size; 2]; 2])),
    }
}

/// The dimensions of an image tensor.
pub(super) fn image(shape: &Shape) -> Result<[usize; 4], OpErrorKind> {
    shape.nchw().ok_or_else(|| OpErrorKind::Rank {
        expected: "an image [batch, channels, height, width]",
        found: shape.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: usize, stride: usize, padding: Padding, size: usize) -> Window {
        let mut window = Window {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [[0; 2]; 2],
            dilation: [1; 2],
            ceil_mode: false,
        };
        window.set_padding(padding, &Shape::from([1, 1, size, size]));
        window
    }

    #[test]
    fn same_gives_the_ceiling_with_the_odd_zero_last() {
        let window = window(3, 2, Padding::Same, 224);
        assert_eq!(window.padding, [[0, 1], [0, 1]]);
        assert_eq!(window.output(224, 224), Ok([112, 112]));
    }

    #[test]
    fn symmetric_keeps_the_size_of_odd_kernels() {
        assert_eq!(window(5, 1, Padding::Symmetric, 7).output(7, 7), Ok([7, 7]));
        assert_eq!(window(3, 2, Padding::Symmetric, 224).output(224, 224), Ok([112, 112]));
    }

    #[test]
    fn ceil_mode_adds_a_window_only_where_it_begins_inside() {
        let mut pool = window(2, 2, Padding::Explicit([[0; 2]; 2]), 5);
        assert_eq!(pool.output(5, 5), Ok([2, 2]));
        pool.ceil_mode = true;
        assert_eq!(pool.output(5, 5), Ok([3, 3]));
        let mut padded = window(2, 2, Padding::Explicit([[1; 2]; 2]), 3);
        padded.ceil_mode = true;
        // The third window would begin at row 4 of the padded 5: in the padding after the input, so it does not count.
        assert_eq!(padded.output(3, 3), Ok([2, 2]));
    }

    #[test]
    fn a_window_that_does_not_fit_is_an_error() {
        let error = window(7, 1, Padding::Explicit([[1; 2]; 2]), 4).output(4, 4);
        assert_eq!(error, Err(OpErrorKind::Window { window: 7, available: 6, axis: "height" }));
    }
}
