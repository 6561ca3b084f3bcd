//! Convolution.

use super::call::Call;
use super::cost::{Cost, Part, Work, elements};
use super::error::{OpError, OpErrorKind};
use super::window::{DILATION, PADDING, STRIDE, Window, image};
use super::{Default, Definition, INPUT, Op, Operation, Parameter, parameter, weight};
use crate::shape::Shape;
use crate::value::Value;
use crate::weight::{Role, WeightDeclaration};

/// Convolution of `[N, C, H, W]` with `out` filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Output channels.
    pub out: usize,
    /// The sliding window.
    pub window: Window,
    /// Groups that inputs and outputs are divided into.
    pub groups: usize,
    /// Whether a bias per output channel is added.
    pub bias: bool,
}

impl Conv {
    /// Whether an output pixel depends on the one pixel at its place.
    #[must_use]
    pub fn is_pointwise(&self) -> bool {
        self.window.kernel == [1; 2] && self.window.stride == [1; 2] && self.window.padding == [[0; 2]; 2]
    }
}

/// The parameter `out` of convolutions.
pub(super) const OUT: Parameter =
    parameter("out", "a whole number", Default::Required, "The number of output channels.");
/// The parameter `kernel` of convolutions.
pub(super) const KERNEL: Parameter =
    parameter("kernel", "a number or [height, width]", Default::Int(1), "The size of the window.");
/// The parameter `groups` of convolutions.
pub(super) const GROUPS: Parameter = parameter(
    "groups",
    "a whole number",
    Default::Int(1),
    "Input and output channels are divided into so many groups that do not see each other; as many as channels is a depthwise \
     convolution.",
);

impl Conv {
    /// Reads the arguments that every convolution has.
    pub fn read(call: &Call<'_>, image: &Shape) -> Result<Conv, OpError> {
        Ok(Conv {
            out: call.integer("out", 1)?,
            window: Window::of_convolution(call, image)?,
            groups: call.integer("groups", 1)?,
            bias: call.boolean("bias")?,
        })
    }

    /// The shape of one filter: `[out, C / groups, kernel height, kernel width]`.
    #[must_use]
    pub fn kernel_shape(&self, channels: usize) -> [usize; 4] {
        let [height, width] = self.window.kernel;
        [self.out, channels / self.groups.max(1), height, width]
    }

    /// `C / groups * kernel height * kernel width`: the inputs that each output sums.
    #[must_use]
    pub fn fan_in(&self, channels: usize) -> usize {
        self.kernel_shape(channels).iter().skip(1).product()
    }

    /// The geometry as attributes for dumps.
    #[must_use]
    pub fn geometry(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("out", self.out.to_string())];
        attributes.extend(self.window.attributes());
        if self.groups != 1 {
            attributes.push(("groups", self.groups.to_string()));
        }
        if self.bias {
            attributes.push(("bias", "true".to_owned()));
        }
        attributes
    }
}

impl Operation for Conv {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let [batch, channels, height, width] = image(x).map_err(|kind| OpError::at("x", kind))?;
        for (side, count) in [("input", channels), ("output", self.out)] {
            if !count.is_multiple_of(self.groups) || count == 0 {
                let kind = OpErrorKind::Groups { side, channels: count, groups: self.groups };
                return Err(OpError::at("groups", kind));
            }
        }
        let [height, width] = self.window.output(height, width).map_err(|kind| OpError::at("kernel", kind))?;
        Ok(Shape::from([batch, self.out, height, width]))
    }

    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost {
        let channels = inputs.first().and_then(|x| x.nchw()).map_or(0, |[_, channels, _, _]| channels);
        let products = elements(output).saturating_mul(self.fan_in(channels) as u64);
        let bias = if self.bias { elements(output) } else { 0 };
        Cost::from([Part::products(Work::Convolution, "conv", products), Part::operations(Work::Bias, bias)])
    }

    fn weights(&self, inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        let channels = inputs.first().and_then(|x| x.nchw()).map_or(0, |[_, channels, _, _]| channels);
        let fan_in = self.fan_in(channels);
        let mut weights = vec![WeightDeclaration::new("weight", self.kernel_shape(channels), Role::Kernel { fan_in })];
        if self.bias {
            weights.push(WeightDeclaration::new("bias", [self.out], Role::Bias));
        }
        weights
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        self.geometry()
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[&Definition {
    name: "conv",
    family: "Convolution",
    summary: "Convolution (cross-correlation) of an image with learned filters",
    parameters: &[
        INPUT,
        OUT,
        KERNEL,
        STRIDE,
        PADDING,
        DILATION,
        GROUPS,
        parameter(
            "bias",
            "a boolean",
            Default::Bool(false),
            "Whether a learned number is added to each output channel.",
        ),
    ],
    result: "`[N, out, H', W']` with `H' = floor((H + top + bottom - dilation * (kernel - 1) - 1) / stride) + 1`",
    weights: &[
        weight("weight", "[out, C / groups, kernel height, kernel width]", "the filters"),
        weight("bias", "[out]", "with `bias=true`"),
    ],
    details: "No bias by default, since a `batch_norm` mostly follows. `groups=x.channels` makes it depthwise.",
    example: "return x |> conv(16, kernel=3, stride=2) as conv1",
    build: Some(|call: &mut Call<'_>| -> Result<Value, OpError> {
        let x = call.tensor("x")?;
        let conv = Conv::read(call, &call.shape(x))?;
        call.node(Op::Conv(conv), &[x])
    }),
}];
