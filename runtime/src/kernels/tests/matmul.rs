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
    /// How much memory is fetched meanwhile.
    fetched: usize,
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
        Case { a, columns, panel, width, shape, finish, fetched: random.between(0, 4) }
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
            let (first, end) = (pair[0], pair[1]);
            let residual = if self.finish.residual().is_null() {
                std::ptr::null()
            } else {
                self.finish.residual().wrapping_add(first * self.shape.epilogue.residual_stride)
            };
            // SAFETY: all operands have as many rows, columns and places along the depth as the shape says.
            unsafe {
                (kernels.matmul)(
                    self.a.pointer().wrapping_add(first * self.shape.a_stride),
                    self.panel.as_ptr(),
                    out.pointer_mut().wrapping_add(first * self.shape.out_stride),
                    end - first,
                    &raw const self.shape,
                    self.finish.bias(),
                    self.finish.gate(),
                    residual,
                    pointer_mut(sums.as_mut()),
                    self.panel.as_ptr(),
                    7 * self.fetched,
                );
            }
        }
        (out, sums)
    }

    /// Runs it as so many calls for parts of the depth, which has a single run unless there is one part; each of which mixes experts
    /// meanwhile, or fetches some.
    fn run_in_parts(&self, kernels: &Kernels, places: &[usize], experts: &Experts) -> (Rows, Option<Vec<f32>>) {
        let mut out = Rows::poison(self.a.rows, self.columns, self.shape.out_stride);
        let mut sums = self.finish.sums.clone();
        let mut partial = vec![f32::NAN; self.a.rows * self.width];
        for pair in places.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let continues = if first > 0 { Part::CONTINUES } else { 0 };
            let is_continued = if end < self.shape.runs.depth() { Part::IS_CONTINUED } else { 0 };
            let runs = if places.len() == 2 { self.shape.runs } else { Runs::one(end - first) };
            let shape = MatmulShape { runs, ..self.shape };
            let before = out.clone();
            let mut mixed = Rows::poison(1, experts.length, experts.length);
            // SAFETY: all operands have as many rows, columns and places along the depth as the shape says; there are as many sums as the
            // panel is wide for each row; experts and what is made of them have as many elements as are said.
            unsafe {
                (kernels.matmul_mixed)(
                    self.a.pointer().wrapping_add(first),
                    self.panel.as_ptr().wrapping_add(first * self.width),
                    out.pointer_mut(),
                    self.a.rows,
                    &raw const shape,
                    self.finish.bias(),
                    self.finish.gate(),
                    self.finish.residual(),
                    pointer_mut(sums.as_mut()),
                    experts.elements.as_ptr(),
                    experts.coefficients.len(),
                    experts.stride,
                    experts.stride,
                    experts.coefficients.as_ptr(),
                    mixed.pointer_mut(),
                    experts.length,
                    self.panel.as_ptr(),
                    7 * self.fetched,
                    partial.as_mut_ptr(),
                    continues + is_continued,
                );
            }
            assert_eq!(mixed.bits(), experts.mixed(kernels).bits(), "{} of {}", experts.length, experts.stride);
            assert!(is_continued == 0 || before.bits() == out.bits(), "a part before the last writes to the output");
        }
        (out, sums)
    }
}

/// Experts that are mixed beside a product; the last ends where the allocation does.
struct Experts {
    elements: Vec<f32>,
    coefficients: Vec<f32>,
    stride: usize,
    length: usize,
}

impl Experts {
    fn random(random: &mut Random) -> Experts {
        let count = random.between(0, 6);
        // None, some, or so many that each look of the product has to mix several vectors.
        let length = [0, random.between(1, 300), random.between(300, 6000)][random.between(0, 2)];
        let stride = length + random.between(0, 5);
        let elements = random.values(if count == 0 { 0 } else { (count - 1) * stride + length });
        Experts { elements, coefficients: random.values(count), stride, length }
    }

    /// What the kernel makes of them that does nothing else.
    fn mixed(&self, kernels: &Kernels) -> Rows {
        let mut mixed = Rows::poison(1, self.length, self.length);
        let (experts, coefficients) = (self.elements.as_ptr(), self.coefficients.as_ptr());
        let count = self.coefficients.len();
        // SAFETY: experts and what is made of them have as many elements.
        unsafe { (kernels.mix)(experts, coefficients, mixed.pointer_mut(), self.length, count, self.stride) };
        mixed
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
fn products_of_mixed_panels_have_the_same_bits_however_the_depth_is_cut() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random, kernels.tile());
            let depth = case.shape.runs.depth();
            let mut places = vec![0, depth];
            if case.shape.runs.counts == [1, 1] && depth > 0 {
                let first = random.between(0, depth);
                places = vec![0, first, random.between(first, depth), depth];
                places.dedup();
            }
            let (out, sums) = case.run(kernels, &[0, case.a.rows]);
            let (cut, cut_sums) = case.run_in_parts(kernels, &places, &Experts::random(random));
            let what = format!("{name} {places:?} {:?}", case.shape);
            assert_eq!(out.bits(), cut.bits(), "{what}");
            assert_eq!(sums.as_deref().map(bits), cut_sums.as_deref().map(bits), "{what}");
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
                fetched: 0,
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
