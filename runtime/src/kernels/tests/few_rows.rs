//! Products of a few rows with panels of fewer bytes.

use super::*;
use crate::abi::Runs;
use crate::dtype::Dtype;

struct Case {
    a: Rows,
    columns: usize,
    width: usize,
    panel: Vec<f32>,
    /// By place in the panel: the number, and its scale.
    numbers: Vec<(f32, f32)>,
    shape: MatmulShape,
    finish: Finish,
    dtype: Dtype,
}

impl Case {
    fn random(random: &mut Random, tile: Tile, dtype: Dtype) -> Case {
        let rows = random.between(0, 5);
        let depth = if random.between(0, 9) == 0 { 0 } else { random.between(1, 70) };
        let columns = random.between(1, tile.columns());
        let width = tile.panel_width(columns);
        let a_stride = depth + random.between(0, 5);
        let a = Rows::random(random, rows, depth, a_stride);
        let (panel, numbers) = mix::panel(random, depth, width, dtype);
        let finish = Finish::random(random, rows, columns);
        let out_stride = columns + random.between(0, 5);
        let shape = MatmulShape { runs: Runs::one(depth), columns, a_stride, out_stride, epilogue: finish.epilogue };
        Case { a, columns, width, panel, numbers, shape, finish, dtype }
    }

    /// Runs it as so many calls.
    fn run(&self, kernels: &Kernels, splits: &[usize]) -> (Rows, Option<Vec<f32>>) {
        let mut out = Rows::poison(self.a.rows, self.columns, self.shape.out_stride);
        let mut sums = self.finish.sums.clone();
        let kernel = if self.dtype == Dtype::Bf16 { kernels.matmul_bf16 } else { kernels.matmul_int8 };
        for pair in splits.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let residual = match self.finish.residual() {
                residual if residual.is_null() => residual,
                residual => residual.wrapping_add(first * self.shape.epilogue.residual_stride),
            };
            // SAFETY: all operands have as many rows, columns and places along the depth as the shape says.
            unsafe {
                kernel(
                    self.a.pointer().wrapping_add(first * self.shape.a_stride),
                    self.panel.as_ptr(),
                    out.pointer_mut().wrapping_add(first * self.shape.out_stride),
                    end - first,
                    &raw const self.shape,
                    self.finish.bias(),
                    self.finish.gate(),
                    residual,
                    pointer_mut(sums.as_mut()),
                );
            }
        }
        (out, sums)
    }
}

fn for_each(mut test: impl FnMut(&str, &Kernels, &mut Random, Case)) {
    for (name, kernels) in tables() {
        for dtype in [Dtype::Bf16, Dtype::Int8] {
            for_each_case(|random| {
                let case = Case::random(random, kernels.tile(), dtype);
                test(&format!("{name} {dtype} {:?}", case.shape), kernels, random, case);
            });
        }
    }
}

#[test]
fn products_with_fewer_bytes_are_right() {
    for_each(|what, kernels, _, case| {
        let (out, sums) = case.run(kernels, &[0, case.a.rows]);
        // Numbers are up to 127 and may cancel each other: errors are a share of their sizes.
        let sizes = (0..case.shape.runs.length).map(|k| {
            let row = &case.numbers[k * case.width..][..case.width];
            row.iter().fold(0.0_f64, |largest, (number, scale)| largest.max(f64::from(number * scale).abs()))
        });
        let tolerance = 4e-6 * sizes.sum::<f64>().max(1.0);
        out.check(what, tolerance, |row, column| {
            let products = (0..case.shape.runs.length).map(|k| {
                let (number, scale) = case.numbers[k * case.width + column];
                case.a.at(row, k) * f64::from(number) * f64::from(scale)
            });
            case.finish.apply(row, column, products.sum())
        });
        case.finish.check_sums(what, sums.as_ref(), &out);
    });
}

#[test]
fn products_with_fewer_bytes_have_the_same_bits_however_rows_are_split() {
    for_each(|what, kernels, random, case| {
        let middle = random.between(0, case.a.rows);
        let (whole, sums) = case.run(kernels, &[0, case.a.rows]);
        let (split, split_sums) = case.run(kernels, &[0, middle, case.a.rows]);
        assert_eq!(whole.bits(), split.bits(), "{what}");
        assert_eq!(sums.as_deref().map(bits), split_sums.as_deref().map(bits), "{what}");
    });
}
