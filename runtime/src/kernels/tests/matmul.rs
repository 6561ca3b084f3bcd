//! Matrix products, and the panels for them.

use super::*;
use crate::abi::{Part, Runs};

struct Case {
    a: Rows,
    columns: usize,
    panel: Vec<f32>,
    width: usize,
    shape: MatmulShape,
    finish: Finish,
    /// How many pieces of memory are fetched meanwhile.
    next: usize,
}

impl Case {
    fn random(random: &mut Random, tile: Tile) -> Case {
        let rows = random.between(0, 40);
        let depth = if random.between(0, 9) == 0 { 0 } else { random.between(1, 70) };
        let columns = random.between(1, tile.columns());
        let width = tile.panel_width(columns);
        // One run along the depth, or several with gaps between them.
        let (counts, length) = match random.between(0, 2) {
            0 => ([random.between(1, 3), random.between(1, 3)], random.between(1, 8)),
            _ => ([1, 1], depth),
        };
        let inner = length + random.between(0, 3);
        let runs = Runs { length, counts, strides: [counts[1] * inner + random.between(0, 3), inner] };
        let (depth, reach) = (runs.depth(), runs.reach() + usize::from(runs.length > 0));
        let a_stride = reach + random.between(0, 5);
        let out_stride = columns + random.between(0, 5);
        let a = Rows::random(random, rows, reach, a_stride);
        let mut panel = vec![0.0; depth * width];
        for row in panel.chunks_mut(width) {
            row[..columns].copy_from_slice(&random.values(columns));
        }
        let finish = Finish::random(random, rows, columns);
        let shape = MatmulShape { runs, columns, a_stride, out_stride, epilogue: finish.epilogue };
        Case { a, columns, panel, width, shape, finish, next: random.between(0, 4) }
    }

    /// Where the left factor of a place along the depth lies in its row.
    fn place(&self, k: usize) -> usize {
        let Runs { length, counts, strides } = self.shape.runs;
        let (run, element) = (k / length, k % length);
        run / counts[1] * strides[0] + run % counts[1] * strides[1] + element
    }

    /// Runs it as so many calls.
    fn run(&self, kernels: &Kernels, splits: &[usize]) -> (Rows, Option<Vec<f32>>) {
        let mut out = Rows::poison(self.a.rows, self.columns, self.shape.out_stride);
        let mut sums = self.finish.sums.clone();
        for pair in splits.windows(2) {
            self.call(kernels, &self.shape, [pair[0], pair[1]], [0, 0], &mut [], &mut out, sums.as_mut());
        }
        (out, sums)
    }

    /// Runs it as so many calls for parts of the depth, which has a single run.
    fn run_in_parts(&self, kernels: &Kernels, places: &[usize]) -> (Rows, Option<Vec<f32>>) {
        let mut out = Rows::poison(self.a.rows, self.columns, self.shape.out_stride);
        let mut sums = self.finish.sums.clone();
        let mut partial = vec![f32::NAN; self.a.rows * self.width];
        for pair in places.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let continues = if first > 0 { Part::CONTINUES } else { 0 };
            let is_continued = if end < self.shape.runs.depth() { Part::IS_CONTINUED } else { 0 };
            let shape = MatmulShape { runs: Runs::one(end - first), ..self.shape };
            let before = out.clone();
            let part = [first, continues + is_continued];
            self.call(kernels, &shape, [0, self.a.rows], part, &mut partial, &mut out, sums.as_mut());
            assert!(is_continued == 0 || before.bits() == out.bits(), "a part before the last writes to the output");
        }
        (out, sums)
    }

    /// Some rows, from a place along the depth on.
    #[expect(clippy::too_many_arguments, reason = "all that calls differ in")]
    fn call(
        &self,
        kernels: &Kernels,
        shape: &MatmulShape,
        [first, end]: [usize; 2],
        [place, part]: [usize; 2],
        partial: &mut [f32],
        out: &mut Rows,
        sums: Option<&mut Vec<f32>>,
    ) {
        let residual = if self.finish.residual().is_null() {
            std::ptr::null()
        } else {
            self.finish.residual().wrapping_add(first * self.shape.epilogue.residual_stride)
        };
        // SAFETY: all operands have as many rows, columns and places along the depth as the shape says; there are as many sums as the panel is wide
        // for each row if the part is not all of it.
        unsafe {
            (kernels.matmul)(
                self.a.pointer().wrapping_add(first * self.shape.a_stride + place),
                self.panel.as_ptr().wrapping_add(place * self.width),
                out.pointer_mut().wrapping_add(first * self.shape.out_stride),
                end - first,
                &raw const *shape,
                self.finish.bias(),
                self.finish.gate(),
                residual,
                pointer_mut(sums),
                self.panel.as_ptr(),
                self.next,
                self.a.stride,
                self.panel.len(),
                self.panel.as_ptr(),
                7 * self.next,
                partial.as_mut_ptr(),
                part,
            );
        }
    }
}

