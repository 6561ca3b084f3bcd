//! A multi-layer perceptron 6-64-8-4 as generated source and as loops that a programmer writes, in turn.
//!
//! `RUSTFLAGS="-C target-cpu=native" cargo bench -p parameternet --bench mlp`

#[path = "../tests/shared/allocations.rs"]
mod allocations;

use std::hint::black_box;
use std::time::Instant;

use parameternet::Isa;
use parameternet::parameternet;
use parameternet::runtime::prepare::TensorSource;
use parameternet::runtime::{ReadError, synth};

parameternet! { mod net = "examples/models/mlp.pnet" }

/// Calls of one measurement: some milliseconds, so that the clock costs nothing.
const CALLS: usize = 50_000;
/// Measurements of each, in turn.
const ROUNDS: usize = 101;

/// Stored tensors by their number.
struct Values<'a>(&'a [Vec<f32>]);

impl TensorSource for Values<'_> {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        elements.extend(self.0.get(index).into_iter().flatten());
        Ok(index < self.0.len())
    }
}

/// A linear layer by hand: weights by input, then output, so that the inner loop runs over outputs that lie side by side.
struct Linear<const INPUTS: usize, const OUTPUTS: usize> {
    weight: [[f32; OUTPUTS]; INPUTS],
    bias: [f32; OUTPUTS],
}

impl<const INPUTS: usize, const OUTPUTS: usize> Linear<INPUTS, OUTPUTS> {
    /// From values `[outputs, inputs]`, as networks store them.
    fn new(weight: &[f32], bias: &[f32]) -> Self {
        Linear {
            weight: std::array::from_fn(|input| std::array::from_fn(|output| weight[output * INPUTS + input])),
            bias: std::array::from_fn(|output| bias[output]),
        }
    }

    #[inline]
    fn apply(&self, x: &[f32; INPUTS]) -> [f32; OUTPUTS] {
        let mut sums = [0.0; OUTPUTS];
        for (x, weights) in x.iter().zip(&self.weight) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = multiply_add(*x, *weight, *sum);
            }
        }
        for (sum, bias) in sums.iter_mut().zip(&self.bias) {
            *sum += bias;
        }
        sums
    }
}

/// One instruction where the build allows it, and never a call of a function.
#[inline]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") { a.mul_add(b, c) } else { a * b + c }
}

/// The network by hand.
struct ByHand {
    first: Linear<6, 64>,
    second: Linear<64, 8>,
    third: Linear<8, 4>,
}

impl ByHand {
    fn run(&self, x: &[f32; 6]) -> [f32; 4] {
        let relu = |x: f32| x.max(0.0);
        self.third.apply(&self.second.apply(&self.first.apply(x).map(relu)).map(relu))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let values = |name: &str, length| -> Vec<f32> { synth::tensor(name, length).map(|u| u * 0.5).collect() };
    // In the order of the network: bias, then weight.
    let values = [("l1", 6, 64), ("l2", 64, 8), ("l3", 8, 4)].map(|(name, inputs, outputs)| {
        [values(&format!("{name}.bias"), outputs), values(&format!("{name}.weight"), inputs * outputs)]
    });
    let [first, second, third] = &values;
    let by_hand = ByHand {
        first: Linear::new(&first[1], &first[0]),
        second: Linear::new(&second[1], &second[0]),
        third: Linear::new(&third[1], &third[0]),
    };
    let weights = net::Weights::with_source(Isa::chosen()?, &Values(values.as_flattened()))?;
    let mut generated = net::Mlp::new(&weights)?;

    let x = [[0.5, -0.25, 0.75, 0.1, -0.9, 0.3]];
    let (ours, theirs) = (generated.run(&x)?[0], by_hand.run(&x[0]));
    let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let difference = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= 1e-5 * largest, "{ours:?} and {theirs:?} differ");

    let mut times = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    let before = allocations::count();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..CALLS {
            black_box(generated.run(black_box(&x)))?;
        }
        times[0].push(begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        for _ in 0..CALLS {
            black_box(by_hand.run(black_box(&x[0])));
        }
        times[1].push(begin.elapsed().as_secs_f64());
    }
    let allocations = allocations::count() - before;
    let [generated, by_hand] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2] / CALLS as f64 * 1e9
    });
    println!("generated {generated:.1} ns, by hand {by_hand:.1} ns a call: ratio {:.2}", generated / by_hand);
    println!("{allocations} allocations in {} calls", 2 * ROUNDS * CALLS);
    Ok(())
}
