//! Pooling and means.

use super::call::Call;
use super::cost::{Cost, Part, Work, elements, first, product};
use super::error::{OpError, OpErrorKind};
use super::window::{DILATION, Window, image};
use super::{Default, Definition, INPUT, Op, Operation, Parameter, parameter};
use crate::shape::Shape;

/// The maximum over each window; padding never wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// The sliding window.
    pub window: Window,
}

/// The mean over each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool {
    /// The sliding window.
    pub window: Window,
    /// Whether zeros of the padding count as elements.
    pub count_padding: bool,
}

/// The mean over the cells of an even grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveAvgPool {
    /// Rows and columns of the output.
    pub size: [usize; 2],
}

/// The mean along dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mean {
    /// The dimensions, ascending.
    pub dims: Vec<usize>,
    /// Whether they stay, with size 1.
    pub keep: bool,
}

fn pooled(window: &Window, inputs: &[&Shape]) -> Result<Shape, OpError> {
    let [x, ..] = inputs else { return Ok(Shape::default()) };
    let [batch, channels, height, width] = image(x).map_err(|kind| OpError::at("x", kind))?;
    let [height, width] = window.output(height, width).map_err(|kind| OpError::at("kernel", kind))?;
    Ok(Shape::from([batch, channels, height, width]))
}

/// The elements of all windows together, those of the padding included.
fn windows(window: &Window, output: &Shape) -> u64 {
    elements(output).saturating_mul(product(window.kernel))
}

/// Averages that read so many elements: for `n` elements, `n - 1` additions and a division.
pub(super) fn averages(read: u64) -> Part {
    Part { pooled: read, ..Part::operations(Work::AveragePooling, read) }
}

/// The sizes of the cells of [`AdaptiveAvgPool::cell`] together: neighbours share an element wherever the border between
/// them, a multiple of `size / count`, is no whole number.
fn cells(count: usize, size: usize) -> usize {
    let (mut divisor, mut rest) = (size, count);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    size.saturating_add(count).saturating_sub(divisor)
}

impl Operation for MaxPool {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        pooled(&self.window, inputs)
    }

    /// A comparison for every element of every window.
    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([Part::operations(Work::MaxPooling, windows(&self.window, output))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        self.window.attributes()
    }
}

impl Operation for AvgPool {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        pooled(&self.window, inputs)
    }

    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        Cost::from([averages(windows(&self.window, output))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = self.window.attributes();
        if !self.count_padding {
            attributes.push(("count_padding", "false".to_owned()));
        }
        attributes
    }
}

impl AdaptiveAvgPool {
    /// The rows (or columns) of the input that output `index` of `count` averages: from `floor(index * size / count)` to
    /// `ceil((index + 1) * size / count)`.
    #[must_use]
    pub fn cell(index: usize, count: usize, size: usize) -> std::ops::Range<usize> {
        index * size / count..((index + 1) * size).div_ceil(count)
    }
}

impl Operation for AdaptiveAvgPool {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let [batch, channels, height, width] = image(x).map_err(|kind| OpError::at("x", kind))?;
        if height == 0 || width == 0 {
            let kind = OpErrorKind::Window { window: 1, available: height.min(width), axis: "height or width" };
            return Err(OpError::at("x", kind));
        }
        Ok(Shape::from([batch, channels, self.size[0], self.size[1]]))
    }

    /// fvcore counts the elements of the input, also where cells overlap.
    fn cost(&self, inputs: &[&Shape], _: &Shape) -> Cost {
        let [batch, channels, height, width] = inputs.first().and_then(|x| x.nchw()).unwrap_or_default();
        let [rows, columns] = self.size;
        let read = [batch, channels, cells(rows, height), cells(columns, width)];
        averages(product(read)).as_fvcore("adaptive_avg_pool2d", first(inputs)).into()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![("size", format!("[{}, {}]", self.size[0], self.size[1]))]
    }
}

impl Operation for Mean {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        if let Some(dim) = self.dims.iter().copied().find(|dim| x.dims().get(*dim).is_none_or(|size| *size == 0)) {
            return Err(OpError::at("dims", OpErrorKind::Index { index: 0, dim: Some(dim), size: 0 }));
        }
        let kept = x.dims().iter().enumerate().filter_map(|(dim, size)| match self.dims.contains(&dim) {
            true => self.keep.then_some(1),
            false => Some(*size),
        });
        Ok(Shape::new(kept.collect::<Vec<_>>()))
    }

    /// For `n` elements: `n - 1` additions and a division.
    fn cost(&self, inputs: &[&Shape], _: &Shape) -> Cost {
        Cost::from([Part::operations(Work::Mean, first(inputs))])
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("dims", format!("{:?}", self.dims))];
        if self.keep {
            attributes.push(("keep", "true".to_owned()));
        }
        attributes
    }
}