#[test]
fn matmul_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let (out, sums) = case.run(kernels, &[0, case.a.rows]);
            let what = format!("{name} {:?}", case.shape);
            out.check(&what, 4e-6, |row, column| {
                let products = (0..case.shape.runs.depth())
                    .map(|k| case.a.at(row, case.place(k)) * f64::from(case.panel[k * case.width + column]));
                case.finish.apply(row, column, products.sum())
            });
            case.finish.check_sums(&what, sums.as_ref(), &out);
        });
    }
}

#[test]
fn matmul_has_the_same_bits_however_rows_are_split() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let first = random.between(0, case.a.rows);
            let second = random.between(first, case.a.rows);
            let (out, sums) = case.run(kernels, &[0, case.a.rows]);
            let (split, split_sums) = case.run(kernels, &[0, first, second, case.a.rows]);
            assert_eq!(out.bits(), split.bits(), "{name} {:?}", case.shape);
            assert_eq!(sums.as_deref().map(bits), split_sums.as_deref().map(bits), "{name} {:?}", case.shape);
        });
    }
}

#[test]
fn matmul_has_the_same_bits_however_the_depth_is_cut() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            if case.shape.runs.counts != [1, 1] {
                return;
            }
            let depth = case.shape.runs.depth();
            let first = random.between(0, depth);
            let second = random.between(first, depth);
            let mut places = vec![0, first, second, depth];
            places.dedup();
            let (out, sums) = case.run(kernels, &[0, case.a.rows]);
            let (cut, cut_sums) = case.run_in_parts(kernels, &places);
            if depth > 0 {
                assert_eq!(out.bits(), cut.bits(), "{name} {places:?} {:?}", case.shape);
                assert_eq!(
                    sums.as_deref().map(bits),
                    cut_sums.as_deref().map(bits),
                    "{name} {places:?} {:?}",
                    case.shape
                );
            }
        });
    }
}

#[test]
fn matmul_has_the_same_bits_in_a_wider_panel() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let (out, _) = case.run(kernels, &[0, case.a.rows]);
            // The same column alone.
            let column = random.between(0, case.columns - 1);
            let width = kernels.tile().panel_width(1);
            let mut panel = vec![0.0; case.shape.runs.depth() * width];
            for (k, row) in panel.chunks_mut(width).enumerate() {
                row[0] = case.panel[k * case.width + column];
            }
            let pick = |values: &Option<Vec<f32>>| values.as_ref().map(|values| vec![values[column]]);
            let alone = Case {
                a: case.a.clone(),
                columns: 1,
                panel,
                width,
                shape: MatmulShape { columns: 1, ..case.shape },
                finish: Finish {
                    epilogue: case.finish.epilogue,
                    bias: pick(&case.finish.bias),
                    gate: pick(&case.finish.gate),
                    residual: case.finish.residual.as_ref().map(|rows| Rows {
                        data: rows.data.get(column..).unwrap_or_default().to_vec(),
                        columns: 1,
                        ..*rows
                    }),
                    sums: None,
                },
                next: 0,
            };
            let (single, _) = alone.run(kernels, &[0, case.a.rows]);
            for row in 0..case.a.rows {
                assert_eq!(single.at(row, 0), out.at(row, column), "{name} {:?}", case.shape);
            }
        });
    }
}

#[test]
fn panels_are_packed() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let depth = random.between(0, 150);
            let columns = random.between(1, kernels.tile().columns());
            let width = kernels.tile().panel_width(columns);
            let mut panel = Rows::poison(depth, width, width);
            // Columns contiguous, rows contiguous, or every other number of a row.
            let (transposed, step) = [(false, 1), (true, 1), (true, 2)][random.between(0, 2)];
            let (rows, row_length) = if transposed { (columns, depth * step) } else { (depth, columns) };
            let stride = row_length + random.between(0, 3);
            let source = Rows::random(random, rows, row_length, stride);
            let (row_stride, column_stride) = if transposed { (step, stride) } else { (stride, 1) };
            // SAFETY: the source and the panel are as large as that.
            unsafe {
                (kernels.pack_panel)(source.pointer(), panel.pointer_mut(), depth, columns, row_stride, column_stride);
            }
            panel.check(&format!("{name} {depth} {columns} {transposed} {step}"), 0.0, |k, column| {
                if column >= columns {
                    0.0
                } else if transposed {
                    source.at(column, k * step)
                } else {
                    source.at(k, column)
                }
            });
        });
    }
}
