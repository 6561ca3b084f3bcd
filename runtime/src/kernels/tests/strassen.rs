//! Strassen's algorithm as a whole, against the product that it stands for.

use super::*;
use crate::abi::Runs;
use crate::prepare::{Content, Dimension, Layout, Preparation, Prepared, TensorSource, Value, ValueId, panels_length};
use crate::strassen::{PRODUCTS, SUMS};
use crate::weights::ReadError;

/// A matrix as a weight of a network.
impl TensorSource for Vec<f32> {
    fn append(&self, _: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        elements.extend(self);
        Ok(true)
    }
}

/// The panels of the right factors of `[depth, columns]`.
fn panels(matrix: &Vec<f32>, [depth, columns]: [usize; 2], tile: Tile) -> Vec<f32> {
    let layout = Layout::Strassen {
        depth: Dimension { size: depth, stride: columns },
        columns: Dimension { size: columns, stride: 1 },
        tile,
    };
    let content = Content::Value { value: ValueId(0), layout };
    let length = content.length();
    let values = vec![Value::Stored { index: 0, length: depth * columns }];
    let preparation = Preparation { values, contents: vec![Prepared { offset: 0, content }], length };
    preparation.run(matrix).expect("it fits").as_slice().to_vec()
}

struct Case {
    a: Rows,
    /// `[depth, columns]`
    b: Vec<f32>,
    columns: usize,
    out_stride: usize,
    finish: Finish,
}

impl Case {
    fn random(random: &mut Random, tile: Tile) -> Case {
        let rows = random.between(0, 60);
        let depth = 2 * random.between(1, 40);
        let columns = 2 * random.between(1, 2 * tile.columns() + 3);
        let stride = depth + random.between(0, 5);
        Case {
            a: Rows::random(random, rows, depth, stride),
            b: random.values(depth * columns),
            columns,
            out_stride: columns + random.between(0, 5),
            finish: Finish { sums: None, ..Finish::random(random, rows, columns) },
        }
    }

    fn depth(&self) -> usize {
        self.a.columns
    }

    /// Runs it as so many calls for each panel.
    fn run(&self, kernels: &Kernels, splits: &[usize]) -> Rows {
        let (tile, half) = (kernels.tile(), self.columns / 2);
        let depth = self.depth() / 2;
        let panels = panels(&self.b, [self.depth(), self.columns], tile);
        let factor = panels_length(depth, half, tile, crate::Dtype::F32);
        assert_eq!(panels.len(), PRODUCTS * factor);
        let mut out = Rows::poison(self.a.rows, self.columns, self.out_stride);
        for pair in splits.windows(2) {
            let (first, rows) = (pair[0], pair[1] - pair[0]);
            let mut sums = vec![f32::from_bits(POISON); SUMS * rows.div_ceil(2) * depth];
            let a = self.a.pointer().wrapping_add(first * self.a.stride);
            // SAFETY: there are as many rows, and room for the sums of as many pairs.
            unsafe { (kernels.strassen_rows)(a, sums.as_mut_ptr(), rows, depth, self.a.stride) };
            for column in (0..half).step_by(tile.columns()) {
                let shape = MatmulShape {
                    runs: Runs::one(depth),
                    columns: tile.columns().min(half - column),
                    a_stride: self.a.stride,
                    out_stride: self.out_stride,
                    epilogue: self.finish.epilogue,
                };
                let at = |pointer: *const f32, row_stride: usize| {
                    if pointer.is_null() { pointer } else { pointer.wrapping_add(first * row_stride + column) }
                };
                // SAFETY: all operands have as many rows and columns, in both halves, as the shape says.
                unsafe {
                    (kernels.strassen)(
                        a,
                        sums.as_ptr(),
                        panels.as_ptr().wrapping_add(column * depth),
                        factor,
                        out.pointer_mut().wrapping_add(first * self.out_stride + column),
                        rows,
                        half,
                        &raw const shape,
                        at(self.finish.bias(), 0),
                        at(self.finish.gate(), 0),
                        at(self.finish.residual(), self.finish.epilogue.residual_stride),
                    );
                }
            }
        }
        out
    }
}

#[test]
fn seven_products_are_the_product() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let out = case.run(kernels, &[0, case.a.rows]);
            out.check(&format!("{name} {}x{}x{}", case.a.rows, case.depth(), case.columns), 2e-5, |row, column| {
                let products =
                    (0..case.depth()).map(|k| case.a.at(row, k) * f64::from(case.b[k * case.columns + column]));
                case.finish.apply(row, column, products.sum())
            });
        });
    }
}

#[test]
fn bits_are_the_same_however_pairs_of_rows_are_split() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let first = 2 * random.between(0, case.a.rows / 2);
            let second = first + 2 * random.between(0, (case.a.rows - first) / 2);
            let out = case.run(kernels, &[0, case.a.rows]);
            let split = case.run(kernels, &[0, first, second, case.a.rows]);
            assert_eq!(out.bits(), split.bits(), "{name} {}x{}x{}", case.a.rows, case.depth(), case.columns);
        });
    }
}
