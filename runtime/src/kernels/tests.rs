//! Each kernel against a plain loop in `f64`, over random geometries, on every instruction set of the machine and on portable
//! code in the shape of AVX-512.
//!
//! What a kernel may not write is filled with a NaN of its own and looked at afterwards; what it may not read is NaN or the
//! end of an allocation, which Valgrind guards. `PROPTEST_CASES` says how many geometries there are.

mod activation;
mod few_rows;
mod gate;
mod grouped;
mod images;
mod matmul;
mod mix;
mod rows;
mod strassen;
mod winograd;

use super::*;
use crate::abi::{ActivationCode, ActivationShape, Epilogue};

/// What a kernel may not touch.
const POISON: u32 = 0x7fc0_beef;

/// All tables that this machine can run.
fn tables() -> Vec<(&'static str, &'static Kernels)> {
    let available = Isa::available().into_iter();
    let mut tables: Vec<_> =
        available.filter_map(|isa| Kernels::for_isa(isa).map(|kernels| (isa.name(), kernels))).collect();
    tables.push(("wide", &wide::TABLE));
    tables
}

/// Random numbers, the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() >> 16) as usize % (high - low + 1)
    }

    fn flag(&mut self) -> bool {
        self.between(0, 1) == 1
    }

    fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }

    fn optional(&mut self, count: usize) -> Option<Vec<f32>> {
        self.flag().then(|| self.values(count))
    }

    fn activation(&mut self) -> ActivationShape {
        let code = CODES[self.between(0, CODES.len() - 1)];
        // Half of them do nothing, so that the other parts are seen alone.
        let code = if self.flag() { code } else { ActivationCode::Identity };
        ActivationShape { code, slope: 0.1 }
    }
}

const CODES: [ActivationCode; 11] = [
    ActivationCode::Identity,
    ActivationCode::Relu,
    ActivationCode::Relu6,
    ActivationCode::LeakyRelu,
    ActivationCode::Sigmoid,
    ActivationCode::HardSigmoid,
    ActivationCode::HardSwish,
    ActivationCode::Silu,
    ActivationCode::GeluErf,
    ActivationCode::GeluTanh,
    ActivationCode::Tanh,
];

/// Runs a test for many seeds.
fn for_each_case(mut test: impl FnMut(&mut Random)) {
    let cases = u64::from(proptest::test_runner::Config::default().cases);
    for case in 1..=cases {
        let mut random = Random(case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            random.next();
        }
        test(&mut random);
    }
}

/// Rows of values with gaps between them; the last row ends where the allocation does.
#[derive(Clone)]
struct Rows {
    data: Vec<f32>,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl Rows {
    /// Rows of poison, to be written.
    fn poison(rows: usize, columns: usize, stride: usize) -> Rows {
        let length = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
        Rows { data: vec![f32::from_bits(POISON); length], rows, columns, stride }
    }

    /// Rows of random values, with NaN in the gaps.
    fn random(random: &mut Random, rows: usize, columns: usize, stride: usize) -> Rows {
        let mut out = Rows::poison(rows, columns, stride);
        for row in 0..rows {
            for column in 0..columns {
                out.data[row * stride + column] = random.value();
            }
        }
        out
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.data[row * self.stride + column])
    }

    fn pointer(&self) -> *const f32 {
        self.data.as_ptr()
    }

    fn pointer_mut(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }

    /// Compares all values with what they should be, and the gaps with poison.
    #[track_caller]
    fn check(&self, what: &str, tolerance: f64, mut expected: impl FnMut(usize, usize) -> f64) {
        let mut wanted = vec![None; self.data.len()];
        let mut largest = 1.0_f64;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let value = expected(row, column);
                if value.is_finite() {
                    largest = largest.max(value.abs());
                }
                wanted[row * self.stride + column] = Some(value);
            }
        }
        for (index, (got, wanted)) in self.data.iter().zip(wanted).enumerate() {
            let (row, column) = (index / self.stride.max(1), index % self.stride.max(1));
            match wanted {
                None => assert_eq!(got.to_bits(), POISON, "{what}: a gap was written at {row}, {column}"),
                Some(wanted) => assert!(
                    same(f64::from(*got), wanted, tolerance * largest),
                    "{what}: {got} instead of {wanted} at {row}, {column}"
                ),
            }
        }
    }

    fn bits(&self) -> Vec<u32> {
        bits(&self.data)
    }
}