const KERNEL: Parameter =
    parameter("kernel", "a number or [height, width]", Default::Required, "The size of the window.");
const STRIDE: Parameter = parameter(
    "stride",
    "a number or [height, width]",
    Default::Computed("kernel"),
    "The step between neighbouring outputs.",
);
const PADDING: Parameter = parameter(
    "padding",
    "a number, [height, width], [top, bottom, left, right], `same` or `valid`",
    Default::Computed("0"),
    "A border around the input, at most half the kernel.",
);
const CEIL_MODE: Parameter = parameter(
    "ceil_mode",
    "a boolean",
    Default::Bool(false),
    "Whether a last window that ends outside the padded input counts too.",
);

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[
    &Definition {
        name: "max_pool",
        family: "Pooling",
        summary: "Maximum over windows",
        parameters: &[INPUT, KERNEL, STRIDE, PADDING, DILATION, CEIL_MODE],
        result: "`[N, C, H', W']` with `H' = floor((H + top + bottom - dilation * (kernel - 1) - 1) / stride) + 1`",
        weights: &[],
        details: "Padding never wins.",
        example: "return x |> max_pool(3, stride=2, padding=1)",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let shape = call.shape(x);
            image(&shape).map_err(|kind| OpError::at("x", kind))?;
            let window = Window::of_pool(call, &shape, call.pair("dilation", 1)?)?;
            call.node(Op::MaxPool(MaxPool { window }), &[x])
        }),
    },
    &Definition {
        name: "avg_pool",
        family: "Pooling",
        summary: "Average over windows",
        parameters: &[
            INPUT,
            KERNEL,
            STRIDE,
            PADDING,
            CEIL_MODE,
            parameter(
                "count_padding",
                "a boolean",
                Default::Bool(true),
                "Whether zeros of the padding count as elements.",
            ),
        ],
        result: "`[N, C, H', W']` with `H' = floor((H + top + bottom - kernel) / stride) + 1`",
        weights: &[],
        details: "Windows that end outside the padded input (`ceil_mode`) average what lies inside it.",
        example: "return x |> avg_pool(2)",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let shape = call.shape(x);
            image(&shape).map_err(|kind| OpError::at("x", kind))?;
            let window = Window::of_pool(call, &shape, [1, 1])?;
            let pool = AvgPool { window, count_padding: call.boolean("count_padding")? };
            call.node(Op::AvgPool(pool), &[x])
        }),
    },
    &Definition {
        name: "adaptive_avg_pool",
        family: "Pooling",
        summary: "Average over the cells of an even grid of a given size",
        parameters: &[
            INPUT,
            parameter("size", "a number or [height, width]", Default::Required, "Rows and columns of the output."),
        ],
        result: "`[N, C, size, size]`",
        weights: &[],
        details: "Output `i` of `n` averages rows `floor(i * H / n)` to `ceil((i + 1) * H / n)`, likewise columns, as in PyTorch.",
        example: "return x |> adaptive_avg_pool([4, 5])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let pool = AdaptiveAvgPool { size: call.pair("size", 1)? };
            call.node(Op::AdaptiveAvgPool(pool), &[x])
        }),
    },
    &Definition {
        name: "global_avg_pool",
        family: "Pooling",
        summary: "Average over all pixels of each channel",
        parameters: &[INPUT],
        result: "`[N, C, 1, 1]`",
        weights: &[],
        details: "`adaptive_avg_pool(1)`; follow with `flatten` for features.",
        example: "return x |> global_avg_pool |> flatten",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            call.node(Op::AdaptiveAvgPool(AdaptiveAvgPool { size: [1, 1] }), &[x])
        }),
    },
    &Definition {
        name: "mean",
        family: "Pooling",
        summary: "Mean along dimensions",
        parameters: &[
            INPUT,
            parameter("dims", "a dimension or a list of them", Default::Required, "The dimensions to average over."),
            parameter("keep", "a boolean", Default::Bool(false), "Whether they stay, with size 1."),
        ],
        result: "`x` without `dims`",
        weights: &[],
        details: "",
        example: "return x |> mean([2, 3])",
        build: Some(|call: &mut Call<'_>| {
            let x = call.tensor("x")?;
            let mut dims = call.dimensions("dims", call.shape(x).rank())?;
            dims.sort_unstable();
            call.node(Op::Mean(Mean { dims, keep: call.boolean("keep")? }), &[x])
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_counted_with_their_overlap() {
        for (count, size) in [(1, 7), (7, 7), (2, 4), (2, 5), (4, 2), (3, 10), (5, 7), (8, 12)] {
            let sum: usize = (0..count).map(|index| AdaptiveAvgPool::cell(index, count, size).len()).sum();
            assert_eq!(cells(count, size), sum, "{count} cells of {size}");
        }
    }
}
