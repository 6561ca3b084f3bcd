//! Mixing of experts whose numbers have fewer bytes.

use super::*;
use crate::dtype::Dtype;
use crate::prepare::panels_length;

/// Experts as panels `[depth][width]` of numbers, with NaN between experts; the last ends where the allocation does.
struct Case {
    depth: usize,
    columns: usize,
    count: usize,
    coefficients: Vec<f32>,
    block: Vec<f32>,
    stride: usize,
    /// By expert and place in the panels: the number, and its scale.
    numbers: Vec<Vec<(f32, f32)>>,
    tile: Tile,
    dtype: Dtype,
}

/// A random panel as it is stored, and its numbers with their scales.
pub(super) fn panel(random: &mut Random, depth: usize, width: usize, dtype: Dtype) -> (Vec<f32>, Vec<(f32, f32)>) {
    let scales = random.values(width);
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    for place in 0..depth * width {
        match dtype {
            Dtype::F32 => unreachable!("those have kernels of their own"),
            Dtype::Bf16 => {
                let number = crate::dtype::bf16(random.value());
                bytes.extend(number.to_ne_bytes());
                numbers.push((f32::from_bits(u32::from(number) << 16), 1.0));
            }
            Dtype::Int8 => {
                let number = random.between(1, 255) as i32 - 128;
                bytes.push(number as u8);
                numbers.push((number as f32, scales[place % width]));
            }
        }
    }
    let stored = bytes.as_chunks().0.iter().map(|bytes| f32::from_bits(u32::from_ne_bytes(*bytes)));
    let scales = scales.iter().copied().filter(|_| dtype == Dtype::Int8);
    (scales.chain(stored).collect(), numbers)
}

impl Case {
    fn random(random: &mut Random, tile: Tile, dtype: Dtype) -> Case {
        let depth = random.between(0, 30);
        let columns = random.between(1, 3 * tile.columns());
        let count = random.between(0, 9);
        let length = panels_length(depth, columns, tile, dtype);
        let stride = length + random.between(0, 5);
        let (mut block, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            block.resize(numbers.len() * stride, f32::from_bits(POISON));
            let mut own = Vec::new();
            for first in (0..columns).step_by(tile.columns()) {
                let width = tile.panel_width(columns - first);
                let (stored, numbers) = panel(random, depth, width, dtype);
                block.extend(stored);
                own.extend(numbers);
            }
            numbers.push(own);
        }
        assert_eq!(block.len(), if count == 0 { 0 } else { (count - 1) * stride + length });
        let coefficients = random.values(count);
        Case { depth, columns, count, coefficients, block, stride, numbers, tile, dtype }
    }

    /// Mixes the panels from `first` to `end` in a call of their own.
    fn run(&self, kernels: &Kernels, out: &mut Rows, [first, end]: [usize; 2]) {
        let columns = self.columns.min(end * self.tile.columns()) - first * self.tile.columns();
        let behind = |dtype| panels_length(self.depth, first * self.tile.columns(), self.tile, dtype);
        let kernel = if self.dtype == Dtype::Bf16 { kernels.mix_bf16 } else { kernels.mix_int8 };
        // SAFETY: there are as many experts with panels for so many columns, and room for these.
        unsafe {
            kernel(
                self.block.as_ptr().wrapping_add(behind(self.dtype)),
                self.coefficients.as_ptr(),
                out.pointer_mut().wrapping_add(behind(Dtype::F32)),
                self.depth,
                columns,
                self.count,
                self.stride,
            );
        }
    }

    /// Room for the panels.
    fn room(&self) -> Rows {
        let length = panels_length(self.depth, self.columns, self.tile, Dtype::F32);
        Rows::poison(1, length, length)
    }

    fn panels(&self) -> usize {
        self.columns.div_ceil(self.tile.columns())
    }

    fn what(&self, name: &str) -> String {
        format!("{name} {} {}x{} of {}", self.dtype, self.depth, self.columns, self.count)
    }
}

fn for_each(mut test: impl FnMut(&str, &Kernels, &mut Random, Case)) {
    for (name, kernels) in tables() {
        for dtype in [Dtype::Bf16, Dtype::Int8] {
            for_each_case(|random| {
                let case = Case::random(random, kernels.tile(), dtype);
                test(name, kernels, random, case);
            });
        }
    }
}

#[test]
fn mixing_of_fewer_bytes_is_right() {
    for_each(|name, kernels, _, case| {
        let mut out = case.room();
        case.run(kernels, &mut out, [0, case.panels()]);
        // Numbers are up to 127 with scales up to 1: errors are a share of the largest.
        out.check(&case.what(name), 2e-6, |_, place| {
            let coefficient = |expert: usize| f64::from(case.coefficients[expert]);
            let number = |expert: usize| {
                let (number, scale) = case.numbers[expert][place];
                f64::from(number) * f64::from(scale)
            };
            (0..case.count).map(|expert| coefficient(expert) * number(expert)).sum()
        });
    });
}

#[test]
fn mixing_of_fewer_bytes_has_the_same_bits_however_panels_are_split() {
    for_each(|name, kernels, random, case| {
        let (mut whole, mut split) = (case.room(), case.room());
        case.run(kernels, &mut whole, [0, case.panels()]);
        let middle = random.between(0, case.panels() - 1);
        case.run(kernels, &mut split, [middle, case.panels()]);
        if middle > 0 {
            case.run(kernels, &mut split, [0, middle]);
        }
        assert_eq!(whole.bits(), split.bits(), "{}", case.what(name));
    });
}
