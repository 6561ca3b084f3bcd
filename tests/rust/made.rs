//! Weights and inputs made from names, and fingerprints of outputs. The crate that the tests compile contains this file too.

use std::borrow::Cow;

use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::synth;

/// Weights of a network by number.
pub struct Made {
    tensors: Vec<(String, Vec<usize>)>,
}

impl Made {
    /// Those with these names and shapes.
    pub fn new(tensors: impl Iterator<Item = (String, Vec<usize>)>) -> Made {
        Made { tensors: tensors.collect() }
    }
}

impl TensorSource for Made {
    fn tensor(&self, index: usize) -> Option<Cow<'_, [f32]>> {
        let (name, shape) = self.tensors.get(index)?;
        let fan_in: usize = shape.iter().skip(1).product();
        let scale = (2.0 / fan_in as f32).sqrt();
        let value = |u: f32| if name.ends_with("running_var") { 1.0 + 0.5 * u } else { scale * u };
        Some(Cow::Owned(synth::tensor(name, shape.iter().product()).map(value).collect()))
    }
}

/// An input.
pub fn input(name: &str, elements: usize) -> Vec<f32> {
    synth::tensor(name, elements).collect()
}

/// A number that is another for any other bits (FNV-1a, 64 bits).
pub fn fingerprint(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
