//! Images in another size.

use super::call::Call;
use super::cost::{Cost, Part, Work, elements};
use super::error::{OpError, OpErrorKind};
use super::window::image;
use super::{Default, Definition, INPUT, Op, Operation, parameter};
use crate::shape::Shape;

/// An image in another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upsample {
    /// Rows and columns of the output.
    pub size: [usize; 2],
    /// How pixels are computed.
    pub mode: Mode,
    /// Bilinear only: whether the corner pixels of both images lie on each other.
    pub align_corners: bool,
}

/// How pixels are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The pixel at `floor(i * input / output)`.
    Nearest,
    /// Linear between the four neighbours of `(i + 1/2) * input / output - 1/2`, or of
    /// `i * (input - 1) / (output - 1)` with aligned corners.
    Bilinear,
}

const MODES: &[(&str, Mode)] = &[("nearest", Mode::Nearest), ("bilinear", Mode::Bilinear)];

impl Operation for Upsample {
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError> {
        let [x, ..] = inputs else { return Ok(Shape::default()) };
        let [batch, channels, height, width] = image(x).map_err(|kind| OpError::at("x", kind))?;
        if height == 0 || width == 0 {
            let kind = OpErrorKind::Window { window: 1, available: 0, axis: "height or width" };
            return Err(OpError::at("x", kind));
        }
        Ok(Shape::from([batch, channels, self.size[0], self.size[1]]))
    }

    /// Bilinear: four products that are summed, with factors that depend on the place alone.
    fn cost(&self, _: &[&Shape], output: &Shape) -> Cost {
        let pixels = elements(output);
        let (operator, counted, operations) = match self.mode {
            Mode::Nearest => ("upsample_nearest2d", pixels, 0),
            Mode::Bilinear => ("upsample_bilinear2d", pixels.saturating_mul(4), pixels.saturating_mul(7)),
        };
        Part::operations(Work::Resampling, operations).as_fvcore(operator, counted).into()
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mode = if self.mode == Mode::Nearest { "nearest" } else { "bilinear" };
        let mut attributes = vec![("size", format!("[{}, {}]", self.size[0], self.size[1])), ("mode", mode.to_owned())];
        if self.align_corners {
            attributes.push(("align_corners", "true".to_owned()));
        }
        attributes
    }
}

/// The definitions of this family.
pub(super) const DEFINITIONS: &[&Definition] = &[&Definition {
    name: "upsample",
    family: "Resampling",
    summary: "An image in another size",
    parameters: &[
        INPUT,
        parameter(
            "scale",
            "a whole number or [height, width]",
            Default::Computed("2, or what `size` needs"),
            "How many times larger.",
        ),
        parameter(
            "size",
            "a number or [height, width]",
            Default::Computed("the input times `scale`"),
            "Rows and columns of the output.",
        ),
        parameter("mode", "`nearest` or `bilinear`", Default::Word("nearest"), "How pixels are computed."),
        parameter(
            "align_corners",
            "a boolean",
            Default::Bool(false),
            "Bilinear only: whether the corner pixels of both images lie on each other.",
        ),
    ],
    result: "`[N, C, size, size]`",
    weights: &[],
    details: "Pixels are computed as in PyTorch. Give `scale` or `size`, not both.",
    example: "return x |> upsample(2, mode=bilinear)",
    build: Some(|call: &mut Call<'_>| {
        let x = call.tensor("x")?;
        let [_, _, height, width] = image(&call.shape(x)).map_err(|kind| OpError::at("x", kind))?;
        let (scale, size) = (call.optional_pair("scale", 1)?, call.optional_pair("size", 1)?);
        let size = match (scale, size) {
            (Some(_), Some(_)) => {
                let (expected, found) = ("`scale` or `size`".to_owned(), "both".to_owned());
                return Err(OpError::at("size", OpErrorKind::Range { expected, found }));
            }
            (None, Some(size)) => size,
            (scale, None) => {
                let [rows, columns] = scale.unwrap_or([2, 2]);
                [height.saturating_mul(rows), width.saturating_mul(columns)]
            }
        };
        let upsample =
            Upsample { size, mode: call.choice("mode", MODES)?, align_corners: call.boolean("align_corners")? };
        call.node(Op::Upsample(upsample), &[x])
    }),
}];
