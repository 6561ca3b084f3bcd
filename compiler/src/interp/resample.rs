//! Images in another size.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions of pixels are positive and far below 2^53"
)]

use super::Operand;
use crate::op::resample::{Mode, Upsample};

pub(super) fn upsample(op: &Upsample, x: Operand<'_>) -> Vec<f64> {
    let [_, _, height, width] = x.image();
    let planes = x.data.chunks_exact(height * width);
    match op.mode {
        Mode::Nearest => planes.flat_map(|plane| nearest(plane, [height, width], op.size)).collect(),
        Mode::Bilinear => {
            let rows = neighbours(height, op.size[0], op.align_corners);
            let columns = neighbours(width, op.size[1], op.align_corners);
            planes.flat_map(|plane| bilinear(plane, width, &rows, &columns)).collect()
        }
    }
}

/// Pixel `i` is pixel `floor(i * input / output)`, in both directions.
fn nearest(plane: &[f64], [height, width]: [usize; 2], [out_height, out_width]: [usize; 2]) -> Vec<f64> {
    let mut out = Vec::with_capacity(out_height * out_width);
    for row in 0..out_height {
        let source = &plane[row * height / out_height * width..][..width];
        out.extend((0..out_width).map(|column| source[column * width / out_width]));
    }
    out
}

/// The two rows or columns of the input between which one of the output lies; the same twice at the border.
#[derive(Debug, Clone, Copy)]
struct Neighbours {
    first: usize,
    second: usize,
    /// The share of the second.
    share: f64,
}

fn bilinear(plane: &[f64], width: usize, rows: &[Neighbours], columns: &[Neighbours]) -> Vec<f64> {
    let mut out = Vec::with_capacity(rows.len() * columns.len());
    for row in rows {
        for column in columns {
            let along = |row: usize| {
                let (left, right) = (plane[row * width + column.first], plane[row * width + column.second]);
                (1.0 - column.share) * left + column.share * right
            };
            out.push((1.0 - row.share) * along(row.first) + row.share * along(row.second));
        }
    }
    out
}

/// Where each of `output` rows or columns lies among `input` of them.
fn neighbours(input: usize, output: usize, align_corners: bool) -> Vec<Neighbours> {
    let position = |index: usize| match align_corners {
        false => ((index as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0),
        true if output == 1 => 0.0,
        true => index as f64 * (input - 1) as f64 / (output - 1) as f64,
    };
    let neighbours = |index: usize| {
        let position = position(index);
        let first = (position.floor() as usize).min(input - 1);
        Neighbours { first, second: (first + 1).min(input - 1), share: (position - first as f64).min(1.0) }
    };
    (0..output).map(neighbours).collect()
}
