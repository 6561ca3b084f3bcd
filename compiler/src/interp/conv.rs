//! Convolution.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::Operand;
use super::window::{Axis, axes};
use crate::op::conv::Conv;
use crate::shape::Shape;

/// A batch of images with the same filters.
pub(super) fn conv(op: &Conv, x: Operand<'_>, weight: &[f64], bias: Option<&[f64]>, shape: &Shape) -> Vec<f64> {
    let [batch, ..] = x.image();
    let (image, result) = (x.data.len() / batch, shape.elements() / batch);
    let mut out = vec![0.0; shape.elements()];
    for (x_image, out_image) in x.data.chunks_exact(image).zip(out.chunks_exact_mut(result)) {
        conv_image(op, x, x_image, weight, bias, shape, out_image);
    }
    out
}

/// One image of the batch `x`, added to `out`, which is zero.
pub(super) fn conv_image(
    op: &Conv,
    x: Operand<'_>,
    image: &[f64],
    weight: &[f64],
    bias: Option<&[f64]>,
    shape: &Shape,
    out: &mut [f64],
) {
    let [_, channels, height, width] = x.image();
    let [_, _, out_height, out_width] = shape.nchw().unwrap_or_default();
    let [rows, columns] = axes(&op.window, [height, width], [out_height, out_width]);
    let inputs = channels / op.groups;
    let outputs = op.out / op.groups;
    for (channel, out_plane) in out.chunks_exact_mut(out_height * out_width).enumerate() {
        let first_input = channel / outputs * inputs;
        for input in 0..inputs {
            let plane = &image[(first_input + input) * height * width..][..height * width];
            let filter = &weight[(channel * inputs + input) * rows.kernel * columns.kernel..];
            for tap_row in 0..rows.kernel {
                for tap_column in 0..columns.kernel {
                    let factor = filter[tap_row * columns.kernel + tap_column];
                    add_tap(factor, [rows, columns], [tap_row, tap_column], plane, out_plane);
                }
            }
        }
        if let Some(bias) = bias {
            for value in &mut *out_plane {
                *value += bias[channel];
            }
        }
    }
}

/// Adds `factor` times what one tap of the filter sees to every pixel of the output.
fn add_tap(factor: f64, [rows, columns]: [Axis; 2], [tap_row, tap_column]: [usize; 2], plane: &[f64], out: &mut [f64]) {
    let range = columns.outputs(tap_column);
    if range.is_empty() {
        return;
    }
    let first = columns.position(range.start, tap_column);
    for row in rows.outputs(tap_row) {
        let out_row = &mut out[row * columns.count..][range.clone()];
        let row = &plane[rows.position(row, tap_row) * columns.size + first..];
        if columns.stride == 1 {
            for (sum, x) in out_row.iter_mut().zip(row) {
                *sum += factor * x;
            }
        } else {
            for (sum, x) in out_row.iter_mut().zip(row.iter().step_by(columns.stride)) {
                *sum += factor * x;
            }
        }
    }
}