fn same(got: f64, wanted: f64, tolerance: f64) -> bool {
    got == wanted || (got.is_nan() && wanted.is_nan()) || (got - wanted).abs() <= tolerance
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn pointer(values: Option<&Vec<f32>>) -> *const f32 {
    values.map_or(std::ptr::null(), |values| values.as_ptr())
}

/// An epilogue with its operands.
struct Finish {
    epilogue: Epilogue,
    bias: Option<Vec<f32>>,
    gate: Option<Vec<f32>>,
    residual: Option<Rows>,
    sums: Option<Vec<f32>>,
}

impl Finish {
    fn random(random: &mut Random, rows: usize, columns: usize) -> Finish {
        let stride = columns + random.between(0, 3);
        Finish {
            epilogue: Epilogue {
                before: random.activation(),
                after: random.activation(),
                residual_stride: stride,
                fetch: random.between(0, 1),
            },
            bias: random.optional(columns),
            gate: random.optional(columns),
            residual: random.flag().then(|| Rows::random(random, rows, columns, stride)),
            sums: random.optional(columns),
        }
    }

    fn bias(&self) -> *const f32 {
        pointer(self.bias.as_ref())
    }

    fn gate(&self) -> *const f32 {
        pointer(self.gate.as_ref())
    }

    fn residual(&self) -> *const f32 {
        self.residual.as_ref().map_or(std::ptr::null(), Rows::pointer)
    }

    /// The value that is written.
    fn apply(&self, row: usize, column: usize, mut value: f64) -> f64 {
        let at = |operand: &Option<Vec<f32>>| operand.as_ref().map(|values| f64::from(values[column]));
        value += at(&self.bias).unwrap_or(0.0);
        value = activation::reference(self.epilogue.before, value);
        value *= at(&self.gate).unwrap_or(1.0);
        value += self.residual.as_ref().map_or(0.0, |rows| rows.at(row, column));
        activation::reference(self.epilogue.after, value)
    }

    /// Checks that what was written was added to the sums, one row after the other.
    #[track_caller]
    fn check_sums(&self, what: &str, sums: Option<&Vec<f32>>, out: &Rows) {
        let (Some(before), Some(after)) = (&self.sums, sums) else { return };
        for (column, (before, after)) in before.iter().zip(after).enumerate() {
            let mut sum = *before;
            for row in 0..out.rows {
                sum += out.data[row * out.stride + column];
            }
            assert_eq!(sum.to_bits(), after.to_bits(), "{what}: sum of column {column}");
        }
    }
}

fn pointer_mut(values: Option<&mut Vec<f32>>) -> *mut f32 {
    values.map_or(std::ptr::null_mut(), |values| values.as_mut_ptr())
}

#[test]
fn tables_fit_their_instruction_sets() {
    for isa in Isa::ALL {
        let Some(kernels) = Kernels::for_isa(isa) else {
            assert!(!isa.is_available());
            continue;
        };
        assert_eq!((kernels.isa(), kernels.tile()), (isa, isa.tile()));
        let offsets: std::collections::HashSet<_> = Kernel::ALL.into_iter().map(Kernels::offset).collect();
        assert_eq!(offsets.len(), Kernel::ALL.len());
        // SAFETY: the offset is that of a function inside the table.
        let read =
            |kernel| unsafe { (&raw const *kernels).byte_add(Kernels::offset(kernel)).cast::<*const u8>().read() };
        assert_eq!(read(Kernel::Matmul), kernels.matmul as *const u8);
        assert_eq!(read(Kernel::Transpose), kernels.transpose as *const u8);
    }
}
