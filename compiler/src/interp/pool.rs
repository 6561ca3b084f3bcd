//! Pooling and means.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]
#![expect(clippy::cast_precision_loss, reason = "counts of elements are far below 2^53")]

use super::Operand;
use super::strided::for_each_offset;
use super::window::{Axis, axes};
use crate::op::pool::{AdaptiveAvgPool, AvgPool, MaxPool, Mean};
use crate::op::window::Window;
use crate::shape::Shape;

/// A padded pixel is no candidate; NaN beats everything, as in PyTorch.
pub(super) fn max_pool(op: &MaxPool, x: Operand<'_>, shape: &Shape) -> Vec<f64> {
    windows(&op.window, x, shape, |plane, [rows, columns], [row, column]| {
        let mut largest = f64::NEG_INFINITY;
        for tap_row in (0..rows.kernel).filter(|tap| rows.outputs(*tap).contains(&row)) {
            for tap_column in (0..columns.kernel).filter(|tap| columns.outputs(*tap).contains(&column)) {
                let pixel = rows.position(row, tap_row) * columns.size + columns.position(column, tap_column);
                let value = plane[pixel];
                if value > largest || value.is_nan() {
                    largest = value;
                }
            }
        }
        largest
    })
}

pub(super) fn avg_pool(op: &AvgPool, x: Operand<'_>, shape: &Shape) -> Vec<f64> {
    windows(&op.window, x, shape, |plane, [rows, columns], [row, column]| {
        let ([first_row, end_row], padded_rows) = clip(&rows, row);
        let ([first_column, end_column], padded_columns) = clip(&columns, column);
        let mut sum = 0.0;
        for row in first_row..end_row {
            sum += plane[row * columns.size..][first_column..end_column].iter().sum::<f64>();
        }
        let count = if op.count_padding {
            padded_rows * padded_columns
        } else {
            (end_row - first_row) * (end_column - first_column)
        };
        sum / count as f64
    })
}

/// The rows or columns of the image that the window of an output covers, from the first to one past the last, and how many
/// it covers of the padded image.
fn clip(axis: &Axis, output: usize) -> ([usize; 2], usize) {
    let [before, after] = axis.padding;
    let start = output * axis.stride;
    let end = (start + axis.kernel).min(before + axis.size + after);
    let inside = |position: usize| position.clamp(before, before + axis.size) - before;
    ([inside(start), inside(end)], end - start)
}

/// One value per output pixel, computed from the plane of its channel.
fn windows(
    window: &Window,
    x: Operand<'_>,
    shape: &Shape,
    value: impl Fn(&[f64], [Axis; 2], [usize; 2]) -> f64,
) -> Vec<f64> {
    let [_, _, height, width] = x.image();
    let [_, _, out_height, out_width] = shape.nchw().unwrap_or_default();
    let axes = axes(window, [height, width], [out_height, out_width]);
    let mut out = Vec::with_capacity(shape.elements());
    for plane in x.data.chunks_exact(height * width) {
        for row in 0..out_height {
            out.extend((0..out_width).map(|column| value(plane, axes, [row, column])));
        }
    }
    out
}

pub(super) fn adaptive_avg_pool(op: &AdaptiveAvgPool, x: Operand<'_>) -> Vec<f64> {
    let [_, _, height, width] = x.image();
    let [out_height, out_width] = op.size;
    let mut out = Vec::new();
    for plane in x.data.chunks_exact(height * width) {
        for row in 0..out_height {
            let rows = AdaptiveAvgPool::cell(row, out_height, height);
            for column in 0..out_width {
                let columns = AdaptiveAvgPool::cell(column, out_width, width);
                let sum: f64 = rows.clone().map(|row| plane[row * width..][columns.clone()].iter().sum::<f64>()).sum();
                out.push(sum / (rows.len() * columns.len()) as f64);
            }
        }
    }
    out
}

pub(super) fn mean(op: &Mean, x: Operand<'_>, shape: &Shape) -> Vec<f64> {
    // The stride of a dimension in the output; 0 where the sum runs along it.
    let kept = |dim: usize| !op.dims.contains(&dim);
    let kept_dims: Vec<usize> = (0..x.shape.rank()).filter(|dim| kept(*dim)).map(|dim| x.dims()[dim]).collect();
    let mut kept_strides = Shape::new(kept_dims).strides().into_iter();
    let strides: Vec<usize> =
        (0..x.shape.rank()).map(|dim| if kept(dim) { kept_strides.next().unwrap_or(0) } else { 0 }).collect();
    let mut out = vec![0.0; shape.elements()];
    let mut elements = x.data.iter();
    for_each_offset(x.dims(), &strides, 0, &mut |offset| out[offset] += elements.next().copied().unwrap_or(0.0));
    let count = x.data.len() / out.len();
    for value in &mut out {
        *value /= count as f64;
    }
    out
}
