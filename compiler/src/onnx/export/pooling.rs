//! Pooling and means.
//!
//! Runtimes differ in what a window means that ends outside the padded input (`ceil_mode`), so models have none: the padding
//! at the end is as large as the windows need.

use super::draft::{Draft, Step};
use super::layout::padded;
use super::writer::Job;
use crate::op::pool::{AdaptiveAvgPool, AvgPool, MaxPool, Mean};
use crate::op::window::Window;

/// Padding never wins.
pub(super) fn max_pool(op: &MaxPool, job: &mut Job<'_, '_>) -> Step {
    let window = &op.window;
    let padding = enlarged(window, job);
    let x = job.input(0);
    // Runtimes refuse padding as wide as the kernel, which dilation can call for.
    let [rows, columns] = padding;
    let is_wide = [(rows, window.kernel[0]), (columns, window.kernel[1])]
        .iter()
        .any(|(sides, kernel)| sides.iter().any(|side| side >= kernel));
    let (x, padding) = if is_wide {
        let pad = padded(x, &[[0, 0], [0, 0], rows, columns], f64::NEG_INFINITY, job);
        (job.emit("padded", pad), [[0; 2]; 2])
    } else {
        (x, padding)
    };
    Draft::new("MaxPool", [x]).window(window.kernel, window.stride, window.dilation, padding).into()
}

/// Elements that count are those of the input and, if padding counts, of the padding, but never what lies beyond it.
pub(super) fn avg_pool(op: &AvgPool, job: &mut Job<'_, '_>) -> Step {
    let window = &op.window;
    let needed = enlarged(window, job);
    let x = job.input(0);
    let pool = |x: String, padding: [[usize; 2]; 2]| {
        Draft::new("AveragePool", [x]).window(window.kernel, window.stride, window.dilation, padding)
    };
    if !op.count_padding || needed == [[0; 2]; 2] {
        return pool(x, needed).into();
    }
    if needed == window.padding {
        return pool(x, needed).integer("count_include_pad", 1).into();
    }
    // What counts is made a part of the input, what lies beyond it stays padding.
    let [rows, columns] = window.padding;
    let pad = padded(x, &[[0, 0], [0, 0], rows, columns], 0.0, job);
    let x = if window.padding == [[0; 2]; 2] { job.input(0) } else { job.emit("padded", pad) };
    let beyond = [0, 1].map(|axis| match (needed.get(axis), window.padding.get(axis)) {
        (Some(needed), Some(padding)) => [0, needed[1].saturating_sub(padding[1])],
        _ => [0, 0],
    });
    pool(x, beyond).into()
}

/// The padding with which a window without `ceil_mode` gives as many outputs.
fn enlarged(window: &Window, job: &Job<'_, '_>) -> [[usize; 2]; 2] {
    let ([.., height, width], [.., out_height, out_width]) = (job.dims(0), job.shape()) else {
        return window.padding;
    };
    let [rows, columns] = window.padding;
    let along =
        |size: usize, count: usize, kernel: usize, stride: usize, dilation: usize, [before, after]: [usize; 2]| {
            let end = count.saturating_sub(1).saturating_mul(stride) + kernel.saturating_sub(1) * dilation + 1;
            [before, after.max(end.saturating_sub(before.saturating_add(size)))]
        };
    let Window { kernel, stride, dilation, .. } = *window;
    [
        along(*height, *out_height, kernel[0], stride[0], dilation[0], rows),
        along(*width, *out_width, kernel[1], stride[1], dilation[1], columns),
    ]
}

/// An even grid is plain pooling; one whose cells overlap is a product with the shares of the rows, and one with those of the
/// columns.
pub(super) fn adaptive_avg_pool(op: &AdaptiveAvgPool, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    let [_, _, height, width] = job.image();
    let [rows, columns] = op.size;
    if op.size == [1, 1] {
        return Draft::new("GlobalAveragePool", [x]).into();
    }
    if op.size == [height, width] {
        return Step::Value(x);
    }
    if height.is_multiple_of(rows) && width.is_multiple_of(columns) {
        let cell = [height / rows, width / columns];
        return Draft::new("AveragePool", [x]).window(cell, cell, [1, 1], [[0; 2]; 2]).into();
    }
    let of_rows = shares(rows, height);
    let of_rows = job.floats([rows, height], (0..rows * height).map(|at| of_rows(at / height, at % height)));
    let of_columns = shares(columns, width);
    let of_columns =
        job.floats([width, columns], (0..width * columns).map(|at| of_columns(at % columns, at / columns)));
    let averaged = job.emit("rows", Draft::new("MatMul", [of_rows, x]));
    Draft::new("MatMul", [averaged, of_columns]).into()
}

/// The share that an output of `count` takes of an input of `size`.
fn shares(count: usize, size: usize) -> impl Fn(usize, usize) -> f64 {
    move |output, input| {
        let cell = AdaptiveAvgPool::cell(output, count, size);
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        if cell.contains(&input) { 1.0 / cell.len() as f64 } else { 0.0 }
    }
}

pub(super) fn mean(op: &Mean, job: &mut Job<'_, '_>) -> Step {
    let x = job.input(0);
    // No axes would mean all of them.
    if op.dims.is_empty() {
        return Step::Value(x);
    }
    Draft::new("ReduceMean", [x]).integers("axes", &op.dims).integer("keepdims", usize::from(op.keep)).into()
}
